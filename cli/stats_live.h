/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats_live.h - what ifw stats does beside its table: a file for Prometheus, a live view. */
#ifndef IFW_CLI_STATS_LIVE_H
#define IFW_CLI_STATS_LIVE_H

#include "cli.h"
#include "stats.h"

/* Reads all of it. CLI_DONE; CLI_REFUSED after complaining, with nothing to free. */
int stats_read(const struct cli *cli, struct loader *loader, struct stats *stats);

/*
 * For a textfile collector: to stdout, or with path in place of that file at once, so that
 * no reader sees a part. Where ifw is not up that is what it says. CLI_*.
 */
int stats_export(const struct cli *cli, const char *path);

/*
 * Rates, each interval_ms again: on a terminal in one place, until a signal ends it; else one
 * block below the other. count: of them, 0: no end. only: one interface, NULL: all. CLI_*.
 */
int stats_watch(const struct cli *cli, const char *only, uint64_t interval_ms, uint64_t count);

#endif /* IFW_CLI_STATS_LIVE_H */
