/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain.c - ifw explain: what becomes of a flow's packet on this host now, why, and what
 * would defeat that outside the program.
 */
#include <errno.h>
#include <string.h>

#include "args.h"
#include "iface.h"
#include "json.h"
#include "live.h"
#include "outside.h"
#include "sim/cmd_explain.h"
#include "sim/cmd_words.h"

#define NAME_WIDTH 18 /* as sim/cmd_explain_print.c has it */

struct asked {
	const char *in, *out, *expect;
	struct flow flow;
};

static int read_options(struct cli *cli, int argc, char **argv, struct asked *asked)
{
	static const struct option options[] = {
		{"in", required_argument, NULL, ARGS_COMMAND},
		{"out", required_argument, NULL, ARGS_COMMAND + 1},
		{"expect", required_argument, NULL, ARGS_COMMAND + 2},
		ARGS_COMMON,
		ARGS_END,
	};
	char message[FLOW_MESSAGE_MAX];
	int got;

	optind = 0;
	while ((got = args_next(cli, argc, argv, options)) >= 0) {
		if (got == ARGS_COMMAND)
			asked->in = optarg;
		else if (got == ARGS_COMMAND + 1)
			asked->out = optarg;
		else
			asked->expect = optarg;
	}
	if (got != ARGS_END_OF_OPTIONS)
		return got;
	if (asked->in && asked->out) {
		complain(cli,
			 "a packet comes in or leaves: --in or --out (see 'ifw help explain')");
		return ARGS_BAD;
	}
	if (flow_from_words(argv + optind, argc - optind, &asked->flow, message) != 0) {
		complain(cli, "%s (see 'ifw help explain')", message);
		return ARGS_BAD;
	}
	asked->flow.direction = asked->out ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN;
	return 0;
}

/* The one that is named, or the only one. CLI_DONE, or why not. */
static int choose_iface(const struct cli *cli, const struct asked *asked,
			const struct ifaces *ifaces, const struct iface_info **iface)
{
	if (ifaces->count == 1) {
		*iface = ifaces->shown;
		return CLI_DONE;
	}
	complain(cli,
		 ifaces->count
			 ? "%zu interfaces are up: say by which it comes in, --in IFACE (or --out)"
			 : "no interface is up; bring one up with 'ifw up IFACE'",
		 ifaces->count);
	(void)asked;
	return ifaces->count ? CLI_INPUT : CLI_REFUSED;
}

/* --- Printed ------------------------------------------------------------------------- */

static json_t *findings_json(const struct findings *findings)
{
	json_t *array = json_array();

	for (size_t i = 0; i < findings->count; i++)
		json_array_append_new(array, json_pack("{s:s, s:s}", "what", findings->list[i].what,
						       "text", findings->list[i].text));
	return array;
}

static int print(const struct cli *cli, const struct explained *explained,
		 const struct findings *findings)
{
	json_t *root;

	if (!cli->json) {
		explained_print(explained);
		for (size_t i = 0; i < findings->count; i++)
			printf("%s%-*s  %s\n", i ? "" : "\n", NAME_WIDTH, i ? "" : "but",
			       findings->list[i].text);
		return CLI_DONE;
	}
	root = explained_json(explained);
	if (root && json_object_set_new(root, "outside", findings_json(findings)) == 0 &&
	    json_print(stdout, root) == 0)
		return CLI_DONE;
	complain(cli, "out of memory");
	return CLI_REFUSED;
}

static int compare(const struct cli *cli, const struct asked *asked,
		   const struct explanation *explanation, const struct findings *findings)
{
	const char *reason = cmd_reason(&explanation->result.decision);

	if (!asked->expect)
		return CLI_DONE;
	if (strcmp(reason, asked->expect) != 0) {
		complain(cli, "the reason is '%s', not '%s'", reason, asked->expect);
		return CLI_UNEXPECTED;
	}
	if (findings->count) {
		complain(cli, "the reason is '%s', but outside the program: %s", reason,
			 findings->list[0].what);
		return CLI_UNEXPECTED;
	}
	return CLI_DONE;
}

/* --- The command --------------------------------------------------------------------- */

static int explain(const struct cli *cli, struct loader *loader, const struct asked *asked,
		   const struct iface_info *iface)
{
	struct explanation explanation __attribute__((cleanup(explanation_free))) = {};
	struct findings findings = {.count = 0};
	auto_world world = NULL;
	struct explained explained = {
		.ifname = iface->name,
		.direction = (enum ifw_direction)asked->flow.direction,
		.explanation = &explanation,
	};
	int status, err;

	if (!iface->present) {
		complain(cli, "'%s' has gone, and no packet comes by it", iface->name);
		return CLI_REFUSED;
	}
	status = live_world(cli, loader, &world);
	if (status)
		return status;
	explained.world = world;
	err = explain_flow(world, &asked->flow, iface->ifindex, &explanation);
	if (err) {
		complain(cli, "%s", err == -EPROTO ? explanation.result.violation : strerror(-err));
		return CLI_REFUSED;
	}
	status = outside_find(cli, loader, iface, world, &asked->flow, &explanation, &findings);
	if (!status)
		status = print(cli, &explained, &findings);
	return status ? status : compare(cli, asked, &explanation, &findings);
}

int cmd_explain(struct cli *cli, int argc, char **argv)
{
	const struct iface_info *iface = NULL;
	auto_ifaces ifaces = {0};
	struct asked asked = {.in = NULL};
	auto_loader loader = NULL;
	int result = read_options(cli, argc, argv, &asked), status;

	if (result)
		return args_status(result);
	if (asked.expect && !cmd_find_reason(asked.expect)) {
		complain(cli, "there is no reason '%s' (docs/packets.md lists them)", asked.expect);
		return CLI_INPUT;
	}
	status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (!status)
		status = ifaces_load(cli, loader, asked.in ? asked.in : asked.out, &ifaces);
	if (!status)
		status = choose_iface(cli, &asked, &ifaces, &iface);
	return status ? status : explain(cli, loader, &asked, iface);
}
