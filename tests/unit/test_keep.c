/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of ruleset/keep.h: which rules go on counting when a set replaces another.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "ruleset/grammar.h"
#include "ruleset/keep.h"

static void parse(struct rule_set *set, const char *text)
{
	cr_assert_eq(grammar_parse_set(text, strlen(text), set, NULL, NULL), 0);
}

static void expect(const char *before, const char *after, const uint32_t *wanted)
{
	struct rule_set former = {0}, set = {0};

	parse(&former, before);
	for (size_t i = 0; i < former.count; i++)
		former.rules[i].counter = (uint32_t)(100 + i);
	parse(&set, after);
	cr_assert_eq(keep_counters(&set, &former), 0);
	for (size_t i = 0; i < set.count; i++)
		cr_expect_eq(set.rules[i].counter, wanted[i], "rule %zu: %u", i,
			     set.rules[i].counter);
	rule_set_clear(&former);
	rule_set_clear(&set);
}

Test(keep, what_is_the_same_wherever_it_stands)
{
	expect("deny udp to 10.0.0.0/8 port 1\npass udp to 10.0.0.0/8 port 2\n"
	       "intercept udp to ::/0 port 2 via 5 service a\n",
	       "intercept udp to ::/0 port 2 via 5 service a\ndeny udp to 10.0.0.0/8 port 3\n"
	       "deny udp to 10.0.0.0/8 port 1\n",
	       (const uint32_t[]){102, 0, 100});
}

Test(keep, not_what_differs_in_anything)
{
	const char *before = "intercept udp to 10.0.0.0/8 port 1 via 5 service a\n";
	const uint32_t none[] = {0};

	expect(before, "intercept udp to 10.0.0.0/8 port 1 via 6 service a\n", none);
	expect(before, "intercept udp to 10.0.0.0/8 port 1 via 5 service b\n", none);
	expect(before, "intercept udp to 10.0.0.0/8 port 1 via 5\n", none);
	expect(before, "pass udp to 10.0.0.0/8 port 1 service a\n", none);
	expect(before, "intercept tcp to 10.0.0.0/8 port 1 via 5 service a\n", none);
	expect(before, "intercept udp to 10.0.0.0/9 port 1 via 5 service a\n", none);
	expect(before, "intercept udp to 10.0.0.0/8 port 1-2 via 5 service a\n", none);
	expect(before, "intercept udp to 10.0.0.0/8 port 1 via 5 service a on eth0\n", none);
	expect(before, "intercept udp to 10.0.0.0/8 port 1 via 5 service a from 10.0.0.0/8\n",
	       none);
	expect(before, before, (const uint32_t[]){100});
	expect("", before, none);
}

Test(keep, a_counter_that_a_rule_has_already_stays)
{
	struct rule_set former = {0}, set = {0};

	parse(&former, "deny udp to 10.0.0.0/8 port 1\n");
	parse(&set, "deny udp to 10.0.0.0/8 port 1\n");
	former.rules[0].counter = 7;
	set.rules[0].counter = 9;
	cr_assert_eq(keep_counters(&set, &former), 0);
	cr_assert_eq(set.rules[0].counter, 9);
	rule_set_clear(&former);
	rule_set_clear(&set);
}
