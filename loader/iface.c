/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * iface.c - interfaces: bringing one up and down, its settings, its own
 * addresses, the slots that stand for names.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/addr.h"
#include "internal.h"

/* --- Settings ----------------------------------------------------------------- */

static int settings_read(struct loader *loader, uint32_t ifindex, struct ifw_iface *settings)
{
	if (bpf_map_lookup_elem(loader->ifaces_fd, &ifindex, settings))
		return -errno;
	settings->name[IFW_NAME_MAX - 1] = 0;
	return 0;
}

int settings_write(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings)
{
	return bpf_map_update_elem(loader->ifaces_fd, &ifindex, settings, BPF_ANY) ? -errno : 0;
}

static int settings_delete(struct loader *loader, uint32_t ifindex)
{
	return bpf_map_delete_elem(loader->ifaces_fd, &ifindex) && errno != ENOENT ? -errno : 0;
}

/* Calls each for every interface with settings; it may delete that one. */
static int for_each_iface(struct loader *loader,
			  int (*each)(struct loader *loader, uint32_t ifindex,
				      const struct ifw_iface *settings, void *arg),
			  void *arg)
{
	uint32_t key = 0, next, *last = NULL;
	bool more = bpf_map_get_next_key(loader->ifaces_fd, NULL, &next) == 0;

	while (more) {
		struct ifw_iface settings;
		int err;

		key = next;
		last = &key;
		more = bpf_map_get_next_key(loader->ifaces_fd, last, &next) == 0;
		err = settings_read(loader, key, &settings);
		if (err == -ENOENT)
			continue;
		if (!err)
			err = each(loader, key, &settings, arg);
		if (err)
			return err;
	}
	return 0;
}

struct name_query {
	const char *name;
	uint32_t ifindex; /* 0: not found */
	uint32_t not_this;
	struct ifw_iface settings;
};

static int match_name(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		      void *arg)
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

static int addr_delete_stale(struct loader *loader, uint32_t slot, const struct iface_addr *addrs,
			     size_t count)
{
	struct ifw_addr_key key, next, *last = NULL;
	bool more = bpf_map_get_next_key(loader->addrs_fd, NULL, &next) == 0;

	while (more) {
		bool wanted = false;

		key = next;
		last = &key;
		more = bpf_map_get_next_key(loader->addrs_fd, last, &next) == 0;
		for (size_t i = 0; i < count && !wanted; i++)
			wanted = addrs[i].family == key.family &&
				 ifw_addr_equal(addrs[i].addr, key.addr);
		if (key.slot != slot || wanted)
			continue;
		if (bpf_map_delete_elem(loader->addrs_fd, &key) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int addrs_sync(struct loader *loader, uint32_t slot, const struct iface_addr *addrs, size_t count)
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

/* Only when slots run out: it reads all rules. */
int names_collect(struct loader *loader, struct failure *failure)
{
	struct rule_set set = {};
	unsigned int free_slots = 0;
	uint64_t used = 1;
	int err;

	for (uint32_t slot = 1; slot < IFW_SLOTS; slot++)
		free_slots += !loader->names.name[slot][0];
	if (free_slots >= 4)
		return 0;
	err = store_read_rules(loader->set.rules, &set);
	for (size_t i = 0; !err && i < set.count; i++)
		if (set.rules[i].ifaces != IFW_IFACES_ANY)
			used |= set.rules[i].ifaces;
	rule_set_clear(&set);
	if (!err)
		err = for_each_iface(loader, use_slot, &used);
	if (err)
		return fail_errno(failure, err, "cannot tell which interface names are in use");
	for (uint32_t slot = 1; slot < IFW_SLOTS; slot++)
		if (!(used >> slot & 1))
			memset(loader->names.name[slot], 0, IFW_NAME_MAX);
	return names_write(loader, failure);
}

/* --- Up ----------------------------------------------------------------------------- */

/* With the last interface goes what belongs to all of them. */
static bool is_last(struct loader *loader)
{
	uint32_t key;

	return bpf_map_get_next_key(loader->ifaces_fd, NULL, &key) != 0;
}

/* Takes off what is recorded for an index, so that nothing dead stands in the way. */
static int forget(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		  struct failure *failure)
{
	int err = detach(loader, settings, ifindex, failure);

	if (err)
		return err;
	if (settings->table) {
		err = net_policy_remove(settings->name, settings->table);
		if (err)
			return fail_errno(failure, err, "cannot remove the policy rule of '%s'",
					  settings->name);
	}
	err = settings_delete(loader, ifindex);
	if (!err && is_last(loader))
		err = lookup_detach(loader);
	if (!err)
		err = slot_reset(loader, settings->slot);
	return err ? fail_errno(failure, err, "cannot remove the settings of '%s'", settings->name)
		   : 0;
}

/* What stands under the names that renamed interfaces had. */
struct renamed {
	struct ifw_iface before[IFW_SLOTS];
	unsigned int count;
};

/* Where the program is still attached it is the same device: what is recorded goes with it. */
static int follow_name(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		       void *arg)
{
	CLEANUP(cleanup_free) struct iface_addr *addrs = NULL;
	struct ifw_iface now = *settings;
	struct renamed *renamed = arg;
	struct net_policy policy = {
		.mark = now.mark,
		.mark_mask = now.mark_mask,
		.table = now.table,
	};
	char name[IF_NAMESIZE];
	size_t count = 0;
	int slot, err;
	bool made, ipv6;

	if (!if_indextoname(ifindex, name) || strcmp(name, settings->name) == 0 ||
	    renamed->count == IFW_SLOTS || !is_attached(loader, settings, ifindex))
		return 0;
	slot = iface_names_add(&loader->names, name);
	if (slot < 0)
		return slot;
	err = names_write(loader, NULL);
	if (!err)
		err = net_addrs(ifindex, &addrs, &count);
	if (!err)
		err = addrs_sync(loader, (uint32_t)slot, addrs, count);
	snprintf(policy.ifname, sizeof(policy.ifname), "%s", name);
	if (!err && now.table)
		err = net_policy_add(&policy, &made, &ipv6);
	if (err)
		return err;
	now.slot = (uint32_t)slot;
	memcpy(now.name, policy.ifname, sizeof(now.name));
	renamed->before[renamed->count++] = *settings;
	return settings_write(loader, ifindex, &now);
}

/* Two that changed places each have the other's name, so nothing goes before all moved. */
static int follow_names(struct loader *loader, struct failure *failure)
{
	struct renamed renamed = {};
	int err = for_each_iface(loader, follow_name, &renamed);

	for (unsigned int i = 0; !err && i < renamed.count; i++) {
		const struct ifw_iface *before = &renamed.before[i];
		struct name_query query = {.name = before->name};

		err = for_each_iface(loader, match_name, &query);
		if (err || query.ifindex)
			continue;
		if (before->table)
			err = net_policy_remove(before->name, before->table);
		if (!err)
			err = slot_reset(loader, before->slot);
	}
	return err ? fail_errno(failure, err, "cannot follow interfaces that were renamed") : 0;
}

/*
 * The interface was made anew, or its index now belongs to another one. What
 * was set for the name holds for the new one, too: else ssh would be on again.
 */
static int forget_others(struct loader *loader, const char *ifname, uint32_t ifindex,
			 struct ifw_iface *inherited, struct failure *failure)
{
	struct name_query query = {.name = ifname, .not_this = ifindex};
	struct ifw_iface settings;
	int err;

	err = for_each_iface(loader, match_name, &query);
	if (err)
		return fail_errno(failure, err, "cannot read the interfaces");
	if (query.ifindex) {
		inherited->flags = query.settings.flags;
		inherited->verbose = query.settings.verbose;
		inherited->mark = query.settings.mark;
		inherited->mark_mask = query.settings.mark_mask;
		inherited->table = query.settings.table;
		err = forget(loader, query.ifindex, &query.settings, failure);
		if (err)
			return err;
	}
	if (settings_read(loader, ifindex, &settings) || strcmp(settings.name, ifname) == 0)
		return 0;
	return forget(loader, ifindex, &settings, failure);
}

static int check_link(const char *ifname, struct link_info *link, struct failure *failure)
{
	int err = net_link(ifname, link);

	if (err == -ENODEV)
		return fail(failure, err, "no interface '%s'; `ip link` lists those there are",
			    ifname);
	if (err)
		return fail_errno(failure, err, "cannot look at '%s'", ifname);
	if (link->upper[0])
		return fail(failure, -EBUSY,
			    "'%s' carries '%s', which takes its packets before they could be "
			    "intercepted; use: ifw up %s",
			    ifname, link->upper, link->upper);
	if (!link->ethernet && !link->raw_ip)
		return fail(failure, -EOPNOTSUPP,
			    "frames of '%s' start neither with an Ethernet nor with an IP header",
			    ifname);
	return 0;
}

/* Settings as they are, or what they are to start with; mark and table as asked for. */
static int prepare_settings(struct loader *loader, const char *ifname, const struct link_info *link,
			    const struct up_options *options, struct ifw_iface *settings,
			    struct failure *failure)
{
	int slot, err;

	slot = iface_names_add(&loader->names, ifname);
	if (slot < 0)
		return fail_errno(failure, slot, "cannot give '%s' a slot (%d names are in use)",
				  ifname, IFW_SLOTS - 1);
	err = names_write(loader, failure);
	if (err)
		return err;
	(void)settings_read(loader, link->ifindex, settings);
	settings->slot = (uint32_t)slot;
	settings->flags |= IFW_IFACE_ADDRS_RECORDED;
	if (link->raw_ip)
		settings->flags |= IFW_IFACE_RAW_IP;
	else
		settings->flags &= ~(uint32_t)IFW_IFACE_RAW_IP;
	if (options->set_mark) {
		settings->mark = options->mark;
		settings->mark_mask = options->mark_mask;
		settings->table = options->table;
	}
	if (link->loopback) /* what is on lo is local already */
		settings->table = 0;
	snprintf(settings->name, sizeof(settings->name), "%s", ifname);
	return 0;
}

/* The steps that show outside, in an order in which each works only with the former. */
static int bring_up(struct loader *loader, const struct link_info *link,
		    const struct up_options *options, struct ifw_iface *settings,
		    struct up_result *result, struct failure *failure)
{
	const struct net_policy policy = {
		.mark = settings->mark,
		.mark_mask = settings->mark_mask,
		.table = settings->table,
	};
	struct net_policy named = policy;
	struct program program = {.fd = -1, .lookup_fd = -1};
	bool made;
	int err;

	snprintf(named.ifname, sizeof(named.ifname), "%s", settings->name);
	if (settings->table) {
		err = net_policy_add(&named, &made, &result->policy.ipv6);
		if (err == -EEXIST)
			return fail(failure, err,
				    "table %u has a default route of somebody else; choose another "
				    "table: ifw up %s --table T",
				    settings->table, settings->name);
		if (err == -ENETDOWN)
			return fail(failure, err,
				    "'lo' is down, and interception needs it; use: "
				    "ip link set lo up");
		if (err)
			return fail_errno(failure, err, "cannot make the policy route of '%s'",
					  settings->name);
	}
	err = program_load(loader, &program, failure);
	if (err)
		return err;
	err = attach(loader, settings->name, link->ifindex, options->hook, &program, settings,
		     failure);
	result->verified_instructions = program.verified_instructions;
	result->lookup_instructions = program.lookup_instructions;
	if (!err) {
		err = lookup_attach(loader, &program);
		result->lookup = !err;
		if (err == -EOPNOTSUPP)
			err = 0;
		else if (err)
			fail_errno(failure, err, "cannot attach to socket lookups");
	}
	program_close(&program);
	if (err)
		return err;
	err = settings_write(loader, link->ifindex, settings);
	return err ? fail_errno(failure, err, "cannot store the settings of '%s'", settings->name)
		   : 0;
}

/* What is attached stays where it is, so another hook is not for `up` to choose. */
static int check_hook(const struct ifw_iface *settings, uint32_t hook, struct failure *failure)
{
	if (hook == IFW_HOOK_NONE || hook == settings->hook)
		return 0;
	return fail(failure, -EBUSY, "'%s' is attached by %s; take it down first: ifw down %s",
		    settings->name, settings->hook == IFW_HOOK_TCX ? "tcx" : "clsact",
		    settings->name);
}

/* One that was up before stays up, as it was. */
static void put_back(struct loader *loader, uint32_t ifindex, const struct ifw_iface *before)
{
	struct net_policy policy = {
		.mark = before->mark,
		.mark_mask = before->mark_mask,
		.table = before->table,
	};
	bool made, ipv6;

	(void)settings_write(loader, ifindex, before);
	memcpy(policy.ifname, before->name, sizeof(policy.ifname));
	if (before->table)
		(void)net_policy_add(&policy, &made, &ipv6);
}

int loader_up(struct loader *loader, const char *ifname, const struct up_options *options,
	      struct up_result *result, struct failure *failure)
{
	CLEANUP(cleanup_free) struct iface_addr *addrs = NULL;
	struct up_result done = {};
	struct ifw_iface before = {}, settings = {
					      .mark = IFW_MARK_DEFAULT,
					      .mark_mask = IFW_MARK_MASK_DEFAULT,
					      .table = LOADER_TABLE_DEFAULT,
				      };
	struct link_info link;
	size_t count = 0;
	int err;

	err = check_link(ifname, &link, failure);
	if (!err)
		err = follow_names(loader, failure);
	if (!err)
		err = forget_others(loader, ifname, link.ifindex, &settings, failure);
	if (!err)
		err = prepare_settings(loader, ifname, &link, options, &settings, failure);
	if (err)
		return err;
	done.was_up = is_attached(loader, &settings, link.ifindex);
	if (done.was_up) {
		err = check_hook(&settings, options->hook, failure);
		if (!err)
			err = settings_read(loader, link.ifindex, &before);
		if (err)
			return err;
	}

	/* Addresses before the program, so that its first packet knows them. */
	err = net_addrs(link.ifindex, &addrs, &count);
	if (!err)
		err = addrs_sync(loader, settings.slot, addrs, count);
	if (!err)
		err = settings_write(loader, link.ifindex, &settings);
	if (err)
		fail_errno(failure, err, "cannot record the addresses of '%s'", ifname);
	else
		err = bring_up(loader, &link, options, &settings, &done, failure);
	if (err) {
		struct failure ignored;

		if (done.was_up)
			put_back(loader, link.ifindex, &before);
		else
			(void)forget(loader, link.ifindex, &settings, &ignored);
		return err;
	}
	loader->keep = true;
	for (size_t i = 0; i < count; i++)
		done.addresses += addrs[i].kind == IFW_ADDR_LOCAL;
	done.hook = settings.hook;
	done.policy.made = settings.table != 0;
	done.policy.mark = settings.mark;
	done.policy.mark_mask = settings.mark_mask;
	done.policy.table = settings.table;
	*result = done;
	return 0;
}

/* --- Down ----------------------------------------------------------------------------- */

static int find_up(struct loader *loader, const char *ifname, struct name_query *query,
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

int loader_down(struct loader *loader, const char *ifname, struct failure *failure)
{
	struct name_query query;
	int err = find_up(loader, ifname, &query, failure);

	return err ? err : forget(loader, query.ifindex, &query.settings, failure);
}

struct down_all {
	unsigned int interfaces;
	struct failure *failure;
};

static int down_one(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		    void *arg)
{
	struct down_all *all = arg;
	int err = forget(loader, ifindex, settings, all->failure);

	all->interfaces += !err;
	return err;
}

int loader_down_all(struct loader *loader, unsigned int *interfaces, struct failure *failure)
{
	struct down_all all = {.failure = failure};
	int err = for_each_iface(loader, down_one, &all);

	*interfaces = all.interfaces;
	return err ? err : pins_destroy(loader, failure);
}

/* --- Showing and setting ----------------------------------------------------------------- */

static void apply_change(const struct iface_change *change, struct ifw_iface *settings)
{
	settings->flags = (settings->flags | change->set) & ~change->clear;
	if (change->verbose)
		settings->verbose = *change->verbose;
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
	apply_change(change, &query.settings);
	err = settings_write(loader, query.ifindex, &query.settings);
	return err ? fail_errno(failure, err, "cannot store the settings of '%s'", ifname) : 0;
}

struct collect {
	struct iface_info *ifaces;
	size_t count;
};

/* IPv4 first, then as numbers: the map has them in no order, and another each time. */
static int by_addr(const void *a, const void *b)
{
	const struct iface_addr *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->addr.hi != y->addr.hi)
		return x->addr.hi < y->addr.hi ? -1 : 1;
	return x->addr.lo < y->addr.lo ? -1 : x->addr.lo > y->addr.lo;
}

static int info_addrs(struct loader *loader, struct iface_info *info)
{
	struct ifw_addr_key key, *last = NULL;
	size_t room = 0;

	for (struct ifw_addr_key next; bpf_map_get_next_key(loader->addrs_fd, last, &next) == 0;
	     last = &key) {
		uint32_t kind;

		key = next;
		if (key.slot != info->settings.slot ||
		    bpf_map_lookup_elem(loader->addrs_fd, &key, &kind))
			continue;
		if (info->addr_count == room) {
			void *grown;

			room = room ? room * 2 : 8;
			grown = reallocarray(info->addrs, room, sizeof(*info->addrs));
			if (!grown)
				return -ENOMEM;
			info->addrs = grown;
		}
		info->addrs[info->addr_count++] = (struct iface_addr){
			.addr = key.addr, .family = (uint8_t)key.family, .kind = (uint8_t)kind};
	}
	if (info->addr_count)
		qsort(info->addrs, info->addr_count, sizeof(*info->addrs), by_addr);
	return 0;
}

static int info_counters(struct loader *loader, struct iface_info *info)
{
	CLEANUP(cleanup_free) struct ifw_counters *per_cpu = NULL;
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 1)
		return -EINVAL;
	per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(loader->counters_fd, &info->settings.slot, per_cpu))
		return -errno;
	for (int cpu = 0; cpu < cpus; cpu++) {
		for (size_t r = 0; r < IFW_REASONS_MAX; r++) {
			for (size_t v = 0; v < IFW_VERDICTS; v++) {
				const struct ifw_count *from = &per_cpu[cpu].by_reason[r][v];
				struct ifw_count *to = &info->counters.by_reason[r][v];

				to->packets += from->packets;
				to->bytes += from->bytes;
			}
		}
		info->counters.decisions += per_cpu[cpu].decisions;
		info->counters.events_lost += per_cpu[cpu].events_lost;
	}
	return 0;
}

static int collect_iface(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
			 void *arg)
{
	struct collect *collect = arg;
	struct iface_info *info;
	char name[IF_NAMESIZE];
	void *grown;
	int err;

	grown = reallocarray(collect->ifaces, collect->count + 1, sizeof(*collect->ifaces));
	if (!grown)
		return -ENOMEM;
	collect->ifaces = grown;
	info = &collect->ifaces[collect->count++];
	*info = (struct iface_info){.ifindex = ifindex, .settings = *settings};
	memcpy(info->name, settings->name, sizeof(info->name));
	info->present = if_indextoname(ifindex, name) != NULL;
	info->renamed = info->present && strcmp(name, settings->name) != 0;
	info->attached = info->present && is_attached(loader, settings, ifindex);
	err = info_addrs(loader, info);
	return err ? err : info_counters(loader, info);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct iface_info *)a)->name, ((const struct iface_info *)b)->name);
}

int loader_ifaces(struct loader *loader, struct iface_info **ifaces, size_t *count,
		  struct failure *failure)
{
	struct collect collect = {};
	int err = for_each_iface(loader, collect_iface, &collect);

	if (err) {
		loader_ifaces_free(collect.ifaces, collect.count);
		return fail_errno(failure, err, "cannot read the interfaces");
	}
	if (collect.count)
		qsort(collect.ifaces, collect.count, sizeof(*collect.ifaces), by_name);
	*ifaces = collect.ifaces;
	*count = collect.count;
	return 0;
}

void loader_ifaces_free(struct iface_info *ifaces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(ifaces[i].addrs);
	free(ifaces);
}
