/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/flow_tcp.h: connections of which the beginning was not seen, or came in
 * fragments.
 */
#include "flow_tcp_fixture.h"

TestSuite(flow_tcp, .init = setup, .fini = teardown);

Test(flow_tcp, picked_up_under_way)
{
	S_DROPS(0, .flags = ACK, .sequence = 5001, .acknowledgement = 1001);
	C(1, .flags = ACK, .sequence = 1001, .acknowledgement = 5001, .data = 10);
	expect_state(IFW_FLOW_ONE_SIDED, IFW_FLOWS_NEW);
	S_PASSES(2, .flags = ACK, .sequence = 5001, .acknowledgement = 1011);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	S_PASSES(3, .flags = ACK, .sequence = 77777, .acknowledgement = 1);
}

/* Nobody has shown to be there yet: what this side says of its end is not believed either. */
Test(flow_tcp, one_side_alone_does_not_finish)
{
	C(0, .flags = ACK, .sequence = 1001, .acknowledgement = 5001, .data = 10);
	C(1, .flags = FIN | ACK, .sequence = 1011, .acknowledgement = 5001);
	expect_state(IFW_FLOW_ONE_SIDED, IFW_FLOWS_NEW);
	S_PASSES(2, .flags = ACK, .sequence = 5001, .acknowledgement = 1012);
	expect_state(IFW_FLOW_CLOSE_WAIT, IFW_FLOWS_CONNECTED);
}

Test(flow_tcp, not_picked_up_where_that_is_off)
{
	world->track.flags &= ~(__u32)IFW_TRACK_PICK_UP;
	C(1, .flags = ACK, .sequence = 1001, .acknowledgement = 5001, .data = 10);
	S_DROPS(2, .flags = ACK, .sequence = 5001, .acknowledgement = 1011);
	cr_assert_eq(flow_count(world), 0);
	handshake(3);
	S_PASSES(4, .flags = ACK, .sequence = 5001, .acknowledgement = 1001);
}

/* What ends a connection begins none, nor does an answer to a SYN that was not seen. */
Test(flow_tcp, what_begins_no_flow)
{
	C(0, .flags = RST, .sequence = 1001);
	C(0, .flags = FIN | ACK, .sequence = 1001, .acknowledgement = 5001);
	C(0, .flags = SYN | ACK, .sequence = 1000, .acknowledgement = 5001);
	C(0, .flags = RST | ACK, .sequence = 1000, .acknowledgement = 1);
	C(0, .flags = 0, .sequence = 1000);
	cr_assert_eq(flow_count(world), 0);
}

/* The SYN's answer went another way: as if picked up, and short-lived. */
Test(flow_tcp, a_handshake_half_seen)
{
	C(0, .flags = SYN, .sequence = 1000);
	C(1, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	expect_state(IFW_FLOW_ONE_SIDED, IFW_FLOWS_NEW);
	S_PASSES(2, .flags = ACK, .sequence = 5001, .acknowledgement = 1001);
	expect_state(IFW_FLOW_ONE_SIDED, IFW_FLOWS_NEW);
	S_PASSES(3, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .data = 1);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
}

/* Where the other side stands is then known from what was acknowledged, wherever that is. */
Test(flow_tcp, a_handshake_half_seen_ends_as_others_do)
{
	C(0, .flags = SYN, .sequence = 1000);
	C(1, .flags = ACK, .sequence = 1001, .acknowledgement = 0x90000001);
	S_PASSES(2, .flags = FIN | ACK, .sequence = 0x90000001, .acknowledgement = 1001);
	expect_state(IFW_FLOW_FIN_WAIT, IFW_FLOWS_CONNECTED);
	C(3, .flags = ACK, .sequence = 1001, .acknowledgement = 0x90000002);
	expect_state(IFW_FLOW_CLOSE_WAIT, IFW_FLOWS_CONNECTED);
}

Test(flow_tcp, a_handshake_half_seen_without_pick_up)
{
	world->track.flags &= ~(__u32)IFW_TRACK_PICK_UP;
	C(0, .flags = SYN, .sequence = 1000);
	C(1, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	expect_state(IFW_FLOW_SYN_SENT, IFW_FLOWS_NEW);
}

/* RFC 9293 3.5.1: the server still has an old connection, and says so. */
Test(flow_tcp, half_open_discovery)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = ACK, .sequence = 99999, .acknowledgement = 777);
	expect_state(IFW_FLOW_SYN_SENT, IFW_FLOWS_NEW);
	C(1, .flags = RST, .sequence = 777);
	expect_state(IFW_FLOW_SYN_SENT, IFW_FLOWS_NEW);
	C(2, .flags = SYN, .sequence = 1000);
	S_PASSES(3, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
}

/* Fragments hold a part of the segment: its length is unknown, and windows with it. */
Test(flow_tcp, a_fragment_makes_it_liberal)
{
	struct frame part;

	handshake(0);
	part = from_client((struct segment){
		.flags = ACK,
		.sequence = 1001,
		.acknowledgement = 5001,
		.data = 400,
	});
	OUT1(1, fragment_of(part, 9, 0, 104));
	S_PASSES(2, .flags = ACK, .sequence = 5001, .acknowledgement = 1401);
}

/* RFC 7413: data in the SYN, and that in fragments. */
Test(flow_tcp, a_fragmented_syn)
{
	struct frame syn =
		from_client((struct segment){.flags = SYN, .sequence = 1000, .data = 400});

	OUT1(0, fragment_of(syn, 9, 0, 104));
	S_PASSES(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	C(1, .flags = ACK, .sequence = 1401, .acknowledgement = 5001);
	S_PASSES(2, .flags = ACK, .sequence = 5001, .acknowledgement = 1401);
}

/* The part that comes later makes it liberal as well as the first packet does. */
Test(flow_tcp, a_syn_that_is_fragmented_when_said_again)
{
	struct frame syn =
		from_client((struct segment){.flags = SYN, .sequence = 1000, .data = 400});
	enum ifw_flow_class class;

	OUT1(0, syn);
	cr_assert_eq(flow_of(world, syn, &class)->liberal, 0);
	OUT1(1, fragment_of(syn, 9, 0, 104));
	cr_assert_eq(flow_of(world, syn, &class)->liberal, 1);
}
