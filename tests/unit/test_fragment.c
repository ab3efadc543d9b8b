/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/fragment.h: later fragments follow their first, for as long
 * as it is known, and never where it did not pass.
 */
#include "sim_fixture.h"

#include "datapath/fragment.h"

#define SECOND 1000000000ULL

static const char world_text[] = "interface eth0 index 2 address 10.0.0.1/24\n"
				 "interface eth1 index 3 address 10.0.1.1/24\n"
				 "interface lo address 127.0.0.1/8\n"
				 "set eth0 " MARK_SET "\n"
				 "socket udp bound 127.0.0.1:1000\n"
				 "socket udp bound [::1]:1000\n";
static const char rules_text[] = "pass udp to 0.0.0.0/0 port 1\n"
				 "intercept udp to 0.0.0.0/0 port 2 via 127.0.0.1:1000\n"
				 "deny udp to 0.0.0.0/0 port 3\n"
				 "pass tcp to 0.0.0.0/0 port 1\n"
				 "pass udp to ::/0 port 1\n"
				 "intercept udp to ::/0 port 2 via [::1]:1000\n"
				 "deny udp to ::/0 port 3\n"
				 "pass tcp to ::/0 port 1\n";

static struct sim_world *world;

static void setup(void)
{
	world = world_of(world_text, rules_text);
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(fragment, .init = setup, .fini = teardown);

/* The same for both families. */
static const char *const peers[2][3] = {{"192.0.2.1", "198.51.100.1", "198.51.100.2"},
					{"2001:db8::2", "2001:db8:1::1", "2001:db8:1::2"}};

/* 264 bytes of UDP with its header, in whole. */
static struct frame datagram(int family, uint16_t port)
{
	struct frame f = padded(udp(peers[family][0], 5, peers[family][1], port), 256);

	put16(&f, (family ? L4_IPV6 : L4) + 4, 264);
	return f;
}

static struct frame piece(int family, uint16_t port, uint32_t id, size_t offset, size_t size)
{
	return fragment_of(datagram(family, port), id, offset, size);
}

/* RFC 791 3.2, RFC 8200 4.5: what tells one datagram from another, and the interface. */
Test(fragment, datagrams_are_known_by)
{
	const struct packet v4 = {.src = {1, 0},
				  .dst = {2, 0},
				  .identification = 3,
				  .family = IFW_FAMILY_IPV4,
				  .protocol = IPPROTO_UDP};
	const struct packet v6 = {.src = {1, 4},
				  .dst = {2, 5},
				  .identification = 3,
				  .family = IFW_FAMILY_IPV6,
				  .protocol = IPPROTO_UDP};
	const struct ifw_fragment_key wanted[2] = {{.src = v4.src,
						    .dst = v4.dst,
						    .identification = 3,
						    .slot = 6,
						    .family = IFW_FAMILY_IPV4,
						    .protocol = IPPROTO_UDP},
						   {.src = v6.src,
						    .dst = v6.dst,
						    .identification = 3,
						    .slot = 6,
						    .family = IFW_FAMILY_IPV6}};
	const struct iface in = {.slot = 6};
	struct ifw_fragment_key key = {};

	ifw_fragment_key(&v4, &in, &key);
	cr_assert_arr_eq(&key, &wanted[0], sizeof(key));
	ifw_fragment_key(&v6, &in, &key);
	cr_assert_arr_eq(&key, &wanted[1], sizeof(key));
}

#define AT(seconds) ((struct sim_frame){.time_ns = (seconds)*SECOND})
#define EACH_FAMILY(family) for (int family = 0; family < 2; family++)

Test(fragment, later_ones_get_verdict_rule_and_mark_of_their_first)
{
	EACH_FAMILY(family)
	{
		struct frame f = piece(family, 2, 7, 88, 88);
		struct sim_result result;
		uint32_t rule;

		EXPECT(world, "eth0", piece(family, 2, 7, 0, 88), PASS, "intercepted");
		result = decide_on(world, "eth0", &f);
		cr_assert_eq(result.decision.reason, IFW_REASON_FRAGMENT);
		cr_assert_eq(result.decision.verdict, IFW_VERDICT_PASS);
		cr_assert_eq(result.decision.marked, 1);
		cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_NONE);
		cr_assert_eq(result.mark, MARK_AFTER);
		rule = result.decision.rule;
		cr_assert_eq(rule, family ? 6 : 2);
		EXPECT(world, "eth0", piece(family, 2, 7, 176, 88), PASS, "fragment");

		/* A passed one is not marked. */
		EXPECT(world, "eth0", piece(family, 1, 8, 0, 88), PASS, "rule-pass");
		f = piece(family, 1, 8, 88, 176);
		result = decide_on(world, "eth0", &f);
		cr_assert_eq(result.decision.reason, IFW_REASON_FRAGMENT);
		cr_assert_eq(result.decision.verdict, IFW_VERDICT_PASS);
		cr_assert_eq(result.decision.marked, 0);
		cr_assert_eq(result.decision.rule, family ? 5 : 1);
		cr_assert_eq(result.mark, MARK_BEFORE);
	}
}

Test(fragment, without_first_they_drop_but_on_loopback)
{
	EACH_FAMILY(family)
	{
		EXPECT(world, "eth0", piece(family, 1, 7, 88, 88), DROP, "fragment");
		EXPECT(world, "lo", piece(family, 1, 7, 88, 88), PASS, "fragment");
		/* One that came too early has not opened the way for the others. */
		EXPECT(world, "eth0", piece(family, 1, 7, 0, 88), PASS, "rule-pass");
		EXPECT(world, "eth0", piece(family, 1, 7, 88, 88), PASS, "fragment");
	}
}

Test(fragment, may_come_in_any_order_behind_their_first)
{
	EACH_FAMILY(family)
	{
		EXPECT(world, "eth0", piece(family, 1, 7, 0, 64), PASS, "rule-pass");
		EXPECT(world, "eth0", piece(family, 1, 7, 192, 72), PASS, "fragment");
		EXPECT(world, "eth0", piece(family, 1, 7, 64, 64), PASS, "fragment");
		EXPECT(world, "eth0", piece(family, 1, 7, 128, 64), PASS, "fragment");
	}
}

Test(fragment, of_a_dropped_first_drop)
{
	EACH_FAMILY(family)
	{
		EXPECT(world, "eth0", piece(family, 3, 7, 0, 88), DROP, "rule-deny");
		EXPECT(world, "eth0", piece(family, 3, 7, 88, 88), DROP, "fragment");
		EXPECT(world, "eth0", piece(family, 4, 8, 0, 88), DROP, "no-rule");
		EXPECT(world, "eth0", piece(family, 4, 8, 88, 88), DROP, "fragment");
		/* The same identification, passed before: the denied first takes that along. */
		EXPECT(world, "eth0", piece(family, 1, 9, 0, 88), PASS, "rule-pass");
		EXPECT(world, "eth0", piece(family, 1, 9, 88, 88), PASS, "fragment");
		EXPECT(world, "eth0", piece(family, 3, 9, 0, 88), DROP, "rule-deny");
		EXPECT(world, "eth0", piece(family, 1, 9, 176, 88), DROP, "fragment");
	}
}

/* Bytes that look like ports are not read: these would be those of a denied one. */
Test(fragment, are_never_read_as_ports)
{
	EACH_FAMILY(family)
	{
		struct frame f = piece(family, 1, 7, 88, 88);

		put16(&f, f.length - 86, 3);
		EXPECT(world, "eth0", piece(family, 1, 7, 0, 88), PASS, "rule-pass");
		EXPECT(world, "eth0", f, PASS, "fragment");
		put16(&f, f.length - 86, 1);
		put16(&f, family ? L4_IPV6 + 6 : L3 + 4, 8);
		EXPECT(world, "eth0", f, DROP, "fragment");
	}
}

Test(fragment, overlapping_ones_end_the_datagram)
{
	static const struct {
		size_t offset, size;
	} bad[] = {
		{80, 104}, /* the end of the first, the second, and 8 bytes more */
		{168, 16}, /* the end of the second, and 8 bytes more */
		{80, 184}, /* all of the second, and more */
	};

	EACH_FAMILY(family)
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT(world, "eth0", piece(family, 1, 7, 0, 88), PASS, "rule-pass");
		EXPECT(world, "eth0", piece(family, 1, 7, 88, 88), PASS, "fragment");
		EXPECT(world, "eth0", piece(family, 1, 7, bad[i].offset, bad[i].size), DROP,
		       "fragment-overlap");
		EXPECT(world, "eth0", piece(family, 1, 7, 176, 88), DROP, "fragment");
		EXPECT(world, "lo", piece(family, 1, 7, 0, 88), PASS, "rule-pass");
		EXPECT(world, "lo", piece(family, 1, 7, 80, 88), PASS, "fragment-overlap");
	}
}

/* RFC 8200 4.5: the network may double one; what brings nothing new drops alone. */
Test(fragment, doubled_ones_drop_alone)
{
	static const struct {
		size_t offset, size;
	} again[] = {
		{88, 88}, /* the same */
		{8, 8},	  /* within the first */
		{96, 8},  /* within the second */
		{80, 16}, /* the end of one and the start of the other */
	};

	EACH_FAMILY(family)
	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
		EXPECT(world, "eth0", piece(family, 1, 7, 0, 88), PASS, "rule-pass");
		EXPECT(world, "eth0", piece(family, 1, 7, 88, 88), PASS, "fragment");
		EXPECT(world, "eth0", piece(family, 1, 7, again[i].offset, again[i].size), DROP,
		       "fragment-overlap");
		EXPECT(world, "eth0", piece(family, 1, 7, 176, 88), PASS, "fragment");
	}
}

/* A first one again begins its datagram anew: identifications come round. */
Test(fragment, a_first_one_begins_anew)
{
	EACH_FAMILY(family)
	{
		EXPECT(world, "eth0", piece(family, 1, 7, 0, 88), PASS, "rule-pass");
		EXPECT(world, "eth0", piece(family, 1, 7, 88, 176), PASS, "fragment");
		EXPECT(world, "eth0", piece(family, 2, 7, 0, 88), PASS, "intercepted");
		EXPECT(world, "eth0", piece(family, 2, 7, 88, 176), PASS, "fragment");
		EXPECT(world, "eth0", piece(family, 2, 7, 88, 176), DROP, "fragment-overlap");
	}
}

Test(fragment, tiny_first_ones_drop)
{
	EACH_FAMILY(family)
	{
		struct frame t = padded(tcp(peers[family][0], 5, peers[family][1], 1), 100);

		EXPECT(world, "eth0", fragment_of(t, 7, 0, 8), DROP, "fragment-tiny");
		EXPECT(world, "eth0", fragment_of(t, 7, 0, 16), DROP, "fragment-tiny");
		EXPECT(world, "lo", fragment_of(t, 7, 0, 16), PASS, "fragment-tiny");
		EXPECT(world, "eth0", fragment_of(t, 7, 24, 16), DROP, "fragment");
		EXPECT(world, "eth0", fragment_of(t, 7, 0, 24), PASS, "rule-pass");
		/* Options count as header. */
		t.bytes[(family ? L4_IPV6 : L4) + 12] = 7 << 4;
		EXPECT(world, "eth0", fragment_of(t, 8, 0, 24), DROP, "fragment-tiny");
		EXPECT(world, "eth0", fragment_of(t, 8, 0, 32), PASS, "rule-pass");
		/* UDP's header is 8 bytes: the smallest fragment holds it. */
		EXPECT(world, "eth0", piece(family, 1, 9, 0, 8), PASS, "rule-pass");
		EXPECT(world, "eth0", piece(family, 1, 9, 8, 8), PASS, "fragment");
	}
}

/* One on an interface's memory says nothing about those of another interface, nor of others. */
Test(fragment, belong_to_interface_addresses_protocol_and_identification)
{
	EACH_FAMILY(family)
	{
		struct frame f;

		EXPECT(world, "eth0", piece(family, 1, 7, 0, 88), PASS, "rule-pass");
		EXPECT(world, "eth1", piece(family, 1, 7, 88, 88), DROP, "fragment");
		EXPECT(world, "eth0", piece(family, 1, 8, 88, 88), DROP, "fragment");
		f = padded(udp(peers[family][0], 5, peers[family][2], 1), 256);
		EXPECT(world, "eth0", fragment_of(f, 7, 88, 88), DROP, "fragment");
		f = padded(udp(peers[family][2], 5, peers[family][1], 1), 256);
		EXPECT(world, "eth0", fragment_of(f, 7, 88, 88), DROP, "fragment");
		f = padded(tcp(peers[family][0], 5, peers[family][1], 1), 256);
		/* RFC 8200 4.5: in IPv6 the protocol is no part of what identifies it. */
		if (family)
			EXPECT(world, "eth0", fragment_of(f, 7, 88, 88), PASS, "fragment");
		else
			EXPECT(world, "eth0", fragment_of(f, 7, 88, 88), DROP, "fragment");
		EXPECT(world, "eth0", piece(family, 1, 7, 176, 88), PASS, "fragment");
	}
	/* All 32 bits of IPv6's count. */
	EXPECT(world, "eth0", piece(1, 1, 0x70001, 0, 88), PASS, "rule-pass");
	EXPECT(world, "eth0", piece(1, 1, 0x80001, 88, 88), DROP, "fragment");
	EXPECT(world, "eth0", piece(1, 1, 0x70001, 88, 88), PASS, "fragment");
}

Test(fragment, are_forgotten_after_30_seconds)
{
	EACH_FAMILY(family)
	{
		EXPECT_WITH(world, "eth0", piece(family, 1, 7, 0, 88), AT(100), PASS, "rule-pass");
		EXPECT_WITH(world, "eth0", piece(family, 1, 7, 88, 8), AT(100), PASS, "fragment");
		EXPECT_WITH(world, "eth0", piece(family, 1, 7, 96, 8), AT(130), PASS, "fragment");
		EXPECT_WITH(world, "eth0", piece(family, 1, 7, 104, 8),
			    ((struct sim_frame){.time_ns = 130 * SECOND + 1}), DROP, "fragment");
		/* Later ones do not prolong it. */
		EXPECT_WITH(world, "eth0", piece(family, 1, 8, 0, 88), AT(200), PASS, "rule-pass");
		EXPECT_WITH(world, "eth0", piece(family, 1, 8, 88, 8), AT(229), PASS, "fragment");
		EXPECT_WITH(world, "eth0", piece(family, 1, 8, 96, 8), AT(231), DROP, "fragment");
	}
}

Test(fragment, memory_is_bound_and_drops_the_least_recently_used)
{
	EXPECT(world, "eth0", piece(0, 1, 0, 0, 88), PASS, "rule-pass");
	EXPECT(world, "eth0", piece(0, 1, 1, 0, 88), PASS, "rule-pass");
	EXPECT(world, "eth0", piece(0, 1, 0, 88, 8), PASS, "fragment");
	for (uint32_t id = 2; id <= IFW_FRAGMENTS_MAX; id++)
		EXPECT(world, "eth0", piece(0, 1, id, 0, 88), PASS, "rule-pass");
	cr_assert_eq(HASH_COUNT(world->fragments), IFW_FRAGMENTS_MAX);
	EXPECT(world, "eth0", piece(0, 1, 1, 96, 8), DROP, "fragment");
	EXPECT(world, "eth0", piece(0, 1, 0, 96, 8), PASS, "fragment");
	EXPECT(world, "eth0", piece(0, 1, IFW_FRAGMENTS_MAX, 96, 8), PASS, "fragment");
}

/* RFC 791 3.2, RFC 8200 4.5: lengths that no sender makes. */
Test(fragment, malformed_ones)
{
	EACH_FAMILY(family)
	{
		const size_t place = family ? L4_IPV6 + 2 : L3 + 6;
		struct frame f = piece(family, 1, 7, 88, 88);

		f.length -= 1;
		grow_ip(&f, -1);
		EXPECT(world, "eth0", f, DROP, "malformed"); /* 87 bytes and more to come */
		f = piece(family, 1, 7, 88, 176);
		put16(&f, place, family ? 0xfff8 : 0x1fff); /* beyond 64 KiB */
		EXPECT(world, "eth0", f, DROP, "malformed");
		put16(&f, place, family ? 65535 - 183 : (65535 - 183) / 8);
		EXPECT(world, "eth0", f, DROP, "fragment");
		f = piece(family, 1, 7, 88, 88);
		f.length -= 88;
		grow_ip(&f, -88);
		EXPECT(world, "eth0", f, DROP, "malformed"); /* nothing in it */
	}
}

Test(fragment, only_whole_ones_are_more_than_one_piece)
{
	struct frame f = datagram(1, 1);
	uint8_t header[8] = {};

	/* RFC 6946: a fragment header on what is no fragment makes it none. */
	f = extended(f, IFW_IPPROTO_FRAGMENT, header, sizeof(header));
	EXPECT(world, "eth0", f, PASS, "rule-pass");
	cr_assert_eq(HASH_COUNT(world->fragments), 0);
	f = datagram(0, 1);
	put16(&f, L3 + 6, 0xc000); /* don't fragment, and the reserved bit */
	EXPECT(world, "eth0", f, PASS, "rule-pass");
	cr_assert_eq(HASH_COUNT(world->fragments), 0);
}

/* --- Of covering, against bytes counted one by one ------------------------------ */

Test(fragment, covers_as_counted_one_by_one)
{
	static uint8_t seen[IFW_FRAGMENT_UNITS];
	uint64_t seed = 17;

	for (int round = 0; round < 200; round++) {
		struct ifw_fragment d = {};

		memset(seen, 0, sizeof(seen));
		for (int i = 0; i < 30; i++) {
			uint32_t offset = next_random(&seed) % IFW_FRAGMENT_UNITS * 8;
			uint32_t length = 1 + next_random(&seed) % (i % 2 ? 3000 : 64);
			int old = 0, new = 0;

			if (offset + length > 65535)
				continue;
			for (uint32_t u = offset / 8; u <= (offset + length - 1) / 8; u++) {
				old |= seen[u];
				new |= !seen[u];
				seen[u] = 1;
			}
			cr_assert_eq(ifw_cover(&d, offset, length),
				     !old  ? IFW_COVER_NEW
				     : new ? IFW_COVER_OVERLAPS
					   : IFW_COVER_REPEATS,
				     "%u %u", offset, length);
		}
		for (uint32_t u = 0; u < IFW_FRAGMENT_UNITS; u++)
			cr_assert_eq(d.covered[u / 64] >> (u % 64) & 1, seen[u]);
	}
}

/* --- Failing helpers ------------------------------------------------------------- */

/* Whatever fails with the first or with the later one: never more than would pass. */
Test(fragment, a_failing_helper_lets_nothing_more_through)
{
	EACH_FAMILY(family)
	for (unsigned int nth = 1; nth < 60; nth++) {
		struct frame first = piece(family, 2, nth, 0, 88);
		struct frame later = piece(family, 2, nth, 88, 88);
		struct frame denied = piece(family, 3, nth + 100, 0, 88);
		struct frame rest = piece(family, 3, nth + 100, 88, 88);
		struct sim_result result;

		sim_world_fail_call(world, nth);
		result = decide_on(world, "eth0", &first);
		sim_world_fail_call(world, 0);
		if (result.decision.verdict == IFW_VERDICT_DROP)
			EXPECT(world, "eth0", later, DROP, "fragment");
		sim_world_fail_call(world, nth);
		decide_on(world, "eth0", &later);
		decide_on(world, "eth0", &denied);
		sim_world_fail_call(world, 0);
		EXPECT(world, "eth0", rest, DROP, "fragment");
	}
}
