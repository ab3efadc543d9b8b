/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * boxes.c - see boxes.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "boxes.h"
#include "ruleset/room.h"

enum field {
	FIELD_IFACES,
	FIELD_PORTS,
	FIELD_SRC,
	FIELD_DST,
	FIELDS,
};

int boxes_add(struct boxes *boxes, const struct box *box)
{
	if (room_for_one(&boxes->at, boxes->count, &boxes->room, sizeof(*boxes->at)))
		return -ENOMEM;
	boxes->at[boxes->count++] = *box;
	return 0;
}

void boxes_free(struct boxes *boxes)
{
	free(boxes->at);
	*boxes = (struct boxes){};
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_but(const struct box *a, const struct box *b, enum field but)
{
	int differs = order(a->label, b->label);

	if (!differs && but != FIELD_DST)
		differs = order(a->dst, b->dst);
	if (!differs && but != FIELD_SRC)
		differs = order(a->src, b->src);
	if (!differs && but != FIELD_PORTS)
		differs = order(a->ports, b->ports);
	if (!differs && but != FIELD_IFACES)
		differs = order(a->ifaces, b->ifaces);
	return differs;
}

#define COMPARE_BUT(name, field)                                                                   \
	static int compare_but_##name(const void *a, const void *b)                                \
	{                                                                                          \
		return compare_but(a, b, field);                                                   \
	}

COMPARE_BUT(ifaces, FIELD_IFACES)
COMPARE_BUT(ports, FIELD_PORTS)
COMPARE_BUT(src, FIELD_SRC)
COMPARE_BUT(dst, FIELD_DST)

static uint32_t *field_of(struct box *box, enum field field)
{
	return field == FIELD_DST ? &box->dst : field == FIELD_SRC ? &box->src : &box->ports;
}

/* The first of them, with the field of all. */
static int unite(struct boxes *boxes, struct box *like, size_t count, enum field field)
{
	struct spans all = {};
	int error = 0;

	for (size_t i = 1; i < count; i++)
		like->ifaces |= like[i].ifaces;
	if (field == FIELD_IFACES || count == 1)
		return 0;
	for (size_t i = 0; i < count && !error; i++)
		error = spans_copy(span_pool_get(boxes->pool, *field_of(&like[i], field)), &all);
	if (error) {
		spans_free(&all);
		return error;
	}
	spans_settle(&all);
	return span_pool_take(boxes->pool, &all, field_of(like, field));
}

static int merge(struct boxes *boxes, size_t from, enum field field)
{
	static int (*const compare[])(const void *, const void *) = {
		[FIELD_IFACES] = compare_but_ifaces,
		[FIELD_PORTS] = compare_but_ports,
		[FIELD_SRC] = compare_but_src,
		[FIELD_DST] = compare_but_dst,
	};
	size_t kept = from, next;
	int error = 0;

	if (boxes->count > from)
		qsort(boxes->at + from, boxes->count - from, sizeof(*boxes->at), compare[field]);
	for (size_t i = from; i < boxes->count && !error; i = next) {
		for (next = i + 1; next < boxes->count; next++)
			if (compare_but(&boxes->at[i], &boxes->at[next], field) != 0)
				break;
		error = unite(boxes, &boxes->at[i], next - i, field);
		boxes->at[kept++] = boxes->at[i];
	}
	if (!error)
		boxes->count = kept;
	return error;
}

int boxes_merge(struct boxes *boxes, size_t from)
{
	size_t before;
	int error = 0;

	do {
		before = boxes->count;
		for (enum field field = 0; field < FIELDS && !error; field++)
			error = merge(boxes, from, field);
	} while (!error && boxes->count < before);
	return error;
}
