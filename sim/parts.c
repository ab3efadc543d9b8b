/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parts.c - see parts.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "parts.h"

void part_free(struct part *part)
{
	for (int i = 0; i < PART_FIELDS; i++)
		spans_free(&part->spans[i]);
}

void parts_free(struct parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		part_free(&parts->at[i]);
	free(parts->at);
	*parts = (struct parts){};
}

int part_copy(const struct part *from, struct part *to)
{
	int error = 0;

	*to = (struct part){.ifaces = from->ifaces};
	for (int i = PART_PORTS; i < PART_FIELDS && !error; i++)
		error = spans_copy(&from->spans[i], &to->spans[i]);
	if (error)
		part_free(to);
	return error;
}

static bool is_empty(const struct part *part)
{
	return part->ifaces == 0 || part->spans[PART_PORTS].count == 0 ||
	       part->spans[PART_SRC].count == 0 || part->spans[PART_DST].count == 0;
}

int parts_add(struct parts *parts, struct part *part)
{
	if (is_empty(part)) {
		part_free(part);
		return 0;
	}
	if (parts->count == parts->room) {
		size_t room = parts->room ? parts->room * 2 : 8;
		struct part *larger = reallocarray(parts->at, room, sizeof(*larger));

		if (!larger) {
			part_free(part);
			return -ENOMEM;
		}
		parts->at = larger;
		parts->room = room;
	}
	parts->at[parts->count++] = *part;
	return 0;
}

static int replace(struct part *part, enum part_field field,
		   int (*combine)(const struct spans *, const struct spans *, struct spans *),
		   const struct part *with)
{
	struct spans combined = {};
	int error = combine(&part->spans[field], &with->spans[field], &combined);

	spans_free(&part->spans[field]);
	part->spans[field] = combined;
	return error;
}

/* What of the part is not in the box, to `to`; the part becomes what is. */
static int split(struct part *part, const struct part *box, struct parts *to)
{
	struct part out;
	int error = 0;

	for (enum part_field field = PART_PORTS; field < PART_FIELDS && !error; field++) {
		error = part_copy(part, &out);
		if (error)
			return error;
		error = replace(&out, field, spans_subtract, box);
		if (error)
			part_free(&out);
		else
			error = parts_add(to, &out);
		if (!error)
			error = replace(part, field, spans_intersect, box);
	}
	if (!error)
		error = part_copy(part, &out);
	if (error)
		return error;
	out.ifaces &= ~box->ifaces;
	part->ifaces &= box->ifaces;
	return parts_add(to, &out);
}

static bool meet(const struct part *a, const struct part *b)
{
	bool do_meet = a->ifaces & b->ifaces;

	for (int field = PART_PORTS; field < PART_FIELDS && do_meet; field++) {
		bool any = false;

		for (size_t i = 0; i < a->spans[field].count && !any; i++)
			any = spans_meet(&b->spans[field], a->spans[field].at[i]);
		do_meet = any;
	}
	return do_meet;
}

int parts_subtract(struct parts *parts, const struct part *box)
{
	struct parts left = {};
	int error = 0;

	for (size_t i = 0; i < parts->count; i++) {
		struct part *part = &parts->at[i];

		if (error) {
			part_free(part);
		} else if (!meet(part, box)) {
			error = parts_add(&left, part);
		} else {
			error = split(part, box, &left);
			part_free(part);
		}
	}
	parts->count = 0;
	parts_free(parts);
	*parts = left;
	return error;
}
