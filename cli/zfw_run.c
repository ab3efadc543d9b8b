/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zfw_run.c - see zfw_run.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zfw_run.h"

#define FAILED 1
#define WORDS_MAX 16

int zfw_ifw_path(const struct cli *cli, char path[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof("ifw"));
	char *slash;

	if (length > 0)
		path[length] = '\0';
	slash = length > 0 ? strrchr(path, '/') : NULL;
	if (!slash) {
		complain(cli, "cannot tell where ifw is: /proc is not mounted");
		return FAILED;
	}
	memcpy(slash + 1, "ifw", sizeof("ifw")); /* room was left for it */
	return 0;
}

_Noreturn void zfw_become(const char *const *words, enum zfw_hush hush, int to)
{
	char *argv[WORDS_MAX + 1] = {NULL};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (int i = 0; words[i] && i < WORDS_MAX; i++)
		argv[i] = (char *)words[i]; /* exec changes none */
	if (hush != HUSH_NOTHING && null >= 0)
		dup2(null, STDERR_FILENO);
	if (hush == HUSH_STDOUT)
		dup2(to, STDOUT_FILENO);
	if (argv[0])
		execvp(argv[0], argv);
	_exit(127);
}

int zfw_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int zfw_run(const struct cli *cli, const char *const *words, enum zfw_hush hush)
{
	int status;
	pid_t pid;

	fflush(stdout); /* or its lines stand before those that were said before */
	pid = fork();
	if (pid == 0)
		zfw_become(words, hush, -1);
	status = pid < 0 ? -1 : zfw_wait(pid);
	if (status < 0 || status == 127 || (status && hush != HUSH_NOTHING))
		complain(cli, "cannot run '%s'", words[0]);
	return status ? FAILED : 0;
}
