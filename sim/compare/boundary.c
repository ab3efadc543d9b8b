/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * boundary.c - see boundary.h.
 */
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

#include "boundary.h"
#include "sim/explain/explain_text.h"
#include "sim/world.h"

#define EDGES_MAX 4
#define PORT_FIRST 32768 /* sources: those that Linux gives out, so that none is a service's */
#define PORT_COUNT 28232
#define UNNAMED "other0" /* an interface that no rule names */

struct edges {
	struct ifw_addr at[EDGES_MAX];
	size_t count;
};

/* One after another, as the address of the family counts them. */
static struct ifw_addr next_to(struct ifw_addr addr, uint8_t family, bool up)
{
	if (family == IFW_FAMILY_IPV4) {
		addr.hi += up ? 1ULL << 32 : -(1ULL << 32);
		return addr;
	}
	addr.lo += up ? 1 : -1ULL;
	if (addr.lo == (up ? 0 : ~0ULL))
		addr.hi += up ? 1 : -1ULL;
	return addr;
}

static struct ifw_addr last_of(struct ifw_addr first, uint8_t len, uint8_t family)
{
	const struct ifw_addr all =
		ifw_addr_mask((struct ifw_addr){~0ULL, ~0ULL}, ifw_addr_bits(family));
	const struct ifw_addr mask = ifw_addr_mask(all, len);

	return (struct ifw_addr){first.hi | (all.hi & ~mask.hi), first.lo | (all.lo & ~mask.lo)};
}

static void add(struct edges *edges, struct ifw_addr addr)
{
	for (size_t i = 0; i < edges->count; i++)
		if (ifw_addr_equal(edges->at[i], addr))
			return;
	edges->at[edges->count++] = addr;
}

static struct edges edges_of(struct ifw_addr first, uint8_t len, uint8_t family)
{
	const struct ifw_addr last = last_of(first, len, family);
	const struct ifw_addr none = {}, end = last_of(none, 0, family);
	struct edges edges = {};

	if (!ifw_addr_equal(first, none))
		add(&edges, next_to(first, family, false));
	add(&edges, first);
	add(&edges, last);
	if (!ifw_addr_equal(last, end))
		add(&edges, next_to(last, family, true));
	return edges;
}

/* --- Sources of packets of rules that take any --------------------------------------- */

/* RFC 5737 and RFC 3849: addresses for examples. An own one of the world would be a martian. */
static struct ifw_addr somebody(const struct sim_world *world, uint8_t family)
{
	struct ifw_addr addr = family == IFW_FAMILY_IPV6
				       ? (struct ifw_addr){0x20010db8ULL << 32, 1}
				       : (struct ifw_addr){0xc6336401ULL << 32, 0};

	while (sim_world_is_own(world, addr, family))
		addr = next_to(addr, family, true);
	return addr;
}

/* The host itself, where the world tells its address there. */
static struct ifw_addr own(const struct sim_world *world, uint32_t slot, uint8_t family)
{
	for (const struct sim_addr *addr = world->addrs; addr; addr = addr->hh.next)
		if (addr->key.slot == slot && addr->key.family == family &&
		    addr->kind == IFW_ADDR_LOCAL)
			return addr->key.addr;
	return somebody(world, family);
}

static struct edges sources(const struct sim_world *world, const struct sim_iface *iface,
			    const struct rule *rule)
{
	if (rule->src_len)
		return edges_of(rule->src, rule->src_len, rule->family);
	return (struct edges){.at = {rule_is_egress(rule) ? own(world, iface->slot, rule->family)
							  : somebody(world, rule->family)},
			      .count = 1};
}

/* --- Ports ------------------------------------------------------------------------- */

static size_t ports_of(const struct rule *rule, uint16_t ports[EDGES_MAX])
{
	size_t count = 0;

	if (rule->low > 0)
		ports[count++] = rule->low - 1;
	ports[count++] = rule->low;
	if (rule->high != rule->low)
		ports[count++] = rule->high;
	if (rule->high < UINT16_MAX)
		ports[count++] = rule->high + 1;
	return count;
}

/* --- All of them ------------------------------------------------------------------- */

struct walk {
	boundary_fn each; /* NULL: they are only counted */
	void *arg;
	uint64_t count;
};

static int hand_out(struct walk *walk, uint32_t ifindex, struct flow *flow)
{
	flow->src_port = (uint16_t)(PORT_FIRST + walk->count++ % PORT_COUNT);
	return walk->each ? walk->each(walk->arg, ifindex, flow) : 0;
}

static int walk_rule(const struct sim_world *world, const struct sim_iface *iface,
		     const struct rule *rule, struct walk *walk)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	const struct edges dst = edges_of(rule->dst, rule->dst_len, rule->family);
	const struct edges src = sources(world, iface, rule);
	struct flow flow = {
		.family = rule->family,
		.direction = rule_is_egress(rule) ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN,
	};
	uint16_t ports[EDGES_MAX];
	const size_t port_count = ports_of(rule, ports);
	/* Each number stands for one combination. */
	const size_t all = 2 * dst.count * src.count * port_count;
	int error = 0;

	if (!walk->each) {
		walk->count += all;
		return 0;
	}
	for (size_t i = 0; i < all && !error; i++) {
		size_t rest = i;

		flow.dst_port = ports[rest % port_count];
		rest /= port_count;
		flow.src = src.at[rest % src.count];
		rest /= src.count;
		flow.dst = dst.at[rest % dst.count];
		flow.protocol = protocols[rest / dst.count];
		error = hand_out(walk, iface->ifindex, &flow);
	}
	return error;
}

static int walk_rules(const struct sim_world *world, struct walk *walk)
{
	int error = 0;

	for (size_t i = 0; i < world->rules.count && !error; i++)
		for (const struct sim_iface *iface = world->ifaces; iface && !error;
		     iface = iface->next)
			error = walk_rule(world, iface, &world->rules.rules[i], walk);
	return error;
}

int boundary_each(const struct sim_world *world, boundary_fn each, void *arg)
{
	struct walk walk = {.each = each, .arg = arg};

	return walk_rules(world, &walk);
}

uint64_t boundary_count(const struct sim_world *world)
{
	struct walk walk = {};

	walk_rules(world, &walk);
	return walk.count;
}

/* --- A world for rules without one -------------------------------------------------- */

static bool has_listener(const struct rule_set *rules, size_t before, const struct rule *rule)
{
	for (size_t i = 0; i < before; i++)
		if (rules->rules[i].action == IFW_ACTION_INTERCEPT &&
		    rules->rules[i].protocol == rule->protocol &&
		    rules->rules[i].family == rule->family &&
		    rules->rules[i].listener_port == rule->listener_port &&
		    ifw_addr_equal(rules->rules[i].listener, rule->listener))
			return true;
	return false;
}

static void print_listeners(FILE *out, const struct rule_set *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];
		char end[EXPLAIN_END_MAX];

		if (rule->action != IFW_ACTION_INTERCEPT || has_listener(rules, i, rule))
			continue;
		explain_end(rule->listener, rule->listener_port, rule->family, end);
		fprintf(out, "socket %s %s\n",
			rule_protocol(rule) == IPPROTO_TCP ? "tcp listen" : "udp bound", end);
	}
}

char *boundary_world(const struct rule_set *rules)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool named = false;

	if (!out)
		return NULL;
	for (int i = 1; i < IFW_SLOTS; i++) {
		if (!rules->names.name[i][0])
			continue;
		named = true;
		fprintf(out, "interface %s\n", rules->names.name[i]);
	}
	/* With every slot taken there is no room for one more; its name then says nothing new. */
	if (!named)
		fputs("interface eth0\n", out);
	else if (iface_names_find(&rules->names, UNNAMED) == 0 &&
		 !rules->names.name[IFW_SLOTS - 1][0])
		fputs("interface " UNNAMED "\n", out);
	print_listeners(out, rules);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
