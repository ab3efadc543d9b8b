/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay.c - see replay.h.
 */
#include <errno.h>

#include "capture.h"
#include "replay.h"

static void close_capture(struct capture **capture)
{
	capture_close(*capture);
}

static int decide(struct sim_world *world, uint32_t ifindex, int direction,
		  const struct capture_packet *packet, struct sim_result *result)
{
	const struct sim_frame frame = {
		.data = packet->data,
		.length = packet->length,
		.ifindex = ifindex,
		.time_ns = packet->time_ns,
		.direction = direction == REPLAY_EITHER_WAY
				     ? sim_world_direction(world, ifindex, packet->data,
							   packet->captured)
				     : (enum ifw_direction)direction,
	};

	return sim_decide(world, &frame, result);
}

/* A verdict on bytes that the interface cannot bring would be one on another packet. */
static int check_link(const struct sim_world *world, uint32_t ifindex,
		      const struct capture *capture, char message[REPLAY_MESSAGE_MAX])
{
	const char *ifname = sim_world_ifname(world, ifindex);
	bool raw = sim_world_link(world, ifindex) == SIM_LINK_RAW_IP;

	if (capture_is_raw(capture) == raw)
		return 0;
	snprintf(message, REPLAY_MESSAGE_MAX,
		 raw ? "link type %s, but frames on '%s' are raw IP (link raw in the world)"
		     : "link type %s is raw IP, but frames on '%s' are Ethernet (the world has no "
		       "'link raw' there)",
		 capture_link_name(capture), ifname ? ifname : "the interface");
	return -EPROTONOSUPPORT;
}

int replay_capture(struct sim_world *world, FILE *file, uint32_t ifindex, int direction,
		   replay_fn each, void *arg, char message[REPLAY_MESSAGE_MAX])
{
	struct capture *capture __attribute__((cleanup(close_capture))) = NULL;
	char why[CAPTURE_MESSAGE_MAX] = "";
	struct replay_packet packet = {};
	struct capture_packet read;
	struct sim_result result;
	int error, status;

	error = capture_open(file, &capture, why);
	if (error) {
		snprintf(message, REPLAY_MESSAGE_MAX, "%s", why);
		return error;
	}
	error = check_link(world, ifindex, capture, message);
	while (!error && (status = capture_next(capture, &read, why)) != 0) {
		packet.number++;
		if (status < 0) {
			error = status;
		} else {
			packet.captured = read.captured;
			packet.length = read.length;
			packet.result = NULL;
			if (read.captured >= read.length) {
				packet.result = &result;
				error = decide(world, ifindex, direction, &read, &result);
				if (error)
					snprintf(why, sizeof(why), "%s",
						 error == -EPROTO ? result.violation
								  : "out of memory");
			}
		}
		if (error)
			snprintf(message, REPLAY_MESSAGE_MAX, "packet %llu: %s",
				 (unsigned long long)packet.number, why);
		else
			error = each(arg, &packet);
	}
	return error;
}
