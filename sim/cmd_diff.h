/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_diff.h - what both kinds of `ifw-sim diff` share.
 */
#ifndef IFW_SIM_CMD_DIFF_H
#define IFW_SIM_CMD_DIFF_H

#include <jansson.h>

#include "probe.h"

/* {"verdict": ..., "reason": ..., "text": ...} */
json_t *cmd_answer_json(const struct answer *answer);

#endif /* IFW_SIM_CMD_DIFF_H */
