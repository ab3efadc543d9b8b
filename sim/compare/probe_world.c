/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probe_world.c - see probe.h: the world of rules that are looked at without one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "ruleset/cleanup.h"
#include "probe.h"
#include "sim/world.h"

#define OTHER "other"

int probe_name_other(struct iface_names *names)
{
	char name[IFW_NAME_MAX] = OTHER;

	for (int n = 1; iface_names_find(names, name); n++)
		snprintf(name, sizeof(name), OTHER "%d", n);
	return iface_names_add(names, name);
}

static int add_listeners(struct sim_world *world, const struct rule_set *set)
{
	int error = 0;

	for (size_t i = 0; i < set->count && !error; i++) {
		const struct rule *rule = &set->rules[i];
		const bool tcp = rule_protocol(rule) == IPPROTO_TCP;
		const struct sim_socket_key key = {
			.local = rule->listener,
			.local_port = rule->listener_port,
			.family = rule->family,
			.protocol = rule_protocol(rule),
			.kind = SIM_SOCKET_UNCONNECTED,
		};

		if (rule->action != IFW_ACTION_INTERCEPT)
			continue;
		error = sim_world_add_socket(world, &key, tcp ? BPF_TCP_LISTEN : BPF_TCP_CLOSE, 0);
		if (error == -EEXIST)
			error = 0;
	}
	return error;
}

static int add_interfaces(struct sim_world *world, const struct iface_names *names)
{
	auto_free char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return -ENOMEM;
	for (int slot = 1; slot < IFW_SLOTS && names->name[slot][0]; slot++)
		fprintf(stream, "interface %.*s\nset %.*s track off\n", IFW_NAME_MAX,
			names->name[slot], IFW_NAME_MAX, names->name[slot]);
	if (fclose(stream) != 0)
		return -ENOMEM;
	return sim_world_parse(world, text, size, NULL, NULL);
}

int probe_plain_world(const struct rule_set *const *sets, size_t count,
		      const struct iface_names *names, struct sim_world **out)
{
	struct sim_world *world;
	int error = sim_world_create(&world);

	if (error)
		return error;
	error = add_interfaces(world, names);
	for (size_t i = 0; i < count && !error; i++)
		error = add_listeners(world, sets[i]);
	if (error)
		sim_world_destroy(world);
	else
		*out = world;
	return error;
}
