/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * boundary.h - packets at the edges of rules: where an answer would change if a rule were
 * off by one. What the answers are is the decision's to say.
 */
#ifndef IFW_SIM_BOUNDARY_H
#define IFW_SIM_BOUNDARY_H

#include "sim/flow.h"
#include "sim/sim.h"

/* Not 0 ends it. */
typedef int (*boundary_fn)(void *arg, uint32_t ifindex, const struct flow *flow);

/*
 * For each rule of the world, in order, at each interface: destination ports low-1, low, high
 * and high+1; of both prefixes the first and last address and those just outside; both
 * protocols; coming in, or for an egress rule leaving. Each in combination with each. The source
 * port of each packet is another one, so that none belongs to the conversation of one before.
 * Returns what each() did.
 */
int boundary_each(const struct sim_world *world, boundary_fn each, void *arg);

/* How many those are. */
uint64_t boundary_count(const struct sim_world *world);

/*
 * A world that shows what these rules do, and nothing besides: the interfaces that they name
 * and one that none names, without addresses; and each listener. To be freed; NULL: no memory.
 */
char *boundary_world(const struct rule_set *rules);

#endif /* IFW_SIM_BOUNDARY_H */
