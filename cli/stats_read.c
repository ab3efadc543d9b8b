/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats_read.c - see stats_live.h: counters out of the kernel. */
#include <errno.h>
#include <string.h>

#include "iface.h"
#include "ruleset/clock.h"
#include "stats_live.h"

static int count_flow(void *arg, const struct ifw_flow_key *key, const struct ifw_flow *flow)
{
	uint64_t *flows = arg;

	(void)key;
	(void)flow;
	(*flows)++;
	return 0;
}

static int read_flows(struct loader *loader, struct stats *stats, struct failure *failure)
{
	struct loader_usage usage;
	int err = loader_usage(loader, &usage, failure);

	for (size_t i = 0; i < stats->count; i++)
		stats->tracked |= !!(stats->ifaces[i].settings.flags & IFW_IFACE_TRACK);
	if (err || !stats->tracked)
		return err;
	stats->max_flows = usage.limits.flows;
	return loader_flows(loader, count_flow, &stats->flows, failure);
}

int stats_read(const struct cli *cli, struct loader *loader, struct stats *stats)
{
	struct failure failure = {0};
	int err;

	*stats = (struct stats){.up = true};
	err = loader_ifaces(loader, &stats->ifaces, &stats->count, &failure);
	if (!err)
		err = loader_rules_counted(loader, &stats->rules, &stats->rule_counts, &failure);
	if (!err)
		err = read_flows(loader, stats, &failure);
	stats->time_ns = clock_ns();
	if (!err)
		return CLI_DONE;
	complain(cli, "%s", failure.text);
	stats_free(stats);
	return CLI_REFUSED;
}

void stats_free(struct stats *stats)
{
	loader_ifaces_free(stats->ifaces, stats->count);
	rule_set_clear(&stats->rules);
	free(stats->rule_counts);
	*stats = (struct stats){0};
}
