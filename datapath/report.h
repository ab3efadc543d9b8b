/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * report.h - after the decision: one count for its reason, and an event where
 * the interface is verbose. Neither can change the verdict.
 */
#ifndef IFW_REPORT_H
#define IFW_REPORT_H

#include "iface.h"
#include "packet.h"

ifw_inline void ifw_emit_event(ifw_ctx *ctx, const struct packet *p, const struct iface *in,
			       const struct decision *d, struct ifw_counters *counters)
{
	struct ifw_event *event = ifw_event_reserve(IFW_MAPS_ONLY_OF(ctx));

	if (!event) {
		counters->events_lost++;
		return;
	}
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
	__builtin_memset(event->reserved, 0, sizeof(event->reserved));
	ifw_event_submit(ctx, event);
}

ifw_inline void ifw_report(ifw_ctx *ctx, const struct packet *p, const struct iface *in,
			   const struct decision *d)
{
	struct ifw_counters *counters = ifw_find_counters(IFW_MAPS_OF(ctx) in->slot);
	struct ifw_count *count;

	if (!counters)
		return;
	/* Masked for the verifier; both are in range by construction. */
	count = &counters->by_reason[d->reason % IFW_REASONS_MAX][d->verdict % IFW_VERDICTS];
	count->packets++;
	count->bytes += p->length;
	counters->decisions++;
	if (in->verbose && counters->decisions % in->verbose == 0)
		ifw_emit_event(ctx, p, in, d, counters);
}

#endif /* IFW_REPORT_H */
