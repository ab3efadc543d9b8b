/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decide.h - the order of the decision. It reads like the packet-flow diagram
 * (docs/packet-flow.svg): the first step that answers ends it.
 */
#ifndef IFW_DECIDE_H
#define IFW_DECIDE_H

#include "exceptions.h"
#include "flow.h"
#include "fragment.h"
#include "geneve.h"
#include "intercept.h"
#include "parse.h"
#include "related.h"
#include "report.h"
#include "track.h"

/* Try a step; where it answers, that is the answer. */
#define IFW_TRY(step, call)                                                                        \
	do {                                                                                       \
		ifw_answer answer_;                                                                \
                                                                                                   \
		ifw_trace(ctx, IFW_STEP_##step);                                                   \
		answer_ = (call);                                                                  \
		if (answer_ != IFW_UNDECIDED)                                                      \
			return answer_;                                                            \
	} while (0)

ifw_inline ifw_answer ifw_answer_packet(ifw_ctx *ctx, const struct packet *p,
					const struct iface *in)
{
	IFW_TRY(PARSE, ifw_parse(ctx, IFW_DIRECTION_IN));
	IFW_TRY(ARP, ifw_arp(p));
	IFW_TRY(NON_IP, ifw_non_ip(ctx, p));
	IFW_TRY(MARTIAN, ifw_martian(p, in));
	IFW_TRY(EXTENSION_HEADER, ifw_extension_header(p, in));
	IFW_TRY(FRAGMENT, ifw_fragment(ctx, p, in));
	IFW_TRY(NEIGHBOR_DISCOVERY, ifw_neighbor_discovery(ctx, p));
	IFW_TRY(ICMP_ECHO, ifw_icmp_echo(ctx, p));
	IFW_TRY(ICMP_RELATED, ifw_icmp_related(ctx, p));
	if (ifw_is_tracked_echo(p, in))
		IFW_TRY(TRACKED, ifw_tracked_echo(ctx, p));
	IFW_TRY(PROTOCOL, ifw_protocol(ctx, p));
	IFW_TRY(GENEVE, ifw_geneve(ctx, p, in)); /* IFW_AGAIN: the inner packet, from the top */
	IFW_TRY(SSH, ifw_ssh(ctx, p));
	IFW_TRY(DHCP, ifw_dhcp(ctx, p));
	if (in->flags & IFW_IFACE_TRACK)
		IFW_TRY(TRACKED, ifw_track_in(ctx)); /* answers for forwarded flows only */
	if (!p->no_socket)
		IFW_TRY(ESTABLISHED, ifw_established(ctx));
	if (p->answer)
		IFW_TRY(TRACKED, ifw_pass(IFW_REASON_TRACKED));
	ifw_trace(ctx, IFW_STEP_RULES);
	return ifw_apply_rules(ctx);
}

/* Once, and once more for the inner packet where GENEVE was removed. */
IFW_STEP ifw_answer ifw_answer_frame(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);

	if (!w)
		return ifw_drop(IFW_REASON_MALFORMED);
	__builtin_memset(&w->packet, 0, sizeof(w->packet));
	return ifw_answer_packet(ctx, &w->packet, &w->in);
}

/*
 * Decides one packet, remembers it where it begins a fragmented datagram, counts
 * it, and reports it where that is asked for. Returns the decision, NULL never.
 */
ifw_inline const struct decision *ifw_decide(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	ifw_answer answer;

	if (!w)
		return 0;
	__builtin_memset(&w->decision, 0, sizeof(w->decision));
	ifw_read_iface(IFW_MAPS_OF(ctx) ifw_ifindex(ctx), &w->in);
	answer = ifw_answer_frame(ctx);
	if (answer == IFW_AGAIN) {
		w->in.stripped = 1;
		answer = ifw_answer_frame(ctx);
	}
	w->decision.reason = answer & 0xff;
	w->decision.verdict = answer >> 8;
	if (w->packet.fragment && !w->packet.later_fragment)
		ifw_remember_fragment(ctx);
	ifw_remember_in(ctx, w);
	ifw_report(ctx, &w->packet, &w->in, &w->decision, IFW_DIRECTION_IN);
	return &w->decision;
}

#endif /* IFW_DECIDE_H */
