/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats.c - ifw stats: what became of the packets of each interface, and why. */
#include <errno.h>
#include <inttypes.h>

#include "args.h"
#include "datapath/reasons.h"
#include "iface.h"
#include "json.h"
#include "table.h"
#include "text.h"

static const struct table_column columns[] = {
	{"REASON", false}, {"VERDICT", false}, {"PACKETS", true},
	{"BYTES", true},   {"MEANING", false},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void add_row(struct table *table, unsigned int reason, unsigned int verdict,
		    const struct ifw_count *count)
{
	const struct ifw_reason_info *info = ifw_reason_info(reason);

	table_cell(table, TABLE_PLAIN, "%s", text_reason(reason));
	table_cell(table, verdict == IFW_VERDICT_PASS ? TABLE_GOOD : TABLE_BAD, "%s",
		   text_verdict(verdict));
	table_cell(table, TABLE_PLAIN, "%" PRIu64, (uint64_t)count->packets);
	table_cell(table, TABLE_PLAIN, "%" PRIu64, (uint64_t)count->bytes);
	table_cell(table, TABLE_PLAIN, "%s", info ? info->text : "");
}

static int print_iface(const struct iface_info *iface)
{
	auto_table table = table_create(columns, COLUMNS);
	struct table_look look = table_look_of(stdout);
	uint64_t decisions = iface->counters.decisions, lost = iface->counters.events_lost;

	if (!table)
		return -ENOMEM;
	for (unsigned int reason = 1; reason < IFW_REASON_END; reason++)
		for (unsigned int verdict = 0; verdict < IFW_VERDICTS; verdict++)
			if (iface->counters.by_reason[reason][verdict].packets)
				add_row(table, reason, verdict,
					&iface->counters.by_reason[reason][verdict]);
	printf("%s (ifindex %u): %" PRIu64 " decision%s", iface->name, iface->ifindex, decisions,
	       text_s(decisions));
	if (lost)
		printf(", %" PRIu64 " event%s lost", lost, text_s(lost));
	putchar('\n');
	look.indent = 2;
	return decisions ? table_print(table, stdout, &look) : 0;
}

int cmd_stats(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 0, 1, "");
	auto_ifaces ifaces = {0};
	auto_loader loader = NULL;
	int status, err = 0;

	if (result)
		return args_status(result);
	status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (!status)
		status = ifaces_load(cli, loader, argv[optind], &ifaces);
	if (status)
		return status;
	if (cli->json)
		err = json_print(stdout, json_stats(ifaces.shown, ifaces.count));
	else if (!ifaces.count)
		fputs("no interface is up; bring one up with 'ifw up IFACE'\n", stderr);
	for (size_t i = 0; i < ifaces.count && !cli->json && !err; i++) {
		if (i)
			putchar('\n');
		err = print_iface(&ifaces.shown[i]);
	}
	if (err)
		complain(cli, "no memory to show the counters");
	return err ? CLI_REFUSED : CLI_DONE;
}
