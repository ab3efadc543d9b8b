/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * martians.c - see martians.h. Here stands where they may begin and end; which are meant is
 * asked of the datapath.
 */
#include "martians.h"

#include "datapath/exceptions.h"

/* IPv4 in its 32 bits. */
static const uint32_t cuts_ipv4[] = {0x00000000, 0x00000001, 0x01000000, 0x7f000000,
				     0x80000000, 0xe0000000, 0xf0000000, 0xffffffff};
static const struct ifw_addr cuts_ipv6[] = {
	{0, 0}, {0, 1}, {0, 2}, {0, 0xffffULL << 32}, {0, 1ULL << 48}, {0xffULL << 56, 0}};

bool is_martian(struct ifw_addr src, struct ifw_addr dst, uint8_t family)
{
	return family == IFW_FAMILY_IPV6
		       ? ifw_is_martian6(src, dst)
		       : ifw_is_martian4((__u32)(src.hi >> 32), (__u32)(dst.hi >> 32));
}

bool is_martian_end(number addr, bool is_src, uint8_t family)
{
	const struct ifw_addr end = number_to_addr(addr);
	const struct ifw_addr good = family == IFW_FAMILY_IPV6
					     ? (struct ifw_addr){0x20010db800000000ULL, 1}
					     : (struct ifw_addr){0xc000020100000000ULL, 0};

	return is_src ? is_martian(end, good, family) : is_martian(good, end, family);
}

int martian_spans(bool is_src, uint8_t family, struct spans *spans)
{
	const bool ipv6 = family == IFW_FAMILY_IPV6;
	const size_t count = ipv6 ? sizeof(cuts_ipv6) / sizeof(cuts_ipv6[0])
				  : sizeof(cuts_ipv4) / sizeof(cuts_ipv4[0]);
	number low = NUMBER_MAX, high = NUMBER_MAX;
	int error = 0;

	for (size_t i = count; i-- > 0 && !error; high = low - 1) {
		low = ipv6 ? number_of_addr(cuts_ipv6[i]) : (number)cuts_ipv4[i] << 96;
		if (is_martian_end(low, is_src, family))
			error = spans_add(spans, (struct span){low, high});
	}
	spans_settle(spans);
	return error;
}
