/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * prefixes.c - see spans.h. Optimal as in Draves, King, Venkatachary, Zill
 * (Constructing optimal IP routing tables, 1999): for each prefix that as a whole can be
 * neither in the set nor outside it, what it takes to say it inside of one that is in,
 * and of one that is not. What may be either costs nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spans.h"
#include "ruleset/room.h"

/* Of as many prefixes and holes together, fewer prefixes are better. */
#define COST_HOLE (1ULL << 32)
#define COST_PREFIX (COST_HOLE + 1)

struct node {
	uint32_t children[2]; /* 0: whole */
	uint64_t cost[2];     /* where what is around it is out, in */
	number first;
	uint8_t len;
};

struct tree {
	struct node *nodes; /* the first is all */
	size_t count, room;
	const struct spans *least, *most;
	uint8_t bits;
};

/* Number of the node, 0 where there is no memory; the root's is 1. */
static uint32_t add_node(struct tree *tree, number first, uint8_t len)
{
	if (room_for_one(&tree->nodes, tree->count, &tree->room, sizeof(*tree->nodes)))
		return 0;
	tree->nodes[tree->count++] = (struct node){.first = first, .len = len};
	return (uint32_t)tree->count;
}

static struct node *node_of(const struct tree *tree, uint32_t at)
{
	return &tree->nodes[at - 1];
}

/* What it takes to say it where all around it is out (0), or in (1). */
static uint64_t cost_of(const uint64_t below[2], int around)
{
	const uint64_t as_is = below[around];
	const uint64_t turned = below[!around] + (around ? COST_HOLE : COST_PREFIX);

	return as_is <= turned ? as_is : turned;
}

static uint32_t build(struct tree *tree, number first, uint8_t len)
{
	const struct span all = {first, number_prefix_last(first, len)};
	const uint32_t at = add_node(tree, first, len);
	uint64_t below[2] = {0, 0};
	bool may_be_in, may_be_out;

	if (!at)
		return 0;
	may_be_in = spans_hold(tree->most, all);
	may_be_out = !spans_meet(tree->least, all);
	if (may_be_in || may_be_out || len == tree->bits) {
		node_of(tree, at)->cost[0] = may_be_out ? 0 : COST_PREFIX;
		node_of(tree, at)->cost[1] = may_be_in ? 0 : COST_HOLE;
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

/* The longest that says as much, in or out: what may be either is left as it is around. */
static struct prefix_but narrow(const struct tree *tree, const struct node *node, bool in)
{
	struct prefix_but prefix = {.first = node->first, .len = node->len};

	while (prefix.len < tree->bits) {
		const uint8_t len = (uint8_t)(prefix.len + 1);
		const number half = (number)1 << (128 - len), second = prefix.first | half;
		const struct span low = {prefix.first, second - 1},
				  high = {second, number_prefix_last(second, len)};
		const bool in_low =
			in ? spans_meet(tree->least, low) : !spans_hold(tree->most, low);
		const bool in_high =
			in ? spans_meet(tree->least, high) : !spans_hold(tree->most, high);

		if (in_low == in_high)
			break;
		if (in_high)
			prefix.first = second;
		prefix.len = len;
	}
	return prefix;
}

static int add_prefix(struct prefixes *prefixes, const struct prefix_but *prefix)
{
	if (room_for_one(&prefixes->at, prefixes->count, &prefixes->room, sizeof(*prefixes->at)))
		return -ENOMEM;
	prefixes->at[prefixes->count++] = *prefix;
	return 0;
}

static int add_hole(struct prefix_but *in, const struct prefix_but *hole)
{
	struct prefix_but *larger = reallocarray(in->holes, in->hole_count + 1, sizeof(*larger));

	if (!larger)
		return -ENOMEM;
	in->holes = larger;
	in->holes[in->hole_count++] = *hole;
	return 0;
}

/* around: the prefix that holds this one, plus one; 0: none does, or a hole between. */
static int say(const struct tree *tree, uint32_t at, size_t around, struct prefixes *prefixes)
{
	const struct node *node = node_of(tree, at);
	const int in = around != 0;
	uint64_t below = 0;
	int error = 0;

	if (node->children[0])
		below = node_of(tree, node->children[0])->cost[in] +
			node_of(tree, node->children[1])->cost[in];
	if (node->children[0] ? below > node->cost[in] : node->cost[in]) {
		const struct prefix_but said = narrow(tree, node, !in);

		error = in ? add_hole(&prefixes->at[around - 1], &said)
			   : add_prefix(prefixes, &said);
		around = in ? 0 : prefixes->count;
	}
	for (int i = 0; i < 2 && node->children[0] && !error; i++)
		error = say(tree, node->children[i], around, prefixes);
	return error;
}

int prefixes_between(const struct spans *least, const struct spans *most, uint8_t bits,
		     struct prefixes *prefixes)
{
	struct tree tree = {.least = least, .most = most, .bits = bits};
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
