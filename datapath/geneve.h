/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * geneve.h - removal of the outer headers of GENEVE (RFC 8926), as a gateway
 * load balancer puts them around what it sends to an appliance: outer IP, UDP,
 * GENEVE with options, then an IP packet, bare or in an Ethernet frame.
 */
#ifndef IFW_GENEVE_H
#define IFW_GENEVE_H

#include <linux/errno.h>

#include "iface.h"
#include "packet.h"

#define IFW_PORT_GENEVE 6081 /* RFC 8926 3.3 */

/* RFC 8926 3.4 */
struct ifw_geneve_header {
	__u8 version_options; /* version in the upper 2 bits, options in 32-bit words below */
	__u8 flags;
	__be16 protocol; /* EtherType of what is inside */
	__be32 vni;	 /* in the upper 24 bits */
};

#define IFW_GENEVE_CONTROL 0x80	 /* about the tunnel, not to be forwarded */
#define IFW_GENEVE_CRITICAL 0x40 /* has options that must be understood */
#define IFW_ETH_P_TEB 0x6558	 /* an Ethernet frame inside */

/* Wanted here, and by whom it may come. */
ifw_inline int ifw_is_geneve(ifw_ctx *ctx, const struct packet *p, const struct iface *in)
{
	(void)ctx;
	return !p->fragment && ifw_is_own(IFW_MAPS_OF(ctx) in, IFW_ADDR(p->dst), p->family) &&
	       ifw_is_geneve_source(IFW_MAPS_OF(ctx) in, IFW_ADDR(p->src), p->family);
}

/*
 * Bytes from the outer IP header to the inner one, and the inner family; 0
 * where this is not GENEVE that can be removed.
 */
ifw_inline __u32 ifw_geneve_length(ifw_ctx *ctx, const struct packet *p, __u8 *family)
{
	struct ifw_geneve_header geneve;
	__u32 off = p->l4_off + sizeof(struct ifw_udp_header);
	__u32 end = p->l4_off + p->l4_length;
	__u16 protocol;
	__u8 version;

	if (ifw_load(ctx, off, &geneve, sizeof(geneve)))
		return 0;
	if (geneve.version_options >> 6 != 0 ||
	    (geneve.flags & (IFW_GENEVE_CONTROL | IFW_GENEVE_CRITICAL)))
		return 0;
	off += sizeof(geneve) + (geneve.version_options & 0x3f) * 4U;
	protocol = __builtin_bswap16(geneve.protocol);
	if (protocol == IFW_ETH_P_TEB) {
		struct ethhdr eth;

		if (ifw_load(ctx, off, &eth, sizeof(eth)))
			return 0;
		protocol = __builtin_bswap16(eth.h_proto);
		off += sizeof(eth);
	}
	/* Headers that were read beyond the datagram's end, in padding, end beyond it, too. */
	if (off >= end || ifw_load(ctx, off, &version, sizeof(version)))
		return 0;
	if (protocol == ETH_P_IP && version >> 4 == 4)
		*family = IFW_FAMILY_IPV4;
	else if (protocol == ETH_P_IPV6 && version >> 4 == 6)
		*family = IFW_FAMILY_IPV6;
	else
		return 0;
	return off - p->l3_off;
}

/* IFW_AGAIN once the inner packet stands where the outer one stood. */
IFW_STEP ifw_answer ifw_decide_geneve(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	__u8 family = IFW_FAMILY_NONE;
	const struct packet *p;
	__u32 length;
	long err;

	if (!w)
		return IFW_UNDECIDED;
	p = &w->packet;
	if (!ifw_is_geneve(ctx, p, &w->in))
		return IFW_UNDECIDED;
	length = ifw_geneve_length(ctx, p, &family);
	if (!length)
		return ifw_drop(IFW_REASON_GENEVE);
	err = ifw_strip(ctx, p->l3_off, length, p->family, family);
	if (err == 0)
		return IFW_AGAIN;
	/* Refused for another cause, it is refused on every kernel. */
	return ifw_drop(family != p->family && err == -EINVAL ? IFW_REASON_GENEVE_FAMILY
							      : IFW_REASON_GENEVE);
}

/* Row 9, once a packet. */
ifw_inline ifw_answer ifw_geneve(ifw_ctx *ctx, const struct packet *p, const struct iface *in)
{
	if (!(in->flags & IFW_IFACE_GENEVE) || in->stripped || p->protocol != IPPROTO_UDP ||
	    p->dst_port != IFW_PORT_GENEVE)
		return IFW_UNDECIDED;
	return ifw_decide_geneve(ctx);
}

#endif /* IFW_GENEVE_H */
