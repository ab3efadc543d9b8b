/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_grammar_set.c - whole texts of rules: order numbers, names, duplicates,
 * several errors, line ends, and a text of 250,000 lines.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../ruleset/grammar.h"
#include "diagnostics.h"
#include "rules_common.h"

static int parse_set(const char *text, size_t len, struct rule_set *set, struct log *log)
{
	char *copy = exact(text, len);
	int err = grammar_parse_set(copy, len, set, listen_to, log);

	free(copy);
	return err;
}

Test(set, empty)
{
	static const char *const texts[] = {"", "\n", "\r\n\r\n", "# nothing", " \n#\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rule_set set = {0};
		struct log log = {0};

		cr_assert_eq(parse_set(texts[i], strlen(texts[i]), &set, &log), 0);
		cr_assert_eq(set.count, 0);
		cr_assert_eq(log.count, 0);
	}
}

Test(set, orders_names_and_line_ends)
{
	static const char text[] = "# first\r\n"
				   "pass tcp to 10.0.0.0/8 port 80 on eth1\r\n"
				   "\r\n"
				   "deny udp to 10.0.0.0/8 port 53 on eth0,eth1\n"
				   "intercept tcp to 10.0.0.1 port 1-2 via 99";
	struct rule_set set = {0};
	struct log log = {0};

	cr_assert_eq(iface_names_add(&set.names, "eth0"), 1);
	cr_assert_eq(parse_set(text, sizeof(text) - 1, &set, &log), 0);
	cr_assert_eq(log.count, 0);
	cr_assert_eq(set.count, 3);
	for (uint32_t i = 0; i < 3; i++)
		cr_assert_eq(set.rules[i].order, i + 1);
	cr_assert_eq(set.rules[0].ifaces, 1 << 2);
	cr_assert_eq(set.rules[1].ifaces, 1 << 1 | 1 << 2);
	cr_assert_eq(set.rules[2].action, IFW_ACTION_INTERCEPT);
	rule_set_clear(&set);
}

Test(set, equal_rules_count_once)
{
	static const char text[] = "pass tcp to 10.0.0.0/8 port 80 on a,b service x\n"
				   "\n"
				   "  pass tcp on b,a service x port 80-80 to 10.1.2.3/8 # again\n"
				   "pass tcp to 10.0.0.0/8 port 80 on a service x\n";
	struct rule_set set = {0};
	struct log log = {0};

	cr_assert_eq(parse_set(text, sizeof(text) - 1, &set, &log), 0);
	cr_assert_eq(set.count, 2);
	cr_assert_eq(set.rules[1].order, 2);
	cr_assert_eq(log.count, 2); /* host bits, then */
	cr_assert_eq(log.said[1].severity, SEVERITY_WARNING);
	cr_assert_str_eq(log.said[1].message, "the same rule as in line 1; counts once");
	cr_assert_eq(log.said[1].line, 3);
	cr_assert_eq(log.said[1].column, 3);
	cr_assert_eq(log.said[1].width, 50);
	rule_set_clear(&set);
}

Test(set, one_match_with_two_meanings)
{
	static const char text[] = "pass tcp to 10.0.0.0/8 port 80\n"
				   "intercept tcp to 10.0.0.0/8 port 81 via 1\n"
				   "deny tcp to 10.0.0.0/8 port 80\n"
				   "intercept tcp to 10.0.0.0/8 port 81 via 2\r\n"
				   "pass tcp to 10.0.0.0/8 port 80 service x\n";
	static const struct {
		unsigned int line, width, first;
	} expected[] = {{3, 30, 1}, {4, 41, 2}, {5, 40, 1}};
	struct rule_set set = {0};
	struct log log = {0};

	cr_assert_eq(iface_names_add(&set.names, "eth0"), 1);
	cr_assert_eq(parse_set(text, sizeof(text) - 1, &set, &log), -EINVAL);
	cr_assert_eq(log.count, 3);
	for (unsigned int i = 0; i < 3; i++) {
		char message[100];

		snprintf(message, sizeof(message),
			 "same match as in line %u, but another action, listener or label",
			 expected[i].first);
		cr_assert_str_eq(log.said[i].message, message);
		cr_assert_eq(log.said[i].severity, SEVERITY_ERROR);
		cr_assert_eq(log.said[i].line, expected[i].line);
		cr_assert_eq(log.said[i].column, 1);
		cr_assert_eq(log.said[i].width, expected[i].width);
	}
	cr_assert_str_eq(log.said[1].source, "intercept tcp to 10.0.0.0/8 port 81 via 2");
	cr_assert_eq(set.count, 0);
	cr_assert_null(set.rules);
	cr_assert_eq(iface_names_find(&set.names, "eth0"), 1);
}

/* Each part of the match, and nothing else, tells rules apart. */
Test(set, near_duplicates_are_none)
{
	static const char text[] = "pass tcp to 10.0.0.0/8 port 80\n"
				   "pass udp to 10.0.0.0/8 port 80\n"
				   "pass tcp to 10.0.0.0/9 port 80\n"
				   "pass tcp to 11.0.0.0/8 port 80\n"
				   "pass tcp to 10.0.0.0/8 port 80-81\n"
				   "pass tcp to 10.0.0.0/8 port 79-80\n"
				   "pass tcp to 10.0.0.0/8 port 80 from 10.0.0.0/8\n"
				   "pass tcp to 10.0.0.0/8 port 80 from 10.0.0.0/9\n"
				   "pass tcp to 10.0.0.0/8 port 80 from 11.0.0.0/8\n"
				   "pass tcp to 10.0.0.0/8 port 80 on a\n"
				   "pass tcp to 10.0.0.0/8 port 80 on b\n";
	struct rule_set set = {0};
	struct log log = {0};

	cr_assert_eq(parse_set(text, sizeof(text) - 1, &set, &log), 0);
	cr_assert_eq(set.count, 11);
	cr_assert_eq(log.count, 0);
	rule_set_clear(&set);
}

Test(set, goes_on_after_an_error_and_then_gives_up)
{
	char text[64 * 32];
	size_t len = 0;
	struct rule_set set = {0};
	struct log log = {0};

	for (unsigned int i = 0; i < 50; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n",
					i % 2 ? "permit" : "pass tcp to 10.0.0.0/8 port 80");
	cr_assert_eq(parse_set(text, len, &set, &log), -EINVAL);
	cr_assert_eq(set.count, 0);

	unsigned int found = 0;

	for (unsigned int i = 0; i < log.count; i++) {
		if (log.said[i].severity != SEVERITY_ERROR)
			continue;
		found++;
		cr_assert_eq(log.said[i].line, 2 * found);
	}
	cr_assert_eq(found, GRAMMAR_ERRORS_MAX);
}

Test(set, the_names_of_a_refused_text_are_forgotten)
{
	static const char text[] = "pass tcp to 10.0.0.0/8 port 80 on eth7\npermit\n";
	struct rule_set set = {0};
	struct log log = {0};

	cr_assert_eq(iface_names_add(&set.names, "eth0"), 1);
	cr_assert_eq(parse_set(text, sizeof(text) - 1, &set, &log), -EINVAL);
	cr_assert_eq(iface_names_find(&set.names, "eth0"), 1);
	cr_assert_eq(iface_names_find(&set.names, "eth7"), 0);
}

#define MANY 250000

/* Quadratic work would take minutes; the bound leaves room for sanitizers. */
Test(set, a_quarter_million_lines_and_an_error_in_the_last)
{
	size_t room = (size_t)MANY * 64, len = 0;
	char *text = malloc(room);
	struct rule_set set = {0};
	struct log log = {0};
	double start;

	cr_assert_not_null(text);
	for (unsigned int i = 0; i < MANY; i++)
		len += (size_t)snprintf(text + len, room - len,
					"intercept tcp to 10.%u.%u.%u port 443 via 9999\n", i >> 16,
					i >> 8 & 255, i & 255);
	start = seconds();
	cr_assert_eq(parse_set(text, len, &set, &log), 0);
	cr_assert_lt(seconds() - start, 10);
	cr_assert_eq(set.count, MANY);
	cr_assert_eq(set.rules[MANY - 1].order, MANY);
	rule_set_clear(&set);

	len += (size_t)snprintf(text + len, room - len, "deny tcp to 10.0.1.7 port 443");
	cr_assert_eq(parse_set(text, len, &set, &log), -EINVAL);
	cr_assert_eq(log.count, 1);
	cr_assert_eq(log.said[0].line, MANY + 1);
	cr_assert_str_eq(log.said[0].message,
			 "same match as in line 264, but another action, listener or label");
	cr_assert_eq(set.count, 0);
	free(text);
}
