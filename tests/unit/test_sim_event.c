/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/world_event.c: what cannot come about is said when the world is
 * read, with its place. (test_sim_replay.c has events that do come about.)
 */
#include <errno.h>
#include <stdio.h>

#include "sim_fixture.h"

static char said[256];

static void note(void *arg, const struct diagnostic *d)
{
	(void)arg;
	if (!said[0])
		snprintf(said, sizeof(said), "%u:%u: %s", d->line, d->column, d->message);
}

static int parse(const char *text)
{
	struct sim_world *world;
	int error;

	said[0] = '\0';
	cr_assert_eq(sim_world_create(&world), 0);
	error = sim_world_parse(world, text, strlen(text), note, NULL);
	if (error)
		cr_expect_null(world->events);
	sim_world_destroy(world);
	return error;
}

#define REFUSES(text, message)                                                                     \
	do {                                                                                       \
		cr_expect_eq(parse("interface eth0\n" text), -EINVAL, "%s", text);                 \
		cr_expect_str_eq(said, message);                                                   \
	} while (0)

Test(sim_event, what_is_wrong_is_said_at_once)
{
	REFUSES("after 3: wait 1\n", "2:7: expected packet");
	REFUSES("after packet 0 wait 1\n",
		"2:14: '0' is not the number of a packet (a number from 1 to 9223372036854775807)");
	REFUSES("after packet 1\n",
		"2:15: what comes then is missing (socket, close, set, track or wait)");
	REFUSES("after packet 1: interface eth1\n",
		"2:17: 'interface' cannot come later (socket, close, set, track or wait can)");
	REFUSES("after packet 1: set eth9 ssh off\n", "2:21: there is no interface 'eth9' above");
	REFUSES("after packet 1: close tcp 10.0.0.1:80\n", "2:27: there is no such socket then");
	REFUSES("after packet 2: wait 1\nafter packet 1: wait 1\n",
		"3:7: what comes after packet 2 stands above");
	REFUSES("after packet 1: wait 0\n",
		"2:22: '0' is not a number of seconds (a number from 1 to 316224000)");
	REFUSES("after packet 1: wait 1 2\n", "2:24: unexpected '2'");
}

/* The order counts: a socket must be there when it is closed. */
Test(sim_event, is_rehearsed_in_order)
{
	cr_assert_eq(parse("interface eth0\n"
			   "after packet 1: socket udp bound 10.0.0.1:53\n"
			   "after packet 1: close udp 10.0.0.1:53\n"
			   "after packet 2: socket tcp established [::1]:1 [::1]:2\n"
			   "after packet 2: close tcp [::1]:1 [::1]:2\n"),
		     0, "%s", said);
	REFUSES("after packet 1: socket udp bound 10.0.0.1:53\n"
		"after packet 2: close udp 10.0.0.1:53\n"
		"after packet 3: close udp 10.0.0.1:53\n",
		"4:27: there is no such socket then");
}

/* Reading a world does not let anything come about. */
Test(sim_event, nothing_comes_before_its_packet)
{
	struct sim_world *world = world_of("interface eth0\n"
					   "after packet 2: socket udp bound 10.0.0.1:53\n"
					   "after packet 2: wait 7\n",
					   "");

	cr_assert_null(world->sockets);
	cr_assert_eq(sim_world_pass_packet(world, 1), 0);
	cr_assert_null(world->sockets);
	cr_assert_eq(sim_world_delay(world), 0);
	cr_assert_eq(sim_world_pass_packet(world, 3), 0); /* 2 was not handed out */
	cr_assert_not_null(world->sockets);
	cr_assert_eq(sim_world_delay(world), 7000000000ULL);
	cr_assert_eq(sim_world_pass_packet(world, 4), 0);
	cr_assert_eq(sim_world_delay(world), 7000000000ULL);
	sim_world_destroy(world);
}
