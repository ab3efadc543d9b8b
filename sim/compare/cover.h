/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cover.h - boxes of whatever sets as few of one prefix, with holes, one range of ports
 * and some interfaces, which together hold the same packets.
 */
#ifndef IFW_SIM_COVER_H
#define IFW_SIM_COVER_H

#include "boxes.h"

#define COVER_SEARCHED 128	     /* simple boxes, at most, for fewer than which is searched, */
#define COVER_AT_ONCE 32	     /* if all their destinations meet; else so many */
#define COVER_WORK_MAX 2000000000ULL /* of all searches together: some seconds */

/* Some packets that no other box of the cover holds. */
struct cover_own {
	struct spans to, from;
	uint32_t port;
	uint64_t ifaces;
};

struct simple_box {
	struct prefix_but to, from;
	uint32_t low, high; /* ports, both included */
	uint64_t ifaces;
	struct cover_own own;
};

struct cover {
	struct simple_box *at;
	size_t count, room;
};

/* Where the boxes are. Of martians nothing is to be said: they may be in or out. */
struct cover_space {
	uint8_t bits;		  /* of addresses */
	uint64_t ifaces;	  /* all there are */
	uint64_t wire;		  /* of these, those where martians drop */
	struct spans martians[2]; /* destinations, sources; boxes of the wire alone have none */
};

/*
 * Of boxes of one label. Each box of the cover is within the packets of these and martians.
 * Two of them may meet, where keeping them apart took more words. work: of searches so far, 0
 * at first; above COVER_WORK_MAX there are no more. 0 or -ENOMEM, then it is empty.
 */
int cover_find(const struct boxes *boxes, size_t first, size_t count,
	       const struct cover_space *space, uint64_t *work, struct cover *cover);
void cover_free(struct cover *cover);

#endif /* IFW_SIM_COVER_H */
