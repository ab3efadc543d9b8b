/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flows.c - the maps of tracked flows: hashes that drop what was used least
 * recently. The kernel's (kernel/bpf/bpf_lru_list.c) are bound by the same number
 * but pick only roughly the oldest.
 */
#include <errno.h>
#include <stdlib.h>

#include "world.h"

/* uthash keeps the order in which elements were added. NULL: no memory, and it is freed. */
static struct sim_flow *append(struct sim_flow **flows, struct sim_flow *flow)
{
	bool no_memory = false;

	HASH_ADD(hh, *flows, key, sizeof(flow->key), flow);
	if (!no_memory)
		return flow;
	free(flow);
	return NULL;
}

const struct ifw_flow *sim_world_peek_flow(const struct sim_world *world, enum ifw_flow_class class,
					   const struct ifw_flow_key *key)
{
	const struct sim_flow *flow;

	HASH_FIND(hh, world->flows[class], key, sizeof(*key), flow);
	return flow ? &flow->value : NULL;
}

struct ifw_flow *sim_world_find_flow(struct sim_world *world, enum ifw_flow_class class,
				     const struct ifw_flow_key *key)
{
	struct sim_flow **flows = &world->flows[class], *flow;

	HASH_FIND(hh, *flows, key, sizeof(*key), flow);
	if (!flow)
		return NULL;
	HASH_DEL(*flows, flow);
	flow = append(flows, flow);
	return flow ? &flow->value : NULL;
}

int sim_world_put_flow(struct sim_world *world, enum ifw_flow_class class,
		       const struct ifw_flow_key *key, const struct ifw_flow *value)
{
	struct sim_flow *flow;

	sim_world_drop_flow(world, class, key);
	if (HASH_COUNT(world->flows[class]) >= world->flows_max[class])
		sim_world_drop_flow(world, class, &world->flows[class]->key);
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	flow->key = *key;
	flow->value = *value;
	return append(&world->flows[class], flow) ? 0 : -ENOMEM;
}

void sim_world_drop_flow(struct sim_world *world, enum ifw_flow_class class,
			 const struct ifw_flow_key *key)
{
	struct sim_flow *flow;

	HASH_FIND(hh, world->flows[class], key, sizeof(*key), flow);
	if (!flow)
		return;
	HASH_DEL(world->flows[class], flow);
	free(flow);
}

void sim_world_clear_flows(struct sim_world *world)
{
	for (int class = 0; class < IFW_FLOW_CLASSES; class ++)
		while (world->flows[class])
			sim_world_drop_flow(world, class, &world->flows[class]->key);
}

/* Shares as the loader gives them, docs/decisions/0007-tracking.md. */
void sim_world_size_flows(struct sim_world *world, uint32_t total)
{
	world->flows_max[IFW_FLOWS_NEW] = total / 4 ? total / 4 : 1;
	world->flows_max[IFW_FLOWS_REPLIED] = total / 4 ? total / 4 : 1;
	world->flows_max[IFW_FLOWS_CONNECTED] = total / 2 ? total / 2 : 1;
}

/* A flow may have begun before the clock did: then at 0. */
void sim_world_start_flows(struct sim_world *world, uint64_t now_ns)
{
	if (!world->flows_waiting)
		return;
	world->flows_waiting = false;
	for (int class = 0; class < IFW_FLOW_CLASSES; class ++) {
		for (struct sim_flow *flow = world->flows[class]; flow; flow = flow->hh.next) {
			flow->value.expires_ns += now_ns;
			flow->value.began_ns =
				now_ns > flow->value.began_ns ? now_ns - flow->value.began_ns : 0;
		}
	}
}
