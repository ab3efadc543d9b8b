/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.h - packets out of a capture file, by libpcap. Apart from the rest
 * of sim/ because pcap.h and linux/bpf.h cannot be included together.
 */
#ifndef IFW_SIM_CAPTURE_H
#define IFW_SIM_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CAPTURE_MESSAGE_MAX 384 /* bytes, with the final NUL */

struct capture;

struct capture_packet {
	const void *data;  /* until the next call */
	uint32_t captured; /* bytes of data */
	uint32_t length;   /* bytes it had on the wire; more than captured: cut */
	uint64_t time_ns;  /* since 1970 */
};

/*
 * Takes the file over, also where it fails; stdin stays open. 0; -EINVAL: no
 * capture; -EPROTONOSUPPORT: neither of Ethernet nor of raw IP; -ENOMEM. message says more.
 */
int capture_open(FILE *file, struct capture **capture, char message[CAPTURE_MESSAGE_MAX]);

/* 1 with a packet, 0 at the end, -EINVAL where the file is damaged (message says how). */
int capture_next(struct capture *capture, struct capture_packet *packet,
		 char message[CAPTURE_MESSAGE_MAX]);

/* Whether the packets start with the IP header (LINKTYPE_RAW, _IPV4, _IPV6), and the link's name.
 */
bool capture_is_raw(const struct capture *capture);
const char *capture_link_name(const struct capture *capture);

/* NULL is fine. */
void capture_close(struct capture *capture);

#endif /* IFW_SIM_CAPTURE_H */
