/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pins.c - pins by their names: to open them, the lock of their directory, and which of them
 * are ours to remove.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "internal.h"

int pin_path(const struct loader *loader, const char *name, char *path, size_t size)
{
	int length = snprintf(path, size, "%s/%s", loader->dir, name);

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

void pin_generation(const char *name, uint32_t generation, char *text, size_t size)
{
	snprintf(text, size, "%s_%u", name, generation);
}

int map_next(int fd, const void *last, void *next)
{
	if (bpf_map_get_next_key(fd, last, next) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

int pin_open(const struct loader *loader, const char *name, int *fd)
{
	char path[PATH_MAX];
	int err = pin_path(loader, name, path, sizeof(path));

	if (err)
		return err;
	*fd = bpf_obj_get(path);
	return *fd < 0 ? -errno : 0;
}

int generation_open(struct loader *loader, uint32_t number, struct generation *set,
		    struct failure *failure)
{
	const char *names[] = {"prefixes", "rules"};
	struct generation opened = GENERATION_CLOSED;
	int *fds[] = {&opened.prefixes, &opened.rules};
	char name[32];

	opened.number = number;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		int err;

		pin_generation(names[i], number, name, sizeof(name));
		err = pin_open(loader, name, fds[i]);
		if (err) {
			generation_close(&opened);
			return fail_errno(failure, err, "cannot open '%s/%s'", loader->dir, name);
		}
	}
	*set = opened;
	return 0;
}

void generation_close(struct generation *set)
{
	cleanup_close(&set->prefixes);
	cleanup_close(&set->rules);
	ranges_close(set);
	*set = GENERATION_CLOSED;
}

/*
 * Locks the directory itself: bpffs holds no plain files. It may be removed and
 * made again while this waits, so what was locked must still be what the name
 * leads to.
 */
int pins_lock(struct loader *loader, struct failure *failure)
{
	for (;;) {
		struct stat locked, named;
		int fd;

		if (loader->mode == LOADER_CREATE && mkdir(loader->dir, 0700) && errno != EEXIST)
			return fail_errno(failure, -errno, "cannot make '%s'", loader->dir);
		fd = open(loader->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX)) {
			int err = -errno;

			close(fd);
			return fail_errno(failure, err, "cannot lock '%s'", loader->dir);
		}
		if (fstat(fd, &locked) == 0 && stat(loader->dir, &named) == 0 &&
		    locked.st_ino == named.st_ino && locked.st_dev == named.st_dev) {
			loader->dir_fd = fd;
			return 0;
		}
		close(fd);
	}
}

/*
 * The directory may be one that somebody chose and keeps other pins in. Names that a
 * former ABI had stay here, or its pins would be left behind by an upgrade.
 */
bool pin_is_ours(const char *name)
{
	static const char *const ours[] = {
		"active",     "addr_filter",   "addrs",	    "awaited",	   "briefs",
		"counters",   "events",	       "fragments", "ifaces",	   "index",
		"listeners",  "looking_up",    "lookup",    "names",	   "prefixes",
		"prefixes_0", "prefixes_1",    "ranges",    "rule_counts", "rules_0",
		"rules_1",    "counter_slots", "flows",	    "flows_0",	   "flows_1",
		"flows_2",    "track",	       "watch",
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return strncmp(name, "link_", 5) == 0 || strncmp(name, "egress_", 7) == 0 ||
	       strncmp(name, "counts_", 7) == 0 || strncmp(name, "ranges_", 7) == 0;
}

int remove_pins(struct loader *loader, struct failure *failure)
{
	DIR *dir;
	int err = 0;

	/* First, so that what is left is known as a remnant. */
	if (unlinkat(loader->dir_fd, "meta", 0) && errno != ENOENT)
		return fail_errno(failure, -errno, "cannot remove '%s/meta'", loader->dir);
	dir = opendir(loader->dir);
	if (!dir)
		return fail_errno(failure, -errno, "cannot read '%s'", loader->dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (!pin_is_ours(entry->d_name))
			continue;
		if (unlinkat(loader->dir_fd, entry->d_name, 0) && errno != ENOENT && !err)
			err = fail_errno(failure, -errno, "cannot remove '%s/%s'", loader->dir,
					 entry->d_name);
	}
	closedir(dir);
	return err;
}

bool is_remnant(const struct loader *loader)
{
	bool only_ours = true;
	DIR *dir = opendir(loader->dir);

	if (!dir)
		return false;
	for (struct dirent *entry; only_ours && (entry = readdir(dir));)
		only_ours = entry->d_name[0] == '.' || pin_is_ours(entry->d_name);
	closedir(dir);
	return only_ours;
}

int pins_destroy(struct loader *loader, struct failure *failure)
{
	int err = remove_pins(loader, failure);

	if (err)
		return err;
	if (rmdir(loader->dir) && errno != ENOENT && errno != ENOTEMPTY)
		return fail_errno(failure, -errno, "cannot remove '%s'", loader->dir);
	return 0;
}
