/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state_write.c - see state.h: writing. Each element of a list is a line, and no list is
 * ever whole in memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>

#include "datapath/flow_table.h"
#include "sim/explain/explain_text.h"
#include "state.h"
#include "state_form.h"
#include "sim/world_socket.h"

/* A list under way. */
struct list {
	FILE *out;
	const char *before; /* what stands between its elements */
	int error;
};

static struct list begin_list(FILE *out, const char *name)
{
	fprintf(out, "  \"%s\": [", name);
	return (struct list){out, "\n    ", 0};
}

/* Takes the element over; NULL: it could not be made. */
static void put(struct list *list, json_t *element)
{
	if (!element) {
		if (!list->error)
			list->error = -EILSEQ;
		return;
	}
	fputs(list->before, list->out);
	list->before = ",\n    ";
	if (json_dumpf(element, list->out, JSON_COMPACT | JSON_ENCODE_ANY) && !list->error)
		list->error = -EIO;
	json_decref(element);
}

static int end_list(struct list *list, const char *after)
{
	fprintf(list->out, "\n  ]%s\n", after);
	return list->error;
}

/* --- Interfaces -------------------------------------------------------------------- */

static json_t *protocols_json(const struct ifw_iface *set)
{
	json_t *array = json_array();

	for (unsigned int number = 0; number < 256; number++)
		if (set->protocols[number / 64] >> (number % 64) & 1)
			json_array_append_new(array, json_integer(number));
	return array;
}

static json_t *ethertypes_json(const struct ifw_iface *set)
{
	json_t *array = json_array();

	for (size_t i = 0; i < IFW_ETHERTYPES_MAX; i++)
		if (set->ethertypes[i])
			json_array_append_new(array, json_integer(set->ethertypes[i]));
	return array;
}

static json_t *nets_json(const struct ifw_iface *set)
{
	json_t *array = json_array();
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < IFW_GENEVE_SOURCES_MAX; i++) {
		const struct ifw_net *net = &set->geneve_sources[i];

		if (net->family == IFW_FAMILY_NONE)
			continue;
		rule_print_addr(net->addr, net->family, text, sizeof(text));
		json_array_append_new(array, json_sprintf("%s/%u", text, net->len));
	}
	return array;
}

static json_t *settings_json(const struct sim_iface *iface)
{
	const struct ifw_iface *set = &iface->settings;

	if (!iface->has_settings)
		return json_null();
	return json_pack("{s:b, s:b, s:b, s:s, s:b, s:I, s:b, s:o, s:o, s:o, s:I, s:I}", "ssh",
			 !(set->flags & IFW_IFACE_SSH_OFF), "echo", !!(set->flags & IFW_IFACE_ECHO),
			 "track", !!(set->flags & IFW_IFACE_TRACK), "egress_default",
			 set->flags & IFW_IFACE_EGRESS_DENY ? "deny" : "pass", "named_rules",
			 !!(set->flags & IFW_IFACE_NAMED_RULES), "verbose",
			 (json_int_t)set->verbose, "geneve", !!(set->flags & IFW_IFACE_GENEVE),
			 "geneve_sources", nets_json(set), "pass_protocols", protocols_json(set),
			 "pass_ethertypes", ethertypes_json(set), "mark", (json_int_t)set->mark,
			 "mask", (json_int_t)set->mark_mask);
}

/* null where they were never recorded. */
static json_t *addresses_json(const struct sim_world *world, const struct sim_iface *iface)
{
	char text[INET6_ADDRSTRLEN];
	json_t *array;

	if (!(iface->settings.flags & IFW_IFACE_ADDRS_RECORDED))
		return json_null();
	array = json_array();
	for (const struct sim_addr *addr = world->addrs; addr; addr = addr->hh.next) {
		if (addr->key.slot != iface->slot)
			continue;
		rule_print_addr(addr->key.addr, (uint8_t)addr->key.family, text, sizeof(text));
		json_array_append_new(
			array, json_pack("{s:s, s:s}", "address", text, "kind",
					 addr->kind == IFW_ADDR_LOCAL ? "own" : "broadcast"));
	}
	return array;
}

static json_t *mac_json(const struct sim_iface *iface)
{
	const uint8_t *mac = iface->mac;

	return iface->has_mac ? json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
					     mac[2], mac[3], mac[4], mac[5])
			      : json_null();
}

static int write_ifaces(const struct sim_world *world, FILE *out)
{
	struct list list = begin_list(out, "interfaces");

	for (const struct sim_iface *iface = world->ifaces; iface; iface = iface->next)
		put(&list,
		    json_pack("{s:s, s:I, s:s, s:o, s:o, s:o}", "name", iface->name, "ifindex",
			      (json_int_t)iface->ifindex, "link", iface->raw ? "raw" : "ethernet",
			      "mac", mac_json(iface), "settings", settings_json(iface), "addresses",
			      addresses_json(world, iface)));
	return end_list(&list, ",");
}

/* --- Rules, sockets ------------------------------------------------------------------ */

static int write_rules(const struct sim_world *world, FILE *out)
{
	struct list list = begin_list(out, "rules");
	char text[RULE_TEXT_MAX];

	for (size_t i = 0; i < world->rules.count; i++) {
		rule_print(&world->rules.rules[i], &world->rules.names, text, sizeof(text));
		put(&list, json_string(text));
	}
	return end_list(&list, ",");
}

static json_t *end_json(struct ifw_addr addr, uint16_t port, uint8_t family)
{
	char text[EXPLAIN_END_MAX];

	explain_end(addr, port, family, text);
	return json_string(text);
}

/* NULL: none. */
static const char *slot_name(const struct sim_world *world, uint8_t slot)
{
	return slot < IFW_SLOTS && world->names.name[slot][0] ? world->names.name[slot] : NULL;
}

/* An IPv6 socket that speaks IPv4 is found by IPv4 addresses, and has the others. */
static struct sim_socket_key as_given(const struct sim_socket *socket)
{
	const uint64_t mapped = 0xffffULL << 32;
	struct sim_socket_key key = socket->key;

	if (key.family != IFW_FAMILY_IPV4 || socket->sk.family != AF_INET6)
		return key;
	key.family = IFW_FAMILY_IPV6;
	key.local = (struct ifw_addr){0, mapped | key.local.hi >> 32};
	if (key.kind == SIM_SOCKET_CONNECTED)
		key.peer = (struct ifw_addr){0, mapped | key.peer.hi >> 32};
	return key;
}

static json_t *socket_json(const struct sim_world *world, const struct sim_socket *socket)
{
	const struct sim_socket_key given = as_given(socket), *key = &given;
	const struct socket_word *word = socket_word_of(key->protocol, key->kind, socket->sk.state);

	return json_pack(
		"{s:s, s:s, s:o, s:o, s:s?, s:b, s:b}", "protocol", word->protocol, "state",
		word->word, "local", end_json(key->local, key->local_port, key->family), "remote",
		key->kind == SIM_SOCKET_CONNECTED ? end_json(key->peer, key->peer_port, key->family)
						  : json_null(),
		"interface", slot_name(world, key->slot), "reuseport",
		!!(socket->flags & SIM_SOCKET_REUSEPORT), "v6only",
		!!(socket->flags & SIM_SOCKET_V6ONLY));
}

static int write_sockets(const struct sim_world *world, FILE *out)
{
	struct list list = begin_list(out, "sockets");

	for (const struct sim_socket *socket = world->sockets; socket; socket = socket->hh.next)
		put(&list, socket_json(world, socket));
	return end_list(&list, ",");
}

/* --- Flows ----------------------------------------------------------------------------- */

static int write_track(const struct sim_world *world, FILE *out)
{
	json_t *timeouts = json_object(), *track;
	/* The room from which sim_world_size_flows() makes the same shares again: half is theirs.
	 */
	const uint64_t room = 2ULL * world->flows_max[IFW_FLOWS_CONNECTED];
	int error;

	for (unsigned int state = IFW_FLOW_NONE + 1; state < IFW_FLOW_STATE_END; state++)
		json_object_set_new(timeouts, ifw_flow_state_info(state)->name,
				    json_integer((json_int_t)world->track.timeouts_ns[state]));
	track = json_pack("{s:b, s:b, s:I, s:o}", "pick_up",
			  !!(world->track.flags & IFW_TRACK_PICK_UP), "liberal",
			  !!(world->track.flags & IFW_TRACK_LIBERAL), "max_flows", (json_int_t)room,
			  "timeouts_ns", timeouts);
	if (!track)
		return -ENOMEM;
	fputs("  \"track\": ", out);
	error = json_dumpf(track, out, JSON_COMPACT) ? -EIO : 0;
	json_decref(track);
	fputs(",\n", out);
	return error;
}

static void set_numbers(json_t *object, const void *from, const struct state_number *numbers,
			size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, numbers[i].name,
				    json_integer((json_int_t)state_number_of(from, &numbers[i])));
}

/* Times count from now on where the world's clock has not begun, else from nothing known. */
static json_t *flow_json(const struct sim_world *world, const struct sim_flow *flow)
{
	const uint8_t slot = flow->value.slot & (uint8_t)~IFW_SLOT_NAMED;
	/* As ifw_recall_rule() takes it or not. */
	const bool holds = flow->value.epoch == world->epoch &&
			   flow->value.slot == sim_world_rules_slot(world, slot);
	const struct rule *rule = holds ? sim_world_rule(world, flow->value.rule) : NULL;
	json_t *sides = json_array(), *object;
	char low[INET6_ADDRSTRLEN], high[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < IFW_SIDES; i++) {
		json_t *side = json_object();

		set_numbers(side, &flow->value.sides[i], state_side_numbers, STATE_SIDE_NUMBERS);
		json_array_append_new(sides, side);
	}
	rule_print_addr(flow->key.low, flow->key.family, low, sizeof(low));
	rule_print_addr(flow->key.high, flow->key.family, high, sizeof(high));
	object = json_pack(
		"{s:i, s:s, s:I, s:s, s:I, s:s, s:I, s:I, s:o, s:s?, s:o}", "protocol",
		flow->key.protocol, "low", low, "low_port", (json_int_t)flow->key.low_port, "high",
		high, "high_port", (json_int_t)flow->key.high_port, "state",
		ifw_flow_state_info(flow->value.state)->name, "expires_in_ns",
		(json_int_t)flow->value.expires_ns, "age_ns", (json_int_t)flow->value.began_ns,
		"rule", rule ? json_integer(rule - world->rules.rules + 1) : json_null(),
		"interface", slot_name(world, slot), "sides", sides);
	if (object)
		set_numbers(object, &flow->value, state_flow_numbers, STATE_FLOW_NUMBERS);
	return object;
}

static int write_flows(const struct sim_world *world, FILE *out)
{
	struct list list = begin_list(out, "flows");

	for (int class = 0; class < IFW_FLOW_CLASSES; class ++)
		for (const struct sim_flow *flow = world->flows[class]; flow; flow = flow->hh.next)
			put(&list, flow_json(world, flow));
	return end_list(&list, "");
}

/* --- All of it ------------------------------------------------------------------------- */

int state_write(const struct sim_world *world, FILE *out)
{
	static int (*const parts[])(const struct sim_world *world, FILE *out) = {
		write_ifaces, write_rules, write_sockets, write_track, write_flows};

	fprintf(out, "{\n  \"ifw_state\": %d,\n  \"kernel\": \"%u.%u\",\n", STATE_VERSION,
		world->kernel >> 16, world->kernel & 0xffff);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int error = parts[i](world, out);

		if (error)
			return error;
	}
	fputs("}\n", out);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
