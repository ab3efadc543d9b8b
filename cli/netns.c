/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* netns.c - see netns.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "netns.h"

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

int netns_path(const char *which, char *path, size_t size)
{
	int length;

	if (is_number(which))
		length = snprintf(path, size, "/proc/%s/ns/net", which);
	else if (strchr(which, '/'))
		length = snprintf(path, size, "%s", which);
	else
		length = snprintf(path, size, "/run/netns/%s", which);
	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* 0 or -errno. */
static int open_netns(const char *which, int *fd)
{
	char path[PATH_MAX];
	int err = netns_path(which, path, sizeof(path));

	if (err)
		return err;
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

int netns_enter(const struct cli *cli, const char *which)
{
	int fd = -1, err = *which ? open_netns(which, &fd) : -ENOENT;

	if (!err && setns(fd, CLONE_NEWNET))
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (!err)
		return CLI_DONE;
	if (err == -ENOENT)
		complain(cli,
			 "there is no network namespace '%s': -n takes a name ('ip netns' lists "
			 "them), a path, or the number of a process",
			 which);
	else if (err == -EINVAL)
		complain(cli, "'%s' is no network namespace", which);
	else
		complain(cli, "cannot enter the network namespace '%s': %s%s", which,
			 strerror(-err),
			 err == -EPERM	  ? " (needs CAP_SYS_ADMIN)"
			 : err == -EACCES ? " (needs root)"
					  : "");
	return err == -EPERM || err == -EACCES ? CLI_REFUSED : CLI_INPUT;
}
