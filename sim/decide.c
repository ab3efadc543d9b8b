/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decide.c - the decision, compiled for user space; the one place that does.
 * (Tests of single headers include those on their own.)
 */
#include <errno.h>

#include <netinet/in.h> /* before linux/in.h, which then yields to it */

#include "../datapath/decide.h"
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
	struct decision d = {};
	struct sim_packet *packet;
	int error;

	error = sim_packet_begin(world, frame, &packet);
	if (error)
		return error;
	ifw_decide(packet, &d);
	sim_packet_end(packet);
	check_decision(packet, &d);

	result->decision = d;
	result->mark = packet->mark;
	result->has_event = packet->event_state == SIM_EVENT_SUBMITTED;
	if (result->has_event)
		result->event = packet->event;
	result->violation = packet->violation;
	return packet->violation ? -EPROTO : 0;
}
