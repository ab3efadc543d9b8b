/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sim_fixture.h - worlds, rules and frames for tests of the decision.
 */
#ifndef IFW_TESTS_SIM_FIXTURE_H
#define IFW_TESTS_SIM_FIXTURE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "datapath/parse.h"
#include "ruleset/grammar.h"
#include "sim/flow.h"
#include "sim/world.h"

#define FRAME_MAX 2048
#define L3 14	     /* offset of the IP header */
#define L4 (L3 + 20) /* of the transport, without options */
#define L4_IPV6 (L3 + 40)

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t length;
};

static inline __attribute__((unused)) void fixture_diagnose(void *arg, const struct diagnostic *d)
{
	(void)arg;
	if (d->severity == SEVERITY_ERROR)
		cr_log_error("%u:%u: %s", d->line, d->column, d->message);
}

static inline __attribute__((unused)) struct sim_world *world_of(const char *text,
								 const char *rules)
{
	struct rule_set set = {};
	struct sim_world *world;

	cr_assert_eq(sim_world_create(&world), 0);
	cr_assert_eq(sim_world_parse(world, text, strlen(text), fixture_diagnose, NULL), 0);
	set.names = *sim_world_names(world);
	cr_assert_eq(grammar_parse_set(rules, strlen(rules), &set, fixture_diagnose, NULL), 0);
	cr_assert_eq(sim_world_set_rules(world, &set), 0);
	rule_set_clear(&set);
	return world;
}

/* In place of a world, which goes. */
static inline __attribute__((unused)) void other_world(struct sim_world **world, const char *text,
						       const char *rules)
{
	sim_world_destroy(*world);
	*world = world_of(text, rules);
}

/* The frame that a flow's packet is, in bytes, which have room for FLOW_FRAME_MAX. */
static inline __attribute__((unused)) struct sim_frame
frame_of_flow(const struct flow *flow, uint32_t ifindex, uint8_t *bytes, uint64_t time_ns)
{
	return (struct sim_frame){
		.data = bytes,
		.length = flow_frame(flow, bytes),
		.ifindex = ifindex,
		.time_ns = time_ns,
		.direction = flow->direction,
	};
}

static inline __attribute__((unused)) struct ifw_addr addr_of(const char *text)
{
	struct in6_addr in6;
	struct in_addr in;
	uint32_t words[4];

	if (inet_pton(AF_INET, text, &in) == 1)
		return ifw_addr_from_ipv4(in.s_addr);
	cr_assert_eq(inet_pton(AF_INET6, text, &in6), 1, "%s", text);
	memcpy(words, &in6, sizeof(words));
	return ifw_addr_from_ipv6(words);
}

static inline __attribute__((unused)) struct frame
make(uint8_t protocol, const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct flow flow = {
		.src = addr_of(src),
		.dst = addr_of(dst),
		.src_port = src_port,
		.dst_port = dst_port,
		.family = strchr(dst, ':') ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4,
		.protocol = protocol,
	};
	struct frame frame = {};

	frame.length = flow_frame(&flow, frame.bytes);
	return frame;
}

static inline __attribute__((unused)) struct frame tcp(const char *src, uint16_t src_port,
						       const char *dst, uint16_t dst_port)
{
	return make(IPPROTO_TCP, src, src_port, dst, dst_port);
}

static inline __attribute__((unused)) struct frame udp(const char *src, uint16_t src_port,
						       const char *dst, uint16_t dst_port)
{
	return make(IPPROTO_UDP, src, src_port, dst, dst_port);
}

/* IPv4 with another protocol over 8 bytes, the first two given (ICMP: type, code). */
static inline __attribute__((unused)) struct frame ip_other(uint8_t protocol, const char *dst,
							    uint8_t first, uint8_t second)
{
	struct frame frame = udp("192.0.2.1", 0, dst, 0);

	frame.bytes[L3 + 9] = protocol;
	memset(frame.bytes + L4, 0, 8);
	frame.bytes[L4] = first;
	frame.bytes[L4 + 1] = second;
	return frame;
}

/* ICMPv6 over 8 bytes. */
static inline __attribute__((unused)) struct frame
icmp6(const char *src, const char *dst, uint8_t hop_limit, uint8_t type, uint8_t code)
{
	struct frame frame = udp(src, 0, dst, 0);

	frame.bytes[L3 + 6] = IPPROTO_ICMPV6;
	frame.bytes[L3 + 7] = hop_limit;
	memset(frame.bytes + L4_IPV6, 0, 8);
	frame.bytes[L4_IPV6] = type;
	frame.bytes[L4_IPV6 + 1] = code;
	return frame;
}

static inline __attribute__((unused)) void put16(struct frame *frame, size_t at, uint16_t value)
{
	frame->bytes[at] = value >> 8;
	frame->bytes[at + 1] = value & 0xff;
}

static inline __attribute__((unused)) uint16_t get16(const struct frame *frame, size_t at)
{
	return (uint16_t)(frame->bytes[at] << 8 | frame->bytes[at + 1]);
}

/* Makes room at a place, for what is given; lengths in headers stay. */
static inline __attribute__((unused)) void insert(struct frame *frame, size_t at, const void *bytes,
						  size_t size)
{
	cr_assert_leq(frame->length + size, FRAME_MAX);
	memmove(frame->bytes + at + size, frame->bytes + at, frame->length - at);
	memcpy(frame->bytes + at, bytes, size);
	frame->length += size;
}

static inline __attribute__((unused)) bool is_ipv6(const struct frame *frame)
{
	return get16(frame, 12) == ETH_P_IPV6;
}

/* Adds to the length that the IP header tells. */
static inline __attribute__((unused)) void grow_ip(struct frame *frame, int size)
{
	size_t at = L3 + (is_ipv6(frame) ? 4 : 2);

	put16(frame, at, (uint16_t)(get16(frame, at) + size));
}

/* Zero bytes behind the packet, which it counts as its own. */
static inline __attribute__((unused)) struct frame padded(struct frame frame, size_t size)
{
	cr_assert_leq(frame.length + size, FRAME_MAX);
	memset(frame.bytes + frame.length, 0, size);
	frame.length += size;
	grow_ip(&frame, (int)size);
	return frame;
}

/* An extension header in front of all others; its first byte is filled in. */
static inline __attribute__((unused)) struct frame extended(struct frame frame, uint8_t type,
							    const void *header, size_t size)
{
	insert(&frame, L4_IPV6, header, size);
	frame.bytes[L4_IPV6] = frame.bytes[L3 + 6];
	frame.bytes[L3 + 6] = type;
	grow_ip(&frame, (int)size);
	return frame;
}

/*
 * The packet's bytes from offset on, size of them (all that is left where that
 * is less), as a fragment. Its own headers must be the plain ones.
 */
static inline __attribute__((unused)) struct frame fragment_of(struct frame whole, uint32_t id,
							       size_t offset, size_t size)
{
	const size_t l4 = is_ipv6(&whole) ? L4_IPV6 : L4;
	const size_t all = whole.length - l4;
	const bool more = offset + size < all;

	if (!more)
		size = all - offset;
	memmove(whole.bytes + l4, whole.bytes + l4 + offset, size);
	whole.length = l4 + size;
	grow_ip(&whole, (int)size - (int)all);
	if (is_ipv6(&whole)) {
		const uint16_t place = htons((uint16_t)(offset | more));
		const uint32_t wire = htonl(id);
		uint8_t header[8] = {};

		memcpy(header + 2, &place, sizeof(place));
		memcpy(header + 4, &wire, sizeof(wire));
		return extended(whole, IFW_IPPROTO_FRAGMENT, header, sizeof(header));
	}
	put16(&whole, L3 + 4, (uint16_t)id);
	put16(&whole, L3 + 6, (uint16_t)(offset / 8 | (more ? IFW_IPV4_MORE_FRAGMENTS : 0)));
	return whole;
}

/* ICMP or ICMPv6 about a packet, which it quotes. */
static inline __attribute__((unused)) struct frame
icmp_error(const char *src, const char *dst, uint8_t type, uint8_t code, const struct frame *quoted)
{
	struct frame frame = udp(src, 0, dst, 0);
	const size_t l4 = is_ipv6(&frame) ? L4_IPV6 : L4;

	if (is_ipv6(&frame))
		frame.bytes[L3 + 6] = IPPROTO_ICMPV6;
	else
		frame.bytes[L3 + 9] = IPPROTO_ICMP;
	memset(frame.bytes + l4, 0, 8);
	frame.bytes[l4] = type;
	frame.bytes[l4 + 1] = code;
	frame = padded(frame, quoted->length - L3);
	memcpy(frame.bytes + l4 + 8, quoted->bytes + L3, quoted->length - L3);
	return frame;
}

/*
 * RFC 8926: inner, without or with its Ethernet header, behind options of so
 * many words in a datagram from src to dst.
 */
static inline __attribute__((unused)) struct frame
geneve(const char *src, const char *dst, uint8_t options, bool ethernet, const struct frame *inner)
{
	const size_t skip = ethernet ? 0 : L3, size = 8 + 4U * options + inner->length - skip;
	struct frame frame = udp(src, 40000, dst, 6081);
	const size_t at = frame.length;

	frame = padded(frame, size);
	put16(&frame, at - 4, (uint16_t)(8 + size));
	frame.bytes[at] = options;
	put16(&frame, at + 2, ethernet ? 0x6558 : get16(inner, 12));
	memcpy(frame.bytes + at + 8 + 4U * options, inner->bytes + skip, inner->length - skip);
	return frame;
}

static inline __attribute__((unused)) struct frame without_ethernet(struct frame frame)
{
	memmove(frame.bytes, frame.bytes + L3, frame.length - L3);
	frame.length -= L3;
	return frame;
}

/*
 * In the mark before each decision, and what is left of it, with what comes in, after one
 * that wrote the mark 0x100 into the bits of the mask 0x300.
 */
#define MARK_BEFORE 0xf0000200U
#define MARK_SET "mark 0x100 mask 0x300"
#define MARK_AFTER 0xf0000100U

static inline __attribute__((unused)) struct sim_result decide_with(struct sim_world *world,
								    const char *iface,
								    const struct frame *frame,
								    struct sim_frame in)
{
	struct sim_result result = {};
	int error;

	in.data = frame->bytes;
	in.length = frame->length;
	in.ifindex = sim_world_ifindex(world, iface);
	in.mark = MARK_BEFORE;
	cr_assert_neq(in.ifindex, 0, "no interface %s", iface);
	error = sim_decide(world, &in, &result);
	cr_assert_eq(error, 0, "%s", error ? result.violation : "");
	return result;
}

static inline __attribute__((unused)) struct sim_result
decide_on(struct sim_world *world, const char *iface, const struct frame *frame)
{
	return decide_with(world, iface, frame, (struct sim_frame){.time_ns = 1});
}

/* The verdict and its reason on one line, so that a difference shows both. */
#define EXPECT(world, iface, made, wanted_verdict, wanted_reason)                                  \
	EXPECT_WITH(world, iface, made, ((struct sim_frame){.time_ns = 1}), wanted_verdict,        \
		    wanted_reason)

#define EXPECT_WITH(world, iface, made, how, wanted_verdict, wanted_reason)                        \
	do {                                                                                       \
		const struct frame frame_ = (made);                                                \
		const struct sim_result result_ = decide_with(world, iface, &frame_, how);         \
		const struct ifw_reason_info *info_ = ifw_reason_info(result_.decision.reason);    \
                                                                                                   \
		cr_expect(result_.decision.verdict == IFW_VERDICT_##wanted_verdict &&              \
				  strcmp(info_->name, wanted_reason) == 0,                         \
			  "wanted " #wanted_verdict " %s, got %s %s", wanted_reason,               \
			  result_.decision.verdict ? "PASS" : "DROP", info_->name);                \
	} while (0)

/* Small repeatable random numbers; the same sequence on every machine. */
static inline __attribute__((unused)) uint32_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 16);
}

#endif /* IFW_TESTS_SIM_FIXTURE_H */
