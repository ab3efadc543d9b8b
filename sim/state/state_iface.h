/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* state_iface.h - the part of a state that is about an interface, for state_read.c. */
#ifndef IFW_SIM_STATE_IFACE_H
#define IFW_SIM_STATE_IFACE_H

#include "state_json.h"
#include "sim/world.h"

/* Its settings and addresses, too. 0, -EINVAL, -ENOMEM. */
int state_read_iface(struct sim_world *world, const struct node *node);

#endif /* IFW_SIM_STATE_IFACE_H */
