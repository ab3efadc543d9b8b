/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture_ng.h - pcapng (draft-ietf-opsawg-pcapng) read and written here, for capture.c:
 * libpcap does not hand out by which interface and which way a packet went, nor takes files
 * whose interfaces have different link types.
 */
#ifndef IFW_SIM_CAPTURE_NG_H
#define IFW_SIM_CAPTURE_NG_H

#include "capture.h"

struct ng_reader;
struct ng_writer;

/* Whether the file begins as pcapng does; nothing is read. */
bool ng_is(FILE *file);

/* The file stays the caller's. NULL: no memory. */
struct ng_reader *ng_open(FILE *file);

/*
 * 1 with a packet, 0 at the end, -EINVAL where the file is damaged, -EPROTONOSUPPORT of a link
 * type that is not read, -ENOMEM; message then says more.
 */
int ng_next(struct ng_reader *reader, struct capture_packet *packet,
	    char message[CAPTURE_MESSAGE_MAX]);
FILE *ng_file(const struct ng_reader *reader);
void ng_close(struct ng_reader *reader); /* NULL is fine */

/* Takes the file over where that works: 0, -ENOMEM. Interfaces are written as packets of them come.
 */
int ng_create(FILE *file, struct ng_writer **writer);
void ng_write(struct ng_writer *writer, const struct capture_packet *packet);
/* Hands what was written to the system; 0 or -errno, also of what failed before. */
int ng_flush(struct ng_writer *writer);
int ng_finish(struct ng_writer *writer); /* 0 or -errno, also of what failed before */

#endif /* IFW_SIM_CAPTURE_NG_H */
