/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/explain/near.c: which rules are named, in what order, and what differs first.
 */
#include "sim_fixture.h"

#include "sim/explain/near.h"

static struct sim_world *world;

static void find_in(const char *text, const char *rules, const char *src, const char *dst,
		    uint16_t port, struct near_misses *near)
{
	struct frame frame = tcp(src, 5, dst, port);
	struct sim_frame in = {.data = frame.bytes, .length = frame.length, .ifindex = 2};
	struct sim_result result;

	world = world_of(text, rules);
	cr_assert_eq(sim_decide(world, &in, &result), 0);
	cr_assert_eq(near_find(world, &in, sim_world_packet(world), &result.decision, near), 0);
}

static void find(const char *rules, const char *src, const char *dst, uint16_t port,
		 struct near_misses *near)
{
	find_in("interface eth0 index 2\ninterface eth1\n", rules, src, dst, port, near);
}

static void done(struct near_misses *near)
{
	near_free(near);
	cr_assert_eq(near->count, 0);
	sim_world_destroy(world);
}

#define NAMES(at, wanted_rule, wanted_field, wanted_why)                                           \
	do {                                                                                       \
		cr_assert_gt(near.count, (at));                                                    \
		cr_expect_eq(near.list[at].rule->order, wanted_rule, "rule %u",                    \
			     near.list[at].rule->order);                                           \
		cr_expect_eq(near.list[at].field, NEAR_##wanted_field);                            \
		cr_expect_str_eq(near.list[at].why, wanted_why);                                   \
	} while (0)

Test(near, what_the_walk_asks_last_is_nearest)
{
	struct near_misses near;

	find("deny udp to 10.1.0.0/16 port 80\n"
	     "deny tcp to 10.2.0.0/16 port 80\n"
	     "deny tcp to 10.1.0.0/16 port 80 from 192.0.3.0/24\n"
	     "deny tcp to 10.1.0.0/16 port 90-99\n"
	     "deny tcp to 10.1.0.0/16 port 80 on eth1\n"
	     "deny tcp to 2001:db8::/32 port 80\n"
	     "egress deny tcp to 10.1.0.0/16 port 80\n",
	     "192.0.2.1", "10.1.1.1", 80, &near);
	cr_assert_eq(near.count, 5);
	cr_assert_eq(near.all, 5);
	NAMES(0, 5, INTERFACE, "not on eth0, on eth1");
	NAMES(1, 4, PORT, "port 80 is not in 90-99");
	NAMES(2, 3, SOURCE, "source 192.0.2.1 is not in 192.0.3.0/24");
	NAMES(3, 2, DESTINATION, "destination 10.1.1.1 is not in 10.2.0.0/16");
	NAMES(4, 1, PROTOCOL, "protocol is tcp, not udp");
	done(&near);
}

Test(near, only_rules_that_name_it)
{
	struct near_misses near;

	find_in("interface eth0 index 2\nset eth0 named-rules on\ninterface eth1\n",
		"deny tcp to 10.1.0.0/16 port 80\n"
		"deny tcp to 10.2.0.0/16 port 80 on eth0\n",
		"192.0.2.1", "10.1.1.1", 80, &near);
	cr_assert_eq(near.count, 2);
	NAMES(0, 1, INTERFACE, "on eth0 only rules that name it hold");
	NAMES(1, 2, DESTINATION, "destination 10.1.1.1 is not in 10.2.0.0/16");
	done(&near);
}

Test(near, what_matches_came_too_late)
{
	struct near_misses near;

	find("pass tcp to 10.0.0.0/8 port 80\n"
	     "pass tcp to 10.1.0.0/16 port 80\n"
	     "deny tcp to 10.1.0.0/16 port 80 from 192.0.2.0/24\n"
	     "pass tcp to 10.1.0.0/16 port 70-90 from 192.0.2.0/24\n",
	     "192.0.2.1", "10.1.1.1", 80, &near);
	cr_assert_eq(near.count, 3);
	NAMES(0, 1, NONE,
	      "matches, but the destination of the rule that decided is longer (/16, not /8)");
	NAMES(1, 2, NONE,
	      "matches, but the source of the rule that decided is longer (/24, not /0)");
	NAMES(2, 4, NONE, "matches, but the rule that decided was added before it");
	done(&near);
}

Test(near, two_fields_only_where_none_differs_in_one)
{
	struct near_misses near;

	find("pass tcp to 10.2.0.0/16 port 81\npass tcp to 10.1.0.0/16 port 81\n", "192.0.2.1",
	     "10.1.1.1", 80, &near);
	cr_assert_eq(near.count, 1);
	NAMES(0, 2, PORT, "port 80 is not 81");
	done(&near);
	find("pass tcp to 10.2.0.0/16 port 81\npass udp to 10.2.0.0/16 port 81\n", "192.0.2.1",
	     "10.1.1.1", 80, &near);
	cr_assert_eq(near.count, 1);
	NAMES(0, 1, DESTINATION, "destination 10.1.1.1 is not in 10.2.0.0/16");
	done(&near);
}

Test(near, the_nearest_ports_come_first_and_few_are_named)
{
	struct near_misses near;

	find("pass tcp to 10.0.0.0/8 port 1\npass tcp to 10.0.0.0/8 port 99\n"
	     "pass tcp to 10.0.0.0/8 port 101-110\npass tcp to 10.0.0.0/8 port 90\n"
	     "pass tcp to 10.0.0.0/8 port 3\npass tcp to 10.0.0.0/8 port 2\n"
	     "pass tcp to 10.0.0.0/8 port 400\n",
	     "192.0.2.1", "10.1.1.1", 100, &near);
	cr_assert_eq(near.count, NEAR_MAX);
	cr_assert_eq(near.all, 7);
	NAMES(0, 2, PORT, "port 100 is not 99");
	NAMES(1, 3, PORT, "port 100 is not in 101-110");
	NAMES(2, 4, PORT, "port 100 is not 90");
	NAMES(3, 5, PORT, "port 100 is not 3");
	done(&near);
}
