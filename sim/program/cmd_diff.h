/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_diff.h - what both kinds of `ifw-sim diff` share. side: 0 before, 1 after.
 */
#ifndef IFW_SIM_CMD_DIFF_H
#define IFW_SIM_CMD_DIFF_H

#include <jansson.h>

#include "cmd_compare.h"

/* A line for people: the rule with this order number, and whether the other side lacks it. */
void cmd_diff_print_rule(const struct compared *compared, uint32_t order, size_t side);

/* {"verdict": ..., "reason": ..., "text": ..., "rule": ...} */
json_t *cmd_diff_side_json(const struct compared *compared, const struct answer *answer,
			   uint32_t order, size_t side);

/* What --expect makes of it, an enum exit_status. */
int cmd_diff_expected(const struct options *options, bool changes);

#endif /* IFW_SIM_CMD_DIFF_H */
