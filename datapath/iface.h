/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * iface.h - the interface that a packet came in by: its settings, or the
 * defaults where it has none, and its own addresses.
 */
#ifndef IFW_IFACE_H
#define IFW_IFACE_H

#include "helpers.h"

struct iface {
	__u32 ifindex;
	__u32 slot;
	__u32 flags; /* enum ifw_iface_flags */
	__u32 mark;
	__u32 mark_mask;
	__u32 verbose; /* 0: no events; n: an event for every nth decision */
};

/* One read of one map element, so that settings are seen whole. */
ifw_inline void ifw_read_iface(ifw_ctx *ctx, struct iface *in)
{
	const struct ifw_iface *set = ifw_find_iface(ctx);

	in->ifindex = ifw_ifindex(ctx);
	in->slot = set ? set->slot % IFW_SLOTS : IFW_SLOT_NONE;
	in->flags = set ? set->flags : 0;
	in->mark = set ? set->mark : IFW_MARK_DEFAULT;
	in->mark_mask = set ? set->mark_mask : IFW_MARK_MASK_DEFAULT;
	in->verbose = set ? set->verbose : 0;
}

/* enum ifw_addr_kind of an address on the interface with this slot, or 0. */
IFW_GLOBAL __u32 ifw_addr_kind(IFW_GLOBAL_CTX __u64 hi, __u64 lo, __u32 slot, __u32 family)
{
	struct ifw_addr_key key = {.addr = {hi, lo}, .slot = slot, .family = family};
	const __u32 *kind = ifw_find_addr(IFW_GLOBAL_ARG(ctx) & key);

	return kind ? *kind : 0;
}

ifw_inline int ifw_is_kind(ifw_ctx *ctx, const struct iface *in, struct ifw_addr addr, __u8 family,
			   enum ifw_addr_kind kind)
{
	(void)ctx;
	if (!(in->flags & IFW_IFACE_ADDRS_RECORDED))
		return 0;
	return ifw_addr_kind(IFW_GLOBAL_ARG(ctx) addr.hi, addr.lo, in->slot, family) == kind;
}

ifw_inline int ifw_is_own(ifw_ctx *ctx, const struct iface *in, struct ifw_addr addr, __u8 family)
{
	return ifw_is_kind(ctx, in, addr, family, IFW_ADDR_LOCAL);
}

ifw_inline int ifw_is_own_broadcast(ifw_ctx *ctx, const struct iface *in, struct ifw_addr addr,
				    __u8 family)
{
	return ifw_is_kind(ctx, in, addr, family, IFW_ADDR_BROADCAST);
}

/* Never recorded is not the same as recorded and none: only the former opens. */
ifw_inline int ifw_is_own_or_unknown(ifw_ctx *ctx, const struct iface *in, struct ifw_addr addr,
				     __u8 family)
{
	return !(in->flags & IFW_IFACE_ADDRS_RECORDED) || ifw_is_own(ctx, in, addr, family);
}

#endif /* IFW_IFACE_H */
