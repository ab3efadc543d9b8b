/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* rule_texts.h - what rule an event means, in words, while rules change. */
#ifndef IFW_RULE_TEXTS_H
#define IFW_RULE_TEXTS_H

#include "loader/loader.h"

/*
 * A copy of the rules. It is read again when an event does not fit it, or when
 * it is old; not more often than reading takes, so that a flood of events from
 * a rule that is gone cannot keep us reading.
 */
struct rule_texts {
	struct loader *loader;
	struct rule_set set;
	uint64_t stale_ns;     /* CLOCK_MONOTONIC: read again from then on */
	uint64_t not_until_ns; /* never before that */
};

/* The event's rule, until the next call; NULL where it had none or it is gone. */
const struct rule *rule_texts_rule(struct rule_texts *texts, const struct ifw_event *event);
/* The rule's text in buffer, or NULL where the event had none or it is gone. */
const char *rule_texts_find(struct rule_texts *texts, const struct ifw_event *event, char *buffer,
			    size_t size);
void rule_texts_free(struct rule_texts *texts);

#endif /* IFW_RULE_TEXTS_H */
