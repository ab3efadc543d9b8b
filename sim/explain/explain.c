/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain.c - see explain.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain_steps.h"

int explain_frame(struct sim_world *world, const struct sim_frame *frame,
		  struct explanation *explanation)
{
	struct explanation out = {.length = frame->length, .now_ns = frame->time_ns};
	int error;

	/* First, for afterwards the world knows this very packet. */
	error = region_find(world, frame, &out.region);
	if (!error || error == -EPROTO)
		error = explain_steps(world, frame, &out);
	if ((!error || error == -EPROTO) && explain_asked_rules(&out) &&
	    near_find(world, frame, &out.packet, &out.result.decision, &out.near) != 0)
		error = -ENOMEM;
	if (error && error != -EPROTO) {
		explanation_free(&out);
		return error;
	}
	*explanation = out;
	return error;
}

int explain_flow(struct sim_world *world, const struct flow *flow, uint32_t ifindex,
		 struct explanation *explanation)
{
	uint8_t bytes[FLOW_FRAME_MAX];
	struct sim_frame frame = {
		.data = bytes,
		.length = flow_frame(flow, bytes),
		.ifindex = ifindex,
		.time_ns = EXPLAIN_NOW,
		.direction = flow->direction,
	};

	if (sim_world_link(world, ifindex) == SIM_LINK_RAW_IP) {
		frame.data = bytes + sizeof(struct ethhdr);
		frame.length -= sizeof(struct ethhdr);
	}
	return explain_frame(world, &frame, explanation);
}

void explanation_free(struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->count; i++) {
		struct explained_step *step = &explanation->steps[i];

		for (size_t j = 0; j < step->count; j++)
			free(step->lines[j]);
		free(step->lines);
	}
	near_free(&explanation->near);
	region_free(&explanation->region);
	*explanation = (struct explanation){};
}
