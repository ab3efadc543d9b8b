/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_rule.c - interface slots, identity of rules, sets, and rules in print.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "../../datapath/addr.h"
#include "../../ruleset/rule.h"

static struct rule example(void)
{
	return (struct rule){
		.dst = {0x0a000000ULL << 32, 0},
		.src = {0x0a010100ULL << 32, 0},
		.listener = {0x7f000001ULL << 32, 0},
		.ifaces = IFW_IFACES_ANY,
		.order = 7,
		.low = 80,
		.high = 443,
		.listener_port = 43321,
		.dst_len = 8,
		.src_len = 24,
		.family = IFW_FAMILY_IPV4,
		.protocol = IPPROTO_TCP,
		.action = IFW_ACTION_INTERCEPT,
		.label = "5XzC8m",
	};
}

#define assert_print(rule, names, expected)                                                        \
	do {                                                                                       \
		char text_[RULE_TEXT_MAX];                                                         \
		size_t len_ = rule_print(rule, names, text_, sizeof(text_));                       \
                                                                                                   \
		cr_assert_str_eq(text_, expected);                                                 \
		cr_assert_eq(len_, strlen(expected));                                              \
	} while (0)

Test(iface_names, what_the_kernel_takes)
{
	cr_assert(iface_name_valid("eth0", 4));
	cr_assert(iface_name_valid("a", 1));
	cr_assert(iface_name_valid("abcdefghijklmno", 15));
	cr_assert(iface_name_valid("...", 3));
	cr_assert(iface_name_valid("eth0.100@x", 10));
	cr_assert_not(iface_name_valid("", 0));
	cr_assert_not(iface_name_valid("abcdefghijklmnop", 16));
	cr_assert_not(iface_name_valid(".", 1));
	cr_assert_not(iface_name_valid("..", 2));
	cr_assert_not(iface_name_valid("a/b", 3));
	cr_assert_not(iface_name_valid("a:b", 3));
	cr_assert_not(iface_name_valid("a b", 3));
	cr_assert_not(iface_name_valid("a\tb", 3));
	cr_assert_not(iface_name_valid("a\nb", 3));
	cr_assert_not(iface_name_valid("a\xa0", 2));
	cr_assert_not(iface_name_valid("a\0b", 3));
}

Test(iface_names, slots_are_stable_and_never_zero)
{
	struct iface_names names = {0};

	cr_assert_eq(iface_names_find(&names, "eth0"), 0);
	cr_assert_eq(iface_names_find(&names, ""), 0);
	cr_assert_eq(iface_names_add(&names, "eth0"), 1);
	cr_assert_eq(iface_names_add(&names, "eth1"), 2);
	cr_assert_eq(iface_names_add(&names, "eth0"), 1);
	cr_assert_eq(iface_names_find(&names, "eth1"), 2);
	cr_assert_eq(iface_names_find(&names, "eth"), 0);
	cr_assert_eq(iface_names_add(&names, "a/b"), -EINVAL);
	cr_assert_eq(iface_names_add(&names, "abcdefghijklmnop"), -EINVAL);
	cr_assert_str_empty(names.name[0]);
	cr_assert_str_empty(names.name[3]);

	/* A slot that was freed is taken again, the others stay. */
	names.name[1][0] = '\0';
	cr_assert_eq(iface_names_add(&names, "eth1"), 2);
	cr_assert_eq(iface_names_add(&names, "abcdefghijklmno"), 1);
	cr_assert_eq(iface_names_find(&names, "abcdefghijklmno"), 1);
}

Test(iface_names, full)
{
	struct iface_names names = {0};
	char name[IFW_NAME_MAX];

	for (int slot = 1; slot < IFW_SLOTS; slot++) {
		snprintf(name, sizeof(name), "if%d", slot);
		cr_assert_eq(iface_names_add(&names, name), slot);
	}
	cr_assert_eq(iface_names_add(&names, "more"), -ENOSPC);
	cr_assert_eq(iface_names_add(&names, "if63"), 63);
}

Test(label, what_reads_back)
{
	char longest[RULE_LABEL_MAX];

	memset(longest, 'x', sizeof(longest));
	cr_assert(rule_label_valid("5XzC8m", 6));
	cr_assert(rule_label_valid("a,b/c:d'\"", 9));
	cr_assert(rule_label_valid("caf\xc3\xa9", 5));
	cr_assert(rule_label_valid("\xf0\x9f\x94\xa5", 4));
	cr_assert(rule_label_valid(longest, 63));
	cr_assert_not(rule_label_valid(longest, 64));
	cr_assert_not(rule_label_valid("", 0));
	cr_assert_not(rule_label_valid("a b", 3));
	cr_assert_not(rule_label_valid("a#b", 3));
	cr_assert_not(rule_label_valid("a\0b", 3));
	cr_assert_not(rule_label_valid("\x1b[31m", 5));
	cr_assert_not(rule_label_valid("\x7f", 1));
	cr_assert_not(rule_label_valid("\xc2\xa0", 2));		/* no-break space */
	cr_assert_not(rule_label_valid("\xc2\x9b", 2));		/* C1: CSI */
	cr_assert_not(rule_label_valid("\xe2\x80\xae", 3));	/* right-to-left override */
	cr_assert_not(rule_label_valid("\xe2\x80", 2));		/* cut short */
	cr_assert_not(rule_label_valid("\xc0\xaf", 2));		/* overlong '/' */
	cr_assert_not(rule_label_valid("\xed\xa0\x80", 3));	/* surrogate */
	cr_assert_not(rule_label_valid("\xf4\x90\x80\x80", 4)); /* above U+10FFFF */
	cr_assert_not(rule_label_valid("\xff", 1));
	cr_assert_not(rule_label_valid("\x80", 1));
	cr_assert_not(rule_label_valid("\xc3x", 2));
}

Test(identity, each_part_of_the_match_counts)
{
	const struct rule a = example();
	struct rule b = a;

#define assert_differs(change, group)                                                              \
	do {                                                                                       \
		b = a;                                                                             \
		b.change;                                                                          \
		cr_assert_not(rule_same_match(&a, &b), #change);                                   \
		cr_assert_not(rule_equal(&a, &b), #change);                                        \
		cr_assert_eq(rule_same_group(&a, &b), group, #change);                             \
	} while (0)
	assert_differs(protocol = IPPROTO_UDP, false);
	assert_differs(family = IFW_FAMILY_IPV6, false);
	assert_differs(dst.hi ^= 1ULL << 63, false);
	assert_differs(dst.lo = 1, false);
	assert_differs(dst_len = 9, false);
	assert_differs(src.hi ^= 1ULL << 40, false);
	assert_differs(src.lo = 1, false);
	assert_differs(src_len = 25, false);
	assert_differs(low = 81, true);
	assert_differs(high = 444, true);
	assert_differs(ifaces = 2, true);

#define assert_same_match(change, equal)                                                           \
	do {                                                                                       \
		b = a;                                                                             \
		b.change;                                                                          \
		cr_assert(rule_same_match(&a, &b), #change);                                       \
		cr_assert(rule_same_group(&a, &b), #change);                                       \
		cr_assert_eq(rule_equal(&a, &b), equal, #change);                                  \
	} while (0)
	assert_same_match(order = 8, true);
	assert_same_match(action = IFW_ACTION_DENY, false);
	assert_same_match(listener.hi ^= 1ULL << 32, false);
	assert_same_match(listener.lo = 1, false);
	assert_same_match(listener_port = 1, false);
	assert_same_match(label[0] = 'x', false);
}

Test(set, grows_and_clears)
{
	struct rule_set set = {0};
	struct rule rule = example();

	cr_assert_eq(iface_names_add(&set.names, "eth0"), 1);
	for (uint32_t i = 1; i <= 1000; i++) {
		rule.order = i;
		cr_assert_eq(rule_set_add(&set, &rule), 0);
	}
	/* One of its own, just when it has to move. */
	while (set.count < set.room)
		cr_assert_eq(rule_set_add(&set, &rule), 0);
	cr_assert_eq(rule_set_add(&set, &set.rules[4]), 0);
	cr_assert_eq(set.rules[set.count - 1].order, 5);
	for (uint32_t i = 1; i <= 1000; i++)
		cr_assert_eq(set.rules[i - 1].order, i);
	rule_set_clear(&set);
	cr_assert_null(set.rules);
	cr_assert_eq(set.count, 0);
	cr_assert_eq(set.room, 0);
	cr_assert_eq(iface_names_find(&set.names, "eth0"), 0);
	rule_set_clear(&set);
}

Test(print, every_clause)
{
	struct iface_names names = {0};
	struct rule rule = example();

	/* Slots in one order, names in another: print follows the names. */
	iface_names_add(&names, "eth1");
	iface_names_add(&names, "wlan0");
	iface_names_add(&names, "eth0");
	rule.ifaces = 1 << 1 | 1 << 3;
	assert_print(&rule, &names,
		     "intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321 from 10.1.1.0/24 "
		     "on eth0,eth1 service 5XzC8m");
}

Test(print, what_is_absent_is_not_said)
{
	struct rule rule = example();

	rule.action = IFW_ACTION_PASS;
	rule.protocol = IPPROTO_UDP;
	rule.src_len = 0;
	rule.src = (struct ifw_addr){0, 0};
	rule.label[0] = '\0';
	rule.low = rule.high = 443;
	assert_print(&rule, NULL, "pass udp to 10.0.0.0/8 port 443");
	rule.action = IFW_ACTION_DENY;
	rule.low = 0;
	rule.high = 65535;
	rule.dst_len = 0;
	rule.dst = (struct ifw_addr){0, 0};
	assert_print(&rule, NULL, "deny udp to 0.0.0.0/0 port 0-65535");
}

Test(print, ipv6_as_rfc5952)
{
	struct rule rule = example();

	rule.family = IFW_FAMILY_IPV6;
	rule.dst = (struct ifw_addr){0x20010db800000000, 0x0000000100000000};
	rule.dst_len = 96;
	rule.src = (struct ifw_addr){0xfe80000000000000, 0xABCD};
	rule.src_len = 128;
	rule.listener = (struct ifw_addr){0, 1};
	assert_print(&rule, NULL,
		     "intercept tcp to 2001:db8::1:0:0/96 port 80-443 via [::1]:43321 "
		     "from fe80::abcd/128 service 5XzC8m");
}

Test(print, a_slot_without_name_is_no_name)
{
	struct iface_names names = {0};
	struct rule rule = example();

	iface_names_add(&names, "eth0");
	rule.action = IFW_ACTION_DENY;
	rule.src_len = 0;
	rule.label[0] = '\0';
	rule.ifaces = 1 << 1 | 1 << 5;
	assert_print(&rule, &names, "deny tcp to 10.0.0.0/8 port 80-443 on #5,eth0");
	rule.ifaces = 0;
	assert_print(&rule, &names, "deny tcp to 10.0.0.0/8 port 80-443 on #");
}

Test(print, the_longest_fits)
{
	struct iface_names names = {0};
	struct rule rule = example();
	char text[RULE_TEXT_MAX], cut[20];
	size_t len;

	for (int slot = 1; slot < IFW_SLOTS; slot++) {
		snprintf(names.name[slot], IFW_NAME_MAX, "interface-%05d", slot);
		cr_assert_eq(strlen(names.name[slot]), IFW_NAME_MAX - 1);
	}
	rule.family = IFW_FAMILY_IPV6;
	rule.dst = rule.src = rule.listener = (struct ifw_addr){~0ULL, ~0ULL};
	rule.dst_len = rule.src_len = 128;
	rule.low = 65534;
	rule.high = rule.listener_port = 65535;
	rule.ifaces = ~1ULL;
	memset(rule.label, 'x', RULE_LABEL_MAX - 1);
	len = rule_print(&rule, &names, text, sizeof(text));
	cr_assert_lt(len, RULE_TEXT_MAX);
	cr_assert_eq(len, strlen(text));
	cr_assert_str_eq(text + len - 4, "xxxx");

	/* Less room: cut, terminated, and the whole length told. */
	cr_assert_eq(rule_print(&rule, &names, cut, sizeof(cut)), len);
	cr_assert_str_eq(cut, "intercept tcp to ff");
	cr_assert_eq(rule_print(&rule, &names, NULL, 0), len);
}
