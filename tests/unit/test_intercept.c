/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/intercept.h: what each action does, and every way in
 * which an interception can end.
 */
#include "sim_fixture.h"

#define WORLD                                                                                      \
	"interface eth0 address 10.0.0.1/24 address 2001:db8::1/64\n"                              \
	"set eth0 " MARK_SET "\n"                                                                  \
	"interface eth1 addresses unknown\n"                                                       \
	"interface lo address 127.0.0.1/8\n"                                                       \
	"socket tcp listen 127.0.0.1:1000\n"                                                       \
	"socket tcp established 127.0.0.1:1001 192.0.2.1:5\n"                                      \
	"socket tcp listen 0.0.0.0:1002\n"                                                         \
	"socket tcp listen 127.0.0.1:1003 reuseport\n"                                             \
	"socket udp bound 127.0.0.1:1000\n"                                                        \
	"socket udp connected 127.0.0.1:1001 192.0.2.1:5\n"                                        \
	"socket udp bound 127.0.0.1:1003 reuseport\n"                                              \
	"socket tcp listen [::1]:1000\n"                                                           \
	"socket tcp established [::1]:1001 [2001:db8:1::1]:5\n"                                    \
	"socket tcp listen [::]:1002\n"                                                            \
	"socket tcp listen [::]:1004 v6only\n"                                                     \
	"socket tcp listen [::]:1005\n"                                                            \
	"socket udp bound [::1]:1000\n"                                                            \
	"socket udp bound [::]:1005\n"
#define RULES                                                                                      \
	"intercept tcp to 0.0.0.0/0 port 1 via 127.0.0.1:1000\n"                                   \
	"intercept tcp to 0.0.0.0/0 port 2 via 127.0.0.1:1001\n"                                   \
	"intercept tcp to 0.0.0.0/0 port 3 via 127.0.0.1:1002\n"                                   \
	"intercept tcp to 0.0.0.0/0 port 4 via 127.0.0.1:1003\n"                                   \
	"intercept tcp to 0.0.0.0/0 port 5 via 127.0.0.2:1000\n"                                   \
	"intercept udp to 0.0.0.0/0 port 1 via 127.0.0.1:1000\n"                                   \
	"intercept udp to 0.0.0.0/0 port 2 via 127.0.0.1:1001\n"                                   \
	"intercept udp to 0.0.0.0/0 port 3 via 127.0.0.1:1002\n"                                   \
	"intercept udp to 0.0.0.0/0 port 4 via 127.0.0.1:1003\n"                                   \
	"deny tcp to 0.0.0.0/0 port 8\n"                                                           \
	"pass tcp to 0.0.0.0/0 port 9\n"                                                           \
	"intercept tcp to ::/0 port 1 via [::1]:1000\n"                                            \
	"intercept tcp to ::/0 port 2 via [::1]:1001\n"                                            \
	"intercept tcp to ::/0 port 3 via [::1]:1002\n"                                            \
	"intercept tcp to ::/0 port 5 via [::2]:1000\n"                                            \
	"intercept udp to ::/0 port 1 via [::1]:1000\n"                                            \
	"intercept udp to ::/0 port 3 via [::1]:1002\n"                                            \
	"deny tcp to ::/0 port 8\n"                                                                \
	"pass tcp to ::/0 port 9\n"                                                                \
	"intercept tcp to 0.0.0.0/0 port 20 via 127.0.0.1:1004\n"                                  \
	"intercept tcp to 0.0.0.0/0 port 21 via 127.0.0.1:1005\n"                                  \
	"intercept udp to 0.0.0.0/0 port 21 via 127.0.0.1:1005\n"                                  \
	"intercept tcp to ::/0 port 22-23 via [::1]:80\n"                                          \
	"pass udp to ::/0 port 30\npass udp to 0.0.0.0/0 port 31\n"

#define TCP(port) tcp("192.0.2.1", 5, "198.51.100.1", port)
#define UDP(port) udp("192.0.2.1", 5, "198.51.100.1", port)

static struct sim_world *world;

static void setup(void)
{
	world = world_of(WORLD, RULES);
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(intercept, .init = setup, .fini = teardown);

Test(intercept, deny_and_pass)
{
	struct frame f = TCP(8);

	EXPECT(world, "eth0", TCP(8), DROP, "rule-deny");
	EXPECT(world, "lo", TCP(8), DROP, "rule-deny");
	EXPECT(world, "eth0", TCP(9), PASS, "rule-pass");
	EXPECT(world, "eth0", TCP(10), DROP, "no-rule");
	EXPECT(world, "lo", TCP(10), PASS, "no-rule");
	EXPECT(world, "eth0", UDP(8), DROP, "no-rule");
	cr_assert_eq(decide_on(world, "eth0", &f).decision.rule, 10);
	cr_assert_eq(decide_on(world, "eth0", &f).mark, MARK_BEFORE);
}

Test(intercept, hands_over_to_the_listener)
{
	struct frame f = TCP(1);
	struct sim_result result = decide_on(world, "eth0", &f);

	EXPECT(world, "eth0", TCP(1), PASS, "intercepted");
	cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_LISTENER);
	cr_assert_eq(result.decision.marked, 1);
	cr_assert_eq(result.decision.rule, 1);
	cr_assert_eq(result.mark, MARK_AFTER);
	EXPECT(world, "eth0", UDP(1), PASS, "intercepted");
	/* Who listens on every address does so on this one. */
	EXPECT(world, "eth0", TCP(3), PASS, "intercepted");
}

Test(intercept, without_listener_drops)
{
	struct frame f = TCP(2);

	/* A conversation on the port is no listener, nor is one on another address or protocol. */
	EXPECT(world, "eth0", TCP(2), DROP, "no-listener");
	EXPECT(world, "eth0", UDP(2), DROP, "no-listener");
	EXPECT(world, "eth0", TCP(5), DROP, "no-listener");
	EXPECT(world, "eth0", UDP(3), DROP, "no-listener");
	EXPECT(world, "lo", UDP(3), DROP, "no-listener");
	cr_assert_eq(decide_on(world, "eth0", &f).mark, MARK_BEFORE);
	cr_assert_eq(decide_on(world, "eth0", &f).decision.rule, 2);
}

/* A listener that is closed between lookup and look has left LISTEN. */
Test(intercept, a_socket_that_stopped_listening_is_no_listener)
{
	struct sim_socket *socket, *next;

	HASH_ITER(hh, world->sockets, socket, next)
	if (socket->sk.state == BPF_TCP_LISTEN)
		socket->sk.state = BPF_TCP_CLOSE;
	EXPECT(world, "eth0", TCP(1), DROP, "no-listener");
	EXPECT(world, "eth0", UDP(1), PASS, "intercepted");
}

/* The client's own conversation with the listener must not be mistaken for it. */
Test(intercept, looks_up_with_the_destination_only)
{
	EXPECT(world, "lo", tcp("192.0.2.1", 5, "127.0.0.1", 1001), PASS, "established");
	EXPECT(world, "eth0", tcp("192.0.2.1", 5, "198.51.100.1", 2), DROP, "no-listener");
}

Test(intercept, own_address_is_local)
{
	struct frame f = tcp("192.0.2.1", 5, "10.0.0.1", 2);

	EXPECT(world, "eth0", f, PASS, "local");
	EXPECT(world, "eth0", udp("192.0.2.1", 5, "10.0.0.1", 3), PASS, "local");
	EXPECT(world, "eth0", tcp("192.0.2.1", 5, "10.0.0.2", 2), DROP, "no-listener");
	EXPECT(world, "eth1", f, DROP, "no-listener");
	EXPECT(world, "lo", f, DROP, "no-listener");
	cr_assert_eq(decide_on(world, "eth0", &f).mark, MARK_BEFORE);
	/* Deny stays deny, also for the host itself. */
	EXPECT(world, "eth0", tcp("192.0.2.1", 5, "10.0.0.1", 8), DROP, "rule-deny");
}

Test(intercept, refused_assignment_drops_but_on_loopback)
{
	struct sim_world *old = world_of(WORLD "kernel 6.1\n", RULES);
	struct frame f = TCP(4);

	EXPECT(world, "eth0", TCP(4), PASS, "intercepted");
	EXPECT(world, "eth0", UDP(4), PASS, "intercepted");
	EXPECT(old, "eth0", TCP(4), DROP, "assign-failed");
	EXPECT(old, "eth0", UDP(4), DROP, "assign-failed");
	EXPECT(old, "lo", TCP(4), PASS, "assign-failed");
	EXPECT(old, "eth0", TCP(1), PASS, "intercepted");
	cr_assert_eq(decide_on(old, "lo", &f).mark, MARK_BEFORE);
	cr_assert_eq(decide_on(old, "lo", &f).decision.assigned, IFW_ASSIGNED_NONE);
	sim_world_destroy(old);
}

/* --- The same for IPv6 --------------------------------------------------------------- */

#define TCP6(port) tcp("2001:db8:1::1", 5, "2001:db8:2::1", port)
#define UDP6(port) udp("2001:db8:1::1", 5, "2001:db8:2::1", port)

Test(intercept, of_ipv6)
{
	struct frame f = TCP6(1);
	struct sim_result result = decide_on(world, "eth0", &f);

	cr_assert_eq(result.decision.reason, IFW_REASON_INTERCEPTED);
	cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_LISTENER);
	cr_assert_eq(result.mark, MARK_AFTER);
	EXPECT(world, "eth0", UDP6(1), PASS, "intercepted");
	EXPECT(world, "eth0", TCP6(2), DROP, "no-listener");
	EXPECT(world, "eth0", TCP6(3), PASS, "intercepted");
	EXPECT(world, "eth0", TCP6(5), DROP, "no-listener");
	EXPECT(world, "eth0", UDP6(3), DROP, "no-listener");
	EXPECT(world, "eth0", TCP6(8), DROP, "rule-deny");
	EXPECT(world, "eth0", TCP6(9), PASS, "rule-pass");
	EXPECT(world, "eth0", TCP6(10), DROP, "no-rule");
	EXPECT(world, "lo", TCP6(10), PASS, "no-rule");
	EXPECT(world, "eth0", tcp("2001:db8:1::1", 5, "2001:db8::1", 2), PASS, "local");
	EXPECT(world, "eth0", tcp("2001:db8:1::1", 5, "2001:db8::1", 22), PASS, "ssh");
	EXPECT(world, "eth0", tcp("2001:db8:1::1", 5, "2001:db8::1", 23), PASS, "local");
}

/* An IPv4 packet where only [::] listens: found, unless that is v6only. */
Test(intercept, ipv4_to_a_dual_stack_listener)
{
	struct frame f = TCP(21);

	EXPECT(world, "eth0", TCP(21), PASS, "intercepted");
	EXPECT(world, "eth0", UDP(21), PASS, "intercepted");
	EXPECT(world, "eth0", TCP(20), DROP, "no-listener");
	cr_assert_eq(decide_on(world, "eth0", &f).decision.assigned, IFW_ASSIGNED_LISTENER);
}

/* ::/0 is not everything, nor is 0.0.0.0/0. */
Test(intercept, rules_of_one_family_never_match_the_other)
{
	EXPECT(world, "eth0", UDP6(30), PASS, "rule-pass");
	EXPECT(world, "eth0", UDP(30), DROP, "no-rule");
	EXPECT(world, "eth0", UDP(31), PASS, "rule-pass");
	EXPECT(world, "eth0", UDP6(31), DROP, "no-rule");
}
