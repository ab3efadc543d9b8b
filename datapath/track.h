/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * track.h - at ingress: answers to what left pass, and what a rule lets in is
 * remembered. egress.h has the other direction.
 */
#ifndef IFW_TRACK_H
#define IFW_TRACK_H

#include "flow_tcp.h"
#include "rules.h"

/*
 * The rule that let the original side in, where the rules have not changed since
 * and the packet comes by the same interface: put where a walk would have put it.
 * A flow's rule is never changed in place but with the whole element, so that a
 * reader on another CPU sees all of one.
 */
ifw_inline int ifw_recall_rule(ifw_ctx *ctx, const struct ifw_flow *flow, __u32 epoch, __u32 slot)
{
	struct ifw_range *rule = ifw_found_rule(IFW_MAPS_ONLY_OF(ctx));

	(void)ctx;
	/* Where none was kept the slot is 0, which no interface that tracks has. */
	if (!rule || flow->epoch != epoch || flow->slot != slot)
		return 0;
	rule->rule = flow->rule;
	rule->counter = flow->counter;
	rule->listener = IFW_ADDR(flow->listener);
	rule->listener_port = flow->listener_port;
	rule->action = flow->action;
	return 1;
}

ifw_inline void ifw_keep_rule(ifw_ctx *ctx, struct ifw_flow *flow, __u32 epoch, __u32 slot)
{
	const struct ifw_range *rule = ifw_found_rule(IFW_MAPS_ONLY_OF(ctx));

	(void)ctx;
	if (!rule)
		return;
	flow->rule = rule->rule;
	flow->counter = rule->counter;
	flow->listener = IFW_ADDR(rule->listener);
	flow->listener_port = rule->listener_port;
	flow->action = rule->action;
	flow->epoch = epoch;
	flow->slot = (__u8)slot;
}

/* 1 where the packet has a flow, or may begin one: key and segment are then in w->track. */
ifw_inline int ifw_is_trackable(ifw_ctx *ctx, struct ifw_work *w, __u32 direction)
{
	struct packet *p = &w->packet;

	if (p->protocol == IPPROTO_TCP) {
		if (ifw_read_segment(ctx, direction))
			return 0;
	} else if (p->protocol != IPPROTO_UDP) {
		if (!ifw_echo_kind(p) || ifw_read_echo(ctx, p))
			return 0;
	}
	ifw_flow_key(p, &w->track);
	return 1;
}

/* Whether the packet may belong to the flow that its ends say. */
ifw_inline int ifw_fits_flow(ifw_ctx *ctx, const struct ifw_work *w, const struct ifw_flow *flow,
			     __u32 side)
{
	const struct ifw_track_settings *settings = ifw_find_track(IFW_MAPS_ONLY_OF(ctx));

	(void)ctx;
	if (w->packet.protocol != IPPROTO_TCP)
		return 1;
	return ifw_tcp_fits(flow, side, &w->track,
			    settings ? settings->flags & IFW_TRACK_LIBERAL : 0);
}

/* Both sides have been seen, and this packet, of either, comes some time after the first. */
ifw_inline int ifw_udp_goes_on(const struct ifw_flow *flow, __u64 now_ns)
{
	const struct ifw_flow_side *reply = &flow->sides[IFW_REPLY];

	return (reply->came_in || reply->left) &&
	       now_ns > flow->began_ns + IFW_UDP_REPLIED_AFTER_NS; /* a CPU's clock may lag */
}

/* Brings the flow's state up to date with a packet that fits it, and is noted at its side. */
ifw_inline void ifw_advance_flow(ifw_ctx *ctx, struct ifw_work *w, struct ifw_flow *flow,
				 __u32 side)
{
	const struct ifw_track_settings *settings = ifw_find_track(IFW_MAPS_ONLY_OF(ctx));
	__u32 before = flow->state;

	if (w->packet.protocol == IPPROTO_TCP)
		ifw_tcp_advance(flow, side, &w->packet, &w->track,
				settings ? settings->flags & IFW_TRACK_PICK_UP : 0);
	else if (before == IFW_FLOW_UDP_UNREPLIED && ifw_udp_goes_on(flow, w->clock.now_ns))
		flow->state = IFW_FLOW_UDP_REPLIED;
	else if (side == IFW_REPLY && before == IFW_FLOW_ICMP_UNREPLIED)
		flow->state = IFW_FLOW_ICMP_REPLIED;
	ifw_settle_flow(ctx, w, flow, before);
}

/* A packet that is let in, of a flow that is known. */
ifw_inline void ifw_enter_flow(ifw_ctx *ctx, struct ifw_work *w, struct ifw_flow *flow, __u32 side)
{
	flow->sides[side & 1].came_in = 1;
	ifw_count_flow(flow, &w->packet);
	ifw_advance_flow(ctx, w, flow, side);
	w->packet.flow_known = 1;
}

/*
 * 1 where the answer goes to what a socket here has sent in another's name. That may
 * be a proxy's answer whose flow had been forgotten: then this is a question of the
 * client, and it must not get past the proxy.
 */
ifw_inline int ifw_may_be_question(ifw_ctx *ctx, const struct ifw_work *w,
				   const struct ifw_flow *flow)
{
	const struct packet *p = &w->packet;

	(void)ctx;
	if (flow->forwarded || (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP))
		return 0;
	return !ifw_is_own(IFW_MAPS_OF(ctx) & w->in, IFW_ADDR(p->dst), p->family);
}

/*
 * Looks the packet's flow up, once. An answer to what left is told from a further
 * packet of the side that began, which the rules decide; of that the rule found
 * before is taken over where it still holds.
 */
IFW_STEP ifw_answer ifw_track_in(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	struct ifw_flow *flow;
	struct packet *p;
	__u32 side;

	if (!w)
		return IFW_UNDECIDED;
	p = &w->packet;
	p->epoch = ifw_read_epoch(IFW_MAPS_ONLY_OF(ctx));
	if (!ifw_is_trackable(ctx, w, IFW_DIRECTION_IN))
		return IFW_UNDECIDED;
	flow = ifw_look_up_flow(ctx, w);
	if (!flow)
		return IFW_UNDECIDED;
	side = ifw_flow_side(flow, &w->track);
	if (!ifw_fits_flow(ctx, w, flow, side))
		return IFW_UNDECIDED;
	if (side == IFW_REPLY) {
		if (!flow->sides[IFW_ORIGINAL].left)
			return IFW_UNDECIDED;
		if (ifw_may_be_question(ctx, w, flow)) {
			p->for_rules = 1;
			return IFW_UNDECIDED;
		}
		p->answer = 1;
		p->no_socket = flow->no_peer;
	} else {
		if (!ifw_recall_rule(ctx, flow, p->epoch, ifw_rules_slot(&w->in)))
			return IFW_UNDECIDED;
		p->rule_known = 1;
	}
	p->no_socket |= flow->forwarded;
	ifw_enter_flow(ctx, w, flow, side);
	return p->answer && p->no_socket ? ifw_pass(IFW_REASON_TRACKED) : IFW_UNDECIDED;
}

/* Echo answers, before row 8 drops what is neither TCP nor UDP. */
ifw_inline int ifw_is_tracked_echo(const struct packet *p, const struct iface *in)
{
	return (in->flags & IFW_IFACE_TRACK) && ifw_echo_kind(p) == 2;
}

/* No socket is looked for. */
ifw_inline ifw_answer ifw_tracked_echo(ifw_ctx *ctx, const struct packet *p)
{
	ifw_answer answer = ifw_track_in(ctx);

	return p->answer ? ifw_pass(IFW_REASON_TRACKED) : answer;
}

/*
 * The side of its flow that the quoted packet is of, where packets of it have
 * left: an error about it is an answer. IFW_SIDES: none have.
 */
IFW_STEP __u32 ifw_quoted_side(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	struct ifw_flow *flow;
	__u32 side;

	if (!w)
		return IFW_SIDES;
	ifw_flow_key(&w->quoted, &w->track);
	flow = ifw_look_up_flow(ctx, w);
	if (!flow)
		return IFW_SIDES;
	side = ifw_flow_side(flow, &w->track) & 1;
	return flow->sides[side].left ? side : IFW_SIDES;
}

/* The beginnings of a flow with this packet, in w->track.fresh; 0 where none may begin. */
ifw_inline int ifw_begin_flow(ifw_ctx *ctx, struct ifw_work *w)
{
	const struct ifw_track_settings *settings = ifw_find_track(IFW_MAPS_ONLY_OF(ctx));
	const struct packet *p = &w->packet;
	struct ifw_flow *fresh = &w->track.fresh;

	(void)ctx;
	__builtin_memset(fresh, 0, sizeof(*fresh));
	if (p->protocol == IPPROTO_TCP) {
		if (!ifw_tcp_begins(&w->track, settings ? settings->flags & IFW_TRACK_PICK_UP : 0))
			return 0;
		ifw_tcp_begin(fresh, p, &w->track);
	} else if (p->protocol == IPPROTO_UDP) {
		fresh->state = IFW_FLOW_UDP_UNREPLIED;
	} else {
		if (ifw_echo_kind(p) != 1)
			return 0;
		fresh->state = IFW_FLOW_ICMP_UNREPLIED;
	}
	/* Nobody can answer from there. */
	if (ifw_addr_is_multicast(IFW_ADDR(p->dst), p->family) ||
	    ifw_addr_is_limited_broadcast(IFW_ADDR(p->dst), p->family))
		return 0;
	fresh->began_high = !w->track.from_low;
	fresh->began_ns = w->clock.now_ns;
	fresh->packets = 1;
	fresh->bytes = p->length;
	ifw_touch_flow(ctx, w, fresh);
	return 1;
}

/* A TCP connection that is over, whose ends begin another. */
ifw_inline int ifw_begins_anew(const struct ifw_flow *flow, const struct ifw_work *w)
{
	return w->packet.protocol == IPPROTO_TCP &&
	       (flow->state == IFW_FLOW_CLOSED || flow->state == IFW_FLOW_TIME_WAIT) &&
	       (w->track.flags & (IFW_TCP_SYN | IFW_TCP_ACK)) == IFW_TCP_SYN;
}

/*
 * After a packet was let in by a rule, to a socket or to ssh, and its flow has not
 * been told. A flow may begin, unless a socket here has it already.
 */
IFW_STEP int ifw_remember_admitted(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	struct ifw_flow *flow;
	int by_rule, known;
	__u32 side;

	if (!w)
		return 0;
	if (w->decision.reason == IFW_REASON_SSH && !ifw_is_trackable(ctx, w, IFW_DIRECTION_IN))
		return 0;
	by_rule = w->decision.rule != 0;
	flow = ifw_look_up_flow(ctx, w);
	known = flow && !ifw_begins_anew(flow, w);
	if (known) {
		side = ifw_flow_side(flow, &w->track);
		if (!ifw_fits_flow(ctx, w, flow, side))
			return 0;
		ifw_enter_flow(ctx, w, flow, side);
		if (!by_rule || side != IFW_ORIGINAL)
			return 0;
		flow = ifw_look_up_flow(ctx, w); /* it may have moved */
		if (!flow)
			return 0;
		w->track.fresh = *flow;
	} else if (w->decision.reason == IFW_REASON_ESTABLISHED ||
		   w->decision.reason == IFW_REASON_TRACKED || !ifw_begin_flow(ctx, w)) {
		return 0;
	}
	w->track.fresh.sides[IFW_ORIGINAL].came_in = 1;
	if (by_rule)
		ifw_keep_rule(ctx, &w->track.fresh, w->packet.epoch, ifw_rules_slot(&w->in));
	ifw_put_flow(IFW_MAPS_OF(ctx) ifw_flow_class(w->track.fresh.state), &w->track.key,
		     &w->track.fresh);
	return 0;
}

ifw_inline void ifw_remember_in(ifw_ctx *ctx, const struct ifw_work *w)
{
	__u8 reason = w->decision.reason;

	if (!(w->in.flags & IFW_IFACE_TRACK) || w->packet.flow_known)
		return;
	/* These come with a pass only. */
	if (reason != IFW_REASON_RULE_PASS && reason != IFW_REASON_LOCAL &&
	    reason != IFW_REASON_INTERCEPTED && reason != IFW_REASON_ESTABLISHED &&
	    reason != IFW_REASON_SSH && reason != IFW_REASON_TRACKED)
		return;
	ifw_trace(ctx, IFW_STEP_REMEMBER);
	ifw_remember_admitted(ctx);
}

#endif /* IFW_TRACK_H */
