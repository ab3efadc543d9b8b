/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/exceptions.h: each exception, and beside it the packet
 * that differs in one thing and is none.
 */
#include "sim_fixture.h"

static const char world_text[] = "interface eth0 index 2 address 10.0.0.1/24 address 10.0.1.1/31\n"
				 "interface eth1 index 3 addresses unknown\n"
				 "interface eth2 index 4 no settings\n"
				 "interface eth3 index 5\n"
				 "interface echo0 index 6 address 10.0.0.1/24\n"
				 "interface nossh index 7 addresses unknown\n"
				 "interface v6 index 8 address 2001:db8::1/64\n"
				 "interface lo address 127.0.0.1/8\n"
				 "set echo0 echo on\n"
				 "set nossh ssh off\n";
static struct sim_world *world;

static void setup(void)
{
	world = world_of(world_text, "");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(exceptions, .init = setup, .fini = teardown);

Test(exceptions, arp_passes_and_others_do_not)
{
	struct frame f = {.length = 60};

	put16(&f, 12, ETH_P_ARP);
	EXPECT(world, "eth0", f, PASS, "arp");
	put16(&f, 12, ETH_P_ARP + 1);
	EXPECT(world, "eth0", f, DROP, "non-ip");
	EXPECT(world, "lo", f, PASS, "non-ip");
}

Test(exceptions, later_fragments_drop)
{
	struct frame f = tcp("192.0.2.1", 1, "10.0.0.1", 22);

	EXPECT(world, "eth0", f, PASS, "ssh");
	put16(&f, L3 + 6, 1);
	EXPECT(world, "eth0", f, DROP, "fragment");
	EXPECT(world, "lo", f, PASS, "fragment");
	put16(&f, L3 + 6, IFW_IPV4_MORE_FRAGMENTS);
	EXPECT(world, "eth0", f, PASS, "ssh");
}

Test(exceptions, neighbor_discovery_is_on_the_link)
{
	for (uint8_t type = 132; type <= 138; type++) {
		if (type >= 133 && type <= 136)
			EXPECT(world, "eth0", icmp6("fe80::2", "ff02::1", 255, type, 0), PASS,
			       "neighbor-discovery");
		else
			EXPECT(world, "eth0", icmp6("fe80::2", "ff02::1", 255, type, 0), DROP,
			       "ipv6");
	}
	EXPECT(world, "eth0", icmp6("fe80::2", "ff02::1", 254, 135, 0), DROP, "ipv6");
	EXPECT(world, "eth0", icmp6("fe80::2", "ff02::1", 255, 135, 1), DROP, "ipv6");
	EXPECT(world, "eth0", udp("fe80::2", 1, "ff02::1", 2), DROP, "ipv6");
}

Test(exceptions, mld_has_hop_limit_1_and_a_link_local_source)
{
	const uint8_t types[] = {130, 131, 132, 143};

	for (size_t i = 0; i < sizeof(types); i++) {
		EXPECT(world, "eth0", icmp6("fe80::2", "ff02::16", 1, types[i], 0), PASS,
		       "neighbor-discovery");
		EXPECT(world, "eth0", icmp6("2001:db8::2", "ff02::16", 1, types[i], 0), DROP,
		       "ipv6");
		EXPECT(world, "eth0", icmp6("fe80::2", "ff02::16", 2, types[i], 0), DROP, "ipv6");
	}
	EXPECT(world, "eth0", icmp6("fe80::2", "ff02::16", 1, 129, 0), DROP, "ipv6");
	EXPECT(world, "eth0", icmp6("fe80::2", "ff02::16", 1, 144, 0), DROP, "ipv6");
}

/* RFC 3810 5.2.13: a report, while the address that would be its source is tried. */
Test(exceptions, mld_reports_alone_may_come_from_nowhere)
{
	EXPECT(world, "eth0", icmp6("::", "ff02::16", 1, 131, 0), PASS, "neighbor-discovery");
	EXPECT(world, "eth0", icmp6("::", "ff02::16", 1, 143, 0), PASS, "neighbor-discovery");
	EXPECT(world, "eth0", icmp6("::", "ff02::16", 1, 130, 0), DROP, "ipv6");
	EXPECT(world, "eth0", icmp6("::", "ff02::16", 1, 132, 0), DROP, "ipv6");
}

Test(exceptions, neighbor_discovery_is_not_forwarded)
{
	EXPECT(world, "v6", icmp6("fe80::2", "2001:db8::1", 255, 135, 0), PASS,
	       "neighbor-discovery");
	EXPECT(world, "v6", icmp6("fe80::2", "2001:db8::2", 255, 135, 0), DROP, "ipv6");
	EXPECT(world, "v6", icmp6("fe80::2", "fe80::3", 255, 136, 0), PASS, "neighbor-discovery");
	EXPECT(world, "eth1", icmp6("fe80::2", "2001:db8::2", 255, 135, 0), PASS,
	       "neighbor-discovery");
}

Test(exceptions, ipv6_drops_but_on_loopback)
{
	EXPECT(world, "eth0", tcp("2001:db8::2", 1, "2001:db8::1", 22), DROP, "ipv6");
	EXPECT(world, "lo", tcp("::1", 1, "::1", 22), PASS, "ipv6");
}

Test(exceptions, echo_is_answered_where_set)
{
	EXPECT(world, "echo0", ip_other(IPPROTO_ICMP, "10.0.0.1", 8, 0), PASS, "icmp-echo");
	EXPECT(world, "echo0", ip_other(IPPROTO_ICMP, "10.0.0.2", 8, 0), DROP, "icmp-echo");
	/* A broadcast address is none of its own. */
	EXPECT(world, "echo0", ip_other(IPPROTO_ICMP, "10.0.0.255", 8, 0), DROP, "icmp-echo");
	EXPECT(world, "eth0", ip_other(IPPROTO_ICMP, "10.0.0.1", 8, 0), DROP, "icmp-echo");
	EXPECT(world, "lo", ip_other(IPPROTO_ICMP, "127.0.0.1", 8, 0), PASS, "icmp-echo");
	EXPECT(world, "echo0", ip_other(IPPROTO_ICMP, "10.0.0.1", 0, 0), DROP, "protocol");
	EXPECT(world, "echo0", ip_other(IPPROTO_ICMP, "10.0.0.1", 8, 1), DROP, "protocol");
	EXPECT(world, "echo0", ip_other(IPPROTO_ICMP, "10.0.0.1", 3, 0), DROP, "protocol");
	EXPECT(world, "echo0", ip_other(IPPROTO_SCTP, "10.0.0.1", 8, 0), DROP, "protocol");
}

Test(exceptions, other_protocols_drop_but_on_loopback)
{
	EXPECT(world, "eth0", ip_other(IPPROTO_GRE, "10.0.0.1", 0, 0), DROP, "protocol");
	EXPECT(world, "lo", ip_other(IPPROTO_GRE, "127.0.0.1", 0, 0), PASS, "protocol");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1, "10.0.0.1", 80), DROP, "no-rule");
}

Test(exceptions, ssh_passes_to_own_addresses)
{
	EXPECT(world, "eth0", tcp("192.0.2.1", 1, "10.0.0.1", 22), PASS, "ssh");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1, "10.0.1.1", 22), PASS, "ssh");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1, "10.0.0.2", 22), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1, "10.0.0.255", 22), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1, "10.0.0.1", 21), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("192.0.2.1", 1, "10.0.0.1", 23), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("192.0.2.1", 22, "10.0.0.1", 80), DROP, "no-rule");
	EXPECT(world, "eth0", udp("192.0.2.1", 1, "10.0.0.1", 22), DROP, "no-rule");
	/* Another interface's address is not this one's. */
	EXPECT(world, "eth3", tcp("192.0.2.1", 1, "10.0.0.1", 22), DROP, "no-rule");
}

Test(exceptions, ssh_passes_while_addresses_are_unknown)
{
	EXPECT(world, "eth1", tcp("192.0.2.1", 1, "8.8.8.8", 22), PASS, "ssh");
	EXPECT(world, "eth2", tcp("192.0.2.1", 1, "8.8.8.8", 22), PASS, "ssh");
	EXPECT(world, "eth3", tcp("192.0.2.1", 1, "8.8.8.8", 22), DROP, "no-rule");
	EXPECT(world, "nossh", tcp("192.0.2.1", 1, "8.8.8.8", 22), DROP, "no-rule");
}

Test(exceptions, dhcp_answers_pass_to_this_host)
{
	EXPECT(world, "eth0", udp("10.0.0.9", 67, "255.255.255.255", 68), PASS, "dhcp");
	EXPECT(world, "eth0", udp("10.0.0.9", 67, "10.0.0.1", 68), PASS, "dhcp");
	EXPECT(world, "eth0", udp("10.0.0.9", 67, "10.0.0.255", 68), PASS, "dhcp");
	EXPECT(world, "eth0", udp("10.0.0.9", 67, "224.0.0.1", 68), PASS, "dhcp");
	EXPECT(world, "eth0", udp("10.0.0.9", 67, "10.0.0.2", 68), DROP, "no-rule");
	/* A /31 has no broadcast address (RFC 3021). */
	EXPECT(world, "eth0", udp("10.0.0.9", 67, "10.0.1.0", 68), DROP, "no-rule");
	EXPECT(world, "eth1", udp("10.0.0.9", 67, "10.0.0.2", 68), PASS, "dhcp");
	EXPECT(world, "eth2", udp("10.0.0.9", 67, "10.0.0.2", 68), PASS, "dhcp");
	EXPECT(world, "eth3", udp("10.0.0.9", 67, "10.0.0.1", 68), DROP, "no-rule");
	EXPECT(world, "eth0", udp("10.0.0.9", 66, "10.0.0.1", 68), DROP, "no-rule");
	EXPECT(world, "eth0", udp("10.0.0.9", 68, "10.0.0.1", 67), DROP, "no-rule");
	EXPECT(world, "eth0", udp("10.0.0.9", 67, "10.0.0.1", 69), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("10.0.0.9", 67, "10.0.0.1", 68), DROP, "no-rule");
}
