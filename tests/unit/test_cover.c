/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/compare/cover.c, grid*.c, choose.c and martians.c: how few regions `ifw-sim diff`
 * finds, beside the fewest there are, found by trial in a universe of 64 packets.
 */
#include <stdio.h>

#include "rules_random.h"

#include "sim/compare/diff.h"
#include "sim/compare/martians.h"

#define SIDE 4 /* of each: destinations and sources by their first two bits, ports 1 to 4 */
#define POINTS (SIDE * SIDE * SIDE)
#define BOXES_MAX 4096
#define COST_WORD                                                                                  \
	16 /* a region counts as a hole does; of as many words fewer regions are better            \
	    */

/* Packets by number as bits: destination, source, port. */
static uint64_t points_of(uint32_t to, uint32_t from, uint32_t low, uint32_t high)
{
	uint64_t points = 0;

	for (uint32_t point = 0; point < POINTS; point++)
		if (to >> point % SIDE & 1 && from >> point / SIDE % SIDE & 1 &&
		    point / SIDE / SIDE >= low && point / SIDE / SIDE <= high)
			points |= 1ULL << point;
	return points;
}

static uint32_t count_prefixes(uint32_t quarters)
{
	return (quarters & 3) == 3  ? 1 + count_prefixes(quarters & 12)
	       : quarters >> 2 == 3 ? 1 + count_prefixes(quarters & 3)
				    : (uint32_t)__builtin_popcount(quarters);
}

/* Holes of a prefix of which this is left, at least. */
static uint32_t holes_of(uint32_t quarters)
{
	static const uint32_t prefixes[] = {1, 2, 4, 8, 3, 12, 15};
	uint32_t least = SIDE;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!(quarters & ~prefixes[i]) && count_prefixes(prefixes[i] & ~quarters) < least)
			least = count_prefixes(prefixes[i] & ~quarters);
	return least;
}

struct trial {
	uint64_t points[BOXES_MAX];
	uint32_t costs[BOXES_MAX];
	size_t count;
	uint64_t reach[POINTS]; /* what boxes with the point have */
	uint32_t cheapest[POINTS], best;
};

static void add_box(struct trial *t, uint64_t all, uint64_t points, uint32_t cost)
{
	if (points & ~all)
		return;
	for (size_t i = 0; i < t->count; i++)
		if (!(points & ~t->points[i]) && t->costs[i] <= cost)
			return;
	cr_assert_lt(t->count, BOXES_MAX);
	t->points[t->count] = points;
	t->costs[t->count++] = cost;
	for (uint32_t point = 0; point < POINTS; point++) {
		if (!(points >> point & 1))
			continue;
		t->reach[point] |= points;
		if (!t->cheapest[point] || cost < t->cheapest[point])
			t->cheapest[point] = cost;
	}
}

/* Large ones first: most others are then within one that costs as little. */
static void add_boxes(struct trial *t, uint64_t all, bool holes_count)
{
	for (int size = SIDE * SIDE; size > 0; size--)
		for (uint32_t to = 15; to > 0; to--)
			for (uint32_t from = 15; from > 0; from--)
				if (__builtin_popcount(to) * __builtin_popcount(from) == size)
					for (uint32_t ports = 0; ports < 16; ports++)
						if (3 - ports / 4 >= ports % 4)
							add_box(t, all,
								points_of(to, from, ports % 4,
									  3 - ports / 4),
								1 + (holes_count
									     ? COST_WORD *
										       (1 +
											holes_of(
												to) +
											holes_of(
												from))
									     : 0));
}

static void try_boxes(struct trial *t, uint64_t left, uint32_t cost)
{
	uint32_t least = 0;

	if (!left && cost < t->best)
		t->best = cost;
	for (uint64_t rest = left; rest; rest &= ~t->reach[__builtin_ctzll(rest)])
		least += t->cheapest[__builtin_ctzll(rest)];
	if (!left || cost + least >= t->best)
		return;
	for (size_t i = 0; i < t->count; i++)
		if (t->points[i] & left & -left)
			try_boxes(t, left & ~t->points[i], cost + t->costs[i]);
}

/* The least cost of boxes that together are all, where it is below what is known. */
static uint32_t fewest(uint64_t all, bool holes_count, uint32_t known)
{
	static struct trial t;

	t = (struct trial){.best = known};
	add_boxes(&t, all, holes_count);
	try_boxes(&t, all, 0);
	return t.best;
}

/* --- Beside what is found -------------------------------------------------------------- */

struct tally {
	unsigned int changes, least_words, least_regions, regions, words, words_more, meeting;
};

static uint32_t quarters_of(const struct prefix_but *prefix)
{
	struct spans spans __attribute__((cleanup(spans_free))) = {};
	uint32_t quarters = 0;

	cr_assert_eq(prefix_but_spans(prefix, &spans), 0);
	for (uint32_t n = 0; n < SIDE; n++)
		if (spans_have(&spans, (number)n << 126 | (number)5 << 96))
			quarters |= 1U << n;
	return quarters;
}

static uint64_t points_of_region(const struct diff_region *region)
{
	return points_of(quarters_of(&region->to), quarters_of(&region->from), region->low - 1U,
			 region->high - 1U);
}

static void judge_change(const struct diff *diff, const struct diff_change *change,
			 struct tally *tally)
{
	const struct diff_region *regions = &diff->regions[change->first];
	const uint32_t count = (uint32_t)change->count;
	uint64_t all = 0;
	uint32_t words = 0, least;

	for (uint32_t i = 0; i < count; i++) {
		const uint64_t points = points_of_region(&regions[i]);

		words += 1 + (uint32_t)(regions[i].to.hole_count + regions[i].from.hole_count);
		tally->meeting += (points & all) != 0;
		all |= points;
	}
	least = fewest(all, true, COST_WORD * words + count + 1);
	cr_assert_leq(least, COST_WORD * words + count);
	tally->changes++;
	tally->regions += count;
	tally->words += words;
	tally->words_more += words - least / COST_WORD;
	tally->least_words += least == COST_WORD * words + count;
	tally->least_regions += fewest(all, false, count) == count;
}

static void random_quarters(uint64_t *state, char *text, size_t size)
{
	static const uint8_t lens[] = {0, 0, 1, 2, 2, 2};
	const uint32_t len = lens[next_random(state) % sizeof(lens)];
	const uint32_t first = len ? next_random(state) % SIDE >> (2 - len) << (8 - len) : 0;

	snprintf(text, size, "%u.0.0.0/%u", first, len);
}

static void add_random(uint64_t *state, struct rule_set *set)
{
	const uint32_t low = 1 + next_random(state) % SIDE;
	char to[32], from[32], text[128];

	random_quarters(state, to, sizeof(to));
	random_quarters(state, from, sizeof(from));
	snprintf(text, sizeof(text), "%s tcp to %s port %u-%u from %s",
		 next_random(state) % 2 ? "pass" : "deny", to, low,
		 low + next_random(state) % (SIDE + 1 - low), from);
	add_rule(set, text);
}

/* A few rules, and one to three more, or fewer. */
static void judge_pair(uint64_t *state, struct tally *tally)
{
	struct rule_set sets[PROBE_WORLDS] = {};
	struct sim_world *worlds[PROBE_WORLDS];
	const uint32_t common = next_random(state) % 5, more = 1 + next_random(state) % 3;
	struct probe probe;
	struct diff diff;

	for (uint32_t i = 0; i < common; i++)
		add_random(state, &sets[0]);
	for (size_t i = 0; i < sets[0].count; i++)
		cr_assert_eq(rule_set_add(&sets[1], &sets[0].rules[i]), 0);
	for (uint32_t i = 0; i < more; i++)
		add_random(state, &sets[next_random(state) % 2]);
	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		cr_assert_geq(probe_name_other(&sets[i].names), 0);
		worlds[i] = world_with(NULL, &sets[i]);
	}
	cr_assert_eq(probe_start(&probe, worlds), 0);
	cr_assert_eq(diff_find(&probe, NULL, NULL, &diff), 0);
	for (size_t i = 0; i < diff.change_count; i++)
		judge_change(&diff, &diff.changes[i], tally);
	diff_free(&diff);
	probe_end(&probe);
	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		sim_world_destroy(worlds[i]);
		rule_set_clear(&sets[i]);
	}
}

#ifdef __SANITIZE_ADDRESS__
#define PAIRS 100
#else
#define PAIRS 2000
#endif

Test(cover, has_as_few_regions_as_can_be)
{
	struct tally t = {};
	uint64_t state = 7;

	for (int pair = 0; pair < PAIRS; pair++)
		judge_pair(&state, &t);
	cr_log_info(
		"%d pairs, %u changes in %u regions, %u of them meeting one before: %u with the "
		"fewest words (%u of %u words too many), %u with the fewest regions however "
		"many holes these have",
		PAIRS, t.changes, t.regions, t.meeting, t.least_words, t.words_more, t.words,
		t.least_regions);
	cr_expect_gt(t.changes, PAIRS);
	cr_expect_geq(t.least_words * 100, t.changes * 99);
	cr_expect_leq(t.words_more * 1000, t.words);
	cr_expect_geq(t.least_regions * 100, t.changes * 95);
	cr_expect_leq(t.meeting * 100, t.regions * 2);
}

/* --- Martians ---------------------------------------------------------------------------- */

static void judge_address(number addr, uint8_t family, const struct spans spans[2])
{
	const bool ipv6 = family == IFW_FAMILY_IPV6;
	const struct ifw_addr good = ipv6 ? addr_of("2001:db8::1") : addr_of("192.0.2.1");
	const struct ifw_addr this = number_to_addr(addr);

	cr_assert_eq(spans_have(&spans[0], addr), is_martian(good, this, family));
	cr_assert_eq(spans_have(&spans[1], addr), is_martian(this, good, family));
}

/* Each bit pattern's neighbours, where such sets begin and end. */
Test(martians, are_those_of_the_datapath)
{
	uint64_t state = 8;

	for (int n = 0; n < 200000; n++) {
		const uint8_t family = n % 2 ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4;
		const uint8_t bits = ifw_addr_bits(family);
		static struct spans spans[2][2];
		const uint32_t len = next_random(&state) % (bits + 1U);
		number addr = 0;

		for (int src = 0; src < 2 && n < 2; src++)
			cr_assert_eq(martian_spans(src, family, &spans[n][src]), 0);
		for (int i = 0; i < 4; i++)
			addr = addr << 32 | next_random(&state);
		/* Few bits, or long runs of one bit. */
		if (len < 128)
			addr &= ~number_prefix_last(0, len);
		if (n % 3)
			addr >>= next_random(&state) % bits;
		if (n % 5 == 0)
			addr -= (number)1 << (128 - bits);
		judge_address(addr & ~(bits == 32 ? number_prefix_last(0, 32) : 0), family,
			      spans[n % 2]);
	}
}
