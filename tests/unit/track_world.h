/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * track_world.h - the host that tests of tracking share: two interfaces that track and one that
 * does not, and whose packets they speak of.
 */
#ifndef IFW_TESTS_TRACK_WORLD_H
#define IFW_TESTS_TRACK_WORLD_H

#include "track_fixture.h"

#define WORLD                                                                                      \
	"interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"                      \
	"interface eth1 index 3 address 10.0.1.1/24\n"                                             \
	"interface eth2 index 4 address 10.0.2.1/24\n"                                             \
	"interface lo address 127.0.0.1/8\n"                                                       \
	"set eth0 track on\n"                                                                      \
	"set eth1 track on\n"                                                                      \
	"socket udp bound 0.0.0.0:123\n"                                                           \
	"socket udp connected 10.0.0.1:5353 192.0.2.1:53\n"

#define RULES "pass udp to 198.51.100.0/24 port 53 on eth0\n"

static struct sim_world *world;

static inline __attribute__((unused)) void setup(void)
{
	world = world_of(WORLD, RULES);
}

static inline __attribute__((unused)) void teardown(void)
{
	sim_world_destroy(world);
}

/* The host's own. */
#define ASK udp("10.0.0.1", 123, "192.0.2.1", 123)
#define ANSWER udp("192.0.2.1", 123, "10.0.0.1", 123)

/* Forwarded, from behind eth0 to behind eth1. */
#define CLIENT_ASKS udp("10.0.0.9", 4000, "192.0.2.1", 53)
#define SERVER_ANSWERS udp("192.0.2.1", 53, "10.0.0.9", 4000)

/* What the rule lets in. */
#define LET_IN udp("192.0.2.9", 4000, "198.51.100.1", 53)
#define ITS_ANSWER udp("198.51.100.1", 53, "192.0.2.9", 4000)

#endif /* IFW_TESTS_TRACK_WORLD_H */
