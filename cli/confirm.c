/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* confirm.c - see confirm.h; and ifw confirm, which says that it is good. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "args.h"
#include "confirm.h"
#include "confirm_wait.h"
#include "files.h"

#define ANSWER_S 10 /* undoing waits for whoever has the lock of the state */

/* --- Who typed it --------------------------------------------------------------------- */

static void show_left(int64_t left_ms)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%4lld s left ", (long long)(left_ms + 999) / 1000);
	fflush(stderr);
}

int confirm_tell(const struct cli *cli, char word)
{
	if (isatty(STDERR_FILENO))
		fputs("\r            \r", stderr);
	if (word == KEEP) {
		puts("confirmed: it stays");
		return CLI_DONE;
	}
	if (word == UNDO) {
		complain(cli, "not confirmed: all is as it was before");
		return CLI_UNEXPECTED;
	}
	complain(cli, "not confirmed, and it could not be undone: see 'ifw iface show'");
	return CLI_REFUSED;
}

static int64_t until_shown(int64_t left_ms)
{
	return left_ms > 0 && left_ms < 1000 ? left_ms : 1000;
}

static int wait_here(const struct cli *cli, const struct up_attempt *attempt, int guard)
{
	const int64_t until = confirm_now_ms() + (int64_t)attempt->request.confirm_s * 1000;
	bool typed = isatty(STDIN_FILENO);
	auto_fd signals = -1;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	printf("All of this is undone in %u s, unless you confirm it: %s'ifw confirm' elsewhere.\n",
	       attempt->request.confirm_s, typed ? "press Enter here, or type " : "");
	puts("Is a new ssh session let in? Ctrl-C undoes it at once.");
	fflush(stdout);
	for (;;) {
		struct pollfd fds[] = {{.fd = guard, .events = POLLIN},
				       {.fd = signals, .events = POLLIN},
				       {.fd = typed ? STDIN_FILENO : -1, .events = POLLIN}};
		int64_t left = until - confirm_now_ms();
		char line[64];

		show_left(left > 0 ? left : 0);
		if (poll(fds, 3, (int)until_shown(left)) < 0 && errno != EINTR)
			return confirm_tell(cli, 0);
		if (fds[0].revents)
			return confirm_tell(cli, confirm_hear(guard));
		if (fds[1].revents) {
			(void)confirm_say(guard, UNDO);
			close_fd(&signals);
			signals = -1; /* what is undone is waited for */
		}
		if (fds[2].revents) {
			typed = false;
			/* The end of input, as when a terminal goes, confirms nothing. */
			if (read(STDIN_FILENO, line, sizeof(line)) > 0)
				(void)confirm_say(guard, KEEP);
		}
	}
}

int confirm_begin(const struct cli *cli, const struct trial *trial, struct guard *guard)
{
	int ends[2], status = CLI_REFUSED;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		complain(cli, "cannot make sockets: %s", strerror(errno));
		return CLI_REFUSED;
	}
	fflush(stdout);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		status = confirm_wait(cli, trial, ends[1]);
		fflush(stdout);
		_exit(status);
	}
	close(ends[1]);
	if (child < 0)
		complain(cli, "cannot make a process: %s", strerror(errno));
	else if (confirm_hear(ends[0]) == TRIED) {
		*guard = (struct guard){.fd = ends[0], .pid = child};
		return CLI_DONE;
	} else if (waitpid(child, &status, 0) == child)
		status = WIFEXITED(status) ? WEXITSTATUS(status) : CLI_REFUSED;
	close(ends[0]);
	return status ? status : CLI_REFUSED;
}

static int begin_up(const struct cli *cli, void *attempt)
{
	return up_do(cli, attempt);
}

static int undo_up(const struct cli *cli, void *attempt)
{
	return up_undo(cli, attempt);
}

int confirm_attempt(const struct cli *cli, struct up_attempt *attempt)
{
	const struct trial trial = {
		.seconds = attempt->request.confirm_s,
		.command = "ifw up",
		.begin = begin_up,
		.undo = undo_up,
		.arg = attempt,
	};
	struct guard guard = {.fd = -1};
	int status = confirm_begin(cli, &trial, &guard);

	if (status)
		return status;
	status = wait_here(cli, attempt, guard.fd);
	close(guard.fd);
	return status;
}

/* --- ifw confirm ---------------------------------------------------------------------- */

static int ask(const struct cli *cli, char word)
{
	char path[PATH_MAX];
	auto_fd fd = -1;
	int status = files_runtime(cli, CONFIRM_SOCKET, path);
	char answer;

	if (status)
		return status;
	fd = confirm_socket(path, false);
	if (fd < 0 && fd != -ENOENT && fd != -ECONNREFUSED) {
		complain(cli, "cannot reach '%s': %s", path, strerror(-fd));
		return CLI_REFUSED;
	}
	if (fd < 0) {
		complain(cli,
			 "nothing waits to be confirmed ('ifw up IFACE --confirm SECONDS' and 'ifw "
			 "run --confirm SECONDS' make that)");
		return CLI_REFUSED;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = ANSWER_S},
			 sizeof(struct timeval));
	answer = confirm_say(fd, word) ? confirm_hear(fd) : 0;
	if (answer != word) {
		complain(cli, answer == UNDO ? "too late: all is as it was before"
					     : "it could not be done: see 'ifw iface show'");
		return CLI_REFUSED;
	}
	puts(word == KEEP ? "confirmed: it stays" : "undone: all is as it was before");
	return CLI_DONE;
}

int cmd_confirm(struct cli *cli, int argc, char **argv)
{
	bool undo;
	int result = args_flag(cli, argc, argv, "undo", &undo);

	if (!result)
		result = args_count(cli, argc, argv, 0, 0, "");
	return result ? args_status(result) : ask(cli, undo ? UNDO : KEEP);
}
