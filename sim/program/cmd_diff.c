/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_diff.c - `ifw-sim diff OLD NEW`: what of all packets two sets of rules answer
 * otherwise, found from the rules.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <netinet/in.h>

#include "ruleset/cleanup.h"
#include "cmd_compare.h"
#include "cmd_diff.h"
#include "sim/compare/diff_text.h"

#define REGIONS_SHOWN 50 /* of a change, to people; JSON has all */

struct shown {
	const struct compared *compared;
	struct probe probe;
	struct diff diff;
};

static const char *const sides[PROBE_WORLDS] = {"before", "after"};

/* --- Rules ----------------------------------------------------------------------------- */

/* Whether the other set has none that is equal but for its label. */
static bool is_only_in(const struct rule *rule, const struct rule_set *other)
{
	for (size_t i = 0; i < other->count; i++) {
		struct rule twin = other->rules[i];

		memcpy(twin.label, rule->label, sizeof(twin.label));
		if (rule_equal(rule, &twin))
			return false;
	}
	return true;
}

/* --- For people ------------------------------------------------------------------------ */

void cmd_diff_print_rule(const struct compared *compared, uint32_t order, size_t side)
{
	const struct rule *rule = order ? sim_world_rule(compared->worlds[side], order) : NULL;
	char text[RULE_TEXT_MAX] = "-";
	bool alone = false;

	if (rule) {
		rule_print(rule, &compared->sets[side].names, text, sizeof(text));
		alone = is_only_in(rule, &compared->sets[!side]);
	}
	printf("      %-8s %s%s\n", sides[side], text,
	       !alone ? ""
	       : side ? "  (added)"
		      : "  (removed)");
}

static int print_region(const struct shown *shown, const struct diff_region *region)
{
	const int other = shown->compared->other;
	auto_free char *text = diff_region_text(&shown->probe, region, other);
	auto_free char *example = witness_text(&shown->probe, &region->example, other);

	if (!text || !example)
		return -ENOMEM;
	printf("  %s\n", text);
	printf("      %-8s %s\n", "example", example);
	for (size_t side = 0; side < PROBE_WORLDS; side++)
		cmd_diff_print_rule(shown->compared, region->asked[side].rule, side);
	return 0;
}

static void print_change(const struct answer answers[PROBE_WORLDS], size_t count, const char *of)
{
	char before[ANSWER_TEXT_MAX], after[ANSWER_TEXT_MAX];

	answer_text(&answers[0], before);
	answer_text(&answers[1], after);
	printf("%s -> %s: %zu %s%s\n", before, after, count, of, count == 1 ? "" : "s");
}

static int print_diff(const struct shown *shown)
{
	const struct diff *diff = &shown->diff;
	int error = 0;

	if (diff->count == 0)
		puts("no packet is answered otherwise");
	for (size_t i = 0; i < diff->change_count && !error; i++) {
		const struct diff_change *change = &diff->changes[i];

		if (i)
			putchar('\n');
		print_change(change->answers, change->count, "region");
		for (size_t n = 0; n < change->count && n < REGIONS_SHOWN && !error; n++)
			error = print_region(shown, &diff->regions[change->first + n]);
		if (change->count > REGIONS_SHOWN)
			printf("  and %zu more (-j lists all)\n", change->count - REGIONS_SHOWN);
	}
	return error;
}

/* --- For programs ---------------------------------------------------------------------- */

json_t *cmd_diff_side_json(const struct compared *compared, const struct answer *answer,
			   uint32_t order, size_t side)
{
	const struct rule *rule = order ? sim_world_rule(compared->worlds[side], order) : NULL;
	const struct ifw_reason_info *reason = ifw_reason_info(answer->reason);
	char text[ANSWER_TEXT_MAX], printed[RULE_TEXT_MAX];

	answer_text(answer, text);
	if (rule)
		rule_print(rule, &compared->sets[side].names, printed, sizeof(printed));
	return json_pack("{s:s, s:s, s:s, s:s?}", "verdict",
			 answer->verdict == IFW_VERDICT_PASS ? "pass" : "drop", "reason",
			 reason ? reason->name : "none", "text", text, "rule",
			 rule ? printed : NULL);
}

/* {"prefix": "10.0.0.0/8", "but": ["10.1.0.0/16"]} */
static json_t *prefix_json(const struct prefix_but *prefix, uint8_t family)
{
	const struct prefix_but alone = {.first = prefix->first, .len = prefix->len};
	auto_free char *text = prefix_but_text(&alone, family);
	json_t *but = json_array();

	for (size_t i = 0; i < prefix->hole_count; i++) {
		auto_free char *hole = prefix_but_text(&prefix->holes[i], family);

		json_array_append_new(but, json_string(hole));
	}
	return json_pack("{s:s?, s:o}", "prefix", text, "but", but);
}

static json_t *side_json(const struct shown *shown, const struct diff_region *region, size_t side)
{
	return cmd_diff_side_json(shown->compared, &region->asked[side].answer,
				  region->asked[side].rule, side);
}

/* All of them by name; null stands for those that no rule names. */
static json_t *interfaces_json(const struct shown *shown, uint64_t ifaces)
{
	const struct probe *probe = &shown->probe;
	json_t *names = json_array();

	for (size_t i = 0; i < probe->iface_count; i++) {
		const char *name = sim_world_ifname(probe->worlds[0], probe->ifindex[i]);

		if (ifaces >> i & 1)
			json_array_append_new(names, (int)i == shown->compared->other || !name
							     ? json_null()
							     : json_string(name));
	}
	return names;
}

static json_t *region_json(const struct shown *shown, const struct diff_region *region)
{
	const int other = shown->compared->other;
	auto_free char *text = diff_region_text(&shown->probe, region, other);
	auto_free char *example = witness_text(&shown->probe, &region->example, other);
	const bool tcp = (region->protocol & (uint8_t)~IFW_EGRESS) == IPPROTO_TCP;

	return json_pack("{s:s?, s:s, s:s, s:o, s:i, s:i, s:o, s:o, s:s?, s:o, s:o}", "text", text,
			 "direction", region->protocol & IFW_EGRESS ? "out" : "in", "protocol",
			 tcp ? "tcp" : "udp", "to", prefix_json(&region->to, region->family),
			 "port_low", region->low, "port_high", region->high, "from",
			 prefix_json(&region->from, region->family), "interfaces",
			 interfaces_json(shown, region->ifaces), "example", example, sides[0],
			 side_json(shown, region, 0), sides[1], side_json(shown, region, 1));
}

static int print_json(const struct shown *shown)
{
	json_t *regions = json_array();

	for (size_t i = 0; i < shown->diff.count; i++)
		json_array_append_new(regions, region_json(shown, &shown->diff.regions[i]));
	return cmd_print_json(json_pack("{s:b, s:I, s:o}", "changes", shown->diff.count != 0,
					"asked", (json_int_t)shown->diff.cells, "regions",
					regions));
}

/* --- The command ------------------------------------------------------------------------ */

static void show_progress(void *arg, uint64_t done, uint64_t all)
{
	(void)arg;
	if (!isatty(STDERR_FILENO))
		return;
	if (all)
		fprintf(stderr, "\r%3.0f %% of %" PRIu64 " kinds of packets\033[K",
			100.0 * (double)done / (double)all, all);
	else
		fputs("\rcounting kinds of packets\033[K", stderr);
}

int cmd_diff_expected(const struct options *options, bool changes)
{
	if (options->expect && (strcmp(options->expect, "none") == 0) == changes)
		return cmd_fail(STATUS_UNEXPECTED, "expected %s, and %s", options->expect,
				changes ? "there are changes" : "nothing changes");
	return STATUS_DONE;
}

static int show(const struct options *options, struct shown *shown)
{
	int error = diff_find(&shown->probe, show_progress, NULL, &shown->diff);

	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (error == -E2BIG)
		return cmd_fail(STATUS_REFUSED,
				"there are more than %llu kinds of packets to ask about: compare "
				"fewer changes at a time",
				DIFF_CELLS_MAX);
	if (!error)
		error = options->json ? print_json(shown) : print_diff(shown);
	if (error)
		return cmd_fail(STATUS_REFUSED, "%s",
				error == -EPROTO ? "an answer is not that of its kind of packets: "
						   "this is a defect of ifw-sim, please report it"
						 : strerror(-error));
	return cmd_finish(cmd_diff_expected(options, shown->diff.count != 0));
}

int cmd_diff(const struct options *options)
{
	/* Of a state the old ones may be its own. */
	const char *const paths[PROBE_WORLDS] = {options->count == 2 ? options->args[0] : NULL,
						 options->args[options->count - 1]};
	struct compared compared;
	struct shown shown = {.compared = &compared};
	int status = cmd_compare_load(options, paths, &compared);

	if (status)
		return status;
	if (probe_start(&shown.probe, compared.worlds) != 0) {
		status = cmd_fail(STATUS_REFUSED, "out of memory");
	} else {
		status = show(options, &shown);
		diff_free(&shown.diff);
		probe_end(&shown.probe);
	}
	cmd_compare_free(&compared);
	return status;
}
