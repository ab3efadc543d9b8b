/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* flow_print.h - one tracked flow as a line: for people, or JSON with stable keys. */
#ifndef IFW_FLOW_PRINT_H
#define IFW_FLOW_PRINT_H

#include <stdio.h>

#include "ruleset/rule.h"

/* Which flows are meant. */
struct flow_filter {
	uint8_t protocol;     /* 0: every */
	uint8_t family;	      /* enum ifw_family; NONE: every address */
	uint8_t len;	      /* of prefix */
	struct ifw_addr addr; /* masked; one of the two ends lies in it */
};

/*
 * A word of the command line: a protocol, in either case, or a prefix. 0, -EINVAL;
 * -ERANGE: an address whose prefix length is none; -EEXIST: the second of its kind.
 */
int flow_filter_word(struct flow_filter *filter, const char *word);
bool flow_filter_matches(const struct flow_filter *filter, const struct ifw_flow_key *key);

/* Columns are of fixed width: there may be a million lines, and the next is not known yet. */
void flow_print_titles(FILE *out);
/* now_ns: CLOCK_MONOTONIC */
void flow_print(FILE *out, const struct ifw_flow_key *key, const struct ifw_flow *flow,
		uint64_t now_ns);
/* One object, without a line end. */
void flow_print_json(FILE *out, const struct ifw_flow_key *key, const struct ifw_flow *flow,
		     uint64_t now_ns);

#endif /* IFW_FLOW_PRINT_H */
