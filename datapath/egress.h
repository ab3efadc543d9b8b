/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * egress.h - what leaves: it is remembered, so that its answers may come back,
 * and it is held against the egress rules. What this host needs to live, answers
 * to what came in and its established connections always leave.
 */
#ifndef IFW_EGRESS_H
#define IFW_EGRESS_H

#include "fragment.h"
#include "parse.h"
#include "related.h"
#include "report.h"
#include "track.h"

/* What no rule has anything to say about. */
ifw_inline ifw_answer ifw_leave_by_default(const struct iface *out)
{
	return out->flags & IFW_IFACE_EGRESS_DENY ? ifw_drop(IFW_REASON_EGRESS_DEFAULT)
						  : ifw_pass(IFW_REASON_EGRESS_PASS);
}

/* DHCP, client's and server's side; RFC 2131 4.1, RFC 8415 7.2. */
ifw_inline int ifw_is_dhcp(const struct packet *p)
{
	int ipv6 = p->family == IFW_FAMILY_IPV6;
	__u16 server = ipv6 ? IFW_PORT_DHCPV6_SERVER : IFW_PORT_DHCP_SERVER;
	__u16 client = ipv6 ? IFW_PORT_DHCPV6_CLIENT : IFW_PORT_DHCP_CLIENT;

	return p->protocol == IPPROTO_UDP && (p->src_port == client || p->src_port == server) &&
	       (p->dst_port == client || p->dst_port == server);
}

/*
 * Never cut: ARP, neighbour discovery, MLD and IGMP, errors and echo answers,
 * which only something that was let in has brought about.
 */
ifw_inline ifw_answer ifw_leave_exempt(const struct packet *p)
{
	if (p->ethertype == ETH_P_ARP)
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	if (p->family == IFW_FAMILY_NONE || p->later_fragment)
		return IFW_UNDECIDED;
	if (p->family == IFW_FAMILY_IPV6 && p->protocol == IFW_IPPROTO_ICMPV6 &&
	    ((p->icmp_type >= 130 && p->icmp_type <= 136) || p->icmp_type == 143))
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	if (p->family == IFW_FAMILY_IPV4 && p->protocol == IPPROTO_IGMP)
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	if (ifw_is_icmp_error(p))
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	return IFW_UNDECIDED;
}

/* Other EtherTypes and protocols: what the interface lets in, it lets out. */
IFW_STEP ifw_answer ifw_leave_other(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_at(ctx, IFW_DIRECTION_OUT);

	if (!w || !(w->in.flags & IFW_IFACE_EGRESS_DENY))
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	if (w->packet.family == IFW_FAMILY_NONE
		    ? ifw_passes_ethertype(IFW_MAPS_OF(ctx) & w->in, w->packet.ethertype)
		    : ifw_passes_protocol(IFW_MAPS_OF(ctx) & w->in, w->packet.protocol))
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	return ifw_drop(IFW_REASON_EGRESS_DEFAULT);
}

/* A later fragment goes as its first went. */
IFW_STEP ifw_answer ifw_leave_fragment(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_at(ctx, IFW_DIRECTION_OUT);
	struct ifw_fragment_key key = {};
	struct ifw_fragment *datagram;

	if (!w)
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	ifw_fragment_key(&w->packet, &w->in, &key);
	key.slot += IFW_SLOTS;
	datagram = ifw_find_fragment(IFW_MAPS_OF(ctx) & key);
	if (!datagram || datagram->expires_ns < ifw_now(IFW_MAPS_ONLY_OF(ctx)))
		return ifw_leave_by_default(&w->in);
	w->decision.rule = datagram->rule;
	w->decision.counter = datagram->counter;
	if (!datagram->dropped)
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	return ifw_drop(datagram->rule ? IFW_REASON_EGRESS_DENY : IFW_REASON_EGRESS_DEFAULT);
}

/* After a first fragment was decided: what becomes of the others. */
IFW_STEP int ifw_remember_leaving_fragment(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_at(ctx, IFW_DIRECTION_OUT);
	struct ifw_fragment_key key = {};
	struct ifw_fragment *datagram;

	if (!w)
		return 0;
	ifw_fragment_key(&w->packet, &w->in, &key);
	key.slot += IFW_SLOTS;
	/* The memory is shared with what comes in, and the default passes the others as well. */
	if (w->decision.verdict == IFW_VERDICT_PASS && !w->decision.rule &&
	    !(w->in.flags & IFW_IFACE_EGRESS_DENY)) {
		ifw_forget_fragment(IFW_MAPS_OF(ctx) & key);
		return 0;
	}
	datagram = ifw_new_fragment(IFW_MAPS_OF(ctx) & key);
	if (!datagram)
		return 0;
	datagram->rule = w->decision.rule;
	datagram->counter = w->decision.counter;
	datagram->dropped = w->decision.verdict == IFW_VERDICT_DROP;
	datagram->expires_ns = ifw_now(IFW_MAPS_ONLY_OF(ctx)) + IFW_FRAGMENT_NS;
	return 0;
}

/* Rules for what leaves; they are found under a protocol number of their own. */
ifw_inline ifw_answer ifw_apply_egress_rules(ifw_ctx *ctx, struct ifw_work *w)
{
	const struct packet *p = &w->packet;
	const struct ifw_range *rule;

	ifw_trace(ctx, IFW_STEP_EGRESS_RULES);
	rule = ifw_match(IFW_MAPS_OF(ctx) IFW_ADDR(p->src), IFW_ADDR(p->dst), p->dst_port,
			 p->family, p->protocol | IFW_EGRESS, ifw_rules_slot(&w->in));
	if (!rule)
		return ifw_leave_by_default(&w->in);
	w->decision.rule = rule->rule;
	w->decision.counter = rule->counter;
	return rule->action == IFW_ACTION_PASS ? ifw_pass(IFW_REASON_EGRESS_PASS)
					       : ifw_drop(IFW_REASON_EGRESS_DENY);
}

/* 1 where some egress rule is in force for the family and protocol, on whatever interface. */
ifw_inline int ifw_has_egress_rules(IFW_MAPS __u8 family, __u8 protocol)
{
	__u32 generation = ifw_read_generation(IFW_MAPS_ONLY_OF(ctx)) & 1;
	__u32 which = ifw_lengths_of(ifw_query(0, family, protocol | IFW_EGRESS, 0, generation));
	__u64 lengths = 0;

	for (__u32 word = 0; word < IFW_LENGTH_WORDS; word++)
		lengths |= ifw_read_lengths(IFW_MAPS_OF(ctx) generation, which, word);
	return lengths != 0;
}

/*
 * A tiny fragment, or IPv6 behind headers that are not known: the ports that a rule
 * may speak of are hidden, so where there are rules it does not leave.
 */
IFW_STEP ifw_answer ifw_leave_unread(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_at(ctx, IFW_DIRECTION_OUT);
	__u8 protocol;

	if (!w)
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	protocol = w->packet.protocol;
	if ((protocol != IPPROTO_UDP &&
	     ifw_has_egress_rules(IFW_MAPS_OF(ctx) w->packet.family, IPPROTO_TCP)) ||
	    (protocol != IPPROTO_TCP &&
	     ifw_has_egress_rules(IFW_MAPS_OF(ctx) w->packet.family, IPPROTO_UDP)))
		return ifw_drop(IFW_REASON_EGRESS_DEFAULT);
	return ifw_leave_by_default(&w->in);
}

/* May it leave, its flow being what it is? flow: NULL where there is none, or it does not fit. */
ifw_inline ifw_answer ifw_may_leave(ifw_ctx *ctx, struct ifw_work *w, const struct ifw_flow *flow,
				    __u32 side, enum ifw_sender sender)
{
	/* DHCP is never cut, and remembered: a relay's server answers to the server's port. */
	if ((flow && side == IFW_REPLY) || ifw_is_dhcp(&w->packet))
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	/* A conversation of this host; of UDP one that the peer has taken part in. */
	if (sender == IFW_SENDER_TALKING &&
	    (w->packet.protocol == IPPROTO_TCP || (flow && flow->sides[IFW_REPLY].came_in)))
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	if (w->packet.protocol != IPPROTO_TCP && w->packet.protocol != IPPROTO_UDP)
		return ifw_echo_kind(&w->packet) == 2 ? ifw_pass(IFW_REASON_EGRESS_PASS)
						      : ifw_leave_other(ctx);
	return ifw_apply_egress_rules(ctx, w);
}

/*
 * Who sent it, and so which socket can have the answer. Without a peer there is none
 * to be found on the way in. Only of an own address: what comes to another must be
 * marked if a socket here is connected to it by then, or it would be forwarded.
 */
ifw_inline void ifw_note_sender(ifw_ctx *ctx, const struct ifw_work *w, struct ifw_flow *flow,
				enum ifw_sender sender)
{
	int no_peer = sender == IFW_SENDER_NO_PEER && w->packet.protocol == IPPROTO_UDP;
	int forwarded = sender == IFW_SENDER_NONE;

	(void)ctx;
	if (no_peer != flow->no_peer)
		flow->no_peer = no_peer && ifw_is_own(IFW_MAPS_OF(ctx) & w->in,
						      IFW_ADDR(w->packet.src), w->packet.family);
	/* What the kernel sends for a socket that is gone, a reset, shows no forwarding. */
	if (forwarded != flow->forwarded && (!forwarded || !flow->sides[IFW_ORIGINAL].left))
		flow->forwarded = forwarded;
}

/* The flow is told of a packet that leaves. One that came in was counted there. */
ifw_inline void ifw_leave_flow(ifw_ctx *ctx, struct ifw_work *w, struct ifw_flow *flow, __u32 side,
			       enum ifw_sender sender)
{
	struct ifw_flow_side *from = &flow->sides[side & 1];

	/* An answer without a socket shows nothing: a SYN cookie has none either. */
	if (side == IFW_ORIGINAL)
		ifw_note_sender(ctx, w, flow, sender);
	else if (flow->forwarded && sender != IFW_SENDER_NONE)
		flow->forwarded = 0;
	if (!from->left)
		from->left = 1;
	if (!from->came_in)
		ifw_count_flow(flow, &w->packet);
	ifw_advance_flow(ctx, w, flow, side);
}

/* TCP, UDP and echo: decided, and remembered where the interface tracks. */
IFW_STEP ifw_answer ifw_leave_tracked(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_at(ctx, IFW_DIRECTION_OUT);
	enum ifw_sender sender;
	struct ifw_flow *flow = 0;
	ifw_answer answer;
	__u32 side = IFW_ORIGINAL;
	int fits = 0;

	if (!w)
		return ifw_pass(IFW_REASON_EGRESS_PASS);
	sender = ifw_sender(ctx);
	if (!(w->in.flags & IFW_IFACE_TRACK) || !ifw_is_trackable(ctx, w, IFW_DIRECTION_OUT))
		return ifw_may_leave(ctx, w, 0, side, sender);
	flow = ifw_look_up_flow(ctx, w);
	if (flow && !ifw_begins_anew(flow, w)) {
		side = ifw_flow_side(flow, &w->track);
		fits = ifw_fits_flow(ctx, w, flow, side);
	}
	answer = ifw_may_leave(ctx, w, fits ? flow : 0, side, sender);
	if (answer >> 8 != IFW_VERDICT_PASS)
		return answer;
	if (flow && fits) {
		ifw_leave_flow(ctx, w, flow, side, sender);
	} else if ((!flow || ifw_begins_anew(flow, w)) && ifw_begin_flow(ctx, w)) {
		ifw_trace(ctx, IFW_STEP_REMEMBER);
		ifw_note_sender(ctx, w, &w->track.fresh, sender);
		w->track.fresh.sides[IFW_ORIGINAL].left = 1;
		ifw_put_flow(IFW_MAPS_OF(ctx) IFW_FLOWS_NEW, &w->track.key, &w->track.fresh);
	}
	return answer;
}

ifw_inline ifw_answer ifw_answer_leaving(ifw_ctx *ctx, const struct packet *p,
					 const struct iface *out)
{
	ifw_answer answer;

	ifw_trace(ctx, IFW_STEP_PARSE);
	answer = ifw_parse(ctx, IFW_DIRECTION_OUT);
	/* What this host builds, or has let in, is not for this side to judge. */
	if (answer != IFW_UNDECIDED)
		return ifw_leave_by_default(out);
	ifw_trace(ctx, IFW_STEP_EGRESS_EXEMPT);
	answer = ifw_leave_exempt(p);
	if (answer != IFW_UNDECIDED)
		return answer;
	if (p->later_fragment)
		return ifw_leave_fragment(ctx);
	if (p->tiny || p->bad_extension)
		return p->protocol == IPPROTO_ICMP || p->protocol == IFW_IPPROTO_ICMPV6
			       ? ifw_leave_by_default(out)
			       : ifw_leave_unread(ctx);
	if (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP && !ifw_echo_kind(p))
		return ifw_leave_other(ctx);
	ifw_trace(ctx, IFW_STEP_EGRESS_FLOW);
	return ifw_leave_tracked(ctx);
}

/* Decides a packet that leaves, remembers, counts and reports it. NULL: let it leave. */
ifw_inline const struct decision *ifw_leave(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_at(ctx, IFW_DIRECTION_OUT);
	ifw_answer answer = ifw_pass(IFW_REASON_EGRESS_PASS);

	if (!w)
		return 0;
	__builtin_memset(&w->decision, 0, sizeof(w->decision));
	__builtin_memset(&w->packet, 0, sizeof(w->packet));
	ifw_read_iface(IFW_MAPS_OF(ctx) ifw_ifindex(ctx), &w->in);
	w->packet.length = ifw_frame_length(ctx);
	if (w->in.ifindex != IFW_LOOPBACK_IFINDEX)
		answer = ifw_answer_leaving(ctx, &w->packet, &w->in);
	w->decision.reason = answer & 0xff;
	w->decision.verdict = answer >> 8;
	if (w->packet.fragment && !w->packet.later_fragment)
		ifw_remember_leaving_fragment(ctx);
	ifw_report(ctx, &w->packet, &w->in, &w->decision, IFW_DIRECTION_OUT);
	return &w->decision;
}

#endif /* IFW_EGRESS_H */
