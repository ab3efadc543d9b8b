/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_run.h - what `ifw-sim run` has seen so far, and its summary.
 */
#ifndef IFW_SIM_CMD_RUN_H
#define IFW_SIM_CMD_RUN_H

#include "cmd.h"
#include "sim/capture/top.h"

struct run_summary {
	uint64_t packets; /* decided */
	struct undecided undecided;
	struct ifw_count by_reason[IFW_REASON_END][IFW_VERDICTS];
	struct top *dropped; /* destinations */
};

void run_summary_add(struct run_summary *summary, struct sim_world *world,
		     const struct sim_result *result);

/* For people; and as one JSON object: 0, -ENOMEM, -EIO. */
void run_summary_print(const struct run_summary *summary, const struct sim_world *world,
		       FILE *stream);
int run_summary_json(const struct run_summary *summary, const struct sim_world *world);

#endif /* IFW_SIM_CMD_RUN_H */
