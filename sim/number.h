/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * number.h - addresses, ports and other fields of a packet as numbers to reckon with.
 */
#ifndef IFW_SIM_NUMBER_H
#define IFW_SIM_NUMBER_H

#include "datapath/addr.h"

/* Wide enough for an IPv6 address. */
__extension__ typedef unsigned __int128 number;

#define NUMBER_MAX (~(number)0)

/* The address in the upper bits, of either family; what is below those of IPv4 is 0. */
static inline number number_of_addr(struct ifw_addr addr)
{
	return (number)addr.hi << 64 | addr.lo;
}

static inline struct ifw_addr number_to_addr(number value)
{
	return (struct ifw_addr){(__u64)(value >> 64), (__u64)value};
}

/* The last number of the prefix that begins at first; len 0 to 128. */
static inline number number_prefix_last(number first, unsigned int len)
{
	return len == 0 ? NUMBER_MAX : first | (((number)1 << (128 - len)) - 1);
}

#endif /* IFW_SIM_NUMBER_H */
