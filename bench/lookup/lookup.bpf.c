/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lookup.bpf.c - one program a structure, each looks up one key a run, and
 * answers with the number of the rule that decides. What ifw itself does is not
 * written here again: it is datapath/rules.h, over the maps that the loader
 * filled. The other structures have maps of their own (bench_*).
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "datapath/rules.h"
#include "shared.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set by the driver. */
struct lookup_key keys[LOOKUP_KEYS];
__u32 key_mask;	   /* keys in use, less one */
__u32 generation;  /* what ifw reads once a packet */
__u32 range_count; /* in bench_ranges */

/* Counted up by every run; the driver compares sum with what it should be. */
__u32 position;
__u64 sum;

#define LOOKUP_PROGRAM(name)                                                                       \
	SEC("tc") int name(struct __sk_buff *skb)                                                  \
	{                                                                                          \
		__u32 at = position++ & key_mask & (LOOKUP_KEYS - 1);                              \
                                                                                                   \
		(void)skb;                                                                         \
		sum += (__u64)find_##name(&keys[at]) * (at | 1);                                   \
		return 0;                                                                          \
	}

/* The floor: all that the others do, but for looking up. */
ifw_inline __u32 find_nothing(const struct lookup_key *key)
{
	return key->port;
}
LOOKUP_PROGRAM(nothing)

/* What rules.h found, as a rule. */
ifw_inline __u32 decided(const struct ifw_range *rule)
{
	return rule ? rule->rule : 0;
}

#include "ports.bpf.h"
#include "prefixes.bpf.h"
