/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * spawn - how long processes take from their start to their end: two commands
 * by turns, COUNT times each, so that what disturbs one disturbs the other.
 * "{}" in the second one's words stands for a number that grows from FIRST on.
 * Prints a line "FIRST_NS SECOND_NS" a turn; stops where a command fails.
 *
 * usage: spawn COUNT FIRST COMMAND... -- COMMAND...
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "traffic.h"

#define WORDS_MAX 64

extern char **environ;

static int run(char **argv, const posix_spawn_file_actions_t *actions, uint64_t *nanoseconds)
{
	uint64_t start = wall_now();
	int status, err;
	pid_t pid;

	if (!argv[0])
		return -EINVAL;
	err = posix_spawnp(&pid, argv[0], actions, NULL, argv, environ);
	if (err)
		return -err;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	*nanoseconds = wall_now() - start;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int turns(uint64_t count, uint64_t first, char **one, char **other)
{
	posix_spawn_file_actions_t actions;
	int err = -posix_spawn_file_actions_init(&actions);

	if (err)
		return err;
	err = -posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	for (uint64_t i = 0; !err && i < count; i++) {
		uint64_t one_took = 0, other_took = 0;
		char *argv[WORDS_MAX + 1] = {};
		char number[24];

		(void)snprintf(number, sizeof(number), "%" PRIu64, first + i);
		for (int word = 0; other[word]; word++)
			argv[word] = strcmp(other[word], "{}") == 0 ? number : other[word];
		err = run(one, &actions, &one_took);
		if (!err)
			err = run(argv, &actions, &other_took);
		if (!err)
			err = printf("%" PRIu64 " %" PRIu64 "\n", one_took, other_took) < 0 ? -EIO
											    : 0;
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return err;
}

static int read_number(const char *word, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(word, &end, 10);
	return errno || end == word || *end ? -EINVAL : 0;
}

int main(int argc, char **argv)
{
	uint64_t count, first;
	int dash = 3, err;

	while (dash < argc && strcmp(argv[dash], "--") != 0)
		dash++;
	if (dash == 3 || dash + 1 >= argc || argc - dash > WORDS_MAX ||
	    read_number(argv[1], &count) || read_number(argv[2], &first)) {
		(void)fputs("usage: spawn COUNT FIRST COMMAND... -- COMMAND...\n", stderr);
		return 1;
	}
	argv[dash] = NULL;
	err = turns(count, first, argv + 3, argv + dash + 1);
	if (err) {
		(void)fprintf(stderr, "spawn: %s\n",
			      err == -EIO ? "a command failed" : strerror(-err));
		return 2;
	}
	return 0;
}
