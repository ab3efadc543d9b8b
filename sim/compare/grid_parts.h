/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grid_parts.h - what is done on a grid: boxes that may be, those that are chosen, and what
 * each has for itself.
 */
#ifndef IFW_SIM_GRID_PARTS_H
#define IFW_SIM_GRID_PARTS_H

#include "grid.h"

struct grid_boxes {
	struct grid_box *at;
	size_t count, room;
};

/*
 * To the boxes, larger ones in which they and points of them can grow, in whatever order of
 * fields; at most so many in all. Each is within grid->most. What it took is added to the
 * work. 0 or -ENOMEM.
 */
int grid_grow(const struct grid *grid, size_t most, struct grid_boxes *boxes, uint64_t *work);

/*
 * Makes disjoint, of boxes that cover what must be, those of which the rest is a box, too, and
 * no worse to read.
 */
void grid_trim(const struct grid *grid, struct grid_boxes *boxes);

/*
 * Of each box a part that none of the others holds, in the same order; there are as many, in
 * memory to be freed. 0 or -ENOMEM.
 */
int grid_own(const struct grid *grid, const struct grid_boxes *boxes, struct grid_box **own);

#endif /* IFW_SIM_GRID_PARTS_H */
