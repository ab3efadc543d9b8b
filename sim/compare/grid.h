/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grid.h - the packets of a few simple boxes (cover.h) as points: one for each piece of an
 * address set, of ports and of interfaces that the boxes tell apart. The pieces of an
 * address set are the nodes of a nest without what is inside them.
 */
#ifndef IFW_SIM_GRID_H
#define IFW_SIM_GRID_H

#include "cover.h"
#include "nest.h"

#define GRID_AXIS_WORDS 8
#define GRID_NODES_MAX (64 * GRID_AXIS_WORDS) /* of one end */
#define GRID_WORDS_MAX 32768		      /* of a set of points */

enum grid_end {
	GRID_TO,
	GRID_FROM,
	GRID_ENDS,
};

struct grid_axis {
	struct nest nest;
	struct spans own[GRID_NODES_MAX]; /* by node; none where those inside leave nothing */
	uint64_t solid[GRID_AXIS_WORDS];  /* nodes of which packets on a wire can have some */
};

struct grid {
	const struct cover_space *space;
	struct grid_axis axes[GRID_ENDS];
	uint32_t *ports; /* where pieces begin; the last ends where nothing is */
	size_t port_count;
	uint64_t groups[64]; /* of interfaces that are together in every box */
	size_t group_count;
	size_t row_words, words;
	uint64_t *must; /* points that have to be covered, */
	uint64_t *most; /* and those that may be */
};

/* A box of these points. Without padding: compared as bytes. */
struct grid_box {
	uint64_t sets[GRID_ENDS][GRID_AXIS_WORDS]; /* nodes, */
	uint32_t base[GRID_ENDS];		   /* all within this one, */
	uint32_t holes[GRID_ENDS];		   /* but for so many nodes within it */
	uint32_t low, high;			   /* numbers of ports, both included */
	uint64_t groups;
};

static inline bool bit_get(const uint64_t *bits, size_t at)
{
	return bits[at / 64] >> at % 64 & 1;
}

static inline void bit_set(uint64_t *bits, size_t at)
{
	bits[at / 64] |= 1ULL << at % 64;
}

/* 0, -ENOMEM, -E2BIG: too many points. */
int grid_create(struct grid *grid, const struct cover_space *space, const struct simple_box *boxes,
		size_t count);
void grid_free(struct grid *grid);

/* Words of the points of these pieces: bits are nodes of GRID_TO. */
static inline size_t grid_row(const struct grid *grid, size_t group, size_t port, size_t from)
{
	return ((group * grid->port_count + port) * grid->axes[GRID_FROM].nest.count + from) *
	       grid->row_words;
}

/* The box, which is one of those of _create. */
struct grid_box grid_box_of(const struct grid *grid, const struct simple_box *box);

/* Its points that have to be covered; into words that are 0. */
void grid_points(const struct grid *grid, const struct grid_box *box, uint64_t *points);

/*
 * As much of the room as a prefix, that of the node, with holes can hold. false: none,
 * since the node is not in the room.
 */
bool grid_expand(const struct grid_axis *axis, size_t base, const uint64_t *room,
		 struct grid_box *box, enum grid_end end);

/* Into an empty one. 0 or -ENOMEM. */
int grid_simple(const struct grid *grid, const struct grid_box *box, struct simple_box *simple);

/* Less is better: a box counts as a hole does, and of as many the fewest boxes are best. */
uint32_t grid_cost(const struct grid *grid, const struct grid_box *box);

#endif /* IFW_SIM_GRID_H */
