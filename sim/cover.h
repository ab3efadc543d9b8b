/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cover.h - boxes of whatever sets as few of one prefix, with holes, one range of ports
 * and some interfaces, which together hold the same packets.
 */
#ifndef IFW_SIM_COVER_H
#define IFW_SIM_COVER_H

#include "boxes.h"

#define COVER_SEARCHED 128 /* simple boxes, at most, for fewer than which is searched */

struct simple_box {
	struct prefix_but to, from;
	uint32_t low, high; /* ports, both included */
	uint64_t ifaces;
};

struct cover {
	struct simple_box *at;
	size_t count, room;
};

/*
 * Of boxes of one label. bits: of addresses; ifaces: all there are. Each box of the cover is
 * within the packets of these; two of them may meet. 0 or -ENOMEM, then it is empty.
 */
int cover_find(const struct boxes *boxes, size_t first, size_t count, uint8_t bits, uint64_t ifaces,
	       struct cover *cover);
void cover_free(struct cover *cover);

#endif /* IFW_SIM_COVER_H */
