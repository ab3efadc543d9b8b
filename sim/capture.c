/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.c - see capture.h.
 */
#include <errno.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#include "capture.h"
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

int64_t capture_position(const struct capture *capture)
{
	FILE *file = pcap_file(capture->pcap);

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

int capture_open(FILE *file, struct capture **capture, char message[CAPTURE_MESSAGE_MAX])
{
	char why[PCAP_ERRBUF_SIZE] = "";
	struct capture *new = calloc(1, sizeof(*new));
	int error = 0;

	/* Only faster; where there is no memory for it, it goes as it does. */
	(void)setvbuf(file, NULL, _IOFBF, READ_AHEAD);
	if (!new) {
		snprintf(message, CAPTURE_MESSAGE_MAX, "out of memory");
		error = -ENOMEM;
	} else {
		new->pcap = pcap_fopen_offline_with_tstamp_precision(
			file, PCAP_TSTAMP_PRECISION_NANO, why);
		if (!new->pcap) {
			snprintf(message, CAPTURE_MESSAGE_MAX, "not a capture: %s", why);
			error = -EINVAL;
		}
	}
	if (error) {
		if (file != stdin)
			fclose(file);
		free(new);
		return error;
	}
	error = check_link(new, message);
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
	int status = pcap_next_ex(capture->pcap, &header, &data);

	if (status == PCAP_ERROR_BREAK)
		return 0;
	if (status != 1) {
		snprintf(message, CAPTURE_MESSAGE_MAX, "%s", pcap_geterr(capture->pcap));
		return -EINVAL;
	}
	packet->data = data;
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
	pcap_close(capture->pcap);
	free(capture);
}
