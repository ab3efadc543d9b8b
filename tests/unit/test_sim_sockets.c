/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/sockets.c: who is found for a tuple, as in the kernel.
 */
#include "sim_fixture.h"

#include "datapath/flow.h"

static struct sim_world *world;

static void setup(void)
{
	world = world_of("socket tcp listen 0.0.0.0:80\n"
			 "socket tcp listen 10.0.0.1:80\n"
			 "socket tcp established 10.0.0.1:80 192.0.2.1:5\n"
			 "socket tcp listen 10.0.0.1:81\n"
			 "socket tcp time-wait 10.0.0.1:82 192.0.2.1:5\n"
			 "socket udp bound 0.0.0.0:53\n"
			 "socket udp bound 10.0.0.1:53\n"
			 "socket udp connected 10.0.0.1:53 192.0.2.1:5\n"
			 "socket udp bound 0.0.0.0:54\n"
			 "socket udp connected 10.0.0.1:55 192.0.2.1:5\n"
			 "socket tcp listen [2001:db8::1]:80\n"
			 "socket tcp listen [::]:81 v6only\n"
			 "socket tcp listen [::]:90\n"
			 "socket tcp listen [::]:91\nsocket tcp listen 0.0.0.0:91\n"
			 "socket tcp listen [2001:db8::1]:92\nsocket tcp listen [::]:92\n"
			 "socket tcp established [2001:db8::1]:92 [2001:db8::2]:5\n"
			 "socket tcp listen 0.0.0.0:93\n"
			 "socket udp bound [::]:90\nsocket udp bound [::]:81 v6only\n"
			 "socket udp bound [2001:db8::1]:90\n"
			 "socket udp connected [2001:db8::1]:90 [2001:db8::2]:5\n"
			 "socket tcp established [::ffff:10.0.0.1]:90 [::ffff:192.0.2.1]:5\n"
			 "socket tcp listen [::ffff:10.0.0.1]:94\n",
			 "");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(sim_sockets, .init = setup, .fini = teardown);

static const struct bpf_sock *find(uint8_t protocol, const char *src, uint16_t src_port,
				   const char *dst, uint16_t dst_port)
{
	uint8_t family = strchr(dst, ':') ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4;
	struct bpf_sock_tuple tuple = {};
	const struct sim_socket *found;
	uint32_t size;

	size = ifw_tuple(&tuple, family, addr_of(src), src_port, addr_of(dst), dst_port);
	found = protocol == IPPROTO_TCP ? sim_world_lookup_tcp(world, 2, &tuple, size)
					: sim_world_lookup_udp(world, 2, &tuple, size);
	return found ? &found->sk : NULL;
}

#define FIND_TCP(...) find(IPPROTO_TCP, __VA_ARGS__)
#define FIND_UDP(...) find(IPPROTO_UDP, __VA_ARGS__)

Test(sim_sockets, tcp_conversation_then_address_then_any)
{
	const struct bpf_sock *sk = FIND_TCP("192.0.2.1", 5, "10.0.0.1", 80);

	cr_assert_eq(sk->state, BPF_TCP_ESTABLISHED);
	sk = FIND_TCP("192.0.2.1", 6, "10.0.0.1", 80);
	cr_assert_eq(sk->state, BPF_TCP_LISTEN);
	cr_assert_eq(sk->src_ip4, inet_addr("10.0.0.1"));
	sk = FIND_TCP("192.0.2.1", 5, "10.0.0.2", 80);
	cr_assert_eq(sk->state, BPF_TCP_LISTEN);
	cr_assert_eq(sk->src_ip4, 0);
	cr_assert_null(FIND_TCP("192.0.2.1", 5, "10.0.0.2", 81));
	cr_assert_null(FIND_TCP("192.0.2.1", 5, "10.0.0.1", 79));
	cr_assert_eq(FIND_TCP("192.0.2.1", 5, "10.0.0.1", 82)->state, BPF_TCP_TIME_WAIT);
	cr_assert_null(FIND_TCP("192.0.2.1", 6, "10.0.0.1", 82));
}

Test(sim_sockets, udp_peer_then_address_then_any)
{
	const struct bpf_sock *sk = FIND_UDP("192.0.2.1", 5, "10.0.0.1", 53);

	cr_assert_eq(sk->dst_port, htons(5));
	sk = FIND_UDP("192.0.2.1", 6, "10.0.0.1", 53);
	cr_assert_eq(sk->dst_port, 0);
	cr_assert_eq(sk->src_ip4, inet_addr("10.0.0.1"));
	sk = FIND_UDP("192.0.2.1", 5, "10.0.0.2", 53);
	cr_assert_eq(sk->src_ip4, 0);
	cr_assert_eq(FIND_UDP("0.0.0.0", 0, "10.0.0.1", 53)->dst_port, 0);
	cr_assert_not_null(FIND_UDP("192.0.2.1", 5, "10.0.0.1", 54));
	cr_assert_not_null(FIND_UDP("192.0.2.1", 5, "10.0.0.1", 55));
	cr_assert_null(FIND_UDP("0.0.0.0", 0, "10.0.0.1", 55));
	cr_assert_null(FIND_UDP("192.0.2.1", 5, "10.0.0.1", 80));
}

Test(sim_sockets, fields_are_in_the_order_that_the_kernel_shows)
{
	const struct bpf_sock *sk = FIND_TCP("192.0.2.1", 5, "10.0.0.1", 80);

	cr_assert_eq(sk->family, AF_INET);
	cr_assert_eq(sk->protocol, IPPROTO_TCP);
	cr_assert_eq(sk->src_ip4, inet_addr("10.0.0.1"));
	cr_assert_eq(sk->src_port, 80);
	cr_assert_eq(sk->dst_ip4, inet_addr("192.0.2.1"));
	cr_assert_eq(sk->dst_port, htons(5));
	sk = FIND_UDP("192.0.2.1", 5, "10.0.0.1", 53);
	cr_assert_eq(sk->protocol, IPPROTO_UDP);
	cr_assert_eq(sk->state, BPF_TCP_ESTABLISHED);
	cr_assert_eq(FIND_UDP("192.0.2.1", 5, "10.0.0.1", 54)->state, BPF_TCP_CLOSE);
}

Test(sim_sockets, ipv6_has_sockets_of_its_own)
{
	const struct bpf_sock *sk = FIND_TCP("2001:db8::2", 5, "2001:db8::1", 80);

	cr_assert_eq(sk->family, AF_INET6);
	cr_assert_eq(sk->src_ip6[0], htonl(0x20010db8));
	cr_assert_eq(sk->src_ip6[3], htonl(1));
	cr_assert_null(FIND_TCP("2001:db8::2", 5, "2001:db8::3", 80));
	cr_assert_not_null(FIND_TCP("2001:db8::2", 5, "2001:db8::3", 81));
	cr_assert_null(FIND_TCP("192.0.2.1", 5, "10.0.0.9", 81));
}

Test(sim_sockets, a_tuple_of_another_size_finds_nothing)
{
	struct bpf_sock_tuple tuple = {
		.ipv4 = {.daddr = inet_addr("10.0.0.1"), .dport = htons(80)}};

	cr_assert_not_null(sim_world_lookup_tcp(world, 2, &tuple, sizeof(tuple.ipv4)));
	cr_assert_null(sim_world_lookup_tcp(world, 2, &tuple, sizeof(tuple.ipv4) - 1));
	cr_assert_null(sim_world_lookup_udp(world, 2, &tuple, 0));
}

/* net/ipv4/inet_hashtables.c compute_score: IPv6 sockets are for IPv4 too, but count less. */
Test(sim_sockets, dual_stack_takes_ipv4_unless_v6only)
{
	cr_assert_eq(FIND_TCP("192.0.2.1", 6, "10.0.0.1", 90)->family, AF_INET6);
	cr_assert_eq(FIND_TCP("192.0.2.1", 6, "10.0.0.1", 90)->state, BPF_TCP_LISTEN);
	cr_assert_null(FIND_TCP("192.0.2.1", 6, "10.0.0.2", 81));
	cr_assert_eq(FIND_TCP("192.0.2.1", 6, "10.0.0.1", 91)->family, AF_INET);
	cr_assert_eq(FIND_TCP("2001:db8::2", 6, "2001:db8::1", 91)->family, AF_INET6);
	cr_assert_eq(FIND_UDP("192.0.2.1", 6, "10.0.0.1", 90)->family, AF_INET6);
	cr_assert_null(FIND_UDP("192.0.2.1", 6, "10.0.0.1", 81));
	cr_assert_not_null(FIND_UDP("2001:db8::2", 6, "2001:db8::1", 81));
	/* Only one on every address. */
	cr_assert_null(FIND_UDP("192.0.2.1", 6, "10.0.0.1", 92));
}

Test(sim_sockets, ipv6_never_finds_ipv4)
{
	cr_assert_null(FIND_TCP("2001:db8::2", 5, "2001:db8::1", 93));
	cr_assert_null(FIND_UDP("2001:db8::2", 5, "2001:db8::1", 54));
	cr_assert_null(FIND_TCP("::ffff:192.0.2.1", 5, "::ffff:10.0.0.1", 82));
}

Test(sim_sockets, ipv6_conversation_then_address_then_any)
{
	const struct bpf_sock *sk = FIND_TCP("2001:db8::2", 5, "2001:db8::1", 92);

	cr_assert_eq(sk->state, BPF_TCP_ESTABLISHED);
	cr_assert_eq(sk->dst_port, htons(5));
	cr_assert_eq(sk->dst_ip6[3], htonl(2));
	sk = FIND_TCP("2001:db8::2", 6, "2001:db8::1", 92);
	cr_assert_eq(sk->state, BPF_TCP_LISTEN);
	cr_assert_eq(sk->src_ip6[3], htonl(1));
	cr_assert_eq(FIND_TCP("2001:db8::2", 5, "2001:db8::3", 92)->src_ip6[3], 0);
	cr_assert_eq(FIND_UDP("2001:db8::2", 5, "2001:db8::1", 90)->dst_port, htons(5));
	cr_assert_eq(FIND_UDP("2001:db8::2", 6, "2001:db8::1", 90)->dst_port, 0);
	cr_assert_eq(FIND_UDP("2001:db8::2", 6, "2001:db8::1", 90)->src_ip6[3], htonl(1));
	cr_assert_eq(FIND_UDP("2001:db8::2", 5, "2001:db8::3", 90)->src_ip6[3], 0);
}

/* What a dual-stack listener accepted from IPv4: an IPv6 socket with IPv4's tuple. */
Test(sim_sockets, mapped_addresses_are_ipv4)
{
	const struct bpf_sock *sk = FIND_TCP("192.0.2.1", 5, "10.0.0.1", 90);

	cr_assert_eq(sk->state, BPF_TCP_ESTABLISHED);
	cr_assert_eq(sk->family, AF_INET6);
	cr_assert_eq(sk->dst_ip4, inet_addr("192.0.2.1"));
	cr_assert_eq(sk->src_ip6[2], htonl(0xffff));
	cr_assert_eq(FIND_TCP("192.0.2.1", 6, "10.0.0.1", 94)->family, AF_INET6);
	cr_assert_null(FIND_TCP("192.0.2.1", 6, "10.0.0.2", 94));
}

/* --- Bound to an interface ---------------------------------------------------------- */

static uint32_t found_on(const struct sim_world *host, uint32_t ifindex)
{
	const struct bpf_sock_tuple tuple = {
		.ipv4 = {.daddr = ifw_addr_to_ipv4(addr_of("10.0.0.1")), .dport = htons(53)}};
	const struct sim_socket *found =
		sim_world_lookup_udp(host, ifindex, &tuple, sizeof(tuple.ipv4));

	return found ? found->key.slot + 1U : 0;
}

/* Before one that is not, and for no packet of another interface. */
Test(sim_sockets, one_that_is_bound_is_its_interfaces_alone)
{
	struct sim_world *host = world_of("interface eth0 index 2\ninterface eth1 index 3\n", "");
	struct sim_socket_key key = {.local_port = 53,
				     .family = IFW_FAMILY_IPV4,
				     .protocol = IPPROTO_UDP,
				     .kind = SIM_SOCKET_UNCONNECTED,
				     .slot = sim_world_iface_slot(host, 3)};

	cr_assert_eq(sim_world_add_socket(host, &key, BPF_TCP_CLOSE, 0), 0);
	cr_assert_eq(found_on(host, 3), key.slot + 1U);
	cr_assert_eq(found_on(host, 2), 0);
	key.slot = 0;
	cr_assert_eq(sim_world_add_socket(host, &key, BPF_TCP_CLOSE, 0), 0);
	cr_assert_eq(found_on(host, 3), 3);
	cr_assert_eq(found_on(host, 2), 1);
	sim_world_destroy(host);
}
