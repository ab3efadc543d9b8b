/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state_flow.c - see state_flow.h.
 */
#include <errno.h>

#include <netinet/in.h>

#include "datapath/flow_table.h"
#include "ruleset/grammar.h"
#include "state_flow.h"
#include "state_form.h"
#include "sim/world_parse.h"

#define FLOWS_MAX (1U << 24)

int state_read_track(struct sim_world *world, const struct node *root)
{
	const struct node track = node_member(root, "track");
	const struct node pick_up = node_member(&track, "pick_up");
	const struct node liberal = node_member(&track, "liberal");
	const struct node room_node = node_member(&track, "max_flows");
	const struct node timeouts = node_member(&track, "timeouts_ns");
	bool picks_up = false, is_liberal = false;
	uint64_t room = 0;
	int error = node_object(&track);

	if (!error)
		error = node_bool(&pick_up, &picks_up);
	if (!error)
		error = node_bool(&liberal, &is_liberal);
	if (!error)
		error = node_number(&room_node, 1, FLOWS_MAX, &room);
	if (!error)
		error = node_object(&timeouts);
	for (unsigned int state = IFW_FLOW_NONE + 1; !error && state < IFW_FLOW_STATE_END;
	     state++) {
		const struct node node = node_member(&timeouts, ifw_flow_state_info(state)->name);
		uint64_t value;

		error = node_number(&node, 0, INT64_MAX / 4, &value);
		if (!error)
			world->track.timeouts_ns[state] = value;
	}
	if (error)
		return error;
	world->track.flags =
		(picks_up ? IFW_TRACK_PICK_UP : 0) | (is_liberal ? IFW_TRACK_LIBERAL : 0);
	sim_world_size_flows(world, (uint32_t)room);
	return 0;
}

static int read_numbers(const struct node *node, const struct state_number *numbers, size_t count,
			void *to)
{
	int error = node_object(node);

	for (size_t i = 0; !error && i < count; i++) {
		const struct node member = node_member(node, numbers[i].name);
		uint64_t value = 0;

		error = node_number(&member, 0, numbers[i].max, &value);
		state_set_number(to, &numbers[i], value);
	}
	return error;
}

static int read_end(const struct node *node, const char *name, const char *port_name,
		    struct ifw_addr *addr, uint16_t *port, uint8_t *family)
{
	const struct node address = node_member(node, name);
	const struct node number = node_member(node, port_name);
	uint64_t value = 0;
	const char *text;
	uint8_t len;
	bool host_bits;
	int error = node_text(&address, &text);

	if (!error &&
	    (grammar_parse_prefix(text, strlen(text), family, addr, &len, &host_bits) != 0 ||
	     len != ifw_addr_bits(*family)))
		error = node_fault(&address, "'%.64s' is no address", text);
	if (!error)
		error = node_number(&number, 0, UINT16_MAX, &value);
	*port = (uint16_t)value;
	return error;
}

/* As ifw_flow_key() makes it. */
static int read_key(const struct node *node, struct ifw_flow_key *key)
{
	const struct node protocol_node = node_member(node, "protocol");
	uint8_t family_of_high = 0;
	uint64_t protocol = 0;
	int error = node_number(&protocol_node, 1, 255, &protocol);

	if (!error)
		error = read_end(node, "low", "low_port", &key->low, &key->low_port, &key->family);
	if (!error)
		error = read_end(node, "high", "high_port", &key->high, &key->high_port,
				 &family_of_high);
	if (error)
		return error;
	if (family_of_high != key->family)
		return node_fault(node, "low and high are of different families");
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP &&
	    protocol != (key->family == IFW_FAMILY_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return node_fault(&protocol_node, "flows have TCP, UDP or echo");
	if (key->low.hi > key->high.hi ||
	    (key->low.hi == key->high.hi && key->low.lo > key->high.lo))
		return node_fault(node, "low is not the lower end");
	key->protocol = (uint8_t)protocol;
	return 0;
}

static int read_state(const struct node *node, uint8_t protocol, uint8_t *state)
{
	const struct node member = node_member(node, "state");
	const char *text;
	int error = node_text(&member, &text);

	if (error)
		return error;
	for (unsigned int i = IFW_FLOW_NONE + 1; i < IFW_FLOW_STATE_END; i++)
		if (strcmp(text, ifw_flow_state_info(i)->name) == 0 &&
		    world_state_suits(i, protocol)) {
			*state = (uint8_t)i;
			return 0;
		}
	return node_fault(&member, "'%.32s' is no state of such a flow", text);
}

/* The rule that let it in, as ifw_keep_rule() notes it; null: none, or rules that have gone. */
static int read_rule(const struct sim_world *world, const struct node *node, struct ifw_flow *flow)
{
	const struct node member = node_member(node, "rule");
	const struct rule *rule;
	uint64_t order;
	int error;

	if (node_is_null(&member))
		return 0;
	error = node_number(&member, 1, UINT32_MAX, &order);
	if (error)
		return error;
	rule = sim_world_rule(world, (uint32_t)order);
	if (!rule)
		return node_fault(&member, "there is no such rule");
	flow->epoch = world->epoch;
	flow->rule = rule->order;
	flow->counter = rule->counter;
	flow->listener = rule->listener;
	flow->listener_port = rule->listener_port;
	flow->action = rule->action;
	return 0;
}

int state_read_slot(const struct sim_world *world, const struct node *node, uint8_t *slot)
{
	const struct node member = node_member(node, "interface");
	const struct sim_iface *iface;
	const char *name;
	int error;

	if (node_is_null(&member))
		return 0;
	error = node_text(&member, &name);
	if (error)
		return error;
	iface = sim_world_find_iface(world, name);
	if (!iface)
		return node_fault(&member, "there is no interface '%.32s'", name);
	*slot = (uint8_t)iface->slot;
	return 0;
}

static int read_times(const struct node *node, struct ifw_flow *flow)
{
	const struct node expires = node_member(node, "expires_in_ns");
	const struct node age = node_member(node, "age_ns");
	uint64_t left = 0, began = 0;
	int error = node_number(&expires, 0, INT64_MAX / 4, &left);

	if (!error)
		error = node_number(&age, 0, INT64_MAX / 4, &began);
	flow->expires_ns = left;
	flow->began_ns = began;
	return error;
}

int state_read_flow(struct sim_world *world, const struct node *node)
{
	const struct node sides = node_member(node, "sides");
	struct ifw_flow_key key = {};
	struct ifw_flow flow = {};
	size_t count = 0;
	int error = node_object(node);

	if (!error)
		error = read_key(node, &key);
	if (!error)
		error = read_state(node, key.protocol, &flow.state);
	if (!error)
		error = read_times(node, &flow);
	if (!error)
		error = read_numbers(node, state_flow_numbers, STATE_FLOW_NUMBERS, &flow);
	if (!error)
		error = node_array(&sides, &count);
	if (!error && count != IFW_SIDES)
		error = node_fault(&sides, "are not two");
	for (size_t i = 0; !error && i < IFW_SIDES; i++) {
		const struct node side = node_element(&sides, i);

		error = read_numbers(&side, state_side_numbers, STATE_SIDE_NUMBERS, &flow.sides[i]);
	}
	if (!error)
		error = read_rule(world, node, &flow);
	if (!error)
		error = state_read_slot(world, node, &flow.slot);
	if (error)
		return error;
	flow.slot = (uint8_t)sim_world_rules_slot(world, flow.slot);
	world->flows_waiting = true;
	return sim_world_put_flow(world, ifw_flow_class(flow.state), &key, &flow);
}
