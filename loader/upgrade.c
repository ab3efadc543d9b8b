/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * upgrade.c - from the state of an older ABI to ours, under traffic. All that can
 * fail is done in a directory beside, which the programs in force know nothing of;
 * then each program is changed in place, which the kernel does between two packets;
 * then the directories trade names. Who is killed before that leaves the former
 * directory, from which it can be done again; who is killed later leaves one to
 * take away.
 *
 * Tracked flows lie in maps that both may use, so they are handed over, not copied:
 * a copy would be old by the time that it is used.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "counters.h"
#include "flows.h"
#include "iface.h"

struct upgrade {
	struct loader *from; /* holds the lock, the former rules and settings */
	struct loader *to;
	struct pin_dirs at;
	const struct program *program;
	struct rule_set rules; /* in force, with counters of ours */
	bool egress;	       /* some interface has the program for what leaves */
	struct failure *failure;
	struct upgrade_result done;
};

static void upgrade_close(struct upgrade *up)
{
	rule_set_clear(&up->rules);
	loader_close(up->to);
	loader_close(up->from);
}

/* --- Directories ----------------------------------------------------------------- */

/* Pins of others in a directory that somebody chose stay where he looks for them. */
static int move_others(const char *from, int from_fd, const char *to)
{
	DIR *dir = opendir(from);
	int err = 0;

	if (!dir)
		return -errno;
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[PATH_MAX];

		if (entry->d_name[0] == '.' || pin_is_ours(entry->d_name) ||
		    strcmp(entry->d_name, "meta") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%.255s", to, entry->d_name);
		if (renameat(from_fd, entry->d_name, AT_FDCWD, path) && !err)
			err = -errno;
	}
	closedir(dir);
	return err;
}

/* A directory that counts no longer, or does not yet: our pins in it, and the directory. */
static int discard(const struct pin_dirs *at, const char *dir, struct failure *failure)
{
	CLEANUP(cleanup_free) struct loader *left = calloc(1, sizeof(*left));
	CLEANUP(cleanup_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(failure, -errno, "cannot open '%s'", dir);
	if (!left)
		return fail_errno(failure, -ENOMEM, "cannot remove '%s'", dir);
	err = move_others(dir, fd, at->dir);
	if (err)
		return fail_errno(failure, err, "cannot move pins out of '%s'", dir);
	snprintf(left->dir, sizeof(left->dir), "%s", dir);
	left->dir_fd = fd;
	return pins_destroy(left, failure);
}

/* Both, where they are. */
static int discard_all(const struct pin_dirs *at, struct failure *failure)
{
	int err = discard(at, at->beside, failure);

	return err ? err : discard(at, at->former, failure);
}

/* From here on ours counts; readers find either directory whole. */
static int trade_names(const struct upgrade *up)
{
	if (renameat2(AT_FDCWD, up->at.beside, AT_FDCWD, up->at.dir, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (rename(up->at.dir, up->at.former))
		return -errno;
	/* Somebody may take us for one that was killed here; see pin_dirs_finish_trade(). */
	return rename(up->at.beside, up->at.dir) && access(up->at.dir, F_OK) ? -errno : 0;
}

/* --- What was ---------------------------------------------------------------------- */

static int open_map(struct loader *loader, const char *name, uint32_t value_size, int *fd,
		    struct failure *failure)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	int err = pin_open(loader, name, fd);

	if (!err && bpf_obj_get_info_by_fd(*fd, &info, &size))
		err = -errno;
	if (err)
		return fail_errno(failure, err, "cannot open '%s/%s'", loader->dir, name);
	return info.value_size == value_size
		       ? 0
		       : fail(failure, -EPROTO, "'%s/%s' is of another layout than its ABI says",
			      loader->dir, name);
}

/* Only what is taken over, for of the rest nothing is known. */
static int open_former(struct loader *from, struct failure *failure)
{
	uint32_t zero = IFW_ACTIVE_GENERATION;
	char rules[32];
	int err;

	err = open_map(from, "names", IFW_NAME_MAX, &from->names_fd, failure);
	if (!err)
		err = open_map(from, "active", sizeof(uint32_t), &from->active_fd, failure);
	if (!err)
		err = open_map(from, "ifaces", sizeof(struct ifw_iface), &from->ifaces_fd, failure);
	if (!err)
		err = open_map(from, "counters", sizeof(struct ifw_counters), &from->counters_fd,
			       failure);
	if (err)
		return err;
	err = names_read(from);
	if (!err && bpf_map_lookup_elem(from->active_fd, &zero, &from->active))
		err = -errno;
	if (err)
		return fail_errno(failure, err, "cannot read what is in '%s'", from->dir);
	pin_generation("rules", from->active, rules, sizeof(rules));
	return open_map(from, rules, sizeof(struct group_value), &from->set.rules, failure);
}

/* --- Taking over -------------------------------------------------------------------- */

/* The same object under another directory, too; 0 also where it is in neither. */
static int pin_too(const struct upgrade *up, const char *name)
{
	CLEANUP(cleanup_close) int fd = -1;
	char path[PATH_MAX];
	int err = pin_open(up->from, name, &fd);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = pin_path(up->to, name, path, sizeof(path));
	return err ? err : bpf_obj_pin(fd, path) ? -errno : 0;
}

/* Slots stay what they are, so that rules and settings need not be rewritten. */
static int take_rules(struct upgrade *up)
{
	struct rule_set *set = &up->rules;
	int err;

	up->to->names = up->from->names;
	err = names_write(up->to, up->failure);
	if (err)
		return err;
	err = store_read_rules(up->from->set.rules, set);
	if (err)
		return fail_errno(up->failure, err, "cannot read the rules in '%s'", up->from->dir);
	/* Counters are numbered in maps that are not taken over. */
	for (size_t i = 0; i < set->count; i++)
		set->rules[i].counter = 0;
	up->done.rules = set->count;
	return set->count ? replace_all(up->to, set, up->failure) : 0;
}

/* Late, for what is counted behind that is lost. */
static int take_rule_counts(struct upgrade *up)
{
	CLEANUP(cleanup_free) struct ifw_count *counts = NULL;
	struct rule_set was = {};
	int err = store_read_rules(up->from->set.rules, &was);

	/* The same rules in the same order, for we hold the lock. */
	if (!err && was.count != up->rules.count)
		err = -EAGAIN;
	if (!err)
		err = counts_read(up->from, &was, &counts);
	if (!err)
		err = counts_write(up->to, &up->rules, counts);
	rule_set_clear(&was);
	return err ? fail_errno(up->failure, err, "cannot take over the counters of rules in '%s'",
				up->from->dir)
		   : 0;
}

static int take_flows(struct upgrade *up)
{
	CLEANUP(cleanup_close) int fd = -1;
	struct ifw_track_settings settings;
	int err;

	err = open_map(up->from, "track", sizeof(settings), &fd, up->failure);
	if (!err)
		err = loader_track_settings(up->from, &settings, up->failure);
	if (!err)
		err = loader_track_set(up->to, &settings, up->failure);
	for (uint32_t class = 0; !err && class < IFW_FLOW_CLASSES; class ++) {
		char name[32];

		pin_generation("flows", class, name, sizeof(name));
		err = pin_too(up, name);
		if (err)
			fail_errno(up->failure, err, "cannot take over '%s/%s'", up->from->dir,
				   name);
	}
	return err;
}

/* Rules that flows remember were numbered by the former set, so their epoch is over. */
static int take_epoch(struct upgrade *up)
{
	uint32_t key = IFW_ACTIVE_EPOCH, epoch;

	if (bpf_map_lookup_elem(up->from->active_fd, &key, &epoch))
		return fail_errno(up->failure, -errno, "cannot read '%s/active'", up->from->dir);
	epoch++;
	if (bpf_map_update_elem(up->to->active_fd, &key, &epoch, BPF_ANY))
		return fail_errno(up->failure, -errno, "cannot write '%s/active'", up->to->dir);
	return 0;
}

static int take_counters(struct upgrade *up, uint32_t slot)
{
	CLEANUP(cleanup_free) struct ifw_counters *counted = NULL;
	int cpus, err = slot_counters_alloc(&counted, &cpus);

	if (err)
		return err;
	if (bpf_map_lookup_elem(up->from->counters_fd, &slot, counted) ||
	    bpf_map_update_elem(up->to->counters_fd, &slot, counted, BPF_ANY))
		return -errno;
	return 0;
}

static int take_links(struct upgrade *up, uint32_t ifindex)
{
	static const char *const links[] = {"link", "egress"};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(links) / sizeof(links[0]); i++) {
		char name[32];

		pin_generation(links[i], ifindex, name, sizeof(name));
		err = pin_too(up, name);
	}
	return err;
}

static int take_iface(struct loader *from, uint32_t ifindex, const struct ifw_iface *settings,
		      void *arg)
{
	CLEANUP(cleanup_free) struct iface_addr *addrs = NULL;
	struct upgrade *up = arg;
	char name[IF_NAMESIZE];
	size_t count = 0;
	int err = 0;

	(void)from;
	/* One that is gone has none, and is for the next `ifw up`. */
	if (if_indextoname(ifindex, name))
		err = net_addrs(ifindex, &addrs, &count);
	if (!err)
		err = addrs_sync(up->to, settings->slot, addrs, count);
	if (!err)
		err = take_counters(up, settings->slot);
	if (!err)
		err = settings_write(up->to, ifindex, settings);
	if (!err && settings->flags & IFW_IFACE_TRACK)
		err = flows_make(up->to, up->failure);
	if (!err)
		err = take_links(up, ifindex);
	up->egress |= settings->at[IFW_DIRECTION_OUT].hook != IFW_HOOK_NONE;
	up->done.interfaces++;
	return err ? fail_errno(up->failure, err, "cannot take over the settings of '%s'",
				settings->name)
		   : 0;
}

static int change_program(struct upgrade *up, enum ifw_direction direction, uint32_t ifindex,
			  const struct ifw_iface *settings, int program)
{
	struct ifw_iface same = *settings;
	bool attached;
	int err = is_attached(up->to, direction, settings, ifindex, &attached);

	if (err)
		return fail_errno(up->failure, err, "cannot tell what is attached to '%s'",
				  settings->name);
	/* One that somebody took off is for `ifw up`. */
	if (!attached)
		return 0;
	err = attach(up->to, direction, ifindex, IFW_HOOK_NONE, program, &same, up->failure);
	/* So is one that goes just now, with its interface or alone: no reason to stop half-way. */
	return err && is_attached(up->to, direction, settings, ifindex, &attached) == 0 && !attached
		       ? 0
		       : err;
}

static int change_programs(struct loader *from, uint32_t ifindex, const struct ifw_iface *settings,
			   void *arg)
{
	struct upgrade *up = arg;
	int err;

	(void)from;
	err = change_program(up, IFW_DIRECTION_IN, ifindex, settings, up->program->fd);
	if (!err && settings->at[IFW_DIRECTION_OUT].hook != IFW_HOOK_NONE)
		err = change_program(up, IFW_DIRECTION_OUT, ifindex, settings,
				     up->program->egress_fd);
	return err;
}

static int change_lookup(struct upgrade *up)
{
	int err = lookup_attach(up->to, up->program);

	return err && err != -EOPNOTSUPP
		       ? fail_errno(up->failure, err, "cannot attach to socket lookups")
		       : 0;
}

/* Everything that can fail, of which no packet knows. */
static int build(struct upgrade *up)
{
	const struct pinned_meta *was = &up->from->meta;
	const struct loader_options options = {
		.pin_dir = up->at.beside,
		.limits =
			{
				.ranges = was->max_ranges,
				.prefixes = was->max_prefixes,
				.flows = was->max_flows,
				.counting = was->rule_counters ? LOADER_COUNTING_ON
							       : LOADER_COUNTING_OFF,
			},
	};
	int err;

	err = loader_open(&up->to, LOADER_CREATE, &options, up->failure);
	if (!err)
		err = take_rules(up);
	if (!err)
		err = take_flows(up);
	if (!err)
		err = take_epoch(up);
	if (!err)
		err = for_each_iface(up->from, take_iface, up);
	if (!err)
		err = pin_too(up, "lookup");
	if (!err && up->done.interfaces)
		err = program_load(up->to, up->egress, &up->program, up->failure);
	if (!err && was->rule_counters)
		err = take_rule_counts(up);
	return err;
}

static int put_in_force(struct upgrade *up)
{
	int err = 0;

	up->to->keep = true; /* programs in force lead to its maps */
	if (up->done.interfaces) {
		err = for_each_iface(up->from, change_programs, up);
		if (!err)
			err = change_lookup(up);
	}
	if (err)
		return err;
	err = trade_names(up);
	if (err)
		return fail_errno(up->failure, err, "cannot put '%s' in place of '%s'",
				  up->at.beside, up->at.dir);
	/* What is left is no reason to fail: the next upgrade takes it away. */
	(void)discard_all(&up->at, NULL);
	return 0;
}

int loader_upgrade(const struct loader_options *options, struct upgrade_result *result,
		   struct failure *failure)
{
	CLEANUP(upgrade_close) struct upgrade up = {.failure = failure};
	bool whole = false;
	int err;

	err = loader_new(&up.from, LOADER_WRITE, options, failure);
	if (!err)
		err = pin_dirs_name(up.from, &up.at, failure);
	if (err)
		return err;
	pin_dirs_finish_trade(up.from);
	err = pins_lock(up.from, failure);
	if (!err)
		err = pin_open(up.from, "meta", &up.from->meta_fd);
	if (err == -ENOENT)
		return fail_not_up(up.from, failure);
	if (err)
		return fail_errno(failure, err, "cannot open '%s'", up.at.dir);
	err = meta_abi(up.from, &up.done.abi, &whole, failure);
	if (!err)
		err = discard_all(&up.at, failure);
	if (err)
		return err;
	if (up.done.abi != IFW_ABI) {
		if (!whole || up.done.abi < IFW_ABI_KEPT || up.done.abi > IFW_ABI)
			return refuse_abi(up.from, up.done.abi, whole, failure);
		err = check_netns(up.from, failure);
		if (!err)
			err = open_former(up.from, failure);
		if (!err)
			err = build(&up);
		if (!err)
			err = put_in_force(&up);
		up.done.taken = !err;
	}
	if (!err)
		*result = up.done;
	return err;
}
