/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * zfw.c - the older zfw's commands, done by ifw's loader. Callers look at the
 * exit status, which is 0 or 1 here, and logs know the lines on stdout; what
 * is wrong is said in full on stderr besides.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "text.h"
#include "zfw.h"
#include "zfw_host.h"
#include "zfw_list.h"

#define FAILED 1 /* whatever went wrong */

static const char usage[] =
	"usage: zfw -I -c IP -m LEN [-o SRC -n SRCLEN] -p tcp|udp -l LOW -h HIGH -t PORT\n"
	"           [-s ID] [-N IFACE]... [-d]   add or replace; -t 0: pass; -d: deny\n"
	"       zfw -D -c IP -m LEN [-o SRC -n SRCLEN] -p tcp|udp -l LOW [-h HIGH] [-N IFACE]...\n"
	"       zfw -L [-c IP -m LEN [-p tcp|udp]]   list\n"
	"       zfw -L -E                            list interfaces and their settings\n"
	"       zfw -F [-z ingress|egress] [-r]      remove all rules, or those of one direction\n"
	"       zfw -F -j                            remove what -B bound, and no rules\n"
	"       zfw -x|-e|-v IFACE|all [-d]          ssh off, echo on, verbose on; -d: the "
	"reverse\n"
	"       zfw -b IFACE|all [-d]                what no egress rule passes does not leave; "
	"-d: it "
	"does\n"
	"       zfw -P IFACE|all [-d]                only rules that name it (-N) hold there\n"
	"       zfw -q IFACE|all [-d]                protocols other than TCP, UDP and ICMP echo "
	"pass\n"
	"       zfw -6 IFACE|all                     nothing is to be done: IPv6 is always "
	"decided\n"
	"       zfw -X IFACE -O FILE -z ingress|egress [-d]   attach; FILE is not read\n"
	"       zfw -H IFACE                         attach for both directions\n"
	"       zfw -Q                               take off all that ifw has made\n"
	"       zfw -M IFACE|all                     show decisions of interfaces with -v\n"
	"       zfw -T IFACE|all [-d]                -I hands to a tunnel: passes to the host, "
	"whose\n"
	"                                            routes lead to the tunnel's device\n"
	"       zfw -B|-J IP -m LEN                  bind the prefix to the host, or unbind it\n"
	"       zfw -A                               run /opt/openziti/bin/user/user_rules.sh\n"
	"       zfw -V\n"
	"-r with -I, -D and -F: a local route for the destination is made, or removed\n"
	"-I, -D and -L with -z egress: rules for what leaves; without it for what comes in\n";

static void say_not_up(void)
{
	puts("Not enough privileges or ebpf not enabled!");
}

static int open_state(const struct cli *cli, enum loader_mode mode, struct loader **loader)
{
	struct failure failure = {0};
	int err = loader_open(loader, mode, NULL, &failure);

	if (!err)
		return 0;
	if (err == -ENOENT || err == -ENODEV || err == -EPERM || err == -EACCES)
		say_not_up();
	complain(cli, "%s", failure.text);
	return FAILED;
}

/* Opens, and makes the request's rule one of the loader's. */
static int open_with_rule(const struct cli *cli, const struct zfw_request *request,
			  struct loader **loader, struct rule *rule)
{
	if (open_state(cli, LOADER_WRITE, loader))
		return FAILED;
	*rule = request->rule;
	return cli_bind_rule(cli, rule, &request->names, *loader) ? FAILED : 0;
}

static const char *protocol_word(const struct rule *rule)
{
	return rule_protocol(rule) == IPPROTO_TCP ? "TCP" : "UDP";
}

static void note(const struct cli *cli, const struct zfw_request *request)
{
	if (request->host_bits)
		complain(cli, "note: bits below the prefix length were cleared");
	if (request->unused_port)
		complain(cli, "note: a deny rule has no listener, -t is not used");
}

/*
 * Where all interfaces that the rule holds on are a tunnel's (-T), nobody listens on the
 * port that is given: the packet passes, and the host's routes lead it to the tunnel's device.
 */
static int hand_to_tunnel(const struct cli *cli, struct loader *loader, struct rule *rule)
{
	struct iface_tally tally = {0};
	struct failure failure = {0};

	if (rule->action != IFW_ACTION_INTERCEPT)
		return 0;
	if (loader_iface_tally(loader, rule->ifaces, IFW_IFACE_TUNNEL, &tally, &failure)) {
		complain(cli, "%s", failure.text);
		return FAILED;
	}
	if (!tally.with)
		return 0;
	if (tally.without) {
		complain(cli, "the rule holds on interfaces with -T and on others, and one rule "
			      "cannot hand "
			      "to a tunnel and to a listener; name interfaces with -N");
		return FAILED;
	}
	rule->action = IFW_ACTION_PASS;
	rule->listener = (struct ifw_addr){0};
	rule->listener_port = 0;
	return 0;
}

int zfw_insert(const struct cli *cli, const struct zfw_request *request)
{
	struct add_result result = {0};
	struct failure failure = {0};
	auto_loader loader = NULL;
	struct rule rule;
	char text[RULE_TEXT_MAX];

	note(cli, request);
	if (open_with_rule(cli, request, &loader, &rule))
		return FAILED;
	if (rule_is_egress(&rule) && loader_egress_check(loader, &failure)) {
		complain(cli, "%s", failure.text);
		return FAILED;
	}
	if (hand_to_tunnel(cli, loader, &rule))
		return FAILED;
	/* The router brings a new listener port at each start, and does not flush first. */
	if (loader_rule_add(loader, &rule, true, &result, &failure)) {
		complain(cli, "%s", failure.text);
		return FAILED;
	}
	printf("Adding %s mapping\n", protocol_word(&rule));
	if (result.prefix_had_ranges)
		puts("lookup success");
	if (result.shadowed && result.shadowed_by_count) {
		rule_print(&result.shadowed_by, loader_names(loader), text, sizeof(text));
		complain(cli, "warning: this rule can never match: '%s' decides before it", text);
	}
	return request->route ? zfw_route(cli, &rule, true) : 0;
}

int zfw_delete(const struct cli *cli, const struct zfw_request *request)
{
	struct delete_filter filter = {
		.any_high = !request->has_high,
		.any_ifaces = request->rule.ifaces == IFW_IFACES_ANY,
	};
	struct delete_result result = {0};
	struct failure failure = {0};
	auto_loader loader = NULL;
	int err;

	note(cli, request);
	if (open_with_rule(cli, request, &loader, &filter.rule))
		return FAILED;
	err = loader_rule_delete(loader, &filter, &result, &failure);
	if (err == -ENOENT && !result.group_found)
		puts("MAP_LOOKUP_v4_DEL_ELEM: No such file or directory");
	else if (!err || err == -ENOENT)
		printf("lookup success\nAttempting to remove %s mapping\n",
		       protocol_word(&filter.rule));
	if (err) {
		complain(cli, "%s", failure.text);
		return FAILED;
	}
	for (size_t i = 0; i < result.removed; i++)
		printf("mapping[%u] removed\n", filter.rule.low);
	if (result.group_empty)
		puts("Last Element: Hash Entry Deleted");
	return request->route ? zfw_route(cli, &filter.rule, false) : 0;
}

static int list(const struct cli *cli, const struct zfw_request *request)
{
	struct loader_usage used = {0};
	struct failure failure = {0};
	auto_loader loader = NULL;
	auto_set set = {0};

	if (open_state(cli, LOADER_READ, &loader))
		return FAILED;
	if (request->interfaces)
		return zfw_interfaces(cli);
	if (loader_usage(loader, &used, &failure) || loader_rules(loader, &set, &failure)) {
		complain(cli, "%s", failure.text);
		return FAILED;
	}
	if (zfw_list_print(stdout, &set, request, &used.limits)) {
		complain(cli, "no memory to list the rules");
		return FAILED;
	}
	return 0;
}

/* The rules of the direction that -z does not name. */
static int keep_others(const struct zfw_request *request, const struct rule_set *all,
		       struct rule_set *kept)
{
	int err = 0;

	for (size_t i = 0; i < all->count && !err; i++)
		if (rule_is_egress(&all->rules[i]) != rule_is_egress(&request->rule))
			err = rule_set_add(kept, &all->rules[i]);
	return err;
}

static int flush(const struct cli *cli, const struct zfw_request *request)
{
	struct failure failure = {0};
	auto_loader loader = NULL;
	auto_set all = {0}, kept = {0};
	bool changed;

	if (request->bindings)
		return zfw_bindings_flush(cli);
	if (open_state(cli, LOADER_WRITE, &loader))
		return FAILED;
	if (request->has_direction && loader_rules(loader, &all, &failure)) {
		complain(cli, "%s", failure.text);
		return FAILED;
	}
	if (keep_others(request, &all, &kept)) {
		complain(cli, "no memory to remove rules");
		return FAILED;
	}
	kept.names = *loader_names(loader);
	if (loader_apply(loader, &kept, &changed, &failure)) {
		complain(cli, "%s", failure.text);
		return FAILED;
	}
	return request->route ? zfw_routes_flush(cli) : 0;
}

static int set(const struct cli *cli, const struct zfw_request *request)
{
	static const uint64_t none[4];
	uint32_t verbose = !request->disable;
	struct iface_change change = {.verbose = request->verb == ZFW_VERBOSE ? &verbose : NULL};
	struct failure failure = {0};
	auto_loader loader = NULL;
	int err;

	/* -x takes ssh away and -d gives it back; -e and -v give, and -d takes away. */
	if (request->verb == ZFW_SSH)
		*(request->disable ? &change.clear : &change.set) = IFW_IFACE_SSH_OFF;
	else if (request->verb == ZFW_ECHO)
		*(request->disable ? &change.clear : &change.set) = IFW_IFACE_ECHO;
	else if (request->verb == ZFW_OUTBOUND)
		*(request->disable ? &change.clear : &change.set) = IFW_IFACE_EGRESS_DENY;
	else if (request->verb == ZFW_NAMED)
		*(request->disable ? &change.clear : &change.set) = IFW_IFACE_NAMED_RULES;
	else if (request->verb == ZFW_TUNNEL)
		*(request->disable ? &change.clear : &change.set) = IFW_IFACE_TUNNEL;
	else if (request->verb == ZFW_OTHERS)
		change.protocols = request->disable ? none : text_all_protocols;
	else if (request->verb == ZFW_IPV6 && request->disable) {
		complain(cli, "IPv6 is always decided; deny it with 'ifw rule add deny tcp to ::/0 "
			      "port 1-65535 on IFACE', and udp alike");
		return FAILED;
	}
	if (open_state(cli, LOADER_WRITE, &loader))
		return FAILED;
	if (change.set & IFW_IFACE_TUNNEL && zfw_forwarding(cli, request))
		return FAILED;
	if (change.set & IFW_IFACE_EGRESS_DENY && loader_egress_check(loader, &failure))
		err = -EOPNOTSUPP;
	else if (strcmp(request->target, "all") == 0)
		err = loader_iface_set_all(loader, &change, &failure);
	else
		err = loader_iface_set(loader, request->target, &change, &failure);
	if (!err)
		return 0;
	complain(cli, "%s", failure.text);
	return FAILED;
}

static int disable(const struct cli *cli)
{
	struct failure failure = {0};
	auto_loader loader = NULL;

	/* What is there but cannot be read is to go all the same. */
	if (loader_open(&loader, LOADER_READ, NULL, &failure) == -ENOENT) {
		say_not_up();
		complain(cli, "%s", failure.text);
		return FAILED;
	}
	return zfw_disable(cli);
}

static int run(const struct cli *cli, const struct zfw_request *request)
{
	switch (request->verb) {
	case ZFW_INSERT:
		return zfw_insert(cli, request);
	case ZFW_DELETE:
		return zfw_delete(cli, request);
	case ZFW_LIST:
		return list(cli, request);
	case ZFW_FLUSH:
		return flush(cli, request);
	case ZFW_VERSION:
		puts(IFW_VERSION);
		return 0;
	case ZFW_SSH:
	case ZFW_ECHO:
	case ZFW_VERBOSE:
	case ZFW_OUTBOUND:
	case ZFW_NAMED:
	case ZFW_OTHERS:
	case ZFW_IPV6:
	case ZFW_TUNNEL:
		return set(cli, request);
	case ZFW_ATTACH:
		return zfw_attach(cli, request);
	case ZFW_INIT:
		return zfw_init(cli, request);
	case ZFW_DISABLE:
		return disable(cli);
	case ZFW_MONITOR:
		return zfw_monitor(cli, request);
	case ZFW_USER_RULES:
		return zfw_user_rules(cli);
	case ZFW_BIND:
	case ZFW_UNBIND:
		return zfw_bind(cli, request);
	case ZFW_HELP:
		fputs(usage, stdout);
		return 0;
	case ZFW_NONE:
		break;
	}
	return FAILED;
}

int zfw_finish(const struct cli *cli, int status)
{
	return cli_finish(cli, status) ? FAILED : 0;
}

int zfw_main(int argc, char **argv)
{
	struct cli cli = {.program = "zfw"};
	struct zfw_request request = {0};
	struct failure failure = {0};

	if (argc < 2) {
		fputs(usage, stderr);
		return FAILED;
	}
	if (zfw_parse(argc, argv, &request, &failure)) {
		complain(&cli, "%s (see 'zfw --help')", failure.text);
		return FAILED;
	}
	return zfw_finish(&cli, run(&cli, &request));
}
