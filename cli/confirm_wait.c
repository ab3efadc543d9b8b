/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* confirm_wait.c - see confirm_wait.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <syslog.h>

#include "confirm_wait.h"
#include "files.h"

#define LOCK "confirm.lock"
#define START_S 60 /* for a supervisor to do all of it */
#define HOLD_S 5   /* a supervisor may be attaching */

/* Its descriptor, or -errno; bound: to listen, else connected. */
static int bind_or_connect(int fd, const struct sockaddr_un *at, bool bound)
{
	const struct sockaddr *to = (const struct sockaddr *)at;

	if (!bound)
		return connect(fd, to, sizeof(*at)) ? -errno : 0;
	(void)unlink(at->sun_path); /* of one that was killed: the lock is ours */
	return bind(fd, to, sizeof(*at)) || listen(fd, 8) ? -errno : 0;
}

int confirm_socket(const char *path, bool bound)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = bind_or_connect(fd, &at, bound);
	if (err)
		close(fd);
	return err ? err : fd;
}

/* --- Who waits ----------------------------------------------------------------------- */

struct waiting {
	const struct cli *cli;
	const struct trial *trial;
	int starter;  /* the command that was typed; -1 once it is gone */
	int listener; /* of `ifw confirm` */
	int signals;
};

/* The terminal may go; who ends us, as a machine that is shut down, wants no change kept. */
static int take_signals(void)
{
	const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP};
	sigset_t set;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void leave_terminal(void)
{
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

	fflush(stdout);
	for (int fd = 0; nowhere >= 0 && fd < 3; fd++)
		(void)dup2(nowhere, fd);
	if (nowhere > 2)
		close(nowhere);
}

/* Somebody else who says something; *asks: to be answered. 0: nothing that we know. */
static char hear_other(int listener, int *asks)
{
	struct ucred who = {0};
	socklen_t size = sizeof(who);
	char word;

	*asks = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (*asks < 0)
		return 0;
	/* Who says nothing is not waited for. */
	(void)setsockopt(*asks, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 1},
			 sizeof(struct timeval));
	if (getsockopt(*asks, SOL_SOCKET, SO_PEERCRED, &who, &size) ||
	    (who.uid != 0 && who.uid != geteuid()))
		return 0;
	word = confirm_hear(*asks);
	return word == KEEP || word == UNDO ? word : 0;
}

/* What is wanted: KEEP or UNDO; the time being over is UNDO, too. */
static char wait_for_word(struct waiting *w, int *asks)
{
	const int64_t before = w->trial->supervised ? START_S : 0;
	int64_t until = confirm_now_ms() + (before + w->trial->seconds) * 1000;

	for (;;) {
		struct pollfd fds[] = {{.fd = w->listener, .events = POLLIN},
				       {.fd = w->starter, .events = POLLIN},
				       {.fd = w->signals, .events = POLLIN}};
		int64_t left = until - confirm_now_ms();
		char word = 0;

		if (left <= 0)
			return UNDO;
		if (poll(fds, 3, (int)left) < 0 && errno != EINTR)
			return UNDO;
		if (fds[2].revents)
			return UNDO;
		if (fds[1].revents) {
			word = confirm_hear(w->starter);
			if (!word) {
				close_fd(&w->starter);
				w->starter = -1;
			}
			/* It took until now to do all of it. */
			if (word == TRIED) {
				until = confirm_now_ms() + (int64_t)w->trial->seconds * 1000;
				word = 0;
			}
		}
		if (!word && fds[0].revents) {
			word = hear_other(w->listener, asks);
			if (!word) {
				close_fd(asks);
				*asks = -1;
			}
		}
		if (word)
			return word;
	}
}

/* Until it has answered it may do again what is undone; what hangs is not waited for. */
static void hold_starter(const struct waiting *w)
{
	if (!w->trial->supervised || w->starter < 0)
		return;
	(void)setsockopt(w->starter, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = HOLD_S},
			 sizeof(struct timeval));
	if (!confirm_say(w->starter, HOLD))
		return;
	for (char word = 0; word != HOLD;) {
		word = confirm_hear(w->starter);
		if (!word)
			return;
	}
}

static void conclude(struct waiting *w)
{
	const char *command = w->trial->command;
	auto_fd asks = -1;
	char word = wait_for_word(w, &asks);

	if (word == UNDO) {
		hold_starter(w);
		if (w->trial->undo(w->cli, w->trial->arg) != CLI_DONE)
			word = NOT_UNDONE;
	} else if (w->trial->keep) {
		w->trial->keep(w->cli, w->trial->arg);
	}
	/* Nobody may be at the terminal any more. */
	openlog("ifw", LOG_PID, LOG_DAEMON);
	if (word == UNDO)
		syslog(LOG_WARNING, "%s was not confirmed: all is as it was before", command);
	if (word == NOT_UNDONE)
		syslog(LOG_ERR,
		       "%s was not confirmed, and could not be undone: see 'ifw iface show'",
		       command);
	if (asks >= 0)
		(void)confirm_say(asks, word);
	if (w->starter >= 0)
		(void)confirm_say(w->starter, word);
}

static int be_the_only_one(const struct cli *cli, int *lock)
{
	char path[PATH_MAX];
	int status = files_runtime(cli, LOCK, path), err;
	pid_t pid = 0;

	if (status)
		return status;
	err = files_lock(path, lock, &pid);
	if (!err)
		return CLI_DONE;
	if (err == -EBUSY)
		complain(cli,
			 "another change waits to be confirmed (process %d): 'ifw confirm', or "
			 "'ifw confirm --undo'",
			 (int)pid);
	else
		complain(cli, "cannot lock '%s': %s", path, strerror(-err));
	return CLI_REFUSED;
}

/* The process of its own. It begins the change, too, for it must not end between the two. */
int confirm_wait(const struct cli *cli, const struct trial *trial, int starter)
{
	auto_fd lock = -1, listener = -1, signals = -1;
	struct waiting w = {.cli = cli, .trial = trial, .starter = starter};
	char path[PATH_MAX];
	int status;

	(void)setsid();
	signals = take_signals();
	status = be_the_only_one(cli, &lock);
	if (!status)
		status = files_runtime(cli, CONFIRM_SOCKET, path);
	if (!status) {
		listener = confirm_socket(path, true);
		if (listener < 0 || signals < 0) {
			complain(cli, "cannot wait at '%s': %s", path,
				 strerror(listener < 0 ? -listener : errno));
			status = CLI_REFUSED;
		}
	}
	if (!status)
		status = trial->begin(cli, trial->arg);
	if (status)
		return status;
	leave_terminal();
	(void)confirm_say(starter, TRIED);
	w.listener = listener;
	w.signals = signals;
	conclude(&w);
	(void)unlink(path);
	return CLI_DONE;
}
