/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * exceptions.h - what passes or drops before any rule is asked: ARP, other
 * EtherTypes, martians, neighbour discovery, echo, other protocols, ssh and
 * DHCP. A pass on a router means forward, so what is meant for this host looks
 * at the destination.
 */
#ifndef IFW_EXCEPTIONS_H
#define IFW_EXCEPTIONS_H

#include "iface.h"
#include "packet.h"

#define IFW_PORT_SSH 22
#define IFW_PORT_DHCP_SERVER 67 /* RFC 2131 4.1 */
#define IFW_PORT_DHCP_CLIENT 68
#define IFW_PORT_DHCPV6_SERVER 547 /* RFC 8415 7.2 */
#define IFW_PORT_DHCPV6_CLIENT 546

#define IFW_ICMP_ECHO 8	    /* RFC 792; with code 0 */
#define IFW_ICMPV6_ECHO 128 /* RFC 4443 4.1 */

/* Row 2. */
ifw_inline ifw_answer ifw_arp(const struct packet *p)
{
	return p->ethertype == ETH_P_ARP ? ifw_pass(IFW_REASON_ARP) : IFW_UNDECIDED;
}

/*
 * Of most steps here the first part is inline and sorts out nearly all packets;
 * the rest is a function of its own, so that its stack is gone afterwards.
 */

IFW_STEP ifw_answer ifw_decide_non_ip(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);

	if (!w)
		return ifw_drop(IFW_REASON_NON_IP);
	if (ifw_passes_ethertype(IFW_MAPS_OF(ctx) & w->in, w->packet.ethertype))
		return ifw_pass(IFW_REASON_NON_IP);
	return ifw_drop_unless_loopback(w->in.ifindex, IFW_REASON_NON_IP);
}

/* Row 3. */
ifw_inline ifw_answer ifw_non_ip(ifw_ctx *ctx, const struct packet *p)
{
	return p->family == IFW_FAMILY_NONE ? ifw_decide_non_ip(ctx) : IFW_UNDECIDED;
}

/*
 * Addresses that no packet on a wire has: RFC 1122 3.2.1.3 (0.0.0.0/8 but as
 * the source of who has none yet, 127.0.0.0/8, a multicast or broadcast source),
 * RFC 4291 2.5.2, 2.5.3, 2.5.5.2, 2.7. The kernel drops them later, but a socket
 * that speaks to another on this host must not be found by a packet from outside.
 */
ifw_inline int ifw_is_martian4(__u32 src, __u32 dst)
{
	return (src >> 24 == 0 && src != 0) || src >> 24 == 127 || src >> 28 == 0xe ||
	       src == 0xffffffff || dst >> 24 == 0 || dst >> 24 == 127;
}

ifw_inline int ifw_is_martian6(struct ifw_addr src, struct ifw_addr dst)
{
	return src.hi >> 56 == 0xff || (src.hi == 0 && src.lo == 1) ||
	       (src.hi == 0 && src.lo >> 32 == 0xffff) || (dst.hi == 0 && dst.lo <= 1) ||
	       (dst.hi == 0 && dst.lo >> 32 == 0xffff);
}

ifw_inline ifw_answer ifw_martian(const struct packet *p, const struct iface *in)
{
	int martian;

	if (in->ifindex == IFW_LOOPBACK_IFINDEX) /* where 127.0.0.1 lives */
		return IFW_UNDECIDED;
	if (p->family == IFW_FAMILY_IPV4)
		martian = ifw_is_martian4(p->src.hi >> 32, p->dst.hi >> 32);
	else
		martian = ifw_is_martian6(IFW_ADDR(p->src), IFW_ADDR(p->dst));
	return martian ? ifw_drop(IFW_REASON_MARTIAN) : IFW_UNDECIDED;
}

/* What cannot be looked behind cannot be matched by port. */
ifw_inline ifw_answer ifw_extension_header(const struct packet *p, const struct iface *in)
{
	if (!p->bad_extension)
		return IFW_UNDECIDED;
	return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_EXTENSION_HEADER);
}

/*
 * Row 5. RFC 4861 6.1, 7.1: hop limit 255 shows that no router was passed;
 * types 133 to 136, redirect (137) not; RFC 6980: never in fragments. RFC 2710
 * 3, RFC 3810 5: MLD has hop limit 1 and a link-local source; reports (131, 143)
 * may come from :: while an address is still being tried (RFC 3810 5.2.13).
 */
ifw_inline int ifw_is_neighbor_discovery(const struct packet *p)
{
	if (p->icmp_code != 0 || p->fragment)
		return 0;
	if (p->icmp_type >= 133 && p->icmp_type <= 136)
		return p->hop_limit == 255;
	if ((p->icmp_type >= 130 && p->icmp_type <= 132) || p->icmp_type == 143)
		return p->hop_limit == 1 &&
		       (ifw_addr_is_link_local6(IFW_ADDR(p->src)) ||
			((p->icmp_type == 131 || p->icmp_type == 143) &&
			 ifw_addr_equal(IFW_ADDR(p->src), (struct ifw_addr){})));
	return 0;
}

IFW_STEP ifw_answer ifw_decide_neighbor_discovery(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	const struct packet *p;

	if (!w)
		return IFW_UNDECIDED;
	p = &w->packet;
	if (!ifw_is_neighbor_discovery(p))
		return IFW_UNDECIDED;
	if (ifw_addr_is_multicast(IFW_ADDR(p->dst), p->family) ||
	    ifw_addr_is_link_local6(IFW_ADDR(p->dst)) ||
	    ifw_is_own_or_unknown(IFW_MAPS_OF(ctx) & w->in, IFW_ADDR(p->dst), p->family))
		return ifw_pass(IFW_REASON_NEIGHBOR_DISCOVERY);
	return IFW_UNDECIDED;
}

ifw_inline ifw_answer ifw_neighbor_discovery(ifw_ctx *ctx, const struct packet *p)
{
	if (p->family != IFW_FAMILY_IPV6 || p->protocol != IFW_IPPROTO_ICMPV6)
		return IFW_UNDECIDED;
	return ifw_decide_neighbor_discovery(ctx);
}

IFW_STEP ifw_answer ifw_decide_icmp_echo(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);

	if (!w)
		return ifw_drop(IFW_REASON_ICMP_ECHO);
	if ((w->in.flags & IFW_IFACE_ECHO) &&
	    ifw_is_own(IFW_MAPS_OF(ctx) & w->in, IFW_ADDR(w->packet.dst), w->packet.family))
		return ifw_pass(IFW_REASON_ICMP_ECHO);
	return ifw_drop_unless_loopback(w->in.ifindex, IFW_REASON_ICMP_ECHO);
}

/* Row 6. Answers on behalf of others are theirs to give. */
ifw_inline ifw_answer ifw_icmp_echo(ifw_ctx *ctx, const struct packet *p)
{
	int echo = p->family == IFW_FAMILY_IPV6
			   ? p->protocol == IFW_IPPROTO_ICMPV6 && p->icmp_type == IFW_ICMPV6_ECHO
			   : p->protocol == IPPROTO_ICMP && p->icmp_type == IFW_ICMP_ECHO;

	return echo && p->icmp_code == 0 ? ifw_decide_icmp_echo(ctx) : IFW_UNDECIDED;
}

IFW_STEP ifw_answer ifw_decide_protocol(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);

	if (!w)
		return ifw_drop(IFW_REASON_PROTOCOL);
	if (ifw_passes_protocol(IFW_MAPS_OF(ctx) & w->in, w->packet.protocol))
		return ifw_pass(IFW_REASON_PROTOCOL);
	return ifw_drop_unless_loopback(w->in.ifindex, IFW_REASON_PROTOCOL);
}

/* Row 8. */
ifw_inline ifw_answer ifw_protocol(ifw_ctx *ctx, const struct packet *p)
{
	if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP)
		return IFW_UNDECIDED;
	return ifw_decide_protocol(ctx);
}

IFW_STEP ifw_answer ifw_decide_ssh(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);

	if (!w || (w->in.flags & IFW_IFACE_SSH_OFF))
		return IFW_UNDECIDED;
	if (ifw_is_own_or_unknown(IFW_MAPS_OF(ctx) & w->in, IFW_ADDR(w->packet.dst),
				  w->packet.family))
		return ifw_pass(IFW_REASON_SSH);
	return IFW_UNDECIDED;
}

/* Row 10. Open while the addresses are unknown, so that nobody locks himself out. */
ifw_inline ifw_answer ifw_ssh(ifw_ctx *ctx, const struct packet *p)
{
	if (p->protocol != IPPROTO_TCP || p->dst_port != IFW_PORT_SSH)
		return IFW_UNDECIDED;
	return ifw_decide_ssh(ctx);
}

IFW_STEP ifw_answer ifw_decide_dhcp(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	const struct packet *p;

	if (!w)
		return IFW_UNDECIDED;
	p = &w->packet;
	if (ifw_addr_is_limited_broadcast(IFW_ADDR(p->dst), p->family) ||
	    ifw_addr_is_multicast(IFW_ADDR(p->dst), p->family) ||
	    ifw_is_own_broadcast(IFW_MAPS_OF(ctx) & w->in, IFW_ADDR(p->dst), p->family) ||
	    ifw_is_own_or_unknown(IFW_MAPS_OF(ctx) & w->in, IFW_ADDR(p->dst), p->family))
		return ifw_pass(IFW_REASON_DHCP);
	return IFW_UNDECIDED;
}

/* Row 11: the server's answer, which may come before this host has an address. */
ifw_inline ifw_answer ifw_dhcp(ifw_ctx *ctx, const struct packet *p)
{
	int ipv6 = p->family == IFW_FAMILY_IPV6;

	if (p->protocol != IPPROTO_UDP ||
	    p->src_port != (ipv6 ? IFW_PORT_DHCPV6_SERVER : IFW_PORT_DHCP_SERVER) ||
	    p->dst_port != (ipv6 ? IFW_PORT_DHCPV6_CLIENT : IFW_PORT_DHCP_CLIENT))
		return IFW_UNDECIDED;
	return ifw_decide_dhcp(ctx);
}

#endif /* IFW_EXCEPTIONS_H */
