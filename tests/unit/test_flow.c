/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/flow.h: replies go to the socket that has the
 * conversation, and only those.
 */
#include "sim_fixture.h"

#include "datapath/flow.h"

#define SOCKETS                                                                                    \
	"interface eth0 address 10.0.0.1/24\n"                                                     \
	"set eth0 " MARK_SET "\n"                                                                  \
	"socket tcp listen 10.0.0.1:80\n"                                                          \
	"socket tcp established 10.0.0.1:80 192.0.2.1:1000\n"                                      \
	"socket tcp established 10.0.0.1:81 192.0.2.1:1000 reuseport\n"                            \
	"socket tcp syn-sent 10.0.0.1:5001 192.0.2.1:443\n"                                        \
	"socket tcp syn-recv 10.0.0.1:80 192.0.2.1:1001 reuseport\n"                               \
	"socket tcp time-wait 10.0.0.1:80 192.0.2.1:1002 reuseport\n"                              \
	"socket udp bound 10.0.0.1:53\n"                                                           \
	"socket udp bound 0.0.0.0:54\n"                                                            \
	"socket udp connected 10.0.0.1:5353 192.0.2.1:53\n"                                        \
	"socket tcp listen [2001:db8::1]:80\n"                                                     \
	"socket tcp established [2001:db8::1]:80 [2001:db8:1::1]:1000\n"                           \
	"socket tcp syn-recv [2001:db8::1]:80 [2001:db8:1::1]:1001\n"                              \
	"socket tcp time-wait [2001:db8::1]:80 [2001:db8:1::1]:1002\n"                             \
	"socket tcp syn-sent [2001:db8::1]:5001 [2001:db8:1::1]:443\n"                             \
	"socket udp bound [2001:db8::1]:53\n"                                                      \
	"socket udp connected [2001:db8::1]:5353 [2001:db8:1:2:3:4:5:6]:53\n"                      \
	"socket udp connected [2001:db8::1]:5354 [fd00:0:1:2:3:4:5:6]:53\n"                        \
	"socket tcp listen [::]:8080\n"                                                            \
	"socket tcp established [::ffff:10.0.0.1]:8080 [::ffff:192.0.2.1]:1000\n"                  \
	"socket udp connected [::ffff:10.0.0.1]:8081 [::ffff:192.0.2.1]:53\n"

static struct sim_world *world;

static void setup(void)
{
	world = world_of(SOCKETS, "");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(flow, .init = setup, .fini = teardown);

Test(flow, tcp_of_every_state_but_listen_is_established)
{
	EXPECT(world, "eth0", tcp("192.0.2.1", 1000, "10.0.0.1", 80), PASS, "established");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1001, "10.0.0.1", 80), PASS, "established");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1002, "10.0.0.1", 80), PASS, "established");
	EXPECT(world, "eth0", tcp("192.0.2.1", 443, "10.0.0.1", 5001), PASS, "established");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1003, "10.0.0.1", 80), DROP, "no-rule");
}

Test(flow, tcp_must_match_in_every_part)
{
	EXPECT(world, "eth0", tcp("192.0.2.2", 1000, "10.0.0.1", 80), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("192.0.2.1", 999, "10.0.0.1", 80), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1000, "10.0.0.2", 80), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1000, "10.0.0.1", 79), DROP, "no-rule");
	EXPECT(world, "eth0", udp("192.0.2.1", 1000, "10.0.0.1", 80), DROP, "no-rule");
}

Test(flow, udp_needs_a_connected_socket)
{
	EXPECT(world, "eth0", udp("192.0.2.1", 53, "10.0.0.1", 5353), PASS, "established");
	EXPECT(world, "eth0", udp("192.0.2.1", 54, "10.0.0.1", 5353), DROP, "no-rule");
	EXPECT(world, "eth0", udp("192.0.2.2", 53, "10.0.0.1", 5353), DROP, "no-rule");
	EXPECT(world, "eth0", udp("192.0.2.1", 53, "10.0.0.2", 5353), DROP, "no-rule");
	EXPECT(world, "eth0", udp("192.0.2.1", 53, "10.0.0.1", 53), DROP, "no-rule");
	EXPECT(world, "eth0", udp("192.0.2.1", 53, "10.0.0.1", 54), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("192.0.2.1", 53, "10.0.0.1", 5353), DROP, "no-rule");
}

/* A socket without a peer reads as one with 0.0.0.0:0, and is none even for a packet from there. */
Test(flow, udp_from_nowhere_is_no_reply)
{
	EXPECT(world, "eth0", udp("0.0.0.0", 0, "10.0.0.1", 53), DROP, "no-rule");
	EXPECT(world, "eth0", udp("0.0.0.0", 0, "255.255.255.255", 54), DROP, "no-rule");
}

/* Lookup and look are two moments: a socket may have turned to another peer in between. */
Test(flow, udp_peer_is_compared_itself)
{
	struct sim_socket *socket, *next;

	HASH_ITER(hh, world->sockets, socket, next)
	if (socket->key.protocol == IPPROTO_UDP && socket->sk.dst_port)
		socket->sk.dst_ip4 = inet_addr("192.0.2.99");
	EXPECT(world, "eth0", udp("192.0.2.1", 53, "10.0.0.1", 5353), DROP, "no-rule");
}

Test(flow, writes_only_its_bits_of_the_mark)
{
	struct frame f = tcp("192.0.2.1", 1000, "10.0.0.1", 80);
	struct sim_result result = decide_on(world, "eth0", &f);

	cr_assert_eq(result.decision.marked, 1);
	cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_ESTABLISHED);
	cr_assert_eq(result.mark, MARK_AFTER);
	f = tcp("192.0.2.1", 1003, "10.0.0.1", 80);
	result = decide_on(world, "eth0", &f);
	cr_assert_eq(result.decision.marked, 0);
	cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_NONE);
	cr_assert_eq(result.mark, MARK_BEFORE);
}

/* Before 6.6 the kernel refuses such sockets, and finds them itself. */
Test(flow, refused_assignment_still_passes_marked)
{
	struct sim_world *old = world_of(SOCKETS "kernel 6.5\n", "");
	struct sim_world *new = world_of(SOCKETS "kernel 6.6\n", "");
	struct frame f = tcp("192.0.2.1", 1000, "10.0.0.1", 81);
	struct sim_result result = decide_on(old, "eth0", &f);

	cr_assert_eq(result.decision.reason, IFW_REASON_ESTABLISHED);
	cr_assert_eq(result.decision.verdict, IFW_VERDICT_PASS);
	cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_NONE);
	cr_assert_eq(result.mark, MARK_AFTER);
	result = decide_on(new, "eth0", &f);
	cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_ESTABLISHED);
	/* Requests and TIME_WAIT sockets are no full sockets, and never refused. */
	for (uint16_t port = 1001; port <= 1002; port++) {
		f = tcp("192.0.2.1", port, "10.0.0.1", 80);
		result = decide_on(old, "eth0", &f);
		cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_ESTABLISHED);
	}
	sim_world_destroy(old);
	sim_world_destroy(new);
}

Test(flow, builds_the_tuple_from_the_packets_side)
{
	struct bpf_sock_tuple tuple = {};
	const struct ifw_addr src = addr_of("192.0.2.1"), dst = addr_of("10.0.0.1");
	const struct ifw_addr src6 = addr_of("2001:db8::1"), dst6 = addr_of("2001:db8::2");

	cr_assert_eq(ifw_tuple(&tuple, IFW_FAMILY_IPV4, src, 1, dst, 2), sizeof(tuple.ipv4));
	cr_assert_eq(tuple.ipv4.saddr, inet_addr("192.0.2.1"));
	cr_assert_eq(tuple.ipv4.daddr, inet_addr("10.0.0.1"));
	cr_assert_eq(tuple.ipv4.sport, htons(1));
	cr_assert_eq(tuple.ipv4.dport, htons(2));
	cr_assert_eq(ifw_tuple(&tuple, IFW_FAMILY_IPV6, src6, 3, dst6, 4), sizeof(tuple.ipv6));
	cr_assert_eq(tuple.ipv6.saddr[3], htonl(1));
	cr_assert_eq(tuple.ipv6.daddr[3], htonl(2));
	cr_assert_eq(tuple.ipv6.sport, htons(3));
	cr_assert_eq(tuple.ipv6.dport, htons(4));
}

/* --- The same for IPv6 ------------------------------------------------------------ */

Test(flow, tcp_of_ipv6)
{
	const char *here = "2001:db8::1", *peer = "2001:db8:1::1";

	for (uint16_t port = 1000; port <= 1002; port++)
		EXPECT(world, "eth0", tcp(peer, port, here, 80), PASS, "established");
	EXPECT(world, "eth0", tcp(peer, 443, here, 5001), PASS, "established");
	EXPECT(world, "eth0", tcp(peer, 1003, here, 80), DROP, "no-rule");
	EXPECT(world, "eth0", tcp(peer, 1000, here, 79), DROP, "no-rule");
	EXPECT(world, "eth0", tcp(peer, 1000, "2001:db8::2", 80), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("2001:db8:1::2", 1000, here, 80), DROP, "no-rule");
	EXPECT(world, "eth0", udp(peer, 1000, here, 80), DROP, "no-rule");
}

Test(flow, udp_of_ipv6_needs_a_connected_socket)
{
	const char *here = "2001:db8::1", *peer = "2001:db8:1:2:3:4:5:6";

	EXPECT(world, "eth0", udp(peer, 53, here, 5353), PASS, "established");
	EXPECT(world, "eth0", udp(peer, 54, here, 5353), DROP, "no-rule");
	EXPECT(world, "eth0", udp(peer, 53, "2001:db8::2", 5353), DROP, "no-rule");
	EXPECT(world, "eth0", udp(peer, 53, here, 53), DROP, "no-rule");
	EXPECT(world, "eth0", udp("::", 0, here, 53), DROP, "no-rule");
}

/* Each of the words of its peer's address is compared. */
Test(flow, udp_peer_of_ipv6_is_compared_itself)
{
	struct sim_socket *socket, *next, *connected = NULL;
	struct frame f = udp("2001:db8:1:2:3:4:5:6", 53, "2001:db8::1", 5353);

	HASH_ITER(hh, world->sockets, socket, next)
	if (socket->key.family == IFW_FAMILY_IPV6 && socket->key.local_port == 5353)
		connected = socket;
	cr_assert_not_null(connected);
	EXPECT(world, "eth0", f, PASS, "established");
	for (int word = 0; word < 4; word++) {
		connected->sk.dst_ip6[word] ^= htonl(1);
		EXPECT(world, "eth0", f, DROP, "no-rule");
		connected->sk.dst_ip6[word] ^= htonl(1);
	}
	connected->sk.dst_port ^= htons(1);
	EXPECT(world, "eth0", f, DROP, "no-rule");
	connected->sk.dst_port = 0;
	EXPECT(world, "eth0", f, DROP, "no-rule");
}

/* No part of which is as in the own address. */
Test(flow, a_peer_of_ipv6_from_another_network)
{
	EXPECT(world, "eth0", udp("fd00:0:1:2:3:4:5:6", 53, "2001:db8::1", 5354), PASS,
	       "established");
	EXPECT(world, "eth0", udp("fd01:0:1:2:3:4:5:6", 53, "2001:db8::1", 5354), DROP, "no-rule");
}

/* An IPv6 socket that speaks IPv4: accepted by a dual-stack listener, or connected so. */
Test(flow, ipv4_conversations_of_dual_stack_sockets)
{
	EXPECT(world, "eth0", tcp("192.0.2.1", 1000, "10.0.0.1", 8080), PASS, "established");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1001, "10.0.0.1", 8080), DROP, "no-rule");
	EXPECT(world, "eth0", udp("192.0.2.1", 53, "10.0.0.1", 8081), PASS, "established");
	EXPECT(world, "eth0", udp("192.0.2.2", 53, "10.0.0.1", 8081), DROP, "no-rule");
	EXPECT(world, "eth0", udp("192.0.2.1", 54, "10.0.0.1", 8081), DROP, "no-rule");
}
