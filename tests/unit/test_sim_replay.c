/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/capture/capture.c and sim/capture/replay.c: whole captures, and such that are
 * cut, of another link type, or none.
 */
#include <errno.h>
#include <stdio.h>

#include "sim_fixture.h"

#include "sim/capture/replay.h"

#define ETHERNET 1
#define RAW_IP 101
#define LINUX_SLL 113
#define LINUX_SLL2 276
#define NULL_LINK 0
#define IPV4 228
#define IPV6 229

struct capture_bytes {
	uint8_t bytes[4096];
	size_t size;
};

static void add32(struct capture_bytes *c, uint32_t value)
{
	memcpy(c->bytes + c->size, &value, sizeof(value));
	c->size += sizeof(value);
}

/* libpcap's own format, in this machine's byte order. */
static struct capture_bytes begin(uint32_t link)
{
	struct capture_bytes c = {};

	add32(&c, 0xa1b2c3d4);
	add32(&c, 2 | 4 << 16);
	add32(&c, 0);
	add32(&c, 0);
	add32(&c, 65535);
	add32(&c, link);
	return c;
}

static void add_packet(struct capture_bytes *c, const struct frame *frame, size_t captured)
{
	add32(c, 1);
	add32(c, 0);
	add32(c, (uint32_t)captured);
	add32(c, (uint32_t)frame->length);
	memcpy(c->bytes + c->size, frame->bytes, captured);
	c->size += captured;
}

struct seen {
	unsigned int packets, undecided;
	uint8_t reasons[8];
	uint32_t ifindex;
	struct sim_frame reached;
	uint64_t last;
	uint64_t stop_at;
	int answer;
};

static int see(void *arg, const struct replay_packet *packet)
{
	struct seen *seen = arg;

	seen->last = packet->number;
	seen->ifindex = packet->ifindex;
	if (packet->fate == REPLAY_REACHED)
		seen->reached = *packet->frame;
	else if (packet->result)
		seen->reasons[seen->packets++ % 8] = packet->result->decision.reason;
	else
		seen->undecided++;
	return seen->answer;
}

static struct sim_world *world;
static char message[REPLAY_MESSAGE_MAX];

static void setup(void)
{
	world = world_of("interface eth0 index 2 address 10.0.0.1/24\n"
			 "interface tun0 index 3 link raw address 10.0.0.1/24 "
			 "address 2001:db8::1/64\n",
			 "");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(sim_replay, .init = setup, .fini = teardown);

static int replay_by(uint32_t ifindex, struct capture_bytes *c, struct seen *seen)
{
	FILE *file = fmemopen(c->bytes, c->size ? c->size : 1, "r");

	cr_assert_not_null(file);
	if (c->size == 0)
		fgetc(file);
	message[0] = '\0';
	return replay_capture(
		&(struct replay){
			.world = world,
			.ifindex = ifindex,
			.direction = REPLAY_EITHER_WAY,
			.stop_at = seen->stop_at,
			.each = see,
			.arg = seen,
		},
		file, message);
}

static int replay(struct capture_bytes *c, struct seen *seen)
{
	return replay_by(2, c, seen);
}

Test(sim_replay, decides_packet_by_packet)
{
	struct capture_bytes c = begin(ETHERNET);
	struct frame ssh = tcp("192.0.2.1", 5, "10.0.0.1", 22);
	struct frame other = tcp("192.0.2.1", 5, "10.0.0.1", 23);
	struct seen seen = {};

	add_packet(&c, &ssh, ssh.length);
	add_packet(&c, &other, other.length);
	cr_assert_eq(replay(&c, &seen), 0, "%s", message);
	cr_assert_eq(seen.packets, 2);
	cr_assert_eq(seen.last, 2);
	cr_assert_eq(seen.reasons[0], IFW_REASON_SSH);
	cr_assert_eq(seen.reasons[1], IFW_REASON_NO_RULE);
}

/* By the source address of the frame, where the world tells the interface's. */
Test(sim_replay, what_leaves_is_told_by_its_mac)
{
	struct capture_bytes c = begin(ETHERNET);
	struct frame out = udp("10.0.0.1", 5, "192.0.2.1", 53);
	struct frame in = udp("192.0.2.1", 53, "10.0.0.1", 5);
	struct seen seen = {};

	other_world(&world,
		    "interface eth0 index 2 address 10.0.0.1/24 mac 02:00:00:00:00:aB\n"
		    "set eth0 track on\n",
		    "");
	memcpy(out.bytes + 6, "\x02\0\0\0\0\xab", 6);
	add_packet(&c, &in, in.length);
	add_packet(&c, &out, out.length);
	add_packet(&c, &in, in.length);
	cr_assert_eq(replay(&c, &seen), 0, "%s", message);
	cr_assert_eq(seen.reasons[0], IFW_REASON_NO_RULE);
	cr_assert_eq(seen.reasons[1], IFW_REASON_EGRESS_PASS);
	cr_assert_eq(seen.reasons[2], IFW_REASON_TRACKED);
}

Test(sim_replay, a_capture_may_be_empty)
{
	struct capture_bytes c = begin(ETHERNET);
	struct seen seen = {};

	cr_assert_eq(replay(&c, &seen), 0);
	cr_assert_eq(seen.packets, 0);
}

Test(sim_replay, a_cut_packet_is_not_decided)
{
	struct capture_bytes c = begin(ETHERNET);
	struct frame ssh = tcp("192.0.2.1", 5, "10.0.0.1", 22);
	struct seen seen = {};

	add_packet(&c, &ssh, ssh.length - 1);
	add_packet(&c, &ssh, ssh.length);
	cr_assert_eq(replay(&c, &seen), 0);
	cr_assert_eq(seen.undecided, 1);
	cr_assert_eq(seen.packets, 1);
	cr_assert_eq(seen.last, 2);
}

/* Cut anywhere: an error, unless just between two packets. */
Test(sim_replay, a_cut_file_is_an_error_after_what_is_whole)
{
	struct capture_bytes c = begin(ETHERNET);
	struct frame ssh = tcp("192.0.2.1", 5, "10.0.0.1", 22);
	size_t header = c.size, first, whole;

	add_packet(&c, &ssh, ssh.length);
	first = c.size;
	add_packet(&c, &ssh, ssh.length);
	whole = c.size;
	for (size_t size = 1; size < whole; size++) {
		struct seen seen = {};
		int error;

		c.size = size;
		error = replay(&c, &seen);
		cr_assert_eq(error, size == header || size == first ? 0 : -EINVAL, "%zu bytes",
			     size);
		cr_assert_eq(seen.packets, size >= first, "%zu bytes", size);
		cr_assert(!error || message[0], "%zu bytes", size);
	}
}

Test(sim_replay, names_a_link_type_that_is_not_read)
{
	struct capture_bytes any = begin(NULL_LINK);
	struct seen seen = {};

	for (uint32_t ifindex = 2; ifindex <= 3; ifindex++) {
		cr_assert_eq(replay_by(ifindex, &any, &seen), -EPROTONOSUPPORT);
		cr_assert_not_null(strstr(message, "NULL"), "%s", message);
		cr_assert_not_null(strstr(message, "Ethernet"), "%s", message);
	}
}

/* What Linux puts before a packet of any interface: LINKTYPE_LINUX_SLL(7), _SLL2(7). */
static struct frame cooked(struct frame frame, uint32_t link, uint32_t ifindex, uint8_t type)
{
	const uint16_t ethertype = get16(&frame, 12);
	uint8_t header[20] = {};
	const size_t size = link == LINUX_SLL ? 16 : 20;

	if (link == LINUX_SLL) {
		header[1] = type;
		header[14] = ethertype >> 8;
		header[15] = ethertype & 0xff;
	} else {
		header[0] = ethertype >> 8;
		header[1] = ethertype & 0xff;
		header[7] = (uint8_t)ifindex;
		header[10] = type;
	}
	frame = without_ethernet(frame);
	insert(&frame, 0, header, size);
	return frame;
}

Test(sim_replay, cooked_captures_are_for_all_interfaces)
{
	static const uint32_t links[] = {LINUX_SLL, LINUX_SLL2};
	struct frame ssh = tcp("192.0.2.1", 5, "10.0.0.1", 22);
	struct frame ssh6 = tcp("2001:db8::2", 5, "2001:db8::1", 22);
	struct frame out = udp("10.0.0.1", 5, "192.0.2.1", 53);

	for (int i = 0; i < 2; i++) {
		struct capture_bytes c = begin(links[i]);
		struct seen seen = {}, raw = {};
		struct frame made;

		made = cooked(ssh, links[i], 2, 0);
		add_packet(&c, &made, made.length);
		made = cooked(out, links[i], 2, 4);
		add_packet(&c, &made, made.length);
		made = cooked(ssh6, links[i], 3, 0);
		add_packet(&c, &made, made.length);
		cr_assert_eq(replay_by(0, &c, &seen), 0, "%s", message);
		cr_assert_eq(seen.packets, 3);
		cr_assert_eq(seen.reasons[0], IFW_REASON_SSH);
		cr_assert_eq(seen.reasons[1], IFW_REASON_EGRESS_PASS);
		/* 2001:db8::1 is tun0's, which only the newer form tells. */
		cr_assert_eq(seen.reasons[2], i ? IFW_REASON_SSH : IFW_REASON_NO_RULE);
		cr_assert_eq(replay_by(3, &c, &raw), 0, "%s", message);
		cr_assert_eq(raw.reasons[2], IFW_REASON_SSH);
	}
}

Test(sim_replay, of_an_interface_that_the_world_lacks_nothing_is_decided)
{
	struct capture_bytes c = begin(LINUX_SLL2);
	struct frame made = cooked(tcp("192.0.2.1", 5, "10.0.0.1", 22), LINUX_SLL2, 9, 0);
	struct frame cut = {.length = 19};
	struct seen seen = {};

	add_packet(&c, &made, made.length);
	cr_assert_eq(replay_by(0, &c, &seen), 0, "%s", message);
	cr_assert_eq(seen.packets, 0);
	cr_assert_eq(seen.undecided, 1);
	cr_assert_eq(seen.ifindex, 9);
	add_packet(&c, &cut, cut.length);
	cr_assert_eq(replay_by(2, &c, &seen), 0, "%s", message);
	cr_assert_eq(seen.packets, 1);
	cr_assert_eq(seen.undecided, 2);
}

Test(sim_replay, stops_at_a_packet_without_deciding_it)
{
	struct capture_bytes c = begin(ETHERNET);
	struct frame ssh = tcp("192.0.2.1", 5, "10.0.0.1", 22);
	struct seen seen = {.stop_at = 2};

	for (int i = 0; i < 3; i++)
		add_packet(&c, &ssh, ssh.length);
	cr_assert_eq(replay(&c, &seen), 0);
	cr_assert_eq(seen.packets, 1);
	cr_assert_eq(seen.last, 2);
	cr_assert_eq(seen.reached.length, ssh.length);
	cr_assert_eq(seen.reached.ifindex, 2);
	cr_assert_eq(seen.reached.time_ns, 1000000000);
}

Test(sim_replay, raw_captures_are_for_raw_interfaces)
{
	static const uint32_t links[] = {RAW_IP, IPV4, IPV6};
	struct frame ssh = without_ethernet(tcp("192.0.2.1", 5, "10.0.0.1", 22));
	struct frame ssh6 = without_ethernet(tcp("2001:db8::2", 5, "2001:db8::1", 22));
	struct capture_bytes ethernet = begin(ETHERNET);
	struct seen none = {};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct capture_bytes c = begin(links[i]);
		struct seen seen = {};

		if (links[i] != IPV6)
			add_packet(&c, &ssh, ssh.length);
		if (links[i] != IPV4)
			add_packet(&c, &ssh6, ssh6.length);
		cr_assert_eq(replay_by(3, &c, &seen), 0, "%s", message);
		cr_assert_eq(seen.packets, links[i] == RAW_IP ? 2 : 1);
		cr_assert_eq(seen.reasons[0], IFW_REASON_SSH);
		if (links[i] == RAW_IP)
			cr_assert_eq(seen.reasons[1], IFW_REASON_SSH);
		cr_assert_eq(replay_by(2, &c, &none), -EPROTONOSUPPORT);
		cr_assert_not_null(strstr(message, "frames on 'eth0' are Ethernet"), "%s", message);
	}
	cr_assert_eq(replay_by(3, &ethernet, &none), -EPROTONOSUPPORT);
	cr_assert_not_null(strstr(message, "EN10MB, but frames on 'tun0' are raw IP"), "%s",
			   message);
	cr_assert_eq(none.packets + none.undecided, 0);
}

Test(sim_replay, what_is_no_capture_is_refused)
{
	struct capture_bytes junk = {.bytes = "these are some bytes, but no capture", .size = 36};
	struct seen seen = {};

	cr_assert_eq(replay(&junk, &seen), -EINVAL);
	cr_assert_not_null(strstr(message, "not a capture"), "%s", message);
}

Test(sim_replay, ends_where_the_caller_says)
{
	struct capture_bytes c = begin(ETHERNET);
	struct frame ssh = tcp("192.0.2.1", 5, "10.0.0.1", 22);
	struct seen seen = {.answer = -EIO};

	add_packet(&c, &ssh, ssh.length);
	add_packet(&c, &ssh, ssh.length);
	cr_assert_eq(replay(&c, &seen), -EIO);
	cr_assert_eq(seen.packets, 1);
}

/* --- Events -------------------------------------------------------------------- */

static struct frame tcp_with(uint8_t flags)
{
	struct frame frame = tcp("192.0.2.1", 5, "198.51.100.1", 80);

	frame.bytes[L4 + 13] = flags;
	return frame;
}

/* A handshake: the listener's request, the connection, its end. */
Test(sim_replay, sockets_come_and_go_on_the_way)
{
	static const uint8_t flags[] = {0x02, 0x10, 0x18, 0x11, 0x10, 0x02};
	static const uint8_t reasons[] = {IFW_REASON_INTERCEPTED, IFW_REASON_ESTABLISHED,
					  IFW_REASON_ESTABLISHED, IFW_REASON_ESTABLISHED,
					  IFW_REASON_ESTABLISHED, IFW_REASON_NO_LISTENER};
	struct capture_bytes c = begin(ETHERNET);
	struct seen seen = {};

	other_world(&world,
		    "interface eth0 index 2\n"
		    "socket tcp listen 127.0.0.1:1000\n"
		    "after packet 1: socket tcp syn-recv 198.51.100.1:80 192.0.2.1:5\n"
		    "after packet 2: socket tcp established 198.51.100.1:80 192.0.2.1:5 # it is\n"
		    "after packet 4 socket tcp time-wait 198.51.100.1:80 192.0.2.1:5\n"
		    "after packet 5 close tcp 198.51.100.1:80 192.0.2.1:5\n"
		    "after packet 5 close tcp 127.0.0.1:1000\n",
		    "intercept tcp to 198.51.100.0/24 port 80 via 1000\n");
	for (size_t i = 0; i < sizeof(flags); i++) {
		struct frame made = tcp_with(flags[i]);

		add_packet(&c, &made, made.length);
	}
	cr_assert_eq(replay(&c, &seen), 0, "%s", message);
	cr_assert_eq(seen.packets, sizeof(flags));
	cr_assert_arr_eq(seen.reasons, reasons, sizeof(reasons));
}

Test(sim_replay, time_and_settings_change_on_the_way)
{
	struct capture_bytes c = begin(ETHERNET);
	struct frame in = udp("192.0.2.1", 53, "10.0.0.1", 5);
	struct frame ssh = tcp("192.0.2.1", 5, "10.0.0.1", 22);
	struct seen seen = {};

	other_world(&world,
		    "interface eth0 index 2 address 10.0.0.1/24\nset eth0 track on\n"
		    "flow udp 10.0.0.1:5 192.0.2.1:53 idle 50\n"
		    "after packet 1 wait 119\nafter packet 2 wait 120\n"
		    "after packet 4 set eth0 ssh off\n",
		    "");
	add_packet(&c, &in, in.length);
	add_packet(&c, &in, in.length);
	add_packet(&c, &in, in.length);
	add_packet(&c, &ssh, ssh.length);
	add_packet(&c, &ssh, ssh.length);
	cr_assert_eq(replay(&c, &seen), 0, "%s", message);
	cr_assert_eq(seen.reasons[0], IFW_REASON_TRACKED);
	cr_assert_eq(seen.reasons[1], IFW_REASON_TRACKED);
	cr_assert_eq(seen.reasons[2], IFW_REASON_NO_RULE);
	cr_assert_eq(seen.reasons[3], IFW_REASON_SSH);
	cr_assert_eq(seen.reasons[4], IFW_REASON_NO_RULE);
}
