/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/decide.h: the order of the steps, every reason, failing
 * helpers one after the other, and bytes that are no packet.
 */
#include "sim_fixture.h"

#define WORLD                                                                                      \
	"interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"                      \
	"interface lo address 127.0.0.1/8\n"                                                       \
	"interface tun0 link raw address 10.0.0.1/24\n"                                            \
	"set eth0 track on\nset eth0 egress-default deny\n"                                        \
	"flow udp 10.0.0.1:5353 192.0.2.1:53\n"                                                    \
	"set eth0 echo on\nset eth0 verbose on\nset eth0 geneve on\n"                              \
	"socket tcp listen 127.0.0.1:1000\n"                                                       \
	"socket tcp established 10.0.0.1:22 192.0.2.1:5\n"                                         \
	"socket tcp established 10.0.0.1:80 192.0.2.1:5\n"                                         \
	"socket udp connected 10.0.0.1:68 192.0.2.1:67\n"                                          \
	"socket udp connected 10.0.0.1:500 192.0.2.1:5\n"                                          \
	"socket udp bound 127.0.0.1:1000\n"                                                        \
	"socket tcp listen 127.0.0.1:1002 reuseport\n"                                             \
	"kernel 6.1\n"
#define RULES                                                                                      \
	"deny tcp to 0.0.0.0/0 port 1-100\n"                                                       \
	"deny udp to 0.0.0.0/0 port 1-500\n"                                                       \
	"intercept tcp to 0.0.0.0/0 port 1000 via 127.0.0.1:1000\n"                                \
	"intercept tcp to 0.0.0.0/0 port 1000 from 192.0.2.0/24 via 127.0.0.1:1000 on eth0\n"      \
	"intercept udp to 0.0.0.0/0 port 1000 via 127.0.0.1:1000\n"                                \
	"intercept tcp to 0.0.0.0/0 port 1001 via 127.0.0.1:1001\n"                                \
	"intercept tcp to 0.0.0.0/0 port 1002 via 127.0.0.1:1002\n"                                \
	"pass udp to 0.0.0.0/0 port 2000\n"                                                        \
	"egress deny tcp to 0.0.0.0/0 port 25\n"                                                   \
	"egress pass udp to 0.0.0.0/0 port 53\n"

static struct sim_world *world;

static void setup(void)
{
	world = world_of(WORLD, RULES);
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(decide, .init = setup, .fini = teardown);

#define SSH_LONG padded(tcp("192.0.2.9", 5, "10.0.0.1", 22), 100)

/* A packet for each reason; what it is for stands in the table of reasons. */
static struct frame frame_for(enum ifw_reason reason)
{
	struct frame arp = {.length = 60}, other = {.length = 60}, inner, f;

	put16(&arp, 12, ETH_P_ARP);
	put16(&other, 12, 0x88cc);
	switch (reason) {
	case IFW_REASON_MALFORMED:
		return (struct frame){.length = 5};
	case IFW_REASON_ARP:
		return arp;
	case IFW_REASON_NON_IP:
		return other;
	case IFW_REASON_FRAGMENT:
		return fragment_of(SSH_LONG, 1, 32, 32);
	case IFW_REASON_FRAGMENT_TINY:
		return fragment_of(SSH_LONG, 2, 0, 16);
	case IFW_REASON_FRAGMENT_OVERLAP:
		return fragment_of(SSH_LONG, 3, 24, 32);
	case IFW_REASON_MARTIAN:
		return tcp("192.0.2.9", 5, "127.0.0.1", 80);
	case IFW_REASON_EXTENSION_HEADER:
		return extended(tcp("2001:db8::2", 5, "2001:db8::1", 22), 139, "\0\0\0\0\0\0\0", 8);
	case IFW_REASON_ICMP_RELATED:
		inner = tcp("10.0.0.1", 80, "192.0.2.1", 5);
		return icmp_error("192.0.2.9", "10.0.0.1", 3, 4, &inner);
	case IFW_REASON_GENEVE:
		inner = tcp("192.0.2.1", 5, "8.8.8.8", 1000);
		f = geneve("192.0.2.9", "10.0.0.1", 1, false, &inner);
		f.bytes[L4 + 8] |= 1 << 6; /* version 1 */
		return f;
	case IFW_REASON_GENEVE_FAMILY:
		inner = tcp("2001:db8::2", 5, "2001:db8::1", 22);
		return geneve("192.0.2.9", "10.0.0.1", 1, false, &inner);
	case IFW_REASON_NEIGHBOR_DISCOVERY:
		return icmp6("fe80::1", "ff02::1", 255, 135, 0);
	case IFW_REASON_ICMP_ECHO:
		return ip_other(IPPROTO_ICMP, "10.0.0.1", 8, 0);
	case IFW_REASON_PROTOCOL:
		return ip_other(IPPROTO_GRE, "10.0.0.1", 0, 0);
	case IFW_REASON_SSH:
		return tcp("192.0.2.9", 5, "10.0.0.1", 22);
	case IFW_REASON_DHCP:
		return udp("192.0.2.1", 67, "10.0.0.1", 68);
	case IFW_REASON_ESTABLISHED:
		return udp("192.0.2.1", 5, "10.0.0.1", 500);
	case IFW_REASON_RULE_DENY:
		return tcp("192.0.2.1", 5, "10.0.0.1", 81);
	case IFW_REASON_RULE_PASS:
		return udp("192.0.2.1", 5, "10.0.0.1", 2000);
	case IFW_REASON_LOCAL:
		return tcp("192.0.2.1", 5, "10.0.0.1", 1000);
	case IFW_REASON_INTERCEPTED:
		return tcp("192.0.2.1", 5, "8.8.8.8", 1000);
	case IFW_REASON_NO_LISTENER:
		return tcp("192.0.2.1", 5, "8.8.8.8", 1001);
	case IFW_REASON_ASSIGN_FAILED:
		return tcp("192.0.2.1", 5, "8.8.8.8", 1002);
	case IFW_REASON_NO_RULE:
		return tcp("192.0.2.1", 5, "8.8.8.8", 3000);
	case IFW_REASON_TRACKED:
		return udp("192.0.2.1", 53, "10.0.0.1", 5353);
	case IFW_REASON_EGRESS_PASS:
		return udp("10.0.0.1", 5354, "192.0.2.1", 53);
	case IFW_REASON_EGRESS_DENY:
		return tcp("10.0.0.1", 5, "192.0.2.1", 25);
	case IFW_REASON_EGRESS_DEFAULT:
		return udp("10.0.0.1", 5354, "192.0.2.1", 54);
	case IFW_REASON_NONE:
	case IFW_REASON_END:
		break;
	}
	cr_assert_fail("no packet for reason %d: add one", reason);
	return (struct frame){};
}

/* Reasons of egress are met by what leaves. */
static struct sim_frame way_of(enum ifw_reason reason)
{
	bool leaves = reason >= IFW_REASON_EGRESS_PASS;

	return (struct sim_frame){.time_ns = 1,
				  .direction = leaves ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN};
}

/* What must have come before it. */
static void come_before(enum ifw_reason reason)
{
	if (reason == IFW_REASON_FRAGMENT_OVERLAP)
		EXPECT(world, "eth0", fragment_of(SSH_LONG, 3, 0, 32), PASS, "ssh");
}

Test(decide, every_reason_can_be_met)
{
	for (unsigned int i = IFW_REASON_NONE + 1; i < IFW_REASON_END; i++) {
		struct frame f = frame_for(i);
		struct sim_result result;

		come_before(i);
		result = decide_with(world, "eth0", &f, way_of(i));

		cr_expect_eq(result.decision.reason, i, "wanted %s, got %s",
			     ifw_reason_info(i)->name,
			     ifw_reason_info(result.decision.reason)->name);
	}
}

/* Packets that two steps would answer: the earlier one does. */
Test(decide, first_match_wins)
{
	/* ssh, established and a deny rule */
	EXPECT(world, "eth0", tcp("192.0.2.1", 5, "10.0.0.1", 22), PASS, "ssh");
	/* DHCP, connected and denied */
	EXPECT(world, "eth0", udp("192.0.2.1", 67, "10.0.0.1", 68), PASS, "dhcp");
	/* established and denied */
	EXPECT(world, "eth0", tcp("192.0.2.1", 5, "10.0.0.1", 80), PASS, "established");
	EXPECT(world, "eth0", tcp("192.0.2.1", 6, "10.0.0.1", 80), DROP, "rule-deny");
	EXPECT(world, "eth0", udp("192.0.2.1", 5, "10.0.0.1", 500), PASS, "established");
	EXPECT(world, "eth0", udp("192.0.2.1", 6, "10.0.0.1", 500), DROP, "rule-deny");
}

/*
 * Again and again with the 1st, 2nd, 3rd ... call failing until none is left:
 * always a verdict, nothing leaked, and nothing handed over that was not.
 */
Test(decide, a_failing_helper_leaves_a_defined_verdict)
{
	for (unsigned int i = IFW_REASON_NONE + 1; i < IFW_REASON_END; i++) {
		struct frame f = frame_for(i);
		unsigned int nth = 0, calls;

		do {
			struct sim_result result;

			sim_world_fail_call(world, 0);
			come_before(i);
			sim_world_fail_call(world, ++nth);
			result = decide_with(world, "eth0", &f, way_of(i));
			calls = sim_world_calls(world);
			cr_expect_not_null(ifw_reason_info(result.decision.reason));
			cr_expect_eq(result.decision.marked, result.mark != MARK_BEFORE);
			if (result.decision.assigned)
				cr_expect_eq(result.decision.marked, 1);
			if (i == IFW_REASON_RULE_DENY || i == IFW_REASON_NO_RULE)
				cr_expect_eq(result.decision.verdict, IFW_VERDICT_DROP,
					     "%s passes where call %u fails",
					     ifw_reason_info(i)->name, nth);
		} while (nth < calls);
		cr_assert_geq(nth, 2);
	}
	sim_world_fail_call(world, 0);
}

/* The same tuples in IPv6 go the same way. */
Test(decide, first_match_wins_in_ipv6)
{
	struct sim_world *six =
		world_of("interface eth0 address 2001:db8::1/64\n"
			 "socket tcp established [2001:db8::1]:22 [2001:db8::2]:5\n"
			 "socket tcp established [2001:db8::1]:80 [2001:db8::2]:5\n"
			 "socket udp connected [2001:db8::1]:546 [2001:db8::2]:547\n"
			 "socket udp connected [2001:db8::1]:500 [2001:db8::2]:5\n",
			 "deny tcp to ::/0 port 1-100\n"
			 "deny udp to ::/0 port 1-600\n");
	const char *here = "2001:db8::1", *peer = "2001:db8::2";

	EXPECT(six, "eth0", tcp(peer, 5, here, 22), PASS, "ssh");
	EXPECT(six, "eth0", udp(peer, 547, here, 546), PASS, "dhcp");
	EXPECT(six, "eth0", tcp(peer, 5, here, 80), PASS, "established");
	EXPECT(six, "eth0", tcp(peer, 6, here, 80), DROP, "rule-deny");
	EXPECT(six, "eth0", udp(peer, 5, here, 500), PASS, "established");
	EXPECT(six, "eth0", udp(peer, 6, here, 500), DROP, "rule-deny");
	sim_world_destroy(six);
}

/*
 * Each packet cut behind each of its bytes. What is malformed stays so with less;
 * nothing is read beyond the end (sim/ would see it), and nothing is handed over
 * that the whole packet would not have been.
 */
Test(decide, packets_of_every_kind_cut_at_every_length)
{
	for (unsigned int i = IFW_REASON_NONE + 1; i < IFW_REASON_END; i++) {
		struct frame f = frame_for(i);
		bool malformed = false;

		come_before(i);
		while (f.length > 0) {
			struct sim_result result;

			f.length--;
			result = decide_with(world, "eth0", &f, way_of(i));
			/* What is cut short on its way out is not judged. */
			if (i >= IFW_REASON_EGRESS_PASS)
				continue;
			cr_expect_not(malformed && result.decision.reason != IFW_REASON_MALFORMED,
				      "%s, %zu bytes", ifw_reason_info(i)->name, f.length);
			malformed |= result.decision.reason == IFW_REASON_MALFORMED;
		}
		cr_assert(malformed || i >= IFW_REASON_EGRESS_PASS);
	}
}

/* --- Bytes that are no packet ------------------------------------------------ */

static void decide_bytes(struct frame *frame, uint64_t *seed)
{
	static const char *const names[] = {"eth0", "lo", "tun0"};
	struct sim_frame in = {
		.data = frame->bytes,
		.length = frame->length,
		.ifindex = sim_world_ifindex(world, names[next_random(seed) % 3]),
		.gso_segs = next_random(seed) % 3,
		.tags = next_random(seed) % 8 == 0,
		.direction = next_random(seed) % 4 == 0 ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN,
	};
	struct sim_result result = {};

	cr_assert_eq(sim_decide(world, &in, &result), 0, "%s", result.violation);
}

Test(decide, survives_random_bytes)
{
	uint64_t seed = 4711;

	for (int i = 0; i < 100000; i++) {
		struct frame f = {.length = next_random(&seed) % 120};

		for (size_t at = 0; at < f.length; at++)
			f.bytes[at] = (uint8_t)next_random(&seed);
		if (f.length > 14)
			put16(&f, 12, next_random(&seed) % 2 ? ETH_P_IP : ETH_P_IPV6);
		decide_bytes(&f, &seed);
	}
}

Test(decide, survives_packets_with_a_few_bytes_changed)
{
	uint64_t seed = 815;

	for (int i = 0; i < 100000; i++) {
		struct frame f = frame_for(1 + next_random(&seed) % (IFW_REASON_END - 1));

		for (unsigned int n = next_random(&seed) % 4; n > 0; n--)
			f.bytes[next_random(&seed) % 60] = (uint8_t)next_random(&seed);
		if (next_random(&seed) % 4 == 0)
			f.length = next_random(&seed) % (f.length + 1);
		decide_bytes(&f, &seed);
	}
}
