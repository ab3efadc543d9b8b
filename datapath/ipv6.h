/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ipv6.h - the IPv6 header and its extension headers, walked with a bound.
 */
#ifndef IFW_IPV6_H
#define IFW_IPV6_H

#include "packet.h"

struct ifw_ipv6_header {
	__be32 version_class_flow;
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__be32 src[4];
	__be32 dst[4];
};

/* RFC 8200 4: each of the kinds once, AH, destination options twice, is seven. */
#define IFW_EXTENSIONS_MAX 7

#define IFW_IPV6_OFFSET 0xfff8 /* RFC 8200 4.5: bytes, as it happens */
#define IFW_IPV6_MORE_FRAGMENTS 1

struct ifw_extension {
	__u32 size; /* bytes; 0: not an extension header that can be walked */
	__u32 identification;
	__u16 fragment; /* host order, of a fragment header */
	__u8 next;
};

/* IANA "IPv6 extension header types" without those whose layout is not fixed. */
ifw_inline int ifw_is_known_extension(__u8 type)
{
	return type == IFW_IPPROTO_HOPOPTS || type == IFW_IPPROTO_ROUTING ||
	       type == IFW_IPPROTO_FRAGMENT || type == IFW_IPPROTO_AH ||
	       type == IFW_IPPROTO_DSTOPTS;
}

/* One extension header at off. 0; -1 where the frame ends before it does. */
ifw_inline int ifw_read_extension(ifw_ctx *ctx, __u32 off, __u8 type, struct ifw_extension *e)
{
	struct {
		__u8 next;
		__u8 length;
		__be16 fragment;
		__be32 identification;
	} raw;

	e->size = 0;
	if (!ifw_is_known_extension(type))
		return 0;
	if (ifw_load(ctx, off, &raw, sizeof(raw)))
		return -1;
	e->next = raw.next;
	e->fragment = __builtin_bswap16(raw.fragment);
	e->identification = raw.identification;
	if (type == IFW_IPPROTO_FRAGMENT)
		e->size = 8;
	else if (type == IFW_IPPROTO_AH)
		e->size = (raw.length + 2U) * 4; /* RFC 4302 2.2 */
	else
		e->size = (raw.length + 1U) * 8;
	return 0;
}

/* Mobility, HIP, Shim6 and the two for experiments: nobody here can look behind them. */
ifw_inline int ifw_is_unknown_extension(__u8 type)
{
	return type == 135 || type == 139 || type == 140 || type == 253 || type == 254;
}

/* RFC 6946: a fragment header on a whole packet makes it no fragment. */
ifw_inline ifw_answer ifw_enter_fragment(struct packet *p, const struct ifw_extension *e)
{
	int more = e->fragment & IFW_IPV6_MORE_FRAGMENTS;

	p->identification = e->identification;
	p->fragment_off = e->fragment & IFW_IPV6_OFFSET;
	p->later_fragment = p->fragment_off != 0;
	p->fragment = p->later_fragment || more;
	return p->fragment ? ifw_check_fragment(p, more) : IFW_UNDECIDED;
}

ifw_inline ifw_answer ifw_walk_extensions(ifw_ctx *ctx, struct packet *p)
{
	struct ifw_extension e;

	for (int i = 0; i < IFW_EXTENSIONS_MAX; i++) {
		__u8 type = p->protocol;

		if (ifw_is_unknown_extension(type)) {
			p->bad_extension = 1;
			return IFW_UNDECIDED;
		}
		/* RFC 8200 4.1: hop-by-hop options come first or not at all. */
		if (type == IFW_IPPROTO_HOPOPTS && i > 0)
			return ifw_drop(IFW_REASON_MALFORMED);
		if (ifw_read_extension(ctx, p->l4_off, type, &e))
			return p->fragment ? ifw_cut_short(p) : ifw_drop(IFW_REASON_MALFORMED);
		if (e.size == 0)
			return IFW_UNDECIDED;
		if (e.size > p->l4_length)
			return ifw_cut_short(p);
		p->protocol = e.next;
		p->l4_off += e.size;
		p->l4_length -= e.size;
		if (type == IFW_IPPROTO_FRAGMENT) {
			ifw_answer answer = ifw_enter_fragment(p, &e);

			if (answer != IFW_UNDECIDED || p->later_fragment)
				return answer;
		}
	}
	/* One more is not looked at, not even whether it is whole or a fragment's. */
	p->bad_extension =
		ifw_is_known_extension(p->protocol) || ifw_is_unknown_extension(p->protocol);
	return IFW_UNDECIDED;
}

ifw_inline ifw_answer ifw_parse_ipv6_header(ifw_ctx *ctx, struct packet *p)
{
	struct ifw_ipv6_header ip;
	__u32 payload, room;

	if (ifw_load(ctx, p->l3_off, &ip, sizeof(ip)))
		return ifw_drop(IFW_REASON_MALFORMED);
	payload = __builtin_bswap16(ip.payload_length);
	room = p->length - p->l3_off - sizeof(ip);
	if (payload == 0 && ifw_is_aggregate(ctx)) /* RFC 2675 jumbogram */
		payload = room;
	if (__builtin_bswap32(ip.version_class_flow) >> 28 != 6 || payload > room)
		return ifw_drop(IFW_REASON_MALFORMED);

	p->family = IFW_FAMILY_IPV6;
	p->src = ifw_addr_from_ipv6(ip.src);
	p->dst = ifw_addr_from_ipv6(ip.dst);
	p->protocol = ip.next_header;
	p->hop_limit = ip.hop_limit;
	p->l4_off = p->l3_off + sizeof(ip);
	p->l4_length = payload;
	return ifw_walk_extensions(ctx, p);
}

/* A function of its own, so that its stack is gone afterwards. */
IFW_STEP ifw_answer ifw_parse_ipv6(ifw_ctx *ctx, __u32 direction)
{
	struct ifw_work *w = ifw_work_at(ctx, direction);

	return w ? ifw_parse_ipv6_header(ctx, &w->packet) : ifw_drop(IFW_REASON_MALFORMED);
}

#endif /* IFW_IPV6_H */
