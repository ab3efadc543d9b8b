/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * watch.h - events: what one says, who wants one, and packets that go with it. Where
 * nobody watches, that is one look at a number.
 */
#ifndef IFW_WATCH_H
#define IFW_WATCH_H

#include "helpers.h"
#include "work.h"

/* What is asked for by who watches now; NULL: nobody does. */
ifw_inline const struct ifw_watch *ifw_watching(IFW_MAPS_ONLY)
{
	struct ifw_watch *watch = ifw_find_watch(IFW_MAPS_ONLY_OF(ctx));

	if (!watch || !watch->until_ns)
		return 0;
	if (ifw_now(IFW_MAPS_ONLY_OF(ctx)) < watch->until_ns)
		return watch;
	/* Whoever asked was killed. The clock need not be read for each packet from now on. */
	watch->until_ns = 0;
	return 0;
}

ifw_inline int ifw_is_watched(const struct ifw_watch *watch, const struct iface *in,
			      const struct decision *d, __u8 direction)
{
	return watch && (watch->slots >> (in->slot % IFW_SLOTS) & 1) &&
	       (watch->reasons >> (d->reason % IFW_REASONS_MAX) & 1) &&
	       (watch->verdicts >> d->verdict & 1) && (watch->directions >> direction & 1);
}

ifw_inline void ifw_fill_event(ifw_ctx *ctx, struct ifw_event *event, const struct packet *p,
			       const struct iface *in, const struct decision *d, __u8 direction)
{
	(void)ctx; /* the clock is the world's in user space */
	event->time_ns = ifw_now(IFW_MAPS_ONLY_OF(ctx));
	event->src = p->src;
	event->dst = p->dst;
	event->ifindex = in->ifindex;
	event->slot = in->slot;
	event->rule = d->rule;
	event->length = p->length;
	event->src_port = p->src_port;
	event->dst_port = p->dst_port;
	event->ethertype = p->ethertype;
	event->family = p->family;
	event->protocol = p->protocol;
	event->verdict = d->verdict;
	event->reason = d->reason;
	event->assigned = d->assigned;
	event->direction = direction;
	__builtin_memset(event->reserved, 0, sizeof(event->reserved));
}

/* 0, or -1 where the ring buffer is full. */
ifw_inline int ifw_emit_event(ifw_ctx *ctx, const struct packet *p, const struct iface *in,
			      const struct decision *d, __u8 direction)
{
	struct ifw_event *event = ifw_event_reserve(IFW_MAPS_ONLY_OF(ctx));

	if (!event)
		return -1;
	ifw_fill_event(ctx, event, p, in, d, direction);
	ifw_event_submit(ctx, event);
	return 0;
}

/* The same with the first `captured` bytes of the packet, at most room, a constant. */
ifw_inline int ifw_emit_sized(ifw_ctx *ctx, const struct ifw_work *w, __u8 direction,
			      __u32 captured, __u32 room)
{
	struct ifw_packet_event *event = ifw_packet_reserve(IFW_MAPS_OF(ctx) room);
	__u32 tag;

	if (!event)
		return -1;
	ifw_fill_event(ctx, &event->event, &w->packet, &w->in, &w->decision, direction);
	event->captured = ifw_load_packet(ctx, event, captured, room) ? 0 : captured;
	event->flags = (w->in.flags & IFW_IFACE_RAW_IP ? IFW_PACKET_RAW_IP : 0) |
		       (w->in.stripped ? IFW_PACKET_STRIPPED : 0) |
		       (ifw_is_aggregate(ctx) ? IFW_PACKET_AGGREGATE : 0);
	tag = 0;
	if (ifw_offloaded_tags(ctx)) {
		event->flags |= IFW_PACKET_TAGGED;
		tag = ifw_offloaded_tag(ctx);
	}
	event->vlan_tpid = tag >> 16;
	event->vlan_tci = tag;
	event->reserved = 0;
	ifw_packet_submit(ctx, event);
	return 0;
}

/* Of the packet at work in this direction; 0 or -1. */
IFW_STEP int ifw_emit_packet(ifw_ctx *ctx, __u32 direction)
{
	struct ifw_work *w = ifw_work_at(ctx, direction);
	struct ifw_watch *watch = ifw_find_watch(IFW_MAPS_ONLY_OF(ctx));
	__u32 captured;

	if (!w || !watch)
		return -1;
	captured = w->packet.length < watch->snaplen ? w->packet.length : watch->snaplen;
	if (captured <= IFW_PACKET_SMALL)
		return ifw_emit_sized(ctx, w, direction, captured, IFW_PACKET_SMALL);
	if (captured <= IFW_PACKET_MTU)
		return ifw_emit_sized(ctx, w, direction, captured, IFW_PACKET_MTU);
	if (captured <= IFW_PACKET_LARGE)
		return ifw_emit_sized(ctx, w, direction, captured, IFW_PACKET_LARGE);
	if (captured > IFW_PACKET_MAX)
		captured = IFW_PACKET_MAX;
	return ifw_emit_sized(ctx, w, direction, captured, IFW_PACKET_MAX);
}

#endif /* IFW_WATCH_H */
