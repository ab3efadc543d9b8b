/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_words.c - see cmd_words.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd_words.h"
#include "sim/explain/explain_packet.h"

#define REASON_WIDTH 18 /* the longest reason is neighbor-discovery */

void cmd_packet(const struct sim_world *world, const struct sim_frame *frame,
		char text[CMD_PACKET_MAX])
{
	const char *ifname = sim_world_ifname(world, frame->ifindex);
	char what[EXPLAIN_PACKET_MAX];

	explain_packet(sim_world_packet(world), what);
	snprintf(text, CMD_PACKET_MAX, "%s, %s by %s", what,
		 frame->direction == IFW_DIRECTION_OUT ? "out" : "in", ifname);
}

const char *cmd_rule_text(struct sim_world *world, const struct decision *d, char *text)
{
	const struct rule *rule = d->rule ? sim_world_rule(world, d->rule) : NULL;

	if (!rule)
		return NULL;
	rule_print(rule, sim_world_names(world), text, RULE_TEXT_MAX);
	return text;
}

const char *cmd_verdict(const struct decision *d)
{
	return d->verdict == IFW_VERDICT_PASS ? "pass" : "drop";
}

const char *cmd_assigned(const struct decision *d)
{
	switch (d->assigned) {
	case IFW_ASSIGNED_ESTABLISHED:
		return "established";
	case IFW_ASSIGNED_LISTENER:
		return "listener";
	default:
		return NULL;
	}
}

const char *cmd_reason(const struct decision *d)
{
	const struct ifw_reason_info *reason = ifw_reason_info(d->reason);

	return reason ? reason->name : "none";
}

const struct ifw_reason_info *cmd_find_reason(const char *name)
{
	return ifw_reason_info(ifw_reason_find(name));
}

const char *cmd_expected_kind(const char *word)
{
	if (strcmp(word, "pass") == 0 || strcmp(word, "drop") == 0)
		return "verdict";
	return cmd_find_reason(word) ? "reason" : NULL;
}

const char *cmd_expected_of(const struct decision *d, const char *word)
{
	const char *kind = cmd_expected_kind(word);

	return kind && strcmp(kind, "verdict") == 0 ? cmd_verdict(d) : cmd_reason(d);
}

void cmd_print_reasons(FILE *out)
{
	for (unsigned int reason = IFW_REASON_NONE + 1; reason < IFW_REASON_END; reason++)
		fprintf(out, "  %-*s  %s\n", REASON_WIDTH, ifw_reason_info(reason)->name,
			ifw_reason_info(reason)->text);
}

int cmd_print_json(json_t *root)
{
	int error;

	if (!root)
		return -ENOMEM;
	error = json_dumpf(root, stdout, JSON_COMPACT) ? -EIO : 0;
	json_decref(root);
	putchar('\n');
	return error;
}
