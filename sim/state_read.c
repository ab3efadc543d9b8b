/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state_read.c - see state.h: reading. The decision takes much for granted of what stands in
 * its maps, so all is looked at.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <netinet/in.h>

#include "../ruleset/cleanup.h"
#include "../ruleset/grammar.h"
#include "state.h"
#include "state_flow.h"
#include "state_json.h"
#include "world_parse.h"
#include "world_socket.h"

/* --- Addresses -------------------------------------------------------------------- */

static int read_prefix(const struct node *node, struct ifw_net *net)
{
	const char *text;
	bool host_bits;
	int error = node_text(node, &text);

	if (error)
		return error;
	if (grammar_parse_prefix(text, strlen(text), &net->family, &net->addr, &net->len,
				 &host_bits) != 0)
		return node_fault(node, "'%.64s' is no address, or prefix", text);
	return 0;
}

static int read_address(const struct node *node, struct ifw_addr *addr, uint8_t *family)
{
	struct ifw_net net = {};
	int error = read_prefix(node, &net);

	if (error)
		return error;
	if (net.len != ifw_addr_bits(net.family))
		return node_fault(node, "an address has no length");
	*addr = net.addr;
	*family = net.family;
	return 0;
}

static int read_end(const struct node *node, struct ifw_addr *addr, uint16_t *port, uint8_t *family)
{
	const char *text;
	int error = node_text(node, &text);

	if (error)
		return error;
	if (grammar_parse_endpoint(text, strlen(text), family, addr, port) != 0)
		return node_fault(node, "'%.64s' is not ADDRESS:PORT or [ADDRESS]:PORT", text);
	return 0;
}

/* --- Interfaces ------------------------------------------------------------------- */

static int read_flag(const struct node *settings, const char *name, uint32_t flag, bool when,
		     uint32_t *flags)
{
	const struct node node = node_member(settings, name);
	bool value = false;
	int error = node_bool(&node, &value);

	if (!error && value == when)
		*flags |= flag;
	return error;
}

static int read_protocols(const struct node *list, struct ifw_iface *set)
{
	size_t count;
	int error = node_array(list, &count);

	for (size_t i = 0; !error && i < count; i++) {
		const struct node node = node_element(list, i);
		uint64_t number;

		error = node_number(&node, 0, 255, &number);
		if (!error)
			set->protocols[number / 64] |= 1ULL << (number % 64);
	}
	return error;
}

static int read_ethertypes(const struct node *list, struct ifw_iface *set)
{
	size_t count;
	int error = node_array(list, &count);

	if (!error && count > IFW_ETHERTYPES_MAX)
		return node_fault(list, "at most %d fit", IFW_ETHERTYPES_MAX);
	for (size_t i = 0; !error && i < count; i++) {
		const struct node node = node_element(list, i);
		uint64_t number;

		/* IEEE 802.3 3.2.6: below are lengths. */
		error = node_number(&node, 0x600, 0xffff, &number);
		if (!error)
			set->ethertypes[i] = (__u16)number;
	}
	return error;
}

static int read_nets(const struct node *list, struct ifw_iface *set)
{
	size_t count;
	int error = node_array(list, &count);

	if (!error && count > IFW_GENEVE_SOURCES_MAX)
		return node_fault(list, "at most %d fit", IFW_GENEVE_SOURCES_MAX);
	for (size_t i = 0; !error && i < count; i++) {
		const struct node node = node_element(list, i);

		error = read_prefix(&node, &set->geneve_sources[i]);
	}
	return error;
}

static int read_mark(const struct node *settings, struct ifw_iface *set)
{
	const struct node mark_node = node_member(settings, "mark");
	const struct node mask_node = node_member(settings, "mask");
	uint64_t mark, mask;
	int error = node_number(&mark_node, 0, UINT32_MAX, &mark);

	if (!error)
		error = node_number(&mask_node, 1, UINT32_MAX, &mask);
	if (error)
		return error;
	if (mark & ~mask)
		return node_fault(&mark_node, "has bits outside the mask");
	set->mark = (__u32)mark;
	set->mark_mask = (__u32)mask;
	return 0;
}

static int read_settings(const struct node *node, struct sim_iface *iface)
{
	static const char *const defaults[] = {"pass", "deny"};
	const struct node egress = node_member(node, "egress_default");
	const struct node verbose = node_member(node, "verbose");
	const struct node protocols = node_member(node, "pass_protocols");
	const struct node ethertypes = node_member(node, "pass_ethertypes");
	const struct node sources = node_member(node, "geneve_sources");
	struct ifw_iface *set = &iface->settings;
	uint64_t every = 0;
	size_t deny = 0;
	int error;

	if (node_is_null(node)) {
		iface->has_settings = false;
		return 0;
	}
	error = node_object(node);
	if (!error)
		error = read_flag(node, "ssh", IFW_IFACE_SSH_OFF, false, &set->flags);
	if (!error)
		error = read_flag(node, "echo", IFW_IFACE_ECHO, true, &set->flags);
	if (!error)
		error = read_flag(node, "track", IFW_IFACE_TRACK, true, &set->flags);
	if (!error)
		error = read_flag(node, "geneve", IFW_IFACE_GENEVE, true, &set->flags);
	if (!error)
		error = node_word(&egress, defaults, 2, &deny);
	if (!error)
		error = node_number(&verbose, 0, UINT32_MAX, &every);
	if (!error)
		error = read_protocols(&protocols, set);
	if (!error)
		error = read_ethertypes(&ethertypes, set);
	if (!error)
		error = read_nets(&sources, set);
	set->flags |= deny ? IFW_IFACE_EGRESS_DENY : 0;
	set->verbose = (__u32)every;
	return error ? error : read_mark(node, set);
}

static int read_addresses(struct sim_world *world, const struct node *list, struct sim_iface *iface)
{
	static const char *const kinds[] = {"own", "broadcast"};
	size_t count;
	int error;

	if (node_is_null(list))
		return 0;
	iface->settings.flags |= IFW_IFACE_ADDRS_RECORDED;
	error = node_array(list, &count);
	for (size_t i = 0; !error && i < count; i++) {
		const struct node element = node_element(list, i);
		const struct node address = node_member(&element, "address");
		const struct node kind = node_member(&element, "kind");
		struct ifw_addr_key key = {.slot = iface->slot};
		uint8_t family = 0;
		size_t broadcast = 0;

		error = read_address(&address, &key.addr, &family);
		if (!error)
			error = node_word(&kind, kinds, 2, &broadcast);
		key.family = family;
		if (!error)
			error = sim_world_add_addr(world, &key,
						   broadcast ? IFW_ADDR_BROADCAST : IFW_ADDR_LOCAL);
		if (error == -EEXIST)
			return node_fault(&address, "is there already");
	}
	return error;
}

/* null: it is not known. */
static int read_mac(const struct node *node, struct sim_iface *iface)
{
	const char *text;
	int error;

	if (node_is_null(node))
		return 0;
	error = node_text(node, &text);
	if (error)
		return error;
	if (world_mac(text, strlen(text), iface->mac) != 0)
		return node_fault(node, "'%.64s' is no Ethernet address", text);
	iface->has_mac = true;
	return 0;
}

static int read_name(const struct sim_world *world, const struct node *node, const char **name,
		     uint32_t *ifindex)
{
	const struct node name_node = node_member(node, "name");
	const struct node index_node = node_member(node, "ifindex");
	uint64_t index = 0;
	int error = node_text(&name_node, name);

	if (!error)
		error = node_number(&index_node, 1, INT_MAX, &index);
	if (error)
		return error;
	*ifindex = (uint32_t)index;
	if (strlen(*name) >= IFW_NAME_MAX || !iface_name_valid(*name, strlen(*name)))
		return node_fault(&name_node, "'%.64s' cannot be an interface's name", *name);
	if (sim_world_find_iface(world, *name))
		return node_fault(&name_node, "'%s' is there already", *name);
	if (sim_world_ifname(world, *ifindex))
		return node_fault(&index_node, "%u is that of '%s'", *ifindex,
				  sim_world_ifname(world, *ifindex));
	return 0;
}

static int read_iface(struct sim_world *world, const struct node *node)
{
	static const char *const links[] = {"ethernet", "raw"};
	const struct node link = node_member(node, "link"), mac = node_member(node, "mac");
	const struct node settings = node_member(node, "settings");
	const struct node addresses = node_member(node, "addresses");
	struct sim_iface *iface;
	const char *name = NULL;
	uint32_t ifindex = 0;
	size_t raw = 0;
	int error = node_object(node);

	if (!error)
		error = read_name(world, node, &name, &ifindex);
	if (error)
		return error;
	iface = sim_world_add_iface(world, name, &error);
	if (!iface)
		return error == -ENOMEM ? error : node_fault(node, "at most %d fit", IFW_SLOTS - 1);
	error = sim_world_index_iface(world, iface, ifindex);
	if (!error)
		error = node_word(&link, links, 2, &raw);
	if (!error)
		error = read_mac(&mac, iface);
	if (!error)
		error = read_settings(&settings, iface);
	if (!error)
		error = read_addresses(world, &addresses, iface);
	if (!error && raw) {
		iface->raw = true;
		iface->settings.flags |= IFW_IFACE_RAW_IP;
	}
	return error;
}

/* --- Rules ------------------------------------------------------------------------ */

/* Where in the list the text of all rules has its lines, and what is wrong with one. */
static void on_diagnostic(void *arg, const struct diagnostic *diagnostic)
{
	struct node *list = arg;
	struct node node;

	if (diagnostic->severity != SEVERITY_ERROR || list->message[0])
		return;
	node = node_element(list, diagnostic->line - 1);
	node_fault(&node, "column %u: %s", diagnostic->column, diagnostic->message);
}

static int join_rules(const struct node *list, FILE *out)
{
	size_t count;
	int error = node_array(list, &count);

	for (size_t i = 0; !error && i < count; i++) {
		const struct node node = node_element(list, i);
		const char *text;

		error = node_text(&node, &text);
		if (!error && strchr(text, '\n'))
			error = node_fault(&node, "is more than one line");
		if (!error)
			fprintf(out, "%s\n", text);
	}
	return error;
}

static int read_rules(struct sim_world *world, const struct node *root)
{
	struct node list = node_member(root, "rules");
	auto_free char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int error = out ? join_rules(&list, out) : -ENOMEM;

	if (out && fclose(out) != 0 && !error)
		error = -ENOMEM;
	if (error)
		return error;
	error = sim_world_parse_rules(world, text, size, on_diagnostic, &list);
	if (error == -E2BIG)
		return node_fault(&list, "too many different pairs of prefix lengths");
	return error;
}

/* --- Sockets ---------------------------------------------------------------------- */

static int read_word(const struct node *node, const struct socket_word **word)
{
	const struct node protocol_node = node_member(node, "protocol");
	const struct node state_node = node_member(node, "state");
	const char *protocol, *state;
	int error = node_text(&protocol_node, &protocol);

	if (!error)
		error = node_text(&state_node, &state);
	if (error)
		return error;
	*word = socket_word_find(protocol, strlen(protocol), state, strlen(state));
	return *word ? 0
		     : node_fault(&state_node, "no socket of '%.16s' is '%.32s'", protocol, state);
}

static int read_socket_flag(const struct node *node, const char *name, unsigned int flag,
			    unsigned int *flags)
{
	const struct node member = node_member(node, name);
	bool on = false;
	int error = node_bool(&member, &on);

	if (on)
		*flags |= flag;
	return error;
}

static int read_socket(struct sim_world *world, const struct node *node)
{
	const struct node local = node_member(node, "local"), remote = node_member(node, "remote");
	const struct socket_word *word = NULL;
	struct sim_socket_key key = {};
	uint8_t family_of_peer = 0;
	unsigned int flags = 0;
	const char *fault;
	int error = node_object(node);

	if (!error)
		error = read_word(node, &word);
	if (!error)
		error = read_end(&local, &key.local, &key.local_port, &key.family);
	if (!error && word->kind == SIM_SOCKET_CONNECTED)
		error = read_end(&remote, &key.peer, &key.peer_port, &family_of_peer);
	if (!error)
		error = read_socket_flag(node, "reuseport", SIM_SOCKET_REUSEPORT, &flags);
	if (!error)
		error = read_socket_flag(node, "v6only", SIM_SOCKET_V6ONLY, &flags);
	if (!error)
		error = state_read_slot(world, node, &key.slot);
	if (error)
		return error;
	key.protocol = word->number;
	key.kind = word->kind;
	fault = socket_fault(&key, family_of_peer, flags);
	if (fault)
		return node_fault(node, "%s", fault);
	error = sim_world_add_socket(world, &key, word->state, flags);
	return error == -EEXIST ? node_fault(node, "is there already") : error;
}

/* --- All of it -------------------------------------------------------------------- */

static int read_kernel(struct sim_world *world, const struct node *root)
{
	const struct node node = node_member(root, "kernel");
	const char *text;
	int error = node_text(&node, &text);

	if (!error && world_kernel(text, strlen(text), &world->kernel) != 0)
		error = node_fault(&node, "'%.64s' is no version such as 6.1", text);
	return error;
}

static int read_version(const struct node *root)
{
	const struct node node = node_member(root, "ifw_state");
	uint64_t version;
	int error = node_number(&node, 1, INT_MAX, &version);

	if (!error && version != STATE_VERSION)
		return node_fault(&node, "this is version %u, and only %d is read",
				  (unsigned int)version, STATE_VERSION);
	return error;
}

static int read_list(struct sim_world *world, const struct node *root, const char *name,
		     int (*one)(struct sim_world *world, const struct node *node))
{
	const struct node list = node_member(root, name);
	size_t count;
	int error = node_array(&list, &count);

	for (size_t i = 0; !error && i < count; i++) {
		const struct node node = node_element(&list, i);

		error = one(world, &node);
	}
	return error;
}

static int read_all(struct sim_world *world, const struct node *root)
{
	int error =
		json_is_object(root->json) ? read_version(root) : node_fault(root, "is no object");

	if (!error)
		error = read_kernel(world, root);
	if (!error)
		error = read_list(world, root, "interfaces", read_iface);
	if (!error)
		error = read_rules(world, root);
	if (!error)
		error = read_list(world, root, "sockets", read_socket);
	if (!error)
		error = state_read_track(world, root);
	if (!error)
		error = read_list(world, root, "flows", state_read_flow);
	return error;
}

int state_read(struct sim_world *world, const char *text, size_t size,
	       char message[STATE_MESSAGE_MAX])
{
	struct node root = {.message = message};
	json_error_t why;
	json_t *json;
	int error;

	message[0] = '\0';
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	root.json = json;
	if (!json) {
		snprintf(message, STATE_MESSAGE_MAX, "line %d, column %d: %s", why.line, why.column,
			 why.text);
		return -EINVAL;
	}
	error = read_all(world, &root);
	json_decref(json);
	if (error)
		sim_world_clear(world);
	return error;
}
