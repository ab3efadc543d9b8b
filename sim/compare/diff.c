/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff.c - see diff.h. A packet that only rules match which are in both sets, in one
 * order, is answered alike: so only cells of other rules are asked about.
 */
#include <errno.h>
#include <stdlib.h>

#include "boxes.h"
#include "diff_parts.h"
#include "sim/hash.h"
#include "martians.h"
#include "ruleset/room.h"

#define PROGRESS_EVERY 65536 /* cells */

struct label {
	struct diff_label key;
	uint32_t id;
	UT_hash_handle hh;
};

struct search {
	const struct probe *probe;
	diff_progress_fn progress;
	void *arg;
	struct cell_rule *rules;
	size_t rule_count;
	struct span_pool *pool;
	struct boxes boxes;
	struct label **labels; /* by id */
	size_t label_count, label_room;
	struct label *by_key;
	uint64_t cells, all_cells;
	struct cover_space spaces[2][2]; /* by IPv6, by egress */
	uint64_t dst_number, src_number; /* of dst and src; 0: none yet */
	uint32_t dst[2], src[2];	 /* with martians, and without */
	size_t dst_boxes;		 /* where those of the destination begin */
};

static void free_search(struct search *s)
{
	HASH_CLEAR(hh, s->by_key);
	for (size_t i = 0; i < s->label_count; i++)
		free(s->labels[i]);
	free(s->labels);
	boxes_free(&s->boxes);
	span_pool_destroy(s->pool);
	free(s->rules);
	for (size_t i = 0; i < 2 * 2 * 2; i++)
		spans_free(&s->spaces[i / 4][i / 2 % 2].martians[i % 2]);
}

/* --- Where ------------------------------------------------------------------------------- */

static const struct cover_space *space_of(const struct search *s, uint8_t family, uint8_t protocol)
{
	return &s->spaces[family == IFW_FAMILY_IPV6][(protocol & IFW_EGRESS) != 0];
}

static int make_space(const struct probe *probe, uint8_t family, bool egress,
		      struct cover_space *space)
{
	const size_t count = probe->iface_count;
	int error = 0;

	space->bits = ifw_addr_bits(family);
	space->ifaces = count == PROBE_IFACES ? ~0ULL : (1ULL << count) - 1;
	if (egress) /* what leaves meets no such test */
		return 0;
	for (size_t i = 0; i < count; i++)
		if (probe->ifindex[i] != IFW_LOOPBACK_IFINDEX)
			space->wire |= 1ULL << i;
	for (int src = 0; src < 2 && !error; src++)
		error = martian_spans(src, family, &space->martians[src]);
	return error;
}

static int make_spaces(struct search *s)
{
	int error = 0;

	for (int egress = 0; egress < 2 && !error; egress++) {
		error = make_space(s->probe, IFW_FAMILY_IPV4, egress, &s->spaces[0][egress]);
		if (!error)
			error = make_space(s->probe, IFW_FAMILY_IPV6, egress,
					   &s->spaces[1][egress]);
	}
	return error;
}

/* --- Cells to boxes -------------------------------------------------------------------- */

static int find_label(struct search *s, const struct diff_label *key, uint32_t *id)
{
	struct label *label;
	bool no_memory = false;

	HASH_FIND(hh, s->by_key, key, sizeof(*key), label);
	if (label) {
		*id = label->id;
		return 0;
	}
	if (room_for_one(&s->labels, s->label_count, &s->label_room, sizeof(*s->labels)))
		return -ENOMEM;
	label = calloc(1, sizeof(*label));
	if (!label)
		return -ENOMEM;
	label->key = *key;
	*id = label->id = (uint32_t)s->label_count;
	HASH_ADD(hh, s->by_key, key, sizeof(*key), label);
	if (no_memory) {
		free(label);
		return -ENOMEM;
	}
	s->labels[s->label_count++] = label;
	return 0;
}

/* As they are, and without martians: sets that differ in these alone are one then. */
static int take_spans(struct search *s, const struct spans *spans, const struct spans *martians,
		      uint32_t ids[2])
{
	struct spans copy = {}, less = {};
	int error = spans_copy(spans, &copy);

	if (!error)
		error = spans_subtract(spans, martians, &less);
	if (error) {
		spans_free(&copy);
		spans_free(&less);
		return error;
	}
	error = span_pool_take(s->pool, &copy, &ids[0]);
	if (error)
		spans_free(&less);
	return error ? error : span_pool_take(s->pool, &less, &ids[1]);
}

static int take_ports(struct search *s, uint32_t low, uint32_t high, uint32_t *id)
{
	struct spans ports = {};

	if (spans_add(&ports, (struct span){low, high}) != 0)
		return -ENOMEM;
	return span_pool_take(s->pool, &ports, id);
}

/* The sets of the cell. Boxes of the destination before are put together. */
static int enter(struct search *s, const struct cell *cell)
{
	const struct spans *martians = space_of(s, cell->family, cell->protocol)->martians;
	int error = 0;

	if (s->dst_number != cell->dst_number) {
		error = boxes_merge(&s->boxes, s->dst_boxes);
		s->dst_boxes = s->boxes.count;
		if (!error)
			error = take_spans(s, cell->dst, &martians[0], s->dst);
		s->dst_number = cell->dst_number;
	}
	if (!error && s->src_number != cell->src_number) {
		error = take_spans(s, cell->src, &martians[1], s->src);
		s->src_number = cell->src_number;
	}
	return error;
}

static int add_change(struct search *s, const struct cell *cell, const struct asked *asked)
{
	const struct diff_label key = {
		.answers = {asked[0].answer, asked[1].answer},
		.family = cell->family,
		.protocol = cell->protocol,
	};
	const uint64_t wire = space_of(s, cell->family, cell->protocol)->wire;
	const size_t less = !(cell->ifaces & ~wire); /* loopback is in a cell of its own */
	struct box box = {.ifaces = cell->ifaces};
	int error = enter(s, cell);

	if (!error)
		error = find_label(s, &key, &box.label);
	if (!error)
		error = take_ports(s, cell->low, cell->high, &box.ports);
	box.dst = s->dst[less];
	box.src = s->src[less];
	return error ? error : boxes_add(&s->boxes, &box);
}

static int ask_cell(void *arg, const struct cell *cell)
{
	struct search *s = arg;
	const struct witness witness = probe_witness(s->probe, cell);
	struct asked asked[PROBE_WORLDS] = {};
	int error = 0;

	for (size_t world = 0; world < PROBE_WORLDS && !error; world++)
		error = probe_ask(s->probe, world, &witness, &asked[world]);
	if (++s->cells % PROGRESS_EVERY == 0 && s->progress)
		s->progress(s->arg, s->cells, s->all_cells);
	if (error || memcmp(&asked[0].answer, &asked[1].answer, sizeof(asked[0].answer)) == 0)
		return error;
	return add_change(s, cell, asked);
}

static int count_cell(void *arg, const struct cell *cell)
{
	struct search *s = arg;

	(void)cell;
	if (++s->all_cells % PROGRESS_EVERY == 0 && s->progress)
		s->progress(s->arg, 0, 0);
	return s->all_cells > DIFF_CELLS_MAX ? -E2BIG : 0;
}

/* Merging has left boxes of one label side by side. */
static int add_regions(const struct search *s, struct diff *diff)
{
	uint64_t work = 0;
	size_t next;
	int error = 0;

	for (size_t i = 0; i < s->boxes.count && !error; i = next) {
		const struct diff_label *label = &s->labels[s->boxes.at[i].label]->key;
		struct cover cover;

		for (next = i + 1; next < s->boxes.count; next++)
			if (s->boxes.at[next].label != s->boxes.at[i].label)
				break;
		error = cover_find(&s->boxes, i, next - i,
				   space_of(s, (uint8_t)label->family, (uint8_t)label->protocol),
				   &work, &cover);
		for (size_t n = 0; n < cover.count && !error; n++)
			error = diff_add_region(s->probe, label, &cover.at[n], diff);
		cover_free(&cover);
	}
	return error;
}

int diff_find(const struct probe *probe, diff_progress_fn progress, void *arg, struct diff *diff)
{
	struct search s __attribute__((cleanup(free_search))) = {
		.probe = probe, .progress = progress, .arg = arg};
	struct cell_space space;
	int error = span_pool_create(&s.pool);

	*diff = (struct diff){};
	s.boxes.pool = s.pool;
	if (!error)
		error = make_spaces(&s);
	if (!error)
		error = diff_rules(sim_world_rules(probe->worlds[0]),
				   sim_world_rules(probe->worlds[1]), &s.rules, &s.rule_count);
	space = probe_space(probe, s.rules, s.rule_count);
	if (!error)
		error = cells_each(&space, count_cell, &s);
	if (!error)
		error = cells_each(&space, ask_cell, &s);
	if (!error)
		error = boxes_merge(&s.boxes, 0);
	if (!error)
		error = add_regions(&s, diff);
	if (!error)
		error = diff_group(diff);
	diff->cells = s.cells;
	if (error)
		diff_free(diff);
	return error;
}
