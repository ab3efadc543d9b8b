/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_packet.h - a packet as the decision understood it, in words.
 */
#ifndef IFW_SIM_EXPLAIN_PACKET_H
#define IFW_SIM_EXPLAIN_PACKET_H

#include "explain_text.h"

#define EXPLAIN_PACKET_MAX 256 /* bytes, with the final NUL */

/* "tcp", "icmpv6", "protocol 47", "arp", "ethertype 0x88cc"; "unreadable". */
void explain_kind(const struct packet *p, char text[EXPLAIN_PROTOCOL_MAX]);

/* An end with its port, where the packet has ports; "" where it has no addresses. */
void explain_source(const struct packet *p, char text[EXPLAIN_END_MAX]);
void explain_destination(const struct packet *p, char text[EXPLAIN_END_MAX]);

/* "tcp 10.0.0.1:5 -> 10.0.0.2:80 SYN, IPv4, 1 VLAN tag, 54 bytes" */
void explain_packet(const struct packet *p, char text[EXPLAIN_PACKET_MAX]);

#endif /* IFW_SIM_EXPLAIN_PACKET_H */
