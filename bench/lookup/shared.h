/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * shared.h - what the measured BPF programs and the driver that fills their
 * maps share. Addresses are IPv4 in host order, ports in host order, except
 * where a type says otherwise: the keys of LPM tries are compared byte by byte.
 */
#ifndef LOOKUP_SHARED_H
#define LOOKUP_SHARED_H

#include <linux/types.h>

#define LOOKUP_KEYS 65536     /* keys that a program goes through, one a run */
#define LOOKUP_DST 0x0a000000 /* the prefix that has the ranges */
#define LOOKUP_DST_LEN 8
#define LOOKUP_SPANS_MAX 1024	 /* ranges that the linear search and one value take */
#define LOOKUP_EDGE_STEPS 19	 /* halvings for 2^18 edges */
#define LOOKUP_OWNER 1		 /* whose ports they are, where several prefixes share a map */
#define LOOKUP_BLOCK 256	 /* entries of a block of the array trie */
#define LOOKUP_CHILD 0x80000000	 /* in an entry: the number of a further block */
#define LOOKUP_BLOOM_WORDS 16384 /* of 64 bits */

/* What is looked up. */
struct lookup_key {
	__u32 dst;
	__u16 port;
	__u16 reserved;
};

/* --- Ports of one prefix --------------------------------------------------- */

/* One element for each port that a range has; the value is 1 + index of the range. */
struct lookup_port_key {
	__u32 owner;
	__u16 port;
	__u16 reserved;
};

/* A range is up to 30 of these; the value likewise. */
struct lookup_port_trie_key {
	__u32 bits; /* of owner and port */
	__be32 owner;
	__be16 port;
} __attribute__((packed));

/* All ranges of a prefix in one value, ascending. */
struct lookup_span {
	__u16 low;
	__u16 high;
	__u32 answer; /* 1 + index of the range */
};
struct lookup_spans {
	__u32 count;
	__u32 reserved;
	struct lookup_span span[LOOKUP_SPANS_MAX];
};

/* For each port 1 + index of the range. */
struct lookup_table {
	__u16 answer[65536];
};

/* --- Prefixes -------------------------------------------------------------- */

struct lookup_prefix_trie_key {
	__u32 bits;
	__be32 dst;
};

/* Of a hash. */
struct lookup_short_key {
	__u32 dst;
	__u32 len;
};

/* What a prefix leads to: one range, and the next shorter prefix around it. */
struct lookup_leaf {
	__u32 rule;
	__u16 low;
	__u16 high;
	__u32 len;
	__u32 parent; /* 1 + index of its leaf; 0: none */
};

/* Of the 16-8-8 array trie; blocks 0 to 255 are its first level. Entry: 1 + leaf, or a block. */
struct lookup_block {
	__u32 entry[LOOKUP_BLOCK];
};

/* Addresses from here to the next edge are those of this leaf (1 + index; 0: of none). */
struct lookup_edge {
	__u32 from;
	__u32 leaf;
};

/* (address, length) pairs that are there: two bits of one hash. */
struct lookup_bloom {
	__u64 word[LOOKUP_BLOOM_WORDS];
};

static inline __u64 lookup_bloom_hash(__u32 masked, __u32 len)
{
	return ((((__u64)len + 1) << 32) ^ masked) * 0x9e3779b97f4a7c15ULL;
}
/* Bit 0 to 2^20 - 1 of a hash: the first and the second. */
#define LOOKUP_BLOOM_BIT(hash, which) ((__u32)((hash) >> ((which) ? 24 : 44)) & 0xfffff)

#endif /* LOOKUP_SHARED_H */
