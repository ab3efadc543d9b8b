/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * place.c - where the pins lie: a directory for each network namespace, in a BPF file system
 * that is mounted where a host has none.
 */
#include <errno.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "internal.h"

#define BPFFS "/sys/fs/bpf"

/* include/linux/proc_ns.h (6.18): the initial network namespace has a number of its own. */
#define INITIAL_NETNS_INO 0xeffffff9U

/* --- The directory --------------------------------------------------------------- */

int netns_identity(__u64 *dev, __u64 *ino)
{
	struct stat st;

	if (stat("/proc/thread-self/ns/net", &st))
		return -errno;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return 0;
}

/* net/core/sysctl_net_core.c: a setting that no other network namespace has. */
#define INITIAL_NETNS_HAS "/proc/sys/net/core/netdev_max_backlog"

/*
 * Before 6.18 the first process tells, and in a process namespace of its own that
 * is the wrong one; the identity in meta then refuses. The service may not look at
 * that process (CAP_SYS_PTRACE), and has to be where the commands are.
 */
static bool netns_is_initial(__u64 dev, __u64 ino)
{
	struct stat st;

	if (ino == INITIAL_NETNS_INO)
		return true;
	if (stat("/proc/1/ns/net", &st))
		return access(INITIAL_NETNS_HAS, F_OK) == 0;
	return st.st_dev == dev && st.st_ino == ino;
}

int choose_dir(struct loader *loader, const char *pin_dir, struct failure *failure)
{
	int length, err;

	err = netns_identity(&loader->netns_dev, &loader->netns_ino);
	if (err)
		return fail_errno(failure, err, "cannot tell the network namespace");
	if (pin_dir)
		length = snprintf(loader->dir, sizeof(loader->dir), "%s", pin_dir);
	else if (netns_is_initial(loader->netns_dev, loader->netns_ino))
		length = snprintf(loader->dir, sizeof(loader->dir), BPFFS "/ifw");
	else
		length = snprintf(loader->dir, sizeof(loader->dir), BPFFS "/ifw-%llu",
				  (unsigned long long)loader->netns_ino);
	if (length < 0 || (size_t)length >= sizeof(loader->dir))
		return fail(failure, -ENAMETOOLONG, "pin directory '%.64s...' is too long",
			    pin_dir ? pin_dir : "");
	return 0;
}

int loader_place(const char *pin_dir, char *text, size_t size, struct failure *failure)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	int err = loader ? choose_dir(loader, pin_dir, failure) : -ENOMEM;

	if (!err && snprintf(text, size, "%s", loader->dir) >= (int)size)
		err = -ENAMETOOLONG;
	free(loader);
	return err;
}

const char *loader_pin_dir(const struct loader *loader)
{
	return loader->dir;
}

/* --- The file system -------------------------------------------------------------- */

/* The folder that holds the pin directory. */
static void parent_of(const char *dir, char *parent, size_t size)
{
	char *slash;

	snprintf(parent, size, "%s", dir);
	slash = strrchr(parent, '/');
	if (slash)
		slash[slash == parent] = 0;
	else
		snprintf(parent, size, ".");
}

int check_bpffs(const struct loader *loader, struct failure *failure)
{
	char parent[PATH_MAX];
	struct statfs fs;

	parent_of(loader->dir, parent, sizeof(parent));
	if (statfs(parent, &fs))
		return fail_errno(failure, -errno, "cannot look at '%s'", parent);
	if (fs.f_type != BPF_FS_MAGIC)
		return fail(failure, -ENODEV,
			    "'%s' is not a BPF file system; mount one with: mount -t bpf bpf %s",
			    parent, parent);
	return 0;
}

bool pins_have_bpffs(const char *pin_dir, char *at, size_t size)
{
	struct statfs fs;

	if (pin_dir)
		parent_of(pin_dir, at, size);
	else
		snprintf(at, size, BPFFS);
	return statfs(at, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

static bool has_bpffs(void)
{
	char at[sizeof(BPFFS)];

	return pins_have_bpffs(NULL, at, sizeof(at));
}

/*
 * Whether this runs under `ip netns exec NAME`: it mounts a fresh /sys from a
 * source of that name (iproute2 lib/namespace.c netns_switch), in a mount
 * namespace of the command's own. What is pinned there ends with the command.
 */
static bool under_ip_netns_exec(char name[NAME_MAX])
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char path[NAME_MAX + sizeof("/run/netns/")];
	__u64 dev = 0, ino = 0;
	struct stat named;

	if (!mounts)
		return false;
	*name = 0;
	for (struct mntent *entry; (entry = getmntent(mounts));)
		if (strcmp(entry->mnt_dir, "/sys") == 0)
			snprintf(name, NAME_MAX, "%s", entry->mnt_fsname);
	endmntent(mounts);
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	return *name && stat(path, &named) == 0 && netns_identity(&dev, &ino) == 0 &&
	       named.st_dev == dev && named.st_ino == ino;
}

int refuse_netns_exec(struct failure *failure)
{
	char name[NAME_MAX];

	if (has_bpffs() || !under_ip_netns_exec(name))
		return 0;
	return fail(failure, -ENODEV,
		    "under `ip netns exec` nothing that is pinned stays; enter the network "
		    "namespace alone, with: nsenter --net=/run/netns/%s ifw ...",
		    name);
}

int mount_bpffs(struct failure *failure)
{
	struct statfs fs;
	int err;

	if (has_bpffs() || statfs(BPFFS, &fs))
		return 0;
	err = refuse_netns_exec(failure);
	if (err)
		return err;
	(void)mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700");
	return 0;
}

int loader_mount_bpffs(struct failure *failure)
{
	int err = mount_bpffs(failure);

	if (err || has_bpffs())
		return err;
	return fail(failure, -ENODEV,
		    "no BPF file system can be mounted on '" BPFFS "' (needs CAP_SYS_ADMIN)");
}

/* --- Directories beside it --------------------------------------------------------- */

static int name_dir(const struct loader *loader, const char *suffix, char *dir, size_t size,
		    struct failure *failure)
{
	int length = snprintf(dir, size, "%s%s", loader->dir, suffix);

	return length < 0 || (size_t)length >= size
		       ? fail(failure, -ENAMETOOLONG, "pin directory '%.64s...' is too long",
			      loader->dir)
		       : 0;
}

int pin_dirs_name(const struct loader *loader, struct pin_dirs *at, struct failure *failure)
{
	int err = name_dir(loader, "", at->dir, sizeof(at->dir), failure);

	if (!err)
		err = name_dir(loader, "-next", at->beside, sizeof(at->beside), failure);
	return err ? err : name_dir(loader, "-former", at->former, sizeof(at->former), failure);
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

void pin_dirs_finish_trade(const struct loader *loader)
{
	struct pin_dirs at;

	if (pin_dirs_name(loader, &at, NULL) == 0 && !is_there(at.dir) && is_there(at.former) &&
	    is_there(at.beside))
		(void)rename(at.beside, at.dir);
}
