/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/capture/top.c: exact as long as there is room, and within what it says
 * beyond that.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "sim/capture/top.h"

static struct top_key key_of(uint32_t n)
{
	return (struct top_key){
		.addr = {(__u64)n << 32, 0}, .port = 80, .family = 4, .protocol = 6};
}

static void add(struct top *top, uint32_t n, int times)
{
	struct top_key key = key_of(n);

	for (int i = 0; i < times; i++)
		top_add(top, &key);
}

Test(top, counts)
{
	struct top_entry entries[3];
	struct top *top;

	cr_assert_eq(top_create(&top), 0);
	cr_assert_eq(top_list(top, entries, 3), 0);
	add(top, 1, 2);
	add(top, 2, 5);
	add(top, 3, 2);
	add(top, 4, 1);
	cr_assert_eq(top_list(top, entries, 3), 3);
	cr_assert_eq(entries[0].at_least, 5);
	cr_assert_eq(entries[0].at_most, 5);
	cr_assert_eq(entries[0].key.addr.hi, 2ULL << 32);
	cr_assert_eq(entries[1].key.addr.hi, 1ULL << 32);
	cr_assert_eq(entries[2].at_least, 2);
	top_destroy(top);
	top_destroy(NULL);
}

/* A few frequent ones among very many rare ones. */
Test(top, loses_none_that_is_frequent)
{
	struct top_entry entries[4];
	struct top *top;

	cr_assert_eq(top_create(&top), 0);
	for (uint32_t round = 0; round < 20000; round++) {
		for (uint32_t n = 0; n < 4; n++)
			add(top, n, (int)(4 - n));
		for (uint32_t n = 0; n < 5; n++)
			add(top, 1000 + round * 5 + n, 1);
	}
	cr_assert_eq(top_list(top, entries, 4), 4);
	for (uint32_t n = 0; n < 4; n++) {
		const uint64_t really = 20000ULL * (4 - n);

		cr_assert_eq(entries[n].key.addr.hi, (__u64)n << 32);
		cr_assert_leq(entries[n].at_least, really);
		cr_assert_geq(entries[n].at_most, really);
	}
	top_destroy(top);
}
