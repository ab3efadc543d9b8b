/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grid_trim.c - see grid_parts.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/cleanup.h"
#include "grid_parts.h"

/* --- Without what another has ------------------------------------------------------------ */

/* Of nodes with something on a wire. */
static bool solid_within(const struct grid_axis *axis, const uint64_t *a, const uint64_t *b)
{
	for (size_t i = 0; i < GRID_AXIS_WORDS; i++)
		if (a[i] & axis->solid[i] & ~b[i])
			return false;
	return true;
}

static bool solid_meets(const struct grid_axis *axis, const uint64_t *a, const uint64_t *b)
{
	for (size_t i = 0; i < GRID_AXIS_WORDS; i++)
		if (a[i] & axis->solid[i] & b[i])
			return true;
	return false;
}

static bool meets(const struct grid *grid, const struct grid_box *a, const struct grid_box *b)
{
	return a->groups & b->groups && a->low <= b->high && b->low <= a->high &&
	       solid_meets(&grid->axes[GRID_TO], a->sets[GRID_TO], b->sets[GRID_TO]) &&
	       solid_meets(&grid->axes[GRID_FROM], a->sets[GRID_FROM], b->sets[GRID_FROM]);
}

static bool within(const struct grid *grid, const struct grid_box *a, const struct grid_box *b,
		   enum grid_end end)
{
	return solid_within(&grid->axes[end], a->sets[end], b->sets[end]);
}

static bool ports_within(const struct grid_box *a, const struct grid_box *b)
{
	return a->low >= b->low && a->high <= b->high;
}

/* The innermost node that holds all of the set. */
static size_t base_of(const struct nest *nest, const uint64_t *set)
{
	size_t first = 0, last = nest->count, base;

	while (first < nest->count && !bit_get(set, first))
		first++;
	while (last > first && !bit_get(set, last - 1))
		last--;
	for (base = first; base < nest->count && nest->nodes[base].end < last;)
		base = nest->nodes[base].parent;
	return base;
}

/* a's end is what b's leaves of it, where one prefix with no more holes says so. */
static bool cut_end(const struct grid *grid, struct grid_box *a, const struct grid_box *b,
		    enum grid_end end)
{
	const struct grid_axis *axis = &grid->axes[end];
	uint64_t left[GRID_AXIS_WORDS], room[GRID_AXIS_WORDS];
	struct grid_box cut = *a;

	for (size_t i = 0; i < GRID_AXIS_WORDS; i++) {
		left[i] = a->sets[end][i] & axis->solid[i] & ~b->sets[end][i];
		room[i] = left[i] | (a->sets[end][i] & ~axis->solid[i]);
	}
	if (!grid_expand(axis, base_of(&axis->nest, left), room, &cut, end) ||
	    cut.holes[end] > a->holes[end] || !solid_within(axis, left, cut.sets[end]))
		return false;
	*a = cut;
	return true;
}

/* Whether a is without b then. */
static bool cut(const struct grid *grid, struct grid_box *a, const struct grid_box *b)
{
	const bool to = within(grid, a, b, GRID_TO), from = within(grid, a, b, GRID_FROM);
	const bool ports = ports_within(a, b), groups = !(a->groups & ~b->groups);

	if (to && from && groups && !ports && (b->low <= a->low || b->high >= a->high)) {
		if (b->low <= a->low)
			a->low = b->high + 1;
		else
			a->high = b->low - 1;
		return true;
	}
	if (to && from && ports && !groups) {
		a->groups &= ~b->groups;
		return true;
	}
	if (from && ports && groups && !to)
		return cut_end(grid, a, b, GRID_TO);
	if (to && ports && groups && !from)
		return cut_end(grid, a, b, GRID_FROM);
	return false;
}

static bool cut_one(const struct grid *grid, struct grid_boxes *boxes, uint32_t cost)
{
	bool any = false;

	for (size_t a = 0; a < boxes->count; a++)
		for (size_t b = 0; b < boxes->count && grid_cost(grid, &boxes->at[a]) == cost; b++)
			if (a != b && meets(grid, &boxes->at[a], &boxes->at[b]))
				any |= cut(grid, &boxes->at[a], &boxes->at[b]);
	return any;
}

void grid_trim(const struct grid *grid, struct grid_boxes *boxes)
{
	bool any;

	do {
		uint32_t below = UINT32_MAX, cost;

		any = false;
		/* Those that are worst to read first. */
		do {
			cost = 0;
			for (size_t i = 0; i < boxes->count; i++) {
				const uint32_t of = grid_cost(grid, &boxes->at[i]);

				if (of < below && of > cost)
					cost = of;
			}
			any |= cost && cut_one(grid, boxes, cost);
			below = cost;
		} while (cost);
	} while (any);
}

/* --- What nobody else has ------------------------------------------------------------------ */

/* Whether the whole box is among the points. */
static bool all_among(const struct grid *grid, const struct grid_box *box, const uint64_t *points)
{
	for (size_t group = 0; group < grid->group_count; group++)
		for (size_t port = box->low; port <= box->high; port++)
			for (size_t from = 0; from < grid->axes[GRID_FROM].nest.count; from++) {
				const uint64_t *row = points + grid_row(grid, group, port, from);

				if (!(box->groups >> group & 1) ||
				    !bit_get(box->sets[GRID_FROM], from))
					continue;
				for (size_t i = 0; i < grid->row_words; i++)
					if (box->sets[GRID_TO][i] & ~row[i])
						return false;
			}
	return true;
}

/* The first of the points, and around it as much as is among them. */
static struct grid_box part_of(const struct grid *grid, const uint64_t *points)
{
	const size_t from_count = grid->axes[GRID_FROM].nest.count;
	struct grid_box part = {};
	size_t word = 0, row;

	while (word + 1 < grid->words && !points[word])
		word++;
	row = word / grid->row_words;
	memcpy(part.sets[GRID_TO], points + row * grid->row_words,
	       grid->row_words * sizeof(*points));
	bit_set(part.sets[GRID_FROM], row % from_count);
	part.low = part.high = (uint32_t)(row / from_count % grid->port_count);
	part.groups = 1ULL << row / from_count / grid->port_count;
	for (size_t from = 0; from < from_count; from++) {
		struct grid_box wide = part;

		bit_set(wide.sets[GRID_FROM], from);
		if (all_among(grid, &wide, points))
			part = wide;
	}
	return part;
}

int grid_own(const struct grid *grid, const struct grid_boxes *boxes, struct grid_box **own)
{
	auto_free uint64_t *points = calloc(grid->words, sizeof(*points));
	auto_free uint64_t *once = calloc(grid->words, sizeof(*once));
	auto_free uint64_t *twice = calloc(grid->words, sizeof(*twice));

	*own = calloc(boxes->count + 1, sizeof(**own));
	if (!points || !once || !twice || !*own)
		return -ENOMEM;
	for (size_t i = 0; i < boxes->count; i++) {
		memset(points, 0, grid->words * sizeof(*points));
		grid_points(grid, &boxes->at[i], points);
		for (size_t w = 0; w < grid->words; w++) {
			twice[w] |= once[w] & points[w];
			once[w] |= points[w];
		}
	}
	for (size_t i = 0; i < boxes->count; i++) {
		memset(points, 0, grid->words * sizeof(*points));
		grid_points(grid, &boxes->at[i], points);
		for (size_t w = 0; w < grid->words; w++)
			points[w] &= ~twice[w];
		(*own)[i] = part_of(grid, points);
	}
	return 0;
}
