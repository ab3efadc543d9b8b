/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_merge.c - rules of several origins in one set. */
#include <stdio.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ruleset/grammar.h"
#include "ruleset/merge.h"

static void parse(const char *text, struct rule_set *set)
{
	*set = (struct rule_set){0};
	cr_assert_eq(grammar_parse_set(text, strlen(text), set, NULL, NULL), 0);
}

static void expect(const struct rule_set *set, const char *wanted)
{
	char text[4096] = "", line[RULE_TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < set->count; i++) {
		rule_print(&set->rules[i], &set->names, line, sizeof(line));
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n", line);
		cr_assert_lt(used, sizeof(text));
	}
	cr_expect_str_eq(text, wanted);
}

static void count_conflict(void *arg, const struct rule *stands, const struct rule *left)
{
	unsigned int *conflicts = arg;

	cr_expect(rule_same_match(stands, left) && !rule_equal(stands, left));
	++*conflicts;
}

Test(merge, adds_behind_in_order_what_is_not_there)
{
	struct rule_set set, from;
	unsigned int conflicts = 0;

	parse("pass udp to 10.0.0.0/8 port 1\n", &set);
	parse("deny udp to 10.0.0.0/8 port 3\npass udp to 10.0.0.0/8 port 1\n"
	      "deny udp to 10.0.0.0/8 port 2\n",
	      &from);
	cr_assert_eq(merge_rules(&set, &from, NULL, count_conflict, &conflicts), 0);
	expect(&set, "pass udp to 10.0.0.0/8 port 1\ndeny udp to 10.0.0.0/8 port 3\n"
		     "deny udp to 10.0.0.0/8 port 2\n");
	cr_expect_eq(conflicts, 0);
	rule_set_clear(&set);
	rule_set_clear(&from);
}

Test(merge, leaves_out_what_is_to_go_and_tells_of_conflicts)
{
	struct rule_set set, from, without;
	unsigned int conflicts = 0;

	parse("pass udp to 10.0.0.0/8 port 1\n", &set);
	parse("deny udp to 10.0.0.0/8 port 1\npass tcp to 10.0.0.0/8 port 7\n"
	      "deny tcp to 10.0.0.0/8 port 8\n",
	      &from);
	/* Of the same match as port 8's, but it does something else: that one was changed. */
	parse("pass tcp to 10.0.0.0/8 port 7\npass tcp to 10.0.0.0/8 port 8\n", &without);
	cr_assert_eq(merge_rules(&set, &from, &without, count_conflict, &conflicts), 0);
	expect(&set, "pass udp to 10.0.0.0/8 port 1\ndeny tcp to 10.0.0.0/8 port 8\n");
	cr_expect_eq(conflicts, 1);
	rule_set_clear(&set);
	rule_set_clear(&from);
	rule_set_clear(&without);
}

Test(merge, back_leaves_what_others_did_meanwhile)
{
	struct rule_set set = {0}, before, tried, now;

	parse("pass udp to 10.0.0.0/8 port 1\npass udp to 10.0.0.0/8 port 2\n"
	      "pass udp to 10.0.0.0/8 port 3\npass udp to 10.0.0.0/8 port 4\n",
	      &before);
	/* 1 stays, 2 is changed, 3 and 4 go, 5 to 7 come. */
	parse("pass udp to 10.0.0.0/8 port 1\ndeny udp to 10.0.0.0/8 port 2\n"
	      "pass udp to 10.0.0.0/8 port 5\npass udp to 10.0.0.0/8 port 6\n"
	      "pass udp to 10.0.0.0/8 port 7\n",
	      &tried);
	/* Others deleted 1 and 5, changed 6, and added 4, as another rule, and 8. */
	parse("deny udp to 10.0.0.0/8 port 2\ndeny udp to 10.0.0.0/8 port 6\n"
	      "pass udp to 10.0.0.0/8 port 7\ndeny udp to 10.0.0.0/8 port 4\n"
	      "pass tcp to 10.0.0.0/8 port 8\n",
	      &now);
	for (size_t i = 0; i < before.count; i++)
		before.rules[i].counter = 7;
	now.rules[4].counter = 9;
	cr_assert_eq(merge_back(&set, &before, &tried, NULL, &now), 0);
	expect(&set, "pass udp to 10.0.0.0/8 port 2\npass udp to 10.0.0.0/8 port 3\n"
		     "deny udp to 10.0.0.0/8 port 4\ndeny udp to 10.0.0.0/8 port 6\n"
		     "pass tcp to 10.0.0.0/8 port 8\n");
	cr_expect_eq(set.rules[0].counter, 0);
	cr_expect_eq(set.rules[4].counter, 9);
	rule_set_clear(&set);
	rule_set_clear(&before);
	rule_set_clear(&tried);
	rule_set_clear(&now);
}

/* Of two that fit alike the one that was added first decides: it was there before, and is again. */
Test(merge, back_puts_what_was_there_before_in_front_of_what_others_added)
{
	struct rule_set set = {0}, before, tried, now;

	parse("deny tcp to 10.0.0.0/8 port 80-90\n", &before);
	parse("deny tcp to 10.0.0.0/8 port 80-90\npass udp to 10.0.0.0/8 port 5\n", &tried);
	parse("deny tcp to 10.0.0.0/8 port 80-90\npass udp to 10.0.0.0/8 port 5\n"
	      "pass tcp to 10.0.0.0/8 port 80-85\n",
	      &now);
	now.rules[0].counter = 3;
	cr_assert_eq(merge_back(&set, &before, &tried, NULL, &now), 0);
	expect(&set, "deny tcp to 10.0.0.0/8 port 80-90\npass tcp to 10.0.0.0/8 port 80-85\n");
	cr_expect_eq(set.rules[0].counter, 3, "one that was in force all along keeps its counter");
	rule_set_clear(&set);
	rule_set_clear(&before);
	rule_set_clear(&tried);
	rule_set_clear(&now);
}

Test(merge, back_of_who_was_killed_between_two_sets)
{
	struct rule_set before, tried, next, now[2];
	const char *const wanted = "pass udp to 10.0.0.0/8 port 1\npass udp to 10.0.0.0/8 port 2\n"
				   "pass udp to 10.0.0.0/8 port 3\npass tcp to 10.0.0.0/8 port 9\n";

	/* 1 and 2 go, each from one of them; others delete 4, which both have, and add 9. */
	parse("pass udp to 10.0.0.0/8 port 1\npass udp to 10.0.0.0/8 port 2\n"
	      "pass udp to 10.0.0.0/8 port 3\npass udp to 10.0.0.0/8 port 4\n",
	      &before);
	parse("pass udp to 10.0.0.0/8 port 2\npass udp to 10.0.0.0/8 port 3\n"
	      "pass udp to 10.0.0.0/8 port 4\npass udp to 10.0.0.0/8 port 5\n",
	      &tried);
	parse("pass udp to 10.0.0.0/8 port 1\npass udp to 10.0.0.0/8 port 3\n"
	      "pass udp to 10.0.0.0/8 port 4\npass udp to 10.0.0.0/8 port 6\n",
	      &next);
	parse("pass udp to 10.0.0.0/8 port 2\npass udp to 10.0.0.0/8 port 3\n"
	      "pass udp to 10.0.0.0/8 port 5\npass tcp to 10.0.0.0/8 port 9\n",
	      &now[0]);
	parse("pass udp to 10.0.0.0/8 port 1\npass udp to 10.0.0.0/8 port 3\n"
	      "pass udp to 10.0.0.0/8 port 6\npass tcp to 10.0.0.0/8 port 9\n",
	      &now[1]);
	for (size_t i = 0; i < 2; i++) {
		struct rule_set set = {0};

		cr_assert_eq(merge_back(&set, &before, &tried, &next, &now[i]), 0);
		expect(&set, wanted);
		rule_set_clear(&set);
		rule_set_clear(&now[i]);
	}
	rule_set_clear(&before);
	rule_set_clear(&tried);
	rule_set_clear(&next);
}

Test(merge, of_a_hundred_thousand_is_done_at_once)
{
	struct rule_set set = {0}, from = {0};
	struct rule rule = {.family = 4, .protocol = 6, .dst_len = 32, .ifaces = IFW_IFACES_ANY};
	const clock_t begun = clock(); /* what the processor does, whatever else it has to do */

	for (uint32_t i = 0; i < 100000; i++) {
		rule.dst.lo = i;
		cr_assert_eq(rule_set_add(i % 2 ? &set : &from, &rule), 0);
	}
	cr_assert_eq(merge_rules(&set, &from, &from, NULL, NULL), 0);
	cr_expect_eq(set.count, 50000);
	cr_assert_eq(merge_rules(&set, &from, NULL, NULL, NULL), 0);
	cr_expect_eq(set.count, 100000);
	cr_expect_lt(clock() - begun, 10 * CLOCKS_PER_SEC);
	rule_set_clear(&set);
	rule_set_clear(&from);
}
