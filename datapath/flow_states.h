/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_states.h - the states that a tracked flow can be in, in one table.
 *
 * X(IDENTIFIER, "name", seconds, "one line for people")
 *
 * A flow is forgotten when nothing of it was seen for so many seconds; these are
 * the defaults, which are those of the kernel's connection tracking
 * (net/netfilter/nf_conntrack_proto_tcp.c, _udp.c, _icmp.c, _icmpv6.c).
 * Order is ABI: flows and settings carry the number. Names are stable: JSON, world
 * files and settings use them.
 */
#ifndef IFW_FLOW_STATES_H
#define IFW_FLOW_STATES_H

#include "abi.h"

/*
 * A UDP flow counts as replied only once it was answered and is still going on this
 * long after it began, as in the kernel (stream_ts in nf_conntrack_proto_udp.c): else
 * questions that are answered at once, each a flow of its own, would push out those
 * that last.
 */
#define IFW_UDP_REPLIED_AFTER_NS (2ULL * 1000000000ULL)

#define IFW_FLOW_STATES(X)                                                                         \
	X(SYN_SENT, "syn-sent", 120, "TCP: a SYN, no answer yet")                                  \
	X(SYN_CROSSED, "syn-crossed", 120, "TCP: both sides sent a SYN")                           \
	X(SYN_RECEIVED, "syn-received", 60, "TCP: the SYN was answered")                           \
	X(ONE_SIDED, "one-sided", 300, "TCP: picked up under way, seen from one side only")        \
	X(ESTABLISHED, "established", 432000, "TCP: the handshake is done")                        \
	X(FIN_WAIT, "fin-wait", 120, "TCP: one side has finished")                                 \
	X(CLOSE_WAIT, "close-wait", 60, "TCP: one side has finished, and the other knows")         \
	X(LAST_ACK, "last-ack", 30, "TCP: both sides have finished")                               \
	X(TIME_WAIT, "time-wait", 120, "TCP: both sides have finished, and know")                  \
	X(CLOSED, "closed", 10, "TCP: reset")                                                      \
	X(UDP_UNREPLIED, "udp-unreplied", 30, "UDP: not answered, or over within 2 s")             \
	X(UDP_REPLIED, "udp-replied", 120, "UDP: answered, and going on after 2 s")                \
	X(ICMP_UNREPLIED, "icmp-unreplied", 30, "ICMP echo: no answer yet")                        \
	X(ICMP_REPLIED, "icmp-replied", 30, "ICMP echo: answered")

enum ifw_flow_state {
	IFW_FLOW_NONE = 0, /* no flow; never in a map */
#define IFW_FLOW_STATE_ENUM(id, name, seconds, text) IFW_FLOW_##id,
	IFW_FLOW_STATES(IFW_FLOW_STATE_ENUM)
#undef IFW_FLOW_STATE_ENUM
		IFW_FLOW_STATE_END
};

_Static_assert(IFW_FLOW_STATE_END <= IFW_FLOW_STATES_MAX, "settings have no room for every state");

#ifndef __bpf__
struct ifw_flow_state_info {
	const char *name;
	const char *text;
	__u32 seconds; /* default timeout */
};

/* The row of a state; NULL for a number that is none. */
static inline const struct ifw_flow_state_info *ifw_flow_state_info(unsigned int state)
{
	static const struct ifw_flow_state_info table[] = {
#define IFW_FLOW_STATE_ROW(id, name, seconds, text) [IFW_FLOW_##id] = {name, text, seconds},
		IFW_FLOW_STATES(IFW_FLOW_STATE_ROW)
#undef IFW_FLOW_STATE_ROW
	};

	if (state == IFW_FLOW_NONE || state >= IFW_FLOW_STATE_END)
		return 0;
	return &table[state];
}

/* What holds until somebody sets something else. */
static inline struct ifw_track_settings ifw_track_defaults(void)
{
	struct ifw_track_settings settings = {.flags = IFW_TRACK_PICK_UP};

	for (unsigned int state = IFW_FLOW_NONE + 1; state < IFW_FLOW_STATE_END; state++)
		settings.timeouts_ns[state] = ifw_flow_state_info(state)->seconds * 1000000000ULL;
	return settings;
}
#endif

#endif /* IFW_FLOW_STATES_H */
