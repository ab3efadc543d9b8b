/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_progress.h - how far it is, on a line of stderr that is written over, where that is a
 * terminal with nothing else on it.
 */
#ifndef IFW_SIM_CMD_PROGRESS_H
#define IFW_SIM_CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
	bool shown;
	bool begun;    /* a line of it stands there */
	uint64_t size; /* of all, in the unit of what is shown; 0: not known */
	uint64_t started_ns, last_ns;
};

/* quiet: nothing goes to stdout meanwhile. */
void progress_start(struct progress *progress, bool quiet, uint64_t size);

/* The same; size is that of the file, bytes, where it tells. */
void progress_start_file(struct progress *progress, bool quiet, FILE *file);

/* done: of size. At most twice a second something is written. */
void progress_show(struct progress *progress, uint64_t packets, uint64_t done);
void progress_end(struct progress *progress);

#endif /* IFW_SIM_CMD_PROGRESS_H */
