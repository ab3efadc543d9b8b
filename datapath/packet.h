/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * packet.h - bytes to struct packet: VLAN tags, IPv4, transport (ipv6.h has
 * IPv6, parse.h the whole). The decision never touches the frame again after
 * this: each header is copied out, checked against what is there, and the
 * cursor advances by what the header claims.
 */
#ifndef IFW_PACKET_H
#define IFW_PACKET_H

#include <linux/if_ether.h>
#include <linux/in.h>

#include "helpers.h"
#include "iface.h"
#include "reasons.h"
#include "verdict.h"

/* linux/in6.h has these too, but cannot be included beside the C library's. */
#define IFW_IPPROTO_HOPOPTS 0
#define IFW_IPPROTO_ROUTING 43
#define IFW_IPPROTO_FRAGMENT 44
#define IFW_IPPROTO_AH 51
#define IFW_IPPROTO_ICMPV6 58
#define IFW_IPPROTO_DSTOPTS 60

struct ifw_ipv4_header {
	__u8 version_length; /* version in the upper half, 32-bit words below */
	__u8 tos;
	__be16 total_length;
	__be16 identification;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 src;
	__be32 dst;
};

struct ifw_tcp_header {
	__be16 src_port;
	__be16 dst_port;
	__be32 sequence;
	__be32 acknowledgement;
	__u8 data_offset; /* 32-bit words in the upper half */
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
};

struct ifw_udp_header {
	__be16 src_port;
	__be16 dst_port;
	__be16 length;
	__be16 checksum;
};

struct ifw_vlan_tag {
	__be16 control;
	__be16 ethertype;
};

#define IFW_VLAN_TAGS_MAX 2 /* IEEE 802.1ad: a service tag and a customer tag */

#define IFW_IPV4_OFFSET 0x1fff /* RFC 791 3.1, 8-byte units */
#define IFW_IPV4_MORE_FRAGMENTS 0x2000

/* A transport header that is cut off by a fragment's end is a trick, not an error. */
ifw_inline ifw_answer ifw_cut_short(struct packet *p)
{
	if (!p->fragment)
		return ifw_drop(IFW_REASON_MALFORMED);
	p->tiny = 1;
	return IFW_UNDECIDED;
}

/* RFC 9293 3.1: ports, and a data offset that fits what the IP header leaves. */
ifw_inline ifw_answer ifw_parse_tcp(ifw_ctx *ctx, struct packet *p)
{
	struct ifw_tcp_header tcp;
	__u32 header;

	if (p->l4_length < sizeof(tcp))
		return ifw_cut_short(p);
	if (ifw_load(ctx, p->l4_off, &tcp, sizeof(tcp)))
		return ifw_drop(IFW_REASON_MALFORMED);
	header = (tcp.data_offset >> 4) * 4U;
	if (header < sizeof(tcp))
		return ifw_drop(IFW_REASON_MALFORMED);
	if (header > p->l4_length)
		return ifw_cut_short(p);
	p->src_port = __builtin_bswap16(tcp.src_port);
	p->dst_port = __builtin_bswap16(tcp.dst_port);
	p->tcp_offset = tcp.data_offset;
	p->tcp_flags = tcp.flags;
	p->tcp_window = tcp.window;
	p->tcp_sequence = tcp.sequence;
	p->tcp_acknowledgement = tcp.acknowledgement;
	return IFW_UNDECIDED;
}

/* RFC 768; the length of a first fragment covers datagrams yet to come. */
ifw_inline ifw_answer ifw_parse_udp(ifw_ctx *ctx, struct packet *p)
{
	struct ifw_udp_header udp;
	__u32 length;

	if (p->l4_length < sizeof(udp))
		return ifw_cut_short(p);
	if (ifw_load(ctx, p->l4_off, &udp, sizeof(udp)))
		return ifw_drop(IFW_REASON_MALFORMED);
	length = __builtin_bswap16(udp.length);
	/* An aggregate keeps the length of one of its datagrams or none. */
	if (!p->fragment && !ifw_is_aggregate(ctx) &&
	    (length < sizeof(udp) || length > p->l4_length))
		return ifw_drop(IFW_REASON_MALFORMED);
	p->src_port = __builtin_bswap16(udp.src_port);
	p->dst_port = __builtin_bswap16(udp.dst_port);
	return IFW_UNDECIDED;
}

/* RFC 792, RFC 4443: type, code and checksum are always there. */
ifw_inline ifw_answer ifw_parse_icmp(ifw_ctx *ctx, struct packet *p)
{
	__u8 icmp[4];

	if (p->l4_length < sizeof(icmp))
		return ifw_cut_short(p);
	if (ifw_load(ctx, p->l4_off, icmp, sizeof(icmp)))
		return ifw_drop(IFW_REASON_MALFORMED);
	p->icmp_type = icmp[0];
	p->icmp_code = icmp[1];
	return IFW_UNDECIDED;
}

/* What follows the IP headers; of a later fragment no ports. */
ifw_inline ifw_answer ifw_parse_transport(ifw_ctx *ctx, struct packet *p)
{
	if (p->later_fragment)
		return IFW_UNDECIDED;
	if (p->protocol == IPPROTO_TCP)
		return ifw_parse_tcp(ctx, p);
	if (p->protocol == IPPROTO_UDP)
		return ifw_parse_udp(ctx, p);
	if (p->protocol == (p->family == IFW_FAMILY_IPV6 ? IFW_IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return ifw_parse_icmp(ctx, p);
	return IFW_UNDECIDED;
}

/*
 * RFC 791 3.2, RFC 8200 4.5: all fragments but the last hold a multiple of 8
 * bytes, and none reaches beyond what a datagram can be.
 */
ifw_inline ifw_answer ifw_check_fragment(struct packet *p, int more)
{
	p->fragment_length = p->l4_length;
	if ((more && p->l4_length % 8 != 0) || p->fragment_off + p->l4_length > 65535 ||
	    p->l4_length == 0)
		return ifw_drop(IFW_REASON_MALFORMED);
	return IFW_UNDECIDED;
}

ifw_inline ifw_answer ifw_parse_ipv4(ifw_ctx *ctx, struct packet *p)
{
	struct ifw_ipv4_header ip;
	__u32 header, total, room;
	__u16 fragment;

	if (ifw_load(ctx, p->l3_off, &ip, sizeof(ip)))
		return ifw_drop(IFW_REASON_MALFORMED);
	header = (ip.version_length & 0xf) * 4U;
	total = __builtin_bswap16(ip.total_length);
	room = p->length - p->l3_off;
	/* An aggregate above 64 KiB says 0 (net/ipv4/ip_input.c, BIG TCP). */
	if (total == 0 && ifw_is_aggregate(ctx))
		total = room;
	if (ip.version_length >> 4 != 4 || header < sizeof(ip) || header > total || total > room)
		return ifw_drop(IFW_REASON_MALFORMED);
	fragment = __builtin_bswap16(ip.fragment);

	p->family = IFW_FAMILY_IPV4;
	p->src = ifw_addr_from_ipv4(ip.src);
	p->dst = ifw_addr_from_ipv4(ip.dst);
	p->protocol = ip.protocol;
	p->l4_off = p->l3_off + header;
	p->l4_length = total - header;
	p->identification = ip.identification;
	p->fragment_off = (fragment & IFW_IPV4_OFFSET) * 8U;
	p->fragment = (fragment & (IFW_IPV4_OFFSET | IFW_IPV4_MORE_FRAGMENTS)) != 0;
	p->later_fragment = p->fragment_off != 0;
	if (p->fragment)
		return ifw_check_fragment(p, (fragment & IFW_IPV4_MORE_FRAGMENTS) != 0);
	return IFW_UNDECIDED;
}

/*
 * The tags that are still in the frame; the stack takes off the outer one
 * itself, so both places count. One more than two is not looked behind.
 */
ifw_inline ifw_answer ifw_parse_tags(ifw_ctx *ctx, struct packet *p)
{
	__u32 offloaded = ifw_offloaded_tags(ctx);

	for (__u32 tags = 0; tags < IFW_VLAN_TAGS_MAX; tags++) {
		struct ifw_vlan_tag tag;

		if ((p->ethertype != ETH_P_8021Q && p->ethertype != ETH_P_8021AD) ||
		    tags + offloaded >= IFW_VLAN_TAGS_MAX)
			break;
		if (ifw_load(ctx, p->l3_off, &tag, sizeof(tag)))
			return ifw_drop(IFW_REASON_MALFORMED);
		p->ethertype = __builtin_bswap16(tag.ethertype);
		p->l3_off += sizeof(tag);
	}
	return IFW_UNDECIDED;
}

#endif /* IFW_PACKET_H */
