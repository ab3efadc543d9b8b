/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cells.c - see cells.h. Prefixes nest, so an address is told from others by the
 * innermost prefix that holds it: there are as many kinds of destinations as prefixes,
 * and for each as many kinds of sources as its rules have.
 */
#include <errno.h>
#include <stdlib.h>

#include <netinet/in.h>

#include "ruleset/cleanup.h"
#include "cells.h"
#include "nest.h"

#define PORT_END 0x10000U

/* --- Rules by prefix ----------------------------------------------------------------- */

/* Of the node and of those around it; returns how many. */
static size_t rules_around(const struct nest *tree, size_t at, const struct cell_rule **rules)
{
	size_t count = 0;

	for (;; at = tree->nodes[at].parent) {
		const struct nest_node *node = &tree->nodes[at];

		for (size_t i = 0; i < node->item_count; i++)
			if (tree->items[node->items + i].what)
				rules[count++] = tree->items[node->items + i].what;
		if (at == 0)
			return count;
	}
}

static bool has_wanted(const struct cell_rule *const *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i]->wanted)
			return true;
	return false;
}

/* --- Ports and interfaces ------------------------------------------------------------ */

struct search {
	const struct cell_space *space;
	cell_fn fn;
	void *arg;
	struct cell cell;
};

/* Interfaces, by number, that the rule is about. */
static uint64_t ifaces_of(const struct cell_space *space, const struct rule *rule)
{
	uint64_t ifaces = 0;

	for (size_t i = 0; i < space->iface_count; i++)
		ifaces |= (uint64_t)IFW_ADMITS(rule->ifaces, space->slots[i]) << i;
	return ifaces;
}

/* Interfaces from the set that no rule tells apart from its first. */
static uint64_t take_alike(const struct search *s, uint64_t from,
			   const struct cell_rule *const *rules, size_t count)
{
	const uint64_t first = from & -from;
	uint64_t alike = first & s->space->apart ? first : from & ~s->space->apart;

	for (size_t i = 0; i < count && alike != first; i++) {
		const uint64_t about = ifaces_of(s->space, rules[i]->rule);

		alike &= about & first ? about : ~about;
	}
	return alike;
}

/* rules: those that match but for the interface. */
static int each_interface(struct search *s, const struct cell_rule *const *rules, size_t count)
{
	uint64_t wanted = 0;
	int error = 0;

	for (size_t i = 0; i < count; i++)
		if (rules[i]->wanted)
			wanted |= ifaces_of(s->space, rules[i]->rule);
	while (wanted && !error) {
		s->cell.ifaces = take_alike(s, wanted, rules, count);
		wanted &= ~s->cell.ifaces;
		error = s->fn(s->arg, &s->cell);
	}
	return error;
}

static int compare_low(const void *a, const void *b)
{
	const struct cell_rule *one = *(const struct cell_rule *const *)a;
	const struct cell_rule *two = *(const struct cell_rule *const *)b;

	return (int)one->rule->low - (int)two->rule->low;
}

/* Where the ports that begin here end: where a rule begins or ends, or a cut is. */
static uint32_t next_cut(const struct search *s, uint32_t low,
			 const struct cell_rule *const *active, size_t active_count,
			 uint32_t next_low)
{
	const struct cell_cuts *cuts = &s->space->cuts;
	uint32_t next = next_low;

	for (size_t i = 0; i < active_count; i++)
		if (active[i]->rule->high + 1U < next)
			next = active[i]->rule->high + 1U;
	for (size_t i = 0; i < cuts->port_count; i++) {
		if (cuts->ports[i] > low && cuts->ports[i] < next)
			next = cuts->ports[i];
		if (cuts->ports[i] == low)
			next = low + 1;
	}
	return next;
}

/* rules: those that match by addresses, which are sorted here. */
static int each_port(struct search *s, const struct cell_rule **rules, size_t count)
{
	auto_free const struct cell_rule **active = calloc(count + 1, sizeof(*active));
	size_t next = 0, active_count = 0;
	uint32_t port = 0, end;
	int error = active ? 0 : -ENOMEM;

	qsort(rules, count, sizeof(*rules), compare_low);
	while (!error && (next < count || active_count)) {
		size_t kept = 0;

		if (!active_count)
			port = rules[next]->rule->low;
		while (next < count && rules[next]->rule->low == port)
			active[active_count++] = rules[next++];
		end = next_cut(s, port, active, active_count,
			       next < count ? rules[next]->rule->low : PORT_END);
		s->cell.low = (uint16_t)port;
		s->cell.high = (uint16_t)(end - 1);
		if (has_wanted(active, active_count))
			error = each_interface(s, active, active_count);
		for (size_t i = 0; i < active_count; i++)
			if (active[i]->rule->high >= end)
				active[kept++] = active[i];
		active_count = kept;
		port = end;
	}
	return error;
}

/* --- Addresses ----------------------------------------------------------------------- */

/* The addresses of each prefix that are in none inside it, and the rules that hold them. */
static int each_node(struct search *s, struct nest *tree, const struct spans **addrs,
		     uint64_t *addrs_number,
		     int (*each)(struct search *s, const struct cell_rule **rules, size_t count))
{
	auto_free const struct cell_rule **rules = calloc(tree->item_count + 1, sizeof(*rules));
	int error = rules ? nest_grow(tree) : -ENOMEM;

	for (size_t i = 0; i < tree->count && !error; i++) {
		struct spans spans __attribute__((cleanup(spans_free))) = {};
		const size_t count = rules_around(tree, i, rules);

		if (!has_wanted(rules, count))
			continue;
		error = nest_own(tree, i, &spans);
		if (error || spans.count == 0)
			continue;
		*addrs = &spans;
		++*addrs_number;
		error = each(s, rules, count);
		*addrs = NULL;
	}
	return error;
}

/* rules: those that match by destination. */
static int each_source(struct search *s, const struct cell_rule **rules, size_t count)
{
	struct nest tree __attribute__((cleanup(nest_free))) = {};
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = nest_add(&tree, &(struct nest_item){number_of_addr(rules[i]->rule->src),
							    rules[i]->rule->src_len, rules[i]});
	if (error)
		return error;
	return each_node(s, &tree, &s->cell.src, &s->cell.src_number, each_port);
}

static int each_destination(struct search *s)
{
	const struct cell_space *space = s->space;
	struct nest tree __attribute__((cleanup(nest_free))) = {};
	bool wanted = false;
	int error = 0;

	for (size_t i = 0; i < space->count && !error; i++) {
		const struct rule *rule = space->rules[i].rule;

		if (rule->family != s->cell.family || rule->protocol != s->cell.protocol)
			continue;
		wanted |= space->rules[i].wanted;
		error = nest_add(&tree, &(struct nest_item){number_of_addr(rule->dst),
							    rule->dst_len, &space->rules[i]});
	}
	if (error || !wanted)
		return error;
	for (size_t i = 0; i < space->cuts.addr_count && !error; i++)
		if (space->cuts.addr_families[i] == s->cell.family)
			error = nest_add(&tree,
					 &(struct nest_item){number_of_addr(space->cuts.addrs[i]),
							     ifw_addr_bits(s->cell.family), NULL});
	if (error)
		return error;
	return each_node(s, &tree, &s->cell.dst, &s->cell.dst_number, each_source);
}

int cells_each(const struct cell_space *space, cell_fn fn, void *arg)
{
	static const uint8_t families[] = {IFW_FAMILY_IPV4, IFW_FAMILY_IPV6};
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_TCP | IFW_EGRESS,
					    IPPROTO_UDP | IFW_EGRESS};
	struct search s = {.space = space, .fn = fn, .arg = arg};
	int error = 0;

	for (size_t family = 0; family < 2 && !error; family++) {
		for (size_t i = 0; i < 4 && !error; i++) {
			s.cell.family = families[family];
			s.cell.protocol = protocols[i];
			error = each_destination(&s);
		}
	}
	return error;
}
