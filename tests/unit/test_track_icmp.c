/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/track.h and flow_table.h: echo has flows like any, and errors are let in by
 * those of the packets that they quote.
 */
#include "track_world.h"

TestSuite(track, .init = setup, .fini = teardown);

/* --- Echo --------------------------------------------------------------------------- */

Test(track, pings)
{
	IN(0, echo("192.0.2.1", "10.0.0.1", false, 7), DROP, "protocol");
	OUT(0, echo("10.0.0.1", "192.0.2.1", true, 7));
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 7), PASS, "tracked");
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 7), PASS, "tracked");
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 8), DROP, "protocol");
	IN(1, echo("192.0.2.2", "10.0.0.1", false, 7), DROP, "protocol");
	IN(1, echo("192.0.2.1", "10.0.0.2", false, 7), DROP, "protocol");
	IN(1, echo("192.0.2.1", "10.0.0.1", true, 7), DROP, "icmp-echo");
	IN(31, echo("192.0.2.1", "10.0.0.1", false, 7), DROP, "protocol");
}

/* However long one goes on: it does not turn into a flow of UDP. */
Test(track, pings_that_go_on)
{
	const struct frame asked = echo("10.0.0.1", "192.0.2.1", true, 7);

	OUT(0, asked);
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 7), PASS, "tracked");
	OUT(9, asked);
	IN(10, echo("192.0.2.1", "10.0.0.1", false, 7), PASS, "tracked");
	cr_assert_eq(HASH_COUNT(world->flows[IFW_FLOWS_REPLIED]), 1);
	cr_assert_eq(world->flows[IFW_FLOWS_REPLIED]->value.state, IFW_FLOW_ICMP_REPLIED);
}

/* Of ICMP only type, code and checksum must be there. */
Test(track, an_echo_without_an_identifier_is_of_no_flow)
{
	struct frame cut = echo("192.0.2.1", "10.0.0.1", false, 7);

	OUT(0, echo("10.0.0.1", "192.0.2.1", true, 7));
	IN(1, cut, PASS, "tracked");
	grow_ip(&cut, -1);
	IN(1, cut, DROP, "protocol");
	cut = echo("10.0.0.1", "192.0.2.9", true, 7);
	grow_ip(&cut, -1);
	OUT(2, cut);
	cr_assert_eq(flow_count(world), 1);
}

/* An answer that leaves asks nothing, and a question from there is another flow. */
Test(track, answers_to_pings_open_nothing)
{
	OUT(0, echo("10.0.0.1", "192.0.2.1", false, 7));
	cr_assert_eq(flow_count(world), 0);
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 7), DROP, "protocol");
	OUT(2, echo("10.0.0.1", "192.0.2.1", true, 7));
	OUT(2, echo("192.0.2.1", "10.0.0.1", true, 7));
	cr_assert_eq(flow_count(world), 2);
}

Test(track, pings_of_ipv6)
{
	OUT(0, echo("2001:db8::1", "2001:db8:9::1", true, 7));
	IN(1, echo("2001:db8:9::1", "2001:db8::1", false, 7), PASS, "tracked");
	IN(1, echo("2001:db8:9::1", "2001:db8::1", false, 8), DROP, "protocol");
}

Test(track, echo_with_a_code_is_none)
{
	struct frame odd = echo("192.0.2.1", "10.0.0.1", false, 7);

	odd.bytes[L4 + 1] = 1;
	OUT(0, echo("10.0.0.1", "192.0.2.1", true, 7));
	IN(1, odd, DROP, "protocol");
}

/* --- ICMP errors ----------------------------------------------------------------------- */

static struct frame error_about(struct frame quoted, const char *to)
{
	return icmp_error("203.0.113.1", to, 11, 0, &quoted);
}

Test(track, errors_about_what_left)
{
	IN1(0, error_about(CLIENT_ASKS, "10.0.0.9"), DROP, "protocol");
	OUT1(1, CLIENT_ASKS);
	IN1(2, error_about(CLIENT_ASKS, "10.0.0.9"), PASS, "icmp-related");
	IN1(2, error_about(udp("10.0.0.9", 4001, "192.0.2.1", 53), "10.0.0.9"), DROP, "protocol");
	/* The answer has come in, and not left yet. */
	IN1(2, error_about(SERVER_ANSWERS, "192.0.2.1"), DROP, "protocol");
	IN1(3, SERVER_ANSWERS, PASS, "tracked");
	OUT(3, SERVER_ANSWERS);
	IN(4, error_about(SERVER_ANSWERS, "192.0.2.1"), PASS, "icmp-related");
	IN1(123.1, error_about(CLIENT_ASKS, "10.0.0.9"), DROP, "protocol");
}

/* Who quotes a packet that left must send the error to who sent that. */
Test(track, errors_go_to_who_sent_the_packet)
{
	OUT1(0, CLIENT_ASKS);
	IN1(1, error_about(CLIENT_ASKS, "10.0.0.10"), DROP, "protocol");
	IN1(1, error_about(CLIENT_ASKS, "192.0.2.1"), DROP, "protocol");
	IN1(1, SERVER_ANSWERS, PASS, "tracked");
	OUT(1, SERVER_ANSWERS);
	IN(1, error_about(SERVER_ANSWERS, "10.0.0.9"), DROP, "protocol");
	IN(1, error_about(SERVER_ANSWERS, "192.0.2.1"), PASS, "icmp-related");
	IN1(1, error_about(CLIENT_ASKS, "10.0.0.9"), PASS, "icmp-related");
	OUT1(1, echo("10.0.0.9", "192.0.2.1", true, 7));
	IN1(2, error_about(echo("10.0.0.9", "192.0.2.1", true, 7), "10.0.0.10"), DROP, "protocol");
}

Test(track, errors_only_where_tracking_is_on)
{
	OUT1(0, CLIENT_ASKS);
	EXPECT_WITH(world, "eth2", error_about(CLIENT_ASKS, "10.0.0.9"), IN_AT(1), DROP,
		    "protocol");
}

Test(track, errors_about_pings)
{
	OUT1(0, echo("10.0.0.9", "192.0.2.1", true, 7));
	IN1(1, error_about(echo("10.0.0.9", "192.0.2.1", true, 7), "10.0.0.9"), PASS,
	    "icmp-related");
	IN1(1, error_about(echo("10.0.0.9", "192.0.2.1", true, 8), "10.0.0.9"), DROP, "protocol");
	IN1(1, error_about(echo("10.0.0.9", "192.0.2.1", false, 7), "10.0.0.9"), DROP, "protocol");
}

/* RFC 792: 8 bytes of what is quoted; 6 are read, and what pads the frame is none of them. */
Test(track, quoted_pings_may_be_cut_behind_the_identifier)
{
	for (int family = 0; family < 2; family++) {
		const char *here = family ? "2001:db8::9" : "10.0.0.9";
		const char *there = family ? "2001:db8:9::1" : "192.0.2.1";
		const char *router = family ? "2001:db8:3::9" : "203.0.113.1";
		struct frame quoted = echo(here, there, true, 7), f;

		f = icmp_error(router, here, family ? 3 : 11, 0, &quoted);
		OUT1(0, quoted);
		for (int cut = 0; cut < 4; cut++) {
			if (cut <= 2)
				IN1(1, f, PASS, "icmp-related");
			else
				IN1(1, f, DROP, "protocol");
			grow_ip(&f, -1);
		}
	}
}

Test(track, errors_without_a_socket_are_not_marked)
{
	struct frame f = error_about(CLIENT_ASKS, "10.0.0.9");
	struct sim_result result;

	OUT1(0, CLIENT_ASKS);
	result = decide_with(world, "eth1", &f, IN_AT(1));
	cr_assert_eq(result.decision.reason, IFW_REASON_ICMP_RELATED);
	cr_assert_eq(result.decision.marked, 0);
}
