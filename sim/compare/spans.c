/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * spans.c - see spans.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "sim/hash.h"
#include "spans.h"
#include "ruleset/room.h"

void spans_free(struct spans *spans)
{
	free(spans->at);
	*spans = (struct spans){};
}

int spans_add(struct spans *spans, struct span span)
{
	if (room_for_one(&spans->at, spans->count, &spans->room, sizeof(*spans->at)))
		return -ENOMEM;
	spans->at[spans->count++] = span;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct span *one = a, *two = b;

	return (one->low > two->low) - (one->low < two->low);
}

void spans_settle(struct spans *spans)
{
	size_t count = 0;

	if (spans->count == 0)
		return;
	qsort(spans->at, spans->count, sizeof(*spans->at), compare);
	for (size_t i = 1; i < spans->count; i++) {
		struct span *last = &spans->at[count];

		/* Nothing is above NUMBER_MAX, so nothing follows it either. */
		if (last->high == NUMBER_MAX || spans->at[i].low <= last->high + 1) {
			if (spans->at[i].high > last->high)
				last->high = spans->at[i].high;
		} else {
			spans->at[++count] = spans->at[i];
		}
	}
	spans->count = count + 1;
}

/* Number of the first span that does not end before the value. */
static size_t find(const struct spans *spans, number value)
{
	size_t low = 0, high = spans->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans->at[middle].high < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool spans_hold(const struct spans *spans, struct span span)
{
	const size_t i = find(spans, span.low);

	return i < spans->count && spans->at[i].low <= span.low && spans->at[i].high >= span.high;
}

bool spans_meet(const struct spans *spans, struct span span)
{
	const size_t i = find(spans, span.low);

	return i < spans->count && spans->at[i].low <= span.high;
}

bool spans_have(const struct spans *spans, number value)
{
	return spans_hold(spans, (struct span){value, value});
}

bool spans_equal(const struct spans *a, const struct spans *b)
{
	return a->count == b->count &&
	       (a->count == 0 || memcmp(a->at, b->at, a->count * sizeof(*a->at)) == 0);
}

int spans_copy(const struct spans *from, struct spans *to)
{
	int error = 0;

	for (size_t i = 0; i < from->count && !error; i++)
		error = spans_add(to, from->at[i]);
	return error;
}

int spans_subtract(const struct spans *a, const struct spans *b, struct spans *to)
{
	int error = 0;

	for (size_t i = 0; i < a->count && !error; i++) {
		struct span left = a->at[i];
		bool any = true;

		for (size_t j = find(b, left.low);
		     j < b->count && b->at[j].low <= left.high && any && !error; j++) {
			if (b->at[j].low > left.low)
				error = spans_add(to, (struct span){left.low, b->at[j].low - 1});
			any = b->at[j].high < left.high;
			left.low = b->at[j].high + 1;
		}
		if (any && !error)
			error = spans_add(to, left);
	}
	return error;
}

/* --- By number -------------------------------------------------------------------- */

struct pooled {
	struct spans spans;
	uint32_t id;
	UT_hash_handle hh; /* by the spans as bytes */
};

struct span_pool {
	struct pooled **by_id;
	size_t count, room;
	struct pooled *hash;
};

int span_pool_create(struct span_pool **pool)
{
	*pool = calloc(1, sizeof(**pool));
	return *pool ? 0 : -ENOMEM;
}

void span_pool_destroy(struct span_pool *pool)
{
	if (!pool)
		return;
	HASH_CLEAR(hh, pool->hash);
	for (size_t i = 0; i < pool->count; i++) {
		spans_free(&pool->by_id[i]->spans);
		free(pool->by_id[i]);
	}
	free(pool->by_id);
	free(pool);
}

int span_pool_take(struct span_pool *pool, struct spans *spans, uint32_t *id)
{
	static const struct span none;
	const struct span *const key = spans->count ? spans->at : &none; /* never NULL */
	const size_t size = spans->count * sizeof(*spans->at);
	struct pooled *pooled;
	bool no_memory = false;

	HASH_FIND(hh, pool->hash, key, size, pooled);
	if (pooled) {
		*id = pooled->id;
		spans_free(spans);
		return 0;
	}
	if (!room_for_one(&pool->by_id, pool->count, &pool->room, sizeof(*pool->by_id)))
		pooled = calloc(1, sizeof(*pooled));
	if (!pooled) {
		spans_free(spans);
		return -ENOMEM;
	}
	pooled->spans = *spans;
	pooled->id = (uint32_t)pool->count;
	*spans = (struct spans){};
	HASH_ADD_KEYPTR(hh, pool->hash, key, size, pooled);
	if (no_memory) {
		spans_free(&pooled->spans);
		free(pooled);
		return -ENOMEM;
	}
	pool->by_id[pool->count++] = pooled;
	*id = pooled->id;
	return 0;
}

const struct spans *span_pool_get(const struct span_pool *pool, uint32_t id)
{
	return &pool->by_id[id]->spans;
}
