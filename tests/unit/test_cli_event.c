/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_cli_event.c - which events a filter means, and their packets as a capture has them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/event_filter.h"
#include "cli/event_packet.h"
#include "datapath/reasons.h"

static struct ifw_event event(void)
{
	return (struct ifw_event){
		.time_ns = 1000,
		.src = {0x0a000001ULL << 32, 0},
		.dst = {0xc0000207ULL << 32, 0},
		.slot = 3,
		.length = 60,
		.src_port = 4000,
		.dst_port = 80,
		.family = IFW_FAMILY_IPV4,
		.protocol = 6,
		.verdict = IFW_VERDICT_DROP,
		.reason = IFW_REASON_RULE_DENY,
		.direction = IFW_DIRECTION_IN,
	};
}

static bool lets(struct event_filter filter)
{
	const struct ifw_event e = event();

	return event_filter_matches(&filter, &e, NULL);
}

static struct event_filter with_word(const char *word)
{
	struct event_filter filter = event_filter_all();

	cr_assert_eq(flow_filter_word(&filter.ends, word), 0, "%s", word);
	return filter;
}

Test(event_filter, lets_everything_through)
{
	cr_expect(lets(event_filter_all()));
	cr_expect_not(event_filter_wants_rule(&(struct event_filter){.reasons = 1}));
}

Test(event_filter, reasons)
{
	struct event_filter filter = event_filter_all();
	const char *bad;
	size_t len;

	cr_assert_eq(event_filter_reasons(&filter, "no-rule", &bad, &len), 0);
	cr_expect_eq(filter.reasons, 1ULL << IFW_REASON_NO_RULE);
	cr_expect_not(lets(filter));
	cr_assert_eq(event_filter_reasons(&filter, "arp,rule-deny", &bad, &len), 0);
	cr_expect_eq(filter.reasons, 1ULL << IFW_REASON_NO_RULE | 1ULL << IFW_REASON_ARP |
					     1ULL << IFW_REASON_RULE_DENY);
	cr_expect(lets(filter));
}

Test(event_filter, reasons_that_are_none)
{
	static const struct {
		const char *list;
		size_t at, len;
	} cases[] = {
		{"", 0, 0},
		{"no-rul", 0, 6},
		{"no-rules", 0, 8},
		{"arp,", 4, 0},
		{"arp,,ssh", 4, 0},
		{"arp,none,ssh", 4, 4},
		{"a-word-that-is-longer-than-any-reason-there-is-or-will-be-so-it-cannot-be-one", 0,
		 77},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event_filter filter = event_filter_all();
		const char *bad;
		size_t len;

		cr_expect_eq(event_filter_reasons(&filter, cases[i].list, &bad, &len), -EINVAL,
			     "%s", cases[i].list);
		cr_expect_eq((size_t)(bad - cases[i].list), cases[i].at, "%s", cases[i].list);
		cr_expect_eq(len, cases[i].len, "%s", cases[i].list);
	}
}

Test(event_filter, verdicts)
{
	struct event_filter filter = event_filter_all();

	cr_assert_eq(event_filter_verdict(&filter, "drop"), 0);
	cr_expect(lets(filter));
	cr_assert_eq(event_filter_verdict(&filter, "pass"), 0);
	cr_expect_not(lets(filter));
	cr_expect_eq(event_filter_verdict(&filter, "Drop"), -EINVAL);
}

Test(event_filter, interfaces)
{
	struct event_filter filter = event_filter_all();
	struct ifw_event e = event();

	filter.in = 1 << 3;
	filter.out = 0;
	cr_expect(event_filter_matches(&filter, &e, NULL));
	e.slot = 4;
	cr_expect_not(event_filter_matches(&filter, &e, NULL));
	e.slot = 3;
	e.direction = IFW_DIRECTION_OUT;
	cr_expect_not(event_filter_matches(&filter, &e, NULL));
	filter.out = 1 << 3;
	cr_expect(event_filter_matches(&filter, &e, NULL));
}

Test(event_filter, ends)
{
	cr_expect(lets(with_word("tcp")));
	cr_expect_not(lets(with_word("udp")));
	cr_expect(lets(with_word("10.0.0.0/8")));
	cr_expect(lets(with_word("192.0.2.7")));
	cr_expect_not(lets(with_word("192.0.2.8")));
	cr_expect_not(lets(with_word("2001:db8::/32")));
	cr_expect_not(lets(with_word("::/0")));
	cr_expect(lets(with_word("0.0.0.0/0")));
}

/* ARP has no ends, and what is no IP no protocol, whatever bytes stand there. */
Test(event_filter, without_addresses)
{
	struct ifw_event e = event();
	struct event_filter filter = with_word("tcp");

	e.family = IFW_FAMILY_NONE;
	cr_expect_not(event_filter_matches(&filter, &e, NULL));
	filter = with_word("0.0.0.0/0");
	cr_expect_not(event_filter_matches(&filter, &e, NULL));
}

Test(event_filter, rules)
{
	struct rule rule = {.low = 80,
			    .high = 80,
			    .protocol = 6,
			    .ifaces = IFW_IFACES_ANY,
			    .action = IFW_ACTION_DENY,
			    .label = "web"};
	struct event_filter filter = event_filter_all();
	const struct ifw_event e = event();

	filter.by_rule = true;
	filter.rule = rule;
	filter.rule.action = IFW_ACTION_PASS; /* the match is what tells rules apart */
	cr_expect(event_filter_wants_rule(&filter));
	cr_expect(event_filter_matches(&filter, &e, &rule));
	cr_expect_not(event_filter_matches(&filter, &e, NULL));
	rule.high = 81;
	cr_expect_not(event_filter_matches(&filter, &e, &rule));
	filter.by_rule = false;
	filter.service = "web";
	cr_expect(event_filter_wants_rule(&filter));
	cr_expect(event_filter_matches(&filter, &e, &rule));
	cr_expect_not(event_filter_matches(&filter, &e, NULL));
	filter.service = "we";
	cr_expect_not(event_filter_matches(&filter, &e, &rule));
}

Test(event_filter, what_the_program_sees_to)
{
	struct event_filter filter = event_filter_all();
	struct ifw_watch watch = event_filter_watch(&filter, 0xf0);

	cr_expect_eq(watch.slots, 0xf0);
	cr_expect_eq(watch.directions, 3);
	filter.in = 0x30;
	filter.out = 0;
	filter.reasons = 4;
	filter.verdicts = 2;
	watch = event_filter_watch(&filter, 0x50);
	cr_expect_eq(watch.slots, 0x10);
	cr_expect_eq(watch.directions, 1 << IFW_DIRECTION_IN);
	cr_expect_eq(watch.reasons, 4);
	cr_expect_eq(watch.verdicts, 2);
}

/* --- Packets -------------------------------------------------------------------- */

static struct event_packet made;

static const struct capture_packet *capture(uint32_t flags, uint32_t captured, const char *rule)
{
	struct ifw_packet_event *packet = malloc(sizeof(*packet) + IFW_PACKET_SMALL);
	struct event_view view = {.ifname = "eth0", .rule = rule, .clock_offset_ns = 5};

	cr_assert_not_null(packet);
	*packet = (struct ifw_packet_event){
		.event = event(),
		.captured = captured,
		.flags = flags,
		.vlan_tpid = 0x88a8,
		.vlan_tci = 0x6007,
	};
	for (unsigned int i = 0; i < IFW_PACKET_SMALL; i++)
		packet->bytes[i] = (uint8_t)i;
	view.event = &packet->event;
	event_packet_make(&made, &view, packet);
	free(packet);
	return &made.captured;
}

Test(event_packet, is_as_it_was)
{
	const struct capture_packet *p = capture(0, 60, "deny tcp to 192.0.2.0/24 port 80");

	cr_expect_eq(p->captured, 60);
	cr_expect_eq(p->length, 60);
	cr_expect_eq(((const uint8_t *)p->data)[59], 59);
	cr_expect_eq(p->link, CAPTURE_ETHERNET);
	cr_expect_eq(p->direction, CAPTURE_IN);
	cr_expect_eq(p->time_ns, 1005);
	cr_expect_str_eq(p->ifname, "eth0");
	cr_expect_str_eq(p->comment, "drop rule-deny by deny tcp to 192.0.2.0/24 port 80");
}

Test(event_packet, says_what_was_done_before)
{
	cr_expect_str_eq(capture(0, 60, NULL)->comment, "drop rule-deny");
	cr_expect_str_eq(capture(IFW_PACKET_STRIPPED, 60, NULL)->comment,
			 "drop rule-deny; GENEVE removed before");
	cr_expect_str_eq(capture(IFW_PACKET_AGGREGATE, 60, "r")->comment,
			 "drop rule-deny by r; several packets, merged by the stack");
}

Test(event_packet, has_its_tag_again)
{
	static const uint8_t around[] = {10, 11, 0x88, 0xa8, 0x60, 0x07, 12, 13};
	const struct capture_packet *p = capture(IFW_PACKET_TAGGED, 60, NULL);

	cr_expect_eq(p->captured, 64);
	cr_expect_eq(p->length, 64);
	cr_expect_arr_eq((const uint8_t *)p->data + 10, around, sizeof(around));
	cr_expect_eq(((const uint8_t *)p->data)[63], 59);
	p = capture(IFW_PACKET_TAGGED, 11, NULL);
	cr_expect_eq(p->captured, 11, "there is no place for it");
	p = capture(IFW_PACKET_TAGGED | IFW_PACKET_RAW_IP, 60, NULL);
	cr_expect_eq(p->link, CAPTURE_RAW_IP);
	cr_expect_eq(p->captured, 60);
}
