/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/addr.h: masking against a bit by bit one, and the edges
 * of the address classes.
 */
#include "sim_fixture.h"

static struct ifw_addr naive_mask(struct ifw_addr addr, unsigned int len)
{
	for (unsigned int bit = len; bit < 128; bit++) {
		if (bit < 64)
			addr.hi &= ~(1ULL << (63 - bit));
		else
			addr.lo &= ~(1ULL << (127 - bit));
	}
	return addr;
}

Test(addr, masks_every_length)
{
	const struct ifw_addr all[] = {
		{~0ULL, ~0ULL}, {0, 0}, {0x0123456789abcdefULL, 0xfedcba9876543210ULL}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (unsigned int len = 0; len <= 140; len++) {
			struct ifw_addr got = ifw_addr_mask(all[i], len);
			struct ifw_addr wanted = naive_mask(all[i], len);

			cr_assert(ifw_addr_equal(got, wanted), "length %u", len);
		}
	}
}

Test(addr, is_a_number_in_host_order)
{
	struct ifw_addr v4 = addr_of("10.1.2.3"), v6 = addr_of("2001:db8::1:2");
	uint32_t words[4];

	cr_assert_eq(v4.hi, 0x0a01020300000000ULL);
	cr_assert_eq(v4.lo, 0);
	cr_assert_eq(ifw_addr_to_ipv4(v4), htonl(0x0a010203));
	cr_assert_eq(v6.hi, 0x20010db800000000ULL);
	cr_assert_eq(v6.lo, 0x10002ULL);
	ifw_addr_to_ipv6(v6, words);
	cr_assert_eq(words[0], htonl(0x20010db8));
	cr_assert_eq(words[3], htonl(0x10002));
	cr_assert(ifw_addr_equal(ifw_addr_from_ipv6(words), v6));
	cr_assert_not(ifw_addr_equal(v4, v6));
	cr_assert_eq(ifw_addr_bits(IFW_FAMILY_IPV4), 32);
	cr_assert_eq(ifw_addr_bits(IFW_FAMILY_IPV6), 128);
}

Test(addr, knows_its_classes_at_the_edges)
{
	cr_assert_not(ifw_addr_is_multicast(addr_of("223.255.255.255"), IFW_FAMILY_IPV4));
	cr_assert(ifw_addr_is_multicast(addr_of("224.0.0.0"), IFW_FAMILY_IPV4));
	cr_assert(ifw_addr_is_multicast(addr_of("239.255.255.255"), IFW_FAMILY_IPV4));
	cr_assert_not(ifw_addr_is_multicast(addr_of("240.0.0.0"), IFW_FAMILY_IPV4));
	cr_assert(ifw_addr_is_multicast(addr_of("ff02::1"), IFW_FAMILY_IPV6));
	cr_assert_not(ifw_addr_is_multicast(addr_of("fe80::1"), IFW_FAMILY_IPV6));

	cr_assert(ifw_addr_is_limited_broadcast(addr_of("255.255.255.255"), IFW_FAMILY_IPV4));
	cr_assert_not(ifw_addr_is_limited_broadcast(addr_of("255.255.255.254"), IFW_FAMILY_IPV4));
	cr_assert_not(ifw_addr_is_limited_broadcast(addr_of("ffff:ffff::"), IFW_FAMILY_IPV6));

	cr_assert(ifw_addr_is_link_local6(addr_of("fe80::")));
	cr_assert(ifw_addr_is_link_local6(addr_of("febf:ffff::1")));
	cr_assert_not(ifw_addr_is_link_local6(addr_of("fec0::")));
	cr_assert_not(ifw_addr_is_link_local6(addr_of("fe7f::")));
}
