/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parse.h - the whole way from the first byte of the frame to the ports.
 */
#ifndef IFW_PARSE_H
#define IFW_PARSE_H

#include "ipv6.h"

/* Where the IP header starts, and what kind it should be. */
ifw_inline ifw_answer ifw_parse_link(ifw_ctx *ctx, const struct iface *in, struct packet *p)
{
	struct ethhdr eth;
	__u8 version;

	p->length = ifw_frame_length(ctx);
	if (in->flags & IFW_IFACE_RAW_IP) {
		if (ifw_load(ctx, 0, &version, sizeof(version)))
			return ifw_drop(IFW_REASON_MALFORMED);
		p->ethertype = version >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP;
		return IFW_UNDECIDED;
	}
	if (ifw_load(ctx, 0, &eth, sizeof(eth)))
		return ifw_drop(IFW_REASON_MALFORMED);
	p->ethertype = __builtin_bswap16(eth.h_proto);
	p->l3_off = sizeof(eth);
	return ifw_parse_tags(ctx, p);
}

/* Row 1 of the decision: malformed, or the packet is filled. */
ifw_inline ifw_answer ifw_parse(ifw_ctx *ctx, __u32 direction)
{
	struct ifw_work *w = ifw_work_at(ctx, direction);
	ifw_answer answer;

	if (!w)
		return ifw_drop(IFW_REASON_MALFORMED);
	/* Where this answers, the EtherType is that of a tag that was cut off, or none yet. */
	answer = ifw_parse_link(ctx, &w->in, &w->packet);
	if (w->packet.ethertype == ETH_P_IP)
		answer = ifw_parse_ipv4(ctx, &w->packet);
	else if (w->packet.ethertype == ETH_P_IPV6)
		answer = ifw_parse_ipv6(ctx, direction);
	if (answer == IFW_UNDECIDED)
		answer = ifw_parse_transport(ctx, &w->packet);
	return answer;
}

#endif /* IFW_PARSE_H */
