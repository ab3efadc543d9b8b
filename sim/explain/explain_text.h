/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_text.h - sockets, tuples and sets of prefix lengths in words.
 */
#ifndef IFW_SIM_EXPLAIN_TEXT_H
#define IFW_SIM_EXPLAIN_TEXT_H

#include "sim/sim.h"

#define EXPLAIN_END_MAX 56 /* "[address]:port", bytes with the final NUL */
#define EXPLAIN_TUPLE_MAX (2 * EXPLAIN_END_MAX + 8)
#define EXPLAIN_PROTOCOL_MAX 16 /* "protocol 255" */
#define EXPLAIN_PORTS_MAX 12	/* "65534-65535" */
#define EXPLAIN_NAMES_MAX (IFW_SLOTS * (IFW_NAME_MAX + 1))
#define EXPLAIN_LENGTHS_MAX (5 * (IFW_LENGTH_MAX + 1) + 1)

/* "10.1.1.1:80" or "[2001:db8::1]:80". */
void explain_end(struct ifw_addr addr, uint16_t port, uint8_t family, char text[EXPLAIN_END_MAX]);

/* "tcp", "icmpv6", "protocol 47". */
void explain_protocol(uint8_t protocol, char text[EXPLAIN_PROTOCOL_MAX]);

/* "SRC -> DST", or "to DST" where no source was asked for. */
void explain_tuple(const struct bpf_sock_tuple *tuple, uint32_t size, char text[EXPLAIN_TUPLE_MAX]);

/* "LOCAL" or, with a peer, "LOCAL <-> PEER". */
void explain_socket(const struct bpf_sock *sk, char text[EXPLAIN_TUPLE_MAX]);
const char *explain_socket_state(const struct bpf_sock *sk, bool tcp);

/* "udp 10.0.0.1:5000 -> 192.0.2.1:53": the side that began stands first. */
void explain_tracked(const struct ifw_flow_key *key, const struct ifw_flow *flow,
		     char text[EXPLAIN_TUPLE_MAX]);

/* "eth0,eth1": the interfaces of a rule; "every interface". */
void explain_names(const struct iface_names *names, uint64_t ifaces, char text[EXPLAIN_NAMES_MAX]);

/* " /24 /8": the lengths in use, longest first. */
void explain_lengths(const __u64 lengths[IFW_LENGTH_WORDS], char text[EXPLAIN_LENGTHS_MAX]);

#endif /* IFW_SIM_EXPLAIN_TEXT_H */
