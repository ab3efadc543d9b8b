/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * open.c - opening the state, and making it. There is no daemon, so what is pinned is the whole
 * of it. It counts as made once `meta` is pinned; a directory without it is what a killed
 * command left.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datapath/flow_states.h"
#include "internal.h"

/* --- Making it --------------------------------------------------------------------- */

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

/* --- Opening it -------------------------------------------------------------------- */

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
	if (!err && mode != LOADER_READ)
		pin_dirs_finish_trade(loader);
	if (!err && mode == LOADER_CREATE) {
		if (!options || !options->pin_dir)
			err = mount_bpffs(failure);
		if (!err)
			err = check_bpffs(loader, failure);
	}
	if (!err)
		err = open_state(loader, failure);
	if (err) {
		if (failure && !failure->text[0] && err == -ENOENT) {
			int refused = refuse_netns_exec(failure);

			err = refused ? refused : fail_not_up(loader, failure);
		} else if (failure && !failure->text[0]) {
			fail_errno(failure, err, "cannot open '%s'", loader->dir);
		}
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

bool loader_made(const struct loader *loader)
{
	return loader->made;
}

struct iface_names *loader_names(struct loader *loader)
{
	return &loader->names;
}
