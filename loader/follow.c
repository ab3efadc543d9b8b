/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * follow.c - keeping up with a host that goes on: interfaces that were renamed,
 * addresses that came and went, policy rules and routes that somebody removed.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "iface.h"

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
	bool made, ipv6, attached;
	char name[IF_NAMESIZE];
	size_t count = 0;
	int slot, err;

	if (!if_indextoname(ifindex, name) || strcmp(name, settings->name) == 0 ||
	    renamed->count == IFW_SLOTS)
		return 0;
	err = is_attached(loader, IFW_DIRECTION_IN, settings, ifindex, &attached);
	if (err || !attached)
		return err;
	slot = slot_for(loader, name, NULL);
	if (slot == -ENOSPC) /* it goes on under the name that it had; follow_one() says so */
		return 0;
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
int follow_names(struct loader *loader, struct failure *failure)
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
		/* Unless the slot is another name's by now. */
		if (!err && strcmp(loader->names.name[before->slot % IFW_SLOTS], before->name) == 0)
			err = slot_reset(loader, before->slot);
	}
	return err ? fail_errno(failure, err, "cannot follow interfaces that were renamed") : 0;
}

struct following {
	followed_fn each;
	void *arg;
};

static int follow_addrs(struct loader *loader, uint32_t ifindex, uint32_t slot, bool *changed)
{
	CLEANUP(cleanup_free) struct iface_addr *addrs = NULL;
	size_t count = 0;
	int err = net_addrs(ifindex, &addrs, &count);

	if (err)
		return err;
	err = addrs_differ(loader, slot, addrs, count);
	*changed = err > 0;
	return err > 0 ? addrs_sync(loader, slot, addrs, count) : err;
}

static int follow_one(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		      void *arg)
{
	struct net_policy policy = {
		.mark = settings->mark,
		.mark_mask = settings->mark_mask,
		.table = settings->table,
	};
	bool attached, ipv6, addrs = false, made = false;
	struct following *following = arg;
	char name[IF_NAMESIZE];
	int err;

	if (!if_indextoname(ifindex, name))
		return 0;
	err = is_attached(loader, IFW_DIRECTION_IN, settings, ifindex, &attached);
	if (err || !attached)
		return err;
	err = follow_addrs(loader, ifindex, settings->slot, &addrs);
	snprintf(policy.ifname, sizeof(policy.ifname), "%s", name);
	if (!err && policy.table)
		err = net_policy_add(&policy, &made, &ipv6);
	if (!err && strcmp(name, settings->name) != 0)
		err = -ENOSPC; /* see follow_name() */
	if (err || addrs || made)
		following->each(following->arg, name, addrs, made, err);
	return 0;
}

int loader_follow(struct loader *loader, followed_fn each, void *arg, struct failure *failure)
{
	struct following following = {.each = each, .arg = arg};
	int err = follow_names(loader, failure);

	if (err)
		return err;
	err = for_each_iface(loader, follow_one, &following);
	return err ? fail_errno(failure, err, "cannot follow the interfaces' addresses") : 0;
}
