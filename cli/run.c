/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * run.c - ifw run: the supervisor in the foreground. It waits to be told that something
 * has changed, and has supervise.c look. What is in force is in the kernel and stays
 * there when this ends.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "files.h"
#include "notify.h"
#include "run_trial.h"
#include "ssh.h"
#include "supervise.h"
#include "text.h"

/* What no message tells of (a link taken off its hook by hand) is found so. */
#define LOOK_EVERY_MS 30000

struct asked {
	const char *file;
	uint32_t confirm_s; /* 0: what it does is not undone */
	bool check;
};

static int read_options(struct cli *cli, int argc, char **argv, struct asked *asked)
{
	static const struct option options[] = {
		ARGS_COMMON,
		{"config", required_argument, NULL, ARGS_COMMAND},
		{"check", no_argument, NULL, ARGS_COMMAND + 1},
		{"confirm", required_argument, NULL, ARGS_COMMAND + 2},
		ARGS_END,
	};
	int got;

	*asked = (struct asked){.file = CONFIG_FILE};
	optind = 0;
	while ((got = args_next(cli, argc, argv, options)) >= 0) {
		if (got == ARGS_COMMAND)
			asked->file = optarg;
		else if (got == ARGS_COMMAND + 1)
			asked->check = true;
		else if (up_confirm(cli, optarg, &asked->confirm_s))
			return ARGS_BAD;
	}
	if (got != ARGS_END_OF_OPTIONS)
		return got;
	if (asked->check && asked->confirm_s) {
		complain(cli, "--check changes nothing, and so there is nothing that --confirm "
			      "could undo: leave one of them out (see 'ifw help run')");
		return ARGS_BAD;
	}
	return args_count(cli, argc, argv, 0, 0, "");
}

static int check(const struct cli *cli, const char *file)
{
	auto_intended intended = {0};
	auto_set saved = {0};
	int status = intended_read(cli, file, &intended);
	bool damaged;

	if (status)
		return status;
	/* No reason to refuse a reload, which does not read it; and a start goes on without. */
	damaged =
		access(intended.config.saved, F_OK) == 0 && !intended_saved(cli, &intended, &saved);
	printf("%zu setting%s, %zu rule%s, ", intended.config.count, text_s(intended.config.count),
	       intended.rules.count, text_s(intended.rules.count));
	if (damaged)
		puts("no errors but in what was saved");
	else
		printf("%zu saved, no errors\n", saved.count);
	return CLI_DONE;
}

/* --- One at a time ------------------------------------------------------------------- */

static int be_the_only_one(const struct cli *cli, int *fd)
{
	char path[PATH_MAX];
	int status = files_runtime(cli, "lock", path), err;
	pid_t pid = 0;

	if (status)
		return status;
	err = files_lock(path, fd, &pid);
	if (!err)
		return CLI_DONE;
	if (err == -EBUSY && pid)
		complain(cli,
			 "a supervisor runs here already: process %d (kill -HUP %d makes it "
			 "read its files again)",
			 (int)pid, (int)pid);
	else if (err == -EBUSY)
		complain(cli, "a supervisor runs here already, in another process namespace");
	else
		complain(cli, "cannot lock '%s': %s", path, strerror(-err));
	return CLI_REFUSED;
}

static int take_signals(const struct cli *cli)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a log that went away is no reason to stop */
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		complain(cli, "cannot wait for signals: %s", strerror(errno));
	return fd;
}

/* --- Steps --------------------------------------------------------------------------- */

static void notify_state(const struct supervisor *s, const char *first)
{
	char unfiltered[64] = "";

	if (s->unfiltered)
		snprintf(unfiltered, sizeof(unfiltered), "; %zu NOT filtered: see the log",
			 s->unfiltered);
	notify("%sSTATUS=%zu interface%s attached, %zu rule%s in force%s%s", first, s->attached,
	       text_s(s->attached), s->rules, text_s(s->rules), unfiltered,
	       s->rules_wanting ? "; the rule file is not in force: see the log" : "");
}

/* Rules that are no good: what then, is a setting where nothing is in force yet. */
static int start_without_rules(struct supervisor *s, struct intended *intended, int status)
{
	bool up = supervise_is_up(&s->cli);

	if (!up && intended->config.boot_open) {
		complain(&s->cli, "nothing is attached ('boot open'): no valid rules, and none in "
				  "force");
		return status;
	}
	complain(&s->cli,
		 up ? "the rules that are in force stay"
		    : "attaching without rules ('boot closed'): only ssh, DHCP and answers "
		      "get in");
	s->rules_wanting = true;
	return supervise_start(s, intended);
}

static int start(struct supervisor *s)
{
	auto_intended intended = {0};
	int status = intended_read(&s->cli, s->file, &intended);

	if (!status)
		return supervise_start(s, &intended);
	return intended.config.count ? start_without_rules(s, &intended, status) : status;
}

static void reload(struct supervisor *s)
{
	bool wanting = s->rules_wanting;
	auto_intended intended = {0};
	struct timespec now;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &now);
	notify("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading the files again",
	       (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	status = intended_read(&s->cli, s->file, &intended);
	s->rules_wanting = false;
	if (!status)
		status = supervise_start(s, &intended);
	if (status) {
		s->rules_wanting = wanting;
		complain(&s->cli, "what was in force stays; mend it and send SIGHUP again");
		notify("READY=1\nSTATUS=Reloading failed (see the log); what was in force stays");
		return;
	}
	puts("reloaded");
	notify_state(s, "READY=1\n");
}

static int stop(struct supervisor *s)
{
	const struct loader_options options = {.pin_dir = s->cli.pin_dir};
	struct failure failure = {0};
	auto_loader loader = NULL;
	unsigned int interfaces;
	int err;

	notify("STOPPING=1");
	if (!s->config.stop_down) {
		puts("stopped; everything stays in force ('ifw down --all' takes it off)");
		return CLI_DONE;
	}
	err = loader_open(&loader, LOADER_WRITE, &options, &failure);
	if (err == -ENOENT)
		return CLI_DONE;
	if (!err)
		err = loader_down_all(loader, &interfaces, &failure);
	if (err) {
		complain(&s->cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	puts("stopped, and everything taken down ('stop down')");
	return CLI_DONE;
}

/* --- Waiting ------------------------------------------------------------------------- */

/* SIGTERM and SIGINT before SIGHUP, whatever came first. 0: none. */
static int next_signal(int fd)
{
	struct signalfd_siginfo info;
	int found = 0;

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		if (found == 0 || found == SIGHUP)
			found = (int)info.ssi_signo;
	return found;
}

static int wait_and_look(struct supervisor *s, struct run_trial *trial, int signals, int watch)
{
	const uint64_t watchdog_ms = notify_watchdog_ms();
	const uint64_t every =
		watchdog_ms && watchdog_ms < LOOK_EVERY_MS ? watchdog_ms : LOOK_EVERY_MS;
	struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
			       {.fd = watch, .events = POLLIN},
			       {.fd = trial->guard.fd, .events = POLLIN}};
	size_t attached = s->attached, unfiltered = s->unfiltered;

	for (;;) {
		int got = 0, status;

		if (poll(fds, 3, s->retry ? SUPERVISE_RETRY_MS : (int)every) < 0 &&
		    errno != EINTR) {
			complain(&s->cli, "cannot wait: %s", strerror(errno));
			return CLI_REFUSED;
		}
		if (fds[0].revents)
			got = next_signal(signals);
		/* First of all: what is undone is not to be looked at. */
		if (fds[2].revents || (got && got != SIGHUP && trial->guard.fd >= 0)) {
			status = run_trial_end(&s->cli, trial, !fds[2].revents);
			if (status)
				return status;
			s->on_trial = false;
			fds[2] = (struct pollfd){.fd = -1};
		}
		if (got == SIGHUP)
			reload(s);
		else if (got)
			return stop(s);
		/* Drained first: what comes while we look wakes us again. */
		loader_watch_drain(watch);
		supervise_look(s);
		if (s->attached != attached || s->unfiltered != unfiltered)
			notify_state(s, "");
		attached = s->attached;
		unfiltered = s->unfiltered;
		if (watchdog_ms)
			notify("WATCHDOG=1");
		fflush(stdout);
	}
}

/* Attaches and applies; where that fails, or must not be, all is as it was. */
static int start_or_undo(struct supervisor *s, struct run_trial *trial, uint32_t confirm_s)
{
	auto_before before = {0};
	int status = CLI_DONE;

	s->ask_ssh = !confirm_s && ssh_session();
	if (s->ask_ssh)
		status = before_take(&s->cli, &before);
	if (!status) {
		status = start(s);
		if (status && s->ask_ssh)
			(void)before_restore(&s->cli, &before, false);
	}
	s->ask_ssh = false;
	if (status)
		run_trial_abandon(&s->cli, trial);
	return status;
}

static int run(struct supervisor *s, uint32_t confirm_s)
{
	__attribute__((cleanup(run_trial_free))) struct run_trial trial = {.guard.fd = -1};
	auto_fd lock = -1, signals = -1, watch = -1;
	struct failure failure = {0};
	int status = be_the_only_one(&s->cli, &lock);

	if (!status && confirm_s)
		status = run_trial_begin(&s->cli, &trial, confirm_s);
	if (status)
		return status;
	s->on_trial = confirm_s > 0;
	signals = take_signals(&s->cli);
	if (signals < 0)
		return CLI_REFUSED;
	/* Before anything is looked at, so that no change falls between. */
	watch = loader_watch(&failure);
	if (watch < 0) {
		complain(&s->cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	status = start_or_undo(s, &trial, confirm_s);
	if (status)
		return status;
	run_trial_done(&trial, confirm_s);
	notify_state(s, "READY=1\n");
	puts("ready");
	return wait_and_look(s, &trial, signals, watch);
}

int cmd_run(struct cli *cli, int argc, char **argv)
{
	__attribute__((cleanup(supervise_free))) struct supervisor s = {0};
	struct asked asked;
	int result = read_options(cli, argc, argv, &asked);

	if (result)
		return args_status(result);
	if (asked.check)
		return check(cli, asked.file);
	s.cli = *cli;
	s.file = asked.file;
	setvbuf(stdout, NULL, _IOLBF, 0); /* the log of a service is no terminal */
	return run(&s, asked.confirm_s);
}
