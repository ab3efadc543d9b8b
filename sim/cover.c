/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cover.c - see cover.h. As two-level logic is minimised (Brayton et al., ESPRESSO, 1984):
 * every box grows as far as the packets go, and what others then cover is dropped. The
 * fewest at all it need not be, which nobody finds in reasonable time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cover.h"
#include "parts.h"

#define PARTS_MAX 4096 /* of what is left of a box; where it would be more, it is not known */
#define PORT_LAST 65535

/* A simple box and what it holds. */
struct grown {
	struct simple_box box;
	struct part part;
	bool dropped;
};

struct search {
	struct parts all; /* the packets */
	uint8_t bits;
	uint64_t ifaces;
	struct grown *grown, *plain; /* as they have grown, and as they were */
	size_t count, room;
};

/* --- Growth ---------------------------------------------------------------------------- */

/*
 * What is left of the part without all of the packets, or, where `others` is given, without
 * those boxes of it that are not dropped, but for one. -EOVERFLOW: too much to tell.
 */
static int leftover(const struct search *s, const struct part *part, const struct grown *others,
		    size_t but, struct parts *left)
{
	struct part copy;
	int error = part_copy(part, &copy);

	*left = (struct parts){};
	if (!error)
		error = parts_add(left, &copy);
	for (size_t i = 0; i < (others ? s->count : s->all.count) && left->count && !error; i++) {
		if (others && (i == but || others[i].dropped))
			continue;
		error = parts_subtract(left, others ? &others[i].part : &s->all.at[i]);
		if (!error && left->count > PARTS_MAX)
			error = -EOVERFLOW;
	}
	if (error)
		parts_free(left);
	return error;
}

static int whole(enum part_field field, struct spans *spans)
{
	return spans_add(spans, (struct span){0, field == PART_PORTS ? PORT_LAST : NUMBER_MAX});
}

/* The values of the field with which all else of the part is within the packets. */
static int find_room(const struct search *s, const struct part *part, enum part_field field,
		     struct spans *room, uint64_t *ifaces)
{
	struct spans taken = {}, universe = {};
	struct parts left = {};
	struct part wide;
	int error = part_copy(part, &wide);

	if (error)
		return error;
	if (field == PART_IFACES) {
		wide.ifaces = s->ifaces;
	} else {
		spans_free(&wide.spans[field]);
		error = whole(field, &wide.spans[field]);
	}
	if (!error)
		error = leftover(s, &wide, NULL, 0, &left);
	*ifaces = s->ifaces;
	for (size_t i = 0; i < left.count && !error; i++) {
		*ifaces &= ~left.at[i].ifaces;
		if (field != PART_IFACES)
			error = spans_copy(&left.at[i].spans[field], &taken);
	}
	spans_settle(&taken);
	if (!error && field != PART_IFACES)
		error = whole(field, &universe);
	if (!error && field != PART_IFACES)
		error = spans_subtract(&universe, &taken, room);
	spans_free(&taken);
	spans_free(&universe);
	parts_free(&left);
	part_free(&wide);
	return error;
}

static bool holds_all(const struct spans *spans, const struct spans *of)
{
	for (size_t i = 0; i < of->count; i++)
		if (!spans_hold(spans, of->at[i]))
			return false;
	return true;
}

/* The prefix of the room that holds all that is there already, where one does. */
static int grow_prefix(const struct search *s, struct spans *spans, const struct spans *room,
		       struct prefix_but *prefix)
{
	struct prefixes prefixes = {};
	int error = prefixes_of(room, s->bits, &prefixes);

	for (size_t i = 0; i < prefixes.count && !error; i++) {
		struct spans wide = {};

		error = prefix_but_spans(&prefixes.at[i], &wide);
		if (!error && holds_all(&wide, spans)) {
			spans_free(spans);
			*spans = wide;
			free(prefix->holes);
			*prefix = prefixes.at[i];
			prefixes.at[i].holes = NULL;
			break;
		}
		spans_free(&wide);
	}
	prefixes_free(&prefixes);
	return error;
}

static int grow_field(const struct search *s, struct grown *grown, enum part_field field)
{
	struct part *part = &grown->part;
	struct spans room = {};
	uint64_t ifaces;
	int error = find_room(s, part, field, &room, &ifaces);

	if (error == -EOVERFLOW)
		return 0;
	if (!error && field == PART_IFACES)
		grown->box.ifaces = part->ifaces = ifaces;
	if (!error && field == PART_DST)
		error = grow_prefix(s, &part->spans[field], &room, &grown->box.to);
	if (!error && field == PART_SRC)
		error = grow_prefix(s, &part->spans[field], &room, &grown->box.from);
	for (size_t i = 0; i < room.count && field == PART_PORTS && !error; i++) {
		if (room.at[i].low > grown->box.low || room.at[i].high < grown->box.high)
			continue;
		grown->box.low = (uint32_t)room.at[i].low;
		grown->box.high = (uint32_t)room.at[i].high;
		part->spans[field].at[0] = room.at[i];
	}
	spans_free(&room);
	return error;
}

/* --- Dropping ---------------------------------------------------------------------------- */

static int is_covered(const struct search *s, const struct part *part, size_t but, bool *covered)
{
	struct parts left = {};
	int error = leftover(s, part, s->grown, but, &left);

	*covered = !error && left.count == 0;
	parts_free(&left);
	return error == -EOVERFLOW ? 0 : error;
}

/* How much there is to read in it. */
static size_t words_of(const struct search *s, const struct simple_box *box)
{
	return box->to.hole_count + box->from.hole_count + (box->from.len != 0) +
	       (box->ifaces != s->ifaces);
}

static int drop(struct search *s)
{
	size_t most = 0;
	int error = 0;

	for (size_t i = 0; i < s->count; i++)
		if (words_of(s, &s->grown[i].box) > most)
			most = words_of(s, &s->grown[i].box);
	/* Those that are worst to read first. */
	for (size_t words = most + 1; words-- > 0 && !error;)
		for (size_t i = 0; i < s->count && !error; i++)
			if (words_of(s, &s->grown[i].box) == words)
				error = is_covered(s, &s->grown[i].part, i, &s->grown[i].dropped);
	return error;
}

/* Back to what it was where that is easier to read, and enough. */
static int shrink(struct search *s, size_t i)
{
	const struct grown swapped = s->grown[i];
	struct parts left = {};
	bool enough;
	int error;

	if (words_of(s, &s->plain[i].box) >= words_of(s, &swapped.box))
		return 0;
	s->grown[i] = s->plain[i];
	error = leftover(s, &swapped.part, s->grown, SIZE_MAX, &left);
	enough = !error && left.count == 0;
	parts_free(&left);
	if (enough)
		s->plain[i] = swapped;
	else
		s->grown[i] = swapped;
	return error == -EOVERFLOW ? 0 : error;
}

/* --- The whole --------------------------------------------------------------------------- */

static void free_grown(struct grown *grown)
{
	free(grown->box.to.holes);
	free(grown->box.from.holes);
	part_free(&grown->part);
}

static void free_search(struct search *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free_grown(&s->grown[i]);
		free_grown(&s->plain[i]);
	}
	free(s->grown);
	free(s->plain);
	parts_free(&s->all);
}

static int fill(const struct simple_box *box, struct grown *grown)
{
	int error;

	*grown = (struct grown){.box = *box, .part.ifaces = box->ifaces};
	grown->box.to.holes = grown->box.from.holes = NULL;
	error = prefix_but_copy(&box->to, &grown->box.to);
	if (!error)
		error = prefix_but_copy(&box->from, &grown->box.from);
	if (!error)
		error = prefix_but_spans(&box->to, &grown->part.spans[PART_DST]);
	if (!error)
		error = prefix_but_spans(&box->from, &grown->part.spans[PART_SRC]);
	if (!error)
		error = spans_add(&grown->part.spans[PART_PORTS],
				  (struct span){box->low, box->high});
	if (error)
		free_grown(grown);
	return error;
}

static int add_simple(struct cover *cover, const struct simple_box *box)
{
	if (cover->count == cover->room) {
		size_t room = cover->room ? cover->room * 2 : 8;
		struct simple_box *larger = reallocarray(cover->at, room, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		cover->at = larger;
		cover->room = room;
	}
	cover->at[cover->count] = *box;
	cover->at[cover->count].to.holes = cover->at[cover->count].from.holes = NULL;
	cover->count++;
	if (prefix_but_copy(&box->to, &cover->at[cover->count - 1].to) != 0)
		return -ENOMEM;
	return prefix_but_copy(&box->from, &cover->at[cover->count - 1].from);
}

static int search_fewer(struct search *s, struct cover *cover)
{
	int error = 0;

	for (size_t i = 0; i < cover->count && !error; i++) {
		error = fill(&cover->at[i], &s->plain[i]);
		if (error)
			break;
		error = fill(&cover->at[i], &s->grown[i]);
		if (error)
			free_grown(&s->plain[i]);
		else
			s->count++;
	}
	for (size_t i = 0; i < s->count && !error; i++)
		for (enum part_field field = 0; field < PART_FIELDS && !error; field++)
			error = grow_field(s, &s->grown[i], field);
	if (!error)
		error = drop(s);
	for (size_t i = 0; i < s->count && !error; i++)
		if (!s->grown[i].dropped)
			error = shrink(s, i);
	if (error)
		return error;
	cover_free(cover);
	for (size_t i = 0; i < s->count && !error; i++)
		if (!s->grown[i].dropped)
			error = add_simple(cover, &s->grown[i].box);
	return error;
}

/* One for each prefix and range of the box. */
static int add_box(const struct boxes *boxes, const struct box *box, uint8_t bits,
		   struct cover *cover)
{
	const struct spans *ports = span_pool_get(boxes->pool, box->ports);
	struct prefixes to __attribute__((cleanup(prefixes_free))) = {};
	struct prefixes from __attribute__((cleanup(prefixes_free))) = {};
	int error = prefixes_of(span_pool_get(boxes->pool, box->dst), bits, &to);

	if (!error)
		error = prefixes_of(span_pool_get(boxes->pool, box->src), bits, &from);
	for (size_t i = 0; i < to.count && !error; i++) {
		for (size_t j = 0; j < from.count && !error; j++) {
			for (size_t k = 0; k < ports->count && !error; k++) {
				const struct simple_box simple = {
					to.at[i], from.at[j], (uint32_t)ports->at[k].low,
					(uint32_t)ports->at[k].high, box->ifaces};

				error = add_simple(cover, &simple);
			}
		}
	}
	return error;
}

static int add_packets(const struct boxes *boxes, const struct box *box, struct parts *all)
{
	struct part part = {.ifaces = box->ifaces};
	int error = spans_copy(span_pool_get(boxes->pool, box->dst), &part.spans[PART_DST]);

	if (!error)
		error = spans_copy(span_pool_get(boxes->pool, box->src), &part.spans[PART_SRC]);
	if (!error)
		error = spans_copy(span_pool_get(boxes->pool, box->ports), &part.spans[PART_PORTS]);
	if (!error)
		return parts_add(all, &part);
	part_free(&part);
	return error;
}

int cover_find(const struct boxes *boxes, size_t first, size_t count, uint8_t bits, uint64_t ifaces,
	       struct cover *cover)
{
	struct search s __attribute__((cleanup(free_search))) = {.bits = bits, .ifaces = ifaces};
	int error = 0;

	*cover = (struct cover){};
	for (size_t i = first; i < first + count && !error; i++)
		error = add_box(boxes, &boxes->at[i], bits, cover);
	if (!error && cover->count > 1 && cover->count <= COVER_SEARCHED) {
		for (size_t i = first; i < first + count && !error; i++)
			error = add_packets(boxes, &boxes->at[i], &s.all);
		s.grown = calloc(cover->count, sizeof(*s.grown));
		s.plain = calloc(cover->count, sizeof(*s.plain));
		if (!s.grown || !s.plain)
			error = -ENOMEM;
		if (!error)
			error = search_fewer(&s, cover);
	}
	if (error)
		cover_free(cover);
	return error;
}

void cover_free(struct cover *cover)
{
	for (size_t i = 0; i < cover->count; i++) {
		free(cover->at[i].to.holes);
		free(cover->at[i].from.holes);
	}
	free(cover->at);
	*cover = (struct cover){};
}
