/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps.h - the BPF maps that the program reads. Their contents are written by
 * loader/; limits that a user may choose are set there before loading.
 *
 * A set of rules is a generation: 0 or 1 of ifw_prefixes, ifw_ranges and ifw_index.
 * ifw_active says which; a packet reads it once. Replacing all rules fills the
 * other generation with new inner maps and then changes that one number.
 */
#ifndef IFW_MAPS_H
#define IFW_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "work.h"

/* Sizes, not types: clang leaves the types of an inner map out of BTF. */
struct ifw_prefix_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct ifw_prefix_key));
	__uint(value_size, sizeof(struct ifw_prefix));
};

/* No flags, and one size: the verifier then puts the lookup in line (kernel/bpf/arraymap.c). */
struct ifw_range_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IFW_RANGE_CHUNK);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct ifw_range));
};

struct ifw_counter_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IFW_COUNTER_CHUNK);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct ifw_count));
};

/*
 * Element IFW_ACTIVE_GENERATION: which generation is in force. Element
 * IFW_ACTIVE_EPOCH: a number that every change of the rules raises, after it is in
 * force; flows remember a rule by it. Readers take the epoch first.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IFW_ACTIVE_ELEMENTS);
	__type(key, __u32);
	__type(value, __u32);
} ifw_active SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct ifw_prefix_map);
} ifw_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2 * IFW_RANGE_CHUNKS);
	__type(key, __u32);
	__array(values, struct ifw_range_map);
} ifw_ranges SEC(".maps");

/* struct ifw_index of generation 0, then of 1. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2 * IFW_INDEX_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} ifw_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IFW_BRIEFS);
	__type(key, __u32); /* ifindex % IFW_BRIEFS */
	__type(value, struct ifw_brief);
} ifw_briefs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, __u32); /* ifindex */
	__type(value, struct ifw_iface);
} ifw_ifaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct ifw_addr_key);
	__type(value, __u32); /* enum ifw_addr_kind */
} ifw_addrs SEC(".maps");

struct ifw_flow_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct ifw_flow_key));
	__uint(value_size, sizeof(struct ifw_flow));
};

/* Bit ifw_addr_bit() of a slot's word: it may have such an address; clear: it has none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IFW_SLOTS);
	__type(key, __u32); /* slot */
	__type(value, __u64);
} ifw_addr_filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, IFW_FRAGMENTS_MAX);
	__type(key, struct ifw_fragment_key);
	__type(value, struct ifw_fragment);
} ifw_fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, IFW_LISTENERS_MAX);
	__type(key, struct ifw_listener_key);
	__type(value, __u64);
} ifw_listeners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IFW_SLOTS);
	__type(key, __u32); /* slot */
	__type(value, struct ifw_counters);
} ifw_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, IFW_COUNTER_CHUNKS);
	__type(key, __u32);
	__array(values, struct ifw_counter_map);
} ifw_rule_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ifw_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifw_watch);
} ifw_watch SEC(".maps");

/*
 * Tracked flows by enum ifw_flow_class; where tracking is off there are none of
 * the inner maps. Reached by an outer map so that the verifier sees one kind of
 * flow, whichever class it is of.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, IFW_FLOW_CLASSES);
	__type(key, __u32);
	__array(values, struct ifw_flow_map);
} ifw_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifw_track_settings);
} ifw_track SEC(".maps");

/* CLOCK_MONOTONIC, ns: until then a datagram of which a fragment was intercepted may be put
 * together. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ifw_awaited SEC(".maps");

/* 1 while an ingress program looks up a socket on this CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} ifw_looking_up SEC(".maps");

/*
 * Set before loading: 0 where nobody would look for a listener that is kept, or
 * where the kernel lets no program at TC write a socket map. It then never sees the call.
 */
const volatile __u32 ifw_keeps_listeners = 1;

/* Not pinned: each program has its own. */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IFW_DIRECTIONS);
	__type(key, __u32); /* enum ifw_direction */
	__type(value, struct ifw_work);
} work SEC(".maps");

/* The rule that a walk found, until the next one; what the walk's functions cannot return. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifw_range);
} found SEC(".maps");

/* Never written: what a new element of ifw_fragments starts as; too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifw_fragment);
} blank SEC(".maps");

#endif /* IFW_MAPS_H */
