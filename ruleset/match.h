/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * match.h - what identifies a rule, in a form that a hash can have for its key.
 */
#ifndef IFW_RULESET_MATCH_H
#define IFW_RULESET_MATCH_H

/* Out of memory is an answer here, not the end of the process: the element says it was lost. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

#include "rule.h"

/* Without gaps between the fields: it is hashed as bytes. */
struct match {
	struct ifw_addr dst;
	struct ifw_addr src;
	uint64_t ifaces;
	uint16_t low;
	uint16_t high;
	uint8_t dst_len;
	uint8_t src_len;
	uint8_t family;
	uint8_t protocol;
};
_Static_assert(sizeof(struct match) == 48, "gaps would be hashed");

static inline struct match match_of(const struct rule *rule)
{
	return (struct match){
		.dst = rule->dst,
		.src = rule->src,
		.ifaces = rule->ifaces,
		.low = rule->low,
		.high = rule->high,
		.dst_len = rule->dst_len,
		.src_len = rule->src_len,
		.family = rule->family,
		.protocol = rule->protocol,
	};
}

#endif /* IFW_RULESET_MATCH_H */
