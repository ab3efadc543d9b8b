/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_progress.c - see cmd_progress.h.
 */
#include <inttypes.h>
#include <unistd.h>

#include <sys/stat.h>

#include "cmd_progress.h"
#include "ruleset/clock.h"

#define PROGRESS_EVERY_NS 500000000ULL

void progress_start(struct progress *progress, bool quiet, uint64_t size)
{
	progress->shown = isatty(STDERR_FILENO) && (quiet || !isatty(STDOUT_FILENO));
	progress->size = size;
	progress->started_ns = progress->last_ns = clock_ns();
}

void progress_start_file(struct progress *progress, bool quiet, FILE *file)
{
	struct stat status;
	bool known = fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode);

	progress_start(progress, quiet, known ? (uint64_t)status.st_size : 0);
}

void progress_show(struct progress *progress, uint64_t packets, uint64_t done)
{
	uint64_t now;
	double rate;

	if (!progress->shown)
		return;
	now = clock_ns();
	if (now - progress->last_ns < PROGRESS_EVERY_NS)
		return;
	progress->last_ns = now;
	progress->begun = true;
	rate = (double)packets * 1e9 / (double)(now - progress->started_ns);
	fprintf(stderr, "\r%" PRIu64 " packets, %.2f million a second", packets, rate / 1e6);
	if (progress->size)
		fprintf(stderr, ", %3.0f %%", 100.0 * (double)done / (double)progress->size);
	fputs("\033[K", stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->begun)
		fputs("\r\033[K", stderr);
	progress->begun = false;
}
