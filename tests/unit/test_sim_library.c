/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/library.c; sim/example.c, which is a test too, shows its use.
 */
#include <errno.h>

#include "sim_fixture.h"

static unsigned int errors;

static void count(void *arg, const struct diagnostic *d)
{
	(void)arg;
	errors += d->severity == SEVERITY_ERROR;
}

Test(sim_library, makes_the_frame_that_it_is_told)
{
	struct frame wanted = tcp("192.0.2.1", 5, "10.0.0.1", 22);
	struct frame wanted6 = udp("2001:db8::2", 5, "2001:db8::1", 53);
	uint8_t frame[SIM_MADE_MAX];

	cr_assert_eq(sim_make_frame("tcp", "192.0.2.1:5", "10.0.0.1:22", frame), wanted.length);
	cr_assert_arr_eq(frame, wanted.bytes, wanted.length);
	cr_assert_eq(sim_make_frame("udp", "[2001:db8::2]:5", "[2001:db8::1]:53", frame),
		     wanted6.length);
	cr_assert_arr_eq(frame, wanted6.bytes, wanted6.length);
	cr_assert_eq(sim_make_frame("icmp", "192.0.2.1:5", "10.0.0.1:22", frame), 0);
	cr_assert_eq(sim_make_frame("tcp", "192.0.2.1", "10.0.0.1:22", frame), 0);
	cr_assert_eq(sim_make_frame("tcp", "192.0.2.1:5", "[::1]:22", frame), 0);
}

Test(sim_library, rules_replace_those_in_force_or_leave_them)
{
	static const char good[] = "deny tcp to 10.0.0.0/8 port 80\n", bad[] = "deny tcp\n";
	struct frame frame = tcp("192.0.2.1", 5, "10.0.0.1", 80);
	struct sim_world *world = world_of("interface eth0\n", "");

	EXPECT(world, "eth0", frame, DROP, "no-rule");
	cr_assert_eq(sim_world_parse_rules(world, good, sizeof(good) - 1, count, NULL), 0);
	EXPECT(world, "eth0", frame, DROP, "rule-deny");
	cr_assert_eq(sim_world_parse_rules(world, bad, sizeof(bad) - 1, count, NULL), -EINVAL);
	cr_assert_eq(errors, 1);
	EXPECT(world, "eth0", frame, DROP, "rule-deny");
	sim_world_destroy(world);
}
