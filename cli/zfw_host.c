/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zfw_host.c - see zfw_host.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "text.h"
#include "zfw_host.h"
#include "zfw_run.h"

#define FAILED 1

#define MAX_ARGS 6

static int run_ifw(const struct cli *cli, const char *const arguments[MAX_ARGS])
{
	const char *words[MAX_ARGS + 2] = {NULL};
	char path[PATH_MAX];

	if (zfw_ifw_path(cli, path))
		return FAILED;
	words[0] = path;
	memcpy(words + 1, arguments, MAX_ARGS * sizeof(*words));
	return zfw_run(cli, words, HUSH_NOTHING);
}

/* --- Interfaces ------------------------------------------------------------------------ */

json_t *zfw_read_ifaces(const struct cli *cli)
{
	char path[PATH_MAX];
	const char *const words[] = {path, "iface", "show", "-j", NULL};
	json_t *shown = NULL;
	FILE *from;
	int ends[2];
	pid_t pid;

	if (zfw_ifw_path(cli, path) || pipe2(ends, O_CLOEXEC))
		return NULL;
	pid = fork();
	if (pid == 0)
		zfw_become(words, HUSH_STDOUT, ends[1]);
	close(ends[1]);
	from = fdopen(ends[0], "r");
	if (from)
		shown = json_loadf(from, 0, NULL);
	if (from)
		fclose(from);
	else
		close(ends[0]);
	if (pid > 0 && zfw_wait(pid) == 0)
		return shown;
	json_decref(shown);
	return NULL;
}

static bool is_up(const struct cli *cli, const char *name)
{
	json_t *shown = zfw_read_ifaces(cli), *iface;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(shown, "interfaces"), i, iface)
	{
		const char *is = json_string_value(json_object_get(iface, "name"));

		found |= is && strcmp(is, name) == 0;
	}
	json_decref(shown);
	return found;
}

static int refuse_all(const struct cli *cli, const char *option)
{
	complain(cli, "%s all would cut off interfaces that nobody thought of: name each by itself",
		 option);
	return FAILED;
}

/*
 * The older tool attaches two programs, each by itself, where ifw has one for both
 * directions that tracks what leaves or not.
 */
int zfw_attach(const struct cli *cli, const struct zfw_request *request)
{
	const char *name = request->target;
	const bool egress = rule_is_egress(&request->rule);

	if (strcmp(name, "all") == 0)
		return refuse_all(cli, "-X");
	if (request->object)
		complain(cli, "note: ifw attaches programs of its own, and does not read '%s'",
			 request->object);
	if (egress)
		return run_ifw(cli, (const char *[MAX_ARGS]){"iface", "set", name, "track",
							     request->disable ? "off" : "on"});
	if (request->disable)
		return run_ifw(cli, (const char *[MAX_ARGS]){"down", name});
	if (is_up(cli, name))
		return run_ifw(cli, (const char *[MAX_ARGS]){"up", name});
	return run_ifw(cli, (const char *[MAX_ARGS]){"up", name, "--track", "off"});
}

int zfw_init(const struct cli *cli, const struct zfw_request *request)
{
	if (strcmp(request->target, "all") == 0)
		return refuse_all(cli, "-H");
	return run_ifw(cli, (const char *[MAX_ARGS]){"up", request->target, "--track", "on"});
}

/* Removes what is ours, and nothing else. */
int zfw_disable(const struct cli *cli)
{
	int status = run_ifw(cli, (const char *[MAX_ARGS]){"down", "--all"});

	if (status || zfw_routes_flush(cli))
		return FAILED;
	return zfw_bindings_flush(cli);
}

/* Becomes ifw, so that signals reach it. */
int zfw_monitor(const struct cli *cli, const struct zfw_request *request)
{
	char path[PATH_MAX];
	const char *words[] = {path, "monitor", "--iface", request->target, NULL};

	if (zfw_ifw_path(cli, path))
		return FAILED;
	if (strcmp(request->target, "all") == 0) {
		words[2] = NULL;
	} else if (!is_up(cli, request->target)) {
		complain(cli, "'%s' is not up; `ifw iface show` lists what is", request->target);
		return FAILED;
	}
	fflush(stdout);
	execv(path, (char *const *)words);
	complain(cli, "cannot run '%s': %s", path, strerror(errno));
	return FAILED;
}

static bool is_on(const json_t *iface, const char *key)
{
	return json_is_true(json_object_get(iface, key));
}

static bool has_number(const json_t *iface, const char *list, json_int_t number)
{
	json_t *element;
	size_t i;

	json_array_foreach(json_object_get(iface, list), i,
			   element) if (json_integer_value(element) == number) return true;
	return false;
}

static bool is_word(const json_t *iface, const char *key, const char *word)
{
	const char *is = json_string_value(json_object_get(iface, key));

	return is && strcmp(is, word) == 0;
}

/* As the older tool prints them, for scripts that read the words; what ifw has not is 0. */
static void print_iface(const json_t *iface)
{
	const struct {
		const char *what;
		bool on;
	} lines[] = {
		{"icmp echo", is_on(iface, "echo")},
		/* No number is one that nobody would pass alone. */
		{"pass non tuple", has_number(iface, "pass_protocols", 253)},
		{"ipv6 enable", true},
		{"verbose", json_integer_value(json_object_get(iface, "verbose")) > 0},
		{"ssh disable", !is_on(iface, "ssh")},
		{"outbound_filter", is_word(iface, "egress_default", "deny")},
		{"per interface", is_on(iface, "named_rules")},
		{"tc ingress filter", is_word(iface, "state", "attached")},
		{"tc egress filter", is_on(iface, "egress_attached")},
		{"tun mode intercept", is_on(iface, "tunnel")},
		{"vrrp enable", has_number(iface, "pass_protocols", 112)},
		{"eapol enable", has_number(iface, "pass_ethertypes", 0x888e)},
		{"ddos filtering", false},
		{"masquerade", false},
	};

	printf("%s: %lld\n--------------------------\n",
	       json_string_value(json_object_get(iface, "name")),
	       (long long)json_integer_value(json_object_get(iface, "ifindex")));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		printf("%-24s:%d\n", lines[i].what, lines[i].on);
	puts("--------------------------\n");
}

int zfw_interfaces(const struct cli *cli)
{
	json_t *shown = zfw_read_ifaces(cli), *iface;
	size_t i;

	if (!shown) {
		complain(cli, "cannot read the interfaces; 'ifw iface show' says why");
		return FAILED;
	}
	json_array_foreach(json_object_get(shown, "interfaces"), i, iface) print_iface(iface);
	json_decref(shown);
	return 0;
}
