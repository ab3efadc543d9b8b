/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_grammar.c - one rule as text: what is read, what is refused and at which
 * column, what is noted, and that print and parser are inverse.
 */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../datapath/addr.h"
#include "../../ruleset/grammar.h"
#include "diagnostics.h"
#include "rules_common.h"

static int parse(const char *text, size_t len, struct iface_names *names, struct rule *rule,
		 struct log *log)
{
	char *copy = exact(text, len);
	int err = grammar_parse_rule(copy, len, 1, names, rule, listen_to, log);

	free(copy);
	return err;
}

static struct rule parsed(const char *text)
{
	struct iface_names names = {0};
	struct log log = {0};
	struct rule rule;

	cr_assert_eq(parse(text, strlen(text), &names, &rule, &log), 0, "%s: %s", text,
		     log.said[0].message);
	cr_assert_eq(log.count, 0, "%s: %s", text, log.said[0].message);
	return rule;
}

static struct ifw_addr ipv4(const char *text)
{
	return ifw_addr_from_ipv4(inet_addr(text));
}

/* --- One rule ------------------------------------------------------------- */

Test(rule, every_clause)
{
	struct iface_names names = {0};
	struct log log = {0};
	struct rule rule, expected;
	const char *text = "intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321 "
			   "from 10.1.1.0/24 on eth0,eth1 service 5XzC8m";

	cr_assert_eq(parse(text, strlen(text), &names, &rule, &log), 0);
	cr_assert_eq(log.count, 0);
	expected = (struct rule){
		.dst = ipv4("10.0.0.0"),
		.src = ipv4("10.1.1.0"),
		.listener = ipv4("127.0.0.1"),
		.ifaces = 1 << 1 | 1 << 2,
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
	cr_assert(rule_equal(&rule, &expected));
	cr_assert_eq(rule.order, 0);
	cr_assert_eq(iface_names_find(&names, "eth1"), 2);
}

Test(rule, any_order_any_white_space_and_a_comment)
{
	struct rule a = parsed("intercept udp to 10.0.0.0/8 port 5-7 via 10.0.0.9:1 service x");
	struct rule b = parsed(" \tintercept\tudp  service x via 10.0.0.9:1 port 5-7   "
			       "to 10.0.0.0/8 # as above\r");

	cr_assert(rule_equal(&a, &b));
}

Test(rule, defaults)
{
	struct rule rule = parsed("intercept tcp to 10.1.2.3 port 443 via 43321");

	cr_assert_eq(rule.dst_len, 32);
	cr_assert_eq(rule.src_len, 0);
	cr_assert_eq(rule.low, 443);
	cr_assert_eq(rule.high, 443);
	cr_assert_eq(rule.listener.hi, 0x7f000001ULL << 32);
	cr_assert_eq(rule.listener_port, 43321);
	cr_assert_eq(rule.ifaces, IFW_IFACES_ANY);
	cr_assert_str_empty(rule.label);
}

Test(rule, extremes)
{
	struct rule rule = parsed("pass udp to 0.0.0.0/0 port 0-65535 from 0.0.0.0/0");

	cr_assert_eq(rule.dst_len, 0);
	cr_assert_eq(rule.low, 0);
	cr_assert_eq(rule.high, 65535);
	cr_assert_eq(rule.src_len, 0);
	cr_assert_eq(rule.action, IFW_ACTION_PASS);
	cr_assert_eq(rule.protocol, IPPROTO_UDP);
	rule = parsed("deny tcp to 255.255.255.255/32 port 0");
	cr_assert_eq(rule.dst.hi, 0xffffffffULL << 32);
	cr_assert_eq(rule.low, 0);
	cr_assert_eq(rule.high, 0);
	cr_assert_eq(rule.action, IFW_ACTION_DENY);
}

Test(rule, a_keyword_can_be_a_label)
{
	struct rule rule = parsed("pass udp service service to 10.0.0.1 port 5");

	cr_assert_str_eq(rule.label, "service");
}

Test(rule, no_rule_in_the_line)
{
	static const char *const lines[] = {"",	   " ",	 "\t \t",  "# pass",
					    "  #", "\r", " # x\r", "# caf\xe9"};
	struct iface_names names = {0};
	struct log log = {0};
	struct rule rule;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert_eq(parse(lines[i], strlen(lines[i]), &names, &rule, &log), -ENOENT,
			     "line %zu", i);
	cr_assert_eq(grammar_parse_rule(NULL, 0, 1, &names, &rule, listen_to, &log), -ENOENT);
	cr_assert_eq(log.count, 0);
}

/* --- Errors --------------------------------------------------------------- */

#define P "pass tcp to 10.0.0.0/8 port 80 "
#define I "intercept tcp to 10.0.0.0/8 port 80 "
#define X16 "xxxxxxxxxxxxxxxx"

static const struct {
	const char *text;
	unsigned int column, width;
	const char *message;
} errors[] = {
	{"egress", 7, 1, "missing action: pass or deny"},
	{"egress intercept tcp", 8, 9, "what leaves cannot be intercepted; expected pass or deny"},
	{"egress egress tcp", 8, 6,
	 "unknown action 'egress'; expected intercept, pass, deny or egress"},
	{"permit tcp", 1, 6, "unknown action 'permit'; expected intercept, pass, deny or egress"},
	{"Pass tcp", 1, 4, "unknown action 'Pass'; expected intercept, pass, deny or egress"},
	{"pass", 5, 1, "missing protocol: tcp or udp"},
	{"  deny  # x", 7, 1, "missing protocol: tcp or udp"},
	{"pass icmp to 10.0.0.1", 6, 4, "unknown protocol 'icmp'; expected tcp or udp"},
	{"pass tcp", 9, 1, "missing 'to ADDRESS/LENGTH'"},
	{"pass tcp port 80", 17, 1, "missing 'to ADDRESS/LENGTH'"},
	{"pass tcp to 10.0.0.1", 21, 1, "missing 'port PORT' or 'port LOW-HIGH'"},
	{I, 36, 1, "missing 'via ADDRESS:PORT': an intercept rule needs a listener"},
	{"pass tcp too 10.0.0.1 port 80", 10, 3,
	 "unknown word 'too'; expected to, port, via, from, on or service"},
	{P "81", 32, 2, "unknown word '81'; expected to, port, via, from, on or service"},
	{P "pass", 32, 4, "unknown word 'pass'; expected to, port, via, from, on or service"},
	{"pass tcp to 10.0.0.1 port 80 - 90", 30, 1,
	 "unknown word '-'; expected to, port, via, from, on or service"},
	{P "via 127.0.0.1:1", 32, 3, "'via' has no meaning in a pass rule"},
	{"deny tcp via 1 to 10.0.0.1 port 80", 10, 3, "'via' has no meaning in a deny rule"},
	{P "port 80", 32, 4, "'port' is given twice"},
	{P "to 10.0.0.0/8", 32, 2, "'to' is given twice"},
	{I "via 1 via 1", 43, 3, "'via' is given twice"},
	{P "from 1.0.0.0/8 from 1.0.0.0/8", 47, 4, "'from' is given twice"},
	{P "on a on a", 37, 2, "'on' is given twice"},
	{P "service a service a", 42, 7, "'service' is given twice"},
	{"pass tcp to", 12, 1, "missing ADDRESS/LENGTH after 'to'"},
	{"pass tcp to 10.0.0.1 port # 80", 26, 1, "missing PORT or LOW-HIGH after 'port'"},
	{I "via", 40, 1, "missing ADDRESS:PORT after 'via'"},
	{P "on", 34, 1, "missing INTERFACE,... after 'on'"},
	{P "service ", 39, 1, "missing LABEL after 'service'"},
	{P "from", 36, 1, "missing ADDRESS/LENGTH after 'from'"},

	{"pass tcp to 10.0.0.256 port 80", 13, 10, "'10.0.0.256' is not an IPv4 address"},
	{"pass tcp to 10.0.0.256/8 port 80", 13, 10, "'10.0.0.256' is not an IPv4 address"},
	{"pass tcp to 10.0.0 port 80", 13, 6, "'10.0.0' is not an IPv4 address"},
	{"pass tcp to 10.0.0.0.0/8 port 80", 13, 10, "'10.0.0.0.0' is not an IPv4 address"},
	{"pass tcp to 10.01.0.0/16 port 80", 13, 9, "'10.01.0.0' is not an IPv4 address"},
	{"pass tcp to 10/8 port 80", 13, 2, "'10' is not an IPv4 address"},
	{"pass tcp to example.org port 80", 13, 11,
	 "'example.org' is not an address; expected one like 10.1.2.3"},
	{"pass tcp to 0x0a000001 port 80", 13, 10,
	 "'0x0a000001' is not an address; expected one like 10.1.2.3"},
	{"pass tcp to /8 port 80", 13, 1, "missing address in '/8'"},
	{"pass tcp to 10.0.0.0/ port 80", 22, 1, "missing prefix length after '/'"},
	{"pass tcp to 10.0.0.0/33 port 80", 22, 2, "prefix length 33 is above 32"},
	{"pass tcp to 10.0.0.0/4294967304 port 80", 22, 10, "prefix length 4294967304 is above 32"},
	{"pass tcp to 10.0.0.0/-1 port 80", 22, 2, "'-1' is not a prefix length; expected 0 to 32"},
	{"pass tcp to 10.0.0.0/8/8 port 80", 22, 3,
	 "'8/8' is not a prefix length; expected 0 to 32"},
	{"pass tcp to 10.0.0.0/255.0.0.0 port 80", 22, 9,
	 "'255.0.0.0' is not a prefix length; expected 0 to 32"},
	{P "from 10.1.1/24", 37, 6, "'10.1.1' is not an IPv4 address"},
	{P "from 10.1.1.0/64", 46, 2, "prefix length 64 is above 32"},
	{P "from 2001:db8::/32", 37, 13, "'from' is IPv6, but 'to' is IPv4"},
	{"pass tcp to 2001:db8::/32 from 10.0.0.0/8 port 1", 32, 10,
	 "'from' is IPv4, but 'to' is IPv6"},

	{"pass tcp to 10.0.0.1 port 443-80", 27, 6, "port range 443-80: low is above high"},
	{"pass tcp to 10.0.0.1 port 70000", 27, 5, "port 70000 is above 65535"},
	{"pass tcp to 10.0.0.1 port 80-65536", 30, 5, "port 65536 is above 65535"},
	{"pass tcp to 10.0.0.1 port 4294967376", 27, 10, "port 4294967376 is above 65535"},
	{"pass tcp to 10.0.0.1 port 99999999999999999999", 27, 20,
	 "port 99999999999999999999 is above 65535"},
	{"pass tcp to 10.0.0.1 port 80-", 30, 1, "missing port in '80-'"},
	{"pass tcp to 10.0.0.1 port -80", 27, 1, "missing port in '-80'"},
	{"pass tcp to 10.0.0.1 port http", 27, 4, "'http' is not a port; expected 0 to 65535"},
	{"pass tcp to 10.0.0.1 port 80:90", 27, 5, "'80:90' is not a port; expected 0 to 65535"},
	{"pass tcp to 10.0.0.1 port 1-2-3", 29, 3, "'2-3' is not a port; expected 0 to 65535"},
	{"pass tcp to 10.0.0.1 port +80", 27, 3, "'+80' is not a port; expected 0 to 65535"},

	{I "via 127.0.0.1:0", 41, 11, "port 0 cannot be listened on; expected 1 to 65535"},
	{I "via 0", 41, 1, "port 0 cannot be listened on; expected 1 to 65535"},
	{I "via 65536", 41, 5, "port 65536 is above 65535"},
	{I "via 127.0.0.1:65536", 51, 5, "port 65536 is above 65535"},
	{I "via 127.0.0.1", 41, 9, "missing port in '127.0.0.1'; expected ADDRESS:PORT"},
	{I "via 127.0.0.1:", 51, 1, "missing port in '127.0.0.1:'"},
	{I "via :80", 41, 1, "missing address in ':80'"},
	{I "via localhost:80", 41, 9, "'localhost' is not an address; expected one like 10.1.2.3"},
	{I "via 127.0.0:80", 41, 7, "'127.0.0' is not an IPv4 address"},
	{I "via ::1:80", 41, 6, "an IPv6 address stands in brackets here: [ADDRESS]:PORT"},
	{I "via [::1]:80", 41, 8, "'via' is IPv6, but 'to' is IPv4"},
	{I "via [::1:80", 41, 7, "missing ']' in '[::1:80'"},
	{I "via [::1]", 46, 1, "missing ':PORT' after '[::1]'"},
	{I "via [::1]80", 46, 2, "missing ':PORT' after '[::1]'"},
	{I "via [127.0.0.1]:80", 42, 9,
	 "'127.0.0.1' is not an IPv6 address; only those stand in brackets"},
	{I "via [::g]:80", 42, 3, "'::g' is not an IPv6 address"},
	{"intercept tcp to ::1 port 80 via 127.0.0.1:80", 34, 12,
	 "'via' is IPv4, but 'to' is IPv6"},

	{P "on eth0,", 40, 1, "empty interface name; names are separated by ',' without spaces"},
	{P "on ,eth0", 35, 1, "empty interface name; names are separated by ',' without spaces"},
	{P "on a,,b", 37, 1, "empty interface name; names are separated by ',' without spaces"},
	{P "on eth0, eth1", 41, 4,
	 "unknown word 'eth1'; expected to, port, via, from, on or service"},
	{P "on eth0," X16, 40, 16,
	 "'" X16 "' is not an interface name; expected 1 to 15 bytes without '/', ':' or '#'"},
	{P "on a/b", 35, 3,
	 "'a/b' is not an interface name; expected 1 to 15 bytes without '/', ':' or '#'"},
	{P "on eth0:1", 35, 6,
	 "'eth0:1' is not an interface name; expected 1 to 15 bytes without '/', ':' or '#'"},
	{P "on a#b", 35, 3,
	 "'a#b' is not an interface name; expected 1 to 15 bytes without '/', ':' or '#'"},
	{P "on ..", 35, 2,
	 "'..' is not an interface name; expected 1 to 15 bytes without '/', ':' or '#'"},
	{P "service a#b", 40, 3, "'#' cannot be part of a label"},
	{P "service " X16 X16 X16 X16, 40, 64, "label of 64 bytes is too long; at most 63"},
	{P "service a\x1b[0m", 41, 1, "control character 0x1b"},
	{"pass tcp\r to 10.0.0.1", 9, 1, "control character 0x0d"},
	{"pass tcp\nto 10.0.0.1", 9, 1, "control character 0x0a"},
	{"# \x7f", 3, 1, "control character 0x7f"},
	{P "service caf\xe9", 43, 1, "byte 0xe9 is not UTF-8"},
	{"\xef\xbb\xbfpass tcp", 1, 3, "invisible character U+FEFF"},
	{"pass\xc2\xa0tcp", 5, 2, "invisible character U+00A0"},
	{"pass tcp to 10.0.0.1 port " X16 X16 X16 X16, 27, 64,
	 "'" X16 X16 X16 "xxxxxxxxxx...' is not a port; expected 0 to 65535"},

	{"pass tcp to 2001:db8::/129 port 80", 24, 3, "prefix length 129 is above 128"},
	{"pass tcp to 2001:db8:::/32 port 80", 13, 11, "'2001:db8:::' is not an IPv6 address"},
	{"pass tcp to fe80::1%eth0 port 80", 13, 12, "'fe80::1%eth0' is not an IPv6 address"},
};

Test(errors, place_and_message)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct iface_names names = {0};
		struct log log = {0};
		struct rule rule, before;
		const struct said *said = &log.said[0];

		memset(&rule, 0x5a, sizeof(rule));
		before = rule;
		cr_assert_eq(parse(errors[i].text, strlen(errors[i].text), &names, &rule, &log),
			     -EINVAL, "%s", errors[i].text);
		cr_expect_eq(log.count, 1, "%s: said %u", errors[i].text, log.count);
		cr_expect_eq(said->severity, SEVERITY_ERROR);
		cr_expect_str_eq(said->message, errors[i].message, "%s\n%s\n%s", errors[i].text,
				 said->message, errors[i].message);
		cr_expect_eq(said->line, 1);
		cr_expect_eq(said->column, errors[i].column, "%s: column %u, expected %u",
			     errors[i].text, said->column, errors[i].column);
		cr_expect_eq(said->width, errors[i].width, "%s: width %u, expected %u",
			     errors[i].text, said->width, errors[i].width);
		cr_expect_arr_eq(&rule, &before, sizeof(rule), "%s: rule was touched",
				 errors[i].text);
	}
}

Test(errors, nul_byte)
{
	static const char text[] = "pass tcp to 10.0.0.1\0 port 80";
	struct iface_names names = {0};
	struct log log = {0};
	struct rule rule;

	cr_assert_eq(parse(text, sizeof(text) - 1, &names, &rule, &log), -EINVAL);
	cr_assert_eq(log.said[0].column, 21);
	cr_assert_str_eq(log.said[0].message, "NUL byte: this is not text");
}

Test(errors, nobody_listens)
{
	struct iface_names names = {0};
	struct rule rule;

	cr_assert_eq(grammar_parse_rule("permit", 6, 1, &names, &rule, NULL, NULL), -EINVAL);
}

Test(errors, a_refused_rule_takes_no_slot)
{
	struct iface_names names = {0};
	struct log log = {0};
	struct rule rule;
	const char *text = "pass tcp on eth0 to 10.0.0.1 port 443-80";

	cr_assert_eq(parse(text, strlen(text), &names, &rule, &log), -EINVAL);
	cr_assert_eq(iface_names_find(&names, "eth0"), 0);
}

Test(errors, too_many_interfaces)
{
	struct iface_names names = {0};
	struct log log = {0};
	struct rule rule;
	const char *text = P "on if1,if63,if64";
	char name[IFW_NAME_MAX];

	for (int i = 1; i < IFW_SLOTS; i++) {
		snprintf(name, sizeof(name), "if%d", i);
		iface_names_add(&names, name);
	}
	cr_assert_eq(parse(text, strlen(text), &names, &rule, &log), -EINVAL);
	cr_assert_str_eq(log.said[0].message,
			 "no room for interface 'if64': rules already name 63");
	cr_assert_eq(log.said[0].column, 44);
	cr_assert_eq(log.said[0].width, 4);
}

Test(errors, megabytes_without_a_line_end)
{
	size_t len = 3 << 20;
	char *text = malloc(len);
	struct iface_names names = {0};
	struct log log = {0};
	struct rule rule;

	cr_assert_not_null(text);
	memset(text, '1', len);
	memcpy(text, "pass tcp port 1 to ", 19);
	cr_assert_eq(parse(text, len, &names, &rule, &log), -EINVAL);
	cr_assert_eq(log.said[0].column, 20);
	cr_assert_eq(log.said[0].width, len - 19);
	memset(text, ' ', len);
	cr_assert_eq(parse(text, len, &names, &rule, &log), -ENOENT);
	free(text);
}

/* --- Notes ---------------------------------------------------------------- */

Test(notes, host_bits_are_masked_and_told)
{
	struct iface_names names = {0};
	struct log log = {0};
	struct rule rule;
	const char *text = "pass tcp to 10.1.2.3/16 port 80 from 192.168.77.1/20";

	cr_assert_eq(parse(text, strlen(text), &names, &rule, &log), 0);
	cr_assert_eq(rule.dst.hi, 0x0a010000ULL << 32);
	cr_assert_eq(rule.src.hi, 0xc0a84000ULL << 32);
	cr_assert_eq(log.count, 2);
	cr_assert_eq(log.said[0].severity, SEVERITY_NOTE);
	cr_assert_str_eq(log.said[0].message,
			 "10.1.2.3/16 has host bits set; taken as 10.1.0.0/16");
	cr_assert_eq(log.said[0].column, 13);
	cr_assert_eq(log.said[0].width, 11);
	cr_assert_str_eq(log.said[1].message,
			 "192.168.77.1/20 has host bits set; taken as 192.168.64.0/20");
	cr_assert_eq(log.said[1].column, 38);
}

Test(notes, an_interface_named_twice)
{
	struct iface_names names = {0};
	struct log log = {0};
	struct rule rule;
	const char *text = P "on eth0,eth1,eth0";

	cr_assert_eq(parse(text, strlen(text), &names, &rule, &log), 0);
	cr_assert_eq(rule.ifaces, 1 << 1 | 1 << 2);
	cr_assert_eq(log.count, 1);
	cr_assert_eq(log.said[0].severity, SEVERITY_NOTE);
	cr_assert_str_eq(log.said[0].message, "interface 'eth0' is named twice; counts once");
	cr_assert_eq(log.said[0].column, 45);
	cr_assert_eq(log.said[0].width, 4);
}

/* --- Print and parse ------------------------------------------------------ */

static struct rule random_rule(struct iface_names *names, uint8_t family)
{
	static const char letters[] = "abcXYZ019-_.,:/+=";
	struct rule rule = {0};
	unsigned int bits = ifw_addr_bits(family), count = random_number() % 4;
	struct ifw_addr any = {random_number(), random_number()};

	rule.family = family;
	rule.protocol = random_number() % 2 ? IPPROTO_TCP : IPPROTO_UDP;
	rule.action = (uint8_t)(IFW_ACTION_INTERCEPT + random_number() % 3);
	rule.dst_len = (uint8_t)(random_number() % (bits + 1));
	rule.dst = ifw_addr_mask(any, rule.dst_len);
	rule.src_len = random_number() % 2 ? (uint8_t)(random_number() % (bits + 1)) : 0;
	any.hi = random_number();
	rule.src = ifw_addr_mask(any, rule.src_len);
	rule.low = (uint16_t)random_number();
	rule.high = random_number() % 2 ? rule.low : (uint16_t)(rule.low | random_number());
	if (rule.action == IFW_ACTION_INTERCEPT) {
		any.hi = random_number();
		rule.listener = ifw_addr_mask(any, bits);
		rule.listener_port = (uint16_t)(random_number() % 65535 + 1);
	}
	if (rule.action != IFW_ACTION_INTERCEPT && random_number() % 2)
		rule.protocol |= IFW_EGRESS;
	rule.ifaces = count ? 0 : IFW_IFACES_ANY;
	for (unsigned int i = 0; i < count; i++) {
		char name[IFW_NAME_MAX];

		snprintf(name, sizeof(name), "if%u", (unsigned int)(random_number() % 60));
		rule.ifaces |= 1ULL << iface_names_add(names, name);
	}
	count = random_number() % RULE_LABEL_MAX;
	for (unsigned int i = 0; i < count; i++)
		rule.label[i] = letters[random_number() % (sizeof(letters) - 1)];
	return rule;
}

Test(round_trip, ipv4)
{
	struct iface_names names = {0};

	for (unsigned int i = 0; i < 5000; i++) {
		struct rule rule = random_rule(&names, i % 2 ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4),
			    again;
		char text[RULE_TEXT_MAX], second[RULE_TEXT_MAX];
		size_t len = rule_print(&rule, &names, text, sizeof(text));
		struct log log = {0};

		cr_assert_eq(parse(text, len, &names, &again, &log), 0, "%s: %s", text,
			     log.said[0].message);
		cr_assert_eq(log.count, 0, "%s: %s", text, log.said[0].message);
		cr_assert(rule_equal(&rule, &again), "%s", text);

		/* With other slots for the same names, the print stays. */
		struct iface_names other = {0};

		cr_assert_eq(parse(text, len, &other, &again, &log), 0);
		rule_print(&again, &other, second, sizeof(second));
		cr_assert_str_eq(text, second);
	}
}

/* Any bytes whatever: an answer, places inside the line, no crash. */
Test(round_trip, garbage)
{
	static const char *const words[] = {
		"pass", "intercept", "tcp",  "udp",	   "to",    "port",	"via", "from",
		"on",	"service",   "#",    "10.0.0.0/8", "80-90", "[::1]:80", ",",   "/",
		"-",	":",	     "\xc3", "\xe2\x80",   "[",	    "]",	"\r",  "::"};
	struct iface_names names = {0};

	for (unsigned int i = 0; i < 20000; i++) {
		char text[256];
		struct log log = {0};
		struct rule rule;
		size_t len = 0;
		int err;

		for (unsigned int n = random_number() % 14; n > 0; n--)
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, "%s%s",
				words[random_number() % (sizeof(words) / sizeof(words[0]))],
				random_number() % 4 ? " " : "");
		err = parse(text, len, &names, &rule, &log);
		cr_assert(err == 0 || err == -EINVAL || err == -ENOENT);
		if (err == -EINVAL)
			cr_assert_eq(log.said[log.count - 1].severity, SEVERITY_ERROR);
		for (unsigned int n = 0; n < log.count; n++) {
			cr_assert_geq(log.said[n].column, 1);
			cr_assert_geq(log.said[n].width, 1);
			cr_assert_leq(log.said[n].column - 1, len);
			cr_assert_leq(log.said[n].column - 1 + log.said[n].width, len + 1);
		}
	}
}
