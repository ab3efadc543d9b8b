/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cells.c - see cells.h. Prefixes nest, so an address is told from others by the
 * innermost prefix that holds it: there are as many kinds of destinations as prefixes,
 * and for each as many kinds of sources as its rules have.
 */
#include <errno.h>
#include <stdlib.h>

#include <netinet/in.h>

#include "../ruleset/cleanup.h"
#include "cells.h"

#define PORT_END 0x10000U

/* --- Prefixes as a tree ------------------------------------------------------------ */

struct item {
	number first;
	uint8_t len;
	const struct cell_rule *rule; /* NULL: a cut */
};

struct node {
	number first;
	uint8_t len;
	bool wanted;		  /* it or one around it has a wanted rule */
	size_t parent;		  /* the root's is itself */
	size_t end;		  /* of those inside, which follow it */
	size_t rules, rule_count; /* items of its own */
};

struct tree {
	struct item *items;
	size_t item_count;
	struct node *nodes;
	size_t count;
};

static void free_tree(struct tree *tree)
{
	free(tree->items);
	free(tree->nodes);
}

static int compare_items(const void *a, const void *b)
{
	const struct item *one = a, *two = b;

	if (one->first != two->first)
		return one->first < two->first ? -1 : 1;
	return (int)one->len - (int)two->len;
}

static number last_of(const struct node *node)
{
	return number_prefix_last(node->first, node->len);
}

static void add_node(struct tree *tree, const struct item *item, size_t *inner)
{
	struct node *node = &tree->nodes[tree->count];

	*node = (struct node){.first = item->first, .len = item->len};
	while (tree->count && item->first > last_of(&tree->nodes[*inner])) {
		tree->nodes[*inner].end = tree->count;
		*inner = tree->nodes[*inner].parent;
	}
	node->parent = *inner;
	node->wanted = tree->count && tree->nodes[*inner].wanted;
	*inner = tree->count++;
}

/* Of the items, of which there is room for one more: the root, which is everything. */
static int grow_tree(struct tree *tree)
{
	size_t inner = 0;

	tree->items[tree->item_count++] = (struct item){};
	qsort(tree->items, tree->item_count, sizeof(*tree->items), compare_items);
	tree->nodes = calloc(tree->item_count, sizeof(*tree->nodes));
	if (!tree->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < tree->item_count; i++) {
		const struct item *item = &tree->items[i];
		struct node *node;

		if (i == 0 || compare_items(item, item - 1) != 0) {
			add_node(tree, item, &inner);
			tree->nodes[inner].rules = i;
		}
		node = &tree->nodes[inner];
		node->rule_count++;
		node->wanted |= item->rule && item->rule->wanted;
	}
	for (;; inner = tree->nodes[inner].parent) {
		tree->nodes[inner].end = tree->count;
		if (inner == 0)
			return 0;
	}
}

/* What of the prefix is in none inside it. */
static int own_spans(const struct tree *tree, size_t at, struct spans *spans)
{
	const struct node *node = &tree->nodes[at];
	number next = node->first;
	int error = 0;

	for (size_t i = at + 1; i < node->end && !error; i = tree->nodes[i].end) {
		const struct node *inside = &tree->nodes[i];

		if (inside->first > next)
			error = spans_add(spans, (struct span){next, inside->first - 1});
		if (last_of(inside) == last_of(node))
			return error;
		next = last_of(inside) + 1;
	}
	return error ? error : spans_add(spans, (struct span){next, last_of(node)});
}

/* Rules of the node and of those around it; returns how many. */
static size_t rules_around(const struct tree *tree, size_t at, const struct cell_rule **rules)
{
	size_t count = 0;

	for (;; at = tree->nodes[at].parent) {
		const struct node *node = &tree->nodes[at];

		for (size_t i = 0; i < node->rule_count; i++)
			if (tree->items[node->rules + i].rule)
				rules[count++] = tree->items[node->rules + i].rule;
		if (at == 0)
			return count;
	}
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
		ifaces |= (rule->ifaces >> space->slots[i] & 1) << i;
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

/* rules are sorted here; active has room for as many. */
static int each_port(struct search *s, const struct cell_rule **rules, size_t count,
		     const struct cell_rule **active)
{
	size_t next = 0, active_count = 0;
	uint32_t port = 0, end;
	int error = 0;

	qsort(rules, count, sizeof(*rules), compare_low);
	while (!error && (next < count || active_count)) {
		size_t kept = 0;
		bool wanted = false;

		if (!active_count)
			port = rules[next]->rule->low;
		while (next < count && rules[next]->rule->low == port)
			active[active_count++] = rules[next++];
		end = next_cut(s, port, active, active_count,
			       next < count ? rules[next]->rule->low : PORT_END);
		for (size_t i = 0; i < active_count; i++)
			wanted |= active[i]->wanted;
		s->cell.low = (uint16_t)port;
		s->cell.high = (uint16_t)(end - 1);
		if (wanted)
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

/* rules: those that match by destination. */
static int each_source(struct search *s, const struct cell_rule *const *rules, size_t count)
{
	struct tree tree __attribute__((cleanup(free_tree))) = {};
	auto_free const struct cell_rule **matching = calloc(2 * count + 1, sizeof(*matching));
	int error;

	tree.items = calloc(count + 1, sizeof(*tree.items));
	if (!tree.items || !matching)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		tree.items[tree.item_count++] = (struct item){
			.first = number_of_addr(rules[i]->rule->src),
			.len = rules[i]->rule->src_len,
			.rule = rules[i],
		};
	error = grow_tree(&tree);
	for (size_t i = 0; i < tree.count && !error; i++) {
		struct spans spans __attribute__((cleanup(spans_free))) = {};

		if (!tree.nodes[i].wanted)
			continue;
		error = own_spans(&tree, i, &spans);
		if (error || spans.count == 0)
			continue;
		s->cell.src = &spans;
		s->cell.src_number++;
		error = each_port(s, matching, rules_around(&tree, i, matching), matching + count);
		s->cell.src = NULL;
	}
	return error;
}

static int each_destination(struct search *s)
{
	const struct cell_space *space = s->space;
	struct tree tree __attribute__((cleanup(free_tree))) = {};
	auto_free const struct cell_rule **matching = calloc(space->count + 1, sizeof(*matching));
	bool wanted = false;
	int error;

	tree.items = calloc(space->count + space->cuts.addr_count + 1, sizeof(*tree.items));
	if (!tree.items || !matching)
		return -ENOMEM;
	for (size_t i = 0; i < space->count; i++) {
		const struct rule *rule = space->rules[i].rule;

		if (rule->family != s->cell.family || rule->protocol != s->cell.protocol)
			continue;
		wanted |= space->rules[i].wanted;
		tree.items[tree.item_count++] =
			(struct item){number_of_addr(rule->dst), rule->dst_len, &space->rules[i]};
	}
	for (size_t i = 0; i < space->cuts.addr_count; i++)
		if (space->cuts.addr_families[i] == s->cell.family)
			tree.items[tree.item_count++] =
				(struct item){number_of_addr(space->cuts.addrs[i]),
					      ifw_addr_bits(s->cell.family), NULL};
	error = wanted ? grow_tree(&tree) : 0;
	for (size_t i = 0; i < tree.count && !error; i++) {
		struct spans spans __attribute__((cleanup(spans_free))) = {};

		if (!tree.nodes[i].wanted)
			continue;
		error = own_spans(&tree, i, &spans);
		if (error || spans.count == 0)
			continue;
		s->cell.dst = &spans;
		s->cell.dst_number++;
		error = each_source(s, matching, rules_around(&tree, i, matching));
		s->cell.dst = NULL;
	}
	return error;
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
