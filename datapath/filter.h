/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * filter.h - bits that tell cheaply that something is not there, so that the
 * hash that holds it need not be asked: a Bloom filter with one hash function.
 * A bit that is set says nothing. Readers here, writers in user space.
 */
#ifndef IFW_FILTER_H
#define IFW_FILTER_H

#include "abi.h"
#include "addr.h"

/* Odd, without pattern: the golden ratio's and the square root of 2's fractions. */
#define IFW_MIX_1 0x9e3779b97f4a7c15ULL
#define IFW_MIX_2 0x6a09e667f3bcc909ULL

/* Of the result the upper bits are the good ones: they depend on all that was mixed. */
ifw_inline __u64 ifw_mix(__u64 a, __u64 b, __u64 c)
{
	__u64 mixed = (a ^ a >> 32) * IFW_MIX_1;

	mixed = (mixed ^ mixed >> 29 ^ c) * IFW_MIX_2;
	return (mixed ^ mixed >> 32 ^ b) * IFW_MIX_1;
}

/*
 * What of a prefix's key its slot depends on besides the masked address and the
 * length, which comes as its bit in a word of lengths: a walk has that at hand.
 */
ifw_inline __u64 ifw_filter_kind(__u32 scope, __u8 family, __u8 protocol, __u8 kind)
{
	return scope | (__u64)family << 40 | (__u64)protocol << 48 | (__u64)kind << 56;
}

/* Slot of a prefix in struct ifw_index.filter. */
ifw_inline __u32 ifw_filter_slot(struct ifw_addr masked, __u64 length_bit, __u64 kind)
{
	return (__u32)(ifw_mix(masked.hi ^ length_bit, masked.lo, kind) >> (64 - IFW_FILTER_ORDER));
}

ifw_inline __u32 ifw_filter_slot_of(const struct ifw_prefix_key *key)
{
	__u64 bit = 1ULL << (IFW_LENGTH_BIT(key->len) % 64);

	return ifw_filter_slot(key->addr, bit,
			       ifw_filter_kind(key->scope, key->family, key->protocol, key->kind));
}

/* Bit of an address in a slot's word of ifw_addr_filter. */
ifw_inline __u64 ifw_addr_bit(struct ifw_addr addr)
{
	return 1ULL << (ifw_mix(addr.hi, addr.lo, 0) >> 58);
}

#endif /* IFW_FILTER_H */
