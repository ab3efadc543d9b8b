/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats_rates.c - see stats.h: what happened between two readings. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/reasons.h"
#include "stats.h"
#include "table.h"
#include "text.h"

#define NS_PER_S 1000000000.0
#define FIXED_COLUMNS 5
#define FIXED_WIDTH 62 /* of these on the screen, about */
#define IFACE_WIDTH 10
#define IFACES_MAX (TABLE_COLUMNS_MAX - FIXED_COLUMNS)
#define RULE_HEAD_LINES 2 /* an empty one, and titles */

/* By which the interfaces of the two readings are paired. */
static const struct iface_info *find_before(const struct stats *before,
					    const struct iface_info *iface)
{
	for (size_t i = 0; i < before->count; i++)
		if (before->ifaces[i].ifindex == iface->ifindex)
			return &before->ifaces[i];
	return NULL;
}

/* Counters begin at 0 again where an interface was taken down and up between. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static struct ifw_count grown_count(const struct ifw_count *now, const struct ifw_count *before)
{
	struct ifw_count none = {0};

	if (!before)
		before = &none;
	return (struct ifw_count){
		.packets = grown(now->packets, before->packets),
		.bytes = grown(now->bytes, before->bytes),
	};
}

static struct ifw_count reason_of(const struct stats *before, const struct iface_info *iface,
				  unsigned int reason, unsigned int verdict)
{
	const struct iface_info *was = find_before(before, iface);

	return grown_count(&iface->counters.by_reason[reason][verdict],
			   was ? &was->counters.by_reason[reason][verdict] : NULL);
}

static double seconds_between(const struct stats *before, const struct stats *now)
{
	double seconds = (double)(now->time_ns - before->time_ns) / NS_PER_S;

	return seconds > 0 ? seconds : 1;
}

/* How many interfaces have room beside the rest. */
static unsigned int columns_of(const struct stats *now, const struct table_look *look)
{
	unsigned int room = IFACES_MAX;

	if (look->width)
		room = look->width > FIXED_WIDTH ? (look->width - FIXED_WIDTH) / IFACE_WIDTH : 0;
	if (room > IFACES_MAX)
		room = IFACES_MAX;
	return now->count < room ? (unsigned int)now->count : room;
}

static void add_reason(struct table *table, const struct stats *before, const struct stats *now,
		       unsigned int reason, unsigned int verdict, unsigned int ifaces)
{
	const double seconds = seconds_between(before, now);
	struct ifw_count sum = {0};
	uint64_t total = 0;

	for (size_t i = 0; i < now->count; i++) {
		struct ifw_count one = reason_of(before, &now->ifaces[i], reason, verdict);

		sum.packets += one.packets;
		sum.bytes += one.bytes;
		total += now->ifaces[i].counters.by_reason[reason][verdict].packets;
	}
	if (!total)
		return;
	table_cell(table, TABLE_PLAIN, "%s", text_reason(reason));
	table_cell(table, verdict == IFW_VERDICT_PASS ? TABLE_GOOD : TABLE_BAD, "%s",
		   text_verdict(verdict));
	table_cell(table, TABLE_PLAIN, "%.0f", (double)sum.packets / seconds);
	table_cell(table, TABLE_PLAIN, "%.0f", (double)sum.bytes / seconds);
	table_cell(table, TABLE_PLAIN, "%" PRIu64, total);
	for (unsigned int i = 0; i < ifaces; i++)
		table_cell(table, TABLE_PLAIN, "%.0f",
			   (double)reason_of(before, &now->ifaces[i], reason, verdict).packets /
				   seconds);
}

static int print_reasons(FILE *out, const struct stats *before, const struct stats *now,
			 const struct table_look *look)
{
	const unsigned int ifaces = columns_of(now, look);
	struct table_column columns[TABLE_COLUMNS_MAX] = {
		{"REASON", false}, {"VERDICT", false}, {"PACKETS/S", true},
		{"BYTES/S", true}, {"PACKETS", true},
	};
	auto_table table = NULL;

	for (unsigned int i = 0; i < ifaces; i++)
		columns[FIXED_COLUMNS + i] = (struct table_column){now->ifaces[i].name, true};
	table = table_create(columns, FIXED_COLUMNS + ifaces);
	if (!table)
		return -ENOMEM;
	for (unsigned int reason = 1; reason < IFW_REASON_END; reason++)
		for (unsigned int verdict = 0; verdict < IFW_VERDICTS; verdict++)
			add_reason(table, before, now, reason, verdict, ifaces);
	return table_print(table, out, look);
}

/* --- Rules ----------------------------------------------------------------- */

struct busy_rule {
	size_t index; /* now */
	struct ifw_count grown;
};

static int busiest_first(const void *a, const void *b)
{
	const struct busy_rule *one = a, *other = b;

	if (one->grown.packets != other->grown.packets)
		return one->grown.packets > other->grown.packets ? -1 : 1;
	return one->index < other->index ? -1 : one->index > other->index;
}

/* Rules keep their order numbers as long as they are in force, and order is ascending. */
static const struct ifw_count *count_before(const struct stats *before, const struct rule *rule)
{
	size_t low = 0, high = before->rule_counts ? before->rules.count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (before->rules.rules[middle].order < rule->order)
			low = middle + 1;
		else
			high = middle;
	}
	if (!before->rule_counts || low == before->rules.count ||
	    !rule_equal(&before->rules.rules[low], rule))
		return NULL;
	return &before->rule_counts[low];
}

static int print_rules(FILE *out, const struct stats *before, const struct stats *now,
		       const struct table_look *look, size_t lines)
{
	static const struct table_column columns[] = {
		{"PACKETS/S", true}, {"BYTES/S", true}, {"PACKETS", true}, {"RULE", false}};
	const double seconds = seconds_between(before, now);
	struct busy_rule *busy = calloc(now->rules.count, sizeof(*busy));
	auto_table table = table_create(columns, sizeof(columns) / sizeof(columns[0]));
	char text[RULE_TEXT_MAX];
	size_t count = 0;

	if (!busy || !table) {
		free(busy);
		return -ENOMEM;
	}
	for (size_t i = 0; i < now->rules.count; i++)
		if (now->rule_counts[i].packets)
			busy[count++] = (struct busy_rule){
				.index = i,
				.grown = grown_count(&now->rule_counts[i],
						     count_before(before, &now->rules.rules[i])),
			};
	if (count)
		qsort(busy, count, sizeof(*busy), busiest_first);
	for (size_t i = 0; i < count && i < lines; i++) {
		rule_print(&now->rules.rules[busy[i].index], &now->rules.names, text, sizeof(text));
		table_cell(table, TABLE_PLAIN, "%.0f", (double)busy[i].grown.packets / seconds);
		table_cell(table, TABLE_PLAIN, "%.0f", (double)busy[i].grown.bytes / seconds);
		table_cell(table, TABLE_PLAIN, "%" PRIu64,
			   (uint64_t)now->rule_counts[busy[i].index].packets);
		table_cell(table, TABLE_PLAIN, "%s", text);
	}
	free(busy);
	if (!count || !lines)
		return 0;
	fputc('\n', out);
	return table_print(table, out, look);
}

static unsigned int reason_lines(const struct stats *now)
{
	unsigned int lines = 1; /* titles */

	for (unsigned int reason = 1; reason < IFW_REASON_END; reason++) {
		for (unsigned int verdict = 0; verdict < IFW_VERDICTS; verdict++) {
			bool any = false;

			for (size_t i = 0; i < now->count; i++)
				any |= now->ifaces[i].counters.by_reason[reason][verdict].packets;
			lines += any;
		}
	}
	return lines;
}

int stats_print_rates(FILE *out, const struct stats *before, const struct stats *now,
		      const struct table_look *look, unsigned int lines)
{
	const unsigned int used = 2 + reason_lines(now) + RULE_HEAD_LINES;
	uint64_t decided = 0, lost = 0;
	int err;

	for (size_t i = 0; i < now->count; i++) {
		const struct iface_info *was = find_before(before, &now->ifaces[i]);

		decided +=
			grown(now->ifaces[i].counters.decisions, was ? was->counters.decisions : 0);
		lost += now->ifaces[i].counters.events_lost;
	}
	fprintf(out, "%zu interface%s, %.0f packets/s, %" PRIu64 " event%s lost", now->count,
		text_s(now->count), (double)decided / seconds_between(before, now), lost,
		text_s(lost));
	if (now->tracked)
		fprintf(out, ", %" PRIu64 " of %u flows", now->flows, now->max_flows);
	fputs("\n\n", out);
	err = print_reasons(out, before, now, look);
	if (err || !now->rule_counts || !now->rules.count || (lines && lines <= used))
		return err;
	return print_rules(out, before, now, look, lines ? lines - used : now->rules.count);
}
