/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_capture.c - capture files: refused with a message, or all their packets
 * decided.
 */
#include <errno.h>

#include "fuzz.h"
#include "tests/unit/sim_fixture.h"

#include "sim/capture/replay.h"

static int each(void *arg, const struct replay_packet *packet)
{
	uint64_t *packets = arg;

	HOLDS(packet->number == ++*packets);
	HOLDS(packet->fate != REPLAY_DECIDED || ifw_reason_info(packet->result->decision.reason));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] = "interface eth0 address 10.0.0.1/24 mac 02:00:00:00:00:01\n"
				   "interface tun0 address 10.9.0.1/24 link raw\n"
				   "set eth0 track on\nset tun0 track on\n";
	/* "none": as the capture tells. */
	static const char *const ifaces[] = {"eth0", "tun0", "none"};
	struct replay replay = {.direction = REPLAY_EITHER_WAY, .each = each};
	uint8_t empty = 0;

	for (int i = 0; i < 3; i++) {
		struct sim_world *world = world_of(text, "pass udp to 10.0.0.0/8 port 0-1000\n");
		char message[REPLAY_MESSAGE_MAX] = "";
		uint64_t packets = 0;
		/* Of no bytes at all no file is made. */
		FILE *file =
			fmemopen(size ? (void *)(uintptr_t)data : &empty, size ? size : 1, "rb");
		int error;

		HOLDS(file);
		replay.world = world;
		replay.ifindex = sim_world_ifindex(world, ifaces[i]);
		replay.arg = &packets;
		error = replay_capture(&replay, file, message);
		HOLDS(error == 0 || message[0]);
		HOLDS(error != -EPROTO, "%s", message);
		sim_world_destroy(world);
	}
	return 0;
}
