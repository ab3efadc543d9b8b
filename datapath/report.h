/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * report.h - after the decision: one count for its reason, one for its rule, and
 * an event where the interface is verbose or somebody watches. None can change the verdict.
 */
#ifndef IFW_REPORT_H
#define IFW_REPORT_H

#include "iface.h"
#include "packet.h"
#include "watch.h"

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
	const struct ifw_watch *watch;
	struct ifw_count *count;

	ifw_count_rule(ctx, p, d);
	if (!counters)
		return;
	/* Masked for the verifier; both are in range by construction. */
	count = &counters->by_reason[d->reason % IFW_REASONS_MAX][d->verdict % IFW_VERDICTS];
	count->packets++;
	count->bytes += p->length;
	counters->decisions++;
	watch = ifw_watching(IFW_MAPS_ONLY_OF(ctx));
	if (!(in->verbose && counters->decisions % in->verbose == 0) &&
	    !ifw_is_watched(watch, in, d, direction))
		return;
	if (watch && watch->snaplen ? ifw_emit_packet(ctx, direction)
				    : ifw_emit_event(ctx, p, in, d, direction))
		counters->events_lost++;
}

#endif /* IFW_REPORT_H */
