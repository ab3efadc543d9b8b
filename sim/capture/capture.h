/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.h - packets out of a capture file and into one: pcap by libpcap, pcapng by
 * capture_ng.c. Apart from the rest of sim/ because pcap.h and linux/bpf.h cannot be
 * included together.
 */
#ifndef IFW_SIM_CAPTURE_H
#define IFW_SIM_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CAPTURE_MESSAGE_MAX 384 /* bytes, with the final NUL */
#define CAPTURE_IFNAME_MAX 64	/* the same; longer names are cut, and none of Linux */

struct capture;
struct capture_writer;

/* What the packets start with (pcap-linktype(7)). */
enum capture_link {
	CAPTURE_ETHERNET,
	CAPTURE_RAW_IP,	 /* the IP header: LINKTYPE_RAW, _IPV4, _IPV6 */
	CAPTURE_COOKED,	 /* LINKTYPE_LINUX_SLL: what `tcpdump -i any` wrote */
	CAPTURE_COOKED2, /* LINKTYPE_LINUX_SLL2: what it writes now */
};

/* Which way a packet went, as pcapng may tell. */
enum capture_direction {
	CAPTURE_UNTOLD,
	CAPTURE_IN,
	CAPTURE_OUT,
};

struct capture_packet {
	const void *data;   /* until the next call */
	const char *ifname; /* where it was captured, until the next call; "": not told */
	enum capture_link link;
	enum capture_direction direction;
	uint32_t captured;   /* bytes of data */
	uint32_t length;     /* bytes it had on the wire; more than captured: cut */
	uint64_t time_ns;    /* since 1970 */
	const char *comment; /* to be written to pcapng; NULL: none. Reading leaves it away */
};

/*
 * Takes the file over, also where it fails; stdin stays open. 0; -EINVAL: no
 * capture; -EPROTONOSUPPORT: a link type that is not read; -ENOMEM. message says more.
 */
int capture_open(FILE *file, struct capture **capture, char message[CAPTURE_MESSAGE_MAX]);

/* 1 with a packet, 0 at the end, -EINVAL where the file is damaged (message says how). */
int capture_next(struct capture *capture, struct capture_packet *packet,
		 char message[CAPTURE_MESSAGE_MAX]);

/* Whether its packets have different links, and each says which: pcapng. */
bool capture_is_mixed(const struct capture *capture);

/* Of all packets, of a capture that is not mixed. */
enum capture_link capture_link(const struct capture *capture);
const char *capture_link_name(const struct capture *capture);

/* Bytes of the file that were read so far, where it is one that can tell; -1 otherwise. */
int64_t capture_position(const struct capture *capture);

/* NULL is fine. */
void capture_close(struct capture *capture);

/*
 * A capture of the same form and link type, with nanoseconds, in place of what is at path;
 * like NULL: pcapng. 0; -errno. message says more.
 */
int capture_create(const struct capture *like, const char *path, struct capture_writer **writer,
		   char message[CAPTURE_MESSAGE_MAX]);
void capture_write(struct capture_writer *writer, const struct capture_packet *packet);

/* Whether all of it was written: 0 or -errno. NULL is fine. */
int capture_finish(struct capture_writer *writer);

#endif /* IFW_SIM_CAPTURE_H */
