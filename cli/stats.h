/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats.h - counters as they stand, and the forms that they are shown in. */
#ifndef IFW_CLI_STATS_H
#define IFW_CLI_STATS_H

#include <stdio.h>

#include "loader/loader.h"

/* One reading. */
struct stats {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	bool up;	  /* there is a state; else everything is 0 */
	struct iface_info *ifaces;
	size_t count;
	struct rule_set rules;	       /* in order, where they were asked for */
	struct ifw_count *rule_counts; /* one each; NULL: rules are not counted */
	bool tracked;		       /* flows were asked for */
	uint64_t flows;		       /* remembered now */
	uint32_t max_flows;
};

void stats_free(struct stats *stats);

/* Out where only what leaves is counted by this reason: the counters have no direction. */
enum ifw_direction stats_direction(unsigned int reason);

/*
 * The text format of Prometheus, version 0.0.4, as a textfile collector reads it. 0; -ENOMEM;
 * what cannot be written shows in the stream.
 */
int stats_print_prometheus(FILE *out, const struct stats *stats);

/*
 * What happened between two readings, for a terminal: by reason, with a column for each
 * interface, and by rule, the busiest first, up to `lines` lines in all (0: as many as there
 * are). 0 or -ENOMEM.
 */
struct table_look;
int stats_print_rates(FILE *out, const struct stats *before, const struct stats *now,
		      const struct table_look *look, unsigned int lines);

#endif /* IFW_CLI_STATS_H */
