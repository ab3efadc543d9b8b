/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world.c - the mocked kernel's maps and interfaces. Sets of rules are held the
 * way the kernel holds them, in two generations of which one is in force.
 */
#include <errno.h>
#include <stdlib.h>

#include "ruleset/compile.h"
#include "world.h"

int sim_world_create(struct sim_world **world)
{
	struct sim_world *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	new->kernel = SIM_KERNEL_DEFAULT;
	new->event_room = SIM_EVENTS_UNLIMITED;
	new->track = ifw_track_defaults();
	sim_world_size_flows(new, IFW_FLOWS_DEFAULT);
	*world = new;
	return 0;
}

static void set_clear(struct sim_set *set)
{
	free(set->slots);
	free(set->index);
	free(set->prefixes);
	free(set->ranges);
	*set = (struct sim_set){};
}

void sim_world_clear(struct sim_world *world)
{
	struct sim_addr *addr, *next_addr;

	for (int i = 0; i < SIM_GENERATIONS; i++)
		set_clear(&world->sets[i]);
	rule_set_clear(&world->rules);
	free(world->rule_counts);
	world->rule_counts = NULL;
	world->rule_count_room = 0;
	HASH_ITER(hh, world->addrs, addr, next_addr)
	{
		HASH_DEL(world->addrs, addr);
		free(addr);
	}
	memset(world->addr_filter, 0, sizeof(world->addr_filter));
	HASH_CLEAR(hh, world->ifaces_by_index);
	while (world->ifaces) {
		struct sim_iface *next = world->ifaces->next;

		free(world->ifaces);
		world->ifaces = next;
	}
	sim_world_clear_events(world);
	sim_world_clear_sockets(world);
	sim_world_clear_fragments(world);
	sim_world_clear_flows(world);
	sim_world_size_flows(world, IFW_FLOWS_DEFAULT);
	world->track = ifw_track_defaults();
	world->epoch = 0;
	world->flows_waiting = false;
	world->names = (struct iface_names){};
	world->kernel = SIM_KERNEL_DEFAULT;
	world->active = 0;
	world->watch = (struct ifw_watch){};
	memset(world->counters, 0, sizeof(world->counters));
}

void sim_world_destroy(struct sim_world *world)
{
	if (!world)
		return;
	sim_world_clear(world);
	sim_world_free_buffer(world);
	free(world->packet_event);
	free(world);
}

struct iface_names *sim_world_names(struct sim_world *world)
{
	return &world->names;
}

/* --- Interfaces and their addresses --------------------------------------- */

struct sim_iface *sim_world_add_iface(struct sim_world *world, const char *name, int *error)
{
	struct sim_iface *iface, **last = &world->ifaces;
	int slot;

	slot = iface_names_add(&world->names, name);
	if (slot < 0) {
		*error = slot;
		return NULL;
	}
	iface = calloc(1, sizeof(*iface));
	if (!iface) {
		*error = -ENOMEM;
		return NULL;
	}
	iface->slot = (uint32_t)slot;
	iface->has_settings = true;
	iface->settings.slot = iface->slot;
	iface->settings.mark = IFW_MARK_DEFAULT;
	iface->settings.mark_mask = IFW_MARK_MASK_DEFAULT;
	strncpy(iface->name, name, sizeof(iface->name) - 1);
	memcpy(iface->settings.name, iface->name, sizeof(iface->settings.name));
	while (*last)
		last = &(*last)->next;
	*last = iface;
	return iface;
}

int sim_world_index_iface(struct sim_world *world, struct sim_iface *iface, uint32_t ifindex)
{
	bool no_memory = false;

	iface->ifindex = ifindex;
	HASH_ADD(hh, world->ifaces_by_index, ifindex, sizeof(iface->ifindex), iface);
	return no_memory ? -ENOMEM : 0;
}

struct sim_iface *sim_world_find_iface(const struct sim_world *world, const char *name)
{
	struct sim_iface *iface = world->ifaces;

	while (iface && strcmp(iface->name, name) != 0)
		iface = iface->next;
	return iface;
}

int sim_world_add_addr(struct sim_world *world, const struct ifw_addr_key *key,
		       enum ifw_addr_kind kind)
{
	struct sim_addr *addr;
	bool no_memory = false;

	HASH_FIND(hh, world->addrs, key, sizeof(*key), addr);
	if (addr) {
		if (addr->kind == kind || kind == IFW_ADDR_BROADCAST)
			return -EEXIST;
		addr->kind = kind;
		return 0;
	}
	addr = calloc(1, sizeof(*addr));
	if (!addr)
		return -ENOMEM;
	addr->key = *key;
	addr->kind = kind;
	HASH_ADD(hh, world->addrs, key, sizeof(addr->key), addr);
	if (no_memory) {
		free(addr);
		return -ENOMEM;
	}
	world->addr_filter[key->slot % IFW_SLOTS] |= ifw_addr_bit(key->addr);
	return 0;
}

bool sim_world_is_own(const struct sim_world *world, struct ifw_addr addr, uint8_t family)
{
	struct ifw_addr_key key = {.addr = addr, .family = family};
	const struct sim_addr *own;

	for (const struct sim_iface *iface = world->ifaces; iface; iface = iface->next) {
		key.slot = iface->slot;
		HASH_FIND(hh, world->addrs, &key, sizeof(key), own);
		if (own && own->kind == IFW_ADDR_LOCAL)
			return true;
	}
	return false;
}

uint32_t sim_world_ifindex(const struct sim_world *world, const char *name)
{
	const struct sim_iface *iface = sim_world_find_iface(world, name);

	return iface ? iface->ifindex : 0;
}

static const struct sim_iface *iface_by_index(const struct sim_world *world, uint32_t ifindex)
{
	struct sim_iface *iface;

	HASH_FIND(hh, world->ifaces_by_index, &ifindex, sizeof(ifindex), iface);
	return iface;
}

uint8_t sim_world_iface_slot(const struct sim_world *world, uint32_t ifindex)
{
	const struct sim_iface *iface = iface_by_index(world, ifindex);

	return iface ? (uint8_t)iface->slot : 0;
}

uint32_t sim_world_slot(const struct sim_world *world, uint32_t ifindex)
{
	const struct sim_iface *iface = iface_by_index(world, ifindex);

	return iface && iface->has_settings ? iface->slot : IFW_SLOT_NONE;
}

uint32_t sim_world_rules_slot(const struct sim_world *world, uint32_t slot)
{
	for (const struct sim_iface *iface = world->ifaces; iface; iface = iface->next)
		if (iface->has_settings && iface->slot == slot)
			return slot | (iface->settings.flags & IFW_SLOT_NAMED);
	return slot;
}

const char *sim_world_ifname(const struct sim_world *world, uint32_t ifindex)
{
	const struct sim_iface *iface = iface_by_index(world, ifindex);

	return iface ? iface->name : NULL;
}

enum sim_link sim_world_link(const struct sim_world *world, uint32_t ifindex)
{
	const struct sim_iface *iface = iface_by_index(world, ifindex);

	return iface && iface->raw ? SIM_LINK_RAW_IP : SIM_LINK_ETHERNET;
}

enum ifw_direction sim_world_direction(const struct sim_world *world, uint32_t ifindex,
				       const void *frame, size_t length)
{
	const struct sim_iface *iface = iface_by_index(world, ifindex);
	const struct ethhdr *eth = frame;

	if (!iface || !iface->has_mac || iface->raw || length < sizeof(*eth) ||
	    memcmp(eth->h_source, iface->mac, sizeof(iface->mac)) != 0)
		return IFW_DIRECTION_IN;
	return IFW_DIRECTION_OUT;
}

uint32_t sim_world_first_ifindex(const struct sim_world *world)
{
	return world->ifaces ? world->ifaces->ifindex : 0;
}

size_t sim_world_iface_count(const struct sim_world *world)
{
	return HASH_CNT(hh, world->ifaces_by_index);
}

const struct ifw_counters *sim_world_counters(const struct sim_world *world, uint32_t ifindex)
{
	const struct sim_iface *iface = iface_by_index(world, ifindex);

	if (!iface)
		return NULL;
	return &world->counters[iface->has_settings ? iface->slot : IFW_SLOT_NONE];
}

/* --- Rules ---------------------------------------------------------------- */

static void add_to_filter(struct ifw_index *index, const struct ifw_prefix_key *key)
{
	__u32 slot = ifw_filter_slot_of(key);

	index->filter[slot / 64] |= 1ULL << (slot % 64);
}

/* A packet asks for several, so this is worth more than what uthash does. */
struct sim_prefix *sim_set_find_prefix(const struct sim_set *set, const struct ifw_prefix_key *key)
{
	const uint32_t hash = sim_hash(key, sizeof(*key));

	if (!set->slots)
		return NULL;
	for (uint32_t at = hash & set->slot_mask;; at = (at + 1) & set->slot_mask) {
		const struct sim_prefix_slot *slot = &set->slots[at];

		if (!slot->prefix)
			return NULL;
		if (slot->hash == hash &&
		    memcmp(&set->prefixes[slot->prefix - 1].key, key, sizeof(*key)) == 0)
			return &set->prefixes[slot->prefix - 1];
	}
}

static void set_add_slot(struct sim_set *set, uint32_t prefix)
{
	const uint32_t hash = sim_hash(&set->prefixes[prefix - 1].key, sizeof(set->prefixes->key));
	uint32_t at = hash & set->slot_mask;

	while (set->slots[at].prefix)
		at = (at + 1) & set->slot_mask;
	set->slots[at] = (struct sim_prefix_slot){hash, prefix};
}

static int set_fill(struct sim_set *set, struct image *image)
{
	uint32_t slots = 2;

	while (slots < 2 * image->prefix_count)
		slots *= 2;
	set->slot_mask = slots - 1;
	set->slots = calloc(slots, sizeof(*set->slots));
	set->index = calloc(1, sizeof(*set->index));
	set->prefixes = calloc(image->prefix_count + 1, sizeof(*set->prefixes));
	set->ranges = calloc(image->range_count + 1, sizeof(*set->ranges));
	if (!set->slots || !set->index || !set->prefixes || !set->ranges) {
		set_clear(set);
		return -ENOMEM;
	}
	set->range_count = image->range_count;
	memcpy(set->index->lengths, image->lengths, sizeof(set->index->lengths));
	if (image->range_count)
		memcpy(set->ranges, image->ranges, image->range_count * sizeof(*set->ranges));
	set->prefix_count = image->prefix_count;
	for (size_t i = 0; i < image->prefix_count; i++) {
		struct sim_prefix *prefix = &set->prefixes[i];

		prefix->key = image->prefixes[i].self;
		prefix->value = image->prefixes[i];
		add_to_filter(set->index, &prefix->key);
		set_add_slot(set, (uint32_t)i + 1);
	}
	return 0;
}

/* Rules of the new set must not mean other interfaces than the world does. */
static bool names_extend(const struct iface_names *longer, const struct iface_names *names)
{
	for (int i = 1; i < IFW_SLOTS; i++)
		if (names->name[i][0] && strcmp(names->name[i], longer->name[i]) != 0)
			return false;
	return true;
}

static int copy_rules(struct rule_set *to, const struct rule_set *from)
{
	to->names = from->names;
	for (size_t i = 0; i < from->count; i++) {
		if (rule_set_add(to, &from->rules[i]) != 0) {
			rule_set_clear(to);
			return -ENOMEM;
		}
	}
	return 0;
}

int sim_world_set_rules(struct sim_world *world, const struct rule_set *set)
{
	struct rule_set copy = {};
	struct sim_set filled = {};
	struct ifw_count *counts;
	struct image image = {};
	__u32 other;
	int error;

	if (!names_extend(&set->names, &world->names))
		return -EINVAL;
	counts = calloc(set->count + 1, sizeof(*counts));
	error = counts ? copy_rules(&copy, set) : -ENOMEM;
	for (size_t i = 0; i < copy.count; i++)
		copy.rules[i].counter = (uint32_t)i + 1;
	if (!error)
		error = compile_set(&copy, &image, NULL);
	if (!error)
		error = set_fill(&filled, &image);
	image_free(&image);
	if (error) {
		rule_set_clear(&copy);
		free(counts);
		return error;
	}

	other = (world->active + 1) % SIM_GENERATIONS;
	set_clear(&world->sets[other]);
	world->sets[other] = filled;
	world->active = other;
	world->epoch++;
	rule_set_clear(&world->rules);
	world->rules = copy;
	free(world->rule_counts);
	world->rule_counts = counts;
	world->rule_count_room = copy.count + 1;
	world->names = set->names;
	return 0;
}

static int compare_order(const void *key, const void *element)
{
	uint32_t order = *(const uint32_t *)key;
	const struct rule *rule = element;

	return order < rule->order ? -1 : order > rule->order;
}

const struct rule *sim_world_rule(const struct sim_world *world, uint32_t order)
{
	if (world->rules.count == 0)
		return NULL;
	return bsearch(&order, world->rules.rules, world->rules.count, sizeof(struct rule),
		       compare_order);
}

const struct rule_set *sim_world_rules(const struct sim_world *world)
{
	return &world->rules;
}

const struct ifw_count *sim_world_rule_count(const struct sim_world *world, uint32_t order)
{
	const struct rule *rule = sim_world_rule(world, order);

	return rule ? &world->rule_counts[rule->counter] : NULL;
}

/* --- Tests and explanations ------------------------------------------------ */

void sim_world_trace(struct sim_world *world, sim_trace_fn trace, void *arg)
{
	world->trace = trace;
	world->trace_arg = arg;
}

void sim_world_fail_call(struct sim_world *world, unsigned int nth)
{
	world->fail_call = nth;
}

void sim_world_set_test_run(struct sim_world *world, bool on)
{
	world->test_run = on;
}

unsigned int sim_world_calls(const struct sim_world *world)
{
	return world->packet.calls;
}

void sim_world_set_watch(struct sim_world *world, const struct ifw_watch *watch)
{
	world->watch = *watch;
}

const struct ifw_watch *sim_world_watch(const struct sim_world *world)
{
	return &world->watch;
}

void sim_world_set_event_room(struct sim_world *world, uint64_t events)
{
	world->event_room = events;
}
