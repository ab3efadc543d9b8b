/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_cli_output.c - what scripts read: JSON of rules and events, zfw's list;
 * and the small conversions behind them.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "printed.h"

#include "cli/bind.h"
#include "cli/event.h"
#include "cli/json.h"
#include "cli/rule_list.h"
#include "cli/text.h"
#include "cli/zfw_list.h"
#include "datapath/reasons.h"
#include "ruleset/grammar.h"

static const char rules_text[] =
	"intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321 from 10.1.1.0/24 on eth0,eth1 "
	"service 5XzC8m\n"
	"pass udp to 192.168.3.0/24 port 5-7\n"
	"deny tcp to 10.0.0.0/8 port 22 from 10.1.1.0/24\n";

static void parse(struct rule_set *set)
{
	cr_assert_eq(grammar_parse_set(rules_text, strlen(rules_text), set, NULL, NULL), 0);
	cr_assert_eq(set->count, 3);
}

static void expect_json(json_t *value, const char *wanted)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER);

	cr_assert(text);
	cr_expect_str_eq(text, wanted);
	free(text);
	json_decref(value);
}

Test(json, rules)
{
	const struct ifw_count count = {.packets = 7, .bytes = 294};
	struct rule_set set = {0};

	parse(&set);
	expect_json(json_rule(&set.rules[0], &set.names, NULL),
		    "{\"order\":1,\"rule\":\"intercept tcp to 10.0.0.0/8 port 80-443 via "
		    "127.0.0.1:43321 from 10.1.1.0/24 on eth0,eth1 service 5XzC8m\","
		    "\"action\":\"intercept\",\"direction\":\"in\",\"protocol\":\"tcp\","
		    "\"destination\":\"10.0.0.0/8\","
		    "\"source\":\"10.1.1.0/24\",\"ports\":{\"low\":80,\"high\":443},"
		    "\"interfaces\":[\"eth0\",\"eth1\"],\"listener\":\"127.0.0.1:43321\","
		    "\"service\":\"5XzC8m\",\"packets\":null,\"bytes\":null}");
	expect_json(json_rule(&set.rules[1], &set.names, &count),
		    "{\"order\":2,\"rule\":\"pass udp to 192.168.3.0/24 port 5-7\","
		    "\"action\":\"pass\",\"direction\":\"in\",\"protocol\":\"udp\",\"destination\":"
		    "\"192.168.3.0/24\","
		    "\"source\":null,\"ports\":{\"low\":5,\"high\":7},\"interfaces\":[],"
		    "\"listener\":null,\"service\":null,\"packets\":7,\"bytes\":294}");
	rule_set_clear(&set);
}

static char *listed(const struct rule_set *set, const struct ifw_count *counts)
{
	struct printed printed;
	FILE *out = printed_begin(&printed);

	rule_list_print(out, set, counts);
	return printed_end(&printed);
}

Test(rule_list, has_counts_behind_rules_that_decided_something)
{
	struct ifw_count counts[] = {{0, 0}, {1, 42}, {12345, 1234567}};
	struct rule_set set = {0}, again = {0};
	char *plain, *text;

	parse(&set);
	plain = listed(&set, NULL);
	text = listed(&set, counts);
	cr_expect_str_eq(
		text,
		"intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321 "
		"from 10.1.1.0/24 on eth0,eth1 service 5XzC8m\n"
		"pass udp to 192.168.3.0/24 port 5-7              #     1 packet,       42 bytes\n"
		"deny tcp to 10.0.0.0/8 port 22 from 10.1.1.0/24  # 12345 packets, 1234567 "
		"bytes\n");
	/* They are comments: what is read back is the same. */
	cr_assert_eq(grammar_parse_set(text, strlen(text), &again, NULL, NULL), 0);
	free(text);
	text = listed(&again, NULL);
	cr_expect_str_eq(text, plain);
	free(text);
	counts[1] = counts[2] = counts[0];
	text = listed(&set, counts);
	cr_expect_str_eq(text, plain);
	free(text);
	free(plain);
	rule_set_clear(&set);
	rule_set_clear(&again);
}

Test(rule_list, a_few_long_rules_do_not_push_the_others_aside)
{
	struct ifw_count counts[] = {{3, 126}, {3, 126}, {0, 0}};
	struct rule_set set = {0};
	char *text;

	parse(&set);
	text = listed(&set, counts);
	cr_expect(strstr(text, " service 5XzC8m  # 3 packets, 126 bytes\n"));
	cr_expect(strstr(text, " port 5-7  # 3 packets, 126 bytes\n"));
	free(text);
	counts[0].packets = counts[1].packets = 1;
	text = listed(&set, counts);
	cr_expect(strstr(text, " port 5-7  # 1 packet, 126 bytes\n"), "%s", text);
	free(text);
	rule_set_clear(&set);
}

Test(json, stats_show_only_what_was_counted)
{
	static struct iface_info iface = {.name = "eth0", .ifindex = 2};

	iface.counters.decisions = 5;
	iface.counters.events_lost = 1;
	iface.counters.by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_DROP].packets = 4;
	iface.counters.by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_DROP].bytes = 400;
	iface.counters.by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_PASS].packets = 1;
	iface.counters.by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_PASS].bytes = 60;
	expect_json(json_stats(&iface, 1),
		    "{\"interfaces\":[{\"name\":\"eth0\",\"ifindex\":2,\"events_lost\":1,"
		    "\"decisions\":5,\"reasons\":["
		    "{\"reason\":\"no-rule\",\"verdict\":\"drop\",\"packets\":4,\"bytes\":400},"
		    "{\"reason\":\"no-rule\",\"verdict\":\"pass\",\"packets\":1,\"bytes\":60}]}]}");
	expect_json(json_stats(&iface, 0), "{\"interfaces\":[]}");
}

/* The kernel lets an interface be called by any bytes; JSON is UTF-8. */
Test(json, names_are_text)
{
	static struct iface_info iface = {.name = "e\xff\xc3\xa9\xc3", .ifindex = 2};

	expect_json(
		json_stats(&iface, 1),
		"{\"interfaces\":[{\"name\":\"e\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\",\"ifindex\":2,"
		"\"events_lost\":0,\"decisions\":0,\"reasons\":[]}]}");
}

Test(json, iface)
{
	struct iface_addr addrs[] = {
		{{0x0a000001ULL << 32, 0}, IFW_FAMILY_IPV4, IFW_ADDR_LOCAL},
		{{0x0a0000ffULL << 32, 0}, IFW_FAMILY_IPV4, IFW_ADDR_BROADCAST},
	};
	static struct iface_info iface = {
		.name = "eth0",
		.ifindex = 2,
		.present = true,
		.attached = true,
		.settings = {.flags = IFW_IFACE_SSH_OFF | IFW_IFACE_ECHO |
				      IFW_IFACE_ADDRS_RECORDED | IFW_IFACE_TRACK,
			     .mark = 32,
			     .mark_mask = 33,
			     .verbose = 2,
			     .at = {{.hook = IFW_HOOK_TCX}},
			     .table = 7100},
	};

	struct loader_usage usage = {
		.limits = {.ranges = 1000,
			   .prefixes = 50,
			   .flows = 4096,
			   .counting = LOADER_COUNTING_ON},
		.rules = 3,
		.prefixes = 2,
		.counters = 65536,
	};

	iface.addrs = addrs;
	iface.addr_count = 2;
	expect_json(
		json_ifaces(&iface, 1, &usage),
		"{\"interfaces\":[{\"name\":\"eth0\",\"ifindex\":2,\"state\":\"attached\","
		"\"hook\":\"tcx\",\"link\":\"ethernet\",\"ssh\":false,\"echo\":true,\"track\":true,"
		"\"ingress_default\":\"deny\",\"egress_attached\":false,\"egress_default\":"
		"\"pass\",\"named_rules\":false,\"tunnel\":false,"
		"\"verbose\":2,"
		"\"geneve\":false,"
		"\"geneve_sources\":[],\"pass_protocols\":[],\"pass_ethertypes\":[],\"mark\":32,"
		"\"mask\":33,\"table\":7100,\"addresses\":[\"10.0.0.1\"]}],"
		"\"rules\":{\"count\":3,\"prefixes\":2,\"max_ranges\":1000,\"max_prefixes\":50,"
		"\"max_flows\":4096,\"counted\":true,\"counter_bytes_per_cpu\":65536}}");
	usage.limits.counting = LOADER_COUNTING_OFF;
	usage.counters = 0;
	iface.settings.flags = IFW_IFACE_GENEVE | IFW_IFACE_RAW_IP | IFW_IFACE_EGRESS_DENY |
			       IFW_IFACE_NAMED_RULES | IFW_IFACE_TUNNEL;
	iface.settings.protocols[0] = 1ULL << 47;
	iface.settings.ethertypes[0] = 0x88cc;
	iface.settings.geneve_sources[0] =
		(struct ifw_net){.addr = {0x0a000000ULL << 32, 0}, .len = 8, .family = 4};
	iface.settings.table = 0;
	iface.attached = false;
	expect_json(json_ifaces(&iface, 1, &usage),
		    "{\"interfaces\":[{\"name\":\"eth0\",\"ifindex\":2,\"state\":\"detached\","
		    "\"hook\":\"tcx\",\"link\":\"raw\",\"ssh\":true,\"echo\":false,\"track\":false,"
		    "\"ingress_default\":\"deny\",\"egress_attached\":false,\"egress_default\":"
		    "\"deny\",\"named_rules\":true,\"tunnel\":true,"
		    "\"verbose\":2,"
		    "\"geneve\":true,"
		    "\"geneve_sources\":[\"10.0.0.0/"
		    "8\"],\"pass_protocols\":[47],\"pass_ethertypes\":[35020],\"mark\":32,"
		    "\"mask\":33,\"table\":null,\"addresses\":null}],"
		    "\"rules\":{\"count\":3,\"prefixes\":2,\"max_ranges\":1000,"
		    "\"max_prefixes\":50,\"max_flows\":4096,\"counted\":false,\"counter_bytes_per_"
		    "cpu\":0}}");
}

static struct ifw_event sample_event(void)
{
	struct ifw_event event = {
		.time_ns = 1234567890,
		.src = {0x0a010105ULL << 32, 0},
		.dst = {0x0a020304ULL << 32, 0},
		.ifindex = 2,
		.slot = 1,
		.rule = 1,
		.length = 74,
		.src_port = 40000,
		.dst_port = 443,
		.ethertype = 0x0800,
		.family = IFW_FAMILY_IPV4,
		.protocol = 6,
		.verdict = IFW_VERDICT_PASS,
		.reason = IFW_REASON_INTERCEPTED,
		.assigned = IFW_ASSIGNED_LISTENER,
	};

	return event;
}

static char *print_event(const struct event_view *view, bool json)
{
	struct table_look look = {0};
	struct printed printed;
	FILE *out = printed_begin(&printed);

	if (json)
		cr_assert_eq(event_print_json(out, view), 0);
	else
		event_print(out, view, &look);
	return printed_end(&printed);
}

Test(event, json)
{
	struct ifw_event event = sample_event();
	struct event_view view = {.event = &event, .ifname = "eth0", .rule = "some rule"};
	char *text = print_event(&view, true);

	cr_expect_str_eq(text,
			 "{\"time_ns\":1234567890,\"interface\":\"eth0\",\"ifindex\":2,"
			 "\"direction\":\"in\",\"length\":74,\"ethertype\":2048,\"protocol\":"
			 "\"tcp\",\"src\":\"10.1.1.5\","
			 "\"dst\":\"10.2.3.4\",\"src_port\":40000,\"dst_port\":443,"
			 "\"verdict\":\"pass\",\"reason\":\"intercepted\",\"rule\":\"some rule\","
			 "\"assigned\":\"listener\"}\n");
	free(text);
}

Test(event, json_without_ip)
{
	struct ifw_event event = {.ethertype = 0x0806, .reason = IFW_REASON_ARP, .verdict = 1};
	struct event_view view = {.event = &event, .ifname = "lo"};
	char *text = print_event(&view, true);

	cr_expect(strstr(text, "\"protocol\":null,\"src\":null,\"dst\":null,"), "%s", text);
	cr_expect(strstr(text, "\"rule\":null,\"assigned\":null}\n"), "%s", text);
	free(text);
}

Test(event, line)
{
	struct ifw_event event = sample_event();
	struct event_view view = {.event = &event, .ifname = "eth0", .rule = "some rule"};
	char *text;

	setenv("TZ", "UTC", 1);
	/* one day and two hours after 1970, and the event's own 1.234567890 s */
	view.clock_offset_ns = (86400 + 7200) * 1000000000LL;
	text = print_event(&view, false);
	cr_expect_str_eq(text,
			 "02:00:01.234567  eth0      in   tcp                 10.1.1.5:40000 > "
			 "10.2.3.4:443                pass  intercepted         some rule\n");
	free(text);
	view.rule = NULL;
	text = print_event(&view, false);
	cr_expect(strstr(text, "pass  intercepted\n"), "%s", text);
	free(text);
}

Test(event, fits_only_its_rule)
{
	struct ifw_event event = sample_event();
	struct rule_set set = {0};
	struct rule rule;

	parse(&set);
	event.slot = iface_names_find(&set.names, "eth0");
	rule = set.rules[0];
	cr_expect(event_fits_rule(&event, &rule));
	rule.order = 2;
	cr_expect_not(event_fits_rule(&event, &rule));
	rule = set.rules[0];
	rule.action = IFW_ACTION_DENY;
	cr_expect_not(event_fits_rule(&event, &rule));
	event.reason = IFW_REASON_RULE_DENY;
	cr_expect(event_fits_rule(&event, &rule));
	event = sample_event();
	event.slot = IFW_SLOT_NONE;
	cr_expect_not(event_fits_rule(&event, &set.rules[0]));
	event.slot = iface_names_find(&set.names, "eth1");
	event.dst_port = 444;
	cr_expect_not(event_fits_rule(&event, &set.rules[0]));
	event.dst_port = 79;
	cr_expect_not(event_fits_rule(&event, &set.rules[0]));
	event.dst_port = 80;
	cr_expect(event_fits_rule(&event, &set.rules[0]));
	event.dst.hi += 1ULL << 56;
	cr_expect_not(event_fits_rule(&event, &set.rules[0]));
	event = sample_event();
	event.slot = iface_names_find(&set.names, "eth0");
	event.src.hi += 1ULL << 40;
	cr_expect_not(event_fits_rule(&event, &set.rules[0]));
	rule_set_clear(&set);
}

/* A later fragment has no ports; an ICMP error is about other addresses than its own. */
Test(event, fits_the_rule_of_its_flow)
{
	struct ifw_event event = sample_event();
	struct rule_set set = {0};
	struct rule deny;

	parse(&set);
	deny = set.rules[0];
	deny.action = IFW_ACTION_DENY;
	event.slot = iface_names_find(&set.names, "eth0");
	event.dst_port = 0;
	cr_expect_not(event_fits_rule(&event, &set.rules[0]), "another reason");
	event.reason = IFW_REASON_FRAGMENT;
	cr_expect(event_fits_rule(&event, &set.rules[0]));
	cr_expect_not(event_fits_rule(&event, &deny));
	event.dst.hi += 1ULL << 56;
	cr_expect_not(event_fits_rule(&event, &set.rules[0]), "another prefix");

	event.reason = IFW_REASON_ICMP_RELATED;
	event.protocol = IPPROTO_ICMP;
	cr_expect(event_fits_rule(&event, &set.rules[0]));
	cr_expect_not(event_fits_rule(&event, &deny));
	event.slot = IFW_SLOT_NONE;
	cr_expect_not(event_fits_rule(&event, &set.rules[0]), "another interface");
	event.slot = iface_names_find(&set.names, "eth0");
	event.rule++;
	cr_expect_not(event_fits_rule(&event, &set.rules[0]), "another number");
	rule_set_clear(&set);
}

/* Of what leaves, later fragments go as their first did. */
Test(event, fits_the_rule_of_its_first_fragment)
{
	struct ifw_event event = sample_event();
	struct rule_set set = {0};
	struct rule leaving;

	parse(&set);
	leaving = set.rules[0];
	leaving.action = IFW_ACTION_DENY;
	leaving.protocol |= IFW_EGRESS;
	event.slot = iface_names_find(&set.names, "eth0");
	event.direction = IFW_DIRECTION_OUT;
	event.reason = IFW_REASON_EGRESS_DENY;
	event.src_port = event.dst_port = 0;
	cr_expect(event_fits_rule(&event, &leaving));
	event.src_port = 7;
	cr_expect_not(event_fits_rule(&event, &leaving), "a port that the rule has not");
	event.src_port = 0;
	event.reason = IFW_REASON_EGRESS_PASS;
	cr_expect_not(event_fits_rule(&event, &leaving), "another action");
	rule_set_clear(&set);
}

/* Runs of blanks are one: the columns' width is not what readers know. */
static void squeeze(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++)
		if (*from != ' ' || from[1] != ' ')
			*to++ = *from;
	*to = '\0';
}

static char *list(const struct zfw_request *request)
{
	struct loader_limits limits = {.ranges = 1000, .prefixes = 50};
	struct rule_set set = {0};
	struct printed printed;
	FILE *out = printed_begin(&printed);
	char *text;

	parse(&set);
	cr_assert_eq(zfw_list_print(out, &set, request, &limits), 0);
	rule_set_clear(&set);
	text = printed_end(&printed);
	squeeze(text);
	return text;
}

Test(zfw_list, all)
{
	struct zfw_request request = {.verb = ZFW_LIST};
	char *text = list(&request);

	cr_expect(strstr(text, "\naccept 5XzC8m tcp 10.1.1.0/24 10.0.0.0/8 dpts=80:443 "
			       "TPROXY redirect 127.0.0.1:43321 [eth0,eth1]\n"),
		  "%s", text);
	cr_expect(strstr(text, "\naccept - udp 0.0.0.0/0 192.168.3.0/24 dpts=5:7 "
			       "PASSTHRU to 192.168.3.0/24 []\n"),
		  "%s", text);
	cr_expect(strstr(text, "\ndeny - tcp 10.1.1.0/24 10.0.0.0/8 dpts=22:22 "), "%s", text);
	/* the first and the third share a tuple */
	cr_expect(strstr(text, "\nRule Count: 3 / 1000\nprefix_tuple_count: 2 / 50\n"), "%s", text);
	free(text);
}

Test(zfw_list, only_a_prefix)
{
	struct zfw_request request = {
		.verb = ZFW_LIST,
		.has_prefix = true,
		.rule = {.family = IFW_FAMILY_IPV4, .dst_len = 8, .dst = {0x0aULL << 56, 0}},
	};
	char *text = list(&request);

	cr_expect(strstr(text, "\nRule Count: 2 / 1000\nprefix_tuple_count: 1 / 50\n"), "%s", text);
	free(text);
	request.has_protocol = true;
	request.rule.protocol = 17;
	text = list(&request);
	cr_expect(strstr(text, "\nRule Count: 0 / 1000\nprefix_tuple_count: 0 / 50\n"), "%s", text);
	free(text);
	request.has_protocol = false;
	request.rule.dst_len = 9;
	text = list(&request);
	cr_expect(strstr(text, "\nRule Count: 0 /"), "%s", text);
	free(text);
}

Test(bind, names_keep_their_meaning)
{
	struct iface_names from = {0}, names = {0};
	struct bind_map map;
	uint64_t bound;
	int a, b;

	cr_assert_gt(iface_names_add(&names, "other"), 0);
	cr_assert_gt(iface_names_add(&names, "eth1"), 0);
	a = iface_names_add(&from, "eth0");
	b = iface_names_add(&from, "eth1");
	cr_assert_eq(bind_names(&from, &names, &map), 0);
	bound = bind_ifaces(&map, 1ULL << a | 1ULL << b);
	cr_expect_eq(bound, 1ULL << iface_names_find(&names, "eth0") |
				    1ULL << iface_names_find(&names, "eth1"));
	cr_expect_eq(bind_ifaces(&map, IFW_IFACES_ANY), IFW_IFACES_ANY);
	cr_expect_eq(bind_ifaces(&map, 0), 0);
}

Test(bind, says_when_slots_run_out)
{
	struct iface_names from = {0}, names = {0};
	struct bind_map map;
	char name[IFW_NAME_MAX];

	for (int i = 1; i < IFW_SLOTS; i++) {
		snprintf(name, sizeof(name), "if%d", i);
		cr_assert_gt(iface_names_add(&names, name), 0);
	}
	cr_assert_gt(iface_names_add(&from, "if3"), 0);
	cr_expect_eq(bind_names(&from, &names, &map), 0);
	cr_assert_gt(iface_names_add(&from, "one-more"), 0);
	cr_expect_eq(bind_names(&from, &names, &map), -ENOSPC);
}

Test(text, numbers)
{
	uint64_t n = 77;

	cr_expect_eq(text_number("0x20", 0, UINT32_MAX, &n), 0);
	cr_expect_eq(n, 32);
	cr_expect_eq(text_number("0XfFfFfFfF", 0, UINT32_MAX, &n), 0);
	cr_expect_eq(n, UINT32_MAX);
	cr_expect_eq(text_number("4294967295", 0, UINT32_MAX, &n), 0);
	cr_expect_eq(n, UINT32_MAX);
	cr_expect_eq(text_number("0xffffffffffffffff", 0, UINT64_MAX, &n), 0);
	cr_expect_eq(n, UINT64_MAX);
	n = 77;
	cr_expect_eq(text_number("0x100000000", 0, UINT32_MAX, &n), -ERANGE);
	cr_expect_eq(text_number("0x10000000000000000", 0, UINT64_MAX, &n), -ERANGE);
	cr_expect_eq(text_number("0x21", 0, 0x20, &n), -ERANGE);
	cr_expect_eq(text_number("0x", 0, 100, &n), -EINVAL);
	cr_expect_eq(text_number("0x2g", 0, 100, &n), -EINVAL);
	cr_expect_eq(text_number("-1", 0, 100, &n), -EINVAL);
	cr_expect_eq(text_number("", 0, 100, &n), -EINVAL);
	cr_expect_eq(text_number("1 ", 0, 100, &n), -EINVAL);
	cr_expect_eq(text_number("0", 1, 100, &n), -ERANGE);
	cr_expect_eq(n, 77);
}

Test(text, words)
{
	char *words[] = {"pass", "udp", "to"};
	char *joined = text_join(words, 3);
	bool on = false;

	cr_expect_str_eq(joined, "pass udp to");
	free(joined);
	joined = text_join(words, 0);
	cr_expect_str_empty(joined);
	free(joined);
	cr_expect_eq(text_switch("on", &on), 0);
	cr_expect(on);
	cr_expect_eq(text_switch("offf", &on), -EINVAL);
	cr_expect(on);
	cr_expect_eq(text_switch("off", &on), 0);
	cr_expect_not(on);
}

Test(text, policy)
{
	cr_expect_null(text_policy_problem(0x20, 0x20, 7100));
	cr_expect_null(text_policy_problem(0x20, 0xff, 1));
	cr_expect(text_policy_problem(0, 0xff, 7100));
	cr_expect(text_policy_problem(0x21, 0x20, 7100));
	cr_expect(text_policy_problem(1, 1, 0));
	cr_expect(text_policy_problem(1, 1, 253));
	cr_expect(text_policy_problem(1, 1, 254));
	cr_expect(text_policy_problem(1, 1, 255));
	cr_expect_null(text_policy_problem(1, 1, 256));
}
