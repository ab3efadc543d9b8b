/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* merge.h - rules of several origins in one set, with what cannot stand beside each other said. */
#ifndef IFW_MERGE_H
#define IFW_MERGE_H

#include "rule.h"

/* A rule that was not taken, and the one of the same match that stands in its place. */
typedef void (*merge_conflict_fn)(void *arg, const struct rule *stands, const struct rule *left);

/*
 * Adds to the set, behind its own rules, those of another (whose slots mean the same
 * names), in their order: but not those that equal one of without (NULL: none), nor those
 * whose match is in the set. conflict (may be NULL) is called where the two differ.
 * 0 or -ENOMEM.
 */
int merge_rules(struct rule_set *set, const struct rule_set *from, const struct rule_set *without,
		merge_conflict_fn conflict, void *arg);

/* Likewise without those that equal one of a or of b. 0 or -ENOMEM. */
int merge_less(struct rule_set *set, const struct rule_set *from, const struct rule_set *a,
	       const struct rule_set *b);

/*
 * Undoes a change from before to tried without what others have done since: the set, empty
 * until then, becomes what is in force now, less what the change brought, and with what it
 * took away; but not what others have deleted, and where they put another rule of the same
 * match that one stands in its place. What they added stands behind, for of two that fit alike
 * the one that was added first decides. next (NULL: none) is what may have been in force
 * instead of tried, of who was killed between the two. Slots of all mean the same names;
 * counters are those of now. 0 or -ENOMEM.
 */
int merge_back(struct rule_set *set, const struct rule_set *before, const struct rule_set *tried,
	       const struct rule_set *next, const struct rule_set *now);

#endif /* IFW_MERGE_H */
