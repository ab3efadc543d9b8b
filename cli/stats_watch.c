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

#include "stats_live.h"
#include "table.h"

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
	bool screen;	  /* stdout is a terminal */
	int signals;	  /* signalfd */
	sigset_t blocked; /* of it */
	struct stats before;
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
static int draw(struct view *view, const struct stats *now)
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
	err = stats_print_rates(out, &view->before, now, &look, lines > 2 ? lines - 2 : lines);
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
	view->shown++;
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

static int show_next(struct view *view)
{
	struct stats now = {0};
	int status = read_now(view, &now), err;

	if (status)
		return status;
	err = draw(view, &now);
	stats_free(&view->before);
	view->before = now;
	if (!err)
		return CLI_DONE;
	if (err != -EIO) /* which cli_finish() says */
		complain(view->cli, "cannot show the counters: %s", strerror(-err));
	return CLI_REFUSED;
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

/* Whether it is to end. *again: to draw at once. */
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

/* 1: it is time; 0: to end; or -errno. */
static int wait_for_next(const struct view *view)
{
	struct pollfd look = {.fd = view->signals, .events = POLLIN};
	bool again = false;

	if (poll(&look, 1, (int)view->interval_ms) < 0 && errno != EINTR)
		return -errno;
	return take_signals(view, &again) ? 0 : 1;
}

static int run(struct view *view)
{
	int status = read_now(view, &view->before), go;

	if (!status && view->only && !view->before.count) {
		complain(view->cli, "'%s' is not up (see 'ifw iface show')", view->only);
		return CLI_REFUSED;
	}
	/* The first block says what happened since there were counters at all; nobody wants it. */
	while (!status && (!view->count || view->shown < view->count)) {
		go = wait_for_next(view);
		if (go <= 0)
			return go ? CLI_REFUSED : CLI_DONE;
		status = show_next(view);
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
	close(view.signals);
	return status;
}
