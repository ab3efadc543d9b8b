/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_table.h - the table of tracked flows: a packet's key in it, the flow
 * itself in one of three classes, and its expiry.
 */
#ifndef IFW_FLOW_TABLE_H
#define IFW_FLOW_TABLE_H

#include "exceptions.h"
#include "flow_states.h"

#define IFW_ICMP_ECHO_REPLY 0	  /* RFC 792 */
#define IFW_ICMPV6_ECHO_REPLY 129 /* RFC 4443 4.2 */
#define IFW_ECHO_HEADER 8	  /* type, code, checksum, identifier, sequence number */

/* 1: an echo request, 2: an answer to one, 0: neither. */
ifw_inline int ifw_echo_kind(const struct packet *p)
{
	int ipv6 = p->family == IFW_FAMILY_IPV6;

	if (p->protocol != (ipv6 ? IFW_IPPROTO_ICMPV6 : IPPROTO_ICMP) || p->icmp_code != 0)
		return 0;
	if (p->icmp_type == (ipv6 ? IFW_ICMPV6_ECHO : IFW_ICMP_ECHO))
		return 1;
	return p->icmp_type == (ipv6 ? IFW_ICMPV6_ECHO_REPLY : IFW_ICMP_ECHO_REPLY) ? 2 : 0;
}

/* Fills in the identifier of an echo; 0, or -1 where it has none. */
ifw_inline int ifw_read_echo(ifw_ctx *ctx, struct packet *p)
{
	__be16 id;

	if (p->l4_length < IFW_ECHO_HEADER || ifw_load(ctx, p->l4_off + 4, &id, sizeof(id)))
		return -1;
	p->echo_id = __builtin_bswap16(id);
	return 0;
}

/* The key, and which end the packet comes from. */
ifw_inline void ifw_flow_key(const struct packet *p, struct track *t)
{
	__u16 src_port = p->src_port, dst_port = p->dst_port;
	int low;

	if (p->src.hi != p->dst.hi)
		low = p->src.hi < p->dst.hi;
	else if (p->src.lo != p->dst.lo)
		low = p->src.lo < p->dst.lo;
	else
		low = src_port <= dst_port;
	t->from_low = (__u32)low;
	t->key.low = low ? IFW_ADDR(p->src) : IFW_ADDR(p->dst);
	t->key.high = low ? IFW_ADDR(p->dst) : IFW_ADDR(p->src);
	if (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP) {
		t->key.low_port = p->echo_id;
		t->key.high_port = (ifw_echo_kind(p) == 1) == low;
	} else {
		t->key.low_port = low ? src_port : dst_port;
		t->key.high_port = low ? dst_port : src_port;
	}
	t->key.family = p->family;
	t->key.protocol = p->protocol;
	t->key.reserved[0] = t->key.reserved[1] = 0;
}

/* Whose packet it is: enum ifw_side. */
ifw_inline __u32 ifw_flow_side(const struct ifw_flow *flow, const struct track *t)
{
	return (t->from_low ^ flow->began_high ^ 1) & 1;
}

/* Where a flow in this state belongs. */
ifw_inline __u32 ifw_flow_class(__u32 state)
{
	if (state >= IFW_FLOW_ESTABLISHED && state <= IFW_FLOW_LAST_ACK)
		return IFW_FLOWS_CONNECTED;
	if (state == IFW_FLOW_UDP_REPLIED || state == IFW_FLOW_ICMP_REPLIED)
		return IFW_FLOWS_REPLIED;
	return IFW_FLOWS_NEW;
}

/*
 * The flow of the packet whose key stands in w, not expired; NULL: there is
 * none. Two lookups at most: where a flow of its protocol ends up, then the new
 * ones.
 */
ifw_inline struct ifw_flow *ifw_look_up_flow(ifw_ctx *ctx, struct ifw_work *w)
{
	const struct ifw_flow_key *key = &w->track.key;
	struct ifw_flow *flow;
	__u64 now;

	(void)ctx;
	now = ifw_read_clock(IFW_MAPS_OF(ctx) & w->clock);
	if (key->protocol == IPPROTO_TCP)
		flow = ifw_find_flow(IFW_MAPS_OF(ctx) IFW_FLOWS_CONNECTED, key);
	else
		flow = ifw_find_flow(IFW_MAPS_OF(ctx) IFW_FLOWS_REPLIED, key);
	if (flow && flow->expires_ns > now)
		return flow;
	flow = ifw_find_flow(IFW_MAPS_OF(ctx) IFW_FLOWS_NEW, key);
	return flow && flow->expires_ns > now ? flow : 0;
}

/* Alive for the timeout of its state from now on. */
ifw_inline void ifw_touch_flow(ifw_ctx *ctx, const struct ifw_work *w, struct ifw_flow *flow)
{
	const struct ifw_track_settings *settings = ifw_find_track(IFW_MAPS_ONLY_OF(ctx));

	(void)ctx;
	if (settings)
		flow->expires_ns =
			w->clock.now_ns + settings->timeouts_ns[flow->state % IFW_FLOW_STATES_MAX];
}

/*
 * Counts the packet and, where its state has moved the flow into another class,
 * moves it there. Other CPUs may do the same; both copies are then the same flow.
 */
ifw_inline void ifw_settle_flow(ifw_ctx *ctx, struct ifw_work *w, struct ifw_flow *flow,
				__u32 before)
{
	__u32 from = ifw_flow_class(before), to = ifw_flow_class(flow->state);

	ifw_touch_flow(ctx, w, flow);
	if (from == to)
		return;
	w->track.fresh = *flow;
	if (ifw_put_flow(IFW_MAPS_OF(ctx) to, &w->track.key, &w->track.fresh) == 0)
		ifw_drop_flow(IFW_MAPS_OF(ctx) from, &w->track.key);
}

ifw_inline void ifw_count_flow(struct ifw_flow *flow, const struct packet *p)
{
	__sync_fetch_and_add(&flow->packets, 1);
	__sync_fetch_and_add(&flow->bytes, p->length);
}

#endif /* IFW_FLOW_TABLE_H */
