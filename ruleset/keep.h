/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * keep.h - which rules of a set that replaces another go on counting.
 */
#ifndef IFW_KEEP_H
#define IFW_KEEP_H

#include "rule.h"

/*
 * Gives each rule of the set that has no counter the one of its equal among the
 * former ones, whose matches differ. 0 or -ENOMEM.
 */
int keep_counters(struct rule_set *set, const struct rule_set *former);

#endif /* IFW_KEEP_H */
