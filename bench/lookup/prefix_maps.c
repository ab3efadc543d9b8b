/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * prefix_maps.c - destination prefixes as the other structures would hold them.
 */
#include <errno.h>
#include <string.h>

#include "bench.h"

#define NO_LEAF 0
#define BITS 32
/* A prefix has one of these two ranges, so that the longest one need not be the one that matches.
 */
#define LOW_PORT 80
#define OTHER_LOW_PORT 8000
#define RANGE_PORTS 364

static uint32_t dst_of(const struct rule *rule)
{
	return (uint32_t)(rule->dst.hi >> 32);
}

static uint32_t mask(uint32_t dst, unsigned int len)
{
	return len ? dst & (~0U << (BITS - len)) : 0;
}

static uint32_t last_of(const struct rule *rule)
{
	return dst_of(rule) | (rule->dst_len ? ~(~0ULL << (BITS - rule->dst_len)) : ~0U);
}

/* --- Leaves and edges: one sweep over the addresses ------------------------------ */

static void add_edge(struct prefix_maps *maps, uint32_t from, uint32_t leaf)
{
	if (!maps->edge_count || maps->edges[maps->edge_count - 1].from != from)
		maps->edge_count++;
	maps->edges[maps->edge_count - 1] = (struct lookup_edge){from, leaf};
}

/* Ends the innermost prefix; behind it the one around it goes on. */
static uint32_t end_prefix(struct prefix_maps *maps, uint32_t leaf)
{
	uint32_t last = last_of(&maps->rules[leaf - 1]), parent = maps->leaves[leaf - 1].parent;

	if (last != ~0U)
		add_edge(maps, last + 1, parent);
	return parent;
}

static void sweep(struct prefix_maps *maps)
{
	uint32_t inside = NO_LEAF;

	add_edge(maps, 0, NO_LEAF);
	for (size_t i = 0; i < maps->count; i++) {
		const struct rule *rule = &maps->rules[i];

		while (inside && last_of(&maps->rules[inside - 1]) < dst_of(rule))
			inside = end_prefix(maps, inside);
		maps->leaves[i] = (struct lookup_leaf){
			.rule = rule->order,
			.low = rule->low,
			.high = rule->high,
			.len = rule->dst_len,
			.parent = inside,
		};
		maps->used[rule->dst_len] = true;
		inside = (uint32_t)i + 1;
		add_edge(maps, dst_of(rule), inside);
	}
	while (inside)
		inside = end_prefix(maps, inside);
}

/* --- The array trie, shorter prefixes first ---------------------------------------- */

/* A block below an entry, made of what the entry held; its number, or 0 without memory. */
static uint32_t descend(struct prefix_maps *maps, uint32_t block, uint32_t at)
{
	uint32_t entry = maps->blocks[block].entry[at];

	if (entry & LOOKUP_CHILD)
		return entry & ~LOOKUP_CHILD;
	if (maps->block_count == maps->block_room) {
		void *grown =
			reallocarray(maps->blocks, maps->block_room * 2, sizeof(*maps->blocks));

		if (!grown)
			return 0;
		maps->blocks = grown;
		maps->block_room *= 2;
	}
	for (unsigned int i = 0; i < LOOKUP_BLOCK; i++)
		maps->blocks[maps->block_count].entry[i] = entry;
	maps->blocks[block].entry[at] = LOOKUP_CHILD | (uint32_t)maps->block_count;
	return (uint32_t)maps->block_count++;
}

static int array_insert(struct prefix_maps *maps, const struct rule *rule, uint32_t leaf)
{
	uint32_t dst = dst_of(rule), len = rule->dst_len, block;

	if (len <= 16) {
		for (uint32_t top = dst >> 16; top <= last_of(rule) >> 16; top++)
			maps->blocks[top >> 8].entry[top & 255] = leaf;
		return 0;
	}
	block = descend(maps, dst >> 24, dst >> 16 & 255);
	if (block && len > 24)
		block = descend(maps, block, dst >> 8 & 255);
	if (!block)
		return -ENOMEM;
	dst >>= len > 24 ? 0 : 8;
	for (uint32_t i = 0; i < 1U << ((len > 24 ? 32 : 24) - len); i++)
		maps->blocks[block].entry[(dst & 255) + i] = leaf;
	return 0;
}

static int make_array(struct prefix_maps *maps)
{
	int err = 0;

	maps->block_room = LOOKUP_BLOCK * 4;
	maps->block_count = LOOKUP_BLOCK;
	maps->blocks = calloc(maps->block_room, sizeof(*maps->blocks));
	if (!maps->blocks)
		return -ENOMEM;
	for (unsigned int len = 0; len <= BITS; len++)
		for (size_t i = 0; !err && maps->used[len] && i < maps->count; i++)
			if (maps->rules[i].dst_len == len)
				err = array_insert(maps, &maps->rules[i], (uint32_t)i + 1);
	return err;
}

/* A block and those below its entries first to last. */
static size_t add_block_numbers(const struct prefix_maps *maps, uint32_t block, uint32_t first,
				uint32_t last, uint32_t *numbers)
{
	size_t count = 1;

	numbers[0] = block;
	for (uint32_t i = first; i <= last; i++) {
		uint32_t entry = maps->blocks[block].entry[i];

		/* Not deeper than two levels. */
		if (entry & LOOKUP_CHILD)
			count += add_block_numbers(maps, entry & ~LOOKUP_CHILD, 0, LOOKUP_BLOCK - 1,
						   &numbers[count]);
	}
	return count;
}

size_t prefix_maps_blocks(const struct prefix_maps *maps, uint32_t dst, uint8_t len,
			  uint32_t *numbers)
{
	uint32_t block = dst >> 24, shift = 16, bits = 16, span;
	size_t count = 0;

	/* Of the first level several blocks where the prefix is shorter than one. */
	for (; len < 8 && count < 1U << (8 - len); count++)
		numbers[count] = block + (uint32_t)count;
	while (len > bits) {
		uint32_t entry = maps->blocks[block].entry[dst >> shift & 255];

		numbers[count++] = block;
		/* A block that is not there yet would be written too. */
		if (!(entry & LOOKUP_CHILD))
			return count + 1;
		block = entry & ~LOOKUP_CHILD;
		shift -= 8;
		bits += 8;
		count--;
	}
	span = bits - len < 8 ? 1U << (bits - len) : LOOKUP_BLOCK;
	return count + add_block_numbers(maps, block, dst >> shift & 255,
					 (dst >> shift & 255) + span - 1, &numbers[count]);
}

static void make_bloom(struct prefix_maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		uint64_t hash = lookup_bloom_hash(dst_of(&maps->rules[i]), maps->rules[i].dst_len);

		for (int which = 0; which < 2; which++) {
			uint32_t bit = LOOKUP_BLOOM_BIT(hash, which);

			maps->bloom->word[bit / 64] |= 1ULL << (bit % 64);
		}
	}
}

int prefix_maps_make(struct prefix_maps *maps, const struct rule_set *set)
{
	size_t count = set->count;
	int err = 0;

	*maps = (struct prefix_maps){.rules = set->rules, .count = count};
	maps->leaves = calloc(count, sizeof(*maps->leaves));
	maps->edges = calloc(2 * count + 1, sizeof(*maps->edges));
	maps->bloom = calloc(1, sizeof(*maps->bloom));
	if (!maps->leaves || !maps->edges || !maps->bloom) {
		err = -ENOMEM;
	} else {
		sweep(maps);
		make_bloom(maps);
		err = make_array(maps);
	}
	if (err)
		prefix_maps_free(maps);
	return err;
}

void prefix_maps_free(struct prefix_maps *maps)
{
	free(maps->leaves);
	free(maps->blocks);
	free(maps->edges);
	free(maps->bloom);
	*maps = (struct prefix_maps){};
}

/* --- What should be found ------------------------------------------------------------ */

static int by_address(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	if (x->dst.hi != y->dst.hi)
		return x->dst.hi < y->dst.hi ? -1 : 1;
	return (int)x->dst_len - (int)y->dst_len;
}

long prefix_maps_find(const struct prefix_maps *maps, uint32_t dst)
{
	for (unsigned int len = BITS + 1; len-- > 0;) {
		struct rule wanted = make_rule(mask(dst, len), (uint8_t)len, 0, 0);
		const struct rule *found;

		if (!maps->used[len])
			continue;
		found = bsearch(&wanted, maps->rules, maps->count, sizeof(wanted), by_address);
		if (found)
			return found - maps->rules;
	}
	return -1;
}

uint32_t prefix_maps_match(const struct prefix_maps *maps, uint32_t dst, uint16_t port)
{
	long found = prefix_maps_find(maps, dst);

	while (found >= 0 && (port < maps->rules[found].low || port > maps->rules[found].high))
		found = (long)maps->leaves[found].parent - 1;
	return found < 0 ? 0 : maps->rules[found].order;
}

/* --- Prefixes to measure with ---------------------------------------------------------- */

/* Sorts, and drops what is there twice. */
static void settle(struct rule_set *set)
{
	size_t kept = 0;

	qsort(set->rules, set->count, sizeof(*set->rules), by_address);
	for (size_t i = 0; i < set->count; i++)
		if (!kept || by_address(&set->rules[kept - 1], &set->rules[i]) != 0)
			set->rules[kept++] = set->rules[i];
	set->count = kept;
	for (size_t i = 0; i < kept; i++)
		set->rules[i].order = (uint32_t)i + 1;
}

static int add_random(struct rule_set *set, uint8_t len, uint64_t *random)
{
	uint16_t low = next_random(random) & 1 ? LOW_PORT : OTHER_LOW_PORT;

	return add_rule(set, mask((uint32_t)next_random(random), len), len, low,
			(uint16_t)(low + RANGE_PORTS - 1));
}

/*
 * As many of each length, but no more than a sixteenth of the addresses, so
 * that some are left that match nothing; the longer ones make up for it.
 */
int make_prefixes(struct rule_set *set, size_t count, const uint8_t *lengths, size_t length_count,
		  uint64_t *random)
{
	size_t wanted = 0;

	for (size_t i = 0; i < length_count; i++) {
		size_t share = (count - wanted) / (length_count - i);
		uint64_t most = 1ULL << (lengths[i] > 4 ? lengths[i] - 4 : 0);

		wanted += share < most ? share : most;
		while (set->count < wanted) {
			size_t missing = wanted - set->count;
			int err = 0;

			for (size_t n = 0; !err && n < missing; n++)
				err = add_random(set, lengths[i], random);
			if (err)
				return err;
			settle(set);
		}
	}
	return 0;
}
