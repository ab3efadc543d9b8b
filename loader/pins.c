/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pins.c - the pin directory: where it is, its lock, opening it, making it.
 * There is no daemon, so it is the whole of the state. It counts as made once
 * `meta` is pinned; a directory without it is what a killed command left.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "datapath/flow_states.h"
#include "internal.h"

#define BPFFS "/sys/fs/bpf"

/* include/linux/proc_ns.h (6.18): the initial network namespace has a number of its own. */
#define INITIAL_NETNS_INO 0xeffffff9U

int netns_identity(__u64 *dev, __u64 *ino)
{
	struct stat st;

	if (stat("/proc/thread-self/ns/net", &st))
		return -errno;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return 0;
}

/*
 * Before 6.18 only the first process tells, and in a process namespace of its
 * own that is the wrong one; the identity in meta then refuses.
 */
static bool netns_is_initial(__u64 dev, __u64 ino)
{
	struct stat st;

	if (ino == INITIAL_NETNS_INO)
		return true;
	return stat("/proc/1/ns/net", &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

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

int meta_write(struct loader *loader, struct failure *failure)
{
	uint32_t zero = 0;

	if (bpf_map_update_elem(loader->meta_fd, &zero, &loader->meta, BPF_ANY))
		return fail_errno(failure, -errno, "cannot write '%s/meta'", loader->dir);
	return 0;
}

int ifaces_begin(struct loader *loader)
{
	loader->meta.ifaces_sequence |= 1;
	return meta_write(loader, NULL);
}

int ifaces_end(struct loader *loader, int err)
{
	int end;

	loader->meta.ifaces_sequence = (loader->meta.ifaces_sequence | 1) + 1;
	end = meta_write(loader, NULL);
	return err ? err : end;
}

int slot_reset(struct loader *loader, uint32_t slot)
{
	int cpus = libbpf_num_possible_cpus();
	CLEANUP(cleanup_free) struct ifw_counters *zero = NULL;

	if (cpus < 1)
		return -EINVAL;
	zero = calloc((size_t)cpus, sizeof(*zero));
	if (!zero)
		return -ENOMEM;
	if (bpf_map_update_elem(loader->counters_fd, &slot, zero, BPF_ANY))
		return -errno;
	return addrs_sync(loader, slot, NULL, 0);
}

/* Only what changed, so that names which no stored rule uses yet cost nothing. */
int names_write(struct loader *loader, struct failure *failure)
{
	int err;

	for (uint32_t slot = 1; slot < IFW_SLOTS; slot++) {
		if (memcmp(loader->names.name[slot], loader->names_stored.name[slot],
			   IFW_NAME_MAX) == 0)
			continue;
		err = slot_reset(loader, slot);
		if (err)
			return fail_errno(failure, err, "cannot write '%s/counters'", loader->dir);
		if (bpf_map_update_elem(loader->names_fd, &slot, loader->names.name[slot], BPF_ANY))
			return fail_errno(failure, -errno, "cannot write '%s/names'", loader->dir);
		memcpy(loader->names_stored.name[slot], loader->names.name[slot], IFW_NAME_MAX);
	}
	return 0;
}

/* All at once: a call a slot would be most of what adding a rule costs. */
int names_read(struct loader *loader)
{
	uint32_t slots[IFW_SLOTS], count = IFW_SLOTS, next;

	if (bpf_map_lookup_batch(loader->names_fd, NULL, &next, slots, loader->names.name, &count,
				 NULL))
		return -errno;
	if (count != IFW_SLOTS)
		return -EIO;
	for (uint32_t slot = 0; slot < IFW_SLOTS; slot++)
		loader->names.name[slot][IFW_NAME_MAX - 1] = 0;
	loader->names_stored = loader->names;
	return 0;
}

static int choose_dir(struct loader *loader, const char *pin_dir, struct failure *failure)
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

/* 0 where the folder that holds the pin directory is a BPF file system. */
static int check_bpffs(const struct loader *loader, struct failure *failure)
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

/* Unlinks our pins; meta first, so that what is left is known as a remnant. */
static int remove_pins(struct loader *loader, struct failure *failure)
{
	DIR *dir;
	int err = 0;

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

/* What a killed command left, in a folder that has nothing else in it. */
static bool is_remnant(const struct loader *loader)
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

static int create_map(enum bpf_map_type type, const char *name, uint32_t value_size,
		      uint32_t entries, int *fd)
{
	*fd = bpf_map_create(type, name, sizeof(uint32_t), value_size, entries, NULL);
	return *fd < 0 ? -errno : 0;
}

/* Kept while nothing tracks, too: they can be set before. */
static int write_track_defaults(struct loader *loader, struct failure *failure)
{
	const struct ifw_track_settings settings = ifw_track_defaults();

	return loader_track_set(loader, &settings, failure);
}

static int make_counter_slots(struct loader *loader, struct failure *failure)
{
	LIBBPF_OPTS(bpf_map_create_opts, hash, .map_flags = BPF_F_NO_PREALLOC);
	CLEANUP(cleanup_close) int fd = -1;
	char path[PATH_MAX];

	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "ifw_ctr_slots", sizeof(uint32_t),
			    sizeof(struct counter_slots), IFW_COUNTER_CHUNKS, &hash);
	if (fd < 0)
		return fail_errno(failure, -errno, "cannot make a map");
	pin_path(loader, "counter_slots", path, sizeof(path));
	return bpf_obj_pin(fd, path) ? fail_errno(failure, -errno, "cannot pin '%s'", path) : 0;
}

/* Everything but meta, which is pinned last and makes it count. */
static int make_state(struct loader *loader, struct failure *failure)
{
	char path[PATH_MAX];
	int err;

	err = remove_pins(loader, failure);
	if (err)
		return err;
	err = maps_make(loader, failure);
	if (err)
		return err;

	loader->meta = (struct pinned_meta){
		.abi = IFW_ABI,
		.size = sizeof(loader->meta),
		.next_order = 1,
		.next_id = 1,
		.max_ranges = loader->limits.ranges,
		.max_prefixes = loader->limits.prefixes,
		.max_flows = loader->limits.flows,
		.netns_dev = loader->netns_dev,
		.netns_ino = loader->netns_ino,
		.rule_counters = loader->limits.counting != LOADER_COUNTING_OFF,
	};
	err = create_map(BPF_MAP_TYPE_ARRAY, "ifw_names", IFW_NAME_MAX, IFW_SLOTS,
			 &loader->names_fd);
	if (!err)
		err = create_map(BPF_MAP_TYPE_ARRAY, "ifw_meta", sizeof(loader->meta), 1,
				 &loader->meta_fd);
	if (err)
		return fail_errno(failure, err, "cannot make a map");
	pin_path(loader, "names", path, sizeof(path));
	if (bpf_obj_pin(loader->names_fd, path))
		return fail_errno(failure, -errno, "cannot pin '%s'", path);
	err = loader->meta.rule_counters ? make_counter_slots(loader, failure) : 0;
	if (!err)
		err = write_track_defaults(loader, failure);
	if (err)
		return err;
	err = pin_open(loader, "active", &loader->active_fd);
	if (!err)
		err = pin_open(loader, "prefixes", &loader->prefixes_fd);
	if (!err)
		err = pin_open(loader, "ranges", &loader->ranges_fd);
	if (!err)
		err = pin_open(loader, "index", &loader->index_fd);
	if (err)
		return fail_errno(failure, err, "cannot open the maps in '%s'", loader->dir);
	err = replace_first(loader, failure);
	if (err)
		return err;
	err = meta_write(loader, failure);
	if (err)
		return err;
	pin_path(loader, "meta", path, sizeof(path));
	if (bpf_obj_pin(loader->meta_fd, path))
		return fail_errno(failure, -errno, "cannot pin '%s'", path);
	return 0;
}

static void close_fd(int *fd)
{
	cleanup_close(fd);
	*fd = -1;
}

static void close_maps(struct loader *loader)
{
	close_fd(&loader->meta_fd);
	close_fd(&loader->names_fd);
	close_fd(&loader->active_fd);
	close_fd(&loader->prefixes_fd);
	close_fd(&loader->ranges_fd);
	close_fd(&loader->ifaces_fd);
	close_fd(&loader->addrs_fd);
	close_fd(&loader->counters_fd);
	close_fd(&loader->counter_slots_fd);
	close_fd(&loader->briefs_fd);
	close_fd(&loader->addr_filter_fd);
	close_fd(&loader->index_fd);
	generation_close(&loader->set);
}

/* Reads as much as any version has: its number; and all of it where it is as large as ours. */
int meta_abi(struct loader *loader, uint32_t *abi, bool *whole, struct failure *failure)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info), zero = 0;
	CLEANUP(cleanup_free) char *value = NULL;

	if (bpf_obj_get_info_by_fd(loader->meta_fd, &info, &size))
		return fail_errno(failure, -errno, "cannot read '%s/meta'", loader->dir);
	if (info.key_size != sizeof(zero) || info.value_size < sizeof(*abi))
		return fail(failure, -EPROTO, "'%s/meta' is not ifw's", loader->dir);
	value = malloc(info.value_size);
	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(loader->meta_fd, &zero, value))
		return fail_errno(failure, -errno, "cannot read '%s/meta'", loader->dir);
	memcpy(abi, value, sizeof(*abi));
	*whole = info.value_size == sizeof(loader->meta);
	if (*whole)
		memcpy(&loader->meta, value, sizeof(loader->meta));
	return 0;
}

int refuse_abi(const struct loader *loader, uint32_t abi, bool whole, struct failure *failure)
{
	if (whole && abi >= IFW_ABI_KEPT && abi < IFW_ABI)
		return fail(failure, -EPROTO,
			    "the pins in '%s' are of ABI %u, this ifw has ABI %u; to take them "
			    "over, rules and traffic kept: ifw upgrade",
			    loader->dir, abi, IFW_ABI);
	return fail(failure, -EPROTO,
		    "the pins in '%s' are of ABI %u, this ifw has ABI %u; use the ifw that "
		    "made them, or take them down with it (ifw down --all)",
		    loader->dir, abi, IFW_ABI);
}

int check_netns(const struct loader *loader, struct failure *failure)
{
	if (loader->meta.netns_dev == loader->netns_dev &&
	    loader->meta.netns_ino == loader->netns_ino)
		return 0;
	return fail(failure, -EXDEV,
		    "the pins in '%s' belong to another network namespace (net:[%llu])",
		    loader->dir, (unsigned long long)loader->meta.netns_ino);
}

static int check_meta(struct loader *loader, struct failure *failure)
{
	uint32_t abi = 0;
	bool whole = false;
	int err = meta_abi(loader, &abi, &whole, failure);

	if (err)
		return err;
	if (abi != IFW_ABI || !whole)
		return refuse_abi(loader, abi, whole, failure);
	err = check_netns(loader, failure);
	if (err)
		return err;
	loader->limits.ranges = loader->meta.max_ranges;
	loader->limits.prefixes = loader->meta.max_prefixes;
	loader->limits.flows = loader->meta.max_flows;
	loader->limits.counting =
		loader->meta.rule_counters ? LOADER_COUNTING_ON : LOADER_COUNTING_OFF;
	return 0;
}

static int open_maps(struct loader *loader, struct failure *failure)
{
	const struct {
		const char *name;
		int *fd;
	} maps[] = {
		{"names", &loader->names_fd},
		{"active", &loader->active_fd},
		{"prefixes", &loader->prefixes_fd},
		{"ranges", &loader->ranges_fd},
		{"ifaces", &loader->ifaces_fd},
		{"addrs", &loader->addrs_fd},
		{"counters", &loader->counters_fd},
		{"briefs", &loader->briefs_fd},
		{"addr_filter", &loader->addr_filter_fd},
		{"index", &loader->index_fd},
		{"counter_slots", &loader->counter_slots_fd},
	};
	uint32_t zero = 0;
	int err;

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		if (maps[i].fd == &loader->counter_slots_fd && !loader->meta.rule_counters)
			continue;
		err = pin_open(loader, maps[i].name, maps[i].fd);
		if (err)
			return fail_errno(failure, err, "cannot open '%s/%s'", loader->dir,
					  maps[i].name);
	}
	err = names_read(loader);
	if (err)
		return fail_errno(failure, err, "cannot read '%s/names'", loader->dir);
	if (bpf_map_lookup_elem(loader->active_fd, &zero, &loader->active))
		return fail_errno(failure, -errno, "cannot read '%s/active'", loader->dir);
	return 0;
}

static int open_state(struct loader *loader, struct failure *failure)
{
	int err;

	if (loader->mode != LOADER_READ) {
		err = pins_lock(loader, failure);
		if (err)
			return err;
	}
	err = pin_open(loader, "meta", &loader->meta_fd);
	if (err == -ENOENT && loader->mode == LOADER_CREATE) {
		err = make_state(loader, failure);
		if (err) {
			struct failure ignored;

			close_maps(loader);
			pins_destroy(loader, &ignored);
			return err;
		}
		close_maps(loader);
		loader->made = true;
		err = pin_open(loader, "meta", &loader->meta_fd);
	}
	if (err == -ENOENT && loader->mode == LOADER_WRITE && is_remnant(loader)) {
		struct failure ignored;

		(void)pins_destroy(loader, &ignored);
	}
	if (err)
		return err;
	err = check_meta(loader, failure);
	if (!err)
		err = open_maps(loader, failure);
	if (err || loader->mode == LOADER_READ)
		return err;
	if (loader->meta.ifaces_sequence & 1) /* of a writer that was killed */
		err = ifaces_end(loader, 0);
	if (!err)
		err = recover(loader, failure);
	if (!err && loader->set.rules < 0)
		err = generation_open(loader, loader->active, &loader->set, failure);
	if (!err)
		remove_remnant(loader);
	return err;
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

static int refuse_netns_exec(int error, const char *name, struct failure *failure)
{
	return fail(failure, error,
		    "under `ip netns exec` nothing that is pinned stays; enter the network "
		    "namespace alone, with: nsenter --net=/run/netns/%s ifw ...",
		    name);
}

/* Mounts the BPF file system where a host has none yet; no error where it cannot. */
static int mount_bpffs(struct failure *failure)
{
	char name[NAME_MAX];
	struct statfs fs;

	if (has_bpffs() || statfs(BPFFS, &fs))
		return 0;
	if (under_ip_netns_exec(name))
		return refuse_netns_exec(-ENODEV, name, failure);
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

/* Nothing open yet, but known where it would be. *out is to be closed even after an error. */
int loader_new(struct loader **out, enum loader_mode mode, const struct loader_options *options,
	       struct failure *failure)
{
	struct loader *loader = calloc(1, sizeof(*loader));

	*out = loader;
	if (!loader)
		return fail_errno(failure, -ENOMEM, "cannot open");
	loader->mode = mode;
	loader->dir_fd = loader->meta_fd = loader->names_fd = loader->active_fd = -1;
	loader->prefixes_fd = loader->ranges_fd = loader->ifaces_fd = -1;
	loader->addrs_fd = loader->counters_fd = loader->counter_slots_fd = -1;
	loader->briefs_fd = loader->addr_filter_fd = loader->index_fd = -1;
	loader->set = GENERATION_CLOSED;
	loader->program = PROGRAM_CLOSED;
	loader->limits.ranges =
		options && options->limits.ranges ? options->limits.ranges : LOADER_RANGES_DEFAULT;
	loader->limits.prefixes = options && options->limits.prefixes ? options->limits.prefixes
								      : LOADER_PREFIXES_DEFAULT;
	loader->limits.flows =
		options && options->limits.flows ? options->limits.flows : IFW_FLOWS_DEFAULT;
	loader->limits.counting = options ? options->limits.counting : LOADER_COUNTING_DEFAULT;
	if (failure)
		failure->text[0] = 0;
	/* libbpf's words are for who develops this; the verifier's are among them. */
	if (!getenv("IFW_DEBUG"))
		libbpf_set_print(NULL);
	return choose_dir(loader, options ? options->pin_dir : NULL, failure);
}

int fail_not_up(const struct loader *loader, struct failure *failure)
{
	return fail(failure, -ENOENT,
		    "not up in this network namespace (nothing in '%s'); "
		    "bring up an interface first: ifw up IFACE",
		    loader->dir);
}

int loader_open(struct loader **out, enum loader_mode mode, const struct loader_options *options,
		struct failure *failure)
{
	struct loader *loader;
	int err = loader_new(&loader, mode, options, failure);

	if (!loader)
		return err;
	if (!err && loader->limits.ranges > IFW_RANGES_MAX)
		err = fail(failure, -EINVAL,
			   "%u port ranges are too many: the most that can be asked for is %u "
			   "(--max-ranges)",
			   loader->limits.ranges, IFW_RANGES_MAX);
	if (!err && mode == LOADER_CREATE) {
		if (!options || !options->pin_dir)
			err = mount_bpffs(failure);
		if (!err)
			err = check_bpffs(loader, failure);
	}
	if (!err)
		err = open_state(loader, failure);
	if (err) {
		char name[NAME_MAX];

		if (failure && !failure->text[0] && err == -ENOENT && !has_bpffs() &&
		    under_ip_netns_exec(name))
			err = refuse_netns_exec(-ENODEV, name, failure);
		else if (failure && !failure->text[0] && err == -ENOENT)
			fail_not_up(loader, failure);
		else if (failure && !failure->text[0])
			fail_errno(failure, err, "cannot open '%s'", loader->dir);
		/* Made for this, and empty; what holds pins stays. */
		if (mode == LOADER_CREATE && loader->dir_fd >= 0)
			(void)rmdir(loader->dir);
		loader_close(loader);
		return err;
	}
	*out = loader;
	return 0;
}

void loader_close(struct loader *loader)
{
	if (!loader)
		return;
	program_close(&loader->program);
	close_maps(loader);
	if (loader->made && !loader->keep) {
		struct failure ignored;

		(void)pins_destroy(loader, &ignored);
	}
	cleanup_close(&loader->dir_fd); /* releases the lock */
	free(loader);
}

const char *loader_pin_dir(const struct loader *loader)
{
	return loader->dir;
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

struct iface_names *loader_names(struct loader *loader)
{
	return &loader->names;
}
