/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/compare/spans.c and sim/compare/prefixes.c: sets of 64 numbers beside the bits of a
 * word, and every set of eight addresses.
 */
#include "sim_fixture.h"

#include "sim/compare/spans.h"

#define BITS 6 /* of an address: its upper ones */
#define AT(n) ((number)(n) << (128 - BITS))
#define LAST(n) (AT(n) | (((number)1 << (128 - BITS)) - 1))

static struct spans spans_of(uint64_t bits)
{
	struct spans spans = {};

	/* From behind and one by one, so that there is something to settle. */
	for (int n = 63; n >= 0; n--)
		if (bits >> n & 1)
			cr_assert_eq(spans_add(&spans, (struct span){AT(n), LAST(n)}), 0);
	spans_settle(&spans);
	return spans;
}

static uint64_t bits_of(const struct spans *spans)
{
	uint64_t bits = 0;

	for (int n = 0; n < 64; n++)
		if (spans_have(spans, AT(n) + 1))
			bits |= 1ULL << n;
	for (size_t i = 0; i < spans->count; i++) {
		cr_assert_leq(spans->at[i].low, spans->at[i].high);
		if (i > 0) /* something between */
			cr_assert_gt(spans->at[i].low, spans->at[i - 1].high + 1);
	}
	return bits;
}

/* Long runs as well as single numbers. */
static uint64_t random_bits(uint64_t *state)
{
	uint64_t bits = (uint64_t)next_random(state) << 32 | next_random(state);

	if (next_random(state) % 2)
		bits &= bits << 1 | bits >> 1;
	if (next_random(state) % 4 == 0)
		bits |= bits << 8 | bits >> 8;
	return next_random(state) % 50 ? bits : ~0ULL * (next_random(state) % 2);
}

Test(spans, are_sets)
{
	uint64_t state = 1;

	for (int round = 0; round < 5000; round++) {
		const uint64_t one = random_bits(&state), two = random_bits(&state);
		struct spans a = spans_of(one), b = spans_of(two), less = {}, copy = {};
		const int from = (int)(next_random(&state) % 64);
		const int to = from + (int)(next_random(&state) % (uint32_t)(64 - from));
		const uint64_t range = (~0ULL >> (63 - (to - from))) << from;
		const struct span span = {AT(from), LAST(to)};

		cr_assert_eq(bits_of(&a), one);
		cr_assert_eq(spans_subtract(&a, &b, &less), 0);
		cr_assert_eq(bits_of(&less), one & ~two);
		cr_assert_eq(spans_copy(&a, &copy), 0);
		cr_assert(spans_equal(&a, &copy));
		cr_assert_eq(spans_equal(&a, &b), one == two);
		cr_assert_eq(spans_hold(&a, span), (one & range) == range);
		cr_assert_eq(spans_meet(&a, span), (one & range) != 0);
		spans_free(&a);
		spans_free(&b);
		spans_free(&less);
		spans_free(&copy);
	}
}

Test(spans, have_one_number_in_a_pool)
{
	struct span_pool *pool;
	uint32_t ids[64];
	uint64_t state = 2, bits[64];

	cr_assert_eq(span_pool_create(&pool), 0);
	for (int i = 0; i < 64; i++) {
		struct spans spans;

		bits[i] = i % 3 ? random_bits(&state) : bits[i / 2];
		if (i == 0)
			bits[0] = 0;
		spans = spans_of(bits[i]);
		cr_assert_eq(span_pool_take(pool, &spans, &ids[i]), 0);
	}
	for (int i = 0; i < 64; i++) {
		cr_expect_eq(bits_of(span_pool_get(pool, ids[i])), bits[i]);
		for (int k = 0; k < i; k++)
			cr_expect_eq(ids[i] == ids[k], bits[i] == bits[k]);
	}
	span_pool_destroy(pool);
}

/* --- Prefixes ------------------------------------------------------------------------ */

static size_t words_of(const struct prefixes *prefixes)
{
	size_t words = prefixes->count;

	for (size_t i = 0; i < prefixes->count; i++)
		words += prefixes->at[i].hole_count;
	return words;
}

static uint64_t bits_of_prefixes(const struct prefixes *prefixes)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < prefixes->count; i++) {
		struct prefix_but copy;
		struct spans spans = {};

		cr_assert_eq(prefix_but_copy(&prefixes->at[i], &copy), 0);
		cr_assert_eq(prefix_but_spans(&copy, &spans), 0);
		cr_assert_eq(bits & bits_of(&spans), 0, "prefixes meet");
		bits |= bits_of(&spans);
		spans_free(&spans);
		free(copy.holes);
	}
	return bits;
}

Test(prefixes, say_the_set)
{
	uint64_t state = 3;

	for (int round = 0; round < 5000; round++) {
		const uint64_t bits = random_bits(&state);
		struct spans spans = spans_of(bits);
		struct prefixes prefixes;

		cr_assert_eq(prefixes_between(&spans, &spans, BITS, &prefixes), 0);
		cr_assert_eq(bits_of_prefixes(&prefixes), bits);
		prefixes_free(&prefixes);
		spans_free(&spans);
	}
}

#define FEW 3		/* bits of eight addresses */
#define PREFIXES 15	/* of all lengths */
#define LABELS 14348907 /* 3 to the power of that: not there, in, out */

/* What eight addresses are by the longest prefix that says something; how many say something. */
static uint8_t set_of(uint32_t labels, unsigned int *words)
{
	uint8_t label[PREFIXES], set = 0;

	*words = 0;
	for (int i = 0; i < PREFIXES; i++, labels /= 3) {
		label[i] = labels % 3;
		*words += label[i] != 0;
	}
	for (unsigned int address = 0; address < 8; address++) {
		/* Of a heap: the leaves are 7 to 14. */
		unsigned int at = address + 7;

		while (at && !label[at])
			at = (at - 1) / 2;
		set |= (uint8_t)((label[at] == 1) << address);
	}
	return set;
}

static struct spans of_eight(unsigned int set)
{
	struct spans spans = {};

	for (unsigned int n = 0; n < 8; n++)
		if (set >> n & 1)
			cr_assert_eq(spans_add(&spans, (struct span){AT(8 * n), LAST(8 * n + 7)}),
				     0);
	spans_settle(&spans);
	return spans;
}

/* Addresses whose digit, to base three, is this one. */
static unsigned int with(uint32_t labels, uint32_t digit)
{
	unsigned int set = 0;

	for (unsigned int n = 0; n < 8; n++, labels /= 3)
		set |= (unsigned int)(labels % 3 == digit) << n;
	return set;
}

Test(prefixes, are_as_few_as_can_be)
{
	unsigned int fewest[256];

	memset(fewest, 0xff, sizeof(fewest));
	for (uint32_t labels = 0; labels < LABELS; labels++) {
		unsigned int words;
		uint8_t set = set_of(labels, &words);

		if (words < fewest[set])
			fewest[set] = words;
	}
	/* Each address is in the set, or not, or may be either. */
	for (uint32_t labels = 0; labels < 6561; labels++) {
		const unsigned int least = with(labels, 1), most = least | with(labels, 2);
		struct spans inner = of_eight(least), outer = of_eight(most);
		unsigned int words = PREFIXES, said = 0;
		struct prefixes prefixes;

		for (unsigned int set = 0; set < 256; set++)
			if (!(least & ~set) && !(set & ~most) && fewest[set] < words)
				words = fewest[set];
		cr_assert_eq(prefixes_between(&inner, &outer, FEW, &prefixes), 0);
		cr_expect_eq(words_of(&prefixes), words, "%02x to %02x", least, most);
		for (unsigned int n = 0; n < 8; n++)
			said |= (unsigned int)(bits_of_prefixes(&prefixes) >> 8 * n & 1) << n;
		cr_expect_eq(least & ~said, 0);
		cr_expect_eq(said & ~most, 0);
		prefixes_free(&prefixes);
		spans_free(&inner);
		spans_free(&outer);
	}
}
