/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * boxes.h - sets of packets as boxes: destinations by sources by ports by interfaces.
 */
#ifndef IFW_SIM_BOXES_H
#define IFW_SIM_BOXES_H

#include "spans.h"

struct box {
	uint32_t label; /* what is the same of all its packets; boxes of others never meet */
	uint32_t dst, src, ports; /* numbers of the pool's sets */
	uint64_t ifaces;
};

struct boxes {
	struct box *at;
	size_t count, room;
	struct span_pool *pool; /* not theirs */
};

/* 0 or -ENOMEM. */
int boxes_add(struct boxes *boxes, const struct box *box);
void boxes_free(struct boxes *boxes);

/*
 * Puts boxes of one label together that differ in one field alone, from the given box on,
 * as long as there are such. All are disjoint, before and after. 0 or -ENOMEM.
 */
int boxes_merge(struct boxes *boxes, size_t from);

#endif /* IFW_SIM_BOXES_H */
