/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * confirm.h - trying it, and going back unless somebody says that it is good. Whoever waits
 * for that is a process of its own, which the end of a session or terminal does not reach.
 */
#ifndef IFW_CONFIRM_H
#define IFW_CONFIRM_H

#include <sys/types.h>

#include "up.h"

/* What is tried; cli and arg are the waiting process's copies. */
struct trial {
	uint32_t seconds;
	const char *command; /* for the log */
	bool supervised;     /* who started it acts on its own: HOLD, before it is undone */
	int (*begin)(const struct cli *cli, void *arg); /* the change, or what is before it */
	int (*undo)(const struct cli *cli, void *arg);
	void (*keep)(const struct cli *cli, void *arg); /* NULL: nothing to do */
	void *arg;
};

/* Who waits, as seen by who started it. */
struct guard {
	int fd; /* -1: nobody waits */
	pid_t pid;
};

/* Starts the process. CLI_DONE once trial->begin() is done there; else its status. */
int confirm_begin(const struct cli *cli, const struct trial *trial, struct guard *guard);
/* The last word of who waits, said to people. CLI_DONE: it stays; UNEXPECTED; REFUSED. */
int confirm_tell(const struct cli *cli, char word);

/*
 * Does it, and undoes it after attempt->request.confirm_s seconds unless confirmed by Enter
 * here or `ifw confirm` anywhere; SIGINT undoes it at once. CLI_DONE where it was confirmed,
 * CLI_UNEXPECTED where it was undone, else as up_do().
 */
int confirm_attempt(const struct cli *cli, struct up_attempt *attempt);

#endif /* IFW_CONFIRM_H */
