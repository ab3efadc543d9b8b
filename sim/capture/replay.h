/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay.h - the packets of a capture, decided one by one in constant memory.
 */
#ifndef IFW_SIM_REPLAY_H
#define IFW_SIM_REPLAY_H

#include <stdio.h>

#include "capture.h"
#include "sim/sim.h"

#define REPLAY_MESSAGE_MAX 448	   /* bytes, with the final NUL */
#define REPLAY_EITHER_WAY (-1)	   /* besides enum ifw_direction */
#define REPLAY_POSITION_EVERY 4096 /* packets, between two looks at the place in the file */

enum replay_fate {
	REPLAY_DECIDED,
	REPLAY_CUT, /* the capture kept only a part: a verdict would be one on another packet */
	REPLAY_ELSEWHERE, /* it came by an interface that the world does not have */
	REPLAY_REACHED,	  /* it is the one to stop at, and not decided */
};

/* One packet of the capture. */
struct replay_packet {
	uint64_t number; /* from 1 */
	enum replay_fate fate;
	const struct sim_result *result;       /* DECIDED */
	const struct sim_frame *frame;	       /* DECIDED, REACHED: as the interface brings it */
	const struct capture_packet *captured; /* as the file has it */
	const char *ifname; /* ELSEWHERE: the interface where it was captured; "": not told */
	uint32_t ifindex;   /* ELSEWHERE: its number there; 0: not told */
	int64_t position;   /* bytes of the file that were read; -1: it was not looked, or does not
			       tell */
};

/* Not 0 ends the replay, which returns it. */
typedef int (*replay_fn)(void *arg, const struct replay_packet *packet);

/* Before the first packet, for who writes captures like this one. Not 0 ends the replay. */
typedef int (*replay_open_fn)(void *arg, const struct capture *capture);

struct replay {
	struct sim_world *world;
	/*
	 * 0: a cooked capture tells it packet by packet by number (LINUX_SLL2), pcapng by
	 * name; other packets are the world's first interface's.
	 */
	uint32_t ifindex;
	/*
	 * enum ifw_direction; or REPLAY_EITHER_WAY: leaving where its source is the
	 * interface's own address (`mac` in the world) or a cooked capture or pcapng says so,
	 * else coming in.
	 */
	int direction;
	uint64_t stop_at;    /* number of the packet to hand out undecided, as the last; 0: none */
	replay_open_fn open; /* may be NULL */
	replay_fn each;
	void *arg;
};

/*
 * Decides each packet of the capture. The file is closed, unless it is stdin. 0;
 * -EINVAL where it is no whole capture, -EPROTONOSUPPORT where its link type is
 * not read or not the interface's, -EPROTO as sim_decide, -ENOMEM; message then says
 * more. What came before the error has been handed out.
 */
int replay_capture(const struct replay *replay, FILE *capture, char message[REPLAY_MESSAGE_MAX]);

/* Where a packet was captured that the world has no interface for: "interface 7", "'eth7'". */
#define REPLAY_WHERE_MAX 80 /* bytes, with the final NUL */
const char *replay_elsewhere(const struct replay_packet *packet, char where[REPLAY_WHERE_MAX]);

#endif /* IFW_SIM_REPLAY_H */
