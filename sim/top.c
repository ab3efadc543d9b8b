/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * top.c - see top.h. Lossy counting: where the room is used up the rarer half goes,
 * and with it as many packets of any destination as the largest of them had.
 */
#include <errno.h>
#include <stdlib.h>

#include "hash.h"
#include "top.h"

struct counted {
	struct top_entry entry;
	UT_hash_handle hh;
};

struct top {
	struct counted *by_key;
	struct counted room[TOP_ROOM];
	struct top_entry sorted[TOP_ROOM];
	uint64_t missed;
};

int top_create(struct top **top)
{
	struct top *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	*top = new;
	return 0;
}

void top_destroy(struct top *top)
{
	if (!top)
		return;
	HASH_CLEAR(hh, top->by_key);
	free(top);
}

/* More packets first; of as many the lower address, so that the order is always the same. */
static int compare(const void *a, const void *b)
{
	const struct top_entry *one = a, *two = b;

	if (one->packets != two->packets)
		return one->packets < two->packets ? 1 : -1;
	return memcmp(&one->key, &two->key, sizeof(one->key));
}

static int add_new(struct top *top, const struct top_key *key, uint64_t packets)
{
	struct counted *counted = &top->room[HASH_COUNT(top->by_key)];
	bool no_memory = false;

	*counted = (struct counted){.entry = {*key, packets}};
	HASH_ADD(hh, top->by_key, entry.key, sizeof(*key), counted);
	return no_memory ? -ENOMEM : 0;
}

static int make_room(struct top *top)
{
	size_t kept = top_list(top, top->sorted, TOP_ROOM) / 2;
	int error = 0;

	HASH_CLEAR(hh, top->by_key);
	top->missed += top->sorted[kept].packets;
	for (size_t i = 0; i < kept && !error; i++)
		error = add_new(top, &top->sorted[i].key, top->sorted[i].packets);
	return error;
}

int top_add(struct top *top, const struct top_key *key)
{
	struct counted *counted;
	int error = 0;

	HASH_FIND(hh, top->by_key, key, sizeof(*key), counted);
	if (counted) {
		counted->entry.packets++;
		return 0;
	}
	if (HASH_COUNT(top->by_key) == TOP_ROOM)
		error = make_room(top);
	return error ? error : add_new(top, key, 1);
}

size_t top_list(struct top *top, struct top_entry *entries, size_t max)
{
	size_t count = 0;

	for (const struct counted *c = top->by_key; c; c = c->hh.next)
		top->sorted[count++] = c->entry;
	qsort(top->sorted, count, sizeof(*top->sorted), compare);
	if (count > max)
		count = max;
	if (entries != top->sorted)
		memcpy(entries, top->sorted, count * sizeof(*entries));
	return count;
}

uint64_t top_missed(const struct top *top)
{
	return top->missed;
}
