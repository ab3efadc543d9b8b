/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * take_frame.h - frames out of an input that is not their bytes but how to make
 * them: which one, wrapped in what, cut where and with which bytes changed, so that
 * most of them get past the first checks.
 */
#ifndef IFW_FUZZ_TAKE_FRAME_H
#define IFW_FUZZ_TAKE_FRAME_H

#include "fuzz.h"
#include "tests/unit/track_fixture.h"

#define QUOTED_MAX 600 /* bytes: what is wrapped must leave room for what is around it */

/* By [IPv6]; worlds have some of them. */
static const char *const taken_addresses[2][8] = {
	{"10.0.0.1", "192.0.2.1", "10.0.0.9", "172.16.0.1", "127.0.0.1", "255.255.255.255",
	 "224.0.0.251", "0.0.0.0"},
	{"2001:db8::1", "2001:db8:2::1", "2001:db8::9", "fd00::1", "::1", "fe80::1", "ff02::1",
	 "::"},
};
static const uint16_t taken_ports[] = {0, 5, 7, 22, 53, 67, 68, 80, 81, 443, 546, 547, 6081, 65535};

static inline __attribute__((unused)) uint16_t take_port(struct input *in)
{
	return taken_ports[take(in) % (sizeof(taken_ports) / sizeof(taken_ports[0]))];
}

/* TCP, UDP or an echo, without anything around it. */
static inline __attribute__((unused)) struct frame take_plain(struct input *in)
{
	const uint8_t how = take(in), ends = take(in);
	const int family = how & 1;
	const char *src = taken_addresses[family][ends & 7],
		   *dst = taken_addresses[family][ends >> 3 & 7];
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
static inline __attribute__((unused)) struct frame take_around(struct input *in, struct frame frame)
{
	const uint8_t how = take(in), which = take(in);
	const int family = is_ipv6(&frame);
	const char *src = taken_addresses[which & 1][which >> 1 & 7];
	const char *dst = taken_addresses[which & 1][which >> 4 & 7];
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

static inline __attribute__((unused)) void edit(struct input *in, struct frame *frame)
{
	for (uint8_t edits = take(in) & 7; edits; edits--) {
		const uint16_t at = take16(in);

		if (at >> 15)
			frame->length = frame->length ? at % (frame->length + 1) : 0;
		else if (frame->length)
			frame->bytes[at % frame->length] = take(in);
	}
}

static inline __attribute__((unused)) struct frame take_frame(struct input *in, bool raw)
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

#endif /* IFW_FUZZ_TAKE_FRAME_H */
