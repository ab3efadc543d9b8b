/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* event_filter.c - see event_filter.h. */
#include <errno.h>
#include <string.h>

#include "datapath/reasons.h"
#include "event_filter.h"
#include "text.h"

#define REASON_WORD_MAX 64 /* longer than any, with the final NUL */

struct event_filter event_filter_all(void)
{
	return (struct event_filter){
		.reasons = ~0ULL,
		.in = ~0ULL,
		.out = ~0ULL,
		.verdicts = 1 << IFW_VERDICT_DROP | 1 << IFW_VERDICT_PASS,
	};
}

int event_filter_reasons(struct event_filter *filter, const char *list, const char **bad,
			 size_t *bad_len)
{
	char word[REASON_WORD_MAX];

	for (const char *at = list;; at += *bad_len + 1) {
		unsigned int reason = IFW_REASON_NONE;

		*bad = at;
		*bad_len = strcspn(at, ",");
		if (*bad_len < sizeof(word)) {
			memcpy(word, at, *bad_len);
			word[*bad_len] = '\0';
			reason = ifw_reason_find(word);
		}
		if (reason == IFW_REASON_NONE)
			return -EINVAL;
		if (filter->reasons == ~0ULL)
			filter->reasons = 0;
		filter->reasons |= 1ULL << reason;
		if (!at[*bad_len])
			return 0;
	}
}

int event_filter_verdict(struct event_filter *filter, const char *word)
{
	for (unsigned int verdict = 0; verdict < IFW_VERDICTS; verdict++) {
		if (strcmp(word, text_verdict(verdict)) != 0)
			continue;
		filter->verdicts = (uint8_t)(1 << verdict);
		return 0;
	}
	return -EINVAL;
}

bool event_filter_wants_rule(const struct event_filter *filter)
{
	return filter->by_rule || filter->service;
}

static bool ends_match(const struct event_filter *filter, const struct ifw_event *event)
{
	const struct ifw_flow_key key = {
		.low = event->src,
		.high = event->dst,
		.family = event->family,
		.protocol = event->family ? event->protocol : 0,
	};

	return flow_filter_matches(&filter->ends, &key);
}

bool event_filter_matches(const struct event_filter *filter, const struct ifw_event *event,
			  const struct rule *rule)
{
	const uint64_t slots = event->direction == IFW_DIRECTION_OUT ? filter->out : filter->in;

	if (!(slots >> (event->slot % IFW_SLOTS) & 1) ||
	    !(filter->reasons >> (event->reason % 64) & 1) ||
	    !(filter->verdicts >> (event->verdict % IFW_VERDICTS) & 1) ||
	    !ends_match(filter, event))
		return false;
	if (filter->by_rule && !(rule && rule_same_match(rule, &filter->rule)))
		return false;
	return !filter->service || (rule && strcmp(rule->label, filter->service) == 0);
}

struct ifw_watch event_filter_watch(const struct event_filter *filter, uint64_t slots)
{
	return (struct ifw_watch){
		.slots = slots & (filter->in | filter->out),
		.reasons = filter->reasons,
		.verdicts = filter->verdicts,
		.directions = (uint8_t)((filter->in ? 1 << IFW_DIRECTION_IN : 0) |
					(filter->out ? 1 << IFW_DIRECTION_OUT : 0)),
	};
}
