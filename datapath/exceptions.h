/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * exceptions.h - what passes or drops before any rule is asked: ARP, other
 * EtherTypes, later fragments, neighbour discovery, echo, other protocols, ssh
 * and DHCP. A pass on a router means forward, so what is meant for this host
 * looks at the destination.
 */
#ifndef IFW_EXCEPTIONS_H
#define IFW_EXCEPTIONS_H

#include "iface.h"
#include "packet.h"

#define IFW_PORT_SSH 22
#define IFW_PORT_DHCP_SERVER 67 /* RFC 2131 4.1 */
#define IFW_PORT_DHCP_CLIENT 68

/* Row 2. */
ifw_inline ifw_answer ifw_arp(const struct packet *p)
{
	return p->ethertype == ETH_P_ARP ? ifw_pass(IFW_REASON_ARP) : IFW_UNDECIDED;
}

/* Row 3. */
ifw_inline ifw_answer ifw_non_ip(const struct packet *p, const struct iface *in)
{
	if (p->family != IFW_FAMILY_NONE)
		return IFW_UNDECIDED;
	return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_NON_IP);
}

/* Row 4, without memory of first fragments yet. */
ifw_inline ifw_answer ifw_fragment(const struct packet *p, const struct iface *in)
{
	if (!p->later_fragment)
		return IFW_UNDECIDED;
	return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_FRAGMENT);
}

/*
 * Row 5. RFC 4861 6.1, 7.1: hop limit 255 shows that no router was passed;
 * types 133 to 136, redirect (137) not. RFC 2710 3, RFC 3810 5: MLD has hop
 * limit 1 and a link-local source; reports (131, 143) may come from :: while an
 * address is still being tried (RFC 3810 5.2.13).
 */
ifw_inline int ifw_is_neighbor_discovery(const struct packet *p)
{
	if (p->family != IFW_FAMILY_IPV6 || p->protocol != IFW_IPPROTO_ICMPV6 || p->icmp_code != 0)
		return 0;
	if (p->icmp_type >= 133 && p->icmp_type <= 136)
		return p->hop_limit == 255;
	if ((p->icmp_type >= 130 && p->icmp_type <= 132) || p->icmp_type == 143)
		return p->hop_limit == 1 && (ifw_addr_is_link_local6(p->src) ||
					     ((p->icmp_type == 131 || p->icmp_type == 143) &&
					      ifw_addr_equal(p->src, (struct ifw_addr){})));
	return 0;
}

ifw_inline ifw_answer ifw_neighbor_discovery(ifw_ctx *ctx, const struct packet *p,
					     const struct iface *in)
{
	if (!ifw_is_neighbor_discovery(p))
		return IFW_UNDECIDED;
	if (ifw_addr_is_multicast(p->dst, p->family) || ifw_addr_is_link_local6(p->dst) ||
	    ifw_is_own_or_unknown(ctx, in, p->dst, p->family))
		return ifw_pass(IFW_REASON_NEIGHBOR_DISCOVERY);
	return IFW_UNDECIDED;
}

/* Stands in for the whole of IPv6 until its packets are decided like IPv4's. */
ifw_inline ifw_answer ifw_ipv6(const struct packet *p, const struct iface *in)
{
	if (p->family != IFW_FAMILY_IPV6)
		return IFW_UNDECIDED;
	return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_IPV6);
}

/* Row 6. Answers on behalf of others are theirs to give, so they need a rule. */
ifw_inline ifw_answer ifw_icmp_echo(ifw_ctx *ctx, const struct packet *p, const struct iface *in)
{
	if (p->protocol != IPPROTO_ICMP || p->icmp_type != IFW_ICMP_ECHO || p->icmp_code != 0)
		return IFW_UNDECIDED;
	if ((in->flags & IFW_IFACE_ECHO) && ifw_is_own(ctx, in, p->dst, p->family))
		return ifw_pass(IFW_REASON_ICMP_ECHO);
	return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_ICMP_ECHO);
}

/* Row 8. */
ifw_inline ifw_answer ifw_protocol(const struct packet *p, const struct iface *in)
{
	if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP)
		return IFW_UNDECIDED;
	return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_PROTOCOL);
}

/* Row 10. Open while the addresses are unknown, so that nobody locks himself out. */
ifw_inline ifw_answer ifw_ssh(ifw_ctx *ctx, const struct packet *p, const struct iface *in)
{
	if (p->protocol != IPPROTO_TCP || p->dst_port != IFW_PORT_SSH ||
	    (in->flags & IFW_IFACE_SSH_OFF))
		return IFW_UNDECIDED;
	if (ifw_is_own_or_unknown(ctx, in, p->dst, p->family))
		return ifw_pass(IFW_REASON_SSH);
	return IFW_UNDECIDED;
}

/* Row 11: the server's answer, which may come before this host has an address. */
ifw_inline ifw_answer ifw_dhcp(ifw_ctx *ctx, const struct packet *p, const struct iface *in)
{
	if (p->protocol != IPPROTO_UDP || p->src_port != IFW_PORT_DHCP_SERVER ||
	    p->dst_port != IFW_PORT_DHCP_CLIENT)
		return IFW_UNDECIDED;
	if (ifw_addr_is_limited_broadcast(p->dst, p->family) ||
	    ifw_addr_is_multicast(p->dst, p->family) ||
	    ifw_is_own_broadcast(ctx, in, p->dst, p->family) ||
	    ifw_is_own_or_unknown(ctx, in, p->dst, p->family))
		return ifw_pass(IFW_REASON_DHCP);
	return IFW_UNDECIDED;
}

#endif /* IFW_EXCEPTIONS_H */
