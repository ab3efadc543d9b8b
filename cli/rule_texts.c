/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* rule_texts.c - see rule_texts.h. */
#include <stdlib.h>

#include "event.h"
#include "ruleset/clock.h"
#include "rule_texts.h"

#define NS_PER_S 1000000000ULL

static void read_again(struct rule_texts *texts, uint64_t now)
{
	struct rule_set set = {0};
	uint64_t took;

	if (loader_rules(texts->loader, &set, NULL)) {
		/* An event without its text is better than none. */
		rule_set_clear(&set);
		texts->not_until_ns = now + NS_PER_S;
		return;
	}
	rule_set_clear(&texts->set);
	texts->set = set;
	took = clock_ns() - now;
	texts->stale_ns = now + took + NS_PER_S + 20 * took;
	texts->not_until_ns = now + took;
}

static int by_order(const void *key, const void *element)
{
	uint32_t order = *(const uint32_t *)key, other = ((const struct rule *)element)->order;

	return order < other ? -1 : order > other;
}

static const struct rule *find(const struct rule_texts *texts, const struct ifw_event *event)
{
	const struct rule *rule = NULL;

	if (texts->set.count)
		rule = bsearch(&event->rule, texts->set.rules, texts->set.count, sizeof(*rule),
			       by_order);
	return rule && event_fits_rule(event, rule) ? rule : NULL;
}

const struct rule *rule_texts_rule(struct rule_texts *texts, const struct ifw_event *event)
{
	const struct rule *rule;
	uint64_t now;

	if (!event->rule)
		return NULL;
	now = clock_ns();
	rule = find(texts, event);
	if ((!rule || now >= texts->stale_ns) && now >= texts->not_until_ns) {
		read_again(texts, now);
		rule = find(texts, event);
		if (!rule) {
			uint64_t rest = now + 10 * (clock_ns() - now);

			if (rest > texts->not_until_ns)
				texts->not_until_ns = rest;
		}
	}
	return rule;
}

const char *rule_texts_find(struct rule_texts *texts, const struct ifw_event *event, char *buffer,
			    size_t size)
{
	const struct rule *rule = rule_texts_rule(texts, event);

	if (!rule)
		return NULL;
	rule_print(rule, &texts->set.names, buffer, size);
	return buffer;
}

void rule_texts_free(struct rule_texts *texts)
{
	rule_set_clear(&texts->set);
}
