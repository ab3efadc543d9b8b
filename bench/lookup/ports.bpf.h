/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ports.bpf.h - which range of one prefix holds the port. However it was found,
 * a range must be asked whether it admits the interface.
 */
#ifndef LOOKUP_PORTS_BPF_H
#define LOOKUP_PORTS_BPF_H

/* The run of the prefix, for those that are not ifw's. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifw_range);
} bench_ranges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct lookup_port_key);
	__type(value, __u32);
} bench_port_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct lookup_port_trie_key);
	__type(value, __u32);
} bench_port_trie SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lookup_spans);
} bench_port_spans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lookup_table);
} bench_port_table SEC(".maps");

/* The rule of the range with this index. */
ifw_inline __u32 rule_of(__u32 index)
{
	const struct ifw_range *range = bpf_map_lookup_elem(&bench_ranges, &index);

	return range && range->ifaces >> IFW_SLOT_NONE & 1 ? range->rule : 0;
}

/* Where the prefix is found; not part of the search for its range. */
ifw_inline __u32 find_port_prefix(const struct lookup_key *key)
{
	const struct ifw_prefix_key wanted = {
		.addr = {(__u64)LOOKUP_DST << 32, 0},
		.len = LOOKUP_DST_LEN,
		.family = IFW_FAMILY_IPV4,
		.protocol = IPPROTO_TCP,
		.kind = IFW_PREFIX_DESTINATION,
	};

	return ifw_find_prefix(generation, &wanted) ? key->port : 0;
}
LOOKUP_PROGRAM(port_prefix)

/* Ours, with the probe for the prefix, which the driver takes off again. */
ifw_inline __u32 find_port_run(const struct lookup_key *key)
{
	__u64 query = ifw_query(key->port, IFW_FAMILY_IPV4, IPPROTO_TCP, IFW_SLOT_NONE, generation);
	__u32 answer = ifw_match_destination((__u64)LOOKUP_DST << 32, 0, 0, 0,
					     query | (__u64)LOOKUP_DST_LEN << 48);

	if (answer == IFW_NO_MATCH || answer == IFW_STALE)
		return 0;
	return decided(ifw_found_rule());
}
LOOKUP_PROGRAM(port_run)

/* An element for every member port. */
ifw_inline __u32 find_port_hash(const struct lookup_key *key)
{
	struct lookup_port_key wanted = {.owner = LOOKUP_OWNER, .port = key->port};
	__u32 *answer = bpf_map_lookup_elem(&bench_port_hash, &wanted);

	return answer ? rule_of(*answer - 1) : 0;
}
LOOKUP_PROGRAM(port_hash)

/* One range after the other, as ifw's ancestor does. 1 + index, or 0. */
IFW_GLOBAL __u32 search_linear(__u32 port)
{
	for (__u32 i = 0; i < LOOKUP_SPANS_MAX && i < range_count; i++) {
		/* A copy: of what is on the stack the verifier does not see that it ends. */
		__u32 index = i;
		const struct ifw_range *range = bpf_map_lookup_elem(&bench_ranges, &index);

		if (!range)
			break;
		if (port >= range->low && port <= range->high)
			return i + 1;
	}
	return 0;
}

ifw_inline __u32 find_port_linear(const struct lookup_key *key)
{
	__u32 answer = search_linear(key->port);

	return answer ? rule_of(answer - 1) : 0;
}
LOOKUP_PROGRAM(port_linear)

/* Halving as ours, in a map that the program holds itself: the least that it takes. */
IFW_GLOBAL __u32 search_halving(__u32 port)
{
	__u32 low = 0, high = range_count;

	for (int i = 0; i < IFW_RUN_SEARCH_STEPS && low < high; i++) {
		__u32 middle = low + (high - low) / 2;
		const struct ifw_range *range = bpf_map_lookup_elem(&bench_ranges, &middle);

		if (!range)
			break;
		if (port < range->low)
			high = middle;
		else if (port > range->high)
			low = middle + 1;
		else
			return middle + 1;
	}
	return 0;
}

ifw_inline __u32 find_port_halving(const struct lookup_key *key)
{
	__u32 answer = search_halving(key->port);

	return answer ? rule_of(answer - 1) : 0;
}
LOOKUP_PROGRAM(port_halving)

/* The same inside one value: one map lookup for all. 1 + index, or 0. */
IFW_GLOBAL __u32 search_spans(__u32 port)
{
	__u32 zero = 0, low = 0, high;
	const struct lookup_spans *spans = bpf_map_lookup_elem(&bench_port_spans, &zero);

	if (!spans)
		return 0;
	high = spans->count;
	for (int i = 0; i < 11 && low < high; i++) {
		__u32 middle = (low + (high - low) / 2) & (LOOKUP_SPANS_MAX - 1);
		const struct lookup_span *span = &spans->span[middle];

		if (port < span->low)
			high = middle;
		else if (port > span->high)
			low = middle + 1;
		else
			return span->answer;
	}
	return 0;
}

ifw_inline __u32 find_port_spans(const struct lookup_key *key)
{
	__u32 answer = search_spans(key->port);

	return answer ? rule_of(answer - 1) : 0;
}
LOOKUP_PROGRAM(port_spans)

ifw_inline __u32 find_port_trie(const struct lookup_key *key)
{
	struct lookup_port_trie_key wanted = {
		.bits = 48,
		.owner = bpf_htonl(LOOKUP_OWNER),
		.port = bpf_htons(key->port),
	};
	__u32 *answer = bpf_map_lookup_elem(&bench_port_trie, &wanted);

	return answer ? rule_of(*answer - 1) : 0;
}
LOOKUP_PROGRAM(port_trie)

ifw_inline __u32 find_port_table(const struct lookup_key *key)
{
	__u32 zero = 0;
	const struct lookup_table *table = bpf_map_lookup_elem(&bench_port_table, &zero);
	__u32 answer = table ? table->answer[key->port] : 0;

	return answer ? rule_of(answer - 1) : 0;
}
LOOKUP_PROGRAM(port_table)

#endif /* LOOKUP_PORTS_BPF_H */
