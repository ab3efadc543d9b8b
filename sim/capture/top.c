/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * top.c - see top.h. Space saving (Metwally, Agrawal, El Abbadi: Efficient computation of
 * frequent and top-k elements in data streams, 2005), in buckets by hash: a new
 * destination takes the place of its bucket's rarest and starts at that one's count.
 * So one with more than an eighth of its bucket's packets is never put out.
 */
#include <errno.h>
#include <stdlib.h>

#include "sim/hash.h"
#include "top.h"

#define BUCKETS 128 /* a power of 2 */
#define WAYS 8

struct counted {
	struct top_key key;
	uint64_t count; /* 0: free */
	uint64_t taken; /* of it, from whom it replaced */
};

struct top {
	struct counted buckets[BUCKETS][WAYS];
};

int top_create(struct top **top)
{
	*top = calloc(1, sizeof(**top));
	return *top ? 0 : -ENOMEM;
}

void top_destroy(struct top *top)
{
	free(top);
}

void top_add(struct top *top, const struct top_key *key)
{
	struct counted *bucket = top->buckets[sim_hash(key, sizeof(*key)) % BUCKETS];
	struct counted *rarest = bucket;

	for (struct counted *counted = bucket; counted < bucket + WAYS; counted++) {
		if (counted->count && memcmp(&counted->key, key, sizeof(*key)) == 0) {
			counted->count++;
			return;
		}
		if (counted->count < rarest->count)
			rarest = counted;
	}
	rarest->key = *key;
	rarest->taken = rarest->count++;
}

/* More packets first; of as many the lower address, so that the order is always the same. */
static int compare(const void *a, const void *b)
{
	const struct top_entry *one = a, *two = b;

	if (one->at_least != two->at_least)
		return one->at_least < two->at_least ? 1 : -1;
	return memcmp(&one->key, &two->key, sizeof(one->key));
}

size_t top_list(const struct top *top, struct top_entry *entries, size_t max)
{
	struct top_entry all[BUCKETS * WAYS];
	size_t count = 0;

	for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
		for (size_t way = 0; way < WAYS; way++) {
			const struct counted *counted = &top->buckets[bucket][way];

			if (counted->count)
				all[count++] = (struct top_entry){counted->key,
								  counted->count - counted->taken,
								  counted->count};
		}
	}
	qsort(all, count, sizeof(all[0]), compare);
	if (count > max)
		count = max;
	memcpy(entries, all, count * sizeof(*entries));
	return count;
}
