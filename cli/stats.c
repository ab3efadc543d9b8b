/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats.c - ifw stats: what became of the packets of each interface, why, and by which rule. */
#include <errno.h>
#include <inttypes.h>

#include "args.h"
#include "datapath/reasons.h"
#include "iface.h"
#include "json.h"
#include "stats_live.h"
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

/* --- Rules ------------------------------------------------------------------ */

static int print_rules(const struct rule_set *set, const struct ifw_count *counts)
{
	static const struct table_column rule_columns[] = {
		{"PACKETS", true}, {"BYTES", true}, {"RULE", false}};
	auto_table table =
		table_create(rule_columns, sizeof(rule_columns) / sizeof(rule_columns[0]));
	struct table_look look = table_look_of(stdout);
	char text[RULE_TEXT_MAX];

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++) {
		rule_print(&set->rules[i], &set->names, text, sizeof(text));
		table_cell(table, TABLE_PLAIN, "%" PRIu64, (uint64_t)counts[i].packets);
		table_cell(table, TABLE_PLAIN, "%" PRIu64, (uint64_t)counts[i].bytes);
		table_cell(table, TABLE_PLAIN, "%s", text);
	}
	printf("\n%zu rule%s\n", set->count, text_s(set->count));
	look.indent = 2;
	return set->count ? table_print(table, stdout, &look) : 0;
}

/* --- The command ------------------------------------------------------------- */

#define WATCH_DEFAULT 2 /* seconds */
#define WATCH_MAX 86400

enum {
	OPTION_RULES = ARGS_COMMAND,
	OPTION_WATCH,
	OPTION_COUNT,
	OPTION_PROMETHEUS,
	OPTION_OUTPUT,
};

struct asked {
	bool rules, prometheus;
	uint64_t watch; /* seconds; 0: it is not to be watched */
	uint64_t count; /* of a watch */
	const char *output;
	const char *iface;
};

static int take_number(const struct cli *cli, const char *option, const char *text, uint64_t max,
		       uint64_t *number)
{
	if (!text_number(text, 1, max, number))
		return CLI_DONE;
	complain(cli, "--%s takes a number from 1 to %" PRIu64 ", not '%s'", option, max, text);
	return CLI_INPUT;
}

/* "--watch=5" and "--watch 5"; a number behind it is no interface. */
static int take_watch(const struct cli *cli, int argc, char **argv, struct asked *asked)
{
	uint64_t ignored;

	asked->watch = WATCH_DEFAULT;
	if (optarg)
		return take_number(cli, "watch", optarg, WATCH_MAX, &asked->watch);
	if (optind < argc && text_number(argv[optind], 0, UINT64_MAX, &ignored) != -EINVAL)
		return take_number(cli, "watch", argv[optind++], WATCH_MAX, &asked->watch);
	return CLI_DONE;
}

/* What does not go together. */
static int check(const struct cli *cli, const struct asked *asked)
{
	const char *why = NULL;

	if (asked->watch && (asked->prometheus || cli->json))
		why = "--watch is for people: leave -j and --prometheus away";
	else if (asked->prometheus && (cli->json || asked->iface))
		why = "--prometheus has all interfaces and rules, in a form of its own: leave the "
		      "rest away";
	else if (asked->output && !asked->prometheus)
		why = "--output is for --prometheus; elsewhere use > FILE";
	else if (asked->count && !asked->watch)
		why = "--count is for --watch";
	if (why)
		complain(cli, "%s", why);
	return why ? CLI_INPUT : CLI_DONE;
}

static int read_options(struct cli *cli, int argc, char **argv, struct asked *asked)
{
	static const struct option options[] = {
		ARGS_COMMON,
		{"rules", no_argument, NULL, OPTION_RULES},
		{"watch", optional_argument, NULL, OPTION_WATCH},
		{"count", required_argument, NULL, OPTION_COUNT},
		{"prometheus", no_argument, NULL, OPTION_PROMETHEUS},
		{"output", required_argument, NULL, OPTION_OUTPUT},
		ARGS_END,
	};
	int got, status = CLI_DONE;

	optind = 0;
	while (!status && (got = args_next(cli, argc, argv, options)) >= 0) {
		if (got == OPTION_WATCH)
			status = take_watch(cli, argc, argv, asked);
		else if (got == OPTION_COUNT)
			status = take_number(cli, "count", optarg, UINT32_MAX, &asked->count);
		else if (got == OPTION_OUTPUT)
			asked->output = optarg;
		else if (got == OPTION_RULES)
			asked->rules = true;
		else
			asked->prometheus = true;
	}
	if (status)
		return ARGS_BAD;
	if (got != ARGS_END_OF_OPTIONS)
		return got;
	if (args_count(cli, argc, argv, 0, 1, ""))
		return ARGS_BAD;
	asked->iface = argv[optind];
	return check(cli, asked) ? ARGS_BAD : 0;
}

static int print_json(const struct ifaces *ifaces, const struct rule_set *set,
		      const struct ifw_count *counts, bool rules)
{
	json_t *all = json_stats(ifaces->shown, ifaces->count);

	if (all && rules && json_object_set_new(all, "rules", json_rules(set, counts))) {
		json_decref(all);
		all = NULL;
	}
	return json_print(stdout, all);
}

static int print(const struct cli *cli, const struct ifaces *ifaces, const struct rule_set *set,
		 const struct ifw_count *counts, bool rules)
{
	int err = 0;

	if (cli->json)
		return print_json(ifaces, set, counts, rules);
	if (!ifaces->count)
		fputs("no interface is up; bring one up with 'ifw up IFACE'\n", stderr);
	for (size_t i = 0; i < ifaces->count && !err; i++) {
		if (i)
			putchar('\n');
		err = print_iface(&ifaces->shown[i]);
	}
	if (err || !rules)
		return err;
	if (counts)
		return print_rules(set, counts);
	complain(cli,
		 "rules are not counted: that was switched off when the first interface came up");
	return 0;
}

static int show(const struct cli *cli, const struct asked *asked)
{
	struct ifw_count *counts = NULL;
	struct failure failure = {0};
	auto_ifaces ifaces = {0};
	auto_loader loader = NULL;
	auto_set set = {0};
	int status, err = 0;

	status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (!status)
		status = ifaces_load(cli, loader, asked->iface, &ifaces);
	if (!status && asked->rules && loader_rules_counted(loader, &set, &counts, &failure)) {
		complain(cli, "%s", failure.text);
		status = CLI_REFUSED;
	}
	if (status)
		return status;
	err = print(cli, &ifaces, &set, counts, asked->rules);
	free(counts);
	if (err)
		complain(cli, "no memory to show the counters");
	return err ? CLI_REFUSED : CLI_DONE;
}

int cmd_stats(struct cli *cli, int argc, char **argv)
{
	struct asked asked = {0};
	int result = read_options(cli, argc, argv, &asked);

	if (result)
		return args_status(result);
	if (asked.prometheus)
		return stats_export(cli, asked.output);
	if (asked.watch)
		return stats_watch(cli, asked.iface, asked.watch * 1000, asked.count);
	return show(cli, &asked);
}
