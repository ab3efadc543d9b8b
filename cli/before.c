/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* before.c - see before.h. */
#include <errno.h>
#include <string.h>

#include "before.h"
#include "iface.h"
#include "origins.h"

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
	const struct iface_info *info = before_iface(before, name);
	const struct ifw_iface *was = info ? &info->settings : NULL;
	struct iface_change change;
	struct up_options options;
	struct up_result ignored;
	uint64_t protocols[4];

	if (!was)
		return now ? loader_down(loader, name, failure) : 0;
	/* Of one that has gone nothing is left to be amended. */
	if (now ? as_it_was(&now->settings, was) || !now->present : !info->present)
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
	before->rules_replaced = true;
	if (!loader)
		return CLI_DONE;
	if (loader_ifaces(loader, &before->ifaces, &before->iface_count, &failure) ||
	    loader_rules(loader, &before->rules, &failure))
		return complain_refused(cli, &failure);
	before->nothing = before->iface_count == 0 && before->rules.count == 0;
	return CLI_DONE;
}

static int restore_ifaces(const struct cli *cli, struct loader *loader, const struct before *before)
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
		if (i < now.all_count && before_iface(before, name))
			continue;
		if (before_restore_iface(loader, before, find(now.all, now.all_count, name), name,
					 &failure)) {
			complain(cli, "could not undo it on '%s': %s", name, failure.text);
			status = CLI_REFUSED;
		}
	}
	return status;
}

int before_restore(const struct cli *cli, struct before *before)
{
	struct failure failure = {0};
	auto_loader loader = NULL;
	unsigned int interfaces;
	int status, origins;
	bool changed;

	if (before->nothing) {
		status = open_there(cli, &loader);
		if (!status && loader && loader_down_all(loader, &interfaces, &failure))
			status = complain_refused(cli, &failure);
	} else {
		/* Somebody may have taken all of it down meanwhile. */
		status = cli_open(cli, LOADER_CREATE, NULL, &loader);
		if (status)
			return status;
		status = restore_ifaces(cli, loader, before);
		/* By name: slots that were free meanwhile may have been given to others. */
		if (cli_bind_set(cli, &before->rules, loader) ||
		    cli_apply(loader, &before->rules, &changed, &failure)) {
			complain(cli, "could not put the former rules back: %s", failure.text);
			status = CLI_REFUSED;
		}
	}
	origins = origins_put_back(cli, before->origins, before->origins_size);
	return status ? status : origins;
}

void before_free(struct before *before)
{
	loader_ifaces_free(before->ifaces, before->iface_count);
	rule_set_clear(&before->rules);
	free(before->origins);
}
