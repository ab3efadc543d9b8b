/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decide.h - the order of the decision. It reads like the packet-flow diagram
 * (docs/packet-flow.svg): the first step that answers ends it.
 */
#ifndef IFW_DECIDE_H
#define IFW_DECIDE_H

#include "exceptions.h"
#include "flow.h"
#include "intercept.h"
#include "report.h"

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

ifw_inline ifw_answer ifw_answer_packet(ifw_ctx *ctx, struct packet *p, const struct iface *in,
					struct decision *d)
{
	IFW_TRY(PARSE, ifw_parse(ctx, p));
	IFW_TRY(ARP, ifw_arp(p));
	IFW_TRY(NON_IP, ifw_non_ip(p, in));
	IFW_TRY(FRAGMENT, ifw_fragment(p, in)); /* memory of first fragments goes here */
	IFW_TRY(NEIGHBOR_DISCOVERY, ifw_neighbor_discovery(ctx, p, in));
	IFW_TRY(IPV6, ifw_ipv6(p, in)); /* goes away when IPv6 is decided like IPv4 */
	IFW_TRY(ICMP_ECHO, ifw_icmp_echo(ctx, p, in));
	/* row 7, ICMP errors about flows of ours, goes here */
	IFW_TRY(PROTOCOL, ifw_protocol(p, in));
	/* row 9, removal of GENEVE's outer headers, goes here */
	IFW_TRY(SSH, ifw_ssh(ctx, p, in));
	IFW_TRY(DHCP, ifw_dhcp(ctx, p, in));
	IFW_TRY(ESTABLISHED, ifw_established(ctx, p, in, d));
	IFW_TRY(RULES, ifw_apply_rules(ctx, p, in, d)); /* always answers */
	return ifw_drop(IFW_REASON_NO_RULE);
}

/* Decides one packet, counts it, and reports it where that is asked for. */
ifw_inline void ifw_decide(ifw_ctx *ctx, struct decision *d)
{
	struct packet p = {};
	struct iface in;
	ifw_answer answer;

	ifw_read_iface(ctx, &in);
	answer = ifw_answer_packet(ctx, &p, &in, d);
	d->reason = answer & 0xff;
	d->verdict = answer >> 8;
	ifw_report(ctx, &p, &in, d);
}

#endif /* IFW_DECIDE_H */
