/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cover.c - see cover.h. As two-level logic is minimised (Brayton et al., ESPRESSO, 1984):
 * boxes that can grow no farther, and of these as few as are enough.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/cleanup.h"
#include "choose.h"
#include "cover.h"
#include "grid_parts.h"
#include "ruleset/room.h"

#define GROWN_WORDS_MAX (1U << 22) /* of the points of all boxes there are to choose from */
#define GROWN_MAX 4096
#define GROWN_EACH 16 /* of these, that there have to be for each box; else it is no search */

/* --- Covers ---------------------------------------------------------------------------- */

static void free_simple(struct simple_box *box)
{
	free(box->to.holes);
	free(box->from.holes);
	spans_free(&box->own.to);
	spans_free(&box->own.from);
}

void cover_free(struct cover *cover)
{
	for (size_t i = 0; i < cover->count; i++)
		free_simple(&cover->at[i]);
	free(cover->at);
	*cover = (struct cover){};
}

/* Takes the box over, also where it fails. */
static int add_simple(struct cover *cover, struct simple_box *box)
{
	if (room_for_one(&cover->at, cover->count, &cover->room, sizeof(*cover->at))) {
		free_simple(box);
		return -ENOMEM;
	}
	cover->at[cover->count++] = *box;
	return 0;
}

/* --- One by one -------------------------------------------------------------------------- */

/* Where martians drop they may be in it. */
static int prefixes_with(const struct spans *spans, const struct spans *martians, bool may,
			 uint8_t bits, struct prefixes *prefixes)
{
	struct spans most __attribute__((cleanup(spans_free))) = {};
	int error = spans_copy(spans, &most);

	if (!error && may)
		error = spans_copy(martians, &most);
	spans_settle(&most);
	return error ? error : prefixes_between(spans, &most, bits, prefixes);
}

static int make_simple(const struct prefix_but *to, const struct prefix_but *from,
		       struct span ports, uint64_t ifaces, struct simple_box *simple)
{
	int error = prefix_but_copy(to, &simple->to);

	simple->low = (uint32_t)ports.low;
	simple->high = (uint32_t)ports.high;
	simple->ifaces = simple->own.ifaces = ifaces;
	simple->own.port = simple->low;
	if (!error)
		error = prefix_but_copy(from, &simple->from);
	if (!error)
		error = prefix_but_spans(to, &simple->own.to);
	if (!error)
		error = prefix_but_spans(from, &simple->own.from);
	return error;
}

/* One for each prefix and range of the box; they are disjoint, but for martians. */
static int add_box(const struct boxes *boxes, const struct box *box,
		   const struct cover_space *space, struct cover *cover)
{
	const struct spans *ports = span_pool_get(boxes->pool, box->ports);
	const bool wire = !(box->ifaces & ~space->wire);
	struct prefixes to __attribute__((cleanup(prefixes_free))) = {};
	struct prefixes from __attribute__((cleanup(prefixes_free))) = {};
	int error = prefixes_with(span_pool_get(boxes->pool, box->dst), &space->martians[GRID_TO],
				  wire, space->bits, &to);

	if (!error)
		error = prefixes_with(span_pool_get(boxes->pool, box->src),
				      &space->martians[GRID_FROM], wire, space->bits, &from);
	for (size_t n = 0; n < to.count * from.count * ports->count && !error; n++) {
		const size_t rest = n / ports->count;
		struct simple_box simple = {};

		error = make_simple(&to.at[rest / from.count], &from.at[rest % from.count],
				    ports->at[n % ports->count], box->ifaces, &simple);
		if (error)
			free_simple(&simple);
		else
			error = add_simple(cover, &simple);
	}
	return error;
}

/* --- As few as possible -------------------------------------------------------------------- */

static int take_own(const struct grid_axis *axis, const uint64_t *set, struct spans *own)
{
	int error = 0;

	for (size_t i = 0; i < axis->nest.count && !error; i++)
		if (bit_get(set, i))
			error = spans_copy(&axis->own[i], own);
	spans_settle(own);
	return error;
}

static int add_grid_box(const struct grid *grid, const struct grid_box *box,
			const struct grid_box *own, struct cover *cover)
{
	struct simple_box simple;
	int error = grid_simple(grid, box, &simple);

	if (!error)
		error = take_own(&grid->axes[GRID_TO], own->sets[GRID_TO], &simple.own.to);
	if (!error)
		error = take_own(&grid->axes[GRID_FROM], own->sets[GRID_FROM], &simple.own.from);
	simple.own.port = grid->ports[own->low];
	for (size_t i = 0; i < grid->group_count; i++)
		if (own->groups >> i & 1)
			simple.own.ifaces |= grid->groups[i];
	if (error)
		free_simple(&simple);
	return error ? error : add_simple(cover, &simple);
}

static int is_enough(const struct grid *grid, const struct grid_boxes *boxes, bool *enough)
{
	auto_free uint64_t *points = calloc(grid->words, sizeof(*points));

	if (!points)
		return -ENOMEM;
	for (size_t i = 0; i < boxes->count; i++)
		grid_points(grid, &boxes->at[i], points);
	*enough = memcmp(points, grid->must, grid->words * sizeof(*points)) == 0;
	return 0;
}

/* Leaves of the boxes those that are chosen. */
static int choose_boxes(const struct grid *grid, struct grid_boxes *boxes)
{
	auto_free uint64_t *sets = calloc(boxes->count * grid->words + 1, sizeof(*sets));
	auto_free uint32_t *costs = calloc(boxes->count + 1, sizeof(*costs));
	auto_free bool *chosen = calloc(boxes->count + 1, sizeof(*chosen));
	const struct choice choice = {sets, costs, boxes->count, grid->words};
	size_t kept = 0;
	int error;

	if (!sets || !costs || !chosen)
		return -ENOMEM;
	for (size_t i = 0; i < boxes->count; i++) {
		grid_points(grid, &boxes->at[i], sets + i * grid->words);
		costs[i] = grid_cost(grid, &boxes->at[i]);
	}
	error = choose(&choice, chosen);
	for (size_t i = 0; i < boxes->count && !error; i++)
		if (chosen[i])
			boxes->at[kept++] = boxes->at[i];
	if (!error)
		boxes->count = kept;
	return error;
}

static void free_boxes(struct grid_boxes *boxes)
{
	free(boxes->at);
}

static int copy_boxes(const struct grid_boxes *from, struct grid_boxes *to)
{
	to->at = calloc(from->count + 1, sizeof(*to->at));
	if (!to->at)
		return -ENOMEM;
	memcpy(to->at, from->at, from->count * sizeof(*to->at));
	to->count = to->room = from->count;
	return 0;
}

static int search_boxes(const struct grid *grid, const struct cover *plain, uint64_t *work,
			struct grid_boxes *boxes)
{
	struct grid_boxes before __attribute__((cleanup(free_boxes))) = {};
	const size_t most = GROWN_WORDS_MAX / grid->words;
	bool enough;
	int error = 0;

	if (most < GROWN_EACH * plain->count)
		return -E2BIG;

	boxes->at = calloc(plain->count, sizeof(*boxes->at));
	if (!boxes->at)
		return -ENOMEM;
	boxes->room = plain->count;
	for (size_t i = 0; i < plain->count; i++)
		boxes->at[boxes->count++] = grid_box_of(grid, &plain->at[i]);
	error = grid_grow(grid, most < GROWN_MAX ? most : GROWN_MAX, boxes, work);
	if (!error)
		error = choose_boxes(grid, boxes);
	if (!error)
		error = copy_boxes(boxes, &before);
	if (error)
		return error;
	grid_trim(grid, boxes);
	error = is_enough(grid, boxes, &enough);
	if (error || enough)
		return error;
	/* What is a martian on a wire and none on loopback was lost. */
	memcpy(boxes->at, before.at, before.count * sizeof(*boxes->at));
	error = is_enough(grid, boxes, &enough);
	return error || enough ? error : -E2BIG;
}

/* -E2BIG: too much to search; the cover is as it was. */
static int search_fewer(const struct cover_space *space, uint64_t *work, struct cover *cover)
{
	struct grid grid __attribute__((cleanup(grid_free)));
	struct grid_boxes boxes __attribute__((cleanup(free_boxes))) = {};
	struct cover fewer = {};
	auto_free struct grid_box *own = NULL;
	int error = grid_create(&grid, space, cover->at, cover->count);

	if (!error && *work > COVER_WORK_MAX)
		error = -E2BIG;
	if (!error)
		error = search_boxes(&grid, cover, work, &boxes);
	if (!error)
		error = grid_own(&grid, &boxes, &own);
	for (size_t i = 0; i < boxes.count && !error; i++)
		error = add_grid_box(&grid, &boxes.at[i], &own[i], &fewer);
	if (error) {
		cover_free(&fewer);
		return error;
	}
	cover_free(cover);
	*cover = fewer;
	return 0;
}

/* --- The whole ----------------------------------------------------------------------------- */

static int compare_to(const void *a, const void *b)
{
	const struct prefix_but *one = &((const struct simple_box *)a)->to;
	const struct prefix_but *two = &((const struct simple_box *)b)->to;

	if (one->first != two->first)
		return one->first < two->first ? -1 : 1;
	return (int)one->len - (int)two->len;
}

/* From `first` on, those whose destinations meet; of others their neighbours know nothing. */
static size_t count_near(const struct cover *cover, size_t first)
{
	const struct prefix_but *outer = &cover->at[first].to;
	size_t end = first + 1;

	while (end < cover->count &&
	       cover->at[end].to.first <= number_prefix_last(outer->first, outer->len))
		end++;
	return end - first;
}

/* The boxes, which are moved out of it, are put into the other cover. */
static int search_near(const struct cover_space *space, struct simple_box *boxes, size_t count,
		       uint64_t *work, struct cover *into)
{
	struct cover near = {};
	int error = 0;

	for (size_t i = 0; i < count; i++) {
		if (!error)
			error = add_simple(&near, &boxes[i]);
		else
			free_simple(&boxes[i]);
	}
	if (!error && count > 1 && count <= COVER_SEARCHED)
		error = search_fewer(space, work, &near);
	if (error == -E2BIG)
		error = 0;
	for (size_t i = 0; i < near.count && !error; i++) {
		error = add_simple(into, &near.at[i]);
		near.at[i] = (struct simple_box){};
	}
	cover_free(&near);
	return error;
}

/* Where all at once are too many. */
static int search_parts(const struct cover_space *space, uint64_t *work, struct cover *cover)
{
	struct cover all = *cover;
	size_t count = 0;
	int error = 0;

	*cover = (struct cover){};
	qsort(all.at, all.count, sizeof(*all.at), compare_to);
	for (size_t i = 0; i < all.count; i += count) {
		count = count_near(&all, i);
		if (!error)
			error = search_near(space, all.at + i, count, work, cover);
		else
			for (size_t k = 0; k < count; k++)
				free_simple(&all.at[i + k]);
	}
	free(all.at);
	return error;
}

int cover_find(const struct boxes *boxes, size_t first, size_t count,
	       const struct cover_space *space, uint64_t *work, struct cover *cover)
{
	int error = 0;

	*cover = (struct cover){};
	for (size_t i = first; i < first + count && !error; i++)
		error = add_box(boxes, &boxes->at[i], space, cover);
	if (!error && cover->count > 1)
		error = cover->count <= COVER_AT_ONCE ? search_fewer(space, work, cover) : -E2BIG;
	if (error == -E2BIG)
		error = search_parts(space, work, cover);
	if (error)
		cover_free(cover);
	return error;
}
