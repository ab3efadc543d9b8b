/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * report.h - after the decision: one count for its reason, one for its rule, and
 * an event where the interface is verbose. None can change the verdict.
 */
#ifndef IFW_REPORT_H
#define IFW_REPORT_H

#include "iface.h"
#include "packet.h"

ifw_inline void ifw_emit_event(ifw_ctx *ctx, const struct packet *p, const struct iface *in,
			       const struct decision *d, __u8 direction,
			       struct ifw_counters *counters)
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
	event->direction = direction;
	__builtin_memset(event->reserved, 0, sizeof(event->reserved));
	ifw_event_submit(ctx, event);
}

/* In memory of this CPU alone, so no cache line goes back and forth between CPUs. */
ifw_inline void ifw_count_rule(ifw_ctx *ctx, const struct packet *p, const struct decision *d)
{
	struct ifw_count *count;

	(void)ctx; /* maps are global in the kernel */
	if (!d->counter)
		return;
	count = ifw_find_rule_count(IFW_MAPS_OF(ctx) d->counter);
	if (!count)
		return;
	count->packets++;
	count->bytes += p->length;
}

ifw_inline void ifw_report(ifw_ctx *ctx, const struct packet *p, const struct iface *in,
			   const struct decision *d, __u8 direction)
{
	struct ifw_counters *counters = ifw_find_counters(IFW_MAPS_OF(ctx) in->slot);
	struct ifw_count *count;

	ifw_count_rule(ctx, p, d);
	if (!counters)
		return;
	/* Masked for the verifier; both are in range by construction. */
	count = &counters->by_reason[d->reason % IFW_REASONS_MAX][d->verdict % IFW_VERDICTS];
	count->packets++;
	count->bytes += p->length;
	counters->decisions++;
	if (in->verbose && counters->decisions % in->verbose == 0)
		ifw_emit_event(ctx, p, in, d, direction, counters);
}

#endif /* IFW_REPORT_H */
