/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_cli_rule_texts.c - the words of an event's rule while rules change. The
 * loader is played by this file.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli/rule_texts.h"
#include "datapath/reasons.h"
#include "ruleset/grammar.h"

/* Given as the loader: the rules in force, and how often they were asked for. */
struct fake {
	const char *rules; /* NULL: it fails */
	unsigned int asked;
};

int loader_rules(struct loader *loader, struct rule_set *set, struct failure *failure)
{
	struct fake *fake = (struct fake *)loader;

	(void)failure;
	fake->asked++;
	if (!fake->rules)
		return -EIO;
	return grammar_parse_set(fake->rules, strlen(fake->rules), set, NULL, NULL);
}

static struct ifw_event event_for(uint32_t rule, uint16_t port)
{
	struct ifw_event event = {
		.dst = {0x0a000001ULL << 32, 0},
		.rule = rule,
		.dst_port = port,
		.family = IFW_FAMILY_IPV4,
		.protocol = 6,
		.reason = IFW_REASON_RULE_PASS,
	};

	return event;
}

#define FIRST "pass tcp to 10.0.0.0/8 port 80"
#define SECOND "pass tcp to 10.0.0.0/8 port 443"

static void pause_ms(long ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

Test(rule_texts, reads_once_and_again_where_an_event_does_not_fit)
{
	struct fake fake = {.rules = FIRST "\n"};
	struct rule_texts texts = {.loader = (struct loader *)&fake};
	struct ifw_event event = event_for(1, 80);
	char text[RULE_TEXT_MAX];

	cr_expect_str_eq(rule_texts_find(&texts, &event, text, sizeof(text)), FIRST);
	cr_expect_str_eq(rule_texts_find(&texts, &event, text, sizeof(text)), FIRST);
	cr_expect_eq(fake.asked, 1);
	/* Replaced as a whole: the number is the same, the rule is another. */
	fake.rules = SECOND "\n";
	pause_ms(5);
	event = event_for(1, 443);
	cr_expect_str_eq(rule_texts_find(&texts, &event, text, sizeof(text)), SECOND);
	cr_expect_eq(fake.asked, 2);
	/* A new number. */
	fake.rules = SECOND "\n" FIRST "\n";
	pause_ms(5);
	event = event_for(2, 80);
	cr_expect_str_eq(rule_texts_find(&texts, &event, text, sizeof(text)), FIRST);
	cr_expect_eq(fake.asked, 3);
	rule_texts_free(&texts);
}

Test(rule_texts, a_rule_that_is_gone_does_not_keep_it_reading)
{
	struct fake fake = {.rules = FIRST "\n"};
	struct rule_texts texts = {.loader = (struct loader *)&fake};
	struct ifw_event event = event_for(7, 80);
	char text[RULE_TEXT_MAX];

	cr_expect_null(rule_texts_find(&texts, &event, text, sizeof(text)));
	for (int i = 0; i < 1000; i++)
		cr_expect_null(rule_texts_find(&texts, &event, text, sizeof(text)));
	cr_expect_lt(fake.asked, 500, "%u", fake.asked);
	rule_texts_free(&texts);
}

Test(rule_texts, grows_old)
{
	struct fake fake = {.rules = FIRST " service old\n"};
	struct rule_texts texts = {.loader = (struct loader *)&fake};
	struct ifw_event event = event_for(1, 80);
	char text[RULE_TEXT_MAX];

	cr_expect_str_eq(rule_texts_find(&texts, &event, text, sizeof(text)), FIRST " service old");
	/* Nothing in an event tells a label: only time does. */
	fake.rules = FIRST " service new\n";
	pause_ms(1200);
	cr_expect_str_eq(rule_texts_find(&texts, &event, text, sizeof(text)), FIRST " service new");
	rule_texts_free(&texts);
}

Test(rule_texts, without_a_rule_or_an_answer)
{
	struct fake fake = {0};
	struct rule_texts texts = {.loader = (struct loader *)&fake};
	struct ifw_event event = event_for(0, 80);
	char text[RULE_TEXT_MAX];

	cr_expect_null(rule_texts_find(&texts, &event, text, sizeof(text)));
	cr_expect_eq(fake.asked, 0);
	event = event_for(1, 80);
	cr_expect_null(rule_texts_find(&texts, &event, text, sizeof(text)));
	pause_ms(50);
	cr_expect_null(rule_texts_find(&texts, &event, text, sizeof(text)));
	cr_expect_eq(fake.asked, 1);
	rule_texts_free(&texts);
}
