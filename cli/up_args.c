/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* up_args.c - see up_args.h. */
#include <string.h>

#include "args.h"
#include "text.h"
#include "up_args.h"

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
	ARGS_END,
};

static int parse_hook(struct cli *cli, struct up_request *request)
{
	if (strcmp(optarg, "tcx") == 0)
		request->options.hook = IFW_HOOK_TCX;
	else if (strcmp(optarg, "clsact") == 0)
		request->options.hook = IFW_HOOK_CLSACT;
	else {
		complain(cli, "hook '%s' is neither tcx nor clsact", optarg);
		return ARGS_BAD;
	}
	return 0;
}

static int parse_u32(struct cli *cli, const char *what, uint32_t *value)
{
	uint64_t number;

	if (text_number(optarg, 1, UINT32_MAX, &number)) {
		complain(cli, "--%s takes a number from 1 to %u, decimal or 0x..., not '%s'", what,
			 UINT32_MAX, optarg);
		return ARGS_BAD;
	}
	*value = number;
	return 0;
}

static int parse_switch(struct cli *cli, const char *what, uint32_t on_value, uint32_t off_value,
			uint32_t *value)
{
	bool on;

	if (text_switch(optarg, &on)) {
		complain(cli, "--%s takes on or off, not '%s'", what, optarg);
		return ARGS_BAD;
	}
	*value = on ? on_value : off_value;
	return 0;
}

static int parse_flows(struct cli *cli, uint32_t *flows)
{
	uint64_t number;

	if (text_number(optarg, LOADER_FLOWS_MIN, LOADER_FLOWS_MAX, &number)) {
		complain(cli, "--max-flows takes a number from %u to %u, not '%s'",
			 LOADER_FLOWS_MIN, LOADER_FLOWS_MAX, optarg);
		return ARGS_BAD;
	}
	*flows = number;
	return 0;
}

static int take(struct cli *cli, int option, struct up_request *request, bool *mask_given)
{
	switch (option) {
	case HOOK:
		return parse_hook(cli, request);
	case MARK:
		request->mark_given = true;
		return parse_u32(cli, "mark", &request->options.mark);
	case MASK:
		*mask_given = true;
		return parse_u32(cli, "mask", &request->options.mark_mask);
	case TABLE:
		request->table_given = true;
		return parse_u32(cli, "table", &request->options.table);
	case RANGES:
		return parse_u32(cli, "max-ranges", &request->limits.ranges);
	case PREFIXES:
		return parse_u32(cli, "max-prefixes", &request->limits.prefixes);
	case COUNTERS:
		return parse_switch(cli, "rule-counters", LOADER_COUNTING_ON, LOADER_COUNTING_OFF,
				    &request->limits.counting);
	case FLOWS:
		return parse_flows(cli, &request->limits.flows);
	case TRACK:
		return parse_switch(cli, "track", LOADER_TRACK_ON, LOADER_TRACK_OFF,
				    &request->options.track);
	default:
		request->rules = optarg;
		return 0;
	}
}

/* What follows from what was given; a mark alone is its own mask. */
static int complete_policy(struct cli *cli, struct up_request *request, bool mask_given)
{
	struct up_options *o = &request->options;
	const char *problem;

	if (request->mark_given && !mask_given)
		o->mark_mask = o->mark;
	if (!request->mark_given)
		o->mark = IFW_MARK_DEFAULT;
	if (!o->mark_mask)
		o->mark_mask = IFW_MARK_MASK_DEFAULT;
	if (!o->table)
		o->table = LOADER_TABLE_DEFAULT;
	request->mark_given = request->mark_given || mask_given;
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
	bool mask_given = false;
	int got, err;

	optind = 0;
	while ((got = args_next(cli, argc, argv, options)) >= 0) {
		err = take(cli, got, &read, &mask_given);
		if (err)
			return err;
	}
	if (got != ARGS_END_OF_OPTIONS)
		return got;
	read.names = argv + optind;
	read.count = argc - optind;
	err = complete_policy(cli, &read, mask_given);
	if (!err)
		err = check_names(cli, &read);
	if (!err)
		*request = read;
	return err;
}
