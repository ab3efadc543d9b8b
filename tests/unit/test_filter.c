/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/filter.h: a bit must say something about every part of a key, and
 * keys must not crowd, or the filter would rule out less than its size allows.
 */
#include "sim_fixture.h"

#include "datapath/filter.h"

#define KEYS 100000U

static const struct ifw_prefix_key some = {
	.addr = {0x2001db8000010000ULL, 0x00000000c0000201ULL},
	.scope = 77,
	.len = 128,
	.family = IFW_FAMILY_IPV6,
	.protocol = IPPROTO_TCP,
	.kind = IFW_PREFIX_SOURCE,
};

/* Neighbours among a million slots are told apart: every single bit moves to another. */
Test(filter, a_slot_depends_on_every_part_of_the_key)
{
	const uint32_t slot = ifw_filter_slot_of(&some);
	struct ifw_prefix_key other;

	for (int bit = 0; bit < 64; bit++) {
		other = some;
		other.addr.hi ^= 1ULL << bit;
		cr_assert_neq(ifw_filter_slot_of(&other), slot, "bit %d of hi", bit);
		other = some;
		other.addr.lo ^= 1ULL << bit;
		cr_assert_neq(ifw_filter_slot_of(&other), slot, "bit %d of lo", bit);
	}
	for (int bit = 0; bit < 32; bit++) {
		other = some;
		other.scope ^= 1U << bit;
		cr_assert_neq(ifw_filter_slot_of(&other), slot, "bit %d of the scope", bit);
	}
	for (int bit = 0; bit < 8; bit++) {
		other = some;
		other.family ^= 1U << bit;
		cr_assert_neq(ifw_filter_slot_of(&other), slot, "bit %d of the family", bit);
		other = some;
		other.protocol ^= 1U << bit;
		cr_assert_neq(ifw_filter_slot_of(&other), slot, "bit %d of the protocol", bit);
		other = some;
		other.kind ^= 1U << bit;
		cr_assert_neq(ifw_filter_slot_of(&other), slot, "bit %d of the kind", bit);
	}
	for (uint8_t len = 0; len < 128; len++) {
		other = some;
		other.len = len;
		/* One bit in a word of 64 lengths; the masked address tells the words apart. */
		cr_assert(ifw_filter_slot_of(&other) != slot || len % 64 == 0, "length %u", len);
	}
}

/* What of the key lies where in the number, as the walk and the index both take it. */
Test(filter, the_kind_keeps_its_parts_apart)
{
	cr_assert_eq(ifw_filter_kind(0x12345678, 4, 0x86, 2), 0x0286040012345678ULL);
}

static size_t used_slots(uint8_t *used, const struct ifw_addr *addrs, uint8_t len)
{
	size_t count = 0;

	memset(used, 0, IFW_FILTER_SLOTS);
	for (size_t i = 0; i < KEYS; i++) {
		struct ifw_prefix_key key = some;
		uint32_t slot;

		key.addr = addrs[i];
		key.len = len;
		slot = ifw_filter_slot_of(&key);
		cr_assert_lt(slot, IFW_FILTER_SLOTS);
		count += !used[slot];
		used[slot] = 1;
	}
	return count;
}

/* Of 100,000 prefixes in 1,048,576 slots some 95,370 have one of their own or the first of it. */
Test(filter, prefixes_do_not_crowd)
{
	struct ifw_addr *addrs = calloc(KEYS, sizeof(*addrs));
	uint8_t *used = malloc(IFW_FILTER_SLOTS);

	cr_assert(addrs && used);
	for (uint32_t i = 0; i < KEYS; i++) /* IPv4 networks side by side */
		addrs[i] = (struct ifw_addr){(uint64_t)(0x0a000000 + (i << 8)) << 32, 0};
	cr_assert_gt(used_slots(used, addrs, 24), 94000);
	for (uint32_t i = 0; i < KEYS; i++) /* IPv6 networks, and then hosts of one */
		addrs[i] = (struct ifw_addr){0x2001db8000000000ULL + i, 0};
	cr_assert_gt(used_slots(used, addrs, 64), 94000);
	for (uint32_t i = 0; i < KEYS; i++)
		addrs[i] = (struct ifw_addr){0x2001db8000000000ULL, i};
	cr_assert_gt(used_slots(used, addrs, 128), 94000);
	free(addrs);
	free(used);
}

/* Each of the 64 bits for about as many addresses: 1,563 of 100,000. */
Test(filter, addresses_spread_over_the_bits_of_a_word)
{
	unsigned int v4[64] = {}, v6[64] = {};

	for (uint32_t i = 0; i < KEYS; i++) {
		const uint64_t a =
			ifw_addr_bit((struct ifw_addr){(uint64_t)(0x0a000000 + i) << 32, 0});
		const uint64_t b = ifw_addr_bit((struct ifw_addr){0x2001db8000000000ULL, i});

		cr_assert(__builtin_popcountll(a) == 1 && __builtin_popcountll(b) == 1);
		v4[__builtin_ctzll(a)]++;
		v6[__builtin_ctzll(b)]++;
	}
	for (int bit = 0; bit < 64; bit++) {
		cr_assert(v4[bit] > 1200 && v4[bit] < 2000, "bit %d: %u", bit, v4[bit]);
		cr_assert(v6[bit] > 1200 && v6[bit] < 2000, "bit %d: %u", bit, v6[bit]);
	}
}
