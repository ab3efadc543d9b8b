/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state.h - all that a decision asks of a host, as one JSON text: docs/state.md says what
 * stands in it. A world that is written and read back answers alike.
 */
#ifndef IFW_SIM_STATE_H
#define IFW_SIM_STATE_H

#include <stdio.h>

#include "sim/sim.h"

#define STATE_VERSION 1
#define STATE_MESSAGE_MAX 1024 /* bytes, with the final NUL */

/*
 * The world's interfaces, rules, sockets and flows; not what a world file has for later, nor
 * fragments. 0; -ENOMEM; -EILSEQ where a name is not UTF-8; -EIO where out cannot be written.
 */
int state_write(const struct sim_world *world, FILE *out);

/*
 * Into an empty world, which on failure is empty again. 0, -ENOMEM, or -EINVAL; message then
 * says what is wrong, and where: "sockets[3].local: ...".
 */
int state_read(struct sim_world *world, const char *text, size_t size,
	       char message[STATE_MESSAGE_MAX]);

#endif /* IFW_SIM_STATE_H */
