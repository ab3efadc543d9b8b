/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/egress.h: what egress rules and the interface's default keep
 * in, and what leaves whatever they say.
 */
#include "track_fixture.h"

#define WORLD                                                                                      \
	"interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"                      \
	"interface eth1 index 3 address 10.0.1.1/24\n"                                             \
	"interface eth2 index 4 address 10.0.2.1/24\n"                                             \
	"interface lo address 127.0.0.1/8\n"                                                       \
	"set eth0 track on\nset eth0 egress-default deny\nset eth0 pass-protocol 47\n"             \
	"set eth0 pass-ethertype 0x88cc\n"                                                         \
	"set eth1 track on\n"                                                                      \
	"set lo egress-default deny\n"                                                             \
	"socket tcp established 10.0.0.1:5000 192.0.2.1:80\n"                                      \
	"socket tcp syn-sent 10.0.0.1:5001 192.0.2.1:80\n"                                         \
	"socket tcp syn-recv 10.0.0.1:22 192.0.2.1:9\n"                                            \
	"socket tcp time-wait 10.0.0.1:5002 192.0.2.1:80\n"                                        \
	"socket tcp listen 10.0.0.1:5003\n"                                                        \
	"socket udp connected 10.0.0.1:5004 192.0.2.1:80\n"

#define RULES                                                                                      \
	"egress pass udp to 192.0.2.0/24 port 53\n"                                                \
	"egress deny udp to 192.0.2.66 port 53\n"                                                  \
	"egress deny tcp to 0.0.0.0/0 port 25 on eth1\n"                                           \
	"egress pass udp to 2001:db8:9::/48 port 53 from 2001:db8::/64\n"                          \
	"pass tcp to 10.9.0.0/16 port 8080\n"                                                      \
	"pass udp to 192.0.2.0/24 port 99\n"

static struct sim_world *world;

static void setup(void)
{
	world = world_of(WORLD, RULES);
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(egress, .init = setup, .fini = teardown);

#define KEPT(at, made) EXPECT_WITH(world, "eth0", made, OUT_AT(at), DROP, "egress-default")
#define DENIED(iface, at, made) EXPECT_WITH(world, iface, made, OUT_AT(at), DROP, "egress-deny")

Test(egress, rules_by_prefix_protocol_port_and_interface)
{
	OUT(0, udp("10.0.0.1", 1, "192.0.2.1", 53));
	DENIED("eth0", 0, udp("10.0.0.1", 1, "192.0.2.66", 53));
	KEPT(0, udp("10.0.0.1", 1, "192.0.3.1", 53));
	KEPT(0, udp("10.0.0.1", 1, "192.0.2.1", 54));
	KEPT(0, tcp("10.0.0.1", 1, "192.0.2.1", 53));
	KEPT(0, tcp("10.0.0.1", 1, "192.0.2.1", 25));
	DENIED("eth1", 0, tcp("10.0.0.1", 1, "192.0.2.1", 25));
	OUT1(0, tcp("10.0.0.1", 1, "192.0.2.1", 26));
	OUT(0, udp("2001:db8::1", 1, "2001:db8:9::1", 53));
	KEPT(0, udp("2001:db8:0:1::1", 1, "2001:db8:9::1", 53));
}

/* Each direction has its own rules. */
Test(egress, rules_for_what_comes_in_let_nothing_out)
{
	KEPT(0, udp("10.0.0.1", 1, "192.0.2.1", 99));
	IN(0, udp("10.0.0.9", 1, "192.0.2.1", 53), DROP, "no-rule");
	IN(0, udp("10.0.0.9", 1, "192.0.2.1", 99), PASS, "rule-pass");
}

/* What may not leave is not remembered, so nobody can answer it. */
Test(egress, what_is_kept_in_is_not_remembered)
{
	KEPT(0, udp("10.0.0.1", 1, "192.0.3.1", 53));
	cr_assert_eq(flow_count(world), 0);
	IN(1, udp("192.0.3.1", 53, "10.0.0.1", 1), DROP, "no-rule");
}

Test(egress, answers_to_what_was_let_in_leave)
{
	struct frame answer = with_segment(
		tcp("10.9.9.9", 8080, "192.0.2.7", 9),
		(struct segment){.flags = SYN | ACK, .sequence = 70, .acknowledgement = 2});

	KEPT(0, answer);
	IN(1, tcp("192.0.2.7", 9, "10.9.9.9", 8080), PASS, "rule-pass");
	OUT(2, answer);
	KEPT(2, with_segment(tcp("10.9.9.9", 8080, "192.0.2.7", 10),
			     (struct segment){.flags = SYN | ACK, .acknowledgement = 2}));
}

/* Nor does it need a rule: ssh is an exception. A SYN cookie has no socket. */
Test(egress, answers_to_ssh_leave)
{
	struct frame answer =
		with_segment(tcp("10.0.0.1", 22, "192.0.2.7", 9),
			     (struct segment){.flags = SYN | ACK, .acknowledgement = 2});

	KEPT(0, answer);
	IN(1, tcp("192.0.2.7", 9, "10.0.0.1", 22), PASS, "ssh");
	OUT(2, answer);
}

Test(egress, established_tcp_sockets_of_this_host_leave)
{
	const struct segment ack = {.flags = ACK, .sequence = 1, .acknowledgement = 1};

	OUT(0, with_segment(tcp("10.0.0.1", 5000, "192.0.2.1", 80), ack));
	OUT(0, with_segment(tcp("10.0.0.1", 22, "192.0.2.1", 9), ack));
	OUT(0, with_segment(tcp("10.0.0.1", 5002, "192.0.2.1", 80), ack));
	KEPT(0, tcp("10.0.0.1", 5001, "192.0.2.1", 80)); /* its first SYN */
	KEPT(0, tcp("10.0.0.1", 5003, "192.0.2.1", 80));
	KEPT(0, tcp("10.0.0.9", 5000, "192.0.2.1", 80)); /* forwarded */
	/* A connected UDP socket has been answered by nobody yet. */
	KEPT(0, udp("10.0.0.1", 5004, "192.0.2.1", 80));
}

/* Connected, and answered: such a socket has a conversation, which a new rule does not cut. */
Test(egress, answered_udp_sockets_of_this_host_leave)
{
	const char known[] =
		"flow udp 10.0.0.1:5004 192.0.2.1:80\nflow udp 10.0.0.1:5005 192.0.2.1:80\n"
		"flow udp 10.0.0.9:5004 192.0.2.1:80\nsocket udp bound 10.0.0.1:5005\n";

	cr_assert_eq(sim_world_parse(world, known, strlen(known), fixture_diagnose, NULL), 0);
	KEPT(0, udp("10.0.0.1", 5004, "192.0.2.1", 80));
	IN(1, udp("192.0.2.1", 80, "10.0.0.1", 5004), PASS, "established");
	OUT(2, udp("10.0.0.1", 5004, "192.0.2.1", 80));
	IN(1, udp("192.0.2.1", 80, "10.0.0.1", 5005), PASS, "tracked");
	KEPT(2, udp("10.0.0.1", 5005, "192.0.2.1", 80)); /* connected to nobody */
	IN(1, udp("192.0.2.1", 80, "10.0.0.9", 5004), PASS, "tracked");
	KEPT(2, udp("10.0.0.9", 5004, "192.0.2.1", 80)); /* forwarded */
	KEPT(2, udp("10.0.0.1", 5004, "192.0.2.2", 80)); /* another peer */
}

Test(egress, what_the_host_needs_leaves)
{
	struct frame arp = {.length = 60}, quoted = udp("192.0.2.1", 1, "10.0.0.1", 2);

	put16(&arp, 12, ETH_P_ARP);
	OUT(0, arp);
	OUT(0, udp("0.0.0.0", 68, "255.255.255.255", 67));
	OUT(0, udp("10.0.0.1", 67, "10.0.0.9", 68));
	OUT(0, udp("2001:db8::1", 546, "ff02::1:2", 547));
	KEPT(0, udp("10.0.0.1", 68, "10.0.0.9", 69));
	OUT(0, ip_other(IPPROTO_IGMP, "224.0.0.22", 0, 0)); /* as MLD */
	KEPT(0, ip_other(3, "224.0.0.22", 0, 0));
	for (uint8_t type = 133; type <= 136; type++)
		OUT(0, icmp6("2001:db8::1", "ff02::2", 255, type, 0));
	OUT(0, icmp6("2001:db8::1", "ff02::16", 1, 143, 0));
	OUT(0, icmp_error("10.0.0.1", "192.0.2.1", 3, 3, &quoted));
	OUT(0, echo("10.0.0.1", "192.0.2.1", false, 1));
	KEPT(0, echo("10.0.0.1", "192.0.2.1", true, 1));
	EXPECT_WITH(world, "lo", udp("127.0.0.1", 1, "127.0.0.1", 2), OUT_AT(0), PASS,
		    "egress-pass");
}

/* A relay is answered on the port from which it asks: no exception lets that in. */
Test(egress, answers_to_a_dhcp_relay_come_back)
{
	IN(0, udp("192.0.2.1", 67, "10.0.0.1", 67), DROP, "no-rule");
	OUT(1, udp("10.0.0.1", 67, "192.0.2.1", 67));
	IN(2, udp("192.0.2.1", 67, "10.0.0.1", 67), PASS, "tracked");
	OUT(3, udp("2001:db8::1", 547, "2001:db8:9::1", 547));
	IN(4, udp("2001:db8:9::1", 547, "2001:db8::1", 547), PASS, "tracked");
}

Test(egress, other_protocols_as_they_come_in)
{
	struct frame lldp = {.length = 60}, other = {.length = 60};

	put16(&lldp, 12, 0x88cc);
	put16(&other, 12, 0x88cd);
	OUT(0, lldp);
	KEPT(0, other);
	OUT(0, ip_other(IPPROTO_GRE, "192.0.2.1", 0, 0));
	KEPT(0, ip_other(IPPROTO_ESP, "192.0.2.1", 0, 0));
	OUT1(0, ip_other(IPPROTO_ESP, "192.0.2.1", 0, 0));
	OUT1(0, other);
}

/* What cannot be read is not judged, but a default of deny is one. */
Test(egress, malformed)
{
	OUT1(0, ((struct frame){.length = 5}));
	KEPT(0, ((struct frame){.length = 5}));
}

Test(egress, fragments_follow_their_first)
{
	struct frame passed = padded(udp("10.0.0.1", 1, "192.0.2.1", 53), 100);
	struct frame denied = padded(udp("10.0.0.1", 1, "192.0.2.66", 53), 100);
	struct frame smtp = padded(tcp("10.0.0.1", 1, "192.0.2.66", 25), 100);

	KEPT(0, fragment_of(passed, 1, 64, 32)); /* its first is not known */
	OUT(0, fragment_of(passed, 1, 0, 64));
	OUT(0, fragment_of(passed, 1, 64, 32));
	DENIED("eth0", 0, fragment_of(denied, 2, 0, 64));
	DENIED("eth0", 0, fragment_of(denied, 2, 64, 32));
	DENIED("eth1", 0, fragment_of(smtp, 3, 0, 64));
	DENIED("eth1", 0, fragment_of(smtp, 3, 64, 32));
	OUT1(0, fragment_of(smtp, 4, 64, 32));
	OUT1(31, fragment_of(smtp, 3, 64, 32));
	/* What left and what comes in are remembered apart. */
	IN(0, fragment_of(passed, 1, 64, 32), DROP, "fragment");
}

/* IGMP always leaves; of a later fragment nobody knows what it is a part of. */
Test(egress, exempt_is_what_can_be_read)
{
	struct frame igmp = padded(ip_other(IPPROTO_IGMP, "224.0.0.22", 0x22, 0), 100);

	KEPT(0, fragment_of(igmp, 1, 64, 32));
	OUT(0, fragment_of(igmp, 1, 0, 64));
	OUT(0, fragment_of(igmp, 1, 64, 32));
}

/* What nothing could deny takes no place from what comes in; nor may it inherit a denial. */
Test(egress, fragments_that_nothing_decides_are_not_remembered)
{
	struct frame plain = padded(udp("10.0.0.1", 1, "192.0.2.1", 99), 100);
	struct frame denied = padded(tcp("10.0.0.1", 1, "192.0.2.66", 25), 100);
	struct frame other = padded(tcp("10.0.0.1", 1, "192.0.2.66", 26), 100);

	OUT1(0, fragment_of(plain, 1, 0, 64));
	OUT1(0, fragment_of(plain, 1, 64, 32));
	cr_assert_eq(HASH_COUNT(world->fragments), 0);
	OUT(0, udp("10.0.0.1", 1, "192.0.2.1", 53)); /* nor does what is whole */
	DENIED("eth1", 0, tcp("10.0.0.1", 1, "192.0.2.66", 25));
	cr_assert_eq(HASH_COUNT(world->fragments), 0);
	DENIED("eth1", 0, fragment_of(denied, 2, 0, 64));
	cr_assert_eq(HASH_COUNT(world->fragments), 1);
	OUT1(1, fragment_of(other, 2, 0, 64)); /* its identification has come round */
	OUT1(1, fragment_of(other, 2, 64, 32));
	cr_assert_eq(HASH_COUNT(world->fragments), 0);
}

/* A header that is cut off must not be a way past a rule; where there is no rule it hides nothing.
 */
Test(egress, ports_that_cannot_be_read_do_not_get_past_rules)
{
	struct frame smtp = padded(tcp("10.0.0.1", 1, "192.0.2.66", 25), 100);
	struct sim_world *free =
		world_of("interface eth0 index 2 address 10.0.0.1/24\n",
			 "egress deny udp to 0.0.0.0/0 port 25\npass tcp to 0.0.0.0/0 port 25\n");

	EXPECT_WITH(world, "eth1", fragment_of(smtp, 5, 0, 8), OUT_AT(0), DROP, "egress-default");
	EXPECT_WITH(world, "eth1", fragment_of(smtp, 5, 8, 64), OUT_AT(0), DROP, "egress-default");
	EXPECT_WITH(free, "eth0", fragment_of(smtp, 5, 0, 8), OUT_AT(0), PASS, "egress-pass");
	EXPECT_WITH(free, "eth0", fragment_of(smtp, 5, 8, 64), OUT_AT(0), PASS, "egress-pass");
	sim_world_destroy(free);
}

Test(egress, without_settings_everything_leaves)
{
	struct sim_world *plain = world_of("interface eth0 no settings\n", "");

	EXPECT_WITH(plain, "eth0", tcp("10.0.0.1", 1, "192.0.2.1", 25), OUT_AT(0), PASS,
		    "egress-pass");
	cr_assert_eq(flow_count(plain), 0);
	sim_world_destroy(plain);
}

/* Events say which way the packet went. */
Test(egress, events_tell_the_direction)
{
	struct sim_world *loud =
		world_of("interface eth0 address 10.0.0.1/24\nset eth0 verbose on\n", "");
	struct frame f = udp("10.0.0.1", 1, "192.0.2.1", 53);
	struct sim_result result = decide_with(loud, "eth0", &f, OUT_AT(0));

	cr_assert(result.has_event);
	cr_assert_eq(result.event.direction, IFW_DIRECTION_OUT);
	cr_assert_eq(result.event.dst_port, 53);
	result = decide_with(loud, "eth0", &f, IN_AT(0));
	cr_assert_eq(result.event.direction, IFW_DIRECTION_IN);
	sim_world_destroy(loud);
}
