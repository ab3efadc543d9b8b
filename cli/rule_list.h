/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rule_list.h - rules as `ifw rule list` prints them: a line each, which reads
 * back as it is, and behind it, as a comment, what the rule has decided.
 */
#ifndef IFW_RULE_LIST_H
#define IFW_RULE_LIST_H

#include <stdio.h>

#include "ruleset/rule.h"

/* counts: one for each rule, or NULL. One that is 0 prints nothing. */
void rule_list_print(FILE *out, const struct rule_set *set, const struct ifw_count *counts);

#endif /* IFW_RULE_LIST_H */
