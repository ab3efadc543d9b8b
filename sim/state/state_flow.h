/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* state_flow.h - the part of a state that is about tracked flows, for state_read.c. */
#ifndef IFW_SIM_STATE_FLOW_H
#define IFW_SIM_STATE_FLOW_H

#include "state_json.h"
#include "sim/world.h"

/* 0, -EINVAL, -ENOMEM. A flow refers to rules and interfaces, which come first. */
int state_read_track(struct sim_world *world, const struct node *root);
int state_read_flow(struct sim_world *world, const struct node *node);

/* The slot of the interface that the node's member "interface" names; 0 where it is null. */
int state_read_slot(const struct sim_world *world, const struct node *node, uint8_t *slot);

#endif /* IFW_SIM_STATE_FLOW_H */
