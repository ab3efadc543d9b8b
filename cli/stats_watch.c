/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats_watch.c - see stats_live.h: ifw stats --watch. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "ruleset/clock.h"
#include "stats_live.h"
#include "table.h"

#define NS_PER_MS 1000000ULL

#define ENTER "\033[?1049h\033[?25l" /* the alternate screen, without a cursor */
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define END_OF_LINE "\033[K\n"
#define END_OF_SCREEN "\033[J"

struct view {
	const struct cli *cli;
	const char *only;
	uint64_t interval_ms;
	uint64_t count, shown;
	bool screen;		  /* stdout is a terminal */
	int signals;		  /* signalfd */
	sigset_t blocked;	  /* of it */
	struct stats before, now; /* what is shown is between them */
	uint64_t next_ns;	  /* CLOCK_MONOTONIC: of the next reading */
};

/* --- The screen ---------------------------------------------------------------------- */

static void write_out(const char *text)
{
	fputs(text, stdout);
	fflush(stdout);
}

static unsigned int screen_lines(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

static const char *time_of_day(char *text, size_t size)
{
	time_t now = time(NULL);
	struct tm local;

	if (!localtime_r(&now, &local) || !strftime(text, size, "%H:%M:%S", &local))
		text[0] = '\0';
	return text;
}

/* As much of a line as fits; colours take no room, nor do the later bytes of a character. */
static void put_line(const char *text, unsigned int width)
{
	unsigned int used = 0;

	for (; *text; text++) {
		if (*text == '\033') {
			size_t sequence = strcspn(text, "m");

			fwrite(text, 1, sequence + !!text[sequence], stdout);
			text += sequence - !text[sequence];
			continue;
		}
		used += ((unsigned char)*text & 0xc0) != 0x80;
		if (!width || used <= width)
			putchar(*text);
	}
}

/* Over what is there, line by line, so that nothing flickers; no more than fits. */
static void put_screen(char *text, unsigned int lines, unsigned int width)
{
	unsigned int line = 0;

	fputs(HOME, stdout);
	for (char *at = text, *end; *at && (!lines || line + 1 < lines); at = end + 1, line++) {
		end = strchr(at, '\n');
		if (!end)
			break;
		*end = '\0';
		put_line(at, width);
		fputs(END_OF_LINE, stdout);
	}
	write_out(END_OF_SCREEN);
}

/* 0 or -errno. */
static int draw(const struct view *view)
{
	const unsigned int lines = view->screen ? screen_lines() : 0;
	struct table_look look = table_look_of(stdout);
	auto_text text = NULL;
	char clock[16];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err;

	if (!out)
		return -errno;
	fprintf(out, "ifw stats, each %g s   %s%s\n", (double)view->interval_ms / 1000,
		time_of_day(clock, sizeof(clock)), view->screen ? "   Ctrl-C ends it" : "");
	err = stats_print_rates(out, &view->before, &view->now, &look,
				lines > 2 ? lines - 2 : lines);
	if (fclose(out) && !err)
		err = -ENOMEM;
	if (err)
		return err;
	if (view->screen) {
		put_screen(text, lines, look.width);
	} else {
		if (view->shown)
			putchar('\n');
		write_out(text);
	}
	return ferror(stdout) ? -EIO : 0;
}

/* --- Readings ------------------------------------------------------------------------- */

/* Of the one interface that is meant, where one is. */
static void keep_only(struct stats *stats, const char *only)
{
	size_t kept = 0;

	for (size_t i = 0; only && i < stats->count; i++) {
		if (strcmp(stats->ifaces[i].name, only) != 0) {
			free(stats->ifaces[i].addrs);
			continue;
		}
		if (kept != i)
			stats->ifaces[kept] = stats->ifaces[i];
		kept++;
	}
	if (only)
		stats->count = kept;
}

/* Opened each time: whoever watches for days is to see an ifw that was taken down and up. */
static int read_now(const struct view *view, struct stats *stats)
{
	auto_loader loader = NULL;
	int status = cli_open(view->cli, LOADER_READ, NULL, &loader);

	if (!status)
		status = stats_read(view->cli, loader, stats);
	if (!status)
		keep_only(stats, view->only);
	return status;
}

static int show(const struct view *view)
{
	int err = draw(view);

	if (!err)
		return CLI_DONE;
	if (err != -EIO) /* which cli_finish() says */
		complain(view->cli, "cannot show the counters: %s", strerror(-err));
	return CLI_REFUSED;
}

/* The first is there to be compared with; nobody wants what happened since there were counters. */
static int take_reading(struct view *view)
{
	struct stats next = {0};
	int status = read_now(view, &next);

	if (status)
		return status;
	stats_free(&view->before);
	view->before = view->now;
	view->now = next;
	view->next_ns = next.time_ns + view->interval_ms * NS_PER_MS;
	return CLI_DONE;
}

/* --- Signals --------------------------------------------------------------------------- */

static int open_signals(struct view *view)
{
	static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

	sigemptyset(&view->blocked);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		sigaddset(&view->blocked, taken[i]);
	if (sigprocmask(SIG_BLOCK, &view->blocked, NULL))
		return -errno;
	view->signals = signalfd(-1, &view->blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	return view->signals < 0 ? -errno : 0;
}

/* Who puts it to sleep finds the terminal as it was, and the view again when it wakes. */
static void sleep_until_continued(const struct view *view)
{
	if (view->screen)
		write_out(LEAVE);
	(void)raise(SIGSTOP);
	if (view->screen)
		write_out(ENTER);
}

/* Whether it is to end. *again: the screen was lost, or has another size. */
static bool take_signals(const struct view *view, bool *again)
{
	struct signalfd_siginfo info;

	while (read(view->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTSTP)
			sleep_until_continued(view);
		else if (info.ssi_signo != SIGWINCH)
			return true;
		*again = true;
	}
	return false;
}

/* Until the next reading, 0 where it is time. */
static int left_ms(const struct view *view)
{
	const uint64_t now = clock_ns();

	/* Rounded up: what is left is not waited for in a busy loop. */
	return now < view->next_ns ? (int)((view->next_ns - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

/* Waits, and shows again what was read last where the screen was lost or has another size. */
static int wait_for_next(const struct view *view, bool *ends)
{
	struct pollfd look = {.fd = view->signals, .events = POLLIN};
	int status = CLI_DONE, left;

	/* Once even where it is time: showing may take as long as the interval. */
	do {
		bool again = false;

		left = left_ms(view);
		if (poll(&look, 1, left) < 0 && errno != EINTR)
			return CLI_REFUSED;
		*ends = take_signals(view, &again);
		if (again && !*ends && view->screen && view->shown)
			status = show(view);
	} while (!status && !*ends && left > 0);
	return status;
}

static int run(struct view *view)
{
	int status = take_reading(view);
	bool ends = false;

	if (!status && view->only && !view->now.count) {
		complain(view->cli, "'%s' is not up (see 'ifw iface show')", view->only);
		return CLI_REFUSED;
	}
	while (!status && (!view->count || view->shown < view->count)) {
		status = wait_for_next(view, &ends);
		if (status || ends)
			break;
		status = take_reading(view);
		if (!status)
			status = show(view);
		view->shown++;
	}
	return status;
}

int stats_watch(const struct cli *cli, const char *only, uint64_t interval_ms, uint64_t count)
{
	struct view view = {
		.cli = cli,
		.only = only,
		.interval_ms = interval_ms,
		.count = count,
		.screen = isatty(STDOUT_FILENO),
		.signals = -1,
	};
	int err = open_signals(&view), status;

	if (err) {
		complain(cli, "cannot wait for signals: %s", strerror(-err));
		return CLI_REFUSED;
	}
	/* What is said of an error is to stand where the shell goes on, not on this screen. */
	if (view.screen) {
		(void)setvbuf(stderr, NULL, _IOFBF, BUFSIZ);
		write_out(ENTER HOME END_OF_SCREEN "ifw stats: reading...\n");
	}
	status = run(&view);
	if (view.screen)
		write_out(LEAVE);
	fflush(stderr);
	stats_free(&view.before);
	stats_free(&view.now);
	close(view.signals);
	return status;
}
