/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* event_packet.h - the packet of an event as a capture has it, what became of it as its comment. */
#ifndef IFW_EVENT_PACKET_H
#define IFW_EVENT_PACKET_H

#include "event.h"
#include "sim/capture/capture.h"

#define EVENT_VLAN_TAG 4 /* bytes: TPID, TCI */

/* What a capture packet points to. */
struct event_packet {
	struct capture_packet captured;
	uint8_t bytes[IFW_PACKET_MAX + EVENT_VLAN_TAG];
	char comment[RULE_TEXT_MAX + 128];
};

/*
 * Fills it in from an event with its packet, which view is about: "pass intercepted by
 * RULE", the time of day, and where the stack took a VLAN tag off, that tag again.
 */
void event_packet_make(struct event_packet *out, const struct event_view *view,
		       const struct ifw_packet_event *packet);

#endif /* IFW_EVENT_PACKET_H */
