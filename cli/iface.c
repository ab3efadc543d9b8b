/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* iface.c - ifw iface show. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "args.h"
#include "iface.h"
#include "json.h"
#include "table.h"
#include "text.h"

int ifaces_load(const struct cli *cli, struct loader *loader, const char *only,
		struct ifaces *ifaces)
{
	struct failure failure = {0};

	if (loader_ifaces(loader, &ifaces->all, &ifaces->all_count, &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	ifaces->shown = ifaces->all;
	ifaces->count = ifaces->all_count;
	if (!only)
		return CLI_DONE;
	ifaces->count = 1;
	for (size_t i = 0; i < ifaces->all_count; i++) {
		ifaces->shown = &ifaces->all[i];
		if (strcmp(only, ifaces->shown->name) == 0)
			return CLI_DONE;
	}
	ifaces->count = 0;
	complain(cli, "'%s' is not up (see 'ifw iface show')", only);
	return CLI_REFUSED;
}

size_t ifaces_tracked(const struct ifaces *ifaces)
{
	size_t tracked = 0;

	for (size_t i = 0; i < ifaces->count; i++)
		tracked += !!(ifaces->shown[i].settings.flags & IFW_IFACE_TRACK);
	return tracked;
}

static void warn_unanswered(const struct cli *cli, const struct iface_info *iface)
{
	const struct ifw_iface *set = &iface->settings;

	if (set->flags & IFW_IFACE_TRACK || !(set->flags & IFW_IFACE_EGRESS_DENY) ||
	    iface->ifindex == IFW_LOOPBACK_IFINDEX)
		return;
	complain(cli,
		 "warning: '%s' denies by default what leaves and tracks no flows: answers to what "
		 "was let in do not leave without an egress rule, TCP of this host apart; use: ifw "
		 "iface set %s track on",
		 iface->name, iface->name);
}

void ifaces_warn_unanswered(const struct cli *cli, struct loader *loader, char *const *names,
			    size_t count)
{
	auto_ifaces ifaces = {0};
	struct failure failure = {0};

	/* What was asked for is done, and did not fail because this does. */
	if (loader_ifaces(loader, &ifaces.all, &ifaces.all_count, &failure))
		return;
	for (size_t i = 0; i < ifaces.all_count; i++)
		for (size_t j = 0; j < count; j++)
			if (strcmp(ifaces.all[i].name, names[j]) == 0)
				warn_unanswered(cli, &ifaces.all[i]);
}

void ifaces_free(struct ifaces *ifaces)
{
	loader_ifaces_free(ifaces->all, ifaces->all_count);
}

/* The next own address from *at on, NULL behind the last. */
static const char *next_address(const struct iface_info *iface, size_t *at, char *text, size_t size)
{
	while (*at < iface->addr_count) {
		const struct iface_addr *addr = &iface->addrs[(*at)++];

		if (addr->kind == IFW_ADDR_LOCAL)
			return rule_print_addr(addr->addr, addr->family, text, size);
	}
	return NULL;
}

static const struct table_column columns[] = {
	{"NAME", false}, {"IFINDEX", true},    {"STATE", false},   {"SSH", false},
	{"ECHO", false}, {"TRACK", false},     {"VERBOSE", false}, {"MARK/MASK", false},
	{"TABLE", true}, {"ADDRESSES", false},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void add_state(struct table *table, const struct iface_info *iface)
{
	if (!iface->present)
		table_cell(table, TABLE_BAD, "gone");
	else if (!iface->attached)
		table_cell(table, TABLE_BAD, "detached");
	else if (iface->renamed)
		table_cell(table, TABLE_BAD, "renamed");
	else
		table_cell(table, TABLE_GOOD, "attached (%s)",
			   text_hook(iface->settings.at[IFW_DIRECTION_IN].hook));
}

static void add_verbose(struct table *table, uint32_t verbose)
{
	if (verbose > 1)
		table_cell(table, TABLE_PLAIN, "every %u", verbose);
	else
		table_cell(table, TABLE_PLAIN, "%s", verbose ? "on" : "off");
}

/* One row, and one more for each address behind the first. */
static void add_iface(struct table *table, const struct iface_info *iface)
{
	const struct ifw_iface *set = &iface->settings;
	bool recorded = set->flags & IFW_IFACE_ADDRS_RECORDED;
	char text[INET6_ADDRSTRLEN];
	const char *address;
	size_t at = 0;

	table_cell(table, TABLE_PLAIN, "%s", iface->name);
	table_cell(table, TABLE_PLAIN, "%u", iface->ifindex);
	add_state(table, iface);
	table_cell(table, TABLE_PLAIN, "%s", set->flags & IFW_IFACE_SSH_OFF ? "off" : "on");
	table_cell(table, TABLE_PLAIN, "%s", set->flags & IFW_IFACE_ECHO ? "on" : "off");
	table_cell(table, TABLE_PLAIN, "%s", set->flags & IFW_IFACE_TRACK ? "on" : "off");
	add_verbose(table, set->verbose);
	table_cell(table, TABLE_PLAIN, "%#x/%#x", set->mark, set->mark_mask);
	if (set->table)
		table_cell(table, TABLE_PLAIN, "%u", set->table);
	else
		table_cell(table, TABLE_PLAIN, "none");
	address = next_address(iface, &at, text, sizeof(text));
	table_cell(table, TABLE_PLAIN, "%s", !recorded ? "unknown" : address ? address : "none");
	while (recorded && address) {
		address = next_address(iface, &at, text, sizeof(text));
		for (size_t i = 1; address && i < COLUMNS; i++)
			table_cell(table, TABLE_PLAIN, "%s", "");
		if (address)
			table_cell(table, TABLE_PLAIN, "%s", address);
	}
}

/* Settings that few have stand below the table, and only where they are set. */
static void show_rest(const struct iface_info *iface)
{
	const struct ifw_iface *set = &iface->settings;
	const char *comma = " ";
	char text[TEXT_PREFIX_MAX];

	if (set->flags & IFW_IFACE_EGRESS_DENY)
		printf("%s: egress-default deny\n", iface->name);
	if (set->flags & IFW_IFACE_NAMED_RULES)
		printf("%s: named-rules on: only rules that name it (on %s) hold there\n",
		       iface->name, iface->name);
	if (set->flags & IFW_IFACE_TUNNEL)
		printf("%s: tunnel: what zfw -I adds passes to the host, whose routes lead to a "
		       "tunnel (zfw -T)\n",
		       iface->name);
	if (set->flags & (IFW_IFACE_TRACK | IFW_IFACE_EGRESS_DENY) && iface->attached &&
	    !iface->egress)
		printf("%s: the program for what leaves has been taken off its hook; 'ifw up %s' "
		       "puts it back\n",
		       iface->name, iface->name);
	if (set->flags & IFW_IFACE_GENEVE) {
		const char *from = " from ";

		printf("%s: geneve on", iface->name);
		for (unsigned int i = 0; i < IFW_GENEVE_SOURCES_MAX; i++) {
			const struct ifw_net *net = &set->geneve_sources[i];

			if (net->family == IFW_FAMILY_NONE)
				continue;
			text_prefix(net->addr, net->family, net->len, text, sizeof(text));
			printf("%s%s", from, text);
			from = ",";
		}
		putchar('\n');
	}
	if (memcmp(set->protocols, text_all_protocols, sizeof(set->protocols)) == 0) {
		printf("%s: pass-protocol all\n", iface->name);
	} else if (set->protocols[0] | set->protocols[1] | set->protocols[2] | set->protocols[3]) {
		printf("%s: pass-protocol", iface->name);
		for (unsigned int n = 0; n < 256; n++) {
			if (!(set->protocols[n / 64] >> (n % 64) & 1))
				continue;
			printf("%s%u", comma, n);
			comma = ",";
		}
		putchar('\n');
	}
	if (set->ethertypes[0]) {
		printf("%s: pass-ethertype", iface->name);
		for (unsigned int i = 0; i < IFW_ETHERTYPES_MAX && set->ethertypes[i]; i++)
			printf("%s%#06x", i ? "," : " ", set->ethertypes[i]);
		putchar('\n');
	}
}

static void show_defaults(void)
{
	puts("default: what nothing lets in drops, but on lo; what leaves passes");
}

/* Room and counters are those of all interfaces together. */
static void show_rules(const struct loader_usage *usage)
{
	printf("rules: %u; room for %u ranges and %u prefixes; ", usage->rules,
	       usage->limits.ranges, usage->limits.prefixes);
	if (usage->limits.counting == LOADER_COUNTING_ON)
		printf("counted in %u KiB a CPU\n", usage->counters / 1024);
	else
		puts("not counted");
}

static int show_table(const struct ifaces *ifaces, const struct loader_usage *usage)
{
	auto_table table = table_create(columns, COLUMNS);
	struct table_look look = table_look_of(stdout);
	int err;

	if (!table)
		return -ENOMEM;
	table_keep_last(table);
	for (size_t i = 0; i < ifaces->count; i++)
		add_iface(table, &ifaces->shown[i]);
	err = table_print(table, stdout, &look);
	for (size_t i = 0; !err && i < ifaces->count; i++)
		show_rest(&ifaces->shown[i]);
	if (!err) {
		show_defaults();
		show_rules(usage);
	}
	return err;
}

int cmd_iface_show(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 0, 1, "");
	struct loader_usage usage = {0};
	struct failure failure = {0};
	auto_ifaces ifaces = {0};
	auto_loader loader = NULL;
	int status, err = 0;

	if (result)
		return args_status(result);
	status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (!status)
		status = ifaces_load(cli, loader, argv[optind], &ifaces);
	if (!status && loader_usage(loader, &usage, &failure)) {
		complain(cli, "%s", failure.text);
		status = CLI_REFUSED;
	}
	if (status)
		return status;
	if (cli->json)
		err = json_print(stdout, json_ifaces(ifaces.shown, ifaces.count, &usage));
	else if (ifaces.count)
		err = show_table(&ifaces, &usage);
	else
		fputs("no interface is up; bring one up with 'ifw up IFACE'\n", stderr);
	if (err)
		complain(cli, "no memory to show the interfaces");
	return err ? CLI_REFUSED : CLI_DONE;
}
