/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * iface.c - recorded interfaces: settings, own addresses, the slots that stand
 * for names.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/filter.h"
#include "iface.h"

/* --- Settings ----------------------------------------------------------------- */

int settings_read(struct loader *loader, uint32_t ifindex, struct ifw_iface *settings)
{
	if (bpf_map_lookup_elem(loader->ifaces_fd, &ifindex, settings))
		return -errno;
	settings->name[IFW_NAME_MAX - 1] = 0;
	return 0;
}

static int brief_write(struct loader *loader, uint32_t ifindex, const struct ifw_brief *brief)
{
	uint32_t at = ifindex % IFW_BRIEFS;

	return bpf_map_update_elem(loader->briefs_fd, &at, brief, BPF_ANY) ? -errno : 0;
}

/* Readers turn to the settings from now on; a writer that ends here leaves it so. */
static int brief_close(struct loader *loader, uint32_t ifindex, struct ifw_brief *brief)
{
	uint32_t at = ifindex % IFW_BRIEFS;

	if (bpf_map_lookup_elem(loader->briefs_fd, &at, brief))
		return -errno;
	brief->sequence |= 1;
	return brief_write(loader, ifindex, brief);
}

/* The sequence is odd as brief_close() left it. */
static int brief_open(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		      uint32_t sequence)
{
	struct ifw_brief brief = {
		.sequence = sequence,
		.ifindex = ifindex,
		.slot = settings->slot,
		.flags = settings->flags,
		.mark = settings->mark,
		.mark_mask = settings->mark_mask,
		.verbose = settings->verbose,
	};
	int err = brief_write(loader, ifindex, &brief);

	brief.sequence++;
	return err ? err : brief_write(loader, ifindex, &brief);
}

/* Two interfaces may share an element: the later one has it. */
int settings_write(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings)
{
	struct ifw_brief brief;
	int err = ifaces_begin(loader);

	if (!err)
		err = brief_close(loader, ifindex, &brief);
	if (!err && bpf_map_update_elem(loader->ifaces_fd, &ifindex, settings, BPF_ANY))
		err = -errno;
	if (!err)
		err = brief_open(loader, ifindex, settings, brief.sequence);
	return ifaces_end(loader, err);
}

int settings_delete(struct loader *loader, uint32_t ifindex)
{
	struct ifw_brief brief;
	int err = ifaces_begin(loader);

	if (!err)
		err = brief_close(loader, ifindex, &brief);
	if (!err && bpf_map_delete_elem(loader->ifaces_fd, &ifindex) && errno != ENOENT)
		err = -errno;
	return ifaces_end(loader, err);
}

/* Calls each for every interface with settings; it may delete that one. */
int for_each_iface(struct loader *loader,
		   int (*each)(struct loader *loader, uint32_t ifindex,
			       const struct ifw_iface *settings, void *arg),
		   void *arg)
{
	uint32_t key = 0, next, *last = NULL;
	int more = map_next(loader->ifaces_fd, NULL, &next);

	while (more > 0) {
		struct ifw_iface settings;
		int err;

		key = next;
		last = &key;
		more = map_next(loader->ifaces_fd, last, &next);
		err = settings_read(loader, key, &settings);
		if (err == -ENOENT)
			continue;
		if (!err)
			err = each(loader, key, &settings, arg);
		if (err)
			return err;
	}
	return more;
}

int match_name(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings, void *arg)
{
	struct name_query *query = arg;

	(void)loader;
	if (ifindex != query->not_this && strcmp(settings->name, query->name) == 0) {
		query->ifindex = ifindex;
		query->settings = *settings;
	}
	return 0;
}

/* --- Own addresses --------------------------------------------------------------- */

static bool addr_is_stale(const struct ifw_addr_key *key, uint32_t slot,
			  const struct iface_addr *addrs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (addrs[i].family == key->family && ifw_addr_equal(addrs[i].addr, key->addr))
			return false;
	return key->slot == slot;
}

static int addr_delete_stale(struct loader *loader, uint32_t slot, const struct iface_addr *addrs,
			     size_t count)
{
	struct ifw_addr_key key, next, *last = NULL;
	int more = map_next(loader->addrs_fd, NULL, &next);

	while (more > 0) {
		key = next;
		last = &key;
		more = map_next(loader->addrs_fd, last, &next);
		if (!addr_is_stale(&key, slot, addrs, count))
			continue;
		if (bpf_map_delete_elem(loader->addrs_fd, &key) && errno != ENOENT)
			return -errno;
	}
	return more;
}

/* The slot's bits of the filter: those of both sets while one becomes the other. */
static int addr_filter_write(struct loader *loader, uint32_t slot, uint64_t bits)
{
	return bpf_map_update_elem(loader->addr_filter_fd, &slot, &bits, BPF_ANY) ? -errno : 0;
}

static int addrs_write(struct loader *loader, uint32_t slot, const struct iface_addr *addrs,
		       size_t count)
{
	/* An address that is the broadcast of another prefix is own all the same. */
	for (uint8_t kind = IFW_ADDR_BROADCAST; kind >= IFW_ADDR_LOCAL; kind--) {
		for (size_t i = 0; i < count; i++) {
			struct ifw_addr_key key = {
				.addr = addrs[i].addr,
				.slot = slot,
				.family = addrs[i].family,
			};
			uint32_t value = kind;

			if (addrs[i].kind == kind &&
			    bpf_map_update_elem(loader->addrs_fd, &key, &value, BPF_ANY))
				return -errno;
		}
	}
	return addr_delete_stale(loader, slot, addrs, count);
}

int addrs_sync(struct loader *loader, uint32_t slot, const struct iface_addr *addrs, size_t count)
{
	uint64_t before, after = 0;
	int err = ifaces_begin(loader);

	if (!err && bpf_map_lookup_elem(loader->addr_filter_fd, &slot, &before))
		err = -errno;
	for (size_t i = 0; i < count; i++)
		after |= ifw_addr_bit(addrs[i].addr);
	if (!err)
		err = addr_filter_write(loader, slot, before | after);
	if (!err)
		err = addrs_write(loader, slot, addrs, count);
	if (!err)
		err = addr_filter_write(loader, slot, after);
	return ifaces_end(loader, err);
}

int addrs_differ(struct loader *loader, uint32_t slot, const struct iface_addr *addrs, size_t count)
{
	struct ifw_addr_key key, *last = NULL;
	int more;

	for (size_t i = 0; i < count; i++) {
		uint32_t kind;

		key = (struct ifw_addr_key){
			.addr = addrs[i].addr, .slot = slot, .family = addrs[i].family};
		if (bpf_map_lookup_elem(loader->addrs_fd, &key, &kind))
			return errno == ENOENT ? 1 : -errno;
		/* An own address may be recorded where a broadcast is asked for, not otherwise. */
		if (kind > addrs[i].kind)
			return 1;
	}
	for (struct ifw_addr_key next; (more = map_next(loader->addrs_fd, last, &next)) > 0;
	     last = &key) {
		key = next;
		if (addr_is_stale(&key, slot, addrs, count))
			return 1;
	}
	return more;
}

/* --- Slots ------------------------------------------------------------------------ */

static int use_slot(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		    void *arg)
{
	uint64_t *used = arg;

	(void)loader;
	(void)ifindex;
	*used |= 1ULL << (settings->slot % IFW_SLOTS);
	return 0;
}

/* Only when slots run out: it reads all rules, and waits. */
int loader_names_collect(struct loader *loader, struct failure *failure)
{
	struct rule_set set = {};
	uint64_t used = 1;
	int err;

	err = store_read_rules(loader->set.rules, &set);
	for (size_t i = 0; !err && i < set.count; i++)
		if (set.rules[i].ifaces != IFW_IFACES_ANY)
			used |= set.rules[i].ifaces;
	rule_set_clear(&set);
	if (!err)
		err = for_each_iface(loader, use_slot, &used);
	/* A packet may still be decided by a slot that an interface had until just now. */
	if (!err)
		err = wait_for_readers(loader);
	if (err)
		return fail_errno(failure, err, "cannot tell which interface names are in use");
	for (uint32_t slot = 1; slot < IFW_SLOTS; slot++)
		if (!(used >> slot & 1) &&
		    strcmp(loader->names.name[slot], loader->names_stored.name[slot]) == 0)
			memset(loader->names.name[slot], 0, IFW_NAME_MAX);
	return 0;
}

int slot_for(struct loader *loader, const char *name, struct failure *failure)
{
	int slot = iface_names_add(&loader->names, name);
	int err;

	if (slot != -ENOSPC)
		return slot;
	err = loader_names_collect(loader, failure);
	return err ? err : iface_names_add(&loader->names, name);
}

int find_up(struct loader *loader, const char *ifname, struct name_query *query,
	    struct failure *failure)
{
	int err;

	*query = (struct name_query){.name = ifname};
	err = for_each_iface(loader, match_name, query);
	if (err)
		return fail_errno(failure, err, "cannot read the interfaces");
	if (!query->ifindex)
		return fail(failure, -ENODEV, "'%s' is not up; `ifw iface show` lists what is",
			    ifname);
	return 0;
}

static int check_egress(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
			void *arg)
{
	(void)loader;
	(void)ifindex;
	if (settings->at[IFW_DIRECTION_OUT].hook != IFW_HOOK_NONE)
		return 0;
	return fail(arg, -EOPNOTSUPP,
		    "no program is attached for what leaves by '%s'; use: ifw iface set %s track "
		    "on (or egress-default deny)",
		    settings->name, settings->name);
}

int loader_egress_check(struct loader *loader, struct failure *failure)
{
	return for_each_iface(loader, check_egress, failure);
}

/* --- Changes that people make ------------------------------------------------------ */

void iface_apply(const struct iface_change *change, struct ifw_iface *settings)
{
	settings->flags = (settings->flags | change->set) & ~change->clear;
	if (change->verbose)
		settings->verbose = *change->verbose;
	if (change->track)
		settings->wants_track = *change->track;
	if (change->protocols)
		memcpy(settings->protocols, change->protocols, sizeof(settings->protocols));
	if (change->ethertypes)
		memcpy(settings->ethertypes, change->ethertypes, sizeof(settings->ethertypes));
	if (change->geneve_sources)
		memcpy(settings->geneve_sources, change->geneve_sources,
		       sizeof(settings->geneve_sources));
}

int loader_iface_set(struct loader *loader, const char *ifname, const struct iface_change *change,
		     struct failure *failure)
{
	struct name_query query;
	int err = find_up(loader, ifname, &query, failure);

	if (err)
		return err;
	iface_apply(change, &query.settings);
	err = settings_write(loader, query.ifindex, &query.settings);
	return err ? fail_errno(failure, err, "cannot store the settings of '%s'", ifname) : 0;
}

struct change_all {
	const struct iface_change *change;
	size_t count;
};

static int change_one(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		      void *arg)
{
	struct change_all *all = arg;
	struct ifw_iface changed = *settings;

	all->count++;
	iface_apply(all->change, &changed);
	return settings_write(loader, ifindex, &changed);
}

int loader_iface_set_all(struct loader *loader, const struct iface_change *change,
			 struct failure *failure)
{
	struct change_all all = {.change = change};
	int err = for_each_iface(loader, change_one, &all);

	if (err)
		return fail_errno(failure, err, "cannot store the settings of the interfaces");
	return all.count ? 0 : fail(failure, -ENODEV, "no interface is up");
}

struct flag_query {
	uint64_t ifaces;
	enum ifw_iface_flags flag;
	struct iface_tally tally;
};

static int tally_one(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		     void *arg)
{
	struct flag_query *query = arg;

	(void)loader;
	(void)ifindex;
	if (!IFW_ADMITS(query->ifaces, settings->slot | (settings->flags & IFW_SLOT_NAMED)))
		return 0;
	if (settings->flags & query->flag)
		query->tally.with++;
	else
		query->tally.without++;
	return 0;
}

int loader_iface_tally(struct loader *loader, uint64_t ifaces, enum ifw_iface_flags flag,
		       struct iface_tally *tally, struct failure *failure)
{
	struct flag_query query = {.ifaces = ifaces, .flag = flag};
	int err = for_each_iface(loader, tally_one, &query);

	if (err)
		return fail_errno(failure, err, "cannot read the interfaces");
	*tally = query.tally;
	return 0;
}
