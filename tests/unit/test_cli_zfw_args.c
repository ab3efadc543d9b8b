/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_cli_zfw_args.c - the older front ends' command lines: what their callers
 * send must be understood, what ifw cannot do must be refused by name.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "cli/zfw_args.h"

#define WORDS_MAX 40

typedef int (*parse_fn)(int argc, char **argv, struct zfw_request *request,
			struct failure *failure);

/* Splits at blanks; getopt moves the words, so they are a copy. */
static int parse_line(parse_fn parse, const char *line, struct zfw_request *request,
		      struct failure *failure)
{
	static char copy[1024];
	char *argv[WORDS_MAX + 1], *save = NULL;
	int argc = 0;

	cr_assert_lt(strlen(line), sizeof(copy));
	memcpy(copy, line, strlen(line) + 1);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		cr_assert_lt(argc, WORDS_MAX);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	memset(failure, 0, sizeof(*failure));
	return parse(argc, argv, request, failure);
}

static struct zfw_request zfw_ok(const char *line)
{
	struct zfw_request request = {0};
	struct failure failure;
	int err = parse_line(zfw_parse, line, &request, &failure);

	cr_assert_eq(err, 0, "%s: %s", line, failure.text);
	return request;
}

static void expect_router_rule(const struct zfw_request *r)
{
	cr_expect_eq(r->verb, ZFW_INSERT);
	cr_expect_eq(r->rule.family, IFW_FAMILY_IPV4);
	cr_expect_eq(r->rule.dst.hi, 0x0a010200ULL << 32);
	cr_expect_eq(r->rule.dst.lo, 0);
	cr_expect_eq(r->rule.dst_len, 24);
	cr_expect_eq(r->rule.src.hi, 0x0a090000ULL << 32);
	cr_expect_eq(r->rule.src_len, 16);
	cr_expect_eq(r->rule.protocol, IPPROTO_TCP);
	cr_expect_eq(r->rule.low, 80);
	cr_expect_eq(r->rule.high, 443);
	cr_expect_eq(r->rule.action, IFW_ACTION_INTERCEPT);
	cr_expect_eq(r->rule.listener.hi, 0x7f000001ULL << 32);
	cr_expect_eq(r->rule.listener_port, 43321);
	cr_expect_str_eq(r->rule.label, "5XzC8m");
	cr_expect(r->has_prefix && r->has_protocol && r->has_high);
}

#define ADD "zfw -I -c 10.0.0.0 -m 8 -p tcp -l 80 -h 90 -t 5 "

Test(zfw_args, router_insert)
{
	struct zfw_request r = zfw_ok("zfw -I -c 10.1.2.3 -m 24 -p tcp -o 10.9.8.7 -n 16 -l 80 "
				      "-h 443 -t 43321 -s 5XzC8m -N eth0 -N eth1");

	expect_router_rule(&r);
	cr_expect(r.host_bits);
	cr_expect_eq(r.rule.ifaces, 1ULL << iface_names_find(&r.names, "eth0") |
					    1ULL << iface_names_find(&r.names, "eth1"));
}

Test(zfw_args, long_forms_in_any_order)
{
	struct zfw_request r =
		zfw_ok("zfw --service-id 5XzC8m --tproxy-port=43321 --high-port 443 --low-port 80 "
		       "--protocol TCP --oprefix-len 16 --ocidr-block 10.9.0.0 --dprefix-len 24 "
		       "--dcidr-block 10.1.2.0 --direction ingress --insert");

	expect_router_rule(&r);
	cr_expect_not(r.host_bits);
	cr_expect_eq(r.rule.ifaces, IFW_IFACES_ANY);
}

Test(zfw_args, source_zero_is_any)
{
	struct zfw_request r =
		zfw_ok("zfw -I -c 10.0.0.1 -m 32 -o 0.0.0.0 -n 0 -p UDP -l 1 -h 1 -t 9");

	cr_expect_eq(r.rule.src_len, 0);
	cr_expect_eq(r.rule.src.hi, 0);
	cr_expect_eq(r.rule.protocol, IPPROTO_UDP);
	cr_expect_eq(r.rule.dst_len, 32);
	cr_expect_not(r.host_bits);
	cr_expect_str_empty(r.rule.label);
}

Test(zfw_args, port_zero_passes)
{
	struct zfw_request r = zfw_ok("zfw -I -c 172.16.240.1 -m 32 -o 10.1.1.1 -n 32 -p tcp -l 22 "
				      "-h 22 -t 0");

	cr_expect_eq(r.rule.action, IFW_ACTION_PASS);
	cr_expect_eq(r.rule.listener_port, 0);
	cr_expect_eq(r.rule.listener.hi, 0);
}

Test(zfw_args, deny)
{
	struct zfw_request r = zfw_ok("zfw -I -d -c 10.0.0.0 -m 8 -p tcp -l 1 -h 65535");

	cr_expect_eq(r.rule.action, IFW_ACTION_DENY);
	cr_expect_not(r.unused_port);
	r = zfw_ok("zfw -I -d -c 10.0.0.0 -m 8 -p tcp -l 1 -h 65535 -t 0");
	cr_expect_eq(r.rule.action, IFW_ACTION_DENY);
	cr_expect_not(r.unused_port);
	r = zfw_ok("zfw -I -d -c 10.0.0.0 -m 8 -p tcp -l 1 -h 65535 -t 99");
	cr_expect_eq(r.rule.action, IFW_ACTION_DENY);
	cr_expect_eq(r.rule.listener_port, 0);
	cr_expect(r.unused_port);
}

Test(zfw_args, delete)
{
	struct zfw_request r =
		zfw_ok("zfw -D -c 172.16.240.1 -m 32 -o 10.1.1.1 -n 32 -p tcp -l 22");

	cr_expect_eq(r.verb, ZFW_DELETE);
	cr_expect_not(r.has_high);
	cr_expect_eq(r.rule.low, 22);
	cr_expect_eq(r.rule.src_len, 32);
	cr_expect_eq(r.rule.ifaces, IFW_IFACES_ANY);
	/* as ziti-edge-tunnel sends it */
	r = zfw_ok("zfw -D -c 10.0.0.1 -m 32 -l 80 -h 90 -t 1234 -p tcp -s #odd -N eth7");
	cr_expect(r.has_high);
	cr_expect_eq(r.rule.high, 90);
	cr_expect_eq(r.rule.ifaces, 1ULL << iface_names_find(&r.names, "eth7"));
}

Test(zfw_args, other_verbs)
{
	struct zfw_request r = zfw_ok("zfw -L");

	cr_expect_eq(r.verb, ZFW_LIST);
	cr_expect_not(r.has_prefix);
	r = zfw_ok("zfw -L -c 10.1.2.3 -m 8 -p udp");
	cr_expect(r.has_prefix && r.has_protocol);
	cr_expect_eq(r.rule.dst.hi, 0x0a000000ULL << 32);
	r = zfw_ok("zfw -L -c 10.0.0.0 -m 8");
	cr_expect_not(r.has_protocol);
	cr_expect_eq(zfw_ok("zfw -F").verb, ZFW_FLUSH);
	cr_expect_eq(zfw_ok("zfw -F -z ingress").verb, ZFW_FLUSH);
	cr_expect_eq(zfw_ok("zfw -V").verb, ZFW_VERSION);
	cr_expect_eq(zfw_ok("zfw --help").verb, ZFW_HELP);
}

Test(zfw_args, host)
{
	struct zfw_request r = zfw_ok("zfw -X eth0 -O x.o -z ingress");

	cr_expect_eq(r.verb, ZFW_ATTACH);
	cr_expect_str_eq(r.target, "eth0");
	cr_expect_str_eq(r.object, "x.o");
	cr_expect_not(rule_is_egress(&r.rule));
	r = zfw_ok("zfw --direction egress --disable --set-tc-filter eth1");
	cr_expect_eq(r.verb, ZFW_ATTACH);
	cr_expect(r.disable && rule_is_egress(&r.rule));
	cr_expect_eq(zfw_ok("zfw -H eth0").verb, ZFW_INIT);
	cr_expect_eq(zfw_ok("zfw --init-tc eth0").verb, ZFW_INIT);
	cr_expect_eq(zfw_ok("zfw -Q").verb, ZFW_DISABLE);
	cr_expect_eq(zfw_ok("zfw --disable-ebpf").verb, ZFW_DISABLE);
	cr_expect_eq(zfw_ok("zfw -M all").verb, ZFW_MONITOR);
	cr_expect_eq(zfw_ok("zfw --monitor eth0").verb, ZFW_MONITOR);
	r = zfw_ok("zfw -L -E");
	cr_expect(r.verb == ZFW_LIST && r.interfaces);
	cr_expect(zfw_ok("zfw --list-diag --list").interfaces);
	cr_expect_not(zfw_ok("zfw -L").interfaces);
	cr_expect(zfw_ok(ADD "-r").route);
	cr_expect(zfw_ok("zfw -D -c 10.0.0.0 -m 8 -p tcp -l 1 --route").route);
	cr_expect(zfw_ok("zfw -F -z ingress -r").route);
	cr_expect_not(zfw_ok(ADD "-N eth0").route);
}

Test(zfw_args, tunnel)
{
	struct zfw_request r = zfw_ok("zfw -B 10.1.2.3 -m 24");

	cr_expect_eq(r.verb, ZFW_BIND);
	cr_expect_eq(r.rule.dst.hi, 0x0a010200ULL << 32);
	cr_expect_eq(r.rule.dst_len, 24);
	cr_expect(r.host_bits);
	r = zfw_ok("zfw -m 64 -J 2001:db8::");
	cr_expect_eq(r.verb, ZFW_UNBIND);
	cr_expect_eq(r.rule.family, IFW_FAMILY_IPV6);
	cr_expect(!r.host_bits);
	r = zfw_ok("zfw -F -j");
	cr_expect(r.verb == ZFW_FLUSH && r.bindings);
	cr_expect(!zfw_ok("zfw -F").bindings);
	cr_expect_eq(zfw_ok("zfw -A").verb, ZFW_USER_RULES);
	cr_expect_eq(zfw_ok("zfw --add-user-rules").verb, ZFW_USER_RULES);
	r = zfw_ok("zfw --set-tun-mode eth0 -d");
	cr_expect_eq(r.verb, ZFW_TUNNEL);
	cr_expect_str_eq(r.target, "eth0");
	cr_expect(r.disable);
}

Test(zfw_args, interface_settings)
{
	struct zfw_request r = zfw_ok("zfw -x eth0");

	cr_expect_eq(r.verb, ZFW_SSH);
	cr_expect_str_eq(r.target, "eth0");
	cr_expect_not(r.disable);
	r = zfw_ok("zfw -e all -d");
	cr_expect_eq(r.verb, ZFW_ECHO);
	cr_expect_str_eq(r.target, "all");
	cr_expect(r.disable);
	cr_expect_eq(zfw_ok("zfw -P eth0").verb, ZFW_NAMED);
	cr_expect_eq(zfw_ok("zfw --per-interface-rules all -d").verb, ZFW_NAMED);
	cr_expect_eq(zfw_ok("zfw -q eth0").verb, ZFW_OTHERS);
	cr_expect_eq(zfw_ok("zfw --pass-non-tuple eth0").verb, ZFW_OTHERS);
	cr_expect_eq(zfw_ok("zfw -6 eth0").verb, ZFW_IPV6);
	cr_expect_eq(zfw_ok("zfw --ipv6-enable all").verb, ZFW_IPV6);
	r = zfw_ok("zfw --disable --verbose lo");
	cr_expect_eq(r.verb, ZFW_VERBOSE);
	cr_expect_str_eq(r.target, "lo");
	cr_expect(r.disable);
}

struct refused_case {
	char line[200];
	char says[64];
};

ParameterizedTestParameters(zfw_args, refused)
{
	static struct refused_case cases[] = {
		{"zfw -d", "nothing to do"},
		{"zfw -I -m 8 -p tcp -l 1 -h 2 -t 3", "--dcidr-block"},
		{"zfw -I -c 10.0.0.0 -p tcp -l 1 -h 2 -t 3", "--dprefix-len"},
		{"zfw -I -c 10.0.0.0 -m 8 -l 1 -h 2 -t 3", "--protocol"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -h 2 -t 3", "--low-port"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -l 1 -t 3", "--high-port"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -l 1 -h 2", "--tproxy-port"},
		{"zfw -D -c 10.0.0.0 -m 8 -p tcp", "--low-port"},
		{"zfw -I -c 10.0.0.0 -m 8 -p icmp -l 1 -h 2 -t 3", "'icmp'"},
		{"zfw -I -c 10.0.0 -m 8 -p tcp -l 1 -h 2 -t 3", "'10.0.0'"},
		{"zfw -I -c 10.0.0.0/8 -m 8 -p tcp -l 1 -h 2 -t 3", "'10.0.0.0/8'"},
		{"zfw -I -c 2001:db8::1 -m 129 -p tcp -l 1 -h 2 -t 3", "prefix length"},
		{"zfw -I -c 2001:db8:::1 -m 64 -p tcp -l 1 -h 2 -t 3", "not an IPv6 address"},
		{"zfw -I -c 2001:db8::1 -m 64 -o 10.0.0.0 -n 8 -p tcp -l 1 -h 2 -t 3", "family"},
		{"zfw -I -c 10.0.0.0 -m 33 -p tcp -l 1 -h 2 -t 3", "above 32"},
		{"zfw -I -c 10.0.0.0 -m 8x -p tcp -l 1 -h 2 -t 3", "'8x'"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -l 4294967376 -h 65535 -t 3", "above 65535"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -l 1 -h 65536 -t 3", "high port '65536'"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -l -1 -h 2 -t 3", "low port '-1'"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -l 1 -h 2 -t 3x", "tproxy port '3x'"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -l 1 -h 2 -t 65536", "tproxy port '65536'"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -l 3 -h 2 -t 3", "low port 3 is above"},
		{"zfw -I -c 10.0.0.0 -m 8 -p tcp -l= -h 2 -t 3", "'='"},
		{ADD "-o 10.0.0.0", "-o and -n"},
		{ADD "-n 8", "-o and -n"},
		{ADD "-o 2001:db8::1 -n 8", "family"},
		{ADD "-z egress", "no listener"},
		{ADD "-z both", "'both'"},
		{ADD "-l 81", "-l is given twice"},
		{ADD "-D", "-I and -D"},
		{ADD "-s a#b", "service id"},
		{ADD "-s 0123456789012345678901234567890123456789012345678901234567890123",
		 "63 characters"},
		{ADD "-N 0123456789abcdef", "name of an interface"},
		{ADD "-N a/b", "name of an interface"},
		/* The kernel takes such names, but no rule can be read back that has one. */
		{ADD "-N eth0,eth1", "name of an interface"},
		{ADD "-N eth#0", "name of an interface"},
		{ADD "-N eth\xff", "name of an interface"},
		{ADD "extra", "'extra'"},
		{ADD "-N", "-N needs a value"},
		{"zfw -F -c 10.0.0.0 -m 8", "does not go with -F"},
		{"zfw -E", "nothing to do"},
		{"zfw -L -E -c 10.0.0.0 -m 8", "does not go with -c"},
		{"zfw -r", "nothing to do"},
		{"zfw -L -r", "-r does not go with -L"},
		{"zfw -L -c 10.0.0.0", "-c and -m"},
		{"zfw -L -p tcp", "-p needs -c"},
		{"zfw -L -d", "-d does not go with -L"},
		{"zfw -Q -F", "-Q and -F cannot go together"},
		{"zfw -Q -d", "-d does not go with -Q"},
		{"zfw -X eth0 -O x.o", "-X needs -z, --direction"},
		{"zfw -X eth0 -z ingress", "-X needs -O, --object-file, or -d"},
		{"zfw -X eth0 -O x.o -z outward", "neither ingress nor egress"},
		{"zfw -O x.o", "nothing to do"},
		{"zfw -H eth0 -d", "-d does not go with -H"},
		{"zfw -M", "-M needs a value"},
		{"zfw -T", "-T needs a value"},
		{"zfw -A -d", "-d does not go with -A"},
		{"zfw -B 10.0.0.0", "-B needs -m, --dprefix-len"},
		{"zfw -J 10.0.0.0", "-J needs -m"},
		{"zfw -B 10.0.0 -m 8", "'10.0.0' is not an IPv4 address"},
		{"zfw -B 10.0.0.0 -m 33", "'33' is above 32"},
		{"zfw -B 10.0.0.0 -m 0", "-B with -m 0 would make every address"},
		{"zfw -B 10.0.0.0 -m 8 -c 10.0.0.0", "-c does not go with -B"},
		{"zfw -F -j -z ingress", "-F -j removes bindings alone"},
		{"zfw -F -j -r", "-F -j removes bindings alone"},
		{"zfw -L -j", "-j does not go with -L"},
		{"zfw -R eth0", "-R is not implemented by ifw: use 'ifw iface set"},
		{"zfw -y", "-y is not implemented"},
		{"zfw -5", "unknown option -5"},
		{"zfw --nonsense", "unknown option --nonsense"},
		{"zfw -x", "-x needs a value"},
	};

	return cr_make_param_array(struct refused_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refused_case *c, zfw_args, refused)
{
	struct zfw_request request, untouched;
	struct failure failure;

	memset(&request, 0x5a, sizeof(request));
	untouched = request;
	cr_assert_eq(parse_line(zfw_parse, c->line, &request, &failure), -EINVAL, "%s", c->line);
	cr_expect(strstr(failure.text, c->says), "%s: '%s' lacks '%s'", c->line, failure.text,
		  c->says);
	cr_expect_eq(memcmp(&request, &untouched, sizeof(request)), 0, "%s", c->line);
}

Test(map_args, update)
{
	struct zfw_request r = {0};
	struct failure failure;

	cr_assert_eq(parse_line(map_update_parse, "map_update 172.16.240.0 24 5060 5061 58997 17",
				&r, &failure),
		     0);
	cr_expect_eq(r.verb, ZFW_INSERT);
	cr_expect_eq(r.rule.dst.hi, 0xac10f000ULL << 32);
	cr_expect_eq(r.rule.dst_len, 24);
	cr_expect_eq(r.rule.low, 5060);
	cr_expect_eq(r.rule.high, 5061);
	cr_expect_eq(r.rule.listener_port, 58997);
	cr_expect_eq(r.rule.action, IFW_ACTION_INTERCEPT);
	cr_expect_eq(r.rule.protocol, IPPROTO_UDP);
	cr_expect_eq(r.rule.ifaces, IFW_IFACES_ANY);
	cr_expect_eq(r.rule.src_len, 0);
}

Test(map_args, delete)
{
	struct zfw_request r = {0};
	struct failure failure;

	cr_assert_eq(parse_line(map_delete_parse, "map_delete_elem 172.16.240.7 24 5060 6", &r,
				&failure),
		     0);
	cr_expect_eq(r.verb, ZFW_DELETE);
	cr_expect_not(r.has_high);
	cr_expect(r.host_bits);
	cr_expect_eq(r.rule.protocol, IPPROTO_TCP);
	cr_expect_eq(r.rule.ifaces, IFW_IFACES_ANY);
}

Test(map_args, refused)
{
	struct zfw_request r;
	struct failure failure;

	cr_expect_eq(parse_line(map_update_parse, "map_update 1.2.3.4 24 5060", &r, &failure),
		     -E2BIG);
	cr_expect_eq(parse_line(map_update_parse, "map_update 1.2.3.4 24 1 2 3 17 9", &r, &failure),
		     -E2BIG);
	cr_expect_eq(parse_line(map_update_parse, "map_update", &r, &failure), -E2BIG);
	cr_expect_eq(parse_line(map_update_parse, "map_update 1.2.3.4 24 1 2 3 1", &r, &failure),
		     -EINVAL);
	cr_expect(strstr(failure.text, "17"), "%s", failure.text);
	cr_expect_eq(parse_line(map_update_parse, "map_update 1.2.3.4 24 2 1 3 6", &r, &failure),
		     -EINVAL);
	cr_expect_eq(
		parse_line(map_update_parse, "map_update 1.2.3.4 24 1 65536 3 6", &r, &failure),
		-EINVAL);
	cr_expect_eq(parse_line(map_delete_parse, "map_delete_elem 1.2.3.4 24 5060", &r, &failure),
		     -E2BIG);
	cr_expect_eq(
		parse_line(map_delete_parse, "map_delete_elem 1.2.3.4 24 5060 tcp", &r, &failure),
		-EINVAL);
}

/* Routers give -o 0.0.0.0 -n 0 for IPv6 destinations, too, and a port on ::1 is meant. */
Test(zfw_args, ipv6)
{
	struct zfw_request request;
	struct failure failure;

	cr_assert_eq(parse_line(zfw_parse,
				"zfw -I -c 2001:db8::1 -m 64 -o 0.0.0.0 -n 0 -p tcp -l 80 -h 90 "
				"-t 43321",
				&request, &failure),
		     0, "%s", failure.text);
	cr_expect_eq(request.rule.family, IFW_FAMILY_IPV6);
	cr_expect_eq(request.rule.dst_len, 64);
	cr_expect_eq(request.rule.dst.hi, 0x20010db800000000ULL);
	cr_expect_eq(request.rule.dst.lo, 0);
	cr_expect_eq(request.rule.src_len, 0);
	cr_expect_eq(request.rule.listener.hi, 0);
	cr_expect_eq(request.rule.listener.lo, 1);
	cr_expect_eq(request.rule.listener_port, 43321);
	cr_assert_eq(parse_line(zfw_parse,
				"zfw -I -c 2001:db8:: -m 128 -o 2001:db8:1:: -n 48 -p udp -l 1 "
				"-h 1 -t 0",
				&request, &failure),
		     0, "%s", failure.text);
	cr_expect_eq(request.rule.src_len, 48);
	cr_expect_eq(request.rule.action, IFW_ACTION_PASS);
	cr_expect_eq(request.rule.listener.lo, 0);
}
