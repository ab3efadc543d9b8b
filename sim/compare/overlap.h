/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * overlap.h - which rules of a set match packets that another one matches, too.
 */
#ifndef IFW_SIM_OVERLAP_H
#define IFW_SIM_OVERLAP_H

#include "ruleset/rule.h"

/* Whether there are packets that both match; whether a matches all that b does. */
bool rules_meet(const struct rule *a, const struct rule *b);
bool rule_holds(const struct rule *a, const struct rule *b);

struct overlap;

/* For the set, which must stay as it is. 0 or -ENOMEM. Destroy with overlap_destroy. */
int overlap_create(const struct rule_set *set, struct overlap **overlap);
void overlap_destroy(struct overlap *overlap);

/*
 * Rules that meet this one, which is of the set, without itself, in the set's order;
 * good until the next call. Returns how many.
 */
size_t overlap_find(struct overlap *overlap, const struct rule *rule,
		    const struct rule *const **found);

#endif /* IFW_SIM_OVERLAP_H */
