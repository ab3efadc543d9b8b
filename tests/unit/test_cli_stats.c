/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_cli_stats.c - counters for Prometheus, and rates between two readings. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "printed.h"

#include "cli/stats.h"
#include "cli/table.h"
#include "datapath/reasons.h"
#include "ruleset/grammar.h"

#define RULES "pass udp to 192.0.2.0/24 port 5 service voice\ndeny udp to 192.0.2.0/24 port 6\n"

static struct iface_info ifaces[2][2];
static struct ifw_count counts[2][2];

/* Two readings, two seconds apart. */
static void readings(struct stats out[2])
{
	memset(ifaces, 0, sizeof(ifaces));
	for (int i = 0; i < 2; i++) {
		snprintf(ifaces[i][0].name, sizeof(ifaces[i][0].name), "eth0");
		snprintf(ifaces[i][1].name, sizeof(ifaces[i][1].name), "eth1");
		ifaces[i][0].ifindex = 2;
		ifaces[i][1].ifindex = 3;
		ifaces[i][0].attached = true;
		out[i] = (struct stats){.time_ns = (uint64_t)(1 + 2 * i) * 1000000000,
					.up = true,
					.ifaces = ifaces[i],
					.count = 2,
					.rule_counts = counts[i]};
		cr_assert_eq(grammar_parse_set(RULES, strlen(RULES), &out[i].rules, NULL, NULL), 0);
	}
	ifaces[0][0].counters.by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_DROP] =
		(struct ifw_count){10, 1000};
	ifaces[1][0].counters.by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_DROP] =
		(struct ifw_count){30, 3000};
	ifaces[1][1].counters.by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_DROP] =
		(struct ifw_count){4, 400};
	ifaces[0][0].counters.decisions = 10;
	ifaces[1][0].counters.decisions = 30;
	ifaces[1][1].counters.decisions = 4;
	memset(counts, 0, sizeof(counts));
	counts[0][0] = (struct ifw_count){5, 500};
	counts[1][0] = (struct ifw_count){7, 700};
	counts[1][1] = (struct ifw_count){20, 2000};
}

static char *rates(const struct stats *before, const struct stats *now, unsigned int width,
		   unsigned int lines)
{
	struct table_look look = {.width = width};
	struct printed printed;
	FILE *out = printed_begin(&printed);

	cr_assert_eq(stats_print_rates(out, before, now, &look, lines), 0);
	return printed_end(&printed);
}

#define SAYS(text, words) cr_expect(strstr(text, words), "no '%s' in:\n%s", words, text)
#define SAYS_NOT(text, words) cr_expect(!strstr(text, words), "'%s' in:\n%s", words, text)

static void clear(struct stats both[2])
{
	rule_set_clear(&both[0].rules);
	rule_set_clear(&both[1].rules);
}

Test(rates, are_what_grew_a_second)
{
	struct stats both[2];
	char *text;

	readings(both);
	text = rates(&both[0], &both[1], 0, 0);
	SAYS(text, "2 interfaces, 12 packets/s, 0 events lost\n");
	SAYS(text, "REASON   VERDICT  PACKETS/S  BYTES/S  PACKETS  eth0  eth1\n"
		   "no-rule  drop            12     1200       34    10     2\n");
	SAYS(text, "PACKETS/S  BYTES/S  PACKETS  RULE\n"
		   "       10     1000       20  deny udp to 192.0.2.0/24 port 6\n"
		   "        1      100        7  pass udp to 192.0.2.0/24 port 5 service voice\n");
	free(text);
	clear(both);
}

/* Down and up again, an interface's counters begin at 0; so do those of a rule that is new. */
Test(rates, of_counters_that_began_anew)
{
	struct stats both[2];
	char *text;

	readings(both);
	ifaces[0][0].counters.by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_DROP].packets = 31;
	both[0].rules.rules[1].action = IFW_ACTION_PASS;
	counts[0][1].packets = 19;
	text = rates(&both[0], &both[1], 0, 0);
	SAYS(text, "no-rule  drop            17     1200       34    15     2\n");
	SAYS(text, "       10     1000       20  deny udp to 192.0.2.0/24 port 6\n");
	free(text);
	clear(both);
}

Test(rates, fit_the_screen)
{
	struct stats both[2];
	char *text;

	readings(both);
	text = rates(&both[0], &both[1], 72, 7);
	SAYS(text, "PACKETS  eth0\n");
	SAYS(text, "deny udp");
	SAYS_NOT(text, "voice");
	free(text);
	text = rates(&both[0], &both[1], 40, 6);
	SAYS_NOT(text, "eth0");
	SAYS_NOT(text, "RULE");
	free(text);
	both[1].rule_counts = NULL;
	both[1].tracked = true;
	both[1].flows = 3;
	both[1].max_flows = 9;
	text = rates(&both[0], &both[1], 0, 0);
	SAYS_NOT(text, "RULE");
	SAYS(text, "lost, 3 of 9 flows\n");
	free(text);
	clear(both);
}

static char *prometheus(const struct stats *stats)
{
	struct printed printed;
	FILE *out = printed_begin(&printed);

	cr_assert_eq(stats_print_prometheus(out, stats), 0);
	return printed_end(&printed);
}

Test(prometheus, says_all)
{
	struct stats both[2];
	char *text;

	readings(both);
	text = prometheus(&both[1]);
	SAYS(text, "# HELP ifw_up Whether ifw has any state on this host.\n# TYPE ifw_up "
		   "gauge\nifw_up 1\n");
	SAYS(text, "ifw_interface_attached{interface=\"eth0\"} "
		   "1\nifw_interface_attached{interface=\"eth1\"} 0\n");
	SAYS(text, "ifw_packets_total{interface=\"eth0\",direction=\"in\",reason=\"no-rule\","
		   "verdict=\"drop\"} 30\n");
	SAYS(text, "ifw_bytes_total{interface=\"eth1\",direction=\"in\",reason=\"no-rule\",verdict="
		   "\"drop\"} 400\n");
	SAYS(text, "ifw_rule_packets_total{rule=\"deny udp to 192.0.2.0/24 port "
		   "6\",action=\"deny\",direction=\"in\",service=\"\"} 20\n");
	SAYS_NOT(text, "ifw_flows");
	free(text);
	both[1].rule_counts = NULL;
	both[1].tracked = true;
	text = prometheus(&both[1]);
	SAYS(text, "ifw_rules 2\n");
	SAYS_NOT(text, "ifw_rule_packets_total");
	SAYS(text, "ifw_flows 0\n");
	free(text);
	clear(both);
}

Test(prometheus, escapes_labels)
{
	struct stats both[2];
	char *text;

	readings(both);
	snprintf(ifaces[1][0].name, sizeof(ifaces[1][0].name), "a\"b\\c\nd\xff");
	text = prometheus(&both[1]);
	SAYS(text, "ifw_decisions_total{interface=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 30\n");
	free(text);
	clear(both);
}

Test(prometheus, of_a_host_without_ifw)
{
	struct stats none = {0};
	char *text = prometheus(&none);

	cr_expect_str_eq(text, "# HELP ifw_up Whether ifw has any state on this host.\n"
			       "# TYPE ifw_up gauge\nifw_up 0\n");
	free(text);
}

Test(prometheus, directions_of_reasons)
{
	cr_expect_eq(stats_direction(IFW_REASON_EGRESS_PASS), IFW_DIRECTION_OUT);
	cr_expect_eq(stats_direction(IFW_REASON_EGRESS_DENY), IFW_DIRECTION_OUT);
	cr_expect_eq(stats_direction(IFW_REASON_EGRESS_DEFAULT), IFW_DIRECTION_OUT);
	cr_expect_eq(stats_direction(IFW_REASON_TRACKED), IFW_DIRECTION_IN);
	cr_expect_eq(stats_direction(IFW_REASON_ARP), IFW_DIRECTION_IN);
}
