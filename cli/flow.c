/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* flow.c - ifw flow list, flush: the conversations that are remembered. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "flow_print.h"
#include "iface.h"
#include "ruleset/clock.h"
#include "text.h"

#define NS_PER_S 1000000000ULL
#define PROGRESS_AFTER_NS (2 * NS_PER_S)
#define PROGRESS_EVERY 65536

struct walk {
	struct flow_filter filter;
	uint64_t now_ns; /* when it began */
	uint64_t seen;	 /* whether they are meant or not */
	uint64_t shown;
	bool json;
	bool progress; /* on stderr, which is a terminal and not where the flows go */
	bool told;
};

int cli_flow_filter(const struct cli *cli, int count, char *const *words,
		    struct flow_filter *filter)
{
	for (int i = 0; i < count; i++) {
		int err = flow_filter_word(filter, words[i]);

		if (err == -EEXIST)
			complain(cli, "'%s': one protocol and one prefix at most", words[i]);
		else if (err == -ERANGE)
			complain(cli, "the length of '%s' is not a number from 0 to %d", words[i],
				 strchr(words[i], ':') ? 128 : 32);
		else if (err)
			complain(cli, "'%s' is neither tcp, udp, icmp, icmpv6 nor a prefix",
				 words[i]);
		if (err)
			return CLI_INPUT;
	}
	return CLI_DONE;
}

static void tell_progress(struct walk *walk)
{
	if (++walk->seen % PROGRESS_EVERY || !walk->progress ||
	    clock_ns() - walk->now_ns < PROGRESS_AFTER_NS)
		return;
	fprintf(stderr, "\r%" PRIu64 " flows read", walk->seen);
	walk->told = true;
}

static void end_progress(const struct walk *walk)
{
	if (walk->told)
		fputs("\r\033[K", stderr);
}

static int show(void *arg, const struct ifw_flow_key *key, const struct ifw_flow *flow)
{
	struct walk *walk = arg;

	tell_progress(walk);
	if (!flow_filter_matches(&walk->filter, key))
		return 0;
	if (walk->json) {
		fputs(walk->shown ? ",\n  " : "\n  ", stdout);
		flow_print_json(stdout, key, flow, walk->now_ns);
	} else {
		if (!walk->shown)
			flow_print_titles(stdout);
		flow_print(stdout, key, flow, walk->now_ns);
	}
	walk->shown++;
	return ferror(stdout) ? 1 : 0;
}

/* An empty list looks the same whether nothing left or nothing was looked at. */
static int tell_untracked(const struct cli *cli, struct loader *loader)
{
	auto_ifaces ifaces = {0};
	int status = ifaces_load(cli, loader, NULL, &ifaces);

	if (!status && !ifaces_tracked(&ifaces))
		complain(cli, "note: no interface tracks, so no flow is remembered; "
			      "use: ifw iface set IFACE track on");
	return status;
}

int cmd_flow_list(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 0, 2, "");
	struct walk walk = {.now_ns = clock_ns(), .json = cli->json};
	struct failure failure = {0};
	auto_loader loader = NULL;
	int status, err;

	if (result)
		return args_status(result);
	walk.json = cli->json;
	walk.progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
	status = cli_flow_filter(cli, argc - optind, argv + optind, &walk.filter);
	if (!status)
		status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (status)
		return status;
	if (walk.json)
		fputs("{\"flows\": [", stdout);
	err = loader_flows(loader, show, &walk, &failure);
	end_progress(&walk);
	if (walk.json)
		fputs(walk.shown ? "\n]}\n" : "]}\n", stdout);
	if (err < 0) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	return walk.shown ? CLI_DONE : tell_untracked(cli, loader);
}

static int wanted(void *arg, const struct ifw_flow_key *key, const struct ifw_flow *flow)
{
	struct walk *walk = arg;

	(void)flow;
	tell_progress(walk);
	return flow_filter_matches(&walk->filter, key);
}

int cmd_flow_flush(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 0, 2, "");
	struct walk walk = {.now_ns = clock_ns()};
	struct failure failure = {0};
	auto_loader loader = NULL;
	uint64_t removed = 0;
	int status, err;

	if (result)
		return args_status(result);
	walk.progress = isatty(STDERR_FILENO);
	status = cli_flow_filter(cli, argc - optind, argv + optind, &walk.filter);
	if (!status)
		status = cli_open(cli, LOADER_WRITE, NULL, &loader);
	if (status)
		return status;
	err = loader_flows_flush(loader, wanted, &walk, &removed, &failure);
	end_progress(&walk);
	if (err) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	if (cli->json)
		printf("{\"removed\": %" PRIu64 "}\n", removed);
	else
		printf("removed %" PRIu64 " flow%s\n", removed, text_s(removed));
	return CLI_DONE;
}
