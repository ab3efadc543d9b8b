/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zfw_run.h - other programs, run by the older zfw. */
#ifndef IFW_ZFW_RUN_H
#define IFW_ZFW_RUN_H

#include <limits.h>
#include <sys/types.h>

#include "cli.h"

enum zfw_hush {
	HUSH_NOTHING,
	HUSH_STDERR,
	HUSH_STDOUT, /* to a pipe */
};

/* ifw, which is installed beside zfw: 0, or 1 after complaining. */
int zfw_ifw_path(const struct cli *cli, char path[PATH_MAX]);

/*
 * The child's side; words[0] is looked for in PATH where it has no slash. to: where stdout
 * goes with HUSH_STDOUT.
 */
_Noreturn void zfw_become(const char *const *words, enum zfw_hush hush, int to);

/* Its exit status, or -1. */
int zfw_wait(pid_t pid);

/* Runs a program to its end: 0, or 1 after somebody complained. */
int zfw_run(const struct cli *cli, const char *const *words, enum zfw_hush hush);

#endif /* IFW_ZFW_RUN_H */
