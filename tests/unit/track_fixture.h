/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * track_fixture.h - packets that leave and come in at given times, and TCP
 * segments, for tests of tracking.
 */
#ifndef IFW_TESTS_TRACK_FIXTURE_H
#define IFW_TESTS_TRACK_FIXTURE_H

#include "sim_fixture.h"

#define SECOND 1000000000ULL
#define START (1000 * SECOND) /* of the clock: a time before it must exist */

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

#define SEGMENT_WINDOW 1000

/* A packet of TCP, with its numbers. */
struct segment {
	uint8_t flags;
	uint32_t sequence, acknowledgement;
	uint32_t data;	 /* bytes */
	uint16_t window; /* 0: SEGMENT_WINDOW */
	uint8_t scale;	 /* of a SYN; 0: no such option */
};

static inline __attribute__((unused)) void put32(struct frame *frame, size_t at, uint32_t value)
{
	put16(frame, at, (uint16_t)(value >> 16));
	put16(frame, at + 2, (uint16_t)value);
}

static inline __attribute__((unused)) struct frame with_segment(struct frame frame,
								struct segment segment)
{
	const size_t l4 = is_ipv6(&frame) ? L4_IPV6 : L4;

	put32(&frame, l4 + 4, segment.sequence);
	put32(&frame, l4 + 8, segment.acknowledgement);
	frame.bytes[l4 + 13] = segment.flags;
	put16(&frame, l4 + 14, segment.window ? segment.window : SEGMENT_WINDOW);
	if (segment.scale) {
		/* Behind an option of another kind, and one byte of padding. */
		const uint8_t options[8] = {2, 4, 5, 0xb4, 3, 3, segment.scale, 1};

		frame = padded(frame, sizeof(options));
		memcpy(frame.bytes + l4 + 20, options, sizeof(options));
		frame.bytes[l4 + 12] = 7 << 4;
	}
	return segment.data ? padded(frame, segment.data) : frame;
}

/* An echo request or an answer to one. */
static inline __attribute__((unused)) struct frame echo(const char *src, const char *dst,
							bool request, uint16_t id)
{
	struct frame frame = udp(src, 0, dst, 0);
	const bool ipv6 = is_ipv6(&frame);
	const size_t l4 = ipv6 ? L4_IPV6 : L4;

	frame.bytes[L3 + (ipv6 ? 6 : 9)] = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	memset(frame.bytes + l4, 0, 8);
	frame.bytes[l4] = ipv6 ? (request ? 128 : 129) : (request ? 8 : 0);
	put16(&frame, l4 + 4, id);
	return frame;
}

#define IN_AT(seconds) ((struct sim_frame){.time_ns = START + (uint64_t)((seconds)*SECOND)})
#define OUT_AT(seconds)                                                                            \
	((struct sim_frame){.time_ns = START + (uint64_t)((seconds)*SECOND),                       \
			    .direction = IFW_DIRECTION_OUT})

/* So many seconds after the start: it comes in, or leaves, and is decided so. */
#define IN(at, made, verdict, reason) EXPECT_WITH(world, "eth0", made, IN_AT(at), verdict, reason)
#define IN1(at, made, verdict, reason) EXPECT_WITH(world, "eth1", made, IN_AT(at), verdict, reason)
#define OUT(at, made) EXPECT_WITH(world, "eth0", made, OUT_AT(at), PASS, "egress-pass")
#define OUT1(at, made) EXPECT_WITH(world, "eth1", made, OUT_AT(at), PASS, "egress-pass")

/* The flow with these ends, in whatever class; NULL: there is none. */
static inline __attribute__((unused)) const struct ifw_flow *
flow_of(const struct sim_world *world, struct frame frame, enum ifw_flow_class *class)
{
	for (int c = 0; c < IFW_FLOW_CLASSES; c++) {
		for (struct sim_flow *flow = world->flows[c]; flow; flow = flow->hh.next) {
			const struct ifw_flow_key *key = &flow->key;
			const size_t l4 = is_ipv6(&frame) ? L4_IPV6 : L4;
			uint16_t a = get16(&frame, l4), b = get16(&frame, l4 + 2);

			if ((key->low_port != a || key->high_port != b) &&
			    (key->low_port != b || key->high_port != a))
				continue;
			*class = (enum ifw_flow_class)c;
			return &flow->value;
		}
	}
	return NULL;
}

static inline __attribute__((unused)) unsigned int flow_count(const struct sim_world *world)
{
	unsigned int count = 0;

	for (int c = 0; c < IFW_FLOW_CLASSES; c++)
		count += HASH_COUNT(world->flows[c]);
	return count;
}

#endif /* IFW_TESTS_TRACK_FIXTURE_H */
