/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * prefixes.c - see spans.h. Optimal as in Draves, King, Venkatachary, Zill
 * (Constructing optimal IP routing tables, 1999): for each prefix that is neither in
 * the set nor outside it as a whole, what it takes to say it inside of one that is
 * in, and of one that is not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spans.h"

struct node {
	uint32_t children[2]; /* 0: whole */
	uint32_t cost[2];     /* where what is around it is out, in */
	number first;
	uint8_t len;
	bool in; /* whole: whether it is in the set */
};

struct tree {
	struct node *nodes; /* the first is all */
	size_t count, room;
	const struct spans *spans;
	uint8_t bits;
};

/* Number of the node, 0 where there is no memory; the root's is 1. */
static uint32_t add_node(struct tree *tree, number first, uint8_t len)
{
	if (tree->count == tree->room) {
		size_t room = tree->room ? tree->room * 2 : 64;
		struct node *larger = reallocarray(tree->nodes, room, sizeof(*larger));

		if (!larger)
			return 0;
		tree->nodes = larger;
		tree->room = room;
	}
	tree->nodes[tree->count++] = (struct node){.first = first, .len = len};
	return (uint32_t)tree->count;
}

static struct node *node_of(const struct tree *tree, uint32_t at)
{
	return &tree->nodes[at - 1];
}

/* Around it all is out (0) or in (1): what to say of it so that it is right. */
static uint32_t cost_of(const uint32_t below[2], int around)
{
	const uint32_t as_is = below[around], turned = below[!around] + 1;

	return as_is <= turned ? as_is : turned;
}

static uint32_t build(struct tree *tree, number first, uint8_t len)
{
	const struct span all = {first, number_prefix_last(first, len)};
	const uint32_t at = add_node(tree, first, len);
	uint32_t below[2] = {0, 0};

	if (!at)
		return 0;
	if (spans_hold(tree->spans, all) || !spans_meet(tree->spans, all) || len == tree->bits) {
		struct node *node = node_of(tree, at);

		node->in = spans_hold(tree->spans, all);
		node->cost[!node->in] = 1;
		return at;
	}
	for (int i = 0; i < 2; i++) {
		const number half = (number)i << (127 - len);
		const uint32_t child = build(tree, first | half, (uint8_t)(len + 1));

		if (!child)
			return 0;
		node_of(tree, at)->children[i] = child;
		below[0] += node_of(tree, child)->cost[0];
		below[1] += node_of(tree, child)->cost[1];
	}
	node_of(tree, at)->cost[0] = cost_of(below, 0);
	node_of(tree, at)->cost[1] = cost_of(below, 1);
	return at;
}

static int add_prefix(struct prefixes *prefixes, const struct node *node)
{
	if (prefixes->count == prefixes->room) {
		size_t room = prefixes->room ? prefixes->room * 2 : 4;
		struct prefix_but *larger = reallocarray(prefixes->at, room, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		prefixes->at = larger;
		prefixes->room = room;
	}
	prefixes->at[prefixes->count++] =
		(struct prefix_but){.first = node->first, .len = node->len};
	return 0;
}

static int add_hole(struct prefix_but *in, const struct node *node)
{
	struct prefix_but *larger = reallocarray(in->holes, in->hole_count + 1, sizeof(*larger));

	if (!larger)
		return -ENOMEM;
	in->holes = larger;
	in->holes[in->hole_count++] = (struct prefix_but){.first = node->first, .len = node->len};
	return 0;
}

/* around: the prefix that holds this one, plus one; 0: none does, or a hole between. */
static int say(const struct tree *tree, uint32_t at, size_t around, struct prefixes *prefixes)
{
	const struct node *node = node_of(tree, at);
	const int in = around != 0;
	uint32_t below = 0;
	int error = 0;

	if (node->children[0])
		below = node_of(tree, node->children[0])->cost[in] +
			node_of(tree, node->children[1])->cost[in];
	if (node->children[0] ? below > node->cost[in] : node->in != in) {
		error = in ? add_hole(&prefixes->at[around - 1], node) : add_prefix(prefixes, node);
		around = in ? 0 : prefixes->count;
	}
	for (int i = 0; i < 2 && node->children[0] && !error; i++)
		error = say(tree, node->children[i], around, prefixes);
	return error;
}

int prefixes_of(const struct spans *spans, uint8_t bits, struct prefixes *prefixes)
{
	struct tree tree = {.spans = spans, .bits = bits};
	int error = build(&tree, 0, 0) ? 0 : -ENOMEM;

	*prefixes = (struct prefixes){};
	if (!error)
		error = say(&tree, 1, 0, prefixes);
	if (error)
		prefixes_free(prefixes);
	free(tree.nodes);
	return error;
}

void prefixes_free(struct prefixes *prefixes)
{
	for (size_t i = 0; i < prefixes->count; i++)
		free(prefixes->at[i].holes);
	free(prefixes->at);
	*prefixes = (struct prefixes){};
}

int prefix_but_spans(const struct prefix_but *prefix, struct spans *spans)
{
	const struct span all = {prefix->first, number_prefix_last(prefix->first, prefix->len)};
	struct spans whole = {}, holes = {};
	int error = spans_add(&whole, all);

	for (size_t i = 0; i < prefix->hole_count && !error; i++) {
		const struct prefix_but *hole = &prefix->holes[i];

		error = spans_add(
			&holes,
			(struct span){hole->first, number_prefix_last(hole->first, hole->len)});
	}
	spans_settle(&holes);
	if (!error)
		error = spans_subtract(&whole, &holes, spans);
	spans_free(&whole);
	spans_free(&holes);
	return error;
}

int prefix_but_copy(const struct prefix_but *from, struct prefix_but *to)
{
	*to = (struct prefix_but){.first = from->first, .len = from->len};
	if (from->hole_count == 0)
		return 0;
	to->holes = calloc(from->hole_count, sizeof(*to->holes));
	if (!to->holes)
		return -ENOMEM;
	memcpy(to->holes, from->holes, from->hole_count * sizeof(*to->holes));
	to->hole_count = from->hole_count;
	return 0;
}
