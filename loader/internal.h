/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * internal.h - what the files of loader/ share among themselves.
 */
#ifndef IFW_LOADER_INTERNAL_H
#define IFW_LOADER_INTERNAL_H

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "loader.h"
#include "pinned.h"
#include "ruleset/clock.h"
#include "ruleset/compile.h"

#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

/* The maps of one generation; -1 where not open. */
struct generation {
	uint32_t number;
	int prefixes;
	int rules;
	int chunks[IFW_RANGE_CHUNKS]; /* of ranges.c */
};
#define GENERATION_CLOSED ((struct generation){.prefixes = -1, .rules = -1})

struct program {
	int fd;
	int lookup_fd; /* -1: the kernel does not take it */
	int egress_fd; /* -1: it was not asked for */
	uint32_t verified_instructions, lookup_instructions, egress_instructions;
};
#define PROGRAM_CLOSED ((struct program){.fd = -1, .lookup_fd = -1, .egress_fd = -1})

struct loader {
	char dir[PATH_MAX - 64]; /* the longest name below it still fits a path */
	enum loader_mode mode;
	__u64 netns_dev, netns_ino; /* the network namespace that this runs in */
	struct loader_limits limits;
	bool made; /* by this process: taken away again unless something was brought up */
	bool keep;
	int dir_fd; /* holds the lock */
	int meta_fd, names_fd;
	int active_fd, prefixes_fd, ranges_fd; /* the program's outer maps */
	int ifaces_fd, addrs_fd, counters_fd;
	int counter_slots_fd; /* -1 where rules are not counted */
	int briefs_fd, addr_filter_fd, index_fd;
	uint32_t active; /* generation in force */
	struct generation set;
	struct pinned_meta meta;
	struct iface_names names;	 /* given out by loader_names() */
	struct iface_names names_stored; /* as pinned */
	struct program program;		 /* loaded once for all that it is attached to */
};

/* Fills failure (may be NULL) and returns error, which is -errno. */
int fail(struct failure *failure, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "what: strerror", with the privilege that is missing where that is the cause. */
int fail_errno(struct failure *failure, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- place.c --- */

int netns_identity(__u64 *dev, __u64 *ino);
/* Fills the namespace and dir; pin_dir: NULL for the namespace's own. */
int choose_dir(struct loader *loader, const char *pin_dir, struct failure *failure);
/* 0 where the folder that holds the pin directory is a BPF file system. */
int check_bpffs(const struct loader *loader, struct failure *failure);
/* Whether pins can be made: where the pin directory (NULL: the usual one) would lie. Fills at. */
bool pins_have_bpffs(const char *pin_dir, char *at, size_t size);
/* Mounts the BPF file system where a host has none yet; no error where it cannot. */
int mount_bpffs(struct failure *failure);
/* -ENODEV: there is none, since this runs under `ip netns exec`. 0: it is not that. */
int refuse_netns_exec(struct failure *failure);

/* While an upgrade is made there are directories beside the one that counts. */
struct pin_dirs {
	char dir[PATH_MAX - 64];
	char beside[PATH_MAX - 64]; /* the new one while it is made, then the former */
	char former[PATH_MAX - 64]; /* where two directories cannot trade names: before 5.16 */
};
int pin_dirs_name(const struct loader *loader, struct pin_dirs *at, struct failure *failure);
/* Where an upgrade was killed when the one had lost its name and the other not got it yet. */
void pin_dirs_finish_trade(const struct loader *loader);

/* --- pins.c --- */

/* Path of a pin; truncation is an error. */
int pin_path(const struct loader *loader, const char *name, char *path, size_t size);
/* "NAME_G" of a generation. */
void pin_generation(const char *name, uint32_t generation, char *text, size_t size);
/* The next key, or the first: 1; 0 behind the last; -errno, which must not look like the end. */
int map_next(int fd, const void *last, void *next);
/* 0 and *fd, or -errno. */
int pin_open(const struct loader *loader, const char *name, int *fd);
int generation_open(struct loader *loader, uint32_t number, struct generation *set,
		    struct failure *failure);
void generation_close(struct generation *set);
/* Locks the directory; -ENOENT: it is not there. */
int pins_lock(struct loader *loader, struct failure *failure);
bool pin_is_ours(const char *name);
/* Removes every pin of ours, and with pins_destroy() the directory, where nothing else is in it. */
int remove_pins(struct loader *loader, struct failure *failure);
int pins_destroy(struct loader *loader, struct failure *failure);
/* What a killed command left, in a folder that has nothing else in it. */
bool is_remnant(const struct loader *loader);

/* --- meta.c --- */

int meta_write(struct loader *loader, struct failure *failure);
/* meta and active as they are now; 0 or -errno. */
int meta_read(struct loader *loader);
/* Around each change of the settings or addresses of interfaces, so that who reads notices. */
int ifaces_begin(struct loader *loader);
int ifaces_end(struct loader *loader, int err);
/* Of meta_fd. *whole: meta is as large as ours, and was read. */
int meta_abi(struct loader *loader, uint32_t *abi, bool *whole, struct failure *failure);
/* Says that these pins are of another ABI, and what to do; -EPROTO. */
int refuse_abi(const struct loader *loader, uint32_t abi, bool whole, struct failure *failure);
/* -EXDEV: what meta says is of another network namespace. */
int check_netns(const struct loader *loader, struct failure *failure);
/* Reads meta, and from it the limits; 0 where it is of this version and network namespace. */
int check_meta(struct loader *loader, struct failure *failure);
/* What a slot counts, zero, for each of the CPUs; to be freed. 0 or -errno. */
int slot_counters_alloc(struct ifw_counters **by_cpu, int *cpus);
/* A slot starts with no addresses and no counts. */
int slot_reset(struct loader *loader, uint32_t slot);
int names_write(struct loader *loader, struct failure *failure);
int names_read(struct loader *loader);

/* --- open.c --- */

/* A loader with nothing open that knows its directory; to be closed even after an error. */
int loader_new(struct loader **out, enum loader_mode mode, const struct loader_options *options,
	       struct failure *failure);
/* -ENOENT, in words. */
int fail_not_up(const struct loader *loader, struct failure *failure);

/* --- store.c, room.c, replace.c --- */

/*
 * Calls attempt until it does not say -EAGAIN, with which it answers where a
 * writer was at work meanwhile. Where writers do not stop coming it is called
 * under the lock, and told so: then nobody is at work, but one may have been killed.
 */
int read_whole(struct loader *loader, int (*attempt)(struct loader *loader, bool locked, void *arg),
	       void *arg);
/* All rules of a generation in order; skips what a killed writer left doubled. */
int store_read_rules(int rules_fd, struct rule_set *set);
void rule_from_entry(struct rule *rule, const struct group_key *key,
		     const struct group_value *value);
struct group_key group_key_of(const struct rule *rule, uint32_t index);
struct group_key pair_key_of(const struct rule *rule);
struct group_value group_value_of(const struct rule *rule);
/* Whether some of the rules are about what leaves. */
bool store_has_egress(const struct loader *loader);
/* Marks the derived state as being changed, and as whole again. */
int store_begin(struct loader *loader, struct failure *failure);
int store_end(struct loader *loader, struct failure *failure);
/*
 * Builds a new generation from the rules and puts it in force. Orders are kept,
 * and counters; rules without get one.
 */
int replace_all(struct loader *loader, struct rule_set *set, struct failure *failure);
/* Gives order numbers and ids out anew, from 1; the rules stay as they are. */
int renumber(struct loader *loader, struct failure *failure);
/* Makes derived state anew where a writer was killed. */
int recover(struct loader *loader, struct failure *failure);
/* Removes the generation not in force, where a killed writer left one. */
void remove_remnant(struct loader *loader);
/* The first generation, empty. */
int replace_first(struct loader *loader, struct failure *failure);
/* Makes the recorded addresses of a slot these; new ones first, so that none is missing meanwhile.
 */
int addrs_sync(struct loader *loader, uint32_t slot, const struct iface_addr *addrs, size_t count);

/* --- ranges.c: 0 or -errno --- */

/* Makes the chunks that ranges 0 to total - 1 lie in, where they are missing. */
int ranges_make(const struct loader *loader, struct generation *set, uint32_t total);
int ranges_read(const struct loader *loader, struct generation *set, uint32_t at,
		struct ifw_range *range);
int ranges_write(const struct loader *loader, struct generation *set, uint32_t at,
		 const struct ifw_range *ranges, uint32_t count);
void ranges_close(struct generation *set);
/* Takes the chunks of a generation that is not in force away. */
int ranges_remove(const struct loader *loader, uint32_t generation);
bool ranges_are_left(const struct loader *loader, uint32_t generation);

/* --- index.c --- */

/* Each 0 or -errno. Before the prefix is written, and after it was deleted. */
int index_add(const struct loader *loader, uint32_t generation, const struct ifw_prefix_key *key);
int index_remove(const struct loader *loader, uint32_t generation,
		 const struct ifw_prefix_key *key);
/* After the first destination of a length was written; before the last is deleted, or after. */
int index_set_length(const struct loader *loader, uint32_t generation, uint8_t family,
		     uint8_t protocol, unsigned int len, bool used);
/* All of an image and nothing else, for a generation that no packet asks. */
int index_fill(const struct loader *loader, uint32_t generation, const struct image *image);

/* --- room.c --- */

/* Fills room_prefixes and room_rules from the counts and the limits. */
void room_measure(struct pinned_meta *meta);
/* Whether the maps of prefixes and rules can hold what one rule more may bring. */
bool room_is_left(const struct pinned_meta *meta);
/* Block of total ranges; -ENOSPC. */
int room_alloc(struct loader *loader, uint32_t total, uint32_t *at);
/* Not before readers are done with it: it can be given out again after a while. */
int room_retire(struct loader *loader, uint32_t at, uint32_t total);
/* Returns at once a block that no reader ever saw. */
int room_return(struct loader *loader, uint32_t at, uint32_t total);
/* Waits until no program run that began before is left. */
int wait_for_readers(struct loader *loader);

/* --- iface.c --- */

int settings_write(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings);

/* --- net.c --- */

struct link_info {
	uint32_t ifindex;
	bool up;
	bool loopback;
	bool ethernet;		  /* frames start with an Ethernet header */
	bool raw_ip;		  /* frames start with the IP header */
	bool outer_headers;	  /* and before it, the programs are shown those of the tunnel */
	char upper[IFW_NAME_MAX]; /* a device on top of it that takes its packets; "": none */
};
/* Whether the running kernel is older than this version. */
bool kernel_is_before(unsigned long major, unsigned long minor);
/* -ENODEV: no such interface. */
int net_link(const char *ifname, struct link_info *info);
/* Own addresses of an interface, directed broadcasts included. Free *addrs. */
int net_addrs(uint32_t ifindex, struct iface_addr **addrs, size_t *count);
struct net_policy {
	char ifname[IFW_NAME_MAX];
	uint32_t mark, mark_mask, table;
};
/*
 * Policy rule and local route; what is there already stays. *made: this call
 * added one of them. -EEXIST: the table has another default route.
 */
int net_policy_add(const struct net_policy *policy, bool *made, bool *ipv6);
struct net_policy_found {
	bool rule;  /* one for just this interface, mark and table, whoever made it */
	bool route; /* the table's, by which everything is for this host */
	bool alone; /* a rule by the mark alone, to a table with such a route */
	uint32_t alone_priority, alone_table;
};
/* family: AF_INET, AF_INET6. 0 or -errno. */
int net_policy_find(const struct net_policy *policy, uint8_t family,
		    struct net_policy_found *found);
/* Removes our rules for the interface, and our routes in their tables and in this one (0: none),
 * where no other rule of ours needs them. */
int net_policy_remove(const char *ifname, uint32_t table);
/* Whether the clsact qdisc is there (or ingress, which takes its place). */
int net_has_clsact(uint32_t ifindex, bool *has);
int net_qdisc_is_empty(uint32_t ifindex, bool *empty);
/* Calls each for the filters of chain 0 of a hook before this priority (0: all). 0 or -errno. */
int net_filters_before(uint32_t ifindex, uint32_t minor, uint32_t priority,
		       void (*each)(void *arg, uint32_t priority, const char *kind,
				    const char *name),
		       void *arg);
/*
 * The lowest priority of the filters of a hook; 0: it has none.
 * minor: TC_H_MIN_INGRESS or TC_H_MIN_EGRESS.
 */
int net_first_priority(uint32_t ifindex, uint32_t minor, uint32_t *priority);
/* Whether that filter is a BPF program whose name starts with this. */
int net_filter_is(uint32_t ifindex, uint32_t minor, uint32_t priority, uint32_t handle,
		  const char *name, bool *is);

/* --- program.c --- */

/* Makes and pins the maps of the programs, without a program. 0 or -errno. */
int maps_make(struct loader *loader, struct failure *failure);
/*
 * Loads the programs over the pinned maps, which are made where they are missing;
 * the one for what leaves only where egress says so. What this loader has loaded
 * before is used again; *program is its own.
 */
int program_load(struct loader *loader, bool egress, const struct program **program,
		 struct failure *failure);
void program_close(struct program *program);

/* --- attach.c --- */

/*
 * The program for lookups that the stack makes itself, one a network namespace:
 * put in force, or in place of the one that is. -EOPNOTSUPP: before 5.17, and 7.3.
 */
int lookup_attach(struct loader *loader, const struct program *program);
int lookup_detach(struct loader *loader);
/*
 * Puts the program (descriptor) on the hook of that direction, in place of one that
 * settings name. Fills settings->at[direction].
 */
int attach(struct loader *loader, enum ifw_direction direction, uint32_t ifindex, uint32_t hook,
	   int program, struct ifw_iface *settings, struct failure *failure);
int detach(struct loader *loader, enum ifw_direction direction, const struct ifw_iface *settings,
	   uint32_t ifindex, struct failure *failure);
/* Calls each for the programs that TCX runs before ours there; all, where ours is none of TCX. */
int tcx_before(struct loader *loader, enum ifw_direction direction,
	       const struct ifw_iface *settings, uint32_t ifindex,
	       void (*each)(void *arg, uint32_t id, const char *name), void *arg);
/* Whether the kernel has TCX, asked of some interface: 1, 0, or -errno where it does not tell. */
int tcx_is_there(uint32_t ifindex);
/* The hook's minor of a clsact qdisc. */
uint32_t hook_minor(enum ifw_direction direction);
/* Whether the program is on its hook still. 0 or -errno. */
int is_attached(struct loader *loader, enum ifw_direction direction,
		const struct ifw_iface *settings, uint32_t ifindex, bool *attached);

#endif /* IFW_LOADER_INTERNAL_H */
