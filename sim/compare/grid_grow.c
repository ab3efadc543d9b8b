/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grid_grow.c - see grid_parts.h. A box that cannot grow in any field is found from each point
 * in it by letting the fields grow in the right order, so all orders are tried; of prefixes
 * each that is around what there is, since a longer one may need fewer holes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grid_parts.h"
#include "ruleset/room.h"

#define POINTS_MAX 512	     /* that are grown by themselves */
#define WORK_MAX 20000000ULL /* words looked at; some hundredths of a second */

enum field {
	FIELD_TO = GRID_TO,
	FIELD_FROM = GRID_FROM,
	FIELD_PORTS,
	FIELD_GROUPS,
	FIELDS,
};

struct growth {
	const struct grid *grid;
	struct grid_boxes *boxes;
	size_t most;
	uint64_t work;
};

static int keep(struct growth *g, const struct grid_box *box)
{
	struct grid_boxes *boxes = g->boxes;

	g->work += boxes->count * (sizeof(*box) / sizeof(uint64_t)) / 4;
	for (size_t i = boxes->count; i-- > 0;)
		if (memcmp(&boxes->at[i], box, sizeof(*box)) == 0)
			return 0;
	if (boxes->count >= g->most)
		return 0;
	if (room_for_one(&boxes->at, boxes->count, &boxes->room, sizeof(*boxes->at)))
		return -ENOMEM;
	boxes->at[boxes->count++] = *box;
	return 0;
}

/* Whether the row may be covered by the box's destinations. */
static bool row_fits(struct growth *g, const struct grid_box *box, size_t group, size_t port,
		     size_t from)
{
	const uint64_t *row = g->grid->most + grid_row(g->grid, group, port, from);

	g->work += g->grid->row_words;
	for (size_t i = 0; i < g->grid->row_words; i++)
		if (box->sets[GRID_TO][i] & ~row[i])
			return false;
	return true;
}

/* Those with which all other fields of the box are within the room. */
static bool port_fits(struct growth *g, const struct grid_box *box, size_t port)
{
	for (size_t group = 0; group < g->grid->group_count; group++)
		for (size_t from = 0; from < g->grid->axes[GRID_FROM].nest.count; from++)
			if (box->groups >> group & 1 && bit_get(box->sets[GRID_FROM], from) &&
			    !row_fits(g, box, group, port, from))
				return false;
	return true;
}

static bool group_fits(struct growth *g, const struct grid_box *box, size_t group)
{
	for (size_t port = box->low; port <= box->high; port++)
		for (size_t from = 0; from < g->grid->axes[GRID_FROM].nest.count; from++)
			if (bit_get(box->sets[GRID_FROM], from) &&
			    !row_fits(g, box, group, port, from))
				return false;
	return true;
}

static bool from_fits(struct growth *g, const struct grid_box *box, size_t from)
{
	for (size_t group = 0; group < g->grid->group_count; group++)
		for (size_t port = box->low; port <= box->high; port++)
			if (box->groups >> group & 1 && !row_fits(g, box, group, port, from))
				return false;
	return true;
}

static void to_room(struct growth *g, const struct grid_box *box, uint64_t *room)
{
	memset(room, 0xff, GRID_AXIS_WORDS * sizeof(*room));
	for (size_t group = 0; group < g->grid->group_count; group++) {
		if (!(box->groups >> group & 1))
			continue;
		for (size_t port = box->low; port <= box->high; port++) {
			for (size_t from = 0; from < g->grid->axes[GRID_FROM].nest.count; from++) {
				const uint64_t *row =
					g->grid->most + grid_row(g->grid, group, port, from);

				if (!bit_get(box->sets[GRID_FROM], from))
					continue;
				g->work += g->grid->row_words;
				for (size_t i = 0; i < g->grid->row_words; i++)
					room[i] &= row[i];
			}
		}
	}
}

static int grow(struct growth *g, const struct grid_box *box, unsigned int left);

/* In each prefix around the one it has. */
static int grow_end(struct growth *g, const struct grid_box *box, unsigned int left,
		    enum grid_end end)
{
	const struct grid_axis *axis = &g->grid->axes[end];
	uint64_t room[GRID_AXIS_WORDS] = {};
	int error = 0;

	if (end == GRID_TO)
		to_room(g, box, room);
	else
		for (size_t i = 0; i < axis->nest.count; i++)
			if (bit_get(box->sets[end], i) || from_fits(g, box, i))
				bit_set(room, i);
	for (size_t base = box->base[end]; !error; base = axis->nest.nodes[base].parent) {
		struct grid_box wide = *box;

		g->work += axis->nest.count;
		if (grid_expand(axis, base, room, &wide, end))
			error = grow(g, &wide, left);
		if (base == 0)
			break;
	}
	return error;
}

static int grow_ports(struct growth *g, struct grid_box box, unsigned int left)
{
	while (box.low > 0 && port_fits(g, &box, box.low - 1))
		box.low--;
	while (box.high + 1 < g->grid->port_count && port_fits(g, &box, box.high + 1))
		box.high++;
	return grow(g, &box, left);
}

static int grow_groups(struct growth *g, struct grid_box box, unsigned int left)
{
	for (size_t group = 0; group < g->grid->group_count; group++)
		if (!(box.groups >> group & 1) && group_fits(g, &box, group))
			box.groups |= 1ULL << group;
	return grow(g, &box, left);
}

/* left: fields that have not grown. As deep as there are fields. */
static int grow(struct growth *g, const struct grid_box *box,
		unsigned int left) /* NOLINT(misc-no-recursion) */
{
	int error = 0;

	if (g->work > WORK_MAX)
		return 0;
	if (left == 0)
		return keep(g, box);
	if (left & 1U << FIELD_TO)
		error = grow_end(g, box, left & ~(1U << FIELD_TO), GRID_TO);
	if (left & 1U << FIELD_FROM && !error)
		error = grow_end(g, box, left & ~(1U << FIELD_FROM), GRID_FROM);
	if (left & 1U << FIELD_PORTS && !error)
		error = grow_ports(g, *box, left & ~(1U << FIELD_PORTS));
	if (left & 1U << FIELD_GROUPS && !error)
		error = grow_groups(g, *box, left & ~(1U << FIELD_GROUPS));
	return error;
}

/* A box of the one point and what its prefixes cannot leave out. */
static int grow_point(struct growth *g, size_t row, size_t to)
{
	const struct grid *grid = g->grid;
	const size_t from_count = grid->axes[GRID_FROM].nest.count;
	const size_t from = row % from_count, rest = row / from_count;
	const struct grid_box point = {
		.base = {(uint32_t)to, (uint32_t)from},
		.low = (uint32_t)(rest % grid->port_count),
		.high = (uint32_t)(rest % grid->port_count),
		.groups = 1ULL << rest / grid->port_count,
	};
	struct grid_box box = point;

	bit_set(box.sets[GRID_TO], to);
	bit_set(box.sets[GRID_FROM], from);
	return grow(g, &box, (1U << FIELDS) - 1);
}

static int grow_points(struct growth *g)
{
	const struct grid *grid = g->grid;
	size_t points = 0;
	int error = 0;

	for (size_t i = 0; i < grid->words; i++)
		points += (size_t)__builtin_popcountll(grid->must[i]);
	for (size_t row = 0; row < grid->words / grid->row_words && points <= POINTS_MAX; row++)
		for (size_t to = 0; to < grid->axes[GRID_TO].nest.count && !error; to++)
			if (bit_get(grid->must + row * grid->row_words, to))
				error = grow_point(g, row, to);
	return error;
}

int grid_grow(const struct grid *grid, size_t most, struct grid_boxes *boxes, uint64_t *work)
{
	struct growth g = {.grid = grid, .boxes = boxes, .most = most};
	const size_t count = boxes->count;
	int error = 0;

	for (size_t i = 0; i < count && !error; i++) {
		const struct grid_box box = boxes->at[i]; /* they move */

		error = grow(&g, &box, (1U << FIELDS) - 1);
	}
	if (!error)
		error = grow_points(&g);
	*work += g.work;
	return error;
}
