/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* up_args.c - see up_args.h. */
#include <errno.h>
#include <string.h>

#include "args.h"
#include "text.h"
#include "up_args.h"

#define CONFIRM_MAX_S 86400

enum {
	HOOK = ARGS_COMMAND,
	MARK,
	MASK,
	TABLE,
	RANGES,
	PREFIXES,
	COUNTERS,
	FLOWS,
	TRACK,
	RULES,
	CONFIRM,
};

static const struct option options[] = {
	ARGS_COMMON,
	{"hook", required_argument, NULL, HOOK},
	{"mark", required_argument, NULL, MARK},
	{"mask", required_argument, NULL, MASK},
	{"table", required_argument, NULL, TABLE},
	{"max-ranges", required_argument, NULL, RANGES},
	{"max-prefixes", required_argument, NULL, PREFIXES},
	{"rule-counters", required_argument, NULL, COUNTERS},
	{"max-flows", required_argument, NULL, FLOWS},
	{"track", required_argument, NULL, TRACK},
	{"rules", required_argument, NULL, RULES},
	{"confirm", required_argument, NULL, CONFIRM},
	ARGS_END,
};

/* A file has the same words without them. */
static const char *dashes(const struct cli *cli)
{
	return cli->place ? "" : "--";
}

static int parse_hook(const struct cli *cli, const char *value, struct up_request *request)
{
	if (strcmp(value, "tcx") == 0)
		request->options.hook = IFW_HOOK_TCX;
	else if (strcmp(value, "clsact") == 0)
		request->options.hook = IFW_HOOK_CLSACT;
	else {
		complain(cli, "hook '%s' is neither tcx nor clsact", value);
		return ARGS_BAD;
	}
	return 0;
}

static int parse_u32(const struct cli *cli, const char *what, const char *text, uint32_t *value)
{
	uint64_t number;

	if (text_number(text, 1, UINT32_MAX, &number)) {
		complain(cli, "%s%s takes a number from 1 to %u, decimal or 0x..., not '%s'",
			 dashes(cli), what, UINT32_MAX, text);
		return ARGS_BAD;
	}
	*value = number;
	return 0;
}

static int parse_switch(const struct cli *cli, const char *what, const char *text,
			uint32_t on_value, uint32_t off_value, uint32_t *value)
{
	bool on;

	if (text_switch(text, &on)) {
		complain(cli, "%s%s takes on or off, not '%s'", dashes(cli), what, text);
		return ARGS_BAD;
	}
	*value = on ? on_value : off_value;
	return 0;
}

static int parse_flows(const struct cli *cli, const char *text, uint32_t *flows)
{
	uint64_t number;

	if (text_number(text, LOADER_FLOWS_MIN, LOADER_FLOWS_MAX, &number)) {
		complain(cli, "%smax-flows takes a number from %u to %u, not '%s'", dashes(cli),
			 LOADER_FLOWS_MIN, LOADER_FLOWS_MAX, text);
		return ARGS_BAD;
	}
	*flows = number;
	return 0;
}

int up_confirm(const struct cli *cli, const char *text, uint32_t *seconds)
{
	uint64_t number;

	if (text_number(text, 1, CONFIRM_MAX_S, &number)) {
		complain(cli, "--confirm takes seconds, from 1 to %d, not '%s'", CONFIRM_MAX_S,
			 text);
		return ARGS_BAD;
	}
	*seconds = number;
	return 0;
}

static int take(const struct cli *cli, int option, const char *value, struct up_request *request)
{
	switch (option) {
	case HOOK:
		return parse_hook(cli, value, request);
	case MARK:
		request->mark_given = true;
		return parse_u32(cli, "mark", value, &request->options.mark);
	case MASK:
		request->mask_given = true;
		return parse_u32(cli, "mask", value, &request->options.mark_mask);
	case TABLE:
		request->table_given = true;
		return parse_u32(cli, "table", value, &request->options.table);
	case RANGES:
		return parse_u32(cli, "max-ranges", value, &request->limits.ranges);
	case PREFIXES:
		return parse_u32(cli, "max-prefixes", value, &request->limits.prefixes);
	case COUNTERS:
		return parse_switch(cli, "rule-counters", value, LOADER_COUNTING_ON,
				    LOADER_COUNTING_OFF, &request->limits.counting);
	case FLOWS:
		return parse_flows(cli, value, &request->limits.flows);
	case TRACK:
		return parse_switch(cli, "track", value, LOADER_TRACK_ON, LOADER_TRACK_OFF,
				    &request->options.track);
	case CONFIRM:
		return up_confirm(cli, value, &request->confirm_s);
	default:
		request->rules = value;
		return 0;
	}
}

int up_option(const struct cli *cli, const char *name, const char *value,
	      struct up_request *request)
{
	for (const struct option *option = options; option->name; option++)
		if (option->val >= ARGS_COMMAND && option->val != CONFIRM &&
		    strcmp(option->name, name) == 0)
			return take(cli, option->val, value, request) ? CLI_INPUT : CLI_DONE;
	return -ENOENT;
}

/* What follows from what was given; a mark alone is its own mask. */
int up_complete(const struct cli *cli, struct up_request *request)
{
	struct up_options *o = &request->options;
	const char *problem;

	if (request->mark_given && !request->mask_given)
		o->mark_mask = o->mark;
	if (!request->mark_given)
		o->mark = IFW_MARK_DEFAULT;
	if (!o->mark_mask)
		o->mark_mask = IFW_MARK_MASK_DEFAULT;
	if (!o->table)
		o->table = LOADER_TABLE_DEFAULT;
	request->mark_given = request->mark_given || request->mask_given;
	o->set_mark = request->mark_given || request->table_given;
	problem = text_policy_problem(o->mark, o->mark_mask, o->table);
	if (!problem)
		return 0;
	complain(cli, "mark %#x, mask %#x, table %u: %s", o->mark, o->mark_mask, o->table, problem);
	return ARGS_BAD;
}

static int check_names(struct cli *cli, const struct up_request *request)
{
	if (!request->count) {
		complain(cli, "'ifw up' needs at least one interface (see 'ifw help up')");
		return ARGS_BAD;
	}
	for (unsigned int i = 0; i < request->count; i++) {
		for (unsigned int j = 0; j < i; j++) {
			if (strcmp(request->names[i], request->names[j]) == 0) {
				complain(cli, "'%s' is given twice", request->names[i]);
				return ARGS_BAD;
			}
		}
	}
	return 0;
}

int up_parse(struct cli *cli, int argc, char **argv, struct up_request *request)
{
	struct up_request read = {0};
	int got, err;

	optind = 0;
	while ((got = args_next(cli, argc, argv, options)) >= 0) {
		err = take(cli, got, optarg, &read);
		if (err)
			return err;
	}
	if (got != ARGS_END_OF_OPTIONS)
		return got;
	read.names = argv + optind;
	read.count = argc - optind;
	err = up_complete(cli, &read);
	if (!err)
		err = check_names(cli, &read);
	if (!err)
		*request = read;
	return err;
}

void up_fill_options(const struct up_request *request, const struct ifw_iface *now,
		     struct up_options *filled)
{
	*filled = request->options;
	if (!filled->set_mark || !now)
		return;
	if (!request->mark_given && now->mark_mask) {
		filled->mark = now->mark;
		filled->mark_mask = now->mark_mask;
	}
	if (!request->table_given && now->table)
		filled->table = now->table;
}
