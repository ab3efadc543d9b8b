/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * prefixes.bpf.h - the longest destination prefix with a range for the port:
 * where the first has none, the search goes on with the next shorter one. All
 * but the walk are stripped to the least: IPv4 alone, any source, no
 * generations, one range in the prefix itself. What is compared is how a prefix
 * is found.
 */
#ifndef LOOKUP_PREFIXES_BPF_H
#define LOOKUP_PREFIXES_BPF_H

#define LENGTHS 33

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct lookup_prefix_trie_key);
	__type(value, struct lookup_leaf);
} bench_prefix_trie SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct lookup_short_key);
	__type(value, struct lookup_leaf);
} bench_short SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lookup_leaf);
} bench_leaves SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lookup_block);
} bench_blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lookup_edge);
} bench_edges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lookup_bloom);
} bench_bloom SEC(".maps");

__u64 lengths_used; /* bit 32 - n: length n */
__u32 edge_count;

ifw_inline __u32 rule_on(const struct lookup_leaf *leaf, const struct lookup_key *key)
{
	return key->port >= leaf->low && key->port <= leaf->high ? leaf->rule : 0;
}

/* Ours: from the generation in force to the range that decides. */
ifw_inline __u32 find_prefix_walk(const struct lookup_key *key)
{
	const struct ifw_addr none = {}, dst = {(__u64)key->dst << 32, 0};

	return decided(
		ifw_match(none, dst, key->port, IFW_FAMILY_IPV4, IPPROTO_TCP, IFW_SLOT_NONE));
}
LOOKUP_PROGRAM(prefix_walk)

ifw_inline __u32 masked(__u32 dst, __u32 len)
{
	return len ? dst & (~0U << (32 - len)) : 0;
}

ifw_inline __u32 probe(const struct lookup_key *key, __u32 len)
{
	struct lookup_short_key wanted = {.dst = masked(key->dst, len), .len = len};
	const struct lookup_leaf *leaf = bpf_map_lookup_elem(&bench_short, &wanted);

	return leaf ? rule_on(leaf, key) : 0;
}

/* A probe for every length there is, as ifw's ancestor does. */
ifw_inline __u32 find_prefix_all(const struct lookup_key *key)
{
	__u32 rule = 0;

	for (__u32 i = 0; i < LENGTHS && !rule; i++)
		rule = probe(key, LENGTHS - 1 - i);
	return rule;
}
LOOKUP_PROGRAM(prefix_all)

/* A probe for every length in use. */
ifw_inline __u32 find_prefix_used(const struct lookup_key *key)
{
	__u64 bits = lengths_used;
	__u32 rule = 0;

	for (int i = 0; i < LENGTHS && bits && !rule; i++) {
		rule = probe(key, 32 - ifw_lowest_bit(bits));
		bits &= bits - 1;
	}
	return rule;
}
LOOKUP_PROGRAM(prefix_used)

/* The same, asking two bits before each probe. */
ifw_inline __u32 find_prefix_bloom(const struct lookup_key *key)
{
	__u32 zero = 0, rule = 0;
	const struct lookup_bloom *bloom = bpf_map_lookup_elem(&bench_bloom, &zero);
	__u64 bits = lengths_used;

	for (int i = 0; i < LENGTHS && bits && bloom && !rule; i++) {
		__u32 len = 32 - ifw_lowest_bit(bits);
		__u64 hash = lookup_bloom_hash(masked(key->dst, len), len);
		__u32 one = LOOKUP_BLOOM_BIT(hash, 0), two = LOOKUP_BLOOM_BIT(hash, 1);

		bits &= bits - 1;
		if (bloom->word[one / 64] >> (one % 64) & bloom->word[two / 64] >> (two % 64) & 1)
			rule = probe(key, len);
	}
	return rule;
}
LOOKUP_PROGRAM(prefix_bloom)

/* The kernel's own longest-prefix match; a shorter one is found by asking for it. */
ifw_inline __u32 find_prefix_trie(const struct lookup_key *key)
{
	struct lookup_prefix_trie_key wanted = {.bits = 32, .dst = bpf_htonl(key->dst)};
	__u32 rule = 0;

	for (int i = 0; i < LENGTHS && !rule; i++) {
		const struct lookup_leaf *leaf = bpf_map_lookup_elem(&bench_prefix_trie, &wanted);

		if (!leaf)
			break;
		rule = rule_on(leaf, key);
		if (!leaf->len)
			break;
		wanted.bits = leaf->len - 1;
	}
	return rule;
}
LOOKUP_PROGRAM(prefix_trie)

/* A leaf (1 + index), then the prefixes around it. */
ifw_inline __u32 search_leaves(const struct lookup_key *key, __u32 leaf)
{
	__u32 rule = 0;

	for (int i = 0; i < LENGTHS && leaf && !rule; i++) {
		__u32 index = leaf - 1;
		const struct lookup_leaf *found = bpf_map_lookup_elem(&bench_leaves, &index);

		if (!found)
			break;
		rule = rule_on(found, key);
		leaf = found->parent;
	}
	return rule;
}

ifw_inline __u32 entry_of(__u32 block, __u32 at)
{
	const struct lookup_block *found = bpf_map_lookup_elem(&bench_blocks, &block);

	return found ? found->entry[at & (LOOKUP_BLOCK - 1)] : 0;
}

/* Arrays by the first 16, the next 8 and the last 8 bits. */
ifw_inline __u32 find_prefix_array(const struct lookup_key *key)
{
	__u32 entry = entry_of(key->dst >> 24, key->dst >> 16);

	if (entry & LOOKUP_CHILD)
		entry = entry_of(entry & ~LOOKUP_CHILD, key->dst >> 8);
	if (entry & LOOKUP_CHILD)
		entry = entry_of(entry & ~LOOKUP_CHILD, key->dst);
	return search_leaves(key, entry);
}
LOOKUP_PROGRAM(prefix_array)

/* The edges between prefixes, sorted, by halving: what an interval set amounts to. */
IFW_GLOBAL __u32 search_edges(__u32 dst)
{
	__u32 low = 0, high = edge_count, leaf = 0;

	for (int i = 0; i < LOOKUP_EDGE_STEPS && low < high; i++) {
		__u32 middle = low + (high - low) / 2;
		const struct lookup_edge *edge = bpf_map_lookup_elem(&bench_edges, &middle);

		if (!edge)
			break;
		if (edge->from <= dst) {
			leaf = edge->leaf;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return leaf;
}

ifw_inline __u32 find_prefix_edges(const struct lookup_key *key)
{
	return search_leaves(key, search_edges(key->dst));
}
LOOKUP_PROGRAM(prefix_edges)

#endif /* LOOKUP_PREFIXES_BPF_H */
