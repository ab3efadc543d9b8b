/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * iface.h - the interface that a packet came in by: its settings, or the
 * defaults where it has none, and its own addresses.
 */
#ifndef IFW_IFACE_H
#define IFW_IFACE_H

#include "helpers.h"
#include "work.h"

/* 1 where the brief is this interface's and was not changed meanwhile. */
ifw_inline int ifw_read_brief(const struct ifw_brief *brief, __u32 ifindex, struct iface *in)
{
	__u32 sequence = *(const volatile __u32 *)&brief->sequence, owner;

	asm volatile("" ::: "memory");
	owner = brief->ifindex;
	in->slot = brief->slot % IFW_SLOTS;
	in->flags = brief->flags;
	in->mark = brief->mark;
	in->mark_mask = brief->mark_mask;
	in->verbose = brief->verbose;
	asm volatile("" ::: "memory");
	return owner == ifindex && !(sequence & 1) &&
	       sequence == *(const volatile __u32 *)&brief->sequence;
}

/*
 * Seen whole: from a brief that did not change, or one read of one element of a hash.
 * 0 where the interface has no settings.
 */
ifw_inline int ifw_read_iface(IFW_MAPS __u32 ifindex, struct iface *in)
{
	const struct ifw_brief *brief = ifw_find_brief(IFW_MAPS_OF(ctx) ifindex);
	const struct ifw_iface *set;

	in->ifindex = ifindex;
	in->stripped = 0;
	if (brief && ifw_read_brief(brief, ifindex, in))
		return 1;
	set = ifw_find_iface(IFW_MAPS_OF(ctx) ifindex);
	in->slot = set ? set->slot % IFW_SLOTS : IFW_SLOT_NONE;
	in->flags = set ? set->flags : 0;
	in->mark = set ? set->mark : IFW_MARK_DEFAULT;
	in->mark_mask = set ? set->mark_mask : IFW_MARK_MASK_DEFAULT;
	in->verbose = set ? set->verbose : 0;
	return set != 0;
}

_Static_assert((__u32)IFW_IFACE_NAMED_RULES == IFW_SLOT_NAMED, "one bit is both");

/* What rules are asked for: the slot, with IFW_SLOT_NAMED where it is set so. */
ifw_inline __u32 ifw_rules_slot(const struct iface *in)
{
	return in->slot | (in->flags & IFW_SLOT_NAMED);
}

/* enum ifw_addr_kind of an address on the interface with this slot, or 0. */
IFW_GLOBAL __u32 ifw_addr_kind(IFW_MAPS __u64 hi, __u64 lo, __u32 slot, __u32 family)
{
	struct ifw_addr_key key = {.addr = {hi, lo}, .slot = slot, .family = family};
	const __u32 *kind = ifw_find_addr(IFW_MAPS_OF(ctx) & key);

	return kind ? *kind : 0;
}

ifw_inline int ifw_is_kind(IFW_MAPS const struct iface *in, struct ifw_addr addr, __u8 family,
			   enum ifw_addr_kind kind)
{
	if (!(in->flags & IFW_IFACE_ADDRS_RECORDED) ||
	    !ifw_may_be_own(IFW_MAPS_OF(ctx) in->slot, addr, family))
		return 0;
	return ifw_addr_kind(IFW_MAPS_OF(ctx) addr.hi, addr.lo, in->slot, family) == kind;
}

ifw_inline int ifw_is_own(IFW_MAPS const struct iface *in, struct ifw_addr addr, __u8 family)
{
	return ifw_is_kind(IFW_MAPS_OF(ctx) in, addr, family, IFW_ADDR_LOCAL);
}

ifw_inline int ifw_is_own_broadcast(IFW_MAPS const struct iface *in, struct ifw_addr addr,
				    __u8 family)
{
	return ifw_is_kind(IFW_MAPS_OF(ctx) in, addr, family, IFW_ADDR_BROADCAST);
}

/* Never recorded is not the same as recorded and none: only the former opens. */
ifw_inline int ifw_is_own_or_unknown(IFW_MAPS const struct iface *in, struct ifw_addr addr,
				     __u8 family)
{
	return !(in->flags & IFW_IFACE_ADDRS_RECORDED) ||
	       ifw_is_own(IFW_MAPS_OF(ctx) in, addr, family);
}

/* Settings that few packets ask for are read when one does. */
ifw_inline int ifw_passes_protocol(IFW_MAPS const struct iface *in, __u8 protocol)
{
	const struct ifw_iface *set = ifw_find_iface(IFW_MAPS_OF(ctx) in->ifindex);

	return set && (set->protocols[protocol / 64] >> (protocol % 64) & 1);
}

ifw_inline int ifw_passes_ethertype(IFW_MAPS const struct iface *in, __u16 ethertype)
{
	const struct ifw_iface *set = ifw_find_iface(IFW_MAPS_OF(ctx) in->ifindex);

	if (!set || !ethertype)
		return 0;
	for (int i = 0; i < IFW_ETHERTYPES_MAX; i++)
		if (set->ethertypes[i] == ethertype)
			return 1;
	return 0;
}

/* Outer source of GENEVE: any where none is set. */
ifw_inline int ifw_is_geneve_source(IFW_MAPS const struct iface *in, struct ifw_addr addr,
				    __u8 family)
{
	const struct ifw_iface *set = ifw_find_iface(IFW_MAPS_OF(ctx) in->ifindex);
	int limited = 0;

	if (!set)
		return 0;
	for (int i = 0; i < IFW_GENEVE_SOURCES_MAX; i++) {
		const struct ifw_net *net = &set->geneve_sources[i];

		if (net->family == IFW_FAMILY_NONE)
			continue;
		limited = 1;
		if (net->family == family &&
		    ifw_addr_equal(ifw_addr_mask(addr, net->len), net->addr))
			return 1;
	}
	return !limited;
}

#endif /* IFW_IFACE_H */
