/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/geneve.h: what is inside is decided as if it had come alone,
 * where the interface wants that and the headers are sound.
 */
#include "sim_fixture.h"

#include "datapath/geneve.h"

#define WORLD                                                                                      \
	"interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"                      \
	"interface eth1 index 3 address 10.0.0.1/24\n"                                             \
	"interface eth2 index 4 address 10.0.0.1/24 address 2001:db8::1/64\n"                      \
	"interface eth3 index 5 addresses unknown\n"                                               \
	"interface tun0 index 6 link raw address 10.0.0.1/24 address 2001:db8::1/64\n"             \
	"set eth0 geneve on\nset eth3 geneve on\nset tun0 geneve on\n"                             \
	"set eth2 geneve from 192.0.2.0/24,198.51.100.9,2001:db8:9::/48\n"                         \
	"socket tcp listen 127.0.0.1:1000\nsocket tcp listen [::1]:1000\n"
#define RULES                                                                                      \
	"intercept tcp to 8.0.0.0/8 port 80 via 127.0.0.1:1000\n"                                  \
	"deny tcp to 8.0.0.0/8 port 81\n"                                                          \
	"intercept tcp to 2001:db8:8::/48 port 80 via [::1]:1000\n"                                \
	"deny tcp to 2001:db8:8::/48 port 81\n"                                                    \
	"pass udp to 10.0.0.0/8 port 6081\n"                                                       \
	"pass udp to 2001:db8::/64 port 6081\n"

static struct sim_world *world;

static void setup(void)
{
	world = world_of(WORLD, RULES);
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(geneve, .init = setup, .fini = teardown);

static const char *const gateway[] = {"192.0.2.1", "2001:db8:9::1"};
static const char *const own[] = {"10.0.0.1", "2001:db8::1"};
static const char *const client[] = {"172.16.0.1", "2001:db8:7::1"};
static const char *const server[] = {"8.8.8.8", "2001:db8:8::1"};

static struct frame inner(int family, uint16_t port)
{
	return tcp(client[family], 5, server[family], port);
}

static struct frame wrap(int outer, uint8_t options, bool ethernet, struct frame in)
{
	return geneve(gateway[outer], own[outer], options, ethernet, &in);
}

/* Where the GENEVE header starts. */
static size_t at(int outer)
{
	return (outer ? L4_IPV6 : L4) + 8;
}

Test(geneve, what_is_inside_is_decided)
{
	for (int i = 0; i < 16; i++) {
		int outer = i & 1, in = i >> 1 & 1;
		uint8_t options = i & 4 ? 8 : 0;
		bool ethernet = i & 8;
		struct frame f = wrap(outer, options, ethernet, inner(in, 80)),
			     alone = inner(in, 80);
		struct sim_result got = decide_on(world, "eth0", &f);
		struct sim_result wanted = decide_on(world, "eth0", &alone);

		cr_assert_eq(wanted.decision.reason, IFW_REASON_INTERCEPTED);
		cr_assert_arr_eq(&got.decision, &wanted.decision, sizeof(wanted.decision));
		cr_assert_eq(got.mark, wanted.mark);
		EXPECT(world, "eth0", wrap(outer, options, ethernet, inner(in, 81)), DROP,
		       "rule-deny");
		EXPECT(world, "eth0", wrap(outer, options, ethernet, inner(in, 82)), DROP,
		       "no-rule");
		f = without_ethernet(wrap(outer, options, ethernet, inner(in, 80)));
		EXPECT(world, "tun0", f, PASS, "intercepted");
	}
}

/* The frame is what a driver would have brought without the outer headers. */
Test(geneve, what_is_left_is_the_inner_packet_behind_the_link_header)
{
	for (int i = 0; i < 4; i++) {
		struct frame f = wrap(i & 1, 3, false, inner(i >> 1, 80)),
			     alone = inner(i >> 1, 80);

		decide_on(world, "eth0", &f);
		cr_assert_eq(world->packet.frame.length, alone.length);
		cr_assert_arr_eq(world->packet.data, alone.bytes, alone.length);
		f = without_ethernet(f);
		alone = without_ethernet(alone);
		decide_on(world, "tun0", &f);
		cr_assert_eq(world->packet.frame.length, alone.length);
		cr_assert_arr_eq(world->packet.data, alone.bytes, alone.length);
		cr_assert_eq(world->packet.data + alone.length, world->buffer + world->buffer_size);
	}
}

Test(geneve, with_options_of_every_length)
{
	for (unsigned int options = 0; options < 64; options++) {
		EXPECT(world, "eth0", wrap(0, (uint8_t)options, false, inner(0, 80)), PASS,
		       "intercepted");
		EXPECT(world, "eth0", wrap(1, (uint8_t)options, true, inner(1, 81)), DROP,
		       "rule-deny");
	}
}

Test(geneve, is_removed_only_where_wanted)
{
	struct frame f = wrap(0, 0, false, inner(0, 80));
	const struct frame in = inner(0, 80);

	EXPECT(world, "eth1", f, PASS, "rule-pass");
	/* Own addresses never recorded: whose it is, is not known. */
	EXPECT(world, "eth3", f, PASS, "rule-pass");
	/* Not for this host. */
	EXPECT(world, "eth0", geneve("192.0.2.1", "10.0.0.2", 0, false, &in), PASS, "rule-pass");
	EXPECT(world, "eth0", geneve("192.0.2.1", "10.0.0.255", 0, false, &in), PASS, "rule-pass");
	EXPECT(world, "eth0", geneve("2001:db8:9::1", "2001:db8::2", 0, false, &in), PASS,
	       "rule-pass");
	/* Other ports, and TCP. */
	put16(&f, L4 + 2, 6080);
	EXPECT(world, "eth0", f, DROP, "no-rule");
	put16(&f, L4 + 2, 6082);
	EXPECT(world, "eth0", f, DROP, "no-rule");
	EXPECT(world, "eth0", tcp("192.0.2.1", 5, "10.0.0.1", 6081), DROP, "no-rule");
	/* From that port is not to it. */
	EXPECT(world, "eth0", udp("192.0.2.1", 6081, "10.0.0.1", 5), DROP, "no-rule");
}

Test(geneve, comes_from_where_it_may)
{
	const struct frame in = inner(0, 80);
	static const struct {
		const char *src;
		bool may;
	} sources[] = {
		{"192.0.2.0", true},	 {"192.0.2.255", true},	   {"192.0.3.0", false},
		{"192.0.1.255", false},	 {"198.51.100.9", true},   {"198.51.100.8", false},
		{"2001:db8:9::1", true}, {"2001:db8:a::1", false}, {"2001:db8:8:ffff::1", false},
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		const char *src = sources[i].src;
		struct frame f = geneve(src, own[strchr(src, ':') != NULL], 0, false, &in);

		if (sources[i].may)
			EXPECT(world, "eth2", f, PASS, "intercepted");
		else
			EXPECT(world, "eth2", f, PASS, "rule-pass");
		EXPECT(world, "eth0", f, PASS, "intercepted");
	}
}

Test(geneve, unsound_headers_drop)
{
	for (int outer = 0; outer < 2; outer++) {
		const struct frame sound = wrap(outer, 1, false, inner(0, 80));
		struct frame f = sound;

		for (uint8_t version = 1; version < 4; version++) {
			f.bytes[at(outer)] = (uint8_t)(version << 6 | 1);
			EXPECT(world, "eth0", f, DROP, "geneve");
		}
		f = sound;
		f.bytes[at(outer) + 1] = 0x80; /* control */
		EXPECT(world, "eth0", f, DROP, "geneve");
		f.bytes[at(outer) + 1] = 0x40; /* critical options */
		EXPECT(world, "eth0", f, DROP, "geneve");
		f.bytes[at(outer) + 1] = 0x3f; /* reserved: ignored */
		EXPECT(world, "eth0", f, PASS, "intercepted");
		f = sound;
		put16(&f, at(outer) + 2, ETH_P_ARP);
		EXPECT(world, "eth0", f, DROP, "geneve");
		put16(&f, at(outer) + 2, ETH_P_IPV6); /* but IPv4 it is */
		EXPECT(world, "eth0", f, DROP, "geneve");
		f = wrap(outer, 1, false, inner(1, 80));
		put16(&f, at(outer) + 2, ETH_P_IP);
		EXPECT(world, "eth0", f, DROP, "geneve");
		/* Options that end behind the datagram, or leave nothing. */
		f = sound;
		f.bytes[at(outer)] = 63;
		EXPECT(world, "eth0", f, DROP, "geneve");
		f.bytes[at(outer)] = 1 + 10;
		EXPECT(world, "eth0", f, DROP, "geneve");
		/* In Ethernet neither ARP nor a VLAN tag. */
		f = wrap(outer, 0, true, inner(0, 80));
		put16(&f, at(outer) + 8 + 12, ETH_P_ARP);
		EXPECT(world, "eth0", f, DROP, "geneve");
		put16(&f, at(outer) + 8 + 12, ETH_P_8021Q);
		EXPECT(world, "eth0", f, DROP, "geneve");
		/* Nothing inside. */
		EXPECT(world, "eth0", udp(gateway[outer], 5, own[outer], 6081), DROP, "geneve");
	}
}

/* Cut everywhere, lengths agreeing: whole, or dropped; the inner packet is never believed. */
Test(geneve, cut_at_every_length_drops)
{
	for (int i = 0; i < 4; i++) {
		struct frame f = wrap(i & 1, 2, i >> 1, inner(0, 80));

		EXPECT(world, "eth0", f, PASS, "intercepted");
		while (f.length > at(i & 1)) {
			struct sim_result result;

			f.length--;
			grow_ip(&f, -1);
			put16(&f, at(i & 1) - 4, (uint16_t)(f.length - at(i & 1) + 8));
			result = decide_on(world, "eth0", &f);
			cr_expect_eq(result.decision.verdict, IFW_VERDICT_DROP);
			cr_expect(result.decision.reason == IFW_REASON_GENEVE ||
				  result.decision.reason == IFW_REASON_MALFORMED);
		}
	}
	for (int i = 0; i < 2; i++) {
		struct frame f = wrap(i, 2, false, inner(i, 80));

		while (f.length-- > 0)
			EXPECT(world, "eth0", f, DROP, "malformed");
	}
}

/* What follows the outer datagram in the frame is none of it. */
Test(geneve, padding_is_no_inner_packet)
{
	for (int i = 0; i < 4; i++) {
		const struct frame in = inner(0, 80);
		struct frame f = wrap(i & 1, 1, i >> 1, in);

		grow_ip(&f, -(int)(f.length - at(i & 1) - 12));
		put16(&f, at(i & 1) - 4, 8 + 12);
		EXPECT(world, "eth0", f, DROP, "geneve");
	}
}

/* net/core/filter.c: BPF_F_ADJ_ROOM_DECAP_L3 came with 6.3. */
Test(geneve, the_other_family_needs_a_kernel)
{
	struct sim_world *old = world_of(WORLD "kernel 6.2\n", RULES);
	struct sim_world *new = world_of(WORLD "kernel 6.3\n", RULES);

	for (int i = 0; i < 4; i++) {
		struct frame f = wrap(i & 1, 0, false, inner(i >> 1, 80));

		EXPECT(new, "eth0", f, PASS, "intercepted");
		if ((i & 1) == i >> 1)
			EXPECT(old, "eth0", f, PASS, "intercepted");
		else
			EXPECT(old, "eth0", f, DROP, "geneve-family");
	}
	sim_world_destroy(old);
	sim_world_destroy(new);
}

Test(geneve, is_removed_once)
{
	for (int i = 0; i < 2; i++) {
		struct frame twice = wrap(i, 0, false, wrap(i, 0, false, inner(i, 80)));

		/* The inner one is a datagram to this host as any other. */
		EXPECT(world, "eth0", twice, PASS, "rule-pass");
		EXPECT(world, "eth0", wrap(i, 0, false, inner(i, 80)), PASS, "intercepted");
	}
}

/* The whole decision, from the top: exceptions, martians, bad headers. */
Test(geneve, the_inner_packet_meets_every_step)
{
	struct frame f = inner(0, 80);

	EXPECT(world, "eth0", wrap(0, 0, false, tcp("172.16.0.1", 5, "10.0.0.1", 22)), PASS, "ssh");
	EXPECT(world, "eth0", wrap(0, 0, false, tcp("172.16.0.1", 5, "127.0.0.1", 22)), DROP,
	       "martian");
	EXPECT(world, "eth0", wrap(0, 0, false, ip_other(IPPROTO_GRE, "8.8.8.8", 0, 0)), DROP,
	       "protocol");
	EXPECT(world, "eth0", wrap(0, 0, false, ip_other(IPPROTO_ICMP, "10.0.0.1", 8, 0)), DROP,
	       "icmp-echo");
	EXPECT(world, "eth0", wrap(0, 0, false, icmp6("fe80::2", "ff02::1", 255, 135, 0)), PASS,
	       "neighbor-discovery");
	f.bytes[L3] = 0x44;
	EXPECT(world, "eth0", wrap(0, 0, false, f), DROP, "malformed");
	f = padded(inner(0, 80), 100);
	EXPECT(world, "eth0", wrap(0, 0, false, fragment_of(f, 7, 32, 32)), DROP, "fragment");
	EXPECT(world, "eth0", wrap(0, 0, false, fragment_of(f, 7, 0, 32)), PASS, "intercepted");
	EXPECT(world, "eth0", wrap(0, 0, false, fragment_of(f, 7, 32, 32)), PASS, "fragment");
}

/* A fragmented outer packet is not looked into; rules decide it. */
Test(geneve, in_fragments_is_not_removed)
{
	struct frame f = wrap(0, 0, false, padded(inner(0, 80), 100));

	EXPECT(world, "eth0", f, PASS, "intercepted");
	EXPECT(world, "eth0", fragment_of(f, 7, 0, 96), PASS, "rule-pass");
}

/* The stack takes off one tag; behind a second bpf_skb_adjust_room sees no IP. */
Test(geneve, behind_one_vlan_tag)
{
	static const uint8_t tag[] = {0x81, 0, 0, 5};
	struct frame f = wrap(0, 0, false, inner(0, 80)), one = f, two;

	insert(&one, 12, tag, sizeof(tag));
	two = one;
	insert(&two, 12, tag, sizeof(tag));
	EXPECT_WITH(world, "eth0", f, ((struct sim_frame){.tags = 1}), PASS, "intercepted");
	EXPECT(world, "eth0", one, PASS, "intercepted");
	cr_assert_eq(world->packet.frame.length, inner(0, 80).length + 4);
	EXPECT_WITH(world, "eth0", one, ((struct sim_frame){.tags = 1}), DROP, "geneve");
	EXPECT(world, "eth0", two, DROP, "geneve");
	/* Of the other family as well: no kernel does that. */
	one = wrap(0, 0, false, inner(1, 80));
	insert(&one, 12, tag, sizeof(tag));
	EXPECT(world, "eth0", one, PASS, "intercepted");
	EXPECT_WITH(world, "eth0", one, ((struct sim_frame){.tags = 1}), DROP, "geneve");
}

static void note_refusal(void *arg, const struct sim_trace *trace)
{
	if (trace->kind == SIM_TRACE_STRIP && trace->error)
		*(bool *)arg = true;
}

/* Whichever call fails, and the removal itself. */
Test(geneve, a_refused_removal_drops)
{
	for (int i = 0; i < 4; i++) {
		struct frame f = wrap(i & 1, 0, false, inner(i >> 1, 80));
		unsigned int removals = 0;
		bool refused;

		sim_world_trace(world, note_refusal, &refused);
		for (unsigned int nth = 1; nth < 60; nth++) {
			struct sim_result result;

			sim_world_fail_call(world, nth);
			refused = false;
			result = decide_on(world, "eth0", &f);
			cr_assert_not_null(ifw_reason_info(result.decision.reason));
			if (result.decision.assigned)
				cr_assert_eq(result.decision.marked, 1);
			if (!refused)
				continue;
			removals++;
			cr_assert_eq(result.decision.verdict, IFW_VERDICT_DROP);
			cr_assert_eq(result.decision.reason, IFW_REASON_GENEVE);
		}
		cr_assert_eq(removals, 1);
		sim_world_fail_call(world, 0);
	}
}

Test(geneve, survives_changed_bytes)
{
	uint64_t seed = 77;

	for (int i = 0; i < 50000; i++) {
		struct frame f = wrap(i & 1, (uint8_t)(next_random(&seed) % 4), i & 2,
				      inner(i >> 2 & 1, 80));

		for (uint32_t n = next_random(&seed) % 4; n > 0; n--)
			f.bytes[L3 + next_random(&seed) % (f.length - L3)] =
				(uint8_t)next_random(&seed);
		if (i % 4 == 0)
			f.length = next_random(&seed) % (f.length + 1);
		decide_on(world, "eth0", &f);
	}
}
