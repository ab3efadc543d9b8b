/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture_write.c - see capture.h: captures that are written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "capture.h"
#include "capture_ng.h"
#include "capture_pcap.h"

#define SNAPLEN 262144 /* bytes: what tcpdump writes by default */
#define SECOND 1000000000ULL

struct capture_writer {
	pcap_t *pcap; /* says the form, reads nothing */
	pcap_dumper_t *dumper;
	struct ng_writer *ng; /* instead of both */
};

static int create_pcap(struct capture_writer *writer, const struct capture *like, FILE *file)
{
	writer->pcap = pcap_open_dead_with_tstamp_precision(pcap_datalink(like->pcap), SNAPLEN,
							    PCAP_TSTAMP_PRECISION_NANO);
	if (!writer->pcap)
		return -ENOMEM;
	writer->dumper = pcap_dump_fopen(writer->pcap, file);
	if (writer->dumper)
		return 0;
	pcap_close(writer->pcap);
	return -EIO;
}

int capture_create(const struct capture *like, const char *path, struct capture_writer **writer,
		   char message[CAPTURE_MESSAGE_MAX])
{
	struct capture_writer *new = calloc(1, sizeof(*new));
	FILE *file = new ? fopen(path, "we") : NULL;
	int error = new ? -errno : -ENOMEM;

	if (file) {
		error = !like || like->ng ? ng_create(file, &new->ng)
					  : create_pcap(new, like, file);
		if (!error) {
			*writer = new;
			return 0;
		}
		fclose(file);
	}
	snprintf(message, CAPTURE_MESSAGE_MAX, "cannot write '%s': %s", path, strerror(-error));
	free(new);
	return error;
}

void capture_write(struct capture_writer *writer, const struct capture_packet *packet)
{
	const struct pcap_pkthdr header = {
		.ts = {.tv_sec = (time_t)(packet->time_ns / SECOND),
		       /* Nanoseconds, as the form says. */
		       .tv_usec = (suseconds_t)(packet->time_ns % SECOND)},
		.caplen = packet->captured,
		.len = packet->length,
	};

	if (writer->ng)
		ng_write(writer->ng, packet);
	else
		pcap_dump((u_char *)writer->dumper, &header, packet->data);
}

int capture_finish(struct capture_writer *writer)
{
	int error = 0;

	if (!writer)
		return 0;
	if (writer->ng) {
		error = ng_finish(writer->ng);
		free(writer);
		return error;
	}
	errno = 0;
	if (pcap_dump_flush(writer->dumper) != 0 || ferror(pcap_dump_file(writer->dumper)))
		error = errno ? -errno : -EIO;
	pcap_dump_close(writer->dumper);
	pcap_close(writer->pcap);
	free(writer);
	return error;
}
