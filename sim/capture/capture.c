/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.c - see capture.h.
 */
#include <errno.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#include "capture.h"
#include "capture_ng.h"
#include "capture_pcap.h"

#define READ_AHEAD (1UL << 20) /* bytes; the C library reads one page at a time */

/* -1: one that is not read. */
static int find_link(const struct capture *capture)
{
	switch (pcap_datalink(capture->pcap)) {
	case DLT_EN10MB:
		return CAPTURE_ETHERNET;
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return CAPTURE_RAW_IP;
	case DLT_LINUX_SLL:
		return CAPTURE_COOKED;
	case DLT_LINUX_SLL2:
		return CAPTURE_COOKED2;
	default:
		return -1;
	}
}

enum capture_link capture_link(const struct capture *capture)
{
	return (enum capture_link)find_link(capture); /* one that is open is read */
}

bool capture_is_mixed(const struct capture *capture)
{
	return capture->ng;
}

static FILE *file_of(const struct capture *capture)
{
	return capture->ng ? ng_file(capture->ng) : pcap_file(capture->pcap);
}

int64_t capture_position(const struct capture *capture)
{
	FILE *file = file_of(capture);

	return file ? ftello(file) : -1;
}

const char *capture_link_name(const struct capture *capture)
{
	const char *name = pcap_datalink_val_to_name(pcap_datalink(capture->pcap));

	return name ? name : "unknown";
}

static int check_link(const struct capture *capture, char message[CAPTURE_MESSAGE_MAX])
{
	if (find_link(capture) >= 0)
		return 0;
	snprintf(message, CAPTURE_MESSAGE_MAX,
		 "link type %s (%d) is not supported, only EN10MB (Ethernet), RAW, IPV4, IPV6, "
		 "LINUX_SLL and LINUX_SLL2",
		 capture_link_name(capture), pcap_datalink(capture->pcap));
	return -EPROTONOSUPPORT;
}

static int open_either(struct capture *capture, FILE *file, char message[CAPTURE_MESSAGE_MAX])
{
	char why[PCAP_ERRBUF_SIZE] = "";

	if (ng_is(file)) {
		capture->ng = ng_open(file);
		return capture->ng ? 0 : -ENOMEM;
	}
	capture->pcap =
		pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (capture->pcap)
		return 0;
	snprintf(message, CAPTURE_MESSAGE_MAX, "not a capture: %s", why);
	return -EINVAL;
}

int capture_open(FILE *file, struct capture **capture, char message[CAPTURE_MESSAGE_MAX])
{
	struct capture *new = calloc(1, sizeof(*new));
	int error;

	/* Only faster; where there is no memory for it, it goes as it does. */
	(void)setvbuf(file, NULL, _IOFBF, READ_AHEAD);
	error = new ? open_either(new, file, message) : -ENOMEM;
	if (error) {
		if (error == -ENOMEM)
			snprintf(message, CAPTURE_MESSAGE_MAX, "out of memory");
		if (file != stdin)
			fclose(file);
		free(new);
		return error;
	}
	error = new->ng ? 0 : check_link(new, message);
	if (error) {
		capture_close(new);
		return error;
	}
	*capture = new;
	return 0;
}

int capture_next(struct capture *capture, struct capture_packet *packet,
		 char message[CAPTURE_MESSAGE_MAX])
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int status;

	packet->comment = NULL;
	if (capture->ng)
		return ng_next(capture->ng, packet, message);
	status = pcap_next_ex(capture->pcap, &header, &data);
	if (status == PCAP_ERROR_BREAK)
		return 0;
	if (status != 1) {
		snprintf(message, CAPTURE_MESSAGE_MAX, "%s", pcap_geterr(capture->pcap));
		return -EINVAL;
	}
	packet->data = data;
	packet->ifname = "";
	packet->link = capture_link(capture);
	packet->direction = CAPTURE_UNTOLD;
	packet->captured = header->caplen;
	packet->length = header->len;
	/* Opened with nanoseconds, so tv_usec holds those. */
	packet->time_ns = (uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec;
	return 1;
}

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	if (capture->ng && file_of(capture) != stdin)
		fclose(file_of(capture));
	ng_close(capture->ng);
	if (capture->pcap)
		pcap_close(capture->pcap);
	free(capture);
}
