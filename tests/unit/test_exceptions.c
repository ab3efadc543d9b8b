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
				 "interface echo0 index 6 address 10.0.0.1/24 "
				 "address 2001:db8::1/64\n"
				 "interface nossh index 7 addresses unknown\n"
				 "interface v6 index 8 address 2001:db8::1/64\n"
				 "interface passing index 9 address 10.0.0.1/24\n"
				 "interface lo address 127.0.0.1/8\n"
				 "set passing pass-protocol 47,0x84,255,0,61\n"
				 "set passing pass-ethertype 0x88cc,0x888e\n"
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

Test(exceptions, neighbor_discovery_is_on_the_link)
{
	for (uint8_t type = 132; type <= 138; type++) {
		if (type >= 133 && type <= 136)
			EXPECT(world, "eth0", icmp6("fe80::2", "ff02::1", 255, type, 0), PASS,
			       "neighbor-discovery");
		else
			EXPECT(world, "eth0", icmp6("fe80::2", "ff02::1", 255, type, 0), DROP,
			       "protocol");
	}
	EXPECT(world, "eth0", icmp6("fe80::2", "ff02::1", 254, 135, 0), DROP, "protocol");
	EXPECT(world, "eth0", icmp6("fe80::2", "ff02::1", 255, 135, 1), DROP, "protocol");
	EXPECT(world, "eth0", udp("fe80::2", 1, "ff02::1", 2), DROP, "no-rule");
}

Test(exceptions, mld_has_hop_limit_1_and_a_link_local_source)
{
	const uint8_t types[] = {130, 131, 132, 143};

	for (size_t i = 0; i < sizeof(types); i++) {
		EXPECT(world, "eth0", icmp6("fe80::2", "ff02::16", 1, types[i], 0), PASS,
		       "neighbor-discovery");
		EXPECT(world, "eth0", icmp6("2001:db8::2", "ff02::16", 1, types[i], 0), DROP,
		       "protocol");
		EXPECT(world, "eth0", icmp6("fe80::2", "ff02::16", 2, types[i], 0), DROP,
		       "protocol");
	}
	EXPECT(world, "eth0", icmp6("fe80::2", "ff02::16", 1, 129, 0), DROP, "protocol");
	EXPECT(world, "eth0", icmp6("fe80::2", "ff02::16", 1, 144, 0), DROP, "protocol");
}

/* RFC 3810 5.2.13: a report, while the address that would be its source is tried. */
Test(exceptions, mld_reports_alone_may_come_from_nowhere)
{
	EXPECT(world, "eth0", icmp6("::", "ff02::16", 1, 131, 0), PASS, "neighbor-discovery");
	EXPECT(world, "eth0", icmp6("::", "ff02::16", 1, 143, 0), PASS, "neighbor-discovery");
	EXPECT(world, "eth0", icmp6("::", "ff02::16", 1, 130, 0), DROP, "protocol");
	EXPECT(world, "eth0", icmp6("::", "ff02::16", 1, 132, 0), DROP, "protocol");
}

Test(exceptions, neighbor_discovery_is_not_forwarded)
{
	EXPECT(world, "v6", icmp6("fe80::2", "2001:db8::1", 255, 135, 0), PASS,
	       "neighbor-discovery");
	EXPECT(world, "v6", icmp6("fe80::2", "2001:db8::2", 255, 135, 0), DROP, "protocol");
	EXPECT(world, "v6", icmp6("fe80::2", "fe80::3", 255, 136, 0), PASS, "neighbor-discovery");
	EXPECT(world, "eth1", icmp6("fe80::2", "2001:db8::2", 255, 135, 0), PASS,
	       "neighbor-discovery");
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

/* --- The same for IPv6 -------------------------------------------------------- */

Test(exceptions, echo_of_ipv6_too)
{
	EXPECT(world, "echo0", icmp6("2001:db8::2", "2001:db8::1", 64, 128, 0), PASS, "icmp-echo");
	EXPECT(world, "echo0", icmp6("2001:db8::2", "2001:db8::3", 64, 128, 0), DROP, "icmp-echo");
	EXPECT(world, "echo0", icmp6("2001:db8::2", "ff02::1", 1, 128, 0), DROP, "icmp-echo");
	EXPECT(world, "v6", icmp6("2001:db8::2", "2001:db8::1", 64, 128, 0), DROP, "icmp-echo");
	EXPECT(world, "lo", icmp6("::1", "::1", 64, 128, 0), PASS, "icmp-echo");
	EXPECT(world, "echo0", icmp6("2001:db8::2", "2001:db8::1", 64, 128, 1), DROP, "protocol");
	EXPECT(world, "echo0", icmp6("2001:db8::2", "2001:db8::1", 64, 129, 0), DROP, "protocol");
	/* 8 is IPv4's; 128 IPv6's; each under the other's protocol is nothing. */
	EXPECT(world, "echo0", icmp6("2001:db8::2", "2001:db8::1", 64, 8, 0), DROP, "protocol");
	EXPECT(world, "echo0", ip_other(IPPROTO_ICMP, "10.0.0.1", 128, 0), DROP, "protocol");
	EXPECT(world, "echo0", ip_other(IPPROTO_ICMPV6, "10.0.0.1", 128, 0), DROP, "protocol");
}

Test(exceptions, ssh_of_ipv6_too)
{
	EXPECT(world, "v6", tcp("2001:db8::2", 1, "2001:db8::1", 22), PASS, "ssh");
	EXPECT(world, "v6", tcp("2001:db8::2", 1, "2001:db8::3", 22), DROP, "no-rule");
	EXPECT(world, "v6", tcp("2001:db8::2", 1, "2001:db8::1", 23), DROP, "no-rule");
	EXPECT(world, "v6", udp("2001:db8::2", 1, "2001:db8::1", 22), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("2001:db8::2", 1, "2001:db8::1", 22), DROP, "no-rule");
	EXPECT(world, "eth1", tcp("2001:db8::2", 1, "2001:db8::1", 22), PASS, "ssh");
	EXPECT(world, "nossh", tcp("2001:db8::2", 1, "2001:db8::1", 22), DROP, "no-rule");
}

Test(exceptions, dhcpv6_answers_pass_to_this_host)
{
	EXPECT(world, "v6", udp("fe80::9", 547, "2001:db8::1", 546), PASS, "dhcp");
	EXPECT(world, "v6", udp("fe80::9", 547, "ff02::1", 546), PASS, "dhcp");
	EXPECT(world, "eth1", udp("fe80::9", 547, "fe80::1", 546), PASS, "dhcp");
	EXPECT(world, "v6", udp("fe80::9", 547, "2001:db8::3", 546), DROP, "no-rule");
	EXPECT(world, "v6", udp("fe80::9", 546, "2001:db8::1", 547), DROP, "no-rule");
	EXPECT(world, "v6", udp("fe80::9", 547, "2001:db8::1", 545), DROP, "no-rule");
	EXPECT(world, "v6", tcp("fe80::9", 547, "2001:db8::1", 546), DROP, "no-rule");
	/* The other family's ports. */
	EXPECT(world, "v6", udp("fe80::9", 67, "2001:db8::1", 68), DROP, "no-rule");
	EXPECT(world, "eth0", udp("10.0.0.9", 547, "10.0.0.1", 546), DROP, "no-rule");
}

/* --- Martians ------------------------------------------------------------------- */

struct martian {
	const char *src, *dst;
	const char *twin_src, *twin_dst; /* one bit or one class away, and none */
};

static const struct martian martians[] = {
	{"0.0.0.1", "10.0.0.9", "1.0.0.1", "10.0.0.9"},
	{"0.255.255.255", "10.0.0.9", "0.0.0.0", "10.0.0.9"},
	{"127.0.0.1", "10.0.0.9", "126.255.255.255", "10.0.0.9"},
	{"127.255.255.255", "10.0.0.9", "128.0.0.0", "10.0.0.9"},
	{"224.0.0.1", "10.0.0.9", "223.255.255.255", "10.0.0.9"},
	{"239.255.255.255", "10.0.0.9", "240.0.0.0", "10.0.0.9"},
	{"255.255.255.255", "10.0.0.9", "255.255.255.254", "10.0.0.9"},
	{"192.0.2.1", "0.0.0.0", "192.0.2.1", "1.0.0.0"},
	{"192.0.2.1", "0.1.2.3", "192.0.2.1", "255.255.255.255"},
	{"192.0.2.1", "127.0.0.1", "192.0.2.1", "126.0.0.1"},
	{"192.0.2.1", "127.255.0.0", "192.0.2.1", "128.0.0.1"},
	{"192.0.2.1", "127.0.0.1", "192.0.2.1", "224.0.0.1"},
	{"ff02::1", "2001:db8::9", "fe80::1", "2001:db8::9"},
	{"ff00::", "2001:db8::9", "feff::", "2001:db8::9"},
	{"::1", "2001:db8::9", "::2", "2001:db8::9"},
	{"::1", "2001:db8::9", "::", "2001:db8::9"},
	{"::ffff:10.0.0.1", "2001:db8::9", "::fffe:10.0.0.1", "2001:db8::9"},
	{"2001:db8::2", "::", "2001:db8::2", "::2"},
	{"2001:db8::2", "::1", "2001:db8::2", "1::1"},
	{"2001:db8::2", "::ffff:127.0.0.1", "2001:db8::2", "::1:ffff:127.0.0.1"},
	{"2001:db8::2", "::ffff:10.0.0.1", "2001:db8::2", "ff02::1"},
};

Test(exceptions, martians_drop_but_on_loopback)
{
	for (size_t i = 0; i < sizeof(martians) / sizeof(martians[0]); i++) {
		const struct martian *m = &martians[i];

		EXPECT(world, "eth0", udp(m->src, 1, m->dst, 2), DROP, "martian");
		EXPECT(world, "eth0", tcp(m->src, 1, m->dst, 22), DROP, "martian");
		EXPECT(world, "eth2", udp(m->src, 1, m->dst, 2), DROP, "martian");
		EXPECT(world, "lo", udp(m->src, 1, m->dst, 2), PASS, "no-rule");
		EXPECT(world, "eth0", udp(m->twin_src, 1, m->twin_dst, 2), DROP, "no-rule");
	}
	/* Nobody's address is the source of who asks for one. */
	EXPECT(world, "eth0", udp("0.0.0.0", 68, "255.255.255.255", 67), DROP, "no-rule");
	EXPECT(world, "eth0", icmp6("::", "ff02::1", 255, 135, 0), PASS, "neighbor-discovery");
}

/* --- What an interface passes ----------------------------------------------------- */

Test(exceptions, protocols_pass_where_set)
{
	const uint8_t passing[] = {47, 132, 255, 0, 61},
		      others[] = {46, 48, 133, 254, 1, 60, 62, 50};

	for (size_t i = 0; i < sizeof(passing); i++) {
		EXPECT(world, "passing", ip_other(passing[i], "8.8.8.8", 0, 0), PASS, "protocol");
		EXPECT(world, "eth0", ip_other(passing[i], "8.8.8.8", 0, 0), DROP, "protocol");
		EXPECT(world, "eth2", ip_other(passing[i], "8.8.8.8", 0, 0), DROP, "protocol");
	}
	for (size_t i = 0; i < sizeof(others); i++)
		EXPECT(world, "passing", ip_other(others[i], "8.8.8.8", 0, 0), DROP, "protocol");
	/* TCP and UDP are rules' business; echo has a switch of its own. */
	EXPECT(world, "passing", tcp("192.0.2.1", 1, "8.8.8.8", 47), DROP, "no-rule");
	EXPECT(world, "passing", ip_other(IPPROTO_ICMP, "10.0.0.1", 8, 0), DROP, "icmp-echo");
	/* In IPv6 the protocol is what comes behind the extension headers. */
	EXPECT(world, "passing",
	       extended(udp("2001:db8::2", 1, "2001:db8::3", 2), IFW_IPPROTO_DSTOPTS,
			"\0\0\0\0\0\0\0", 8),
	       DROP, "no-rule");
}

Test(exceptions, ethertypes_pass_where_set)
{
	const uint16_t types[] = {0x88cc, 0x888e, 0x88cb, 0x0800 + 1, 0x8847, 0};
	struct frame f = {.length = 60};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		put16(&f, 12, types[i]);
		if (i < 2)
			EXPECT(world, "passing", f, PASS, "non-ip");
		else /* also 0, as which unused places in the settings read */
			EXPECT(world, "passing", f, DROP, "non-ip");
		EXPECT(world, "eth0", f, DROP, "non-ip");
		EXPECT(world, "lo", f, PASS, "non-ip");
	}
}

/* Options never make TCP or UDP another protocol. */
Test(exceptions, ip_options_change_nothing)
{
	static const uint8_t options[40] = {1, 1, 1, 0};

	for (size_t words = 1; words <= 10; words++) {
		struct frame f = tcp("192.0.2.1", 1, "10.0.0.1", 22);

		insert(&f, L4, options, words * 4);
		grow_ip(&f, (int)words * 4);
		f.bytes[L3] = (uint8_t)(0x45 + words);
		EXPECT(world, "eth0", f, PASS, "ssh");
		put16(&f, L4 + words * 4 + 2, 23);
		EXPECT(world, "eth0", f, DROP, "no-rule");
		EXPECT(world, "passing", f, DROP, "no-rule");
	}
}
