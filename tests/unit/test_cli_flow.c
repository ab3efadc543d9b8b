/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_cli_flow.c - tracked flows as lines and as JSON, and the words that choose among them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "printed.h"

#include "cli/flow_print.h"
#include "datapath/flow_states.h"

#define SECOND 1000000000ULL

static const struct ifw_flow_key key = {
	.low = {0x0a010105ULL << 32, 0},
	.high = {0x0a020304ULL << 32, 0},
	.low_port = 40000,
	.high_port = 53,
	.family = IFW_FAMILY_IPV4,
	.protocol = IPPROTO_UDP,
};

static struct ifw_flow sample(void)
{
	return (struct ifw_flow){
		.expires_ns = 130 * SECOND,
		.began_ns = 95 * SECOND,
		.packets = 3,
		.bytes = 210,
		.state = IFW_FLOW_UDP_REPLIED,
	};
}

static char *print(const struct ifw_flow *flow, bool json)
{
	struct printed printed;
	FILE *out = printed_begin(&printed);

	if (json) {
		flow_print_json(out, &key, flow, 100 * SECOND);
	} else {
		flow_print_titles(out);
		flow_print(out, &key, flow, 100 * SECOND);
	}
	return printed_end(&printed);
}

static void expect_print(const struct ifw_flow *flow, bool json, const char *wanted)
{
	char *text = print(flow, json);

	cr_expect_str_eq(text, wanted);
	free(text);
}

#define TITLES                                                                                     \
	"PROTO                         FROM > TO                          STATE           ANSWERS" \
	"       AGE      LEFT     PACKETS         BYTES\n"
#define BEFORE_ANSWERS                                                                             \
	"udp                 10.1.1.5:40000 > 10.2.3.4:53                 udp-replied     "
#define BEHIND_ANSWERS "        5s       30s           3           210"

Test(flow_print, says_whether_answers_pass)
{
	struct ifw_flow flow = sample();

	expect_print(&flow, false, TITLES BEFORE_ANSWERS "-      " BEHIND_ANSWERS "\n");
	flow.sides[IFW_REPLY].came_in = flow.sides[IFW_REPLY].left = 1; /* say nothing */
	expect_print(&flow, false, TITLES BEFORE_ANSWERS "-      " BEHIND_ANSWERS "\n");
	flow.sides[IFW_ORIGINAL].left = 1;
	expect_print(&flow, false, TITLES BEFORE_ANSWERS "in     " BEHIND_ANSWERS "\n");
	flow.sides[IFW_ORIGINAL].came_in = 1;
	flow.forwarded = 1;
	expect_print(&flow, false, TITLES BEFORE_ANSWERS "in, out" BEHIND_ANSWERS "  forwarded\n");
	flow.sides[IFW_ORIGINAL].left = 0;
	flow.forwarded = 0;
	expect_print(&flow, false, TITLES BEFORE_ANSWERS "out    " BEHIND_ANSWERS "\n");
}

#define JSON_BEGIN                                                                                 \
	"{\"protocol\": \"udp\", \"src\": \"10.1.1.5\", \"dst\": \"10.2.3.4\", \"src_port\": "     \
	"40000, \"dst_port\": 53, \"id\": null, \"state\": \"udp-replied\", \"forwarded\": "       \
	"false, \"no_peer\": false, "
#define JSON_END "\"age\": 5.000, \"left\": 30.000, \"packets\": 3, \"bytes\": 210}"

Test(flow_print, json_says_what_each_side_did)
{
	struct ifw_flow flow = sample();

	flow.sides[IFW_ORIGINAL].left = 1;
	expect_print(&flow, true,
		     JSON_BEGIN "\"src_came_in\": false, \"src_left\": true, \"dst_came_in\": "
				"false, \"dst_left\": false, " JSON_END);
	flow = sample();
	flow.sides[IFW_ORIGINAL].came_in = flow.sides[IFW_REPLY].left = 1;
	expect_print(&flow, true,
		     JSON_BEGIN "\"src_came_in\": true, \"src_left\": false, \"dst_came_in\": "
				"false, \"dst_left\": true, " JSON_END);
	flow = sample();
	flow.sides[IFW_REPLY].came_in = 1;
	expect_print(&flow, true,
		     JSON_BEGIN "\"src_came_in\": false, \"src_left\": false, \"dst_came_in\": "
				"true, \"dst_left\": false, " JSON_END);
}

Test(flow_filter, takes_protocols_in_either_case_and_prefixes)
{
	static const struct {
		const char *word;
		int wanted;
	} words[] = {
		{"tcp", 0},
		{"TCP", 0},
		{"Udp", 0},
		{"ICMPv6", 0},
		{"10.0.0.0/8", 0},
		{"2001:db8::1", 0},
		{"sctp", -EINVAL},
		{"", -EINVAL},
		{"/8", -EINVAL},
		{"10.0.0.1/33", -ERANGE},
		{"::1/129", -ERANGE},
		{"10.0.0.1/x", -ERANGE},
		{"10.0.0/33", -EINVAL},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct flow_filter filter = {0};

		cr_expect_eq(flow_filter_word(&filter, words[i].word), words[i].wanted, "%s",
			     words[i].word);
		if (words[i].wanted)
			cr_expect(!filter.protocol && filter.family == IFW_FAMILY_NONE, "%s",
				  words[i].word);
	}
}

Test(flow_filter, takes_one_of_each)
{
	struct flow_filter filter = {0};

	cr_expect_eq(flow_filter_word(&filter, "TCP"), 0);
	cr_expect_eq(flow_filter_word(&filter, "tcp"), -EEXIST);
	cr_expect_eq(flow_filter_word(&filter, "::/0"), 0);
	cr_expect_eq(flow_filter_word(&filter, "10.0.0.0/8"), -EEXIST);
}
