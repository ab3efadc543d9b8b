/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * egress.c - the program for what leaves is attached where something is asked
 * of it: tracking, a default that denies, or egress rules; and nowhere else, for
 * it costs time there. It is on its hook before the settings speak of it, and
 * they are silent before it goes.
 */
#include <errno.h>
#include <linux/if.h>

#include "flows.h"
#include "iface.h"

bool loader_needs_egress(const struct ifw_iface *settings, bool rules)
{
	return settings->wants_track || settings->flags & IFW_IFACE_EGRESS_DENY || rules;
}

int fail_track_lo(struct failure *failure)
{
	return fail(failure, -EOPNOTSUPP,
		    "what leaves by 'lo' comes back by it at once; there is nothing to track");
}

static int egress_attach(struct loader *loader, uint32_t ifindex, struct ifw_iface *settings,
			 const struct program *program, struct failure *failure)
{
	int err = program ? 0 : program_load(loader, true, &program, failure);

	return err ? err
		   : attach(loader, IFW_DIRECTION_OUT, ifindex, settings->at[IFW_DIRECTION_IN].hook,
			    program->egress_fd, settings, failure);
}

int egress_settle(struct loader *loader, uint32_t ifindex, struct ifw_iface *settings,
		  const struct program *program, bool rules, struct failure *failure)
{
	bool needed = loader_needs_egress(settings, rules), attached = false;
	int err = 0;

	if (needed && !program)
		err = is_attached(loader, IFW_DIRECTION_OUT, settings, ifindex, &attached);
	if (err)
		return fail_errno(failure, err, "cannot tell what is attached to '%s'",
				  settings->name);
	if (needed && !attached)
		err = egress_attach(loader, ifindex, settings, program, failure);
	if (!err && settings->wants_track)
		err = flows_make(loader, failure);
	if (err)
		return err;
	if (settings->wants_track)
		settings->flags |= IFW_IFACE_TRACK;
	else
		settings->flags &= ~(uint32_t)IFW_IFACE_TRACK;
	err = settings_write(loader, ifindex, settings);
	if (!err && !needed && settings->at[IFW_DIRECTION_OUT].hook != IFW_HOOK_NONE) {
		err = detach(loader, IFW_DIRECTION_OUT, settings, ifindex, failure);
		if (err)
			return err;
		settings->at[IFW_DIRECTION_OUT] = (struct ifw_attachment){};
		err = settings_write(loader, ifindex, settings);
	}
	if (!err)
		err = flows_remove_unused(loader, 0);
	return err ? fail_errno(failure, err, "cannot store the settings of '%s'", settings->name)
		   : 0;
}

void egress_put_back(struct loader *loader, uint32_t ifindex, const struct ifw_iface *before,
		     const struct ifw_iface *now)
{
	(void)settings_write(loader, ifindex, before);
	if (before->at[IFW_DIRECTION_OUT].hook == IFW_HOOK_NONE)
		(void)detach(loader, IFW_DIRECTION_OUT, now, ifindex, NULL);
	if (before->flags & IFW_IFACE_TRACK)
		(void)flows_make(loader, NULL);
	(void)flows_remove_unused(loader, 0);
}

int loader_iface_set_egress(struct loader *loader, const char *ifname,
			    const struct iface_change *change, struct failure *failure)
{
	struct name_query query;
	struct ifw_iface wanted;
	int err = find_up(loader, ifname, &query, failure);

	if (err)
		return err;
	wanted = query.settings;
	iface_apply(change, &wanted);
	if (wanted.wants_track && query.ifindex == IFW_LOOPBACK_IFINDEX)
		return fail_track_lo(failure);
	err = egress_settle(loader, query.ifindex, &wanted, NULL, store_has_egress(loader),
			    failure);
	if (err)
		egress_put_back(loader, query.ifindex, &query.settings, &wanted);
	return err;
}

/* --- For rules about what leaves ---------------------------------------------------- */

struct all {
	bool rules;
	struct failure *failure;
};

static int settle_one(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		      void *arg)
{
	struct ifw_iface wanted = *settings;
	struct all *all = arg;
	bool in, out;
	int err = is_attached(loader, IFW_DIRECTION_IN, settings, ifindex, &in);

	if (!err)
		err = is_attached(loader, IFW_DIRECTION_OUT, settings, ifindex, &out);
	if (err)
		return fail_errno(all->failure, err, "cannot tell what is attached to '%s'",
				  settings->name);
	/* One that is not there or was taken off by hand is for `ifw up`. */
	if (!in || loader_needs_egress(settings, all->rules) == out)
		return 0;
	return egress_settle(loader, ifindex, &wanted, NULL, all->rules, all->failure);
}

int loader_egress_attach(struct loader *loader, struct failure *failure)
{
	struct all all = {.rules = true, .failure = failure};

	return for_each_iface(loader, settle_one, &all);
}

int loader_egress_settle(struct loader *loader, struct failure *failure)
{
	struct all all = {.rules = store_has_egress(loader), .failure = failure};

	return for_each_iface(loader, settle_one, &all);
}
