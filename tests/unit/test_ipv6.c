/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of the walk over extension headers in datapath/ipv6.h: each kind, the
 * bound, and every place where the packet may end. They sit before TCP to a port
 * that is denied, so that a header which hides the port shows.
 */
#include "sim_fixture.h"

static struct sim_world *world;

static void setup(void)
{
	world = world_of("interface eth0 index 2 address 2001:db8::1/64\n"
			 "interface lo address ::1\n"
			 "set eth0 pass-protocol 0,43,44,50,51,59,60,135,139,140,253,254\n",
			 "deny tcp to ::/0 port 80\n"
			 "pass tcp to ::/0 port 81\n"
			 "pass udp to ::/0 port 1-65535\n");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(ipv6, .init = setup, .fini = teardown);

static const uint8_t walked[] = {IFW_IPPROTO_HOPOPTS, IFW_IPPROTO_ROUTING, IFW_IPPROTO_AH,
				 IFW_IPPROTO_DSTOPTS};
static const uint8_t unknown[] = {135, 139, 140, 253, 254};

/* AH tells its length in another unit than the others. */
static uint8_t length_of(uint8_t type, size_t size)
{
	return (uint8_t)(type == IFW_IPPROTO_AH ? size / 4 - 2 : size / 8 - 1);
}

static struct frame with(struct frame frame, uint8_t type, size_t size)
{
	uint8_t header[2048] = {0, length_of(type, size)};

	return extended(frame, type, header, size);
}

static struct frame web(uint16_t port)
{
	return tcp("2001:db8::2", 5, "2001:db8:1::1", port);
}

Test(ipv6, each_kind_is_walked)
{
	for (size_t i = 0; i < sizeof(walked); i++)
		for (size_t size = 8; size <= 128; size += walked[i] == IFW_IPPROTO_AH ? 4 : 8) {
			EXPECT(world, "eth0", with(web(80), walked[i], size), DROP, "rule-deny");
			EXPECT(world, "eth0", with(web(81), walked[i], size), PASS, "rule-pass");
		}
	/* The largest. */
	EXPECT(world, "eth0", with(web(81), IFW_IPPROTO_DSTOPTS, 2048 - 128), PASS, "rule-pass");
	EXPECT(world, "eth0", with(web(81), IFW_IPPROTO_AH, 257 * 4), PASS, "rule-pass");
}

/* What cannot be looked behind drops, whatever the interface passes. */
Test(ipv6, unknown_kinds_drop_but_on_loopback)
{
	for (size_t i = 0; i < sizeof(unknown); i++) {
		EXPECT(world, "eth0", with(web(81), unknown[i], 8), DROP, "extension-header");
		EXPECT(world, "lo", with(web(81), unknown[i], 8), PASS, "extension-header");
		EXPECT(world, "eth0", with(with(web(81), unknown[i], 8), IFW_IPPROTO_DSTOPTS, 8),
		       DROP, "extension-header");
	}
	/* These are no extension headers: the numbers beside them, ESP, and none. */
	EXPECT(world, "eth0", with(web(81), 136, 8), DROP, "protocol");
	EXPECT(world, "eth0", with(web(81), 50, 8), PASS, "protocol");
	EXPECT(world, "eth0", with(web(81), 59, 8), PASS, "protocol");
}

Test(ipv6, seven_and_no_more)
{
	struct frame allowed = web(80), passing = web(81);

	for (int i = 1; i <= 7; i++) {
		allowed = with(allowed, IFW_IPPROTO_DSTOPTS, 8);
		passing = with(passing, IFW_IPPROTO_DSTOPTS, 8);
		EXPECT(world, "eth0", allowed, DROP, "rule-deny");
		EXPECT(world, "eth0", passing, PASS, "rule-pass");
	}
	for (int i = 0; i < 3; i++) {
		passing = with(passing, IFW_IPPROTO_DSTOPTS, 8);
		EXPECT(world, "eth0", passing, DROP, "extension-header");
		EXPECT(world, "lo", passing, PASS, "extension-header");
	}
}

Test(ipv6, hop_by_hop_options_come_first_or_not_at_all)
{
	struct frame f = with(web(81), IFW_IPPROTO_HOPOPTS, 8);

	EXPECT(world, "eth0", f, PASS, "rule-pass");
	for (size_t i = 0; i < sizeof(walked); i++)
		EXPECT(world, "eth0", with(f, walked[i], 8), DROP, "malformed");
	EXPECT(world, "eth0", with(with(web(81), IFW_IPPROTO_DSTOPTS, 8), IFW_IPPROTO_HOPOPTS, 8),
	       PASS, "rule-pass");
}

Test(ipv6, lengths_beyond_the_payload_are_malformed)
{
	for (size_t i = 0; i < sizeof(walked); i++) {
		/* Room for what the header says, and none for TCP; then not even that. */
		struct frame f = with(web(81), walked[i], 8);

		f.bytes[L4_IPV6 + 1] = length_of(walked[i], 16);
		EXPECT(world, "eth0", f, DROP, "malformed");
		f.bytes[L4_IPV6 + 1] = length_of(walked[i], 32);
		EXPECT(world, "eth0", f, DROP, "malformed");
		f.bytes[L4_IPV6 + 1] = 255;
		EXPECT(world, "eth0", f, DROP, "malformed");
		/* The frame has the bytes, but the packet ends before. */
		f = with(web(81), walked[i], 8);
		grow_ip(&f, -21);
		EXPECT(world, "eth0", f, DROP, "malformed");
	}
}

Test(ipv6, is_malformed_at_every_shorter_length)
{
	struct frame f = with(with(with(with(web(81), IFW_IPPROTO_AH, 12), IFW_IPPROTO_DSTOPTS, 16),
				   IFW_IPPROTO_ROUTING, 24),
			      IFW_IPPROTO_HOPOPTS, 8);

	EXPECT(world, "eth0", f, PASS, "rule-pass");
	while (f.length-- > 0)
		EXPECT(world, "eth0", f, DROP, "malformed");
}

/* The same with a payload length that agrees: never behind what there is, and never a pass. */
Test(ipv6, is_malformed_at_every_shorter_payload)
{
	struct frame f = with(with(web(81), IFW_IPPROTO_DSTOPTS, 16), IFW_IPPROTO_HOPOPTS, 8);

	for (size_t size = f.length; size-- > L4_IPV6;) {
		f.length--;
		grow_ip(&f, -1);
		EXPECT(world, "eth0", f, DROP, "malformed");
	}
}

/* In a first fragment that is no error but a trick (RFC 7112). */
Test(ipv6, first_fragments_hold_all_headers)
{
	const struct frame whole = padded(web(81), 100);
	struct frame f = fragment_of(whole, 7, 0, 32);

	/* Behind the fragment header, which stays first. */
	static const uint8_t options[8] = {IPPROTO_TCP};

	insert(&f, L4_IPV6 + 8, options, sizeof(options));
	f.bytes[L4_IPV6] = IFW_IPPROTO_DSTOPTS;
	grow_ip(&f, 8);
	EXPECT(world, "eth0", f, PASS, "rule-pass");
	for (size_t size = 32; size > 0; size -= 8) {
		struct frame cut = f;

		cut.length = L4_IPV6 + 8 + size;
		put16(&cut, L3 + 4, (uint16_t)(8 + size));
		if (size >= 28)
			EXPECT(world, "eth0", cut, PASS, "rule-pass");
		else
			EXPECT(world, "eth0", cut, DROP, "fragment-tiny");
	}
}

/* Options may come before the fragment header, but what is behind it belongs to the datagram. */
Test(ipv6, later_fragments_are_not_looked_into)
{
	struct frame f = fragment_of(padded(web(81), 100), 7, 32, 32);

	f.bytes[L4_IPV6] = IFW_IPPROTO_HOPOPTS;
	EXPECT(world, "eth0", f, DROP, "fragment");
	f.bytes[L4_IPV6] = 139;
	EXPECT(world, "eth0", f, DROP, "fragment");
	EXPECT(world, "eth0", with(f, IFW_IPPROTO_DSTOPTS, 8), DROP, "fragment");
}

/* Neighbour discovery in fragments is refused (RFC 6980), behind options not. */
Test(ipv6, neighbor_discovery_behind_headers)
{
	struct frame f = icmp6("fe80::2", "ff02::1", 255, 135, 0);
	uint8_t header[8] = {};

	EXPECT(world, "eth0", with(f, IFW_IPPROTO_HOPOPTS, 8), PASS, "neighbor-discovery");
	EXPECT(world, "eth0", fragment_of(padded(f, 8), 7, 0, 8), DROP, "protocol");
	EXPECT(world, "eth0", extended(f, IFW_IPPROTO_FRAGMENT, header, 8), PASS,
	       "neighbor-discovery");
}

Test(ipv6, walks_whatever_the_bytes_are)
{
	uint64_t seed = 31;

	for (int i = 0; i < 50000; i++) {
		struct frame f = web(81);

		for (uint32_t n = next_random(&seed) % 10; n > 0; n--)
			f = with(f, walked[next_random(&seed) % 4], 8 + next_random(&seed) % 4 * 8);
		for (uint32_t n = next_random(&seed) % 3; n > 0; n--)
			f.bytes[L3 + next_random(&seed) % (f.length - L3)] =
				(uint8_t)next_random(&seed);
		decide_on(world, next_random(&seed) % 2 ? "eth0" : "lo", &f);
	}
}
