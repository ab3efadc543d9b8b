/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* monitor.c - ifw monitor: decisions as they are made. */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "event.h"
#include "iface.h"
#include "rule_texts.h"
#include "text.h"

#define NS_PER_S 1000000000LL

struct monitor {
	bool json;
	uint64_t count; /* end after so many; 0: never */
	uint64_t shown;
	int64_t clock_offset_ns;
	struct table_look look;
	struct rule_texts texts;
	struct loader *loader;
	struct iface_info *ifaces; /* as of the start: the usual ones, without a system call */
	size_t iface_count;
	bool failed; /* stdout takes no more, or no memory */
};

static int64_t clock_offset(void)
{
	struct timespec real, mono;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (real.tv_sec - mono.tv_sec) * NS_PER_S + real.tv_nsec - mono.tv_nsec;
}

/* A name even for an interface that is gone already. */
static const char *name_of(const struct monitor *monitor, uint32_t ifindex, char *buffer,
			   size_t size)
{
	for (size_t i = 0; i < monitor->iface_count; i++)
		if (monitor->ifaces[i].ifindex == ifindex)
			return monitor->ifaces[i].name;
	if (!if_indextoname(ifindex, buffer))
		snprintf(buffer, size, "if%u", ifindex);
	return buffer;
}

static int show(void *arg, const struct ifw_event *event)
{
	char rule[RULE_TEXT_MAX], name[IF_NAMESIZE];
	struct monitor *monitor = arg;
	struct event_view view = {
		.event = event,
		.ifname = name_of(monitor, event->ifindex, name, sizeof(name)),
		.rule = rule_texts_find(&monitor->texts, event, rule, sizeof(rule)),
		.clock_offset_ns = monitor->clock_offset_ns,
	};

	if (!monitor->json)
		event_print(stdout, &view, &monitor->look);
	else if (event_print_json(stdout, &view))
		monitor->failed = true;
	if (ferror(stdout))
		monitor->failed = true;
	monitor->shown++;
	return monitor->failed || monitor->shown == monitor->count;
}

/* Who reads a pipe is not to wait for the next batch. */
static void flush(void *arg)
{
	struct monitor *monitor = arg;

	if (fflush(stdout))
		monitor->failed = true;
}

static uint64_t lost_of(const struct iface_info *ifaces, size_t count)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < count; i++)
		lost += ifaces[i].counters.events_lost;
	return lost;
}

static void say_if_silent(const struct cli *cli, const struct monitor *monitor)
{
	const char *name = monitor->iface_count ? monitor->ifaces[0].name : "IFACE";

	for (size_t i = 0; i < monitor->iface_count; i++)
		if (monitor->ifaces[i].settings.verbose)
			return;
	complain(cli, "no interface sends events; turn them on with 'ifw iface set %s verbose on'",
		 name);
}

static void say_sum(const struct cli *cli, const struct monitor *monitor)
{
	uint64_t before = lost_of(monitor->ifaces, monitor->iface_count), after, lost;
	struct iface_info *now = NULL;
	size_t count = 0;

	if (loader_ifaces(monitor->loader, &now, &count, NULL)) {
		complain(cli, "%" PRIu64 " event%s shown", monitor->shown, text_s(monitor->shown));
		return;
	}
	after = lost_of(now, count);
	loader_ifaces_free(now, count);
	/* Less than before: an interface went down meanwhile, and its count with it. */
	lost = after > before ? after - before : 0;
	complain(cli, "%" PRIu64 " event%s shown, %" PRIu64 " lost", monitor->shown,
		 text_s(monitor->shown), lost);
}

/* A descriptor that becomes readable on SIGINT or SIGTERM. -1: errno says why. */
static int open_stop(void)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &stop, NULL))
		return -1;
	return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int watch(const struct cli *cli, struct monitor *monitor, int stop_fd)
{
	struct failure failure = {0};
	int err;

	say_if_silent(cli, monitor);
	err = loader_events(monitor->loader, stop_fd, show, flush, monitor, &failure);
	flush(monitor);
	/* Where show() stopped it, that is no failure, whatever it is called. */
	if (err < 0 && !monitor->failed && !(monitor->count && monitor->shown == monitor->count)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	say_sum(cli, monitor);
	return monitor->failed ? CLI_REFUSED : CLI_DONE;
}

static int run(struct cli *cli, uint64_t count)
{
	/* Blocked first: a signal that comes while opening must end it in order, too. */
	int stop_fd = open_stop(), status;
	auto_ifaces ifaces = {0};
	auto_loader loader = NULL;
	struct monitor monitor = {
		.json = cli->json,
		.count = count,
		.clock_offset_ns = clock_offset(),
		.look = table_look_of(stdout),
	};

	if (stop_fd < 0) {
		complain(cli, "cannot wait for signals: %s", strerror(errno));
		return CLI_REFUSED;
	}
	status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (!status)
		status = ifaces_load(cli, loader, NULL, &ifaces);
	if (!status) {
		monitor.loader = loader;
		monitor.texts.loader = loader;
		monitor.ifaces = ifaces.all;
		monitor.iface_count = ifaces.all_count;
		status = watch(cli, &monitor, stop_fd);
		rule_texts_free(&monitor.texts);
	}
	close(stop_fd);
	return status;
}

int cmd_monitor(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		ARGS_COMMON,
		{"count", required_argument, NULL, ARGS_COMMAND},
		ARGS_END,
	};
	uint64_t count = 0;
	int got;

	optind = 0;
	while ((got = args_next(cli, argc, argv, options)) == ARGS_COMMAND) {
		if (text_number(optarg, 1, UINT64_MAX, &count)) {
			complain(cli, "--count takes a number from 1, not '%s'", optarg);
			return CLI_INPUT;
		}
	}
	if (got != ARGS_END_OF_OPTIONS)
		return args_status(got);
	if (optind < argc) {
		complain(cli, "unexpected '%s' after 'ifw monitor' (see 'ifw help monitor')",
			 argv[optind]);
		return CLI_INPUT;
	}
	return run(cli, count);
}
