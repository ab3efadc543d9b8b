/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zfw_routes.c - see zfw_host.h. What the older zfw does to routes, and for tunnels. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "zfw_host.h"
#include "zfw_run.h"

#define FAILED 1

/* --- Routes ---------------------------------------------------------------------------- */

#define STRING_OF(value) #value
#define STRING(value) STRING_OF(value)
#define OURS STRING(LOADER_RTPROT)
#define BINDING STRING(LOADER_RTPROT_BINDING)

/* A metric of its own keeps a route apart from another one for the same prefix. */
static int local_route(const struct cli *cli, const struct rule *rule, bool add,
		       const char *protocol, const char *metric)
{
	char prefix[TEXT_PREFIX_MAX];
	const char *const words[] = {"ip",
				     rule->family == IFW_FAMILY_IPV6 ? "-6" : "-4",
				     "route",
				     add ? "replace" : "del",
				     "local",
				     prefix,
				     "dev",
				     "lo",
				     "table",
				     "local",
				     "proto",
				     protocol,
				     metric ? "metric" : NULL,
				     metric,
				     NULL};

	text_prefix(rule->dst, rule->family, rule->dst_len, prefix, sizeof(prefix));
	return zfw_run(cli, words, HUSH_NOTHING);
}

int zfw_route(const struct cli *cli, const struct rule *rule, bool add)
{
	char prefix[TEXT_PREFIX_MAX];

	if (!local_route(cli, rule, add, OURS, NULL))
		return 0;
	text_prefix(rule->dst, rule->family, rule->dst_len, prefix, sizeof(prefix));
	complain(cli,
		 add ? "the rule is in force, but there is no local route for %s"
		     : "the rule is gone, but not the local route for %s",
		 prefix);
	return FAILED;
}

static int flush_routes(const struct cli *cli, const char *protocol)
{
	static const char *const families[] = {"-4", "-6"};

	for (size_t i = 0; i < 2; i++) {
		const char *const words[] = {"ip",    families[i], "route",  "flush", "table",
					     "local", "proto",	   protocol, NULL};

		if (zfw_run(cli, words, HUSH_STDERR))
			return FAILED;
	}
	return 0;
}

int zfw_routes_flush(const struct cli *cli)
{
	return flush_routes(cli, OURS);
}

/* The addresses become the host's own, so that a tunnel can speak with those of its clients. */
int zfw_bind(const struct cli *cli, const struct zfw_request *request)
{
	const bool add = request->verb == ZFW_BIND;
	char prefix[TEXT_PREFIX_MAX];

	if (request->host_bits)
		complain(cli, "note: bits below the prefix length were cleared");
	if (!local_route(cli, &request->rule, add, BINDING, BINDING))
		return 0;
	text_prefix(request->rule.dst, request->rule.family, request->rule.dst_len, prefix,
		    sizeof(prefix));
	complain(cli,
		 add ? "%s is not bound to the host"
		     : "%s was not unbound; 'ip route show table local proto " BINDING
		       "' lists what -B bound",
		 prefix);
	return FAILED;
}

int zfw_bindings_flush(const struct cli *cli)
{
	return flush_routes(cli, BINDING);
}

/* --- Tunnels --------------------------------------------------------------------------- */

#define USER_RULES "/opt/openziti/bin/user/user_rules.sh"

int zfw_user_rules(const struct cli *cli)
{
	static const char *const words[] = {USER_RULES, NULL};

	/* Most hosts have none, and their callers ask all the same. */
	if (access(USER_RULES, F_OK) && (errno == ENOENT || errno == ENOTDIR)) {
		complain(cli, "note: there is no %s, so there are no rules to add", USER_RULES);
		return 0;
	}
	if (!zfw_run(cli, words, HUSH_NOTHING))
		return 0;
	complain(cli, "%s did not end with status 0", USER_RULES);
	return FAILED;
}

/* Whether the host passes on what comes in by the interface; where it is not there, true. */
static bool passes_on(const char *family, const char *name)
{
	char path[128];
	FILE *file;
	int first;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/forwarding", family, name);
	file = fopen(path, "re");
	if (!file)
		return true;
	first = fgetc(file);
	fclose(file);
	return first != '0';
}

static int check_forwarding(const struct cli *cli, const char *name)
{
	if (passes_on("ipv4", name))
		return 0;
	complain(cli,
		 "the host does not pass on what comes in by '%s', so that nothing would reach a "
		 "tunnel; run: sysctl -w net.ipv4.conf.%s.forwarding=1, and the same for the "
		 "tunnel's device",
		 name, name);
	return FAILED;
}

int zfw_forwarding(const struct cli *cli, const struct zfw_request *request)
{
	json_t *shown = NULL, *iface;
	int status = 0;
	size_t i;

	if (!passes_on("ipv6", "all"))
		complain(cli, "note: net.ipv6.conf.all.forwarding is 0, so that IPv6 reaches no "
			      "tunnel");
	if (strcmp(request->target, "all") != 0)
		return check_forwarding(cli, request->target);
	shown = zfw_read_ifaces(cli);
	json_array_foreach(json_object_get(shown, "interfaces"), i, iface)
	{
		const char *name = json_string_value(json_object_get(iface, "name"));

		if (name && check_forwarding(cli, name))
			status = FAILED;
	}
	json_decref(shown);
	return status;
}
