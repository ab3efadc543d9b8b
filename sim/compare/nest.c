/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nest.c - see nest.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "nest.h"
#include "ruleset/room.h"

int nest_add(struct nest *nest, const struct nest_item *item)
{
	if (room_for_one(&nest->items, nest->item_count, &nest->room, sizeof(*nest->items)))
		return -ENOMEM;
	nest->items[nest->item_count++] = *item;
	return 0;
}

void nest_free(struct nest *nest)
{
	free(nest->items);
	free(nest->nodes);
	*nest = (struct nest){};
}

static int compare_items(const void *a, const void *b)
{
	const struct nest_item *one = a, *two = b;

	if (one->first != two->first)
		return one->first < two->first ? -1 : 1;
	return (int)one->len - (int)two->len;
}

static number last_of(const struct nest_node *node)
{
	return number_prefix_last(node->first, node->len);
}

static void add_node(struct nest *nest, const struct nest_item *item, size_t *inner)
{
	struct nest_node *node = &nest->nodes[nest->count];

	*node = (struct nest_node){.first = item->first, .len = item->len};
	while (nest->count && item->first > last_of(&nest->nodes[*inner])) {
		nest->nodes[*inner].end = nest->count;
		*inner = nest->nodes[*inner].parent;
	}
	node->parent = *inner;
	*inner = nest->count++;
}

int nest_grow(struct nest *nest)
{
	size_t inner = 0;

	if (nest_add(nest, &(struct nest_item){}) != 0)
		return -ENOMEM;
	qsort(nest->items, nest->item_count, sizeof(*nest->items), compare_items);
	nest->nodes = calloc(nest->item_count, sizeof(*nest->nodes));
	if (!nest->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < nest->item_count; i++) {
		const struct nest_item *item = &nest->items[i];

		if (i == 0 || compare_items(item, item - 1) != 0) {
			add_node(nest, item, &inner);
			nest->nodes[inner].items = i;
		}
		nest->nodes[inner].item_count++;
	}
	for (;; inner = nest->nodes[inner].parent) {
		nest->nodes[inner].end = nest->count;
		if (inner == 0)
			return 0;
	}
}

int nest_own(const struct nest *nest, size_t at, struct spans *spans)
{
	const struct nest_node *node = &nest->nodes[at];
	number next = node->first;
	int error = 0;

	for (size_t i = at + 1; i < node->end && !error; i = nest->nodes[i].end) {
		const struct nest_node *inside = &nest->nodes[i];

		if (inside->first > next)
			error = spans_add(spans, (struct span){next, inside->first - 1});
		if (last_of(inside) == last_of(node))
			return error;
		next = last_of(inside) + 1;
	}
	return error ? error : spans_add(spans, (struct span){next, last_of(node)});
}
