/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_tcp_fixture.h - a connection through the host, for tests of its states: a client behind
 * eth0 and a server behind eth1. What the client sends leaves by eth1, and the server's answers
 * come in there. Their first numbers: 1000, 5000.
 */
#ifndef IFW_TESTS_FLOW_TCP_FIXTURE_H
#define IFW_TESTS_FLOW_TCP_FIXTURE_H

#include "track_fixture.h"

#include "datapath/flow_tcp.h"

#define WORLD                                                                                      \
	"interface eth0 index 2 address 10.0.0.1/24\n"                                             \
	"interface eth1 index 3 address 10.0.1.1/24\n"                                             \
	"set eth0 track on\n"                                                                      \
	"set eth1 track on\n"

static struct sim_world *world;

static inline __attribute__((unused)) void setup(void)
{
	world = world_of(WORLD, "pass tcp to 10.0.0.0/8 port 8080 on eth0\n");
}

static inline __attribute__((unused)) void teardown(void)
{
	sim_world_destroy(world);
}

static inline __attribute__((unused)) struct frame from_client(struct segment segment)
{
	return with_segment(tcp("10.0.0.9", 4000, "192.0.2.1", 80), segment);
}

static inline __attribute__((unused)) struct frame from_server(struct segment segment)
{
	return with_segment(tcp("192.0.2.1", 80, "10.0.0.9", 4000), segment);
}

#define C(at, ...) OUT1(at, from_client((struct segment){__VA_ARGS__}))
#define S(at, verdict, reason, ...)                                                                \
	IN1(at, from_server((struct segment){__VA_ARGS__}), verdict, reason)
#define S_PASSES(at, ...) S(at, PASS, "tracked", __VA_ARGS__)
#define S_DROPS(at, ...) S(at, DROP, "no-rule", __VA_ARGS__)

static inline __attribute__((unused)) void expect_state(enum ifw_flow_state state,
							enum ifw_flow_class class)
{
	enum ifw_flow_class is = IFW_FLOW_CLASSES;
	const struct ifw_flow *flow = flow_of(world, from_client((struct segment){}), &is);

	cr_assert_not_null(flow, "wanted %s, there is no flow", ifw_flow_state_info(state)->name);
	cr_expect_eq(flow->state, state, "wanted %s, it is %s", ifw_flow_state_info(state)->name,
		     ifw_flow_state_info(flow->state)->name);
	cr_expect_eq(is, class, "%s is in class %d", ifw_flow_state_info(state)->name, is);
	cr_expect_eq(flow_count(world), 1);
}

static inline __attribute__((unused)) void handshake(double at)
{
	C(at, .flags = SYN, .sequence = 1000);
	S_PASSES(at, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	C(at, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
}

#endif /* IFW_TESTS_FLOW_TCP_FIXTURE_H */
