/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/flow_tcp.h: which sequence numbers a connection's segments may have, and
 * the options that windows are scaled by.
 */
#include "flow_tcp_fixture.h"

TestSuite(flow_tcp, .init = setup, .fini = teardown);

Test(flow_tcp, what_is_outside_the_windows_is_no_answer)
{
	handshake(0);
	/* The client has room for 1000 bytes from 5001. */
	S_PASSES(1, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .data = 1000);
	S_DROPS(1, .flags = ACK, .sequence = 6002, .acknowledgement = 1001, .data = 1);
	S_DROPS(1, .flags = ACK, .sequence = 5001 - 1000, .acknowledgement = 1001, .data = 999);
	/* It acknowledges what the client has not sent, or what lies far behind. */
	S_DROPS(1, .flags = ACK, .sequence = 6001, .acknowledgement = 1002);
	S_DROPS(1, .flags = ACK, .sequence = 6001, .acknowledgement = 1001 - 66001);
	S_PASSES(1, .flags = ACK, .sequence = 6001, .acknowledgement = 1001);
	/* More room: an acknowledgement moves the window on. */
	C(2, .flags = ACK, .sequence = 1001, .acknowledgement = 6001);
	S_PASSES(3, .flags = ACK, .sequence = 6001, .acknowledgement = 1001, .data = 900);
	/* Repeats, keep-alives and probes of an empty window. */
	S_PASSES(4, .flags = ACK, .sequence = 6001, .acknowledgement = 1001, .data = 900);
	S_PASSES(4, .flags = ACK, .sequence = 6900, .acknowledgement = 1001);
}

Test(flow_tcp, windows_are_scaled_as_agreed)
{
	C(0, .flags = SYN, .sequence = 1000, .scale = 7);
	S_PASSES(0, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001, .scale = 2);
	C(0, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	S_PASSES(1, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .data = 1000);
	S_PASSES(1, .flags = ACK, .sequence = 5001 + 128000, .acknowledgement = 1001);
	S_DROPS(1, .flags = ACK, .sequence = 5001 + 128001, .acknowledgement = 1001);
}

/* RFC 7323 2.2: only where both offer it. */
Test(flow_tcp, a_scale_of_one_side_alone_does_not_count)
{
	C(0, .flags = SYN, .sequence = 1000, .scale = 7);
	S_PASSES(0, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	C(0, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	S_DROPS(1, .flags = ACK, .sequence = 5001 + 1001, .acknowledgement = 1001);
}

/* RFC 7323 2.3: a larger one counts as 14. */
Test(flow_tcp, no_scale_is_above_14)
{
	C(0, .flags = SYN, .sequence = 1000, .scale = 20);
	S_PASSES(0, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001, .scale = 2);
	C(0, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	S_PASSES(1, .flags = ACK, .sequence = 5001 + (1000 << 14), .acknowledgement = 1001);
}

/* options: eight bytes of a SYN's. Whether a window scale of 7 is read from them. */
static bool reads_scale(const uint8_t *options)
{
	struct frame syn =
		from_client((struct segment){.flags = SYN, .sequence = 1000, .scale = 1});
	struct frame probe = from_server(
		(struct segment){.flags = ACK, .sequence = 5001 + 128000, .acknowledgement = 1001});

	teardown();
	setup();
	memcpy(syn.bytes + L4 + 20, options, 8);
	OUT1(0, syn);
	S_PASSES(0, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001, .scale = 2);
	C(0, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	return decide_with(world, "eth1", &probe, IN_AT(1)).decision.verdict == IFW_VERDICT_PASS;
}

Test(flow_tcp, options_are_walked)
{
	cr_expect(reads_scale((const uint8_t[8]){1, 3, 3, 7, 0}));
	cr_expect(reads_scale((const uint8_t[8]){1, 1, 1, 1, 1, 3, 3, 7}));
	cr_expect(reads_scale((const uint8_t[8]){8, 4, 0, 0, 3, 3, 7, 0}));
	cr_expect_not(reads_scale((const uint8_t[8]){0, 2, 3, 3, 7, 0, 0, 0}), "behind the end");
	cr_expect_not(reads_scale((const uint8_t[8]){1, 1, 1, 1, 1, 1, 3, 3}), "cut off");
	cr_expect_not(reads_scale((const uint8_t[8]){9, 0, 3, 3, 7, 0, 0, 0}), "no length");
	cr_expect_not(reads_scale((const uint8_t[8]){9, 1, 3, 3, 7, 0, 0, 0}),
		      "a length that does not hold itself");
	cr_expect_not(reads_scale((const uint8_t[8]){3, 4, 7, 7, 0, 0, 0, 0}), "another length");
}

/* The last three of the 40 bytes that there can be. */
Test(flow_tcp, options_are_walked_to_their_end)
{
	struct frame syn = from_client((struct segment){.flags = SYN, .sequence = 1000});

	syn = padded(syn, 40);
	syn.bytes[L4 + 12] = 15 << 4;
	memset(syn.bytes + L4 + 20, 1, 37);
	memcpy(syn.bytes + L4 + 20 + 37, (const uint8_t[3]){3, 3, 7}, 3);
	OUT1(0, syn);
	S_PASSES(0, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001, .scale = 2);
	C(0, .flags = ACK, .sequence = 1001, .acknowledgement = 5001);
	S_PASSES(1, .flags = ACK, .sequence = 5001 + 128000, .acknowledgement = 1001);
	S_DROPS(1, .flags = ACK, .sequence = 5001 + 128001, .acknowledgement = 1001);
}

/* What came before may come again as far back as the largest window that was offered. */
Test(flow_tcp, the_largest_window_counts)
{
	for (int in_syn = 0; in_syn < 2; in_syn++) {
		teardown();
		setup();
		C(0, .flags = SYN, .sequence = 1000, .window = in_syn ? 5000 : 1000);
		S_PASSES(0, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
		C(0, .flags = ACK, .sequence = 1001, .acknowledgement = 5001,
		  .window = in_syn ? 1000 : 5000);
		S_PASSES(1, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .data = 1000);
		C(1, .flags = ACK, .sequence = 1001, .acknowledgement = 6001);
		S_PASSES(1, .flags = ACK, .sequence = 6001, .acknowledgement = 1001, .data = 1000);
		C(1, .flags = ACK, .sequence = 1001, .acknowledgement = 7001);
		S_PASSES(1, .flags = ACK, .sequence = 5001, .acknowledgement = 1001, .data = 100);
	}
}

/* In the handshake both have room for what the first packets offer. */
Test(flow_tcp, windows_hold_from_the_first_packet_on)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	S_PASSES(1, .flags = ACK, .sequence = 5501, .acknowledgement = 1001, .data = 500);
	S_DROPS(1, .flags = ACK, .sequence = 6002, .acknowledgement = 1001);
	S_DROPS(1, .flags = SYN, .sequence = 5000);
	expect_state(IFW_FLOW_SYN_RECEIVED, IFW_FLOWS_NEW); /* its acknowledgement has not come */
	C(2, .flags = ACK, .sequence = 1001, .acknowledgement = 5001, .data = 500);
	C(2, .flags = ACK, .sequence = 1501, .acknowledgement = 5001, .data = 500);
	S_PASSES(3, .flags = ACK, .sequence = 6001, .acknowledgement = 2001);
}

/* What the answer offers is room for more than one segment. */
Test(flow_tcp, the_first_answer_opens_the_window)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(1, .flags = SYN | ACK, .sequence = 5000, .acknowledgement = 1001);
	C(2, .flags = ACK, .sequence = 1001, .acknowledgement = 5001, .data = 500);
	C(2, .flags = ACK, .sequence = 1501, .acknowledgement = 5001, .data = 500);
	S_PASSES(3, .flags = ACK, .sequence = 5001, .acknowledgement = 2001);
}

Test(flow_tcp, sequence_numbers_wrap)
{
	C(0, .flags = SYN, .sequence = 0xfffffff0);
	S_PASSES(0, .flags = SYN | ACK, .sequence = 0xffffffff, .acknowledgement = 0xfffffff1);
	C(0, .flags = ACK, .sequence = 0xfffffff1, .acknowledgement = 0, .data = 100);
	expect_state(IFW_FLOW_ESTABLISHED, IFW_FLOWS_CONNECTED);
	S_PASSES(1, .flags = ACK, .sequence = 0, .acknowledgement = 85, .data = 100);
	S_DROPS(1, .flags = ACK, .sequence = 100, .acknowledgement = 86);
	S_DROPS(1, .flags = ACK, .sequence = 0xffff0000, .acknowledgement = 85);
}

/* Where the side that answers stands is what it says, and not what it stood at before: 0. */
Test(flow_tcp, an_answer_just_before_the_numbers_wrap)
{
	C(0, .flags = SYN, .sequence = 1000);
	S_PASSES(0, .flags = SYN | ACK, .sequence = 0xffffff00, .acknowledgement = 1001);
	C(0, .flags = ACK, .sequence = 1001, .acknowledgement = 0xffffff01);
	S_PASSES(1, .flags = ACK, .sequence = 0xffffff01 - 1000, .acknowledgement = 1001);
	S_DROPS(1, .flags = ACK, .sequence = 0xffffff01 - 1001, .acknowledgement = 1001);
}

Test(flow_tcp, windows_need_not_be_looked_at)
{
	world->track.flags |= IFW_TRACK_LIBERAL;
	handshake(0);
	S_PASSES(1, .flags = ACK, .sequence = 123456789, .acknowledgement = 1);
	S_DROPS(1, .flags = SYN, .sequence = 5001);
}
