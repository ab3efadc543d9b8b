/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_run_summary.c - see cmd_run.h: by reason, by rule, and where to most of what
 * was dropped had wanted to go.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>

#include "cmd_run.h"
#include "sim/explain/explain_text.h"

#define RULES_SHOWN 20 /* to people; JSON has all that decided */
#define TOP_SHOWN 10

void run_summary_add(struct run_summary *summary, struct sim_world *world,
		     const struct sim_result *result)
{
	const struct decision *d = &result->decision;
	const struct packet *p = sim_world_packet(world);
	struct ifw_count *count = &summary->by_reason[d->reason][d->verdict];

	summary->packets++;
	count->packets++;
	count->bytes += p->length;
	if (d->verdict != IFW_VERDICT_DROP || p->family == IFW_FAMILY_NONE)
		return;
	top_add(summary->dropped, &(struct top_key){
					  .addr = p->dst,
					  .port = p->dst_port,
					  .family = p->family,
					  .protocol = p->protocol,
				  });
}

static void print_destination(const struct top_key *key, char text[EXPLAIN_TUPLE_MAX])
{
	char name[EXPLAIN_PROTOCOL_MAX], end[EXPLAIN_END_MAX], addr[INET6_ADDRSTRLEN];

	explain_protocol(key->protocol, name);
	explain_end(key->addr, key->port, key->family, end);
	rule_print_addr(key->addr, key->family, addr, sizeof(addr));
	snprintf(text, EXPLAIN_TUPLE_MAX, "%s %s", name,
		 key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP ? end : addr);
}

/* --- Rules by what they decided --------------------------------------------------- */

struct ranked {
	const struct rule *rule;
	struct ifw_count count;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *one = a, *two = b;

	if (one->count.packets != two->count.packets)
		return one->count.packets < two->count.packets ? 1 : -1;
	return one->rule->order < two->rule->order ? -1 : 1;
}

/* Those that decided something, most first. NULL: no memory, or none. */
static struct ranked *rank_rules(const struct sim_world *world, size_t *count)
{
	const struct rule_set *set = sim_world_rules(world);
	struct ranked *ranked = calloc(set->count + 1, sizeof(*ranked));

	*count = 0;
	for (size_t i = 0; ranked && i < set->count; i++) {
		const struct ifw_count *decided = sim_world_rule_count(world, set->rules[i].order);

		if (decided && decided->packets)
			ranked[(*count)++] = (struct ranked){&set->rules[i], *decided};
	}
	if (ranked)
		qsort(ranked, *count, sizeof(*ranked), compare_ranked);
	return ranked;
}

static void print_rules(const struct sim_world *world, FILE *stream)
{
	const struct rule_set *set = sim_world_rules(world);
	struct ranked *ranked;
	size_t count;

	if (set->count == 0)
		return;
	ranked = rank_rules(world, &count);
	fprintf(stream, "by rule: %zu of %zu decided\n", count, set->count);
	for (size_t i = 0; i < count && i < RULES_SHOWN; i++) {
		char text[RULE_TEXT_MAX];

		rule_print(ranked[i].rule, &set->names, text, sizeof(text));
		fprintf(stream, "%8llu  %s\n", (unsigned long long)ranked[i].count.packets, text);
	}
	if (count > RULES_SHOWN)
		fprintf(stream, "          and %zu more (-j lists all)\n", count - RULES_SHOWN);
	free(ranked);
}

/* --- For people ---------------------------------------------------------------------- */

static void print_dropped(const struct run_summary *summary, FILE *stream)
{
	struct top_entry entries[TOP_SHOWN];
	size_t count = top_list(summary->dropped, entries, TOP_SHOWN);

	if (count == 0)
		return;
	fputs("most dropped, by destination\n", stream);
	for (size_t i = 0; i < count; i++) {
		char text[EXPLAIN_TUPLE_MAX];

		print_destination(&entries[i].key, text);
		fprintf(stream, "%8" PRIu64 "  %s", entries[i].at_least, text);
		if (entries[i].at_most != entries[i].at_least)
			fprintf(stream, " (or up to %" PRIu64 ")", entries[i].at_most);
		fputc('\n', stream);
	}
}

void run_summary_print(const struct run_summary *summary, const struct sim_world *world,
		       FILE *stream)
{
	fprintf(stream, "%" PRIu64 " packet%s\n", summary->packets,
		summary->packets == 1 ? "" : "s");
	for (unsigned int reason = IFW_REASON_NONE + 1; reason < IFW_REASON_END; reason++)
		for (int verdict = IFW_VERDICTS - 1; verdict >= 0; verdict--)
			if (summary->by_reason[reason][verdict].packets)
				fprintf(stream, "%8llu  %s  %-18s  %s\n",
					(unsigned long long)summary->by_reason[reason][verdict]
						.packets,
					verdict == IFW_VERDICT_PASS ? "pass" : "drop",
					ifw_reason_info(reason)->name,
					ifw_reason_info(reason)->text);
	print_rules(world, stream);
	print_dropped(summary, stream);
}

/* --- For programs --------------------------------------------------------------------- */

static json_t *count_json(const struct ifw_count *count)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)count->packets, "bytes",
			 (json_int_t)count->bytes);
}

static json_t *reasons_json(const struct run_summary *summary)
{
	json_t *reasons = json_array();

	for (unsigned int reason = IFW_REASON_NONE + 1; reason < IFW_REASON_END; reason++) {
		for (int verdict = IFW_VERDICTS - 1; verdict >= 0; verdict--) {
			json_t *row;

			if (!summary->by_reason[reason][verdict].packets)
				continue;
			row = count_json(&summary->by_reason[reason][verdict]);
			json_object_set_new(
				row, "verdict",
				json_string(verdict == IFW_VERDICT_PASS ? "pass" : "drop"));
			json_object_set_new(row, "reason",
					    json_string(ifw_reason_info(reason)->name));
			json_array_append_new(reasons, row);
		}
	}
	return reasons;
}

static json_t *rules_json(const struct sim_world *world)
{
	json_t *rules = json_array();
	size_t count;
	struct ranked *ranked = rank_rules(world, &count);

	for (size_t i = 0; i < count; i++) {
		json_t *row = count_json(&ranked[i].count);
		char text[RULE_TEXT_MAX];

		rule_print(ranked[i].rule, &sim_world_rules(world)->names, text, sizeof(text));
		json_object_set_new(row, "rule", json_string(text));
		json_array_append_new(rules, row);
	}
	free(ranked);
	return rules;
}

static json_t *dropped_json(const struct run_summary *summary)
{
	struct top_entry entries[TOP_SHOWN];
	size_t count = top_list(summary->dropped, entries, TOP_SHOWN);
	json_t *dropped = json_array();

	for (size_t i = 0; i < count; i++) {
		char text[EXPLAIN_TUPLE_MAX];

		print_destination(&entries[i].key, text);
		json_array_append_new(dropped,
				      json_pack("{s:s, s:I, s:I}", "destination", text, "packets",
						(json_int_t)entries[i].at_least, "packets_at_most",
						(json_int_t)entries[i].at_most));
	}
	return dropped;
}

int run_summary_json(const struct run_summary *summary, const struct sim_world *world)
{
	return cmd_print_json(json_pack(
		"{s:I, s:I, s:I, s:o, s:o, s:o}", "packets", (json_int_t)summary->packets, "cut",
		(json_int_t)summary->undecided.cut, "elsewhere",
		(json_int_t)summary->undecided.elsewhere, "reasons", reasons_json(summary), "rules",
		rules_json(world), "dropped", dropped_json(summary)));
}
