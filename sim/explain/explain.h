/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain.h - a decision with the path to it: each step that was tried, with
 * what it asked and what it was told, in words; the rules that nearly decided;
 * and the region of packets with the same answer.
 */
#ifndef IFW_SIM_EXPLAIN_H
#define IFW_SIM_EXPLAIN_H

#include "sim/flow.h"
#include "near.h"
#include "region.h"
#include "sim/sim.h"

/* The clock of a made-up packet: late enough for every flow of a world file to have begun. */
#define EXPLAIN_NOW (1ULL << 60)

struct explained_step {
	const char *name; /* "interface" before the first step of the decision */
	char **lines;
	size_t count; /* 0: nothing had to be asked */
};

struct explanation {
	/* The last one answered; twice as many where outer headers were removed. */
	struct explained_step steps[2 * IFW_STEP_END + 1];
	size_t count;
	size_t length; /* of the frame, bytes */
	struct sim_result result;
	struct packet packet; /* as understood; the inner one where outer headers were removed */
	bool stripped;
	struct packet outer; /* where they were */
	bool has_flow;	     /* the flow that it belongs to, as it is afterwards */
	struct ifw_flow_key flow_key;
	struct ifw_flow flow;
	uint64_t now_ns;	 /* of the clock that the flow's times refer to */
	struct near_misses near; /* empty where the rules were not asked */
	struct region region;
};

/*
 * Decides the packet and explains it. 0, -ENOMEM, or -EPROTO as sim_decide (then
 * explanation is filled, too). The world's trace is used for this and off afterwards.
 */
int explain_frame(struct sim_world *world, const struct sim_frame *frame,
		  struct explanation *explanation);

/* The same for the flow's packet, as come in or leaving by the interface, at EXPLAIN_NOW. */
int explain_flow(struct sim_world *world, const struct flow *flow, uint32_t ifindex,
		 struct explanation *explanation);
void explanation_free(struct explanation *explanation);

#endif /* IFW_SIM_EXPLAIN_H */
