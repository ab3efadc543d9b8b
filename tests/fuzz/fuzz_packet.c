/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_packet.c - packets into the decision, coming in and leaving, one after
 * the other in one world. An input is not bytes of a frame but how to make
 * frames: which one, wrapped in what, cut where and with which bytes changed, so
 * that most of them get past the first checks. A helper may fail in each.
 */
#include <errno.h>

#include "fuzz.h"
#include "tests/unit/track_fixture.h"

#define PACKETS_MAX 24
#define QUOTED_MAX 600 /* bytes: what is wrapped must leave room for what is around it */

static const char world_text[] =
	"interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"
	"interface eth1 index 3 address 172.16.0.1/16 address fd00::1/8\n"
	"interface eth2 index 4 addresses unknown\n"
	"interface tun0 index 5 address 10.9.0.1/24 link raw\n"
	"interface eth3 index 6 no settings\n"
	"set eth0 geneve on\n"
	"set eth0 echo on\n"
	"set eth0 track on\n"
	"set eth0 verbose 2\n"
	"set eth0 mark 0x100 mask 0x300\n"
	"set eth1 track on\n"
	"set eth1 egress-default deny\n"
	"set eth1 geneve from 192.0.2.0/24,2001:db8::/32\n"
	"set eth1 pass-protocol 47,50\n"
	"set eth1 pass-ethertype 0x88cc\n"
	"set tun0 track on\n"
	"set tun0 egress-default deny\n"
	"track flows 16\n"
	"flow tcp 10.0.0.1:80 192.0.2.1:5 state established\n"
	"flow udp 192.0.2.1:7 10.0.0.1:9 came-in\n"
	"socket tcp listen 127.0.0.1:1000\n"
	"socket tcp listen [::1]:1000\n"
	"socket udp bound 127.0.0.1:1000\n"
	"socket tcp established 10.0.0.1:80 192.0.2.1:5 reuseport\n"
	"socket tcp time-wait 10.0.0.1:22 192.0.2.1:6\n"
	"socket udp connected 10.0.0.1:53 192.0.2.1:5\n"
	"socket tcp syn-sent [2001:db8::1]:80 [2001:db8:2::1]:5\n";

static const char rules_text[] =
	"intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:1000\n"
	"intercept udp to 10.0.0.0/8 port 80-443 via 127.0.0.1:1000 from 192.0.2.0/24\n"
	"deny tcp to 10.0.0.0/24 port 81 on eth0\n"
	"pass udp to 0.0.0.0/0 port 0-100\n"
	"intercept tcp to 2001:db8::/32 port 80-443 via [::1]:1000\n"
	"pass udp to ::/0 port 5-9 from 2001:db8::/32\n"
	"deny udp to 2001:db8:2::/48 port 7 on eth0,eth1\n"
	"egress deny tcp to 192.0.2.0/24 port 80\n"
	"egress pass udp to 0.0.0.0/0 port 53 on eth1\n"
	"egress pass tcp to ::/0 port 443\n";

static const char *const addresses[2][8] = {
	{"10.0.0.1", "192.0.2.1", "10.0.0.9", "172.16.0.1", "127.0.0.1", "255.255.255.255",
	 "224.0.0.251", "0.0.0.0"},
	{"2001:db8::1", "2001:db8:2::1", "2001:db8::9", "fd00::1", "::1", "fe80::1", "ff02::1",
	 "::"},
};
static const uint16_t ports[] = {0, 5, 7, 22, 53, 67, 68, 80, 81, 443, 546, 547, 6081, 65535};

static uint16_t take_port(struct input *in)
{
	return ports[take(in) % (sizeof(ports) / sizeof(ports[0]))];
}

/* TCP, UDP or an echo, without anything around it. */
static struct frame take_plain(struct input *in)
{
	const uint8_t how = take(in), ends = take(in);
	const int family = how & 1;
	const char *src = addresses[family][ends & 7], *dst = addresses[family][ends >> 3 & 7];
	const uint16_t src_port = take_port(in), dst_port = take_port(in);
	struct segment segment;

	switch (how >> 1 & 3) {
	case 0:
		return padded(udp(src, src_port, dst, dst_port), take(in));
	case 1:
		return echo(src, dst, how & 8, src_port);
	default:
		segment = (struct segment){
			.flags = take(in),
			.sequence = take(in) * 200U,
			.acknowledgement = take(in) * 200U,
			.data = take(in),
			.window = take(in),
			.scale = how >> 4,
		};
		return with_segment(tcp(src, src_port, dst, dst_port), segment);
	}
}

/* The frame, quoted by an error, wrapped, behind options, or a piece of it. */
static struct frame take_around(struct input *in, struct frame frame)
{
	const uint8_t how = take(in), which = take(in);
	const int family = is_ipv6(&frame);
	const char *src = addresses[which & 1][which >> 1 & 7];
	const char *dst = addresses[which & 1][which >> 4 & 7];
	uint8_t bytes[40];

	switch (how & 15) {
	case 0:
		return icmp_error(src, dst, family ? 1 + (how >> 4 & 3) : 3 + (how >> 4) % 10,
				  take(in) & 15, &frame);
	case 1:
		return geneve(src, dst, how >> 4, which & 8, &frame);
	case 2:
		/* Nothing lies behind the end. */
		if (frame.length <= (family ? L4_IPV6 : L4) + (how >> 4) * 8U)
			return frame;
		return fragment_of(frame, which & 3, (how >> 4) * 8U, 8 + 8U * (which >> 2));
	case 3:
	case 4:
		take_bytes(in, bytes, sizeof(bytes));
		if (family) {
			static const uint8_t types[] = {0, 43, 44, 51, 60, 135, 139, 140};
			const uint8_t words = which & 3;

			bytes[1] = words;
			return extended(frame, types[how >> 4 & 7], bytes, 8 + 8U * words);
		}
		insert(&frame, L4, bytes, 4U * (which % 10));
		frame.bytes[L3] = (uint8_t)(0x45 + which % 10);
		grow_ip(&frame, 4 * (which % 10));
		return frame;
	case 5:
		take_bytes(in, bytes, 4);
		bytes[0] = 0x81;
		bytes[1] = 0;
		insert(&frame, 12, bytes, 4);
		return frame;
	case 6:
		frame.bytes[L3 + (family ? 6 : 9)] = which;
		return frame;
	case 7:
		put16(&frame, 12, (uint16_t)(which & 1 ? ETH_P_ARP : 0x8800 | which));
		return frame;
	case 8:
		if (family && frame.length >= L4_IPV6 + 8) { /* discovery */
			frame.bytes[L3 + 6] = IPPROTO_ICMPV6;
			frame.bytes[L3 + 7] = how >> 4 & 1 ? 255 : 64;
			frame.bytes[L4_IPV6] = 128 + (which & 31);
			frame.bytes[L4_IPV6 + 1] = 0;
		}
		return frame;
	default:
		return frame;
	}
}

static void edit(struct input *in, struct frame *frame)
{
	for (uint8_t edits = take(in) & 7; edits; edits--) {
		const uint16_t at = take16(in);

		if (at >> 15)
			frame->length = frame->length ? at % (frame->length + 1) : 0;
		else if (frame->length)
			frame->bytes[at % frame->length] = take(in);
	}
}

static struct frame take_frame(struct input *in, bool raw)
{
	struct frame frame = take_plain(in);

	for (uint8_t layers = take(in) & 3; layers; layers--)
		if (frame.length <= QUOTED_MAX)
			frame = take_around(in, frame);
	if (raw)
		frame = without_ethernet(frame);
	edit(in, &frame);
	return frame;
}

static void decide(struct sim_world *world, struct input *in, uint64_t *now)
{
	static const char *const ifaces[] = {"eth0", "eth0", "eth1", "eth2",
					     "tun0", "eth3", "lo",   "none"};
	const uint8_t where = take(in), how = take(in);
	const char *iface = ifaces[where & 7];
	struct frame made = take_frame(in, strcmp(iface, "tun0") == 0);
	struct sim_frame frame = {
		.data = made.bytes,
		.length = made.length,
		.ifindex = sim_world_ifindex(world, iface),
		.mark = MARK_BEFORE,
		.gso_segs = how >> 4 & 1 ? 4 : 0,
		.tags = how >> 5 & 1,
		.direction = where >> 3 & 1 ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN,
	};
	struct sim_result result;
	int error;

	*now += 1 + (uint64_t)(how & 15) * (how & 15) * SECOND;
	frame.time_ns = *now;
	sim_world_fail_call(world, where >> 4 == 15 ? take(in) & 63 : 0);
	error = sim_decide(world, &frame, &result);
	HOLDS(error == 0, "%s", error == -EPROTO ? result.violation : "no memory");
	HOLDS(result.decision.marked == (result.mark != MARK_BEFORE));
	HOLDS(!result.decision.assigned || result.decision.marked);
	HOLDS(!(result.mark & ~(MARK_BEFORE | 0x320U)), "mark %#x", result.mark);
	HOLDS(frame.direction == IFW_DIRECTION_IN || !result.decision.marked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct sim_world *world = world_of(world_text, rules_text);
	uint64_t now = START;

	for (int i = 0; i < PACKETS_MAX && in.size; i++)
		decide(world, &in, &now);
	sim_world_destroy(world);
	return 0;
}
