/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_world.c - world files: refused with a place that exists, or accepted,
 * and then packets can be decided in that world.
 */
#include <errno.h>

#include "fuzz.h"
#include "tests/unit/sim_fixture.h"

static void decide(struct sim_world *world, enum ifw_direction direction, struct frame made)
{
	const struct sim_frame frame = {
		.data = made.bytes,
		.length = made.length,
		.ifindex = sim_world_first_ifindex(world),
		.time_ns = 1,
		.direction = direction,
	};
	struct sim_result result;
	int error = sim_decide(world, &frame, &result);

	HOLDS(error == 0, "%s", error == -EPROTO ? result.violation : "no memory");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_world *world;
	unsigned int said = 0;
	int error;

	HOLDS(sim_world_create(&world) == 0);
	error = sim_world_parse(world, (const char *)data, size, read_diagnostic, &said);
	HOLDS(error == 0 || error == -EINVAL);
	HOLDS(error == 0 || said);
	if (error == 0) {
		decide(world, IFW_DIRECTION_IN, tcp("192.0.2.1", 5, "10.0.0.1", 80));
		decide(world, IFW_DIRECTION_OUT, udp("10.0.0.1", 53, "192.0.2.1", 5));
		decide(world, IFW_DIRECTION_IN, udp("192.0.2.1", 5, "10.0.0.1", 53));
		decide(world, IFW_DIRECTION_IN, tcp("2001:db8::2", 5, "2001:db8::1", 80));
	}
	sim_world_destroy(world);
	return 0;
}
