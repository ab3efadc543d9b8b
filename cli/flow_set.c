/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* flow_set.c - ifw flow show, set: what holds for the tracked flows of all interfaces. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "args.h"
#include "datapath/flow_states.h"
#include "iface.h"
#include "json.h"
#include "table.h"
#include "text.h"

#define NS_PER_S 1000000000ULL
#define TIMEOUT_MAX 31536000 /* a year, seconds */

static const struct table_column columns[] = {
	{"STATE", false},
	{"TIMEOUT", true},
	{"MEANING", false},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* --- Showing ------------------------------------------------------------------------ */

static uint64_t seconds_of(const struct ifw_track_settings *settings, unsigned int state)
{
	return settings->timeouts_ns[state] / NS_PER_S;
}

/* Elsewhere nothing is remembered, whatever is set. */
static void print_tracked(const struct ifaces *ifaces)
{
	const char *separator = "on ";

	printf("tracked   ");
	for (size_t i = 0; i < ifaces->count; i++) {
		if (!(ifaces->shown[i].settings.flags & IFW_IFACE_TRACK))
			continue;
		printf("%s%s", separator, ifaces->shown[i].name);
		separator = ", ";
	}
	puts(ifaces_tracked(ifaces) ? "" : "on no interface: ifw iface set IFACE track on");
}

static int show_table(const struct ifw_track_settings *settings, uint32_t room,
		      const struct ifaces *ifaces)
{
	auto_table table = table_create(columns, COLUMNS);
	struct table_look look = table_look_of(stdout);

	if (!table)
		return -ENOMEM;
	print_tracked(ifaces);
	printf("room      %u flows: %u new or half-open, %u replied, %u connected\n", room,
	       loader_flows_room(room, IFW_FLOWS_NEW), loader_flows_room(room, IFW_FLOWS_REPLIED),
	       loader_flows_room(room, IFW_FLOWS_CONNECTED));
	printf("pick-up   %s\n", settings->flags & IFW_TRACK_PICK_UP ? "on" : "off");
	printf("windows   %s\n", settings->flags & IFW_TRACK_LIBERAL ? "off" : "on");
	for (unsigned int state = 1; state < IFW_FLOW_STATE_END; state++) {
		const struct ifw_flow_state_info *info = ifw_flow_state_info(state);

		table_cell(table, TABLE_PLAIN, "%s", info->name);
		table_cell(table, TABLE_PLAIN, "%" PRIu64 " s", seconds_of(settings, state));
		table_cell(table, TABLE_PLAIN, "%s", info->text);
	}
	return table_print(table, stdout, &look);
}

static json_t *json_timeouts(const struct ifw_track_settings *settings)
{
	json_t *all = json_object();

	for (unsigned int state = 1; state < IFW_FLOW_STATE_END; state++) {
		json_t *seconds = json_integer((json_int_t)seconds_of(settings, state));

		if (json_object_set_new(all, ifw_flow_state_info(state)->name, seconds)) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *json_tracked(const struct ifaces *ifaces)
{
	json_t *all = json_array();

	for (size_t i = 0; i < ifaces->count; i++) {
		const struct iface_info *iface = &ifaces->shown[i];

		if (iface->settings.flags & IFW_IFACE_TRACK &&
		    json_array_append_new(all, json_string(iface->name))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *json_settings(const struct ifw_track_settings *settings, uint32_t room,
			     const struct ifaces *ifaces)
{
	return json_pack("{s:I, s:{s:I, s:I, s:I}, s:b, s:b, s:o, s:o}", "max_flows",
			 (json_int_t)room, "room", "new",
			 (json_int_t)loader_flows_room(room, IFW_FLOWS_NEW), "replied",
			 (json_int_t)loader_flows_room(room, IFW_FLOWS_REPLIED), "connected",
			 (json_int_t)loader_flows_room(room, IFW_FLOWS_CONNECTED), "pick_up",
			 !!(settings->flags & IFW_TRACK_PICK_UP), "windows",
			 !(settings->flags & IFW_TRACK_LIBERAL), "timeouts",
			 json_timeouts(settings), "interfaces", json_tracked(ifaces));
}

int cmd_flow_show(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 0, 0, "");
	struct ifw_track_settings settings;
	struct loader_usage usage = {0};
	struct failure failure = {0};
	auto_loader loader = NULL;
	auto_ifaces ifaces = {0};
	int status, err;

	if (result)
		return args_status(result);
	status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (!status)
		status = ifaces_load(cli, loader, NULL, &ifaces);
	if (status)
		return status;
	if (loader_track_settings(loader, &settings, &failure) ||
	    loader_usage(loader, &usage, &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	if (cli->json)
		err = json_print(stdout, json_settings(&settings, usage.limits.flows, &ifaces));
	else
		err = show_table(&settings, usage.limits.flows, &ifaces);
	if (err)
		complain(cli, "no memory to show the settings");
	return err ? CLI_REFUSED : CLI_DONE;
}

/* --- Setting ------------------------------------------------------------------------- */

/* What is to change of the settings. */
struct change {
	uint32_t set, clear; /* enum ifw_track_flags */
	unsigned int state;  /* enum ifw_flow_state; NONE: no timeout */
	uint64_t timeout_ns;
	bool reset; /* all of it, to the defaults */
};

static unsigned int state_of(const char *name)
{
	for (unsigned int state = 1; state < IFW_FLOW_STATE_END; state++)
		if (strcmp(ifw_flow_state_info(state)->name, name) == 0)
			return state;
	return IFW_FLOW_NONE;
}

static int parse_timeout(const struct cli *cli, const char *name, const char *value,
			 struct change *change)
{
	uint64_t seconds;

	change->state = state_of(name);
	if (change->state == IFW_FLOW_NONE) {
		complain(cli,
			 "no state is called '%s'; 'ifw flow show' lists those there are, and 'ifw "
			 "flow set default' is about all of them",
			 name);
		return CLI_INPUT;
	}
	if (strcmp(value, "default") == 0) {
		seconds = ifw_flow_state_info(change->state)->seconds;
	} else if (text_number(value, 1, TIMEOUT_MAX, &seconds)) {
		complain(cli, "a timeout is a number of seconds from 1 to %d, or default, not '%s'",
			 TIMEOUT_MAX, value);
		return CLI_INPUT;
	}
	change->timeout_ns = seconds * NS_PER_S;
	return CLI_DONE;
}

static int parse_flag(const struct cli *cli, const char *setting, const char *value, uint32_t flag,
		      bool inverse, struct change *change)
{
	bool on;

	if (text_switch(value, &on)) {
		complain(cli, "%s is on or off, not '%s'", setting, value);
		return CLI_INPUT;
	}
	*(on != inverse ? &change->set : &change->clear) = flag;
	return CLI_DONE;
}

static const struct {
	const char *name;
	uint32_t flag;
	bool inverse;
} switches[] = {
	{"pick-up", IFW_TRACK_PICK_UP, false},
	{"windows", IFW_TRACK_LIBERAL, true},
	{"liberal", IFW_TRACK_LIBERAL, false}, /* as world files have it */
};
#define SWITCHES (sizeof(switches) / sizeof(switches[0]))

/* What was meant, of something that is no setting. */
static void complain_setting(const struct cli *cli, int count, char *const *words)
{
	if (state_of(words[0]) != IFW_FLOW_NONE)
		complain(cli, "'%s' is a state; use: ifw flow set timeout %s %s", words[0],
			 words[0], count > 1 ? words[1] : "SECONDS");
	else if (strcmp(words[0], "max-flows") == 0)
		complain(cli, "how many flows are remembered is said when tracking begins; use: "
			      "ifw up IFACE --max-flows N");
	else
		complain(cli,
			 "unknown setting '%s': there are timeout, pick-up, windows and default",
			 words[0]);
}

static int parse(const struct cli *cli, int count, char *const *words, struct change *change)
{
	const char *needs = "on or off";
	int wanted = 2;

	if (!count) {
		complain(cli, "'ifw flow set' needs timeout STATE SECONDS|default, pick-up on|off, "
			      "windows on|off, or default (see 'ifw help flow')");
		return CLI_INPUT;
	}
	if (strcmp(words[0], "timeout") == 0) {
		if (count == 3)
			return parse_timeout(cli, words[1], words[2], change);
		needs = "STATE SECONDS, or STATE default; 'ifw flow show' lists the states";
		wanted = 3;
	} else if (strcmp(words[0], "default") == 0) {
		change->reset = true;
		if (count == 1)
			return CLI_DONE;
		wanted = 1;
	} else {
		size_t i = 0;

		while (i < SWITCHES && strcmp(words[0], switches[i].name) != 0)
			i++;
		if (i == SWITCHES) {
			complain_setting(cli, count, words);
			return CLI_INPUT;
		}
		if (count == 2)
			return parse_flag(cli, words[0], words[1], switches[i].flag,
					  switches[i].inverse, change);
	}
	if (count > wanted)
		complain(cli, "unexpected '%s' after 'ifw flow set %s' (see 'ifw help flow')",
			 words[wanted], words[0]);
	else
		complain(cli, "'ifw flow set %s' needs %s (see 'ifw help flow')", words[0], needs);
	return CLI_INPUT;
}

int cmd_flow_set(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 0, 3, "");
	struct ifw_track_settings settings;
	struct failure failure = {0};
	struct change change = {0};
	auto_loader loader = NULL;
	int status;

	if (result)
		return args_status(result);
	status = parse(cli, argc - optind, argv + optind, &change);
	if (!status)
		status = cli_open(cli, LOADER_WRITE, NULL, &loader);
	if (status)
		return status;
	if (!loader_track_settings(loader, &settings, &failure)) {
		if (change.reset)
			settings = ifw_track_defaults();
		settings.flags = (settings.flags | change.set) & ~change.clear;
		if (change.state != IFW_FLOW_NONE)
			settings.timeouts_ns[change.state] = change.timeout_ns;
		if (!loader_track_set(loader, &settings, &failure))
			return CLI_DONE;
	}
	complain(cli, "%s", failure.text);
	return CLI_REFUSED;
}
