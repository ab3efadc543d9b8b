/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * related.h - ICMP errors about conversations of this host. The error quotes
 * the packet that it is about, which this host sent: its source is here, its
 * destination the peer. Path MTU discovery depends on these getting through.
 */
#ifndef IFW_RELATED_H
#define IFW_RELATED_H

#include "flow.h"
#include "ipv6.h"
#include "rules.h"
#include "track.h"

#define IFW_QUOTED_ECHO 6 /* type, code, checksum, identifier: bytes */
#define IFW_ICMP_HEADER 8 /* RFC 792, RFC 4443: before the quoted packet, bytes */

/*
 * RFC 792: unreachable, time exceeded, parameter problem; RFC 4443: too big
 * too. Redirects are none of these: they change where packets go.
 */
ifw_inline int ifw_is_icmp_error(const struct packet *p)
{
	if (p->fragment)
		return 0;
	if (p->family == IFW_FAMILY_IPV6)
		return p->protocol == IFW_IPPROTO_ICMPV6 && p->icmp_type >= 1 && p->icmp_type <= 4;
	return p->protocol == IPPROTO_ICMP &&
	       (p->icmp_type == 3 || p->icmp_type == 11 || p->icmp_type == 12);
}

/* 0; -1 where there is too little of it, or it is a fragment without ports. */
ifw_inline int ifw_read_quoted4(ifw_ctx *ctx, __u32 off, struct packet *quoted)
{
	struct ifw_ipv4_header ip;
	__u32 header;

	if (ifw_load(ctx, off, &ip, sizeof(ip)))
		return -1;
	header = (ip.version_length & 0xf) * 4U;
	if (ip.version_length >> 4 != 4 || header < sizeof(ip) ||
	    (__builtin_bswap16(ip.fragment) & IFW_IPV4_OFFSET))
		return -1;
	quoted->src = ifw_addr_from_ipv4(ip.src);
	quoted->dst = ifw_addr_from_ipv4(ip.dst);
	quoted->protocol = ip.protocol;
	quoted->l4_off = off + header;
	return 0;
}

ifw_inline int ifw_read_quoted6(ifw_ctx *ctx, __u32 off, struct packet *quoted)
{
	struct ifw_ipv6_header ip;
	struct ifw_extension e;

	if (ifw_load(ctx, off, &ip, sizeof(ip)) ||
	    __builtin_bswap32(ip.version_class_flow) >> 28 != 6)
		return -1;
	quoted->src = ifw_addr_from_ipv6(ip.src);
	quoted->dst = ifw_addr_from_ipv6(ip.dst);
	quoted->protocol = ip.next_header;
	quoted->l4_off = off + sizeof(ip);
	for (int i = 0; i < IFW_EXTENSIONS_MAX; i++) {
		if (ifw_read_extension(ctx, quoted->l4_off, quoted->protocol, &e))
			return -1;
		if (e.size == 0)
			return 0;
		if (quoted->protocol == IFW_IPPROTO_FRAGMENT && (e.fragment & IFW_IPV6_OFFSET))
			return -1;
		quoted->protocol = e.next;
		quoted->l4_off += e.size;
	}
	return 0; /* behind more headers than that is neither TCP nor UDP */
}

/* 0; -1 where it is no echo request. Answers to one come about by what was let in. */
ifw_inline int ifw_read_quoted_echo(ifw_ctx *ctx, struct packet *quoted)
{
	__u8 header[IFW_QUOTED_ECHO];

	if (ifw_load(ctx, quoted->l4_off, header, sizeof(header)))
		return -1;
	quoted->icmp_type = header[0];
	quoted->icmp_code = header[1];
	quoted->echo_id = (__u16)(header[4] << 8 | header[5]);
	quoted->src_port = quoted->dst_port =
		0; /* they order the ends where both are one address */
	return ifw_echo_kind(quoted) == 1 ? 0 : -1;
}

/*
 * Fills what the error quotes; only the ports of the transport header, since no
 * more need be there (RFC 792). 0; -1 where it is not TCP or UDP, or cut short.
 */
IFW_STEP int ifw_read_quoted(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	struct packet *quoted;
	__be16 ports[2];
	__u32 off, end;

	if (!w)
		return -1;
	quoted = &w->quoted;
	off = w->packet.l4_off + IFW_ICMP_HEADER;
	quoted->family = w->packet.family;
	if (quoted->family == IFW_FAMILY_IPV6 ? ifw_read_quoted6(ctx, off, quoted)
					      : ifw_read_quoted4(ctx, off, quoted))
		return -1;
	/* What follows the packet in the frame is padding, not quoted. */
	end = w->packet.l4_off + w->packet.l4_length;
	if (quoted->protocol != IPPROTO_TCP && quoted->protocol != IPPROTO_UDP)
		return quoted->l4_off + IFW_QUOTED_ECHO > end ? -1
							      : ifw_read_quoted_echo(ctx, quoted);
	if (quoted->l4_off + sizeof(ports) > end ||
	    ifw_load(ctx, quoted->l4_off, ports, sizeof(ports)))
		return -1;
	quoted->src_port = __builtin_bswap16(ports[0]);
	quoted->dst_port = __builtin_bswap16(ports[1]);
	return 0;
}

/* 1 where a socket here sent the quoted packet. A TCP listener sends none, and pings have none. */
IFW_STEP int ifw_quoted_socket(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	struct bpf_sock_tuple tuple = {};
	const struct packet *quoted;
	struct bpf_sock *sk;
	int ours;
	__u32 size;

	if (!w)
		return 0;
	quoted = &w->quoted;
	size = ifw_tuple(&tuple, quoted->family, IFW_ADDR(quoted->dst), quoted->dst_port,
			 IFW_ADDR(quoted->src), quoted->src_port);
	if (quoted->protocol != IPPROTO_TCP && quoted->protocol != IPPROTO_UDP)
		return 0;
	if (quoted->protocol == IPPROTO_TCP) {
		sk = ifw_lookup_tcp(ctx, &tuple, size);
		if (!sk)
			return 0;
		ours = sk->state != BPF_TCP_LISTEN;
		ifw_release(ctx, sk);
		return ours;
	}
	sk = ifw_lookup_udp(ctx, &tuple, size);
	if (!sk)
		return 0;
	ifw_release(ctx, sk);
	return 1;
}

/*
 * The socket is here, wherever the error's destination is: marked. Of a tracked
 * flow nothing is said about where it is: not marked, and passed on to nobody but
 * who sent what is quoted. Where no socket is left (UDP without connection) the rule
 * tells that it was here: the quoted packet answered one that went the other way.
 * What began a tracked flow answered none, whatever a rule says of its ports.
 */
IFW_STEP ifw_answer ifw_decide_icmp_related(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	const struct ifw_range *rule = 0;
	const struct packet *quoted;
	__u32 left = IFW_SIDES;
	int to_sender;

	if (!w || ifw_read_quoted(ctx))
		return IFW_UNDECIDED;
	quoted = &w->quoted;
	to_sender = ifw_addr_equal(IFW_ADDR(w->packet.dst), IFW_ADDR(quoted->src));
	if (!ifw_quoted_socket(ctx)) {
		if (w->in.flags & IFW_IFACE_TRACK)
			left = ifw_quoted_side(ctx);
		if (left == IFW_ORIGINAL)
			return to_sender ? ifw_pass(IFW_REASON_ICMP_RELATED) : IFW_UNDECIDED;
		if (quoted->protocol == IPPROTO_TCP || quoted->protocol == IPPROTO_UDP)
			rule = ifw_match(IFW_MAPS_OF(ctx) IFW_ADDR(quoted->dst),
					 IFW_ADDR(quoted->src), quoted->src_port, quoted->family,
					 quoted->protocol, ifw_rules_slot(&w->in));
		if (!rule || rule->action != IFW_ACTION_INTERCEPT)
			return left == IFW_REPLY && to_sender ? ifw_pass(IFW_REASON_ICMP_RELATED)
							      : IFW_UNDECIDED;
		w->decision.rule = rule->rule;
		w->decision.counter = rule->counter;
	}
	ifw_set_mark(ctx, w->in.mark, w->in.mark_mask);
	w->decision.marked = 1;
	return ifw_pass(IFW_REASON_ICMP_RELATED);
}

/* Row 7. */
ifw_inline ifw_answer ifw_icmp_related(ifw_ctx *ctx, const struct packet *p)
{
	return ifw_is_icmp_error(p) ? ifw_decide_icmp_related(ctx) : IFW_UNDECIDED;
}

#endif /* IFW_RELATED_H */
