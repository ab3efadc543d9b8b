/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lookup.h - the listener for a socket lookup that the stack makes by itself,
 * by the same rules: of a datagram that was reassembled (which forgets the
 * socket that its first fragment was assigned), and of a SYN that met a
 * TIME_WAIT socket.
 */
#ifndef IFW_LOOKUP_H
#define IFW_LOOKUP_H

#include "rules.h"

ifw_inline void ifw_listener_key(const struct ifw_range *rule, __u8 family, __u8 protocol,
				 struct ifw_listener_key *key)
{
	key->addr = rule->listener;
	key->port = rule->listener_port;
	key->family = family;
	key->protocol = protocol;
}

/*
 * Whether a lookup may be for what is ours at all; to be asked first, for the stack
 * makes one for each datagram to a socket without a peer. It may be where a datagram
 * of which a fragment was intercepted may be put together now: what came whole has
 * its socket.
 */
ifw_inline int ifw_may_lead(IFW_MAPS __u8 protocol)
{
	const __u64 *until;

	if (protocol != IPPROTO_UDP)
		return 1;
	until = ifw_find_awaited(IFW_MAPS_ONLY_OF(ctx));
	return until && *until && ifw_now(IFW_MAPS_ONLY_OF(ctx)) < *until;
}

/*
 * For a lookup from src to dst and port (host order): 1 and the key of the
 * listener that an intercept rule names; 0 where the stack is to go on as if
 * nobody had asked: no interface of ours, an own address, or another rule.
 */
ifw_inline int ifw_lookup_listener(IFW_MAPS __u32 ifindex, struct ifw_addr src, struct ifw_addr dst,
				   __u16 port, __u8 family, __u8 protocol,
				   struct ifw_listener_key *key)
{
	const struct ifw_range *rule;
	struct iface in;

	if (!ifw_read_iface(IFW_MAPS_OF(ctx) ifindex, &in))
		return 0;
	rule = ifw_match(IFW_MAPS_OF(ctx) src, dst, port, family, protocol, ifw_rules_slot(&in));
	if (!rule || rule->action != IFW_ACTION_INTERCEPT ||
	    ifw_is_own(IFW_MAPS_OF(ctx) & in, dst, family))
		return 0;
	ifw_listener_key(rule, family, protocol, key);
	return 1;
}

#endif /* IFW_LOOKUP_H */
