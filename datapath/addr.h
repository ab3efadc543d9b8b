/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * addr.h - addresses as numbers: from and to the wire, masking, equality, and
 * the few address classes that the decision asks for.
 */
#ifndef IFW_ADDR_H
#define IFW_ADDR_H

#include "abi.h"

#define ifw_inline static inline __attribute__((always_inline, unused))

/*
 * An address out of a map, as an argument: copied field by field, because clang
 * 14 forgets the alignment of a whole structure on the way and reads bytes.
 */
#define IFW_ADDR(a) ((struct ifw_addr){(a).hi, (a).lo})

/* Width of an address of the family, bits. */
ifw_inline __u8 ifw_addr_bits(__u8 family)
{
	return family == IFW_FAMILY_IPV6 ? 128 : 32;
}

ifw_inline struct ifw_addr ifw_addr_from_ipv4(__be32 wire)
{
	struct ifw_addr a = {(__u64)__builtin_bswap32(wire) << 32, 0};

	return a;
}

ifw_inline __be32 ifw_addr_to_ipv4(struct ifw_addr a)
{
	return __builtin_bswap32((__u32)(a.hi >> 32));
}

/* wire: the 16 bytes as four network-order words (struct in6_addr). */
ifw_inline struct ifw_addr ifw_addr_from_ipv6(const __be32 wire[4])
{
	struct ifw_addr a = {
		((__u64)__builtin_bswap32(wire[0]) << 32) | __builtin_bswap32(wire[1]),
		((__u64)__builtin_bswap32(wire[2]) << 32) | __builtin_bswap32(wire[3]),
	};

	return a;
}

ifw_inline void ifw_addr_to_ipv6(struct ifw_addr a, __be32 wire[4])
{
	wire[0] = __builtin_bswap32((__u32)(a.hi >> 32));
	wire[1] = __builtin_bswap32((__u32)a.hi);
	wire[2] = __builtin_bswap32((__u32)(a.lo >> 32));
	wire[3] = __builtin_bswap32((__u32)a.lo);
}

/* n leading ones, n 0..64; in two shifts, because one by 64 is undefined in C and a no-op in BPF.
 */
ifw_inline __u64 ifw_leading_bits(__u32 n)
{
	return ~(~0ULL >> n / 2 >> (n - n / 2));
}

/*
 * The first len bits of a; len 0..128. Without branches (the asm keeps clang from
 * making one): the verifier would follow each, for every length of a walk.
 */
ifw_inline struct ifw_addr ifw_addr_mask(struct ifw_addr a, __u32 len)
{
	__s64 beyond = (__s64)len - 64, negative = beyond >> 63;
	__u32 in_lo;

	asm volatile("" : "+r"(negative));
	in_lo = (__u32)(beyond & ~negative);
	a.hi &= ifw_leading_bits(len - in_lo);
	a.lo &= ifw_leading_bits(in_lo);
	return a;
}

/*
 * The same, for the length that is this bit of this word of lengths in use
 * (IFW_LENGTH_BIT): the bit's negative is the mask.
 */
ifw_inline struct ifw_addr ifw_addr_mask_bit(struct ifw_addr a, __u32 word, __u64 bit)
{
	if (word > 0) {
		a.lo = 0;
		a.hi = word == 1 ? a.hi & -bit : 0;
	} else {
		a.lo &= -bit;
	}
	return a;
}

ifw_inline int ifw_addr_equal(struct ifw_addr a, struct ifw_addr b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

/* RFC 1112 4 (224.0.0.0/4), RFC 4291 2.7 (ff00::/8). */
ifw_inline int ifw_addr_is_multicast(struct ifw_addr a, __u8 family)
{
	return family == IFW_FAMILY_IPV6 ? a.hi >> 56 == 0xff : a.hi >> 60 == 0xe;
}

/* RFC 919 7: 255.255.255.255; IPv6 has none. */
ifw_inline int ifw_addr_is_limited_broadcast(struct ifw_addr a, __u8 family)
{
	return family == IFW_FAMILY_IPV4 && a.hi >> 32 == 0xffffffff;
}

/* RFC 4291 2.5.6: fe80::/10. */
ifw_inline int ifw_addr_is_link_local6(struct ifw_addr a)
{
	return a.hi >> 54 == 0xfe80 >> 6;
}

#endif /* IFW_ADDR_H */
