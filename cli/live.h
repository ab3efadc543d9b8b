/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * live.h - this host, with what is in force here, as a world of the simulator.
 */
#ifndef IFW_LIVE_H
#define IFW_LIVE_H

#include "cli.h"
#include "sim/sim.h"

/*
 * Rules, interfaces with settings and addresses, sockets and tracked flows; read one after
 * another while the host goes on. CLI_DONE; CLI_REFUSED after complaining.
 */
int live_world(const struct cli *cli, struct loader *loader, struct sim_world **world);

static inline void free_world(struct sim_world **world)
{
	sim_world_destroy(*world);
}

#define auto_world __attribute__((cleanup(free_world))) struct sim_world *

#endif /* IFW_LIVE_H */
