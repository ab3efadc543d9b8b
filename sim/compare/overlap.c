/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * overlap.c - see overlap.h. Destinations nest: those that meet one are the ones inside,
 * side by side once sorted, and those around, of which there is one a length.
 */
#include <errno.h>
#include <stdlib.h>

#include "sim/number.h"
#include "overlap.h"

struct overlap {
	size_t count;
	const struct rule **sorted; /* by family, protocol, destination and its length */
	const struct rule **found;
	const struct rule **end; /* behind the last found */
};

static bool prefixes_meet(struct ifw_addr a, uint8_t a_len, struct ifw_addr b, uint8_t b_len)
{
	const uint8_t len = a_len < b_len ? a_len : b_len;

	return ifw_addr_equal(ifw_addr_mask(a, len), ifw_addr_mask(b, len));
}

bool rules_meet(const struct rule *a, const struct rule *b)
{
	return a->family == b->family && a->protocol == b->protocol && a->low <= b->high &&
	       b->low <= a->high && a->ifaces & b->ifaces &&
	       prefixes_meet(a->dst, a->dst_len, b->dst, b->dst_len) &&
	       prefixes_meet(a->src, a->src_len, b->src, b->src_len);
}

bool rule_holds(const struct rule *a, const struct rule *b)
{
	return rules_meet(a, b) && a->dst_len <= b->dst_len && a->src_len <= b->src_len &&
	       a->low <= b->low && a->high >= b->high && !(b->ifaces & ~a->ifaces);
}

static int order_of(number a, number b)
{
	return (a > b) - (a < b);
}

static int compare(const struct rule *a, const struct rule *b)
{
	int differs = order_of(a->family, b->family);

	if (!differs)
		differs = order_of(a->protocol, b->protocol);
	if (!differs)
		differs = order_of(number_of_addr(a->dst), number_of_addr(b->dst));
	return differs ? differs : order_of(a->dst_len, b->dst_len);
}

static int compare_sorted(const void *a, const void *b)
{
	return compare(*(const struct rule *const *)a, *(const struct rule *const *)b);
}

static int compare_found(const void *a, const void *b)
{
	const struct rule *one = *(const struct rule *const *)a;
	const struct rule *two = *(const struct rule *const *)b;

	return (one > two) - (one < two); /* both of one array, which is in order */
}

int overlap_create(const struct rule_set *set, struct overlap **out)
{
	struct overlap *overlap = calloc(1, sizeof(*overlap));

	if (!overlap)
		return -ENOMEM;
	overlap->count = set->count;
	overlap->sorted = calloc(set->count + 1, sizeof(*overlap->sorted));
	overlap->found = calloc(set->count + 1, sizeof(*overlap->found));
	if (!overlap->sorted || !overlap->found) {
		overlap_destroy(overlap);
		return -ENOMEM;
	}
	for (size_t i = 0; i < set->count; i++)
		overlap->sorted[i] = &set->rules[i];
	qsort(overlap->sorted, set->count, sizeof(*overlap->sorted), compare_sorted);
	*out = overlap;
	return 0;
}

void overlap_destroy(struct overlap *overlap)
{
	if (!overlap)
		return;
	free(overlap->sorted);
	free(overlap->found);
	free(overlap);
}

/* Number of the first sorted rule that is not before this one. */
static size_t place_of(const struct overlap *overlap, const struct rule *rule)
{
	size_t low = 0, high = overlap->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(overlap->sorted[middle], rule) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void take(struct overlap *overlap, const struct rule *candidate, const struct rule *rule)
{
	if (candidate != rule && rules_meet(candidate, rule))
		*overlap->end++ = candidate;
}

size_t overlap_find(struct overlap *overlap, const struct rule *rule,
		    const struct rule *const **found)
{
	const number last = number_prefix_last(number_of_addr(rule->dst), rule->dst_len);
	struct rule like = *rule;

	overlap->end = overlap->found;
	/* Those around, and then the same destination and those inside. */
	for (uint8_t len = 0; len < rule->dst_len; len++) {
		like.dst = ifw_addr_mask(rule->dst, len);
		like.dst_len = len;
		for (size_t i = place_of(overlap, &like); i < overlap->count; i++) {
			if (compare(overlap->sorted[i], &like) != 0)
				break;
			take(overlap, overlap->sorted[i], rule);
		}
	}
	for (size_t i = place_of(overlap, rule); i < overlap->count; i++) {
		const struct rule *candidate = overlap->sorted[i];

		if (candidate->family != rule->family || candidate->protocol != rule->protocol ||
		    number_of_addr(candidate->dst) > last)
			break;
		take(overlap, candidate, rule);
	}
	qsort(overlap->found, (size_t)(overlap->end - overlap->found), sizeof(*overlap->found),
	      compare_found);
	*found = overlap->found;
	return (size_t)(overlap->end - overlap->found);
}
