/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * room.c - how large the maps of a set are, and which elements of the ranges
 * map are free. The kernel makes an array and a hash's buckets at once, whole:
 * hashes begin small, and a set that outgrows one is built anew in maps of twice
 * the size (replace.c).
 *
 * A run of ranges is one block side by side. Freed blocks are kept in lists by powers of two; the
 * links lie in the free elements themselves, for nothing else outlives a command.
 *
 * A block that packets were decided by is first retired: a program run that
 * began before it was unlinked may still read it. It is given out again by a
 * later command, when every such run is long over.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <time.h>

#include "internal.h"

/* A program run takes microseconds; a second is past any of them. */
#define GRACE_NS 1000000000ULL

/* In a free element: owner 0, next: 1 + index of the next block or 0, and ... */
#define FREE_SIZE(range) ((range)->rule)

/* --- Maps that grow --------------------------------------------------------- */

#define ROOM_MIN 1024U	 /* elements */
#define RULE_PREFIXES 2U /* that one rule can bring: destination and source */

/* Elements of the map of rules: beside each rule, those that count sources and pairs. */
static uint64_t rule_elements(uint64_t rules, uint64_t prefixes)
{
	return rules + prefixes + 2 * COMPILE_PAIRS_MAX;
}

static uint32_t at_most(uint64_t count, uint64_t most)
{
	if (most > UINT32_MAX)
		most = UINT32_MAX;
	return (uint32_t)(count < most ? count : most);
}

/* A power of two, for the kernel makes that of a hash's size anyway. */
static uint32_t room_for(uint64_t need, uint64_t most)
{
	uint64_t room = ROOM_MIN;

	while (room < need)
		room *= 2;
	return at_most(room, most);
}

void room_measure(struct pinned_meta *meta)
{
	meta->room_prefixes = room_for(meta->prefixes, meta->max_prefixes);
	meta->room_rules = room_for(rule_elements(meta->rules, meta->prefixes),
				    rule_elements(meta->max_ranges, meta->max_prefixes));
}

bool room_is_left(const struct pinned_meta *meta)
{
	uint64_t prefixes = (uint64_t)meta->prefixes + RULE_PREFIXES;
	uint64_t most = rule_elements(meta->max_ranges, meta->max_prefixes);

	/* As large as can be: then the limits are looked at, and no element can lack. */
	return (meta->room_prefixes >= prefixes || meta->room_prefixes == meta->max_prefixes) &&
	       (meta->room_rules >= rule_elements(meta->rules + 1ULL, prefixes) ||
		meta->room_rules == at_most(UINT64_MAX, most));
}

/* --- Ranges ------------------------------------------------------------------- */

static int push(struct loader *loader, uint32_t *head, uint32_t at, uint32_t size)
{
	struct ifw_range range = {.next = *head};
	int err;

	FREE_SIZE(&range) = size;
	err = ranges_write(loader, &loader->set, at, &range, 1);
	if (!err)
		*head = at + 1;
	return err;
}

static int pop(struct loader *loader, uint32_t *head, uint32_t *at, uint32_t *size)
{
	uint32_t index = *head - 1;
	struct ifw_range range;
	int err = ranges_read(loader, &loader->set, index, &range);

	if (err)
		return err;
	*at = index;
	*size = FREE_SIZE(&range);
	*head = range.next;
	return 0;
}

int room_return(struct loader *loader, uint32_t at, uint32_t total)
{
	struct room *room = &loader->meta.room;

	while (total) {
		unsigned int class = 31 - (unsigned int)__builtin_clz(total);
		int err;

		if (class >= FREE_CLASSES)
			class = FREE_CLASSES - 1;
		err = push(loader, &room->free[class], at, 1U << class);
		if (err)
			return err;
		at += 1U << class;
		total -= 1U << class;
	}
	return 0;
}

/* Gives back what was retired long enough ago, or all of it. */
static int harvest(struct loader *loader, bool all)
{
	struct room *room = &loader->meta.room;
	uint64_t now = clock_ns();

	while (room->retired_count) {
		const struct retired *oldest = &room->retired[room->retired_first % RETIRED_MAX];
		int err;

		if (!all && now - oldest->since_ns < GRACE_NS)
			break;
		err = room_return(loader, oldest->at, oldest->size);
		if (err)
			return err;
		room->retired_first = (room->retired_first + 1) % RETIRED_MAX;
		room->retired_count--;
	}
	return 0;
}

int room_retire(struct loader *loader, uint32_t at, uint32_t total)
{
	struct room *room = &loader->meta.room;

	if (!total)
		return 0;
	if (room->retired_count == RETIRED_MAX) {
		int err = wait_for_readers(loader);

		if (!err)
			err = harvest(loader, true);
		if (err)
			return err;
	}
	room->retired[(room->retired_first + room->retired_count) % RETIRED_MAX] =
		(struct retired){.since_ns = clock_ns(), .at = at, .size = total};
	room->retired_count++;
	return 0;
}

static int take_free(struct loader *loader, uint32_t total, uint32_t *at)
{
	struct room *room = &loader->meta.room;
	unsigned int class = total == 1 ? 0 : 32 - (unsigned int)__builtin_clz(total - 1);
	uint32_t size = 0;

	for (; class < FREE_CLASSES; class ++) {
		int err;

		if (!room->free[class])
			continue;
		err = pop(loader, &room->free[class], at, &size);
		if (err)
			return err;
		return room_return(loader, *at + total, size - total);
	}
	return -ENOSPC;
}

int room_alloc(struct loader *loader, uint32_t total, uint32_t *at)
{
	struct room *room = &loader->meta.room;
	int err;

	err = harvest(loader, false);
	if (err)
		return err;
	err = take_free(loader, total, at);
	if (err != -ENOSPC)
		return err;
	if (total <= loader->meta.max_ranges - room->used) {
		*at = room->used;
		room->used += total;
		return 0;
	}
	/* Full but for what was freed just now: wait this once. */
	err = wait_for_readers(loader);
	if (!err)
		err = harvest(loader, true);
	return err ? err : take_free(loader, total, at);
}
