/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * example.c - the simulator as a library: a world, rules, a packet, its verdict. sim.h is
 * all there is to include, the CMake target `sim` all there is to link.
 */
#include <stdio.h>

#include "sim/sim.h"

int main(void)
{
	static const char text[] = "interface eth0 address 172.16.240.1/24\n"
				   "socket tcp listen 127.0.0.1:43321\n";
	static const char rules[] = "intercept tcp to 10.0.0.0/8 port 80-443 via 43321\n";
	uint8_t bytes[SIM_MADE_MAX];
	struct sim_frame frame = {.data = bytes};
	struct sim_result result;
	struct sim_world *world;

	if (sim_world_create(&world) != 0 ||
	    sim_world_parse(world, text, sizeof(text) - 1, NULL, NULL) != 0 ||
	    sim_world_parse_rules(world, rules, sizeof(rules) - 1, NULL, NULL) != 0)
		return 2;
	frame.ifindex = sim_world_ifindex(world, "eth0");
	frame.length = sim_make_frame("tcp", "172.16.240.2:40000", "10.1.8.7:80", bytes);
	if (sim_decide(world, &frame, &result) != 0)
		return 2;
	printf("%s\n", ifw_reason_info(result.decision.reason)->name);
	sim_world_destroy(world);
	return result.decision.reason != IFW_REASON_INTERCEPTED;
}
