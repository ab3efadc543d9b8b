/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats_prometheus.c - see stats.h: counters as Prometheus reads them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "datapath/reasons.h"
#include "json.h"
#include "stats.h"
#include "text.h"

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line end are escaped. */
static void put_value(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || *text == '"')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void put_label(FILE *out, char before, const char *name, const char *value)
{
	fprintf(out, "%c%s=\"", before, name);
	put_value(out, value);
	fputc('"', out);
}

/* The name of an interface may be any bytes; the format is UTF-8. */
static int put_iface(FILE *out, const char *metric, const char *name)
{
	json_t *text = json_name(name);

	if (!text)
		return -ENOMEM;
	fputs(metric, out);
	put_label(out, '{', "interface", json_string_value(text));
	json_decref(text);
	return 0;
}

enum ifw_direction stats_direction(unsigned int reason)
{
	return reason >= IFW_REASON_EGRESS_PASS && reason <= IFW_REASON_EGRESS_DEFAULT
		       ? IFW_DIRECTION_OUT
		       : IFW_DIRECTION_IN;
}

/* Those that were counted at least once; a series that begins later begins at 0 for who asks. */
static int put_reasons(FILE *out, const char *metric, const struct iface_info *iface, bool bytes)
{
	for (unsigned int reason = 1; reason < IFW_REASON_END; reason++) {
		for (unsigned int verdict = 0; verdict < IFW_VERDICTS; verdict++) {
			const struct ifw_count *count = &iface->counters.by_reason[reason][verdict];

			if (!count->packets)
				continue;
			if (put_iface(out, metric, iface->name))
				return -ENOMEM;
			put_label(out, ',', "direction", text_direction(stats_direction(reason)));
			put_label(out, ',', "reason", text_reason(reason));
			put_label(out, ',', "verdict", text_verdict(verdict));
			fprintf(out, "} %" PRIu64 "\n",
				(uint64_t)(bytes ? count->bytes : count->packets));
		}
	}
	return 0;
}

static uint64_t decisions(const struct iface_info *iface)
{
	return iface->counters.decisions;
}

static uint64_t events_lost(const struct iface_info *iface)
{
	return iface->counters.events_lost;
}

static uint64_t attached(const struct iface_info *iface)
{
	return iface->attached;
}

static int put_ifaces(FILE *out, const struct stats *stats, const char *metric, const char *type,
		      const char *help, uint64_t (*value)(const struct iface_info *iface))
{
	head(out, metric, type, help);
	for (size_t i = 0; i < stats->count; i++) {
		if (put_iface(out, metric, stats->ifaces[i].name))
			return -ENOMEM;
		fprintf(out, "} %" PRIu64 "\n", value(&stats->ifaces[i]));
	}
	return 0;
}

static void put_rules(FILE *out, const struct stats *stats, const char *metric, const char *help,
		      bool bytes)
{
	char text[RULE_TEXT_MAX];

	head(out, metric, "counter", help);
	for (size_t i = 0; i < stats->rules.count; i++) {
		const struct rule *rule = &stats->rules.rules[i];
		const struct ifw_count *count = &stats->rule_counts[i];

		rule_print(rule, &stats->rules.names, text, sizeof(text));
		fputs(metric, out);
		put_label(out, '{', "rule", text);
		put_label(out, ',', "action", text_action(rule->action));
		put_label(out, ',', "direction",
			  text_direction(rule_is_egress(rule) ? IFW_DIRECTION_OUT
							      : IFW_DIRECTION_IN));
		put_label(out, ',', "service", rule->label);
		fprintf(out, "} %" PRIu64 "\n", (uint64_t)(bytes ? count->bytes : count->packets));
	}
}

static int put_packets(FILE *out, const struct stats *stats)
{
	int err = 0;

	head(out, "ifw_packets_total", "counter", "Packets decided, by reason and verdict.");
	for (size_t i = 0; i < stats->count && !err; i++)
		err = put_reasons(out, "ifw_packets_total", &stats->ifaces[i], false);
	head(out, "ifw_bytes_total", "counter",
	     "Their bytes, link headers included, by reason and verdict.");
	for (size_t i = 0; i < stats->count && !err; i++)
		err = put_reasons(out, "ifw_bytes_total", &stats->ifaces[i], true);
	return err;
}

int stats_print_prometheus(FILE *out, const struct stats *stats)
{
	int err;

	head(out, "ifw_up", "gauge", "Whether ifw has any state on this host.");
	fprintf(out, "ifw_up %d\n", stats->up);
	if (!stats->up)
		return 0;
	err = put_ifaces(out, stats, "ifw_interface_attached", "gauge",
			 "Whether the program is on the interface's hook.", attached);
	if (!err)
		err = put_packets(out, stats);
	if (!err)
		err = put_ifaces(out, stats, "ifw_decisions_total", "counter",
				 "Packets decided on the interface.", decisions);
	if (!err)
		err = put_ifaces(out, stats, "ifw_events_lost_total", "counter",
				 "Events for ifw monitor that found no room.", events_lost);
	if (err)
		return err;
	head(out, "ifw_rules", "gauge", "Rules in force.");
	fprintf(out, "ifw_rules %zu\n", stats->rules.count);
	if (stats->rule_counts) {
		put_rules(out, stats, "ifw_rule_packets_total", "Packets that the rule decided.",
			  false);
		put_rules(out, stats, "ifw_rule_bytes_total", "Their bytes, link headers included.",
			  true);
	}
	if (stats->tracked) {
		head(out, "ifw_flows", "gauge", "Tracked flows.");
		fprintf(out, "ifw_flows %" PRIu64 "\n", stats->flows);
		head(out, "ifw_flows_max", "gauge", "Flows that there is room for.");
		fprintf(out, "ifw_flows_max %u\n", stats->max_flows);
	}
	return 0;
}
