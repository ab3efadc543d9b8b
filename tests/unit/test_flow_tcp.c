/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/flow_tcp.h: the states of a connection as somebody in the
 * middle sees it, and how long each state lasts (its windows: test_flow_windows.c,
 * older connections: test_flow_pickup.c).
 */
#include "flow_tcp_fixture.h"

TestSuite(flow_tcp, .init = setup, .fini = teardown);

Test(flow_tcp, handshake)
{
	S_DROPS(0, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	C(1, .flags = SYN, .sequence = 1000);
	expect_state(IFW_FLOW_SYN_SENT, IFW_FLOWS_NEW);
	S_PASSES(2, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW);
	C(3, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	S_PASSES(4, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .data = 100);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
}

Test(flow_tcp, the_answer_to_a_syn_must_acknowledge_it)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_DROPS(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1002);
	S_DROPS(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 90000);
	S_DROPS(1, .flags = RST, .sequence = 0);
	S_DROPS(1, .flags = RST | ACK, .sequence = 0, .acknowledgement = 1002);
	expect_state(IFW_FLOW_SYN_SENT, IFW_FLOWS_NEW);
	S_PASSES(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
}

Test(flow_tcp, a_refused_connection)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = RST | ACK, .sequence = 0, .acknowledgement = 1001);
	expect_state(IFW_FLOW_CLOSED, IFW_FLOWS_NEW);
	S_DROPS(12, .flags = RST | ACK, .sequence = 0, .acknowledgement = 1001);
	/* and another attempt, from the same port */
	C(5, .flags = SYN, .sequence = 3000);
	expect_state(IFW_FLOW_SYN_SENT, IFW_FLOWS_NEW);
	S_PASSES(6, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 3001);
}

Test(flow_tcp, repeated_handshake_packets_pass)
{
	C(0, .flags = SYN, .sequence = 1000);
	C(1, .flags = SYN, .sequence = 1000);
	S_PASSES(2, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	S_PASSES(3, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW);
	C(4, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	S_PASSES(5, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
}

/* RFC 9293 3.5: both open at once, as FTP's data connections and hole punching may. */
Test(flow_tcp, simultaneous_open)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = SYN, .sequence = 5000);
	expect_state(IFW_FLOW_SYN_CROSSED, IFW_FLOWS_NEW);
	C(2, .flags = SYN | ACK, .sequence = 1000, .acknowledgement = 5001);
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW);
	S_PASSES(3, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	C(4, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	S_PASSES(5, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .data = 10);
	S_DROPS(6, .flags = SYN, .sequence = 5000);
}

/*
 * The answer of the one that began is lost, and both repeat what they said: what the
 * other side still has to say is its SYN, and that it has heard nothing.
 */
Test(flow_tcp, simultaneous_open_with_losses)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = SYN, .sequence = 5000);
	C(1, .flags = SYN | ACK, .sequence = 1000, .acknowledgement = 5001);
	C(2, .flags = SYN | ACK, .sequence = 1000, .acknowledgement = 5001);
	C(2, .flags = ACK, .sequence = 1001, .acknowledgement = 5001); /* RFC 5961 4 */
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW);
	S_PASSES(2, .flags = SYN, .sequence = 5000);
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW);
	/* Its own first SYN was lost, too: to the other side that is an answer to its SYN. */
	S_PASSES(3, .flags = ACK, .sequence = 5001, .acknowledgement = 1001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	S_DROPS(4, .flags = SYN, .sequence = 5000);
}

/* The other side may answer first. */
Test(flow_tcp, simultaneous_open_answered_from_there)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = SYN, .sequence = 5000);
	S_PASSES(2, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	S_PASSES(2, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	S_DROPS(2, .flags = SYN, .sequence = 5000);
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW);
	C(3, .flags = SYN | ACK, .sequence = 1000, .acknowledgement = 5001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
}

/* Both ends have lost it, or the other one alone, and the ports are used again. */
Test(flow_tcp, a_port_used_again)
{
	handshake(0);
	C(100, .flags = SYN, .sequence = 900000);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	S_DROPS(101, .flags = SYN | ACK, .sequence = 70000, .acknowledgement = 900002);
	S_PASSES(101, .flags = SYN | ACK, .sequence = 70000, .acknowledgement = 900001);
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW);
	C(102, .flags = ACK, .sequence = 900001, .acknowledgement = 70001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	S_PASSES(103, .flags = FIN | ACK, .sequence = 70001, .acknowledgement = 900001);
	expect_state(IFW_FLOW_FIN_WAIT, IFW_FLOWS_CONNECTED);
	C(104, .flags = SYN, .sequence = 1);
	S_PASSES(105, .flags = SYN | ACK, .sequence = 5, .acknowledgement = 2);
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW);
	C(106, .flags = ACK, .sequence = 2, .acknowledgement = 6);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	C(107, .flags = RST, .sequence = 2); /* where the new connection stands, not the old */
	expect_state(IFW_FLOW_CLOSED, IFW_FLOWS_NEW);
}

/* A SYN that nobody has sent is not answered, and one that has been said again may be answered
 * anew. */
Test(flow_tcp, another_number_in_the_handshake)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	S_DROPS(2, .flags = SYN | ACK, .sequence = 900000, .acknowledgement = 1001);
	C(3, .flags = SYN, .sequence = 1000);
	S_PASSES(4, .flags = SYN | ACK, .sequence = 900000, .acknowledgement = 1001);
	C(5, .flags = SYN, .sequence = 400000);
	S_PASSES(6, .flags = SYN | ACK, .sequence = 800000, .acknowledgement = 400001);
	C(7, .flags = ACK, .sequence = 400001, .acknowledgement = 800001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
}

/* Nothing is known of the other side yet: it is this SYN that is to be answered. */
Test(flow_tcp, another_number_before_the_answer)
{
	C(0, .flags = SYN, .sequence = 1000);
	C(1, .flags = SYN, .sequence = 400000);
	S_DROPS(2, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	S_PASSES(2, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 400001);
}

/* A segment cannot be longer than that. */
Test(flow_tcp, at_most_64_kib_with_a_syn_are_acknowledged_in_part)
{
	const uint32_t end = 1000;

	for (uint32_t back = 0; back < 0x20000; back++) {
		const struct track t = {.flags = IFW_TCP_ACK, .acknowledgement = end - back};

		cr_assert_eq(ifw_tcp_answers(end, &t), back <= 0xffff, "%u bytes back", back);
	}
	cr_assert_not(ifw_tcp_answers(end, &(struct track){.acknowledgement = end}));
	cr_assert_not(ifw_tcp_answers(
		end, &(struct track){.flags = IFW_TCP_ACK, .acknowledgement = end + 1}));
}

/* RFC 7413: data in the SYN, which is said again without; both may be acknowledged. */
Test(flow_tcp, data_in_the_first_segment)
{
	C(0, .flags = SYN, .sequence = 1000, .data = 100);
	C(1, .flags = SYN, .sequence = 1000);
	S_PASSES(2, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1101);
	C(3, .flags = ACK, .sequence = 1101, .acknowledgement = 5001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
}

/* Who does not know the other side's numbers brings about no established flow. */
Test(flow_tcp, a_handshake_is_not_guessed)
{
	C(0, .flags = SYN, .sequence = 1000);
	C(1, .flags = ACK, .sequence = 3000, .acknowledgement = 77);
	C(1, .flags = ACK, .sequence = 901, .acknowledgement = 77, .data = 100);
	expect_state(IFW_FLOW_ONE_SIDED, IFW_FLOWS_NEW);
	S_PASSES(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	S_PASSES(1, .flags = ACK, .sequence = 5001, .acknowledgement = 1001); /* RFC 5961 5 */
	S_PASSES(1, .flags = ACK, .sequence = 5001, .acknowledgement = 3000);
	expect_state(IFW_FLOW_ONE_SIDED, IFW_FLOWS_NEW);
	C(2, .flags = ACK, .sequence = 3000, .acknowledgement = 5001, .data = 10);
	S_PASSES(2, .flags = ACK, .sequence = 5001, .acknowledgement = 3010);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
}

Test(flow_tcp, a_liberal_handshake_is_not_guessed)
{
	C(0, .flags = SYN, .sequence = 1000);
	world->flows[IFW_FLOWS_NEW]->value.liberal = 1;
	S_PASSES(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	C(2, .flags = ACK, .sequence = 1001, .acknowledgement = 900000);
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW);
	C(3, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
}

/* RFC 5961 3: a reset in the window, but not where the next byte is, is asked about, and changes
 * nothing. */
Test(flow_tcp, resets_are_exact)
{
	handshake(0);
	S_PASSES(1, .flags = RST, .sequence = 5001 + 500);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	S_PASSES(2, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .data = 10);
	S_PASSES(3, .flags = RST, .sequence = 5011);
	expect_state(IFW_FLOW_CLOSED, IFW_FLOWS_NEW);
}

/* It makes the side that began say RST; the answer to its SYN is on the way all the same. */
Test(flow_tcp, an_older_connection_in_the_way)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = ACK, .sequence = 70000, .acknowledgement = 444);
	C(1, .flags = RST, .sequence = 444);
	expect_state(IFW_FLOW_SYN_SENT, IFW_FLOWS_NEW);
	S_PASSES(2, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
}

/* Half-closed: the other side may go on for as long as it likes. */
Test(flow_tcp, each_side_finishes_by_itself)
{
	handshake(0);
	C(1, .flags = FIN | ACK, .sequence = 1001, .acknowledgement = 5001);
	expect_state(IFW_FLOW_FIN_WAIT, IFW_FLOWS_CONNECTED);
	S_PASSES(2, .flags = ACK, .sequence = 5001, .acknowledgement = 1002);
	expect_state(IFW_FLOW_CLOSE_WAIT, IFW_FLOWS_CONNECTED);
	S_PASSES(50, .flags = ACK, .sequence = 5001, .acknowledgement = 1002, .data = 500);
	S_PASSES(100, .flags = ACK, .sequence = 5501, .acknowledgement = 1002, .data = 500);
	C(101, .flags = ACK, .sequence = 1002, .acknowledgement = 6001);
	expect_state(IFW_FLOW_CLOSE_WAIT, IFW_FLOWS_CONNECTED);
	S_PASSES(102, .flags = FIN | ACK, .sequence = 6001, .acknowledgement = 1002);
	expect_state(IFW_FLOW_LAST_ACK, IFW_FLOWS_CONNECTED);
	C(103, .flags = ACK, .sequence = 1002, .acknowledgement = 6002);
	expect_state(IFW_FLOW_TIME_WAIT, IFW_FLOWS_NEW);
	/* Its last acknowledgement was lost: the FIN comes again. */
	S_PASSES(104, .flags = FIN | ACK, .sequence = 6001, .acknowledgement = 1002);
	S_DROPS(225, .flags = FIN | ACK, .sequence = 6001, .acknowledgement = 1002);
}

/* A FIN counts as acknowledged only by what acknowledges it. */
Test(flow_tcp, data_behind_a_fin_is_no_acknowledgement_of_it)
{
	handshake(0);
	C(1, .flags = FIN | ACK, .sequence = 1001, .acknowledgement = 5001);
	S_PASSES(2, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .data = 100);
	expect_state(IFW_FLOW_FIN_WAIT, IFW_FLOWS_CONNECTED);
}

Test(flow_tcp, both_finish_at_once)
{
	handshake(0);
	C(1, .flags = FIN | ACK, .sequence = 1001, .acknowledgement = 5001);
	S_PASSES(1, .flags = FIN | ACK, .sequence = 5001, .acknowledgement = 1001);
	expect_state(IFW_FLOW_LAST_ACK, IFW_FLOWS_CONNECTED);
	C(2, .flags = ACK, .sequence = 1002, .acknowledgement = 5002);
	expect_state(IFW_FLOW_LAST_ACK, IFW_FLOWS_CONNECTED);
	S_PASSES(2, .flags = ACK, .sequence = 5002, .acknowledgement = 1002);
	expect_state(IFW_FLOW_TIME_WAIT, IFW_FLOWS_NEW);
}

Test(flow_tcp, a_reset_in_the_window_ends_it)
{
	handshake(0);
	S_DROPS(1, .flags = RST, .sequence = 5001 + 70000);
	S_DROPS(1, .flags = RST, .sequence = 5000 - 70000);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	S_PASSES(1, .flags = RST, .sequence = 5001);
	expect_state(IFW_FLOW_CLOSED, IFW_FLOWS_NEW);
	S_DROPS(12, .flags = ACK, .sequence = 5001, .acknowledgement = 1001);
}

/* The SYN again, while its answer is under way: the flow lives on. */
Test(flow_tcp, a_repeated_syn_keeps_the_handshake_alive)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	C(55, .flags = SYN, .sequence = 1000);
	S_PASSES(100, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
}

Test(flow_tcp, the_same_ends_may_connect_again)
{
	handshake(0);
	C(1, .flags = FIN | ACK, .sequence = 1001, .acknowledgement = 5001);
	S_PASSES(1, .flags = FIN | ACK, .sequence = 5001, .acknowledgement = 1002);
	C(1, .flags = ACK, .sequence = 1002, .acknowledgement = 5002);
	expect_state(IFW_FLOW_TIME_WAIT, IFW_FLOWS_NEW);
	C(2, .flags = SYN, .sequence = 900000);
	expect_state(IFW_FLOW_SYN_SENT, IFW_FLOWS_NEW);
	S_PASSES(2, .flags = SYN | ACK, .sequence = 77, .acknowledgement = 900001);
}

Test(flow_tcp, no_segment_of_tcp_at_all)
{
	handshake(0);
	S_DROPS(1, .flags = 0, .sequence = 5001);
	S_DROPS(1, .flags = SYN | RST, .sequence = 5001);
	S_DROPS(1, .flags = SYN | FIN | ACK, .sequence = 5001, .acknowledgement = 1001);
	S_DROPS(1, .flags = FIN, .sequence = 5001);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
}

/* --- How long each state lasts --------------------------------------------------- */

Test(flow_tcp, timeouts)
{
	struct {
		enum ifw_flow_state state;
		double seconds;
	} cases[] = {
		{IFW_FLOW_SYN_SENT, 120},	{IFW_FLOW_SYN_RECEIVED, 60},
		{IFW_FLOW_ESTABLISHED, 432000}, {IFW_FLOW_FIN_WAIT, 120},
		{IFW_FLOW_CLOSE_WAIT, 60},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int late = 0; late < 2; late++) {
			double at = cases[i].seconds - 0.1 + late * 0.2;

			teardown();
			setup();
			world->track.flags &= ~(__u32)IFW_TRACK_PICK_UP;
			C(0, .flags = SYN, .sequence = 1000);
			if (cases[i].state >= IFW_FLOW_SYN_RECEIVED)
				S_PASSES(0, .flags = SYN | ACK, .sequence = 5000,
					 .acknowledgement = 1001);
			if (cases[i].state >= IFW_FLOW_ESTABLISHED)
				C(0, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
			if (cases[i].state >= IFW_FLOW_FIN_WAIT)
				C(0, .flags = FIN | ACK, .sequence = 1001, .acknowledgement = 5001);
			if (cases[i].state >= IFW_FLOW_CLOSE_WAIT)
				S_PASSES(0, .flags = ACK, .sequence = 5001,
					 .acknowledgement = 1002);
			if (cases[i].state == IFW_FLOW_SYN_SENT && late)
				S_DROPS(at, .flags = SYN | ACK, .sequence = 5000,
					.acknowledgement = 1001);
			else if (cases[i].state == IFW_FLOW_SYN_SENT)
				S_PASSES(at, .flags = SYN | ACK, .sequence = 5000,
					 .acknowledgement = 1001);
			else if (late)
				S_DROPS(at, .flags = ACK, .sequence = 5001,
					.acknowledgement = 1001);
			else
				S_PASSES(at, .flags = ACK, .sequence = 5001,
					 .acknowledgement = 1001);
		}
	}
}

/* --- What a rule lets in ----------------------------------------------------------- */

Test(flow_tcp, answers_to_what_came_in_complete_its_handshake)
{
	const struct segment syn = {.flags = SYN, .sequence = 1, .window = 9};
	const struct segment answer = {
		.flags = SYN | ACK, .sequence = 70, .acknowledgement = 2, .window = 9};
	const struct segment ack = {
		.flags = ACK, .sequence = 2, .acknowledgement = 71, .window = 9};

	IN(0, with_segment(tcp("192.0.2.7", 9, "10.9.9.9", 8080), syn), PASS, "rule-pass");
	OUT(1, with_segment(tcp("10.9.9.9", 8080, "192.0.2.7", 9), answer));
	IN(2, with_segment(tcp("192.0.2.7", 9, "10.9.9.9", 8080), ack), PASS, "rule-pass");
	cr_assert_eq(HASH_COUNT(world->flows[IFW_FLOWS_CONNECTED]), 1);
	cr_assert_eq(flow_count(world), 1);
	/* Other ends of the same rule are another flow. */
	IN(3, with_segment(tcp("192.0.2.7", 10, "10.9.9.9", 8080), syn), PASS, "rule-pass");
	cr_assert_eq(flow_count(world), 2);
}

/* --- States ---------------------------------------------------------------------- */

/* Those of the kernel's connection tracking (net/netfilter/nf_conntrack_proto_*.c). */
Test(flow_tcp, timeouts_to_start_with)
{
	static const struct {
		enum ifw_flow_state state;
		__u64 seconds;
	} wanted[] = {
		{IFW_FLOW_SYN_SENT, 120},	{IFW_FLOW_SYN_CROSSED, 120},
		{IFW_FLOW_SYN_RECEIVED, 60},	{IFW_FLOW_ONE_SIDED, 300},
		{IFW_FLOW_ESTABLISHED, 432000}, {IFW_FLOW_FIN_WAIT, 120},
		{IFW_FLOW_CLOSE_WAIT, 60},	{IFW_FLOW_LAST_ACK, 30},
		{IFW_FLOW_TIME_WAIT, 120},	{IFW_FLOW_CLOSED, 10},
		{IFW_FLOW_UDP_UNREPLIED, 30},	{IFW_FLOW_UDP_REPLIED, 120},
		{IFW_FLOW_ICMP_UNREPLIED, 30},	{IFW_FLOW_ICMP_REPLIED, 30},
	};
	const struct ifw_track_settings settings = ifw_track_defaults();

	cr_assert_eq(sizeof(wanted) / sizeof(wanted[0]), IFW_FLOW_STATE_END - 1);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		cr_expect_eq(settings.timeouts_ns[wanted[i].state], wanted[i].seconds * SECOND,
			     "%s", ifw_flow_state_info(wanted[i].state)->name);
	cr_expect_eq(settings.flags, IFW_TRACK_PICK_UP);
}

Test(flow_tcp, what_is_no_state)
{
	cr_expect_null(ifw_flow_state_info(IFW_FLOW_NONE));
	cr_expect_null(ifw_flow_state_info(IFW_FLOW_STATE_END));
	cr_expect_not_null(ifw_flow_state_info(IFW_FLOW_STATE_END - 1));
}
