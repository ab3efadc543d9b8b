/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/packet.h, ipv6.h and parse.h: what is read out of each header, and that
 * whatever is too short or contradicts itself is malformed.
 */
#include "sim_fixture.h"

static struct sim_world *world;

static void setup(void)
{
	world = world_of("interface eth0\n", "");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(packet, .init = setup, .fini = teardown);

/* What is left of the frame behind it; flags: enum ifw_iface_flags. */
static ifw_answer parse_with(const struct frame *frame, struct sim_frame in, uint32_t flags,
			     struct packet *p)
{
	struct sim_packet *ctx;
	ifw_answer answer;

	in.data = frame->bytes;
	in.length = frame->length;
	in.ifindex = 2;
	cr_assert_eq(sim_packet_begin(world, &in, &ctx), 0);
	memset(&ctx->work[IFW_DIRECTION_IN].packet, 0, sizeof(ctx->work[IFW_DIRECTION_IN].packet));
	ctx->work[IFW_DIRECTION_IN].in = (struct iface){.ifindex = 2, .flags = flags};
	answer = ifw_parse(ctx, IFW_DIRECTION_IN);
	*p = ctx->work[IFW_DIRECTION_IN].packet;
	sim_packet_end(ctx);
	cr_assert_null(ctx->violation, "%s", ctx->violation);
	return answer;
}

static ifw_answer parse_as(const struct frame *frame, uint32_t gso_segs, struct packet *p)
{
	return parse_with(frame, (struct sim_frame){.gso_segs = gso_segs}, 0, p);
}

static ifw_answer parse(struct frame frame, struct packet *p)
{
	return parse_as(&frame, 0, p);
}

#define FINE(frame) cr_expect_eq(parse(frame, &p), IFW_UNDECIDED)
#define MALFORMED(frame) cr_expect_eq(parse(frame, &p), ifw_drop(IFW_REASON_MALFORMED))

Test(packet, reads_tcp)
{
	struct packet p;

	FINE(tcp("10.1.2.3", 40000, "10.4.5.6", 443));
	cr_assert_eq(p.length, 54);
	cr_assert_eq(p.ethertype, ETH_P_IP);
	cr_assert_eq(p.family, IFW_FAMILY_IPV4);
	cr_assert_eq(p.protocol, IPPROTO_TCP);
	cr_assert(ifw_addr_equal(p.src, addr_of("10.1.2.3")));
	cr_assert(ifw_addr_equal(p.dst, addr_of("10.4.5.6")));
	cr_assert_eq(p.src_port, 40000);
	cr_assert_eq(p.dst_port, 443);
	cr_assert_eq(p.l3_off, 14);
	cr_assert_eq(p.l4_off, 34);
	cr_assert_eq(p.l4_length, 20);
	cr_assert_eq(p.fragment, 0);
}

Test(packet, reads_udp_and_icmp)
{
	struct packet p;

	FINE(udp("10.1.2.3", 53, "10.4.5.6", 65535));
	cr_assert_eq(p.src_port, 53);
	cr_assert_eq(p.dst_port, 65535);
	FINE(ip_other(IPPROTO_ICMP, "10.1.1.1", 8, 3));
	cr_assert_eq(p.icmp_type, 8);
	cr_assert_eq(p.icmp_code, 3);
	cr_assert_eq(p.dst_port, 0);
}

/* Cut anywhere, a packet whose headers count is malformed; only the link header may be all. */
Test(packet, is_malformed_at_every_shorter_length)
{
	const struct frame whole[] = {
		tcp("10.1.2.3", 1, "10.4.5.6", 2),	  udp("10.1.2.3", 1, "10.4.5.6", 2),
		tcp("2001:db8::1", 1, "2001:db8::2", 2),  udp("2001:db8::1", 1, "2001:db8::2", 2),
		ip_other(IPPROTO_ICMP, "10.1.1.1", 8, 0), icmp6("fe80::1", "ff02::1", 255, 135, 0),
	};
	struct packet p;

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		struct frame cut = whole[i];

		FINE(cut);
		while (cut.length-- > 0)
			MALFORMED(cut);
	}
}

Test(packet, ignores_what_follows_the_ip_packet)
{
	struct frame padded = udp("10.1.2.3", 1, "10.4.5.6", 2);
	struct packet p;

	padded.length = 60; /* the shortest Ethernet frame */
	FINE(padded);
	cr_assert_eq(p.l4_length, 8);
}

Test(packet, checks_the_ipv4_header)
{
	struct frame f = tcp("10.1.2.3", 1, "10.4.5.6", 2);
	struct packet p;

	f.bytes[L3] = 0x55; /* version 5 */
	MALFORMED(f);
	f.bytes[L3] = 0x44; /* 16 bytes of header */
	MALFORMED(f);
	f.bytes[L3] = 0x4f; /* 60 bytes, more than the packet */
	MALFORMED(f);
	f.bytes[L3] = 0x45;
	put16(&f, L3 + 2, 41); /* one byte more than there is */
	MALFORMED(f);
	put16(&f, L3 + 2, 19); /* less than the header */
	MALFORMED(f);
	put16(&f, L3 + 2, 0);
	MALFORMED(f);
	put16(&f, L3 + 2, 39); /* TCP header cut by what IP says */
	MALFORMED(f);
	put16(&f, L3 + 2, 40);
	FINE(f);
}

Test(packet, skips_ipv4_options)
{
	struct frame f = tcp("10.1.2.3", 7, "10.4.5.6", 8);
	struct packet p;

	memmove(f.bytes + L4 + 40, f.bytes + L4, 20);
	memset(f.bytes + L4, 1, 40); /* no operation */
	f.bytes[L3] = 0x4f;
	f.length += 40;
	put16(&f, L3 + 2, 80);
	FINE(f);
	cr_assert_eq(p.l4_off, L4 + 40);
	cr_assert_eq(p.src_port, 7);
	cr_assert_eq(p.dst_port, 8);
}

Test(packet, checks_the_tcp_header_length)
{
	struct frame f = tcp("10.1.2.3", 1, "10.4.5.6", 2);
	struct packet p;

	f.bytes[L4 + 12] = 4 << 4;
	MALFORMED(f);
	f.bytes[L4 + 12] = 6 << 4; /* options that are not there */
	MALFORMED(f);
	f.length += 4;
	MALFORMED(f); /* still not, for IP */
	put16(&f, L3 + 2, 44);
	FINE(f);
}

Test(packet, checks_the_udp_length)
{
	struct frame f = udp("10.1.2.3", 1, "10.4.5.6", 2);
	struct packet p;

	put16(&f, L4 + 4, 7);
	MALFORMED(f);
	put16(&f, L4 + 4, 9);
	MALFORMED(f);
	put16(&f, L4 + 4, 0);
	MALFORMED(f);
	/* A first fragment's covers what is yet to come. */
	put16(&f, L4 + 4, 4000);
	put16(&f, L3 + 6, IFW_IPV4_MORE_FRAGMENTS);
	FINE(f);
	cr_assert_eq(p.fragment, 1);
	cr_assert_eq(p.later_fragment, 0);
	cr_assert_eq(p.dst_port, 2);
}

/* Bytes that are there may still not be read: the helper can say so of each. */
Test(packet, what_cannot_be_read_is_malformed)
{
	const uint8_t options[8] = {}, tag[4] = {0, 1, 0x08, 0x00};
	struct frame frames[] = {
		tcp("10.1.2.3", 1, "10.4.5.6", 2),
		udp("10.1.2.3", 1, "10.4.5.6", 2),
		ip_other(IPPROTO_ICMP, "10.4.5.6", 8, 0),
		tcp("2001:db8::1", 1, "2001:db8::2", 2),
		icmp6("fe80::1", "ff02::1", 255, 135, 0),
		extended(udp("2001:db8::1", 1, "2001:db8::2", 2), IFW_IPPROTO_DSTOPTS, options, 8),
		udp("10.1.2.3", 1, "10.4.5.6", 2),
	};
	/* Link and IP header, what stands between them and behind. */
	const unsigned int reads[] = {3, 3, 3, 3, 3, 4, 4};

	insert(&frames[6], L3, tag, sizeof(tag));
	put16(&frames[6], 12, ETH_P_8021Q);
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		unsigned int failed = 0;
		struct packet p;

		for (unsigned int nth = 1; nth < 20; nth++) {
			ifw_answer answer;

			sim_world_fail_call(world, nth);
			answer = parse(frames[i], &p);
			sim_world_fail_call(world, 0);
			if (answer == IFW_UNDECIDED)
				break;
			cr_assert_eq(answer, ifw_drop(IFW_REASON_MALFORMED), "frame %zu, call %u",
				     i, nth);
			failed++;
		}
		cr_assert_geq(failed, reads[i], "frame %zu: %u", i, failed);
	}
}

Test(packet, reads_no_ports_from_later_fragments)
{
	struct frame f = padded(udp("10.1.2.3", 1, "10.4.5.6", 2), 8);
	struct packet p;

	put16(&f, L4 + 4, 16);
	put16(&f, L3 + 6, 1);
	FINE(f);
	cr_assert_eq(p.later_fragment, 1);
	cr_assert_eq(p.dst_port, 0);
	cr_assert_eq(p.fragment_off, 8);
	put16(&f, L3 + 6, IFW_IPV4_MORE_FRAGMENTS | 0x1ffd);
	FINE(f);
	cr_assert_eq(p.later_fragment, 1);
	put16(&f, L3 + 6, 0x4000); /* do not fragment */
	FINE(f);
	cr_assert_eq(p.fragment, 0);
	cr_assert_eq(p.dst_port, 2);
}

Test(packet, forgives_an_aggregate_its_lengths)
{
	struct frame big = udp("10.1.2.3", 1, "10.4.5.6", 2);
	struct packet p;

	put16(&big, L4 + 4, 4000);
	cr_assert_eq(parse_as(&big, 1, &p), ifw_drop(IFW_REASON_MALFORMED));
	cr_assert_eq(parse_as(&big, 2, &p), IFW_UNDECIDED);
	put16(&big, L3 + 2, 0);
	cr_assert_eq(parse_as(&big, 1, &p), ifw_drop(IFW_REASON_MALFORMED));
	cr_assert_eq(parse_as(&big, 2, &p), IFW_UNDECIDED);
	cr_assert_eq(p.l4_length, 8);
}

Test(packet, checks_the_ipv6_header)
{
	struct frame f = icmp6("fe80::1", "ff02::1", 255, 135, 0), jumbo;
	struct packet p;

	FINE(f);
	cr_assert_eq(p.family, IFW_FAMILY_IPV6);
	cr_assert_eq(p.icmp_type, 135);
	cr_assert_eq(p.hop_limit, 255);
	cr_assert(ifw_addr_equal(p.dst, addr_of("ff02::1")));
	f.bytes[L3] = 0x40;
	MALFORMED(f);
	f.bytes[L3] = 0x60;
	put16(&f, L3 + 4, 9);
	MALFORMED(f);
	put16(&f, L3 + 4, 3); /* no whole ICMPv6 header */
	MALFORMED(f);
	jumbo = f;
	put16(&jumbo, L3 + 4, 0);
	cr_assert_eq(parse_as(&jumbo, 0, &p), ifw_drop(IFW_REASON_MALFORMED));
	cr_assert_eq(parse_as(&jumbo, 2, &p), IFW_UNDECIDED);
	cr_assert_eq(p.l4_length, 8);
}

/* MLD carries a router alert there. */
Test(packet, reads_one_hop_by_hop_header)
{
	struct frame f = icmp6("fe80::1", "ff02::16", 1, 143, 0);
	struct packet p;

	memmove(f.bytes + L4_IPV6 + 8, f.bytes + L4_IPV6, 8);
	memset(f.bytes + L4_IPV6, 0, 8);
	f.bytes[L4_IPV6] = IPPROTO_ICMPV6;
	f.bytes[L3 + 6] = IFW_IPPROTO_HOPOPTS;
	put16(&f, L3 + 4, 16);
	f.length += 8;
	FINE(f);
	cr_assert_eq(p.protocol, IPPROTO_ICMPV6);
	cr_assert_eq(p.icmp_type, 143);
	cr_assert_eq(p.l4_off, L4_IPV6 + 8);
	while (f.length-- > 0)
		MALFORMED(f);
	f.length = L4_IPV6 + 16;
	f.bytes[L4_IPV6 + 1] = 1; /* 16 bytes: nothing left for ICMPv6 */
	MALFORMED(f);
	f.bytes[L4_IPV6 + 1] = 2; /* more than the payload */
	MALFORMED(f);
	put16(&f, L3 + 4, 7);
	MALFORMED(f);
}

Test(packet, leaves_other_ethertypes_alone)
{
	struct frame f = {.length = 14};
	struct packet p;

	put16(&f, 12, ETH_P_ARP);
	FINE(f);
	cr_assert_eq(p.ethertype, ETH_P_ARP);
	cr_assert_eq(p.family, IFW_FAMILY_NONE);
	f.length = 13;
	MALFORMED(f);
}

/* --- VLAN tags ------------------------------------------------------------------ */

static struct frame tagged(struct frame frame, unsigned int tags)
{
	for (unsigned int i = 0; i < tags; i++) {
		/* The outermost is a service tag where there are two. */
		const uint8_t tag[] = {i == 1 ? 0x88 : 0x81, i == 1 ? 0xa8 : 0, 0x20, 5};

		insert(&frame, 12, tag, sizeof(tag));
	}
	return frame;
}

Test(packet, looks_behind_two_vlan_tags_wherever_they_are)
{
	const struct frame plain[] = {tcp("10.1.2.3", 7, "10.4.5.6", 8),
				      tcp("2001:db8::1", 7, "2001:db8::2", 8)};

	for (size_t i = 0; i < 2; i++)
		for (uint32_t offloaded = 0; offloaded < 2; offloaded++)
			for (unsigned int tags = 0; tags <= 3; tags++) {
				struct frame f = tagged(plain[i], tags);
				struct sim_frame in = {.tags = offloaded};
				struct packet p;

				cr_assert_eq(parse_with(&f, in, 0, &p), IFW_UNDECIDED);
				if (tags + offloaded <= 2) {
					cr_assert_eq(p.dst_port, 8, "%u tags", tags);
					cr_assert_eq(p.l3_off, 14 + 4 * tags);
					cr_assert_neq(p.family, IFW_FAMILY_NONE);
					while (f.length-- > 0)
						cr_assert_eq(parse_with(&f, in, 0, &p),
							     ifw_drop(IFW_REASON_MALFORMED));
				} else {
					cr_assert_eq(p.family, IFW_FAMILY_NONE);
					cr_assert_eq(p.ethertype, tags == 3 && !offloaded
									  ? ETH_P_8021Q
								  : tags == 3 ? ETH_P_8021AD
									      : ETH_P_8021Q);
				}
			}
}

Test(packet, a_tag_may_carry_what_is_not_ip)
{
	struct frame f = {.length = 14};
	struct packet p;

	put16(&f, 12, ETH_P_ARP);
	f = tagged(f, 2);
	FINE(f);
	cr_assert_eq(p.ethertype, ETH_P_ARP);
	f.length--;
	MALFORMED(f);
}

/* --- Devices without Ethernet header ------------------------------------------------ */

Test(packet, raw_frames_start_with_the_ip_header)
{
	const struct frame whole[] = {
		without_ethernet(tcp("10.1.2.3", 7, "10.4.5.6", 8)),
		without_ethernet(tcp("2001:db8::1", 7, "2001:db8::2", 8)),
		without_ethernet(udp("10.1.2.3", 7, "10.4.5.6", 8)),
		without_ethernet(udp("2001:db8::1", 7, "2001:db8::2", 8)),
	};

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		struct frame f = whole[i];
		struct packet p;

		cr_assert_eq(parse_with(&f, (struct sim_frame){}, IFW_IFACE_RAW_IP, &p),
			     IFW_UNDECIDED);
		cr_assert_eq(p.l3_off, 0);
		cr_assert_eq(p.family, i % 2 ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4);
		cr_assert_eq(p.ethertype, i % 2 ? ETH_P_IPV6 : ETH_P_IP);
		cr_assert_eq(p.src_port, 7);
		cr_assert_eq(p.dst_port, 8);
		while (f.length-- > 0)
			cr_assert_eq(parse_with(&f, (struct sim_frame){}, IFW_IFACE_RAW_IP, &p),
				     ifw_drop(IFW_REASON_MALFORMED));
		f = whole[i];
		f.bytes[0] = 0x55;
		cr_assert_eq(parse_with(&f, (struct sim_frame){}, IFW_IFACE_RAW_IP, &p),
			     ifw_drop(IFW_REASON_MALFORMED));
	}
}

/* --- IPv6, as IPv4 above ----------------------------------------------------------- */

Test(packet, reads_tcp_and_udp_of_ipv6)
{
	struct packet p;

	FINE(tcp("2001:db8::1", 40000, "2001:db8::2", 443));
	cr_assert_eq(p.length, 74);
	cr_assert_eq(p.ethertype, ETH_P_IPV6);
	cr_assert_eq(p.family, IFW_FAMILY_IPV6);
	cr_assert_eq(p.protocol, IPPROTO_TCP);
	cr_assert(ifw_addr_equal(p.src, addr_of("2001:db8::1")));
	cr_assert(ifw_addr_equal(p.dst, addr_of("2001:db8::2")));
	cr_assert_eq(p.src_port, 40000);
	cr_assert_eq(p.dst_port, 443);
	cr_assert_eq(p.l3_off, 14);
	cr_assert_eq(p.l4_off, 54);
	cr_assert_eq(p.l4_length, 20);
	cr_assert_eq(p.fragment, 0);
	FINE(udp("2001:db8::1", 53, "2001:db8::2", 65535));
	cr_assert_eq(p.protocol, IPPROTO_UDP);
	cr_assert_eq(p.src_port, 53);
	cr_assert_eq(p.dst_port, 65535);
}

Test(packet, checks_transport_of_ipv6)
{
	struct frame f = tcp("2001:db8::1", 1, "2001:db8::2", 2);
	struct packet p;

	f.bytes[L4_IPV6 + 12] = 4 << 4;
	MALFORMED(f);
	f.bytes[L4_IPV6 + 12] = 6 << 4;
	MALFORMED(f);
	f = padded(f, 4);
	FINE(f);
	f = udp("2001:db8::1", 1, "2001:db8::2", 2);
	put16(&f, L4_IPV6 + 4, 7);
	MALFORMED(f);
	put16(&f, L4_IPV6 + 4, 9);
	MALFORMED(f);
	put16(&f, L4_IPV6 + 4, 8);
	f.length = 80; /* what follows is not its own */
	FINE(f);
	cr_assert_eq(p.l4_length, 8);
}
