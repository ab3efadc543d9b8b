/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.h - a packet of a flow, by default its first, made up from its ends.
 */
#ifndef IFW_SIM_FLOW_H
#define IFW_SIM_FLOW_H

#include <stddef.h>
#include <stdint.h>

#include "datapath/abi.h"

#define FLOW_FRAME_MAX 128 /* bytes */

struct flow {
	struct ifw_addr src;
	struct ifw_addr dst;
	uint16_t src_port; /* host order */
	uint16_t dst_port;
	uint8_t family;	   /* enum ifw_family */
	uint8_t protocol;  /* IPPROTO_TCP: a segment without data; IPPROTO_UDP: an empty datagram */
	uint8_t tcp_flags; /* 0: a SYN, which begins a connection */
	uint8_t direction; /* enum ifw_direction */
};

/* An Ethernet frame with valid headers and checksums; returns its bytes. */
size_t flow_frame(const struct flow *flow, uint8_t frame[FLOW_FRAME_MAX]);

/*
 * "tcp|udp SRC:PORT DST:PORT [syn|syn-ack|ack|fin|rst]", as somebody typed it; what comes in.
 * 0, or -EINVAL: message says what is wrong.
 */
#define FLOW_MESSAGE_MAX 512 /* bytes, with the final NUL */
int flow_from_words(char *const *words, int count, struct flow *flow,
		    char message[FLOW_MESSAGE_MAX]);

#endif /* IFW_SIM_FLOW_H */
