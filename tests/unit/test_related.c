/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/related.h: ICMP errors about conversations of this host and
 * about intercepted ones pass, in both families, and no others.
 */
#include "sim_fixture.h"

#include "datapath/related.h"

static struct sim_world *world;

static void setup(void)
{
	world = world_of("interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"
			 "interface eth1 index 3 address 10.0.1.1/24\n"
			 "set eth0 " MARK_SET "\n"
			 "socket tcp established 10.0.0.1:80 192.0.2.1:5\n"
			 "socket tcp syn-sent 10.0.0.1:81 192.0.2.1:5\n"
			 "socket tcp time-wait 10.0.0.1:82 192.0.2.1:5\n"
			 "socket tcp listen 10.0.0.1:83\n"
			 "socket udp bound 10.0.0.1:53\n"
			 "socket udp connected 10.0.0.1:54 192.0.2.1:5\n"
			 "socket tcp established [2001:db8::1]:80 [2001:db8:1::1]:5\n"
			 "socket tcp syn-sent [2001:db8::1]:81 [2001:db8:1::1]:5\n"
			 "socket tcp time-wait [2001:db8::1]:82 [2001:db8:1::1]:5\n"
			 "socket tcp listen [2001:db8::1]:83\n"
			 "socket udp bound [2001:db8::1]:53\n"
			 "socket udp connected [2001:db8::1]:54 [2001:db8:1::1]:5\n",
			 "intercept tcp to 198.51.100.0/24 port 443 via 127.0.0.1:1000 on eth0\n"
			 "intercept udp to 198.51.100.0/24 port 443 via 127.0.0.1:1000\n"
			 "pass tcp to 198.51.100.0/24 port 444\n"
			 "deny tcp to 198.51.100.0/24 port 445\n"
			 "intercept tcp to 2001:db8:2::/48 port 443 via [::1]:1000 on eth0\n"
			 "intercept udp to 2001:db8:2::/48 port 443 via [::1]:1000\n"
			 "pass tcp to 2001:db8:2::/48 port 444\n"
			 "deny tcp to 2001:db8:2::/48 port 445\n");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(related, .init = setup, .fini = teardown);

#define EACH_FAMILY(family) for (int family = 0; family < 2; family++)

static const char *const host[] = {"10.0.0.1", "2001:db8::1"};
static const char *const peer[] = {"192.0.2.1", "2001:db8:1::1"};
static const char *const server[] = {"198.51.100.1", "2001:db8:2::1"}; /* intercepted */
static const char *const router[] = {"203.0.113.9", "2001:db8:3::9"};

/* "Too big", or "fragmentation needed". */
static struct frame too_big(int family, struct frame quoted)
{
	const char *to = host[family];

	return icmp_error(router[family], to, family ? 2 : 3, family ? 0 : 4, &quoted);
}

Test(related, of_a_socket_here_pass_marked)
{
	EACH_FAMILY(family)
	{
		struct sim_result result;
		struct frame f;

		for (uint16_t port = 80; port <= 82; port++) {
			f = too_big(family, tcp(host[family], port, peer[family], 5));
			EXPECT(world, "eth0", f, PASS, "icmp-related");
			result = decide_on(world, "eth0", &f);
			cr_assert_eq(result.mark, MARK_AFTER);
			cr_assert_eq(result.decision.marked, 1);
			cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_NONE);
			cr_assert_eq(result.decision.rule, 0);
		}
		EXPECT(world, "eth0", too_big(family, udp(host[family], 53, peer[family], 5)), PASS,
		       "icmp-related");
		EXPECT(world, "eth0", too_big(family, udp(host[family], 54, peer[family], 5)), PASS,
		       "icmp-related");
	}
}

/* A listener has sent nothing to that peer, and the tuple counts the way it was sent. */
Test(related, of_others_drop)
{
	EACH_FAMILY(family)
	{
		const char *h = host[family], *p = peer[family];
		struct frame f = too_big(family, tcp(h, 83, p, 5));

		EXPECT(world, "eth0", f, DROP, "protocol");
		cr_assert_eq(decide_on(world, "eth0", &f).mark, MARK_BEFORE);
		EXPECT(world, "eth0", too_big(family, tcp(p, 5, h, 80)), DROP, "protocol");
		EXPECT(world, "eth0", too_big(family, tcp(h, 80, p, 6)), DROP, "protocol");
		EXPECT(world, "eth0", too_big(family, tcp(h, 84, p, 5)), DROP, "protocol");
		EXPECT(world, "eth0", too_big(family, tcp(h, 80, router[family], 5)), DROP,
		       "protocol");
		EXPECT(world, "eth0", too_big(family, udp(h, 80, p, 5)), DROP, "protocol");
		EXPECT(world, "eth0", too_big(family, tcp(h, 53, p, 5)), DROP, "protocol");
		EXPECT(world, "eth0", too_big(family, udp(h, 55, p, 5)), DROP, "protocol");
	}
}

/* What a listener answers in the server's name: no socket need be left of it. */
Test(related, of_an_intercepted_flow_pass)
{
	EACH_FAMILY(family)
	{
		const char *s = server[family], *p = peer[family];
		struct frame f = too_big(family, tcp(s, 443, p, 5));
		struct sim_result result;

		EXPECT(world, "eth0", f, PASS, "icmp-related");
		result = decide_on(world, "eth0", &f);
		cr_assert_eq(result.decision.rule, family ? 5 : 1);
		cr_assert_eq(result.decision.marked, 1);
		EXPECT(world, "eth0", too_big(family, udp(s, 443, p, 5)), PASS, "icmp-related");
		/* The rule is asked as for the packet that was answered: its port, not the other.
		 */
		EXPECT(world, "eth0", too_big(family, tcp(p, 5, s, 443)), DROP, "protocol");
		EXPECT(world, "eth0", too_big(family, tcp(s, 442, p, 443)), DROP, "protocol");
		EXPECT(world, "eth1", f, DROP, "protocol");
		EXPECT(world, "eth1", too_big(family, udp(s, 443, p, 5)), PASS, "icmp-related");
		sim_world_find_iface(world, "eth0")->settings.flags |= IFW_IFACE_NAMED_RULES;
		EXPECT(world, "eth0", f, PASS, "icmp-related");
		EXPECT(world, "eth0", too_big(family, udp(s, 443, p, 5)), DROP, "protocol");
		sim_world_find_iface(world, "eth0")->settings.flags &= ~IFW_IFACE_NAMED_RULES;
		/* Passed and denied flows are no conversations of this host. */
		EXPECT(world, "eth0", too_big(family, tcp(s, 444, p, 5)), DROP, "protocol");
		EXPECT(world, "eth0", too_big(family, tcp(s, 445, p, 5)), DROP, "protocol");
		EXPECT(world, "eth0", too_big(family, tcp(s, 446, p, 5)), DROP, "protocol");
	}
}

Test(related, each_type_of_error_and_no_other)
{
	for (unsigned int type = 0; type < 256; type++)
		EACH_FAMILY(family)
		{
			struct frame quoted = tcp(host[family], 80, peer[family], 5);
			struct frame f =
				icmp_error(router[family], host[family], (uint8_t)type, 0, &quoted);
			struct sim_result result = decide_on(world, "eth0", &f);
			bool error = family ? type >= 1 && type <= 4
					    : type == 3 || type == 11 || type == 12;

			cr_expect_eq(result.decision.reason == IFW_REASON_ICMP_RELATED, error,
				     "type %u", type);
			/* Among others redirects, 5 and 137, change where packets go. */
			cr_expect_eq(result.decision.verdict == IFW_VERDICT_PASS, error, "type %u",
				     type);
		}
}

Test(related, each_code_counts)
{
	struct frame quoted = tcp(host[0], 80, peer[0], 5);

	for (unsigned int code = 0; code < 256; code++)
		EXPECT(world, "eth0", icmp_error(router[0], host[0], 3, (uint8_t)code, &quoted),
		       PASS, "icmp-related");
}

/* RFC 792: 8 bytes of the transport header must be quoted; 4 are read. */
Test(related, quotations_may_be_cut_behind_the_ports)
{
	EACH_FAMILY(family)
	{
		struct frame f = too_big(family, tcp(host[family], 80, peer[family], 5));
		const size_t l4 = family ? L4_IPV6 : L4;
		const size_t least = l4 + 8 + (family ? 40 : 20) + 4;

		for (; f.length >= l4 + 4; f.length--, grow_ip(&f, -1)) {
			if (f.length >= least)
				EXPECT(world, "eth0", f, PASS, "icmp-related");
			else
				EXPECT(world, "eth0", f, DROP, "protocol");
		}
		EXPECT(world, "eth0", f, DROP, "malformed");
	}
}

Test(related, quotations_have_options_and_extension_headers)
{
	static const uint8_t options[40] = {1};
	struct frame quoted = tcp(host[0], 80, peer[0], 5);

	insert(&quoted, L4, options, sizeof(options));
	quoted.bytes[L3] = 0x4f;
	EXPECT(world, "eth0", too_big(0, quoted), PASS, "icmp-related");
	quoted.bytes[L3] = 0x44; /* too short a header */
	EXPECT(world, "eth0", too_big(0, quoted), DROP, "protocol");
	quoted.bytes[L3] = 0x6f;
	EXPECT(world, "eth0", too_big(0, quoted), DROP, "protocol");

	quoted = tcp(host[1], 80, peer[1], 5);
	for (int i = 1; i <= 9; i++) {
		static const uint8_t header[8];

		quoted = extended(quoted, IFW_IPPROTO_DSTOPTS, header, sizeof(header));
		if (i <= 7)
			EXPECT(world, "eth0", too_big(1, quoted), PASS, "icmp-related");
		else
			EXPECT(world, "eth0", too_big(1, quoted), DROP, "protocol");
	}
	quoted = tcp(host[1], 80, peer[1], 5);
	quoted.bytes[L3] = 0x40;
	EXPECT(world, "eth0", too_big(1, quoted), DROP, "protocol");
}

/* What the error before it quoted is in memory still: nothing of it may be taken over. */
Test(related, quotations_are_read_anew)
{
	/* Version; length of the header; fragment offset. */
	static const struct {
		size_t at;
		uint8_t value;
	} breaks[2][3] = {{{0, 0x65}, {0, 0x44}, {7, 0x01}}, {{0, 0x40}, {0, 0x50}, {0, 0x70}}};

	EACH_FAMILY(family)
	{
		struct frame f = too_big(family, tcp(host[family], 80, peer[family], 5));
		const size_t quoted = (family ? L4_IPV6 : L4) + 8;
		struct sim_frame in = {.data = f.bytes, .length = f.length, .ifindex = 2};
		struct sim_packet *ctx;
		struct ifw_work *w;

		cr_assert_eq(sim_packet_begin(world, &in, &ctx), 0);
		w = &ctx->work[IFW_DIRECTION_IN];
		memset(&w->packet, 0, sizeof(w->packet));
		w->in = (struct iface){.ifindex = 2};
		cr_assert_eq(ifw_parse(ctx, IFW_DIRECTION_IN), IFW_UNDECIDED);
		for (int i = 0; i < 3; i++) {
			const size_t at = quoted + breaks[family][i].at;
			const uint8_t before = ctx->data[at];

			cr_assert_eq(ifw_read_quoted(ctx), 0);
			ctx->data[at] = breaks[family][i].value;
			cr_assert_eq(ifw_read_quoted(ctx), -1);
			ctx->data[at] = before;
		}
		for (unsigned int nth = 1; nth <= 2; nth++) {
			sim_world_fail_call(world, nth);
			ctx->calls = 0;
			cr_assert_eq(ifw_read_quoted(ctx), -1);
		}
		sim_world_fail_call(world, 0);
		sim_packet_end(ctx);
	}
}

/* Of a first fragment the ports are quoted; of a later one there are none. */
Test(related, quoted_fragments)
{
	EACH_FAMILY(family)
	{
		struct frame whole = padded(tcp(host[family], 80, peer[family], 5), 100);

		/* The later one's bytes would be these ports. */
		put16(&whole, (family ? L4_IPV6 : L4) + 32, 80);
		put16(&whole, (family ? L4_IPV6 : L4) + 34, 5);
		EXPECT(world, "eth0", too_big(family, fragment_of(whole, 7, 0, 32)), PASS,
		       "icmp-related");
		EXPECT(world, "eth0", too_big(family, fragment_of(whole, 7, 32, 32)), DROP,
		       "protocol");
	}
}

Test(related, fragmented_errors_drop)
{
	EACH_FAMILY(family)
	{
		struct frame f =
			too_big(family, padded(tcp(host[family], 80, peer[family], 5), 100));

		EXPECT(world, "eth0", f, PASS, "icmp-related");
		EXPECT(world, "eth0", fragment_of(f, 7, 0, 96), DROP, "protocol");
		EXPECT(world, "eth0", fragment_of(f, 7, 96, 96), DROP, "fragment");
	}
}

Test(related, of_other_protocols_drop)
{
	EACH_FAMILY(family)
	{
		struct frame quoted = tcp(host[family], 80, peer[family], 5);

		quoted.bytes[family ? L3 + 6 : L3 + 9] = IPPROTO_SCTP;
		EXPECT(world, "eth0", too_big(family, quoted), DROP, "protocol");
		quoted.bytes[family ? L3 + 6 : L3 + 9] = family ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		EXPECT(world, "eth0", too_big(family, quoted), DROP, "protocol");
	}
}

/* Whichever call fails: nothing is leaked, and the foreign stays outside. */
Test(related, a_failing_helper_lets_nothing_more_through)
{
	EACH_FAMILY(family)
	{
		struct frame mine = too_big(family, tcp(host[family], 80, peer[family], 5));
		struct frame foreign = too_big(family, tcp(host[family], 84, peer[family], 5));

		for (unsigned int nth = 1; nth < 60; nth++) {
			sim_world_fail_call(world, nth);
			decide_on(world, "eth0", &mine);
			cr_expect_eq(decide_on(world, "eth0", &foreign).decision.verdict,
				     IFW_VERDICT_DROP, "passes where call %u fails", nth);
		}
		sim_world_fail_call(world, 0);
	}
}
