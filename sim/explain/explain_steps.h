/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_steps.h - for explain.c: the decision is listened to.
 */
#ifndef IFW_SIM_EXPLAIN_STEPS_H
#define IFW_SIM_EXPLAIN_STEPS_H

#include "explain.h"

/*
 * Decides the frame and fills the steps, result, packets and flow of what is
 * explained. As explain_frame.
 */
int explain_steps(struct sim_world *world, const struct sim_frame *frame,
		  struct explanation *explanation);

/* Whether the rules were asked about the packet itself, and not about one that it quotes. */
bool explain_asked_rules(const struct explanation *explanation);

#endif /* IFW_SIM_EXPLAIN_STEPS_H */
