/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * live.c - see live.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <netinet/in.h>

#include "datapath/flow_table.h"
#include "iface.h"
#include "live.h"
#include "ruleset/clock.h"
#include "sim/world.h"
#include "sim/world_parse.h"

struct live {
	struct sim_world *world;
	struct failure *failure;
	const struct ifaces *ifaces;
	struct rule_set rules; /* with the kernel's order numbers */
	uint64_t now_ns;
	uint32_t epoch;
};

static int no_memory(struct failure *failure, int err)
{
	if (err == -ENOMEM)
		snprintf(failure->text, sizeof(failure->text), "out of memory");
	return err;
}

/* --- Interfaces -------------------------------------------------------------------- */

static int add_addrs(struct sim_world *world, const struct sim_iface *iface,
		     const struct iface_info *info)
{
	int err = 0;

	for (size_t i = 0; i < info->addr_count && !err; i++) {
		const struct ifw_addr_key key = {.addr = info->addrs[i].addr,
						 .slot = iface->slot,
						 .family = info->addrs[i].family};

		err = sim_world_add_addr(world, &key, (enum ifw_addr_kind)info->addrs[i].kind);
		if (err == -EEXIST)
			err = 0;
	}
	return err;
}

static int add_iface(struct live *live, const struct iface_info *info)
{
	struct sim_iface *iface;
	uint32_t slot;
	int err;

	if (!info->present)
		return 0; /* no packet comes by it */
	iface = sim_world_add_iface(live->world, info->name, &err);
	if (!iface)
		return err;
	slot = iface->slot;
	iface->settings = info->settings;
	iface->settings.slot = slot;
	iface->raw = info->settings.flags & IFW_IFACE_RAW_IP;
	if (loader_mac(info->name, iface->mac, &iface->has_mac))
		iface->has_mac = false; /* only captures without a direction need it */
	err = sim_world_index_iface(live->world, iface, info->ifindex);
	return err ? err : add_addrs(live->world, iface, info);
}

/* --- Rules ------------------------------------------------------------------------- */

/* By their text, which gives them the numbers that the world counts by, from 1. */
static int add_rules(struct live *live, struct loader *loader)
{
	char *text __attribute__((cleanup(free_text))) = NULL, line[RULE_TEXT_MAX];
	size_t size = 0;
	FILE *out;
	int err;

	if (loader_rules(loader, &live->rules, live->failure))
		return -ECANCELED;
	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < live->rules.count; i++) {
		rule_print(&live->rules.rules[i], &live->rules.names, line, sizeof(line));
		fprintf(out, "%s\n", line);
	}
	if (fclose(out))
		return -ENOMEM;
	err = sim_world_parse_rules(live->world, text, size, NULL, NULL);
	if (err && err != -ENOMEM)
		snprintf(live->failure->text, sizeof(live->failure->text),
			 "the rules in force cannot be read back (a name in them that the grammar "
			 "does not take?)");
	return err;
}

/* --- Sockets ----------------------------------------------------------------------- */

static int add_socket(void *arg, const struct socket_info *info)
{
	struct live *live = arg;
	const struct sim_socket_key key = {
		.local = info->local,
		.peer = info->peer,
		.local_port = info->local_port,
		.peer_port = info->peer_port,
		.family = info->family,
		.protocol = info->protocol,
		.kind = info->peer_port ? SIM_SOCKET_CONNECTED : SIM_SOCKET_UNCONNECTED,
		.slot = info->ifindex ? sim_world_iface_slot(live->world, info->ifindex) : 0,
	};
	struct sim_socket *there;
	int err;

	/* Of another interface no packet is decided, and so none that could find it. */
	if (info->ifindex && !key.slot)
		return 0;
	err = sim_world_add_socket(live->world, &key, info->state,
				   info->v6only ? SIM_SOCKET_V6ONLY : 0);

	if (err != -EEXIST)
		return err;
	/* Two on one address and port: they share it, and the kernel does not say so otherwise. */
	there = sim_world_find_socket(live->world, &key);
	if (there && key.kind == SIM_SOCKET_UNCONNECTED)
		there->flags |= SIM_SOCKET_REUSEPORT;
	return 0;
}

/* --- Flows ------------------------------------------------------------------------- */

/* Of a flow; 0 also where other rules hold there now than when it was let in. */
static uint8_t world_slot(const struct live *live, uint8_t slot)
{
	for (size_t i = 0; i < live->ifaces->all_count; i++) {
		const struct iface_info *info = &live->ifaces->all[i];
		const struct sim_iface *iface = sim_world_find_iface(live->world, info->name);

		if ((info->settings.slot | (info->settings.flags & IFW_SLOT_NAMED)) == slot &&
		    iface)
			return (uint8_t)sim_world_rules_slot(live->world, iface->slot);
	}
	return 0;
}

/* The rule that it was let in by, where that is still in force, by the world's number. */
static void bind_rule(const struct live *live, struct ifw_flow *flow)
{
	const uint32_t order = flow->epoch == live->epoch ? flow->rule : 0;
	const struct rule *rule;
	size_t low = 0, high = live->rules.count;

	flow->rule = flow->epoch = 0;
	while (order && low < high) {
		const size_t middle = low + (high - low) / 2;

		if (live->rules.rules[middle].order < order) {
			low = middle + 1;
			continue;
		}
		high = middle;
	}
	if (!order || low == live->rules.count || live->rules.rules[low].order != order)
		return;
	rule = sim_world_rule(live->world, (uint32_t)low + 1);
	if (!rule)
		return;
	flow->epoch = live->world->epoch;
	flow->rule = rule->order;
	flow->counter = rule->counter;
}

static int add_flow(void *arg, const struct ifw_flow_key *key, const struct ifw_flow *flow)
{
	struct live *live = arg;
	struct ifw_flow copy = *flow;

	/* While it is written, or by another version. */
	if (!ifw_flow_state_info(flow->state) || flow->expires_ns <= live->now_ns)
		return 0;
	copy.expires_ns -= live->now_ns;
	copy.began_ns = flow->began_ns < live->now_ns ? live->now_ns - flow->began_ns : 0;
	copy.slot = world_slot(live, flow->slot);
	bind_rule(live, &copy);
	live->world->flows_waiting = true;
	return sim_world_put_flow(live->world, ifw_flow_class(copy.state), key, &copy);
}

static int add_flows(struct live *live, struct loader *loader)
{
	struct loader_usage usage;
	int err;

	if (loader_track_settings(loader, &live->world->track, live->failure) ||
	    loader_usage(loader, &usage, live->failure) ||
	    loader_epoch(loader, &live->epoch, live->failure))
		return -ECANCELED;
	sim_world_size_flows(live->world, usage.limits.flows);
	err = loader_flows(loader, add_flow, live, live->failure);
	return err && err != -ENOMEM ? -ECANCELED : err;
}

/* --- All of it --------------------------------------------------------------------- */

/* Of "6.18.5-cloud" the first two numbers; that of the simulator where there are none. */
static uint32_t kernel_version(void)
{
	static const char digits[] = "0123456789";
	uint32_t kernel = SIM_KERNEL_DEFAULT;
	struct utsname names;
	size_t len;

	if (uname(&names))
		return kernel;
	len = strspn(names.release, digits);
	if (names.release[len] == '.')
		len += 1 + strspn(names.release + len + 1, digits);
	(void)world_kernel(names.release, len, &kernel);
	return kernel;
}

static int fill(struct live *live, struct loader *loader)
{
	int err = 0;

	live->now_ns = clock_ns();
	live->world->kernel = kernel_version();
	for (size_t i = 0; i < live->ifaces->count && !err; i++)
		err = add_iface(live, &live->ifaces->all[i]);
	if (!err)
		err = add_rules(live, loader);
	if (!err)
		err = loader_sockets(add_socket, live, live->failure);
	return err ? err : add_flows(live, loader);
}

int live_world(const struct cli *cli, struct loader *loader, struct sim_world **out)
{
	struct failure failure = {0};
	auto_ifaces ifaces = {0};
	auto_world world = NULL;
	struct live live = {.failure = &failure, .ifaces = &ifaces};
	int status, err;

	status = ifaces_load(cli, loader, NULL, &ifaces);
	if (status)
		return status;
	err = sim_world_create(&world);
	live.world = world;
	if (!err)
		err = fill(&live, loader);
	rule_set_clear(&live.rules);
	if (err) {
		no_memory(&failure, err);
		complain(cli, "%s", failure.text[0] ? failure.text : strerror(-err));
		return CLI_REFUSED;
	}
	*out = world;
	world = NULL;
	return CLI_DONE;
}
