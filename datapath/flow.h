/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.h - replies to conversations that a socket of this host has: TCP by its
 * own tuple, UDP by a socket connected to exactly this peer and port.
 */
#ifndef IFW_FLOW_H
#define IFW_FLOW_H

#include "iface.h"
#include "packet.h"

/*
 * The tuple as the lookup helpers want it, from the packet's point of view:
 * source is the peer. Returns its size, by which the helper knows the family.
 */
ifw_inline __u32 ifw_tuple(struct bpf_sock_tuple *tuple, __u8 family, struct ifw_addr src,
			   __u16 src_port, struct ifw_addr dst, __u16 dst_port)
{
	if (family == IFW_FAMILY_IPV6) {
		ifw_addr_to_ipv6(src, tuple->ipv6.saddr);
		ifw_addr_to_ipv6(dst, tuple->ipv6.daddr);
		tuple->ipv6.sport = __builtin_bswap16(src_port);
		tuple->ipv6.dport = __builtin_bswap16(dst_port);
		return sizeof(tuple->ipv6);
	}
	tuple->ipv4.saddr = ifw_addr_to_ipv4(src);
	tuple->ipv4.daddr = ifw_addr_to_ipv4(dst);
	tuple->ipv4.sport = __builtin_bswap16(src_port);
	tuple->ipv4.dport = __builtin_bswap16(dst_port);
	return sizeof(tuple->ipv4);
}

/*
 * Marked, so that the policy route delivers it here; assigned, so that the
 * kernel need not look again. Where it refuses the assignment (a socket that an
 * SO_REUSEPORT listener accepted, before 6.6) the kernel finds the socket
 * itself, and dropping would cut a live conversation.
 */
ifw_inline ifw_answer ifw_to_established(ifw_ctx *ctx, const struct iface *in, struct bpf_sock *sk,
					 struct decision *d)
{
	ifw_set_mark(ctx, in->mark, in->mark_mask);
	d->marked = 1;
	if (ifw_assign(ctx, sk) == 0)
		d->assigned = IFW_ASSIGNED_ESTABLISHED;
	return ifw_pass(IFW_REASON_ESTABLISHED);
}

/* Every state but LISTEN: a request, a TIME_WAIT socket too. */
ifw_inline ifw_answer ifw_established_tcp(ifw_ctx *ctx, const struct iface *in,
					  struct bpf_sock_tuple *tuple, __u32 size,
					  struct decision *d)
{
	struct bpf_sock *sk = ifw_lookup_tcp(ctx, tuple, size);
	ifw_answer answer = IFW_UNDECIDED;

	if (!sk)
		return IFW_UNDECIDED;
	if (sk->state != BPF_TCP_LISTEN)
		answer = ifw_to_established(ctx, in, sk, d);
	ifw_release(ctx, sk);
	return answer;
}

/*
 * Connected to exactly this peer. Peer 0 is none: a datagram from 0.0.0.0:0 must
 * not look like its own. Fields of a socket are read one by one (volatile): the
 * verifier refuses the address arithmetic of a loop or of merged reads.
 */
ifw_inline int ifw_is_connected_to(const volatile struct bpf_sock *sk,
				   const struct bpf_sock_tuple *tuple, int ipv6)
{
	__u32 differs;

	if (sk->dst_port == 0)
		return 0;
	if (!ipv6)
		return sk->dst_port == tuple->ipv4.sport && sk->dst_ip4 == tuple->ipv4.saddr;
	differs = sk->dst_port ^ tuple->ipv6.sport;
	differs |= sk->dst_ip6[0] ^ tuple->ipv6.saddr[0];
	differs |= sk->dst_ip6[1] ^ tuple->ipv6.saddr[1];
	differs |= sk->dst_ip6[2] ^ tuple->ipv6.saddr[2];
	differs |= sk->dst_ip6[3] ^ tuple->ipv6.saddr[3];
	return !differs;
}

/* The lookup also finds sockets without a peer; those belong to the rules. */
ifw_inline ifw_answer ifw_established_udp(ifw_ctx *ctx, const struct iface *in,
					  struct bpf_sock_tuple *tuple, __u32 size,
					  struct decision *d)
{
	struct bpf_sock *sk = ifw_lookup_udp(ctx, tuple, size);
	ifw_answer answer = IFW_UNDECIDED;

	if (!sk)
		return IFW_UNDECIDED;
	if (ifw_is_connected_to(sk, tuple, size == sizeof(tuple->ipv6)))
		answer = ifw_to_established(ctx, in, sk, d);
	ifw_release(ctx, sk);
	return answer;
}

/* Row 12. */
ifw_inline ifw_answer ifw_established(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	const struct packet *p;
	__u32 size;

	if (!w)
		return IFW_UNDECIDED;
	p = &w->packet;
	size = ifw_tuple(&w->tuple, p->family, IFW_ADDR(p->src), p->src_port, IFW_ADDR(p->dst),
			 p->dst_port);
	if (p->protocol == IPPROTO_TCP)
		return ifw_established_tcp(ctx, &w->in, &w->tuple, size, &w->decision);
	return ifw_established_udp(ctx, &w->in, &w->tuple, size, &w->decision);
}

#endif /* IFW_FLOW_H */
