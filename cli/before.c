/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* before.c - see before.h. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "before.h"
#include "iface.h"
#include "origins.h"
#include "tried.h"

/* What `ifw iface set` and a configuration change; the rest follows from the interface. */
#define SETTABLE                                                                                   \
	((uint32_t)(IFW_IFACE_SSH_OFF | IFW_IFACE_ECHO | IFW_IFACE_GENEVE |                        \
		    IFW_IFACE_EGRESS_DENY | IFW_IFACE_NAMED_RULES))

static const struct iface_info *find(const struct iface_info *ifaces, size_t count,
				     const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(ifaces[i].name, name) == 0)
			return &ifaces[i];
	return NULL;
}

const struct iface_info *before_iface(const struct before *before, const char *name)
{
	return find(before->ifaces, before->iface_count, name);
}

/* One that was renamed meanwhile is the same device. */
static const struct iface_info *before_of(const struct before *before, const struct iface_info *now,
					  const char *name)
{
	const struct iface_info *info = before_iface(before, name);

	for (size_t i = 0; !info && now && i < before->iface_count; i++)
		if (before->ifaces[i].ifindex == now->ifindex)
			info = &before->ifaces[i];
	return info;
}

static bool as_it_was(const struct ifw_iface *now, const struct ifw_iface *was)
{
	return now->mark == was->mark && now->mark_mask == was->mark_mask &&
	       now->table == was->table && now->wants_track == was->wants_track &&
	       now->verbose == was->verbose && ((now->flags ^ was->flags) & SETTABLE) == 0 &&
	       memcmp(now->protocols, was->protocols, sizeof(now->protocols)) == 0 &&
	       memcmp(now->ethertypes, was->ethertypes, sizeof(now->ethertypes)) == 0 &&
	       memcmp(now->geneve_sources, was->geneve_sources, sizeof(now->geneve_sources)) == 0;
}

int before_restore_iface(struct loader *loader, const struct before *before,
			 const struct iface_info *now, const char *name, struct failure *failure)
{
	const struct iface_info *info = before_of(before, now, name);
	const struct ifw_iface *was = info ? &info->settings : NULL;
	struct iface_change change;
	struct up_options options;
	struct up_result ignored;
	uint64_t protocols[4];

	if (!was)
		return now ? loader_down(loader, name, failure) : 0;
	/* Of one that has gone nothing is left to be amended. */
	if (now ? as_it_was(&now->settings, was) || !now->present
		: !info->present || !if_nametoindex(name))
		return 0;
	for (size_t i = 0; i < 4; i++)
		protocols[i] = was->protocols[i];
	change = (struct iface_change){
		.set = was->flags & SETTABLE,
		.clear = ~was->flags & SETTABLE,
		.verbose = &was->verbose,
		.protocols = protocols,
		.ethertypes = was->ethertypes,
		.geneve_sources = was->geneve_sources,
	};
	options = (struct up_options){
		.track = was->wants_track ? LOADER_TRACK_ON : LOADER_TRACK_OFF,
		.hook = now ? IFW_HOOK_NONE : was->at[IFW_DIRECTION_IN].hook,
		.set_mark = true,
		.mark = was->mark,
		.mark_mask = was->mark_mask,
		.table = was->table,
		.change = &change,
	};
	return loader_up(loader, name, &options, &ignored, failure);
}

/* CLI_DONE with no loader where there is no state; one of an older version is taken over. */
static int open_there(const struct cli *cli, struct loader **loader)
{
	const struct loader_options options = {.pin_dir = cli->pin_dir};
	struct failure failure = {0};
	int err = loader_open(loader, LOADER_WRITE, &options, &failure);

	if (!err || err == -ENOENT)
		return CLI_DONE;
	return cli_open_any(cli, LOADER_WRITE, NULL, loader);
}

int before_take(const struct cli *cli, struct before *before)
{
	struct failure failure = {0};
	auto_loader loader = NULL;
	int status = origins_keep(cli, &before->origins, &before->origins_size);

	if (!status)
		status = open_there(cli, &loader);
	if (status)
		return status;
	before->nothing = !loader;
	if (!loader)
		return CLI_DONE;
	if (loader_ifaces(loader, &before->ifaces, &before->iface_count, &failure) ||
	    loader_rules(loader, &before->rules, &failure))
		return complain_refused(cli, &failure);
	before->nothing = before->iface_count == 0 && before->rules.count == 0;
	return CLI_DONE;
}

/* What is to be left alone. */
struct others {
	bool stay;     /* else nothing is */
	char *touched; /* interfaces that are not others' */
	struct rule_set rules;
	bool rules_stay; /* all of them, as they are */
	bool any;	 /* something in force is others' */
};

static void others_free(struct others *others)
{
	free(others->touched);
	rule_set_clear(&others->rules);
}

static bool is_others(const struct others *others, const char *name)
{
	return others->stay && !tried_has(others->touched, name);
}

static int restore_ifaces(const struct cli *cli, struct loader *loader, const struct before *before,
			  const struct others *others)
{
	struct failure failure = {0};
	auto_ifaces now = {0};
	int status = CLI_DONE;

	if (loader_ifaces(loader, &now.all, &now.all_count, &failure))
		return complain_refused(cli, &failure);
	for (size_t i = 0; i < now.all_count + before->iface_count; i++) {
		const char *name = i < now.all_count ? now.all[i].name
						     : before->ifaces[i - now.all_count].name;

		/* Of those that are in both, once. */
		if ((i < now.all_count && before_iface(before, name)) || is_others(others, name))
			continue;
		if (before_restore_iface(loader, before, find(now.all, now.all_count, name), name,
					 &failure)) {
			complain(cli, "could not undo it on '%s': %s", name, failure.text);
			status = CLI_REFUSED;
		}
	}
	return status;
}

static int look_for_others(const struct cli *cli, struct loader *loader, struct others *others)
{
	struct failure failure = {0};
	auto_ifaces now = {0};
	bool changed;
	int status = tried_interfaces(cli, &others->touched);

	if (!status)
		status = tried_back(cli, loader, &others->rules, &changed);
	if (status)
		return status;
	if (!changed && loader_rules(loader, &others->rules, &failure))
		return complain_refused(cli, &failure);
	if (loader_ifaces(loader, &now.all, &now.all_count, &failure))
		return complain_refused(cli, &failure);
	others->stay = true;
	others->rules_stay = !changed;
	others->any = others->rules.count > 0;
	for (size_t i = 0; i < now.all_count; i++)
		others->any |= is_others(others, now.all[i].name);
	return CLI_DONE;
}

int before_put_rules(const struct cli *cli, struct loader *loader, struct rule_set *rules,
		     bool aged)
{
	struct failure failure = {0};
	bool changed;

	/* Those that are in force still keep theirs: the loader finds it. */
	for (size_t i = 0; aged && i < rules->count; i++)
		rules->rules[i].counter = 0;
	/* By name: slots that were free meanwhile may have been given to others. */
	if (cli_bind_set(cli, rules, loader) == CLI_DONE &&
	    cli_apply(loader, rules, &changed, &failure) == 0)
		return CLI_DONE;
	complain(cli, "could not put the former rules back%s%s", *failure.text ? ": " : "",
		 failure.text);
	return CLI_REFUSED;
}

static int restore_state(const struct cli *cli, struct before *before, bool on_trial)
{
	__attribute__((cleanup(others_free))) struct others others = {0};
	struct failure failure = {0};
	auto_loader loader = NULL;
	unsigned int interfaces;
	int status = open_there(cli, &loader), rules;

	if (!status && on_trial && loader && look_for_others(cli, loader, &others)) {
		complain(cli, "what there was before is put back, without what others did since");
		others.stay = others.rules_stay = others.any = false;
	}
	if (status || (!loader && before->nothing))
		return status;
	if (before->nothing && !others.any)
		return loader_down_all(loader, &interfaces, &failure)
			       ? complain_refused(cli, &failure)
			       : CLI_DONE;
	/* Somebody may have taken all of it down meanwhile. */
	if (!loader)
		status = cli_open_any(cli, LOADER_CREATE, NULL, &loader);
	if (status)
		return status;
	status = restore_ifaces(cli, loader, before, &others);
	if (others.rules_stay)
		return status;
	rules = before_put_rules(cli, loader, others.stay ? &others.rules : &before->rules, true);
	return status ? status : rules;
}

int before_restore(const struct cli *cli, struct before *before, bool on_trial)
{
	int status = restore_state(cli, before, on_trial);
	int origins = origins_put_back(cli, before->origins, before->origins_size);

	return status ? status : origins;
}

void before_free(struct before *before)
{
	loader_ifaces_free(before->ifaces, before->iface_count);
	rule_set_clear(&before->rules);
	free(before->origins);
}
