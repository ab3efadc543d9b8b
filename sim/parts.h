/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parts.h - sets of packets that need not be boxes: what is left of one when others are
 * taken away, in parts that are.
 */
#ifndef IFW_SIM_PARTS_H
#define IFW_SIM_PARTS_H

#include "spans.h"

enum part_field {
	PART_IFACES,
	PART_PORTS,
	PART_SRC,
	PART_DST,
	PART_FIELDS,
};

/* A box: sets in each field; for interfaces their bits. */
struct part {
	struct spans spans[PART_FIELDS];
	uint64_t ifaces;
};

/* Disjoint. */
struct parts {
	struct part *at;
	size_t count, room;
};

void part_free(struct part *part);
void parts_free(struct parts *parts);

/* Into what is not in use. 0 or -ENOMEM. */
int part_copy(const struct part *from, struct part *to);

/* Takes it over, also where it fails; an empty one is none. 0 or -ENOMEM. */
int parts_add(struct parts *parts, struct part *part);

/* Without the packets of the box. 0 or -ENOMEM. */
int parts_subtract(struct parts *parts, const struct part *box);

#endif /* IFW_SIM_PARTS_H */
