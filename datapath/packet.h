/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * packet.h - bytes to struct packet. The decision never touches the frame
 * again after this: each header is copied out, checked against what is there,
 * and the cursor advances by what the header claims.
 */
#ifndef IFW_PACKET_H
#define IFW_PACKET_H

#include <linux/if_ether.h>
#include <linux/in.h>

#include "helpers.h"
#include "reasons.h"
#include "verdict.h"

/* linux/in6.h has these too, but cannot be included beside the C library's. */
#define IFW_IPPROTO_HOPOPTS 0
#define IFW_IPPROTO_ICMPV6 58

#define IFW_ICMP_ECHO 8 /* RFC 792; with code 0 */

struct packet {
	struct ifw_addr src;
	struct ifw_addr dst;
	__u32 length; /* frame, bytes, link header included */
	__u32 l3_off; /* bytes from the start of the frame */
	__u32 l4_off;
	__u32 l4_length; /* bytes that the IP header leaves for the transport */
	__u16 ethertype; /* host order */
	__u16 src_port;	 /* host order; 0 where there is none */
	__u16 dst_port;
	__u8 family;	     /* enum ifw_family; NONE for neither */
	__u8 protocol;	     /* IPPROTO_*; of IPv6: the last header that was read */
	__u8 hop_limit;	     /* or time to live */
	__u8 later_fragment; /* 1: a fragment other than the first */
	__u8 fragment;	     /* 1: any fragment, the first too */
	__u8 icmp_type;
	__u8 icmp_code;
};

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

struct ifw_ipv6_header {
	__be32 version_class_flow;
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__be32 src[4];
	__be32 dst[4];
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

#define IFW_IPV4_OFFSET 0x1fff /* RFC 791 3.1, 8-byte units */
#define IFW_IPV4_MORE_FRAGMENTS 0x2000

/* RFC 9293 3.1: ports, and a data offset that fits what the IP header leaves. */
ifw_inline ifw_answer ifw_parse_tcp(ifw_ctx *ctx, struct packet *p)
{
	struct ifw_tcp_header tcp;
	__u32 header;

	if (p->l4_length < sizeof(tcp) || ifw_load(ctx, p->l4_off, &tcp, sizeof(tcp)))
		return ifw_drop(IFW_REASON_MALFORMED);
	header = (tcp.data_offset >> 4) * 4U;
	if (header < sizeof(tcp) || header > p->l4_length)
		return ifw_drop(IFW_REASON_MALFORMED);
	p->src_port = __builtin_bswap16(tcp.src_port);
	p->dst_port = __builtin_bswap16(tcp.dst_port);
	return IFW_UNDECIDED;
}

/* RFC 768; the length of a first fragment covers datagrams yet to come. */
ifw_inline ifw_answer ifw_parse_udp(ifw_ctx *ctx, struct packet *p)
{
	struct ifw_udp_header udp;
	__u32 length;

	if (p->l4_length < sizeof(udp) || ifw_load(ctx, p->l4_off, &udp, sizeof(udp)))
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

	if (p->l4_length < sizeof(icmp) || ifw_load(ctx, p->l4_off, icmp, sizeof(icmp)))
		return ifw_drop(IFW_REASON_MALFORMED);
	p->icmp_type = icmp[0];
	p->icmp_code = icmp[1];
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
	p->hop_limit = ip.ttl;
	p->l4_off = p->l3_off + header;
	p->l4_length = total - header;
	p->fragment = (fragment & (IFW_IPV4_OFFSET | IFW_IPV4_MORE_FRAGMENTS)) != 0;
	p->later_fragment = (fragment & IFW_IPV4_OFFSET) != 0;
	if (p->later_fragment)
		return IFW_UNDECIDED; /* what follows are no ports */
	if (p->protocol == IPPROTO_TCP)
		return ifw_parse_tcp(ctx, p);
	if (p->protocol == IPPROTO_UDP)
		return ifw_parse_udp(ctx, p);
	if (p->protocol == IPPROTO_ICMP)
		return ifw_parse_icmp(ctx, p);
	return IFW_UNDECIDED;
}

/*
 * As much of IPv6 as neighbour discovery needs: the fixed header, one
 * hop-by-hop header (MLD carries a router alert there, RFC 2710 3), ICMPv6.
 */
ifw_inline ifw_answer ifw_parse_ipv6(ifw_ctx *ctx, struct packet *p)
{
	struct ifw_ipv6_header ip;
	__u32 payload;
	__u8 extension[2];

	if (ifw_load(ctx, p->l3_off, &ip, sizeof(ip)))
		return ifw_drop(IFW_REASON_MALFORMED);
	payload = __builtin_bswap16(ip.payload_length);
	if (payload == 0 && ifw_is_aggregate(ctx)) /* RFC 2675 jumbogram */
		payload = p->length - p->l3_off - sizeof(ip);
	if (__builtin_bswap32(ip.version_class_flow) >> 28 != 6 ||
	    payload > p->length - p->l3_off - sizeof(ip))
		return ifw_drop(IFW_REASON_MALFORMED);

	p->family = IFW_FAMILY_IPV6;
	p->src = ifw_addr_from_ipv6(ip.src);
	p->dst = ifw_addr_from_ipv6(ip.dst);
	p->protocol = ip.next_header;
	p->hop_limit = ip.hop_limit;
	p->l4_off = p->l3_off + sizeof(ip);
	p->l4_length = payload;
	if (p->protocol == IFW_IPPROTO_HOPOPTS) {
		__u32 size;

		if (payload < 8 || ifw_load(ctx, p->l4_off, extension, sizeof(extension)))
			return ifw_drop(IFW_REASON_MALFORMED);
		size = (extension[1] + 1U) * 8; /* RFC 8200 4.3 */
		if (size > payload)
			return ifw_drop(IFW_REASON_MALFORMED);
		p->protocol = extension[0];
		p->l4_off += size;
		p->l4_length -= size;
	}
	if (p->protocol == IFW_IPPROTO_ICMPV6)
		return ifw_parse_icmp(ctx, p);
	return IFW_UNDECIDED;
}

/* Row 1 of the decision: malformed, or p is filled. */
ifw_frame ifw_answer ifw_parse(ifw_ctx *ctx, struct packet *p)
{
	struct ethhdr eth;

	p->length = ifw_frame_length(ctx);
	if (ifw_load(ctx, 0, &eth, sizeof(eth)))
		return ifw_drop(IFW_REASON_MALFORMED);
	p->ethertype = __builtin_bswap16(eth.h_proto);
	p->l3_off = sizeof(eth);
	if (p->ethertype == ETH_P_IP)
		return ifw_parse_ipv4(ctx, p);
	if (p->ethertype == ETH_P_IPV6)
		return ifw_parse_ipv6(ctx, p);
	return IFW_UNDECIDED;
}

#endif /* IFW_PACKET_H */
