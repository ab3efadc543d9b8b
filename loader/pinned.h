/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pinned.h - what is pinned beside the program's own maps and read by user
 * space alone: the rules as entered, interface names, and the state of the
 * installation. Part of the ABI (IFW_ABI) like datapath/abi.h.
 *
 * The pin directory:
 *   active prefixes ranges index ifaces briefs addrs      the program's maps
 *   addr_filter counters events flows track watch ...
 *   names                                                 interface slots
 *   prefixes_G ranges_G_N rules_G                         set of generation G, chunk N
 *   counter_slots counts_N                                counters of rules, chunk N
 *   flows_C                                               tracked flows of class C
 *   link_IFINDEX egress_IFINDEX                           TCX attachments
 *   meta                                                  pinned last, removed first
 *
 * No name has a dot: bpffs keeps those for itself (kernel/bpf/inode.c bpf_lookup).
 */
#ifndef IFW_PINNED_H
#define IFW_PINNED_H

#include <linux/types.h>

#include "datapath/abi.h"
#include "ruleset/rule.h"

/*
 * The lowest ABI in which all that an upgrade takes over is laid out, and means, what it
 * does now: the structs of this file, struct ifw_iface, ifw_track_settings, ifw_flow with
 * its key, ifw_counters, and ifw_count in chunks of IFW_COUNTER_CHUNK. Who changes one of
 * them says how the former is read (upgrade.c) or raises this, and then a version in between
 * is needed.
 */
#define IFW_ABI_KEPT 4

/* The match without ports and interfaces. Rules that share it share a run. */
struct group_key {
	struct ifw_addr dst; /* masked */
	struct ifw_addr src; /* masked */
	__u8 dst_len;
	__u8 src_len;
	__u8 family;
	__u8 protocol;
	__u32 index; /* 1..count: a rule; GROUP_SOURCES, _PAIR: see there */
};
_Static_assert(sizeof(struct group_key) == 40, "struct group_key");

/* The rule that carries the number of its group's rules, so that this costs no element. */
#define GROUP_FIRST 1U
/*
 * With src all zero: how many groups of this destination use source length
 * src_len, so that its bit can be dropped with the last of them.
 */
#define GROUP_SOURCES 0xffffffffU
/*
 * With both addresses and the protocol zero: how many groups use this pair of
 * lengths; a family may use COMPILE_PAIRS_MAX of them.
 */
#define GROUP_PAIR 0xfffffffeU

struct group_value {
	__u64 ifaces; /* slots; IFW_IFACES_ANY: every interface */
	struct ifw_addr listener;
	__u32 order; /* unique in a set */
	__u32 count; /* GROUP_FIRST: rules; GROUP_SOURCES, _PAIR: groups */
	__u16 low;
	__u16 high;
	__u16 listener_port;
	__u8 action;
	__u8 reserved;
	__u32 counter; /* of the rule, see datapath/abi.h; 0: none */
	__u32 reserved_too;
	char label[RULE_LABEL_MAX];
};
_Static_assert(sizeof(struct group_value) == 112, "struct group_value");

/*
 * Which counters of a chunk are taken: element N of counter_slots, which is
 * there once the chunk is. One that a rule let go is retired, for readers and
 * datagrams under way may still lead to it, and is free again two turns later.
 */
struct counter_slots {
	__u64 used[IFW_COUNTER_CHUNK / 64];
	__u64 retired[2][IFW_COUNTER_CHUNK / 64]; /* in this turn, in the one before */
	__u64 turned_ns;			  /* CLOCK_MONOTONIC: when this turn began */
};
_Static_assert(sizeof(struct counter_slots) == 1544, "struct counter_slots");

/* One block size a power of two. */
#define FREE_CLASSES 20
#define RETIRED_MAX 256

/* Where there is room in the ranges map of the set in force. */
struct room {
	__u32 used; /* ranges from here on were never used */
	__u32 reserved;
	__u32 free[FREE_CLASSES]; /* lists of blocks of 2^n ranges; 1 + index, 0: end */
	__u32 retired_first;	  /* oldest of retired, a ring */
	__u32 retired_count;
	/*
	 * Freed, but a program run that began before may still read them. Kept
	 * here and not in the elements: those must not change under a reader.
	 */
	struct retired {
		__u64 since_ns; /* CLOCK_MONOTONIC */
		__u32 at;
		__u32 size;
	} retired[RETIRED_MAX];
};

struct pinned_meta {
	__u32 abi; /* IFW_ABI; first, so that every version can read it */
	__u32 size;
	__u64 netns_dev; /* the network namespace that the pins belong to */
	__u64 netns_ino;
	/*
	 * Odd while a writer is at work, or was killed at it: then what is
	 * derived from the rules is made anew by the next writer.
	 */
	__u64 sequence;
	__u32 next_order;
	__u32 next_id;
	__u32 max_ranges;
	__u32 max_prefixes;
	__u32 rules;
	__u32 prefixes; /* elements of the prefix map, walks not counted */
	__u32 pairs[2]; /* of lengths in use, by [IPv6] */
	/* Room in the maps of the set in force, which are made larger when it runs out. */
	__u32 room_prefixes;
	__u32 room_rules;
	__u32 rule_counters; /* 1: rules are counted */
	__u32 counter_chunk; /* where a free counter was found last */
	__u32 max_flows;     /* tracked, all classes together */
	__u32 reserved;
	__u64 ifaces_sequence; /* odd while settings or addresses are being written */
	struct room room;
	/* Destinations by [IPv6][UDP][length]: a length leaves the walk with its last. */
	__u32 lengths[2][IFW_LENGTHS_PROTOCOLS][IFW_LENGTH_MAX + 1];
};

#endif /* IFW_PINNED_H */
