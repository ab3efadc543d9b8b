/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* event.h - one decision as a line: for people, or JSON with stable keys. */
#ifndef IFW_EVENT_H
#define IFW_EVENT_H

#include <stdio.h>

#include "ruleset/rule.h"
#include "table.h"

struct event_view {
	const struct ifw_event *event;
	const char *ifname;
	const char *rule;	 /* in the grammar's words; NULL: none, or not known any more */
	int64_t clock_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
};

/* Columns are of fixed width: the next line is not known yet. */
void event_print(FILE *out, const struct event_view *view, const struct table_look *look);

/* 0 or -ENOMEM. */
int event_print_json(FILE *out, const struct event_view *view);

/*
 * Whether the event can have come from this rule. Order numbers start anew when
 * all rules are replaced, so a number alone does not tell which rule was meant.
 */
bool event_fits_rule(const struct ifw_event *event, const struct rule *rule);

#endif /* IFW_EVENT_H */
