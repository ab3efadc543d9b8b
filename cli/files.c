/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* files.c - see files.h. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define auto_fd __attribute__((cleanup(close_fd))) int

static int runtime_path(const struct cli *cli, const char *what, char path[PATH_MAX])
{
	struct failure failure = {0};
	char dir[PATH_MAX];
	int length;

	if (loader_place(cli->pin_dir, dir, sizeof(dir), &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	/* One name for it, where '/' would be folders. */
	for (char *at = dir; *at; at++)
		if (*at == '/')
			*at = '-';
	length = snprintf(path, PATH_MAX, "%s/%s.%s", FILES_RUNTIME, dir + strspn(dir, "-"), what);
	if (length > 0 && length < PATH_MAX)
		return CLI_DONE;
	complain(cli, "the name of the pin directory is too long");
	return CLI_REFUSED;
}

int files_runtime(const struct cli *cli, const char *what, char path[PATH_MAX])
{
	if (mkdir(FILES_RUNTIME, 0700) && errno != EEXIST) {
		complain(cli, "cannot make '%s': %s", FILES_RUNTIME, strerror(errno));
		return CLI_REFUSED;
	}
	return runtime_path(cli, what, path);
}

int files_forget(const struct cli *cli, const char *what)
{
	char path[PATH_MAX];
	int status = runtime_path(cli, what, path);

	/* Nor is it there where what is to hold it is no folder. */
	if (status || unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR)
		return status;
	complain(cli, "cannot remove '%s': %s", path, strerror(errno));
	return CLI_REFUSED;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t done = write(fd, text, size);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			text += done;
			size -= (size_t)done;
		}
	}
	return fsync(fd) ? -errno : 0;
}

/* The name in the folder is not on the disk before the folder is. */
static int sync_folder(const char *path, bool make)
{
	char copy[PATH_MAX];
	const char *folder;
	auto_fd fd = -1;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	folder = dirname(copy);
	if (make)
		return mkdir(folder, 0700) && errno != EEXIST ? -errno : 0;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) ? -errno : 0;
}

static int write_whole(const char *path, const char *text, size_t size, mode_t mode)
{
	char fresh[PATH_MAX];
	auto_fd fd = -1;
	int err;

	if (snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	fd = mkostemp(fresh, O_CLOEXEC); /* readable by its owner alone */
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, size);
	if (!err && fchmod(fd, mode))
		err = -errno;
	if (!err && rename(fresh, path))
		err = -errno;
	if (err)
		(void)unlink(fresh);
	return err ? err : sync_folder(path, false);
}

int files_write(const char *path, const char *text, size_t size)
{
	int err = sync_folder(path, true);

	return err ? err : write_whole(path, text, size, 0600);
}

int files_publish(const char *path, const char *text, size_t size)
{
	return write_whole(path, text, size, 0644);
}

/* The kernel knows who holds it, and forgets it when that one ends, however. */
static int lock_open(int fd, pid_t *pid)
{
	for (;;) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

		if (fcntl(fd, F_SETLK, &lock) == 0)
			return 0;
		if (errno != EACCES && errno != EAGAIN)
			return -errno;
		if (fcntl(fd, F_GETLK, &lock))
			return -errno;
		if (lock.l_type == F_UNLCK)
			continue; /* it went meanwhile */
		*pid = lock.l_pid;
		return -EBUSY;
	}
}

int files_lock(const char *path, int *fd, pid_t *pid)
{
	int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = opened < 0 ? -errno : lock_open(opened, pid);

	if (err)
		close_fd(&opened);
	else
		*fd = opened;
	return err;
}
