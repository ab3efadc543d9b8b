/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay.h - the packets of a capture, decided one by one in constant memory.
 */
#ifndef IFW_SIM_REPLAY_H
#define IFW_SIM_REPLAY_H

#include <stdio.h>

#include "sim.h"

#define REPLAY_MESSAGE_MAX 448 /* bytes, with the final NUL */
#define REPLAY_EITHER_WAY (-1) /* besides enum ifw_direction */

/* One packet of the capture. */
struct replay_packet {
	uint64_t number; /* from 1 */
	/*
	 * NULL where the capture kept only a part of the packet: a verdict on that
	 * would be one on another packet.
	 */
	const struct sim_result *result;
	uint32_t captured; /* bytes */
	uint32_t length;   /* bytes it had on the wire */
};

/* Not 0 ends the replay, which returns it. */
typedef int (*replay_fn)(void *arg, const struct replay_packet *packet);

/*
 * Decides each packet of the capture at the interface: going the direction that
 * is given, or, where that is REPLAY_EITHER_WAY, leaving where its source is the
 * interface's own address (`mac` in the world) and else coming in. The file is
 * closed, unless it is stdin. 0; -EINVAL where it is no whole capture,
 * -EPROTONOSUPPORT where its link type is not read or not the interface's, -EPROTO as sim_decide;
 * message then says more. What came before the error has been handed out.
 */
int replay_capture(struct sim_world *world, FILE *capture, uint32_t ifindex, int direction,
		   replay_fn each, void *arg, char message[REPLAY_MESSAGE_MAX]);

#endif /* IFW_SIM_REPLAY_H */
