/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/lookup.h and of what the ingress program keeps for it: the
 * stack's own lookups are led to the listener of the rule, and only those.
 */
#include <sys/socket.h>

#include "sim_fixture.h"

#define WORLD                                                                                      \
	"interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"                      \
	"interface eth1 index 3 address 10.0.1.1/24\n"                                             \
	"interface eth2 index 4 no settings\n"                                                     \
	"socket tcp listen 127.0.0.1:1000\nsocket udp bound 127.0.0.1:1000\n"                      \
	"socket tcp listen [::1]:1000\nsocket udp bound [::1]:1000\n"                              \
	"socket tcp listen [::]:1001\nsocket tcp listen [::]:1002 v6only\n"                        \
	"socket tcp listen 127.0.0.2:1000\nsocket tcp listen 0.0.0.0:1003\n"                       \
	"socket tcp listen [::]:1003 v6only\n"
#define RULES                                                                                      \
	"intercept tcp to 8.0.0.0/8 port 80 via 127.0.0.1:1000\n"                                  \
	"intercept udp to 8.0.0.0/8 port 80 via 127.0.0.1:1000\n"                                  \
	"intercept tcp to 2001:db8:8::/48 port 80 via [::1]:1000\n"                                \
	"intercept udp to 2001:db8:8::/48 port 80 via [::1]:1000\n"                                \
	"deny tcp to 8.0.0.0/8 port 81\n"                                                          \
	"pass tcp to 8.0.0.0/8 port 82\n"                                                          \
	"intercept tcp to 8.0.0.0/8 port 83 via 127.0.0.1:1000 on eth1\n"                          \
	"intercept tcp to 8.0.0.0/8 port 84 from 192.0.2.0/24 via 127.0.0.1:1000\n"                \
	"intercept tcp to 10.0.0.0/8 port 80 via 127.0.0.1:1000\n"                                 \
	"intercept tcp to 8.0.0.0/8 port 85 via 127.0.0.1:1001\n"                                  \
	"intercept tcp to 8.0.0.0/8 port 86 via 127.0.0.1:1002\n"                                  \
	"intercept tcp to 2001:db8:8::/48 port 85 via [::1]:1001\n"                                \
	"intercept tcp to 8.0.0.0/8 port 87 via 127.0.0.2:1000\n"                                  \
	"intercept tcp to 8.0.0.0/8 port 88 via 0.0.0.0:1003\n"                                    \
	"intercept tcp to 2001:db8:8::/48 port 88 via [::]:1003\n"

static struct sim_world *world;

static void setup(void)
{
	world = world_of(WORLD, RULES);
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(lookup, .init = setup, .fini = teardown);

static const char *const client[] = {"192.0.2.1", "2001:db8:7::1"};
static const char *const server[] = {"8.8.8.8", "2001:db8:8::1"};

static const struct bpf_sock *look_at(uint64_t time_ns, const char *iface, uint8_t protocol,
				      const char *src, const char *dst, uint16_t port)
{
	const uint8_t family = strchr(dst, ':') ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4;
	const uint32_t ifindex = iface ? sim_world_ifindex(world, iface) : 0;
	const struct bpf_sock *sk = (const struct bpf_sock *)world;

	cr_assert_eq(sim_lookup(world, time_ns, ifindex, family, protocol, addr_of(src), 5,
				addr_of(dst), port, &sk),
		     0);
	cr_assert_null(world->packet.violation);
	return sk;
}

static const struct bpf_sock *look(const char *iface, uint8_t protocol, const char *src,
				   const char *dst, uint16_t port)
{
	return look_at(0, iface, protocol, src, dst, port);
}

#define LOOK(port) look("eth0", IPPROTO_TCP, client[0], server[0], port)

/* A keeper: a SYN of the flow, which keeps the listener. */
static void syn(const char *iface, int family, uint16_t port)
{
	EXPECT(world, iface, tcp(client[family], 5, server[family], port), PASS, "intercepted");
}

Test(lookup, tcp_listeners_are_kept_from_the_first_packet_on)
{
	for (int family = 0; family < 2; family++) {
		const struct bpf_sock *sk;

		cr_assert_null(look("eth0", IPPROTO_TCP, client[family], server[family], 80));
		syn("eth0", family, 80);
		sk = look("eth0", IPPROTO_TCP, client[family], server[family], 80);
		cr_assert_not_null(sk);
		cr_assert_eq(sk->family, family ? AF_INET6 : AF_INET);
		cr_assert_eq(sk->protocol, IPPROTO_TCP);
		cr_assert_eq(sk->state, BPF_TCP_LISTEN);
		cr_assert_eq(sk->src_port, 1000);
		cr_assert_null(look("eth0", IPPROTO_UDP, client[family], server[family], 80));
	}
	cr_assert_eq(HASH_COUNT(world->listeners), 2);
}

Test(lookup, udp_listeners_are_kept_for_fragments_alone)
{
	for (int family = 0; family < 2; family++) {
		struct frame f = padded(udp(client[family], 5, server[family], 80), 100);
		const struct bpf_sock *sk;

		put16(&f, (family ? L4_IPV6 : L4) + 4, 108);
		EXPECT(world, "eth0", f, PASS, "intercepted");
		cr_assert_eq(HASH_COUNT(world->listeners), family);
		cr_assert_null(look("eth0", IPPROTO_UDP, client[family], server[family], 80));
		EXPECT(world, "eth0", fragment_of(f, 7, 0, 48), PASS, "intercepted");
		cr_assert_eq(HASH_COUNT(world->listeners), family + 1);
		EXPECT(world, "eth0", fragment_of(f, 7, 48, 100), PASS, "fragment");
		sk = look("eth0", IPPROTO_UDP, client[family], server[family], 80);
		cr_assert_not_null(sk);
		cr_assert_eq(sk->protocol, IPPROTO_UDP);
		cr_assert_eq(sk->family, family ? AF_INET6 : AF_INET);
	}
}

/* Of the same port they are told apart by address, by family and by protocol. */
Test(lookup, listeners_are_kept_apart)
{
	struct frame f = padded(udp(client[0], 5, server[0], 80), 100);

	put16(&f, L4 + 4, 108);
	syn("eth0", 0, 80);
	syn("eth0", 0, 87);
	syn("eth0", 0, 88);
	syn("eth0", 1, 88);
	EXPECT(world, "eth0", fragment_of(f, 7, 0, 48), PASS, "intercepted");
	cr_assert_eq(HASH_COUNT(world->listeners), 5);
	cr_assert_eq(LOOK(80)->src_ip4, htonl(0x7f000001));
	cr_assert_eq(LOOK(80)->protocol, IPPROTO_TCP);
	cr_assert_eq(LOOK(87)->src_ip4, htonl(0x7f000002));
	cr_assert_eq(LOOK(88)->family, AF_INET);
	cr_assert_eq(look("eth0", IPPROTO_TCP, client[1], server[1], 88)->family, AF_INET6);
	cr_assert_eq(look("eth0", IPPROTO_UDP, client[0], server[0], 80)->protocol, IPPROTO_UDP);
}

/* Each datagram to a socket without a peer asks, so that without fragments no rule is looked for.
 */
Test(lookup, udp_only_while_a_datagram_may_be_put_together)
{
	const struct ifw_listener_key kept = {.addr = addr_of("127.0.0.1"),
					      .port = 1000,
					      .family = IFW_FAMILY_IPV4,
					      .protocol = IPPROTO_UDP};
	struct frame f = padded(udp(client[0], 5, server[0], 80), 100);
	const uint64_t last = 1 + 60000000000ULL; /* twice as long as a datagram is remembered */

	put16(&f, L4 + 4, 108);
	for (struct sim_socket *s = world->sockets; s; s = s->hh.next)
		if (s->key.protocol == IPPROTO_UDP && s->key.family == IFW_FAMILY_IPV4)
			cr_assert_eq(sim_world_keep_listener(world, &kept, s), 0);
	cr_assert_null(look("eth0", IPPROTO_UDP, client[0], server[0], 80));
	EXPECT(world, "eth0", fragment_of(f, 7, 0, 48), PASS, "intercepted");
	cr_assert_not_null(look("eth0", IPPROTO_UDP, client[0], server[0], 80));
	cr_assert_not_null(look_at(last - 1, "eth0", IPPROTO_UDP, client[0], server[0], 80));
	cr_assert_null(look_at(last, "eth0", IPPROTO_UDP, client[0], server[0], 80));
}

Test(lookup, only_where_an_intercept_rule_matches)
{
	/* What a rule without listener would lead to. */
	const struct ifw_listener_key none = {.family = IFW_FAMILY_IPV4, .protocol = IPPROTO_TCP};

	cr_assert_eq(sim_world_keep_listener(world, &none, world->sockets), 0);
	syn("eth0", 0, 80);
	cr_assert_not_null(LOOK(80));
	cr_assert_null(LOOK(79));
	cr_assert_null(LOOK(81)); /* denied */
	cr_assert_null(LOOK(82)); /* passed */
	cr_assert_null(look("eth0", IPPROTO_TCP, client[0], "9.9.9.9", 80));
	cr_assert_null(look("eth0", IPPROTO_TCP, client[1], server[1], 80));
	/* By interface and by source, as rules say. */
	cr_assert_null(LOOK(83));
	cr_assert_not_null(look("eth1", IPPROTO_TCP, client[0], server[0], 83));
	cr_assert_not_null(LOOK(84));
	cr_assert_null(look("eth0", IPPROTO_TCP, "192.0.3.1", server[0], 84));
}

Test(lookup, a_rule_that_names_no_interface)
{
	syn("eth0", 0, 80);
	syn("eth1", 0, 83);
	sim_world_find_iface(world, "eth1")->settings.flags |= IFW_IFACE_NAMED_RULES;
	cr_assert_not_null(LOOK(80));
	cr_assert_null(look("eth1", IPPROTO_TCP, client[0], server[0], 80));
	cr_assert_not_null(look("eth1", IPPROTO_TCP, client[0], server[0], 83));
}

Test(lookup, only_on_interfaces_of_ours)
{
	const struct ifw_listener_key unfilled = {};

	cr_assert_eq(sim_world_keep_listener(world, &unfilled, world->sockets), 0);
	syn("eth0", 0, 80);
	cr_assert_not_null(look("eth1", IPPROTO_TCP, client[0], server[0], 80));
	cr_assert_null(look("eth2", IPPROTO_TCP, client[0], server[0], 80));
	/* What the host connects to itself comes in by no interface. */
	cr_assert_null(look(NULL, IPPROTO_TCP, client[0], server[0], 80));
}

Test(lookup, own_addresses_stay_the_hosts)
{
	const struct ifw_listener_key unfilled = {};

	EXPECT(world, "eth0", tcp(client[0], 5, "10.0.0.2", 80), PASS, "intercepted");
	cr_assert_not_null(look("eth0", IPPROTO_TCP, client[0], "10.0.0.2", 80));
	cr_assert_eq(sim_world_keep_listener(world, &unfilled, world->sockets), 0);
	cr_assert_null(look("eth0", IPPROTO_TCP, client[0], "10.0.0.1", 80));
	cr_assert_not_null(look("eth1", IPPROTO_TCP, client[0], "10.0.0.1", 80));
}

Test(lookup, a_closed_listener_is_gone)
{
	struct sim_socket *socket, *next;

	syn("eth0", 0, 80);
	syn("eth0", 1, 80);
	HASH_ITER(hh, world->sockets, socket, next)
	if (socket->key.family == IFW_FAMILY_IPV4 && socket->key.protocol == IPPROTO_TCP)
		sim_world_close_socket(world, socket);
	cr_assert_null(LOOK(80));
	cr_assert_not_null(look("eth0", IPPROTO_TCP, client[1], server[1], 80));
	EXPECT(world, "eth0", tcp(client[0], 5, server[0], 80), DROP, "no-listener");
}

/* net/core/filter.c bpf_sk_lookup_assign: what its family cannot reach is refused. */
Test(lookup, a_dual_stack_listener_serves_both_families)
{
	syn("eth0", 0, 85);
	cr_assert_eq(LOOK(85)->family, AF_INET6);
	syn("eth0", 1, 85);
	cr_assert_eq(look("eth0", IPPROTO_TCP, client[1], server[1], 85)->family, AF_INET6);
	EXPECT(world, "eth0", tcp(client[0], 5, server[0], 86), DROP, "no-listener");
	cr_assert_null(LOOK(86));
}

/* Nothing is kept for packets that are not intercepted, nor twice. */
Test(lookup, keeps_once)
{
	EXPECT(world, "eth0", tcp(client[0], 5, "8.8.8.8", 81), DROP, "rule-deny");
	EXPECT(world, "eth0", tcp(client[0], 5, "8.8.8.8", 82), PASS, "rule-pass");
	cr_assert_eq(HASH_COUNT(world->listeners), 0);
	for (int i = 0; i < 5; i++)
		syn("eth0", 0, 80);
	cr_assert_eq(HASH_COUNT(world->listeners), 1);
}

Test(lookup, a_failing_helper_finds_none)
{
	unsigned int none = 0;

	syn("eth0", 0, 80);
	for (unsigned int nth = 1; nth < 20; nth++) {
		const struct bpf_sock *sk;

		sim_world_fail_call(world, nth);
		sk = LOOK(80);
		if (sk)
			cr_assert_eq(sk->src_port, 1000);
		none += !sk;
		cr_assert_null(LOOK(81));
		sim_world_fail_call(world, 0);
	}
	cr_assert_gt(none, 2, "the index, the prefix and the range are needed");
}
