/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grid.c - see grid.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grid.h"

#define BESIDE_MAX 3   /* bits */
#define COST_WORD 4096 /* a region or a hole; clauses are far fewer */
#define COST_REGION 64

/* --- Addresses ------------------------------------------------------------------------- */

static int add_item(struct nest *nest, number first, uint8_t len)
{
	return nest_add(nest, &(struct nest_item){first, len, NULL});
}

/* A prefix with a hole may be said without, too: by those beside the hole, where they are few. */
static int add_beside(struct nest *nest, const struct prefix_but *prefix,
		      const struct prefix_but *hole)
{
	uint8_t len = hole->len;
	int error = 0;

	for (; len > prefix->len && hole->len - prefix->len <= BESIDE_MAX && !error; len--)
		error = add_item(nest,
				 (hole->first & ~number_prefix_last(0, len)) ^
					 (number)1 << (128 - len),
				 len);
	return error;
}

static int add_prefix(struct nest *nest, const struct prefix_but *prefix)
{
	int error = add_item(nest, prefix->first, prefix->len);

	for (size_t i = 0; i < prefix->hole_count && !error; i++) {
		error = add_item(nest, prefix->holes[i].first, prefix->holes[i].len);
		if (!error)
			error = add_beside(nest, prefix, &prefix->holes[i]);
	}
	return error;
}

/* The longest prefix that holds both, of which the first is not behind the other. */
static struct nest_item around(const struct nest_node *a, const struct nest_node *b)
{
	struct nest_item item = {.len = a->len < b->len ? a->len : b->len};

	while (b->first > number_prefix_last(a->first, item.len))
		item.len--;
	item.first = a->first & ~number_prefix_last(0, item.len);
	return item;
}

/* Those that hold two of them, too: what neighbours have in common may be said as one. */
static int add_common(const struct nest *mentioned, struct nest *nest)
{
	int error = 0;

	for (size_t i = 0; i < mentioned->count && !error; i++) {
		const struct nest_node *node = &mentioned->nodes[i];
		const struct nest_item item = {.first = node->first, .len = node->len};
		const struct nest_item both = i ? around(node - 1, node) : item;

		error = nest_add(nest, &item);
		if (!error)
			error = nest_add(nest, &both);
	}
	return error;
}

static int make_axis(struct grid_axis *axis, struct nest *mentioned, const struct spans *martians)
{
	struct nest *nest = &axis->nest;
	int error = nest_grow(mentioned);

	if (!error)
		error = add_common(mentioned, nest);
	if (!error)
		error = nest_grow(nest);
	if (!error && nest->count > GRID_NODES_MAX)
		error = -E2BIG;
	for (size_t i = 0; i < nest->count && !error; i++) {
		struct spans left __attribute__((cleanup(spans_free))) = {};

		error = nest_own(nest, i, &axis->own[i]);
		if (!error)
			error = spans_subtract(&axis->own[i], martians, &left);
		if (left.count)
			bit_set(axis->solid, i);
	}
	return error;
}

static size_t node_of(const struct nest *nest, const struct prefix_but *prefix)
{
	size_t at = 0;

	while (nest->nodes[at].first != prefix->first || nest->nodes[at].len != prefix->len)
		at++;
	return at;
}

bool grid_expand(const struct grid_axis *axis, size_t base, const uint64_t *room,
		 struct grid_box *box, enum grid_end end)
{
	const struct nest_node *nodes = axis->nest.nodes;
	uint64_t alive[GRID_AXIS_WORDS] = {}, blocked[GRID_AXIS_WORDS] = {};
	uint64_t *const set = box->sets[end];

	if (!bit_get(room, base))
		return false;
	for (size_t i = nodes[base].end; i-- > base;) {
		if (!bit_get(room, i))
			bit_set(blocked, i);
		else if (bit_get(axis->solid, i))
			bit_set(alive, i);
		if (i > base && bit_get(blocked, i))
			bit_set(blocked, nodes[i].parent);
		if (i > base && bit_get(alive, i))
			bit_set(alive, nodes[i].parent);
	}
	memset(set, 0, sizeof(box->sets[end]));
	box->base[end] = (uint32_t)base;
	box->holes[end] = 0;
	for (size_t i = base, next; i < nodes[base].end; i = next) {
		const bool hole = !bit_get(room, i) || (bit_get(blocked, i) && !bit_get(alive, i));

		if (hole && i == base)
			return false;
		if (hole)
			box->holes[end]++;
		else
			bit_set(set, i);
		next = hole ? nodes[i].end : i + 1;
	}
	return true;
}

static int prefix_of(const struct grid_axis *axis, size_t base, const uint64_t *set, size_t holes,
		     struct prefix_but *prefix)
{
	const struct nest_node *nodes = axis->nest.nodes;

	*prefix = (struct prefix_but){.first = nodes[base].first, .len = nodes[base].len};
	if (holes == 0)
		return 0;
	prefix->holes = calloc(holes, sizeof(*prefix->holes));
	if (!prefix->holes)
		return -ENOMEM;
	for (size_t i = base, next; i < nodes[base].end; i = next) {
		const bool hole = !bit_get(set, i);

		if (hole)
			prefix->holes[prefix->hole_count++] =
				(struct prefix_but){.first = nodes[i].first, .len = nodes[i].len};
		next = hole ? nodes[i].end : i + 1;
	}
	return 0;
}

/* --- Ports and interfaces ---------------------------------------------------------------- */

static int compare_ports(const void *a, const void *b)
{
	const uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;

	return (one > two) - (one < two);
}

static int make_ports(struct grid *grid, const struct simple_box *boxes, size_t count)
{
	size_t kept = 0;

	grid->ports = calloc(2 * count + 2, sizeof(*grid->ports));
	if (!grid->ports)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		grid->ports[2 * i] = boxes[i].low;
		grid->ports[2 * i + 1] = boxes[i].high + 1;
	}
	qsort(grid->ports, 2 * count, sizeof(*grid->ports), compare_ports);
	for (size_t i = 0; i < 2 * count; i++)
		if (kept == 0 || grid->ports[i] != grid->ports[kept - 1])
			grid->ports[kept++] = grid->ports[i];
	grid->port_count = kept - 1;
	return 0;
}

static size_t port_of(const struct grid *grid, uint32_t port)
{
	size_t at = 0;

	while (grid->ports[at] != port)
		at++;
	return at;
}

static void make_groups(struct grid *grid, const struct simple_box *boxes, size_t count)
{
	for (uint64_t left = grid->space->ifaces; left;) {
		const uint64_t first = left & -left;
		uint64_t alike = left;

		/* Of the wire all, or none. */
		alike &= grid->space->wire & first ? grid->space->wire : ~grid->space->wire;
		for (size_t i = 0; i < count; i++)
			alike &= boxes[i].ifaces & first ? boxes[i].ifaces : ~boxes[i].ifaces;
		grid->groups[grid->group_count++] = alike;
		left &= ~alike;
	}
}

/* --- Points ------------------------------------------------------------------------------ */

static void add_points(const struct grid *grid, const struct grid_box *box, uint64_t *points)
{
	for (size_t group = 0; group < grid->group_count; group++) {
		if (!(box->groups >> group & 1))
			continue;
		for (size_t port = box->low; port <= box->high; port++) {
			for (size_t from = 0; from < grid->axes[GRID_FROM].nest.count; from++) {
				uint64_t *row = points + grid_row(grid, group, port, from);

				if (!bit_get(box->sets[GRID_FROM], from))
					continue;
				for (size_t i = 0; i < grid->row_words; i++)
					row[i] |= box->sets[GRID_TO][i];
			}
		}
	}
}

void grid_points(const struct grid *grid, const struct grid_box *box, uint64_t *points)
{
	add_points(grid, box, points);
	for (size_t i = 0; i < grid->words; i++)
		points[i] &= grid->must[i];
}

/* Of the whole grid: what nobody has or need say anything of. */
static void free_row(const struct grid *grid, bool wire, size_t from, size_t at)
{
	const bool from_empty = grid->axes[GRID_FROM].own[from].count == 0 ||
				(wire && !bit_get(grid->axes[GRID_FROM].solid, from));
	const struct grid_axis *to = &grid->axes[GRID_TO];

	for (size_t i = 0; i < to->nest.count; i++) {
		if (!from_empty && to->own[i].count && !(wire && !bit_get(to->solid, i)))
			continue;
		bit_set(grid->most + at, i);
		grid->must[at + i / 64] &= ~(1ULL << i % 64);
	}
}

static void fill(struct grid *grid, const struct simple_box *boxes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct grid_box box = grid_box_of(grid, &boxes[i]);

		add_points(grid, &box, grid->must);
	}
	memcpy(grid->most, grid->must, grid->words * sizeof(*grid->most));
	for (size_t group = 0; group < grid->group_count; group++)
		for (size_t port = 0; port < grid->port_count; port++)
			for (size_t from = 0; from < grid->axes[GRID_FROM].nest.count; from++)
				free_row(grid, grid->groups[group] & grid->space->wire, from,
					 grid_row(grid, group, port, from));
}

struct grid_box grid_box_of(const struct grid *grid, const struct simple_box *box)
{
	const struct prefix_but *const ends[GRID_ENDS] = {&box->to, &box->from};
	struct grid_box of = {
		.low = (uint32_t)port_of(grid, box->low),
		.high = (uint32_t)port_of(grid, box->high + 1) - 1,
	};

	for (enum grid_end end = 0; end < GRID_ENDS; end++) {
		const struct nest *nest = &grid->axes[end].nest;
		const size_t base = node_of(nest, ends[end]);

		of.base[end] = (uint32_t)base;
		of.holes[end] = (uint32_t)ends[end]->hole_count;
		for (size_t i = base; i < nest->nodes[base].end; i++)
			bit_set(of.sets[end], i);
		for (size_t hole = 0; hole < ends[end]->hole_count; hole++) {
			const size_t at = node_of(nest, &ends[end]->holes[hole]);

			for (size_t i = at; i < nest->nodes[at].end; i++)
				of.sets[end][i / 64] &= ~(1ULL << i % 64);
		}
	}
	for (size_t i = 0; i < grid->group_count; i++)
		if (box->ifaces & grid->groups[i])
			of.groups |= 1ULL << i;
	return of;
}

int grid_simple(const struct grid *grid, const struct grid_box *box, struct simple_box *simple)
{
	int error;

	*simple = (struct simple_box){
		.low = grid->ports[box->low],
		.high = grid->ports[box->high + 1] - 1,
	};
	for (size_t i = 0; i < grid->group_count; i++)
		if (box->groups >> i & 1)
			simple->ifaces |= grid->groups[i];
	error = prefix_of(&grid->axes[GRID_TO], box->base[GRID_TO], box->sets[GRID_TO],
			  box->holes[GRID_TO], &simple->to);
	if (!error)
		error = prefix_of(&grid->axes[GRID_FROM], box->base[GRID_FROM],
				  box->sets[GRID_FROM], box->holes[GRID_FROM], &simple->from);
	return error;
}

uint32_t grid_cost(const struct grid *grid, const struct grid_box *box)
{
	const uint64_t all = grid->group_count == 64 ? ~0ULL : (1ULL << grid->group_count) - 1;
	const uint32_t clauses = (grid->axes[GRID_FROM].nest.nodes[box->base[GRID_FROM]].len != 0) +
				 (box->groups != all);

	return COST_WORD * (1 + box->holes[GRID_TO] + box->holes[GRID_FROM]) + COST_REGION +
	       clauses;
}

/* --- The whole ----------------------------------------------------------------------------- */

int grid_create(struct grid *grid, const struct cover_space *space, const struct simple_box *boxes,
		size_t count)
{
	int error = 0;

	*grid = (struct grid){.space = space};
	for (enum grid_end end = 0; end < GRID_ENDS && !error; end++) {
		struct nest mentioned __attribute__((cleanup(nest_free))) = {};

		for (size_t i = 0; i < count && !error; i++)
			error = add_prefix(&mentioned,
					   end == GRID_TO ? &boxes[i].to : &boxes[i].from);
		if (!error)
			error = make_axis(&grid->axes[end], &mentioned, &space->martians[end]);
	}
	if (!error)
		error = make_ports(grid, boxes, count);
	if (error)
		return error;
	make_groups(grid, boxes, count);
	grid->row_words = (grid->axes[GRID_TO].nest.count + 63) / 64;
	grid->words = grid->group_count * grid->port_count * grid->axes[GRID_FROM].nest.count *
		      grid->row_words;
	if (grid->words > GRID_WORDS_MAX)
		return -E2BIG;
	grid->must = calloc(grid->words + 1, sizeof(*grid->must));
	grid->most = calloc(grid->words + 1, sizeof(*grid->most));
	if (!grid->must || !grid->most)
		return -ENOMEM;
	fill(grid, boxes, count);
	return 0;
}

void grid_free(struct grid *grid)
{
	for (enum grid_end end = 0; end < GRID_ENDS; end++) {
		for (size_t i = 0; i < GRID_NODES_MAX; i++)
			spans_free(&grid->axes[end].own[i]);
		nest_free(&grid->axes[end].nest);
	}
	free(grid->ports);
	free(grid->must);
	free(grid->most);
}
