/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state_iface.c - see state_iface.h.
 */
#include <errno.h>
#include <limits.h>

#include "ruleset/grammar.h"
#include "state_iface.h"
#include "sim/world_parse.h"

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
	/* A key that was added: files without it are from before there was such a setting. */
	if (!error && node_member(node, "named_rules").json)
		error = read_flag(node, "named_rules", IFW_IFACE_NAMED_RULES, true, &set->flags);
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

int state_read_iface(struct sim_world *world, const struct node *node)
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
