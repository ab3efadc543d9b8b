/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * spans.h - sets of numbers: addresses (in the upper bits, see number.h) or ports.
 */
#ifndef IFW_SIM_SPANS_H
#define IFW_SIM_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/number.h"

struct span {
	number low, high; /* both included */
};

/* Empty: {}. Disjoint, ascending and with something between, but while _add is at work. */
struct spans {
	struct span *at;
	size_t count, room;
};

void spans_free(struct spans *spans);

/* Appends; once all are there, _settle puts them in order. 0 or -ENOMEM. */
int spans_add(struct spans *spans, struct span span);
void spans_settle(struct spans *spans);

bool spans_have(const struct spans *spans, number value);
bool spans_equal(const struct spans *a, const struct spans *b);

/* Whether all of the span is in the set; whether some of it is. */
bool spans_hold(const struct spans *spans, struct span span);
bool spans_meet(const struct spans *spans, struct span span);

/* Into an empty set. 0 or -ENOMEM. */
int spans_copy(const struct spans *from, struct spans *to);
int spans_subtract(const struct spans *a, const struct spans *b, struct spans *to);

/* --- Sets that are met again and again, by number -------------------------------- */

struct span_pool;

/* 0 or -ENOMEM. Destroy with span_pool_destroy (NULL is fine). */
int span_pool_create(struct span_pool **pool);
void span_pool_destroy(struct span_pool *pool);

/* Takes the settled set over (also where it fails). Equal sets have one number. 0 or -ENOMEM. */
int span_pool_take(struct span_pool *pool, struct spans *spans, uint32_t *id);
const struct spans *span_pool_get(const struct span_pool *pool, uint32_t id);

/* --- In prefixes ------------------------------------------------------------------ */

struct prefix_but {
	number first;
	uint8_t len;
	struct prefix_but *holes; /* prefixes without holes of their own */
	size_t hole_count;
};

struct prefixes {
	struct prefix_but *at;
	size_t count, room;
};

/*
 * A set as prefixes with holes: as few prefixes and holes, counted together, as can say
 * one that holds all of `least` and nothing outside `most`, which holds `least`; and of as
 * many the fewest prefixes. Addresses have so many bits. 0 or -ENOMEM, then it is empty.
 */
int prefixes_between(const struct spans *least, const struct spans *most, uint8_t bits,
		     struct prefixes *prefixes);
void prefixes_free(struct prefixes *prefixes);

/* All of the prefix but its holes, into an empty set. 0 or -ENOMEM. */
int prefix_but_spans(const struct prefix_but *prefix, struct spans *spans);

/* With holes of its own, to be freed. 0 or -ENOMEM, then without. */
int prefix_but_copy(const struct prefix_but *from, struct prefix_but *to);

#endif /* IFW_SIM_SPANS_H */
