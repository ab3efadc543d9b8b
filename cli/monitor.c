/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* monitor.c - ifw monitor: decisions as they are made, as lines or with their packets. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "event.h"
#include "event_packet.h"
#include "monitor.h"
#include "rule_texts.h"
#include "sim/capture/capture_ng.h"
#include "text.h"

#define NS_PER_S 1000000000LL
#define CLOCK_STEP_NS 1000000LL

struct monitor {
	const struct cli *cli;
	struct monitor_options options;
	struct monitor_seen seen;
	struct monitor_rate rate;
	int64_t clock_offset_ns;
	struct table_look look;
	struct rule_texts texts;
	struct loader *loader;
	struct iface_info *ifaces; /* as of the start: the usual ones, without a system call */
	size_t iface_count;
	uint64_t lost_before;
	FILE *capture;		     /* --pcap: open, and as it was */
	struct ng_writer *writer;    /* --pcap: begun anew, once events can be read */
	struct event_packet *packet; /* --pcap: room for one */
	bool failed;		     /* stdout takes no more, or no memory */
	int write_error;	     /* --pcap: 0, or -errno */
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

static void write_packet(struct monitor *monitor, const struct event_view *view,
			 const struct ifw_packet_event *packet)
{
	/* One that was asked for before the packets were. */
	if (!packet || !packet->captured) {
		monitor->seen.bare++;
		return;
	}
	event_packet_make(monitor->packet, view, packet);
	ng_write(monitor->writer, &monitor->packet->captured);
	monitor->seen.cut += packet->captured < packet->event.length;
	monitor->seen.shown++;
}

static void write_line(struct monitor *monitor, const struct event_view *view)
{
	monitor_rate_erase(&monitor->rate);
	if (!monitor->cli->json)
		event_print(stdout, view, &monitor->look);
	else if (event_print_json(stdout, view))
		monitor->failed = true;
	if (ferror(stdout))
		monitor->failed = true;
	monitor->seen.shown++;
}

static bool is_over(const struct monitor *monitor)
{
	return monitor->failed || monitor->write_error ||
	       (monitor->options.count && monitor->seen.shown == monitor->options.count);
}

static int take(void *arg, const struct ifw_event *event, const struct ifw_packet_event *packet)
{
	char rule[RULE_TEXT_MAX], name[IF_NAMESIZE];
	struct monitor *monitor = arg;
	const struct event_filter *filter = &monitor->options.filter;
	struct event_view view = {
		.event = event,
		.ifname = name_of(monitor, event->ifindex, name, sizeof(name)),
		.clock_offset_ns = monitor->clock_offset_ns,
	};

	if (is_over(monitor)) /* before the first */
		return 1;
	monitor->seen.received++;
	monitor->seen.dropped += event->verdict == IFW_VERDICT_DROP;
	if (!event_filter_matches(filter, event,
				  event_filter_wants_rule(filter)
					  ? rule_texts_rule(&monitor->texts, event)
					  : NULL))
		return 0;
	view.rule = rule_texts_find(&monitor->texts, event, rule, sizeof(rule));
	if (monitor->writer)
		write_packet(monitor, &view, packet);
	else
		write_line(monitor, &view);
	return is_over(monitor);
}

static uint64_t lost_of(const struct iface_info *ifaces, size_t count)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < count; i++)
		lost += ifaces[i].counters.events_lost;
	return lost;
}

/* Since the start. 0 or -errno. */
static int count_lost(const struct monitor *monitor, uint64_t *lost)
{
	struct iface_info *now = NULL;
	size_t count = 0;
	int err = loader_ifaces(monitor->loader, &now, &count, NULL);

	if (err)
		return err;
	*lost = lost_of(now, count);
	loader_ifaces_free(now, count);
	/* Less than before: an interface went down meanwhile, and its count with it. */
	*lost = *lost > monitor->lost_before ? *lost - monitor->lost_before : 0;
	return 0;
}

/*
 * The time of day may be set meanwhile. Differences that come of reading two clocks one
 * after the other are left alone, so that times do not go back by them.
 */
static void follow_clock(struct monitor *monitor)
{
	int64_t now = clock_offset(), change = now - monitor->clock_offset_ns;

	if (change > CLOCK_STEP_NS || change < -CLOCK_STEP_NS)
		monitor->clock_offset_ns = now;
}

/*
 * What the file held goes only now that somebody else is known not to read the events, or all of
 * it would be lost for a command that is refused.
 */
static int begin_capture(struct monitor *monitor)
{
	struct stat is;
	int err = 0;

	if (strcmp(monitor->options.capture, "-") != 0 &&
	    (fstat(fileno(monitor->capture), &is) ||
	     (S_ISREG(is.st_mode) && ftruncate(fileno(monitor->capture), 0))))
		err = -errno;
	if (!err)
		err = ng_create(monitor->capture, &monitor->writer);
	if (!err)
		monitor->capture = NULL; /* the writer has it */
	return err;
}

static void hand_on(struct monitor *monitor)
{
	if (monitor->writer)
		monitor->write_error = ng_flush(monitor->writer);
	else if (fflush(stdout))
		monitor->failed = true;
}

/* Who reads a pipe is not to wait for the next batch. */
static int flush(void *arg)
{
	struct monitor *monitor = arg;
	uint64_t lost = 0;

	if (monitor->capture)
		monitor->write_error = begin_capture(monitor);
	if (!monitor->write_error)
		hand_on(monitor);
	follow_clock(monitor);
	if (monitor_rate_is_due(&monitor->rate) && !count_lost(monitor, &lost))
		monitor_rate_draw(&monitor->rate, &monitor->seen, lost);
	monitor_rate_again(&monitor->rate);
	return is_over(monitor);
}

/* --- What is asked of the program ---------------------------------------------- */

/*
 * Slots whose interfaces are to send events though they are not verbose: those that
 * were named, or all where none is verbose.
 */
static uint64_t quiet_slots(const struct cli *cli, const struct monitor *monitor)
{
	const struct event_filter *filter = &monitor->options.filter;
	uint64_t quiet = 0;
	bool any = false;

	for (size_t i = 0; i < monitor->iface_count; i++) {
		const struct ifw_iface *settings = &monitor->ifaces[i].settings;
		uint64_t slot = 1ULL << (settings->slot % IFW_SLOTS);

		if (settings->verbose != 1)
			quiet |= slot;
		any |= settings->verbose;
	}
	if (monitor->options.iface_count)
		return quiet & (filter->in | filter->out);
	if (any)
		return 0;
	complain(cli, "no interface has verbose on: all are watched until this ends");
	return ~0ULL;
}

static void say_sum(const struct cli *cli, const struct monitor *monitor)
{
	const struct monitor_options *options = &monitor->options;
	const struct monitor_seen *seen = &monitor->seen;
	char filtered[64] = "", cut[64] = "", lost_text[64] = "";
	uint64_t lost = 0, left = seen->received - seen->shown - seen->bare;

	if (options->filters)
		snprintf(filtered, sizeof(filtered), ", %" PRIu64 " filtered out", left);
	if (seen->cut)
		snprintf(cut, sizeof(cut), ", %" PRIu64 " cut", seen->cut);
	if (!count_lost(monitor, &lost))
		snprintf(lost_text, sizeof(lost_text), ", %" PRIu64 " lost", lost);
	complain(cli, "%" PRIu64 " %s%s %s%s%s%s", seen->shown,
		 options->capture ? "packet" : "event", text_s(seen->shown),
		 options->capture ? "written" : "shown", cut, filtered, lost_text);
}

/* A descriptor that becomes readable on SIGINT, SIGTERM or SIGHUP. -1: errno says why. */
static int open_stop(void)
{
	struct sigaction on_hangup;
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	/* Blocked, it would come here from nohup, too. */
	if (sigaction(SIGHUP, NULL, &on_hangup) == 0 && on_hangup.sa_handler != SIG_IGN)
		sigaddset(&stop, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &stop, NULL))
		return -1;
	return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int watch(const struct cli *cli, struct monitor *monitor, int stop_fd)
{
	const uint64_t slots = quiet_slots(cli, monitor);
	struct ifw_watch asked = event_filter_watch(&monitor->options.filter, slots);
	struct events_wanted wanted = {
		.watch = slots || monitor->options.capture ? &asked : NULL,
		.stop_fd = stop_fd,
		.callback = take,
		.flush = flush,
		.arg = monitor,
	};
	struct failure failure = {0};
	int err;

	asked.snaplen = monitor->options.snaplen;
	err = loader_events(monitor->loader, &wanted, &failure);
	hand_on(monitor);
	monitor_rate_erase(&monitor->rate);
	/* Where take() stopped it, that is no failure, whatever it is called. */
	if (err < 0 && !is_over(monitor)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	say_sum(cli, monitor);
	return monitor->failed ? CLI_REFUSED : CLI_DONE;
}

/* --- --pcap -------------------------------------------------------------------------- */

/* Packets are nobody else's business, so the file is the owner's alone. */
static FILE *open_capture(const char *path)
{
	const bool is_stdout = strcmp(path, "-") == 0;
	int fd = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
			   : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file && fd >= 0)
		close(fd);
	return file;
}

static int refuse_capture(const struct cli *cli, const char *path, int err)
{
	complain(cli, "cannot write '%s': %s", strcmp(path, "-") == 0 ? "standard output" : path,
		 strerror(-err));
	return CLI_REFUSED;
}

static int start_capture(const struct cli *cli, struct monitor *monitor)
{
	const char *path = monitor->options.capture;

	if (!path)
		return CLI_DONE;
	monitor->packet = malloc(sizeof(*monitor->packet));
	if (!monitor->packet)
		return refuse_capture(cli, path, -ENOMEM);
	monitor->capture = open_capture(path);
	return monitor->capture ? CLI_DONE : refuse_capture(cli, path, -errno);
}

static int end_capture(const struct cli *cli, struct monitor *monitor, int status)
{
	int err = monitor->writer ? ng_finish(monitor->writer) : monitor->write_error;

	if (monitor->capture)
		fclose(monitor->capture);
	free(monitor->packet);
	/* Who reads no further, as `tcpdump -c` does, has what he wanted. */
	if (err && err != -EPIPE)
		return refuse_capture(cli, monitor->options.capture, err);
	return err && !status ? CLI_REFUSED : status;
}

static int run(struct cli *cli, struct monitor *monitor)
{
	/* Blocked first: a signal that comes while opening must end it in order, too. */
	int stop_fd = open_stop(), status;
	auto_ifaces ifaces = {0};
	auto_loader loader = NULL;

	if (stop_fd < 0) {
		complain(cli, "cannot wait for signals: %s", strerror(errno));
		return CLI_REFUSED;
	}
	status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (!status)
		status = ifaces_load(cli, loader, NULL, &ifaces);
	if (!status)
		status = monitor_bind_options(cli, loader, &ifaces, &monitor->options);
	if (!status)
		status = start_capture(cli, monitor);
	if (!status) {
		monitor->loader = loader;
		monitor->texts.loader = loader;
		monitor->ifaces = ifaces.all;
		monitor->iface_count = ifaces.all_count;
		monitor->lost_before = lost_of(ifaces.all, ifaces.all_count);
		status = watch(cli, monitor, stop_fd);
		rule_texts_free(&monitor->texts);
	}
	status = end_capture(cli, monitor, status);
	close(stop_fd);
	return status;
}

int cmd_monitor(struct cli *cli, int argc, char **argv)
{
	struct monitor monitor = {
		.cli = cli,
		.clock_offset_ns = clock_offset(),
		.look = table_look_of(stdout),
		.rate = monitor_rate_start(),
	};
	int result = monitor_read_options(cli, argc, argv, &monitor.options);

	return result ? args_status(result) : run(cli, &monitor);
}
