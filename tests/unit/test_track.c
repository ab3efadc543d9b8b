/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/track.h and flow_table.h: answers to what left pass, and
 * nothing else does; of UDP (what rules let in: test_track_rules.c, ICMP:
 * test_track_icmp.c, TCP: test_flow_tcp.c).
 */
#include "track_world.h"

TestSuite(track, .init = setup, .fini = teardown);

Test(track, answers_pass_where_something_left)
{
	IN(0, ANSWER, DROP, "no-rule");
	OUT(1, ASK);
	IN(2, ANSWER, PASS, "tracked");
	IN(3, ANSWER, PASS, "tracked"); /* several to one question */
}

Test(track, each_part_of_the_tuple_counts)
{
	OUT(0, ASK);
	IN(1, udp("192.0.2.2", 123, "10.0.0.1", 123), DROP, "no-rule");
	IN(1, udp("192.0.2.1", 124, "10.0.0.1", 123), DROP, "no-rule");
	IN(1, udp("192.0.2.1", 123, "10.0.0.2", 123), DROP, "no-rule");
	IN(1, udp("192.0.2.1", 123, "10.0.0.1", 124), DROP, "no-rule");
	IN(1, tcp("192.0.2.1", 123, "10.0.0.1", 123), DROP, "no-rule");
	IN(1, ASK, DROP, "no-rule"); /* the question itself, from outside */
	IN(1, ANSWER, PASS, "tracked");
}

Test(track, in_ipv6_too)
{
	OUT(0, udp("2001:db8::1", 5000, "2001:db8:9::1", 53));
	IN(1, udp("2001:db8:9::1", 53, "2001:db8::1", 5000), PASS, "tracked");
	IN(1, udp("2001:db8:9::1", 53, "2001:db8::1", 5001), DROP, "no-rule");
	IN(1, udp("2001:db8:9::2", 53, "2001:db8::1", 5000), DROP, "no-rule");
}

/* Unreplied 30 s, replied 120 s, each since the last packet of either side. */
Test(track, flows_expire)
{
	OUT(0, ASK);
	IN(30, ANSWER, DROP, "no-rule");
	OUT(40, ASK);
	IN(69.9, ANSWER, PASS, "tracked");
	IN(189.8, ANSWER, PASS, "tracked");
	IN(309.8, ANSWER, DROP, "no-rule");
	OUT(310, ASK);
	IN(339.9, ANSWER, PASS, "tracked");
}

/*
 * A question and its answers are soon over: only what is answered and goes on for more
 * than 2 s counts as replied, whichever side says so.
 */
Test(track, udp_is_replied_once_it_goes_on)
{
	enum ifw_flow_class class;

	OUT(0, ASK);
	IN(0.1, ANSWER, PASS, "tracked");
	IN(2, ANSWER, PASS, "tracked");
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_UNREPLIED);
	cr_assert_eq(class, IFW_FLOWS_NEW);
	IN(32, ANSWER, DROP, "no-rule"); /* unreplied to the end */

	OUT(40, ASK);
	OUT(43, ASK); /* asked again, and still not answered */
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_UNREPLIED);
	IN(44, ANSWER, PASS, "tracked");
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_REPLIED);
	cr_assert_eq(class, IFW_FLOWS_REPLIED);
	IN(163.9, ANSWER, PASS, "tracked");

	OUT(300, ASK);
	IN(300.1, ANSWER, PASS, "tracked");
	OUT(302, ASK);
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_UNREPLIED);
	/* The side that began goes on. */
	EXPECT_WITH(world, "eth0", ASK,
		    ((struct sim_frame){.time_ns = START + 302 * SECOND + 1,
					.direction = IFW_DIRECTION_OUT}),
		    PASS, "egress-pass");
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_REPLIED);
	cr_assert_eq(flow_count(world), 1);
}

/* The clocks of two CPUs differ by a jiffy, so an answer may seem to be the older one. */
Test(track, udp_does_not_go_on_before_it_began)
{
	enum ifw_flow_class class;

	OUT(1, ASK);
	IN(0.99, ANSWER, PASS, "tracked");
	flow_of(world, ASK, &class);
	cr_assert_eq(class, IFW_FLOWS_NEW);
}

/* The same where a rule has let the question in: its answers leave. */
Test(track, udp_that_was_let_in_is_replied_once_it_goes_on)
{
	struct frame question = udp("192.0.2.9", 4000, "198.51.100.1", 53);
	enum ifw_flow_class class;

	IN(0, question, PASS, "rule-pass");
	OUT(0.1, udp("198.51.100.1", 53, "192.0.2.9", 4000));
	IN(1, question, PASS, "rule-pass");
	flow_of(world, question, &class);
	cr_assert_eq(class, IFW_FLOWS_NEW);
	OUT(3, udp("198.51.100.1", 53, "192.0.2.9", 4000));
	flow_of(world, question, &class);
	cr_assert_eq(class, IFW_FLOWS_REPLIED);
}

Test(track, timeouts_can_be_set)
{
	world->track.timeouts_ns[IFW_FLOW_UDP_UNREPLIED] = 5 * SECOND;
	world->track.timeouts_ns[IFW_FLOW_UDP_REPLIED] = 7 * SECOND;
	OUT(0, ASK);
	IN(5, ANSWER, DROP, "no-rule");
	OUT(6, ASK);
	IN(10.9, ANSWER, PASS, "tracked");
	IN(17.8, ANSWER, PASS, "tracked");
	IN(24.9, ANSWER, DROP, "no-rule");
}

/* Answers may take another way, but only one where tracking is on. */
Test(track, flows_are_the_hosts_and_not_an_interfaces)
{
	OUT(0, ASK);
	IN1(1, ANSWER, PASS, "tracked");
	EXPECT_WITH(world, "eth2", ANSWER, IN_AT(1), DROP, "no-rule");
}

Test(track, off_remembers_nothing)
{
	EXPECT_WITH(world, "eth2", udp("10.0.2.1", 123, "192.0.2.1", 123), OUT_AT(0), PASS,
		    "egress-pass");
	cr_assert_eq(flow_count(world), 0);
	EXPECT_WITH(world, "lo", udp("127.0.0.1", 123, "127.0.0.1", 124), OUT_AT(0), PASS,
		    "egress-pass");
	cr_assert_eq(flow_count(world), 0);
}

/* Of a multicast or broadcast question nobody can tell the answers. */
Test(track, nobody_answers_from_a_group)
{
	OUT(0, udp("10.0.0.1", 5353, "224.0.0.251", 5353));
	OUT(0, udp("10.0.0.1", 68, "255.255.255.255", 6700));
	OUT(0, udp("2001:db8::1", 5353, "ff02::fb", 5353));
	cr_assert_eq(flow_count(world), 0);
}

/* A connected socket is found first, since it gets the packet assigned. */
Test(track, sockets_come_first)
{
	struct frame answer = udp("192.0.2.1", 53, "10.0.0.1", 5353);

	OUT(0, udp("10.0.0.1", 5353, "192.0.2.1", 53));
	IN(1, answer, PASS, "established");
}

/* --- Forwarded ------------------------------------------------------------------ */

Test(track, forwarded_flows)
{
	enum ifw_flow_class class;

	IN1(0, SERVER_ANSWERS, DROP, "no-rule");
	OUT1(1, CLIENT_ASKS);
	cr_assert_eq(flow_of(world, CLIENT_ASKS, &class)->forwarded, 1);
	cr_assert_eq(class, IFW_FLOWS_NEW);
	IN1(2, SERVER_ANSWERS, PASS, "tracked");
	OUT(2, SERVER_ANSWERS);
	IN1(4, SERVER_ANSWERS, PASS, "tracked");
	flow_of(world, CLIENT_ASKS, &class);
	cr_assert_eq(class, IFW_FLOWS_REPLIED);
	cr_assert_eq(flow_count(world), 1);
}

static unsigned int sockets_asked;

static void count_sockets(void *arg, const struct sim_trace *t)
{
	(void)arg;
	sockets_asked += t->kind == SIM_TRACE_SOCKET_UDP;
}

/* No socket has what was forwarded; as soon as one sends, that is asked for again. */
Test(track, no_socket_is_looked_for_where_none_can_be)
{
	struct frame answer = SERVER_ANSWERS;

	OUT1(0, CLIENT_ASKS);
	sim_world_trace(world, count_sockets, NULL);
	decide_with(world, "eth1", &answer, IN_AT(1));
	cr_assert_eq(sockets_asked, 0);
	other_world(&world,
		    WORLD "socket udp connected 10.0.0.9:4000 192.0.2.1:53\n"
			  "flow udp 10.0.0.9:4000 192.0.2.1:53 forwarded\n",
		    "");
	OUT1(1, CLIENT_ASKS);
	IN1(1, SERVER_ANSWERS, PASS, "established");
}

/*
 * Nor where a socket without a peer has asked from an own address: no other can be
 * connected to the peer, unless it was made since, and is told by what it sends.
 */
Test(track, no_socket_is_looked_for_where_the_one_that_asked_has_no_peer)
{
	struct frame answer = udp("192.0.2.1", 53, "10.0.0.1", 6000);
	struct frame question = udp("10.0.0.1", 6000, "192.0.2.1", 53);
	struct frame elsewhere = udp("192.0.2.1", 53, "10.9.9.9", 6000);

	const char later[] = "socket udp connected 10.0.0.1:6000 192.0.2.1:53\n";

	other_world(&world, WORLD "socket udp bound 0.0.0.0:6000\nsocket udp bound 10.9.9.9:6000\n",
		    "");
	OUT(0, question);
	sim_world_trace(world, count_sockets, NULL);
	IN(1, answer, PASS, "tracked");
	cr_assert_eq(sockets_asked, 0);
	OUT(1, udp("10.9.9.9", 6000, "192.0.2.1", 53));
	IN(1, elsewhere, PASS, "tracked");
	cr_assert_eq(sockets_asked, 1, "an address of others may be that of a flow to be marked");
	sim_world_trace(world, NULL, NULL);
	cr_assert_eq(sim_world_parse(world, later, strlen(later), fixture_diagnose, NULL), 0);
	IN(2, answer, PASS, "tracked");
	OUT(2, question);
	IN(3, answer, PASS, "established");
}

/*
 * A raw socket has no peer either, and sends TCP: the connection, if there is one, is
 * another socket's, which must be found.
 */
Test(track, tcp_from_a_socket_without_a_peer_says_nothing)
{
	enum ifw_flow_class class;
	struct sim_frame in = OUT_AT(0);
	const struct frame syn = with_segment(tcp("10.0.0.1", 6000, "192.0.2.1", 80),
					      (struct segment){.flags = SYN});
	const struct frame question = udp("10.0.0.1", 6000, "192.0.2.1", 53);

	in.sender = SIM_SENT_BY(IFW_SENDER_NO_PEER);
	decide_with(world, "eth0", &syn, in);
	decide_with(world, "eth0", &question, in);
	cr_assert_eq(flow_of(world, syn, &class)->no_peer, 0);
	cr_assert_eq(flow_of(world, question, &class)->no_peer, 1);
}

/* Nor for what the side that began sends on, by the rule that is known. */
Test(track, no_socket_is_looked_for_on_the_way_there)
{
	struct frame question = LET_IN;

	IN(0, LET_IN, PASS, "rule-pass");
	OUT1(0, LET_IN);
	sim_world_trace(world, count_sockets, NULL);
	decide_with(world, "eth0", &question, IN_AT(1));
	sim_world_trace(world, NULL, NULL);
	cr_assert_eq(sockets_asked, 0);
}

/* Between two addresses that are the same, ports tell the ends apart. */
Test(track, ends_with_one_address)
{
	OUT(0, udp("10.0.0.1", 9, "10.0.0.1", 5));
	IN(1, udp("10.0.0.1", 5, "10.0.0.1", 9), PASS, "tracked");
	IN(1, udp("10.0.0.1", 9, "10.0.0.1", 5), DROP, "no-rule");
}

/*
 * Answers without a socket (SYN cookies) do not show that the flow is forwarded: only
 * what the side that began sends on does. Else a listener would get its packets.
 */
Test(track, answers_tell_nothing_of_forwarding)
{
	struct frame question = udp("192.0.2.9", 4000, "198.51.100.1", 53);
	struct frame answer = udp("198.51.100.1", 53, "192.0.2.9", 4000);
	enum ifw_flow_class class;

	IN(0, question, PASS, "rule-pass");
	OUT(1, answer);
	cr_assert_eq(flow_of(world, question, &class)->forwarded, 0);
	OUT1(2, question);
	cr_assert_eq(flow_of(world, question, &class)->forwarded, 1);
}

/* But one from a socket here, which answers in the server's name, shows that there is one. */
Test(track, an_answer_from_a_socket_ends_forwarding)
{
	enum ifw_flow_class class;

	OUT1(0, CLIENT_ASKS);
	cr_assert_eq(flow_of(world, CLIENT_ASKS, &class)->forwarded, 1);
	OUT(1, SERVER_ANSWERS);
	cr_assert_eq(flow_of(world, CLIENT_ASKS, &class)->forwarded, 1);
	other_world(&world,
		    WORLD "socket udp connected 192.0.2.1:53 10.0.0.9:4000\n"
			  "flow udp 10.0.0.9:4000 192.0.2.1:53 forwarded\n",
		    "");
	OUT(1, SERVER_ANSWERS);
	cr_assert_eq(flow_of(world, CLIENT_ASKS, &class)->forwarded, 0);
}

/* The host's flows have a socket, which the world lists, or at least its address. */
Test(track, own_flows)
{
	enum ifw_flow_class class;

	OUT(0, ASK);
	cr_assert_eq(flow_of(world, ASK, &class)->forwarded, 0);
	OUT(0, udp("10.0.0.1", 7, "192.0.2.1", 8));
	cr_assert_eq(flow_of(world, udp("10.0.0.1", 7, "192.0.2.1", 8), &class)->forwarded, 0);
}

/* --- Memory ------------------------------------------------------------------------------ */

/* A flood of new flows turns over its own class only; they may be answered, too. */
Test(track, a_flood_pushes_out_no_flow_that_goes_on)
{
	sim_world_size_flows(world, 64);
	OUT(0, ASK);
	IN(2.5, ANSWER, PASS, "tracked");
	OUT(2.5, udp("10.0.0.1", 4000, "192.0.2.1", 53));
	for (uint16_t port = 10000; port < 11000; port++) {
		OUT(3, udp("10.0.0.1", port, "192.0.2.1", 99));
		IN(3, udp("192.0.2.1", 99, "10.0.0.1", port), PASS, "tracked");
	}
	cr_assert_eq(HASH_COUNT(world->flows[IFW_FLOWS_NEW]), 16);
	IN(3, ANSWER, PASS, "tracked");
	IN(3, udp("192.0.2.1", 53, "10.0.0.1", 4000), DROP, "no-rule");
	IN(3, udp("192.0.2.1", 99, "10.0.0.1", 10999), PASS, "tracked");
}

Test(track, packets_and_bytes_are_counted_once)
{
	enum ifw_flow_class class;
	const struct ifw_flow *flow;

	OUT1(0, CLIENT_ASKS);
	IN1(1, SERVER_ANSWERS, PASS, "tracked");
	OUT(1, SERVER_ANSWERS); /* the same packet, on its way on */
	flow = flow_of(world, CLIENT_ASKS, &class);
	cr_assert_eq(flow->packets, 2);
	cr_assert_eq(flow->bytes, 2 * CLIENT_ASKS.length);
	cr_assert_eq(flow->began_ns, START);
}
