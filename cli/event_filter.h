/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* event_filter.h - which decisions are meant: by reason, verdict, interface, ends and rule. */
#ifndef IFW_EVENT_FILTER_H
#define IFW_EVENT_FILTER_H

#include "flow_print.h"

struct event_filter {
	uint64_t reasons; /* bit n: reason n */
	uint64_t in, out; /* bit n: what came in by slot n, what leaves by it */
	uint8_t verdicts; /* bit n: enum ifw_verdict n */
	struct flow_filter ends;
	bool by_rule;
	struct rule rule;    /* by_rule: of this match, bound to the names in force */
	const char *service; /* of a rule with this label; NULL: of any, or of none */
};

/* Lets everything through. */
struct event_filter event_filter_all(void);

/*
 * Narrows it to reasons of a list "no-rule,rule-deny"; called again, it adds to them. 0;
 * -EINVAL: *bad, *bad_len is a word that is no reason.
 */
int event_filter_reasons(struct event_filter *filter, const char *list, const char **bad,
			 size_t *bad_len);

/* "pass" or "drop". 0 or -EINVAL. */
int event_filter_verdict(struct event_filter *filter, const char *word);

/* Whether the rule of an event has to be known to answer. */
bool event_filter_wants_rule(const struct event_filter *filter);

/* rule: the event's; NULL: it had none, or it is not known any more. */
bool event_filter_matches(const struct event_filter *filter, const struct ifw_event *event,
			  const struct rule *rule);

/* What of it the program can see to itself, for slots. */
struct ifw_watch event_filter_watch(const struct event_filter *filter, uint64_t slots);

#endif /* IFW_EVENT_FILTER_H */
