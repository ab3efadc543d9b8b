/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of the order of datapath/decide.h and egress.h, as docs/packet-flow.svg shows it:
 * whoever has a packet explained is told of each step that it came to, and of no other.
 */
#include <stdio.h>

#include "printed.h"
#include "track_fixture.h"

static struct sim_world *world;

static void setup(void)
{
	world = world_of("interface eth0 index 2 address 10.0.0.1/24\nset eth0 track on\n"
			 "interface eth1 index 3\n"
			 "socket udp bound 127.0.0.1:1000\n",
			 "intercept udp to 192.0.2.0/24 port 80 via 127.0.0.1:1000\n"
			 "pass udp to 192.0.2.0/24 port 81\n"
			 "egress deny tcp to 192.0.2.0/24 port 25\n");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(steps, .init = setup, .fini = teardown);

static void note(void *arg, const struct sim_trace *t)
{
	static const char *const names[] = {
#define STEP_NAME(id, name) [IFW_STEP_##id] = name,
		IFW_STEPS(STEP_NAME)
#undef STEP_NAME
	};

	if (t->kind == SIM_TRACE_STEP)
		fprintf(arg, "%s ", names[t->step]);
}

static void check(const char *iface, const struct frame *frame, struct sim_frame in,
		  const char *wanted)
{
	struct printed printed;
	FILE *to = printed_begin(&printed);
	char *text;

	sim_world_trace(world, note, to);
	decide_with(world, iface, frame, in);
	sim_world_trace(world, NULL, NULL);
	text = printed_end(&printed);
	cr_assert_str_eq(text, wanted);
	free(text);
}

#define TOLD(iface, made, in, wanted)                                                              \
	do {                                                                                       \
		const struct frame frame_ = (made);                                                \
		check(iface, &frame_, in, wanted);                                                 \
	} while (0)

#define UP_TO_RELATED                                                                              \
	"parse arp non-ip martian extension-header fragment neighbor-discovery icmp-echo "         \
	"icmp-related "
#define UP_TO_DHCP UP_TO_RELATED "protocol geneve ssh dhcp "

Test(steps, of_what_comes_in)
{
	const struct frame asked = udp("10.0.0.1", 9, "192.0.2.9", 53);

	TOLD("eth0", udp("10.0.0.9", 5, "192.0.2.1", 80), IN_AT(0),
	     UP_TO_DHCP "tracked established rules intercept remember ");
	TOLD("eth0", udp("10.0.0.9", 5, "192.0.2.1", 81), IN_AT(0),
	     UP_TO_DHCP "tracked established rules remember ");
	TOLD("eth0", udp("10.0.0.9", 5, "192.0.2.1", 82), IN_AT(0),
	     UP_TO_DHCP "tracked established rules ");
	TOLD("eth1", udp("10.0.0.9", 5, "192.0.2.1", 81), IN_AT(0),
	     UP_TO_DHCP "established rules ");
	TOLD("eth0", echo("192.0.2.9", "10.0.0.1", false, 7), IN_AT(0),
	     UP_TO_RELATED "tracked protocol ");
	TOLD("eth0", echo("192.0.2.9", "10.0.0.1", true, 7), IN_AT(0),
	     "parse arp non-ip martian extension-header fragment neighbor-discovery icmp-echo ");
	TOLD("eth0", udp("127.0.0.1", 5, "192.0.2.1", 81), IN_AT(0), "parse arp non-ip martian ");
	TOLD("eth0", asked, OUT_AT(1), "parse egress-exempt egress-flow egress-rules remember ");
	TOLD("eth0", udp("192.0.2.9", 53, "10.0.0.1", 9), IN_AT(2),
	     UP_TO_DHCP "tracked established tracked ");
}

Test(steps, of_what_leaves)
{
	TOLD("eth0", tcp("10.0.0.1", 5, "192.0.2.1", 26), OUT_AT(0),
	     "parse egress-exempt egress-flow egress-rules remember ");
	TOLD("eth0", tcp("10.0.0.1", 5, "192.0.2.1", 25), OUT_AT(0),
	     "parse egress-exempt egress-flow egress-rules ");
	TOLD("eth1", tcp("10.0.0.1", 5, "192.0.2.1", 26), OUT_AT(0),
	     "parse egress-exempt egress-flow egress-rules ");
	TOLD("eth0", ip_other(47, "192.0.2.1", 0, 0), OUT_AT(0), "parse egress-exempt ");
	TOLD("eth0", (struct frame){.length = 5}, OUT_AT(0), "parse ");
}
