/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* confirm_wait.h - what the two processes of confirm.h, and `ifw confirm`, say to each other. */
#ifndef IFW_CONFIRM_WAIT_H
#define IFW_CONFIRM_WAIT_H

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "confirm.h"

#define CONFIRM_SOCKET "confirm" /* see files_runtime() */

/* What is said over the sockets: a byte each. */
enum word {
	TRIED = 't',	  /* it is done, and waits */
	KEEP = 'k',	  /* asked for, and the answer: it stays */
	UNDO = 'u',	  /* likewise: all is as it was */
	NOT_UNDONE = 'n', /* answer: it could not be undone */
	HOLD = 'h'	  /* to who acts on its own: no more of that; and its answer */
};

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define auto_fd __attribute__((cleanup(close_fd))) int

static inline int64_t confirm_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline bool confirm_say(int fd, char word)
{
	return send(fd, &word, 1, MSG_NOSIGNAL) == 1;
}

/* 0: the other end is gone, or has nothing to say. */
static inline char confirm_hear(int fd)
{
	char word = 0;
	ssize_t got = recv(fd, &word, 1, 0);

	/* That what we said was not read comes before what was said to us. */
	if (got < 0 && errno == ECONNRESET)
		got = recv(fd, &word, 1, 0);
	return got == 1 ? word : 0;
}

/* Its descriptor, or -errno; bound: to listen, else connected. */
int confirm_socket(const char *path, bool bound);

/*
 * The life of the process that waits: begins it, says so to starter, and undoes it unless it
 * hears otherwise. The status that it ends with.
 */
int confirm_wait(const struct cli *cli, const struct trial *trial, int starter);

#endif /* IFW_CONFIRM_WAIT_H */
