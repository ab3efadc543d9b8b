/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decide.c - the decision, compiled for user space; the one place that does.
 * (Tests of single headers include those on their own.)
 */
#include <errno.h>

#include <netinet/in.h> /* before linux/in.h, which then yields to it */
#include <sys/socket.h>

#include "datapath/decide.h"
#include "datapath/egress.h"
#include "world.h"

/* A verdict that the table of reasons does not know is a defect of the decision. */
static void check_decision(struct sim_packet *packet, const struct decision *d)
{
	const struct ifw_reason_info *reason = ifw_reason_info(d->reason);

	if (!reason)
		sim_packet_violation(packet, "the packet has no reason");
	else if (d->verdict >= IFW_VERDICTS || !(reason->verdicts & (1U << d->verdict)))
		sim_packet_violation(packet, "the verdict does not go with its reason");
}

int sim_decide(struct sim_world *world, const struct sim_frame *frame, struct sim_result *result)
{
	static const struct decision nothing;
	struct sim_packet *packet;
	const struct decision *d;
	int error;

	error = sim_packet_begin(world, frame, &packet);
	if (error)
		return error;
	sim_world_start_flows(world, frame->time_ns);
	d = frame->direction == IFW_DIRECTION_OUT ? ifw_leave(packet) : ifw_decide(packet);
	sim_packet_end(packet);
	if (!d)
		d = &nothing;
	check_decision(packet, d);

	result->decision = *d;
	result->mark = packet->mark;
	result->has_event = packet->event_state == SIM_EVENT_SUBMITTED;
	if (result->has_event)
		result->event =
			packet->with_packet ? packet->world->packet_event->event : packet->event;
	result->packet =
		result->has_event && packet->with_packet ? packet->world->packet_event : NULL;
	result->violation = packet->violation;
	return packet->violation ? -EPROTO : 0;
}

const struct packet *sim_world_packet(const struct sim_world *world)
{
	return &world->packet.work[world->packet.frame.direction].packet;
}

/*
 * What bpf_sk_assign takes at sk_lookup (net/core/filter.c bpf_sk_lookup_assign):
 * no connected socket, and none that this family cannot reach.
 */
static bool is_assignable(const struct sim_socket *socket, uint8_t family)
{
	if (socket->sk.state == BPF_TCP_ESTABLISHED)
		return false;
	if (family == IFW_FAMILY_IPV6)
		return socket->sk.family == AF_INET6;
	return socket->sk.family == AF_INET || !(socket->flags & SIM_SOCKET_V6ONLY);
}

int sim_lookup(struct sim_world *world, uint64_t time_ns, uint32_t ifindex, uint8_t family,
	       uint8_t protocol, struct ifw_addr src, uint16_t src_port, struct ifw_addr dst,
	       uint16_t dst_port, const struct bpf_sock **listener)
{
	const struct sim_frame none = {.ifindex = ifindex, .time_ns = time_ns};
	const struct sim_socket *kept = NULL;
	struct ifw_listener_key key = {};
	struct sim_packet *packet;
	int error;

	(void)src_port; /* the program is told, and rules do not ask */
	error = sim_packet_begin(world, &none, &packet);
	if (error)
		return error;
	if (ifw_may_lead(packet, protocol) &&
	    ifw_lookup_listener(packet, ifindex, src, dst, dst_port, family, protocol, &key))
		kept = sim_world_kept_listener(world, &key);
	sim_packet_end(packet);
	*listener = kept && is_assignable(kept, family) ? &kept->sk : NULL;
	return 0;
}
