/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain.c - ifw explain: what becomes of a packet on this host now, why, and what
 * would defeat that outside the program.
 */
#include <string.h>

#include "args.h"
#include "iface.h"
#include "json.h"
#include "live.h"
#include "outside.h"
#include "sim/program/cmd_explain.h"
#include "sim/program/cmd_words.h"
#include "sim/capture/replay.h"
#include "sim/explain/subject.h"
#include "text.h"

#define NAME_WIDTH 18 /* as sim/program/cmd_explain_print.c has it */

struct asked {
	const char *in, *out, *expect;
	struct subject subject;
};

static int complain_of(const struct cli *cli, int error, const char *message)
{
	complain(cli, "%s", message);
	return subject_is_bad(error) ? CLI_INPUT : CLI_REFUSED;
}

/* 0, or an enum args_result. */
static int read_options(struct cli *cli, int argc, char **argv, struct asked *asked)
{
	static const struct option options[] = {
		{"in", required_argument, NULL, ARGS_COMMAND},
		{"out", required_argument, NULL, ARGS_COMMAND + 1},
		{"expect", required_argument, NULL, ARGS_COMMAND + 2},
		ARGS_COMMON,
		ARGS_END,
	};
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
	return 0;
}

static int read_subject(const struct cli *cli, char **words, int count, struct asked *asked)
{
	char message[SUBJECT_MESSAGE_MAX];
	int error = subject_from_words(words, count, &asked->subject, message);

	if (error)
		return complain_of(cli, error, message);
	if (!asked->expect || cmd_expected_kind(asked->expect))
		return CLI_DONE;
	complain(cli, "there is no reason '%s'; the verdicts are pass and drop, the reasons:",
		 asked->expect);
	cmd_print_reasons(stderr);
	return CLI_INPUT;
}

/* --- Where ----------------------------------------------------------------------------- */

static const struct iface_info *find_iface(const struct ifaces *ifaces, uint32_t ifindex)
{
	for (size_t i = 0; i < ifaces->all_count; i++)
		if (ifaces->all[i].present && ifaces->all[i].ifindex == ifindex)
			return &ifaces->all[i];
	return NULL;
}

static size_t count_present(const struct ifaces *ifaces)
{
	size_t present = 0;

	for (size_t i = 0; i < ifaces->all_count; i++)
		present += ifaces->all[i].present;
	return present;
}

/* The one that is named; the only one; of a capture, where that says. CLI_DONE, or why not. */
static int choose_place(const struct cli *cli, const struct asked *asked,
			const struct ifaces *ifaces, struct subject_place *place)
{
	const char *name = asked->in ? asked->in : asked->out;
	const size_t present = count_present(ifaces);

	*place = (struct subject_place){.direction = REPLAY_EITHER_WAY};
	if (ifaces->all_count == 0) {
		complain(cli, "no interface is up; bring one up with 'ifw up IFACE'");
		return CLI_REFUSED;
	}
	if (!name && asked->subject.kind == SUBJECT_CAPTURED)
		return CLI_DONE;
	if (!name && present > 1) {
		complain(cli,
			 "%zu interfaces are up: say by which it comes in, --in IFACE (or --out)",
			 present);
		return CLI_INPUT;
	}
	place->direction = asked->out ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN;
	for (size_t i = 0; i < ifaces->all_count; i++) {
		const struct iface_info *iface = &ifaces->all[i];

		/* Without a name the one that is there; where none is, one that went. */
		if (name ? strcmp(iface->name, name) != 0 : present && !iface->present)
			continue;
		place->ifindex = iface->ifindex;
		if (iface->present)
			return CLI_DONE;
		complain(cli, "'%s' has gone, and no packet comes by it", iface->name);
		return CLI_REFUSED;
	}
	complain(cli, "'%s' is not up (see 'ifw iface show')", name);
	return CLI_INPUT;
}

/* --- Printed ------------------------------------------------------------------------- */

static json_t *findings_json(const struct findings *findings)
{
	json_t *array = json_array();

	for (size_t i = 0; i < findings->count; i++) {
		if (json_array_append_new(array,
					  json_pack("{s:s, s:s}", "what", findings->list[i].what,
						    "text", findings->list[i].text))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* ifname: whatever its bytes */
static int print(const struct cli *cli, const struct explained *explained, const char *ifname,
		 const struct findings *findings)
{
	json_t *root;
	int error;

	if (!cli->json) {
		explained_print(explained);
		for (size_t i = 0; i < findings->count; i++)
			printf("%s%-*s  %s\n", i ? "" : "\n", NAME_WIDTH, i ? "" : "but",
			       findings->list[i].text);
		return CLI_DONE;
	}
	root = explained_json(explained);
	if (root &&
	    (json_object_set_new(json_object_get(root, "packet"), "interface", json_name(ifname)) ||
	     json_object_set_new(root, "outside", findings_json(findings)))) {
		json_decref(root);
		root = NULL;
	}
	error = cmd_print_json(root);
	if (!error)
		return CLI_DONE;
	complain(cli, "cannot print the explanation: %s", strerror(-error));
	return CLI_REFUSED;
}

static int compare(const struct cli *cli, const struct asked *asked,
		   const struct explanation *explanation, const struct findings *findings)
{
	const char *kind, *answer;

	if (!asked->expect)
		return CLI_DONE;
	kind = cmd_expected_kind(asked->expect);
	answer = cmd_expected_of(&explanation->result.decision, asked->expect);
	if (strcmp(answer, asked->expect) != 0) {
		complain(cli, "the %s is '%s', not '%s'", kind, answer, asked->expect);
		return CLI_UNEXPECTED;
	}
	if (findings->count) {
		complain(cli, "the %s is '%s', but outside the program: %s", kind, answer,
			 findings->list[0].what);
		return CLI_UNEXPECTED;
	}
	return CLI_DONE;
}

/* --- The command --------------------------------------------------------------------- */

static int explain(const struct cli *cli, struct loader *loader, const struct asked *asked,
		   const struct ifaces *ifaces, struct subject_place *place)
{
	struct explanation explanation __attribute__((cleanup(explanation_free))) = {};
	struct findings findings = {.count = 0};
	char message[SUBJECT_MESSAGE_MAX];
	const struct iface_info *iface;
	struct explained explained;
	char ifname[IFW_NAME_MAX];
	auto_world world = NULL;
	int status, error;

	status = live_world(cli, loader, &world);
	if (status)
		return status;
	error = subject_explain(&asked->subject, world, place, &explanation, message);
	if (error)
		return complain_of(cli, error, message);
	iface = find_iface(ifaces, place->ifindex);
	if (!iface) {
		complain(cli, "the interface of the packet has gone meanwhile");
		return CLI_REFUSED;
	}
	snprintf(ifname, sizeof(ifname), "%s", iface->name);
	text_tame(ifname);
	explained = (struct explained){
		.world = world,
		.ifname = ifname,
		.direction = (enum ifw_direction)place->direction,
		.explanation = &explanation,
	};
	status = outside_find(cli, loader, iface, world, explained.direction, &explanation,
			      &findings);
	if (!status) {
		outside_find_filters(cli, iface, &explanation, &findings);
		status = print(cli, &explained, iface->name, &findings);
	}
	if (subject_lacks_link_header(&asked->subject, &explanation.packet))
		complain(cli, "note: " SUBJECT_LACKS_LINK_HEADER);
	return status ? status : compare(cli, asked, &explanation, &findings);
}

int cmd_explain(struct cli *cli, int argc, char **argv)
{
	struct asked asked = {.in = NULL};
	auto_ifaces ifaces = {0};
	auto_loader loader = NULL;
	struct subject_place place;
	int result = read_options(cli, argc, argv, &asked), status;

	if (result)
		return args_status(result);
	status = read_subject(cli, argv + optind, argc - optind, &asked);
	if (!status)
		status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (!status)
		status = ifaces_load(cli, loader, NULL, &ifaces);
	if (!status)
		status = choose_place(cli, &asked, &ifaces, &place);
	return status ? status : explain(cli, loader, &asked, &ifaces, &place);
}
