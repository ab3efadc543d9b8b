/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * up.c - bringing interfaces up and down. Either all of it or, on failure,
 * nothing; and an interface that was renamed or made anew keeps what was set.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flows.h"
#include "iface.h"

static int is_another(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		      void *arg)
{
	const uint32_t *this_one = arg;

	(void)loader;
	(void)settings;
	return ifindex != *this_one;
}

/* With the last interface goes what belongs to all of them. */
static int lookup_detach_unless_others(struct loader *loader, uint32_t ifindex)
{
	int others = for_each_iface(loader, is_another, &ifindex);

	return others < 0 ? others : others ? 0 : lookup_detach(loader);
}

/* Takes off what is recorded for an index, so that nothing dead stands in the way. */
static int forget(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		  struct failure *failure)
{
	int err = detach(loader, IFW_DIRECTION_IN, settings, ifindex, failure);

	if (!err)
		err = detach(loader, IFW_DIRECTION_OUT, settings, ifindex, failure);
	if (err)
		return err;
	if (settings->table) {
		err = net_policy_remove(settings->name, settings->table);
		if (err)
			return fail_errno(failure, err, "cannot remove the policy rule of '%s'",
					  settings->name);
	}
	/* The settings last, without which nobody would know what is left to be done. */
	err = lookup_detach_unless_others(loader, ifindex);
	if (!err)
		err = slot_reset(loader, settings->slot);
	if (!err)
		err = flows_remove_unused(loader, ifindex);
	if (!err)
		err = settings_delete(loader, ifindex);
	return err ? fail_errno(failure, err, "cannot remove the settings of '%s'", settings->name)
		   : 0;
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
		*inherited = query.settings;
		memset(inherited->at, 0, sizeof(inherited->at)); /* it went with the device */
		inherited->made_qdisc = 0;
		inherited->flags &= ~(uint32_t)IFW_IFACE_TRACK;
		err = forget(loader, query.ifindex, &query.settings, failure);
		if (err)
			return err;
	}
	err = settings_read(loader, ifindex, &settings);
	if (err && err != -ENOENT)
		return fail_errno(failure, err, "cannot read the settings of '%s'", ifname);
	if (err || strcmp(settings.name, ifname) == 0)
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
	/* Only from 5.14 on do ipip.c, sit.c and ip6_tunnel.c reset the MAC header. */
	if (link->outer_headers)
		return fail(failure, -EOPNOTSUPP,
			    "before 5.14 the kernel hands over packets of '%s' with the tunnel's "
			    "own headers in front, and all would drop",
			    ifname);
	return 0;
}

/* Settings as they are, or what they are to start with; mark and table as asked for. */
static int prepare_settings(struct loader *loader, const char *ifname, const struct link_info *link,
			    const struct up_options *options, struct ifw_iface *settings,
			    struct failure *failure)
{
	int slot, err;

	slot = slot_for(loader, ifname, failure);
	if (slot == -ENOSPC)
		return fail(failure, slot,
			    "'%s' is NOT filtered: all %d names that there can be are in use, by "
			    "interfaces and by rules; take down one that needs no filter ('ifw "
			    "down IFACE')",
			    ifname, IFW_SLOTS - 1);
	if (slot < 0)
		return fail_errno(failure, slot, "cannot give '%s' a slot", ifname);
	err = names_write(loader, failure);
	if (err)
		return err;
	err = settings_read(loader, link->ifindex, settings);
	if (err && err != -ENOENT)
		return fail_errno(failure, err, "cannot read the settings of '%s'", ifname);
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
	if (options->track != LOADER_TRACK_DEFAULT)
		settings->wants_track = options->track == LOADER_TRACK_ON;
	if (options->change)
		iface_apply(options->change, settings);
	if (link->loopback) /* what is on lo is local already, and comes back at once */
		settings->table = settings->wants_track = 0;
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
	const struct program *program = NULL;
	bool rules = store_has_egress(loader), egress = loader_needs_egress(settings, rules), made;
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
	err = program_load(loader, egress, &program, failure);
	if (err)
		return err;
	err = attach(loader, IFW_DIRECTION_IN, link->ifindex, options->hook, program->fd, settings,
		     failure);
	result->verified_instructions = program->verified_instructions;
	result->lookup_instructions = program->lookup_instructions;
	result->egress_instructions = egress ? program->egress_instructions : 0;
	if (!err) {
		err = lookup_attach(loader, program);
		result->lookup = !err;
		if (err == -EOPNOTSUPP)
			err = 0;
		else if (err)
			fail_errno(failure, err, "cannot attach to socket lookups");
	}
	if (!err)
		err = egress_settle(loader, link->ifindex, settings, program, rules, failure);
	return err;
}

/* What is attached stays where it is, so another hook is not for `up` to choose. */
static int check_hook(const struct ifw_iface *settings, uint32_t hook, struct failure *failure)
{
	if (hook == IFW_HOOK_NONE || hook == settings->at[IFW_DIRECTION_IN].hook)
		return 0;
	return fail(failure, -EBUSY, "'%s' is attached by %s; take it down first: ifw down %s",
		    settings->name,
		    settings->at[IFW_DIRECTION_IN].hook == IFW_HOOK_TCX ? "tcx" : "clsact",
		    settings->name);
}

/* One that was up before stays up, as it was. */
static void put_back(struct loader *loader, uint32_t ifindex, const struct ifw_iface *before,
		     const struct ifw_iface *now)
{
	struct net_policy policy = {
		.mark = before->mark,
		.mark_mask = before->mark_mask,
		.table = before->table,
	};
	bool made, ipv6;

	egress_put_back(loader, ifindex, before, now);
	memcpy(policy.ifname, before->name, sizeof(policy.ifname));
	if (before->table)
		(void)net_policy_add(&policy, &made, &ipv6);
	/* A route whose rule never came: of no interface, so only where no rule leads there. */
	if (now->table && now->table != before->table)
		(void)net_policy_remove("", now->table);
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
					      .wants_track = 1,
				      };
	struct link_info link;
	size_t count = 0;
	int err;

	err = check_link(ifname, &link, failure);
	if (!err && link.loopback && options->track == LOADER_TRACK_ON)
		err = fail_track_lo(failure);
	if (!err)
		err = follow_names(loader, failure);
	if (!err)
		err = forget_others(loader, ifname, link.ifindex, &settings, failure);
	if (!err)
		err = prepare_settings(loader, ifname, &link, options, &settings, failure);
	if (err)
		return err;
	err = is_attached(loader, IFW_DIRECTION_IN, &settings, link.ifindex, &done.was_up);
	if (err)
		return fail_errno(failure, err, "cannot tell what is attached to '%s'", ifname);
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
			put_back(loader, link.ifindex, &before, &settings);
		else
			(void)forget(loader, link.ifindex, &settings, &ignored);
		return err;
	}
	loader->keep = true;
	for (size_t i = 0; i < count; i++)
		done.addresses += addrs[i].kind == IFW_ADDR_LOCAL;
	done.hook = settings.at[IFW_DIRECTION_IN].hook;
	done.track = settings.wants_track;
	done.policy.made = settings.table != 0;
	done.policy.mark = settings.mark;
	done.policy.mark_mask = settings.mark_mask;
	done.policy.table = settings.table;
	*result = done;
	return 0;
}

/* --- Down ----------------------------------------------------------------------------- */

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
