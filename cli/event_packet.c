/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* event_packet.c - see event_packet.h. */
#include <linux/if_ether.h>
#include <string.h>

#include "event_packet.h"
#include "text.h"

#define MACS (2 * ETH_ALEN)

static void comment(struct event_packet *out, const struct event_view *view, uint32_t flags)
{
	const struct ifw_event *e = view->event;

	snprintf(out->comment, sizeof(out->comment), "%s %s%s%s%s%s", text_verdict(e->verdict),
		 text_reason(e->reason), view->rule ? " by " : "", view->rule ? view->rule : "",
		 flags & IFW_PACKET_STRIPPED ? "; GENEVE removed before" : "",
		 flags & IFW_PACKET_AGGREGATE ? "; several packets, merged by the stack" : "");
}

/* The tag stands between the addresses and the EtherType. */
static uint32_t put_tag(uint8_t *to, const struct ifw_packet_event *packet)
{
	const uint8_t tag[EVENT_VLAN_TAG] = {
		(uint8_t)(packet->vlan_tpid >> 8),
		(uint8_t)packet->vlan_tpid,
		(uint8_t)(packet->vlan_tci >> 8),
		(uint8_t)packet->vlan_tci,
	};

	memcpy(to, tag, sizeof(tag));
	return sizeof(tag);
}

void event_packet_make(struct event_packet *out, const struct event_view *view,
		       const struct ifw_packet_event *packet)
{
	const bool raw = packet->flags & IFW_PACKET_RAW_IP;
	const uint32_t captured =
		packet->captured < IFW_PACKET_MAX ? packet->captured : IFW_PACKET_MAX;
	const bool tagged = packet->flags & IFW_PACKET_TAGGED && !raw && captured >= MACS;
	const uint32_t front = tagged ? MACS : 0;
	uint32_t tag = 0;

	memcpy(out->bytes, packet->bytes, front);
	if (tagged)
		tag = put_tag(out->bytes + front, packet);
	memcpy(out->bytes + front + tag, packet->bytes + front, captured - front);
	comment(out, view, packet->flags);
	out->captured = (struct capture_packet){
		.data = out->bytes,
		.ifname = view->ifname,
		.link = raw ? CAPTURE_RAW_IP : CAPTURE_ETHERNET,
		.direction = view->event->direction == IFW_DIRECTION_OUT ? CAPTURE_OUT : CAPTURE_IN,
		.captured = captured + tag,
		.length = packet->event.length + tag,
		.time_ns = view->event->time_ns + (uint64_t)view->clock_offset_ns,
		.comment = out->comment,
	};
}
