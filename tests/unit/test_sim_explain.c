/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/flow.c and sim/explain/explain.c: the packet that is made up is a valid
 * one, and the explanation names what decided.
 */
#include <stdio.h>

#include "sim_fixture.h"

#include "sim/explain/explain.h"

/* --- The packet ------------------------------------------------------------------ */

static uint32_t sum_words(uint32_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	return sum;
}

/* RFC 1071: what includes its own checksum adds up to all ones. */
static bool adds_up(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

Test(sim_explain, checksums_add_up)
{
	uint64_t seed = 3;

	for (int i = 0; i < 500; i++) {
		struct flow flow = {
			.src = ifw_addr_from_ipv4(next_random(&seed)),
			.dst = ifw_addr_from_ipv4(next_random(&seed)),
			.src_port = (uint16_t)next_random(&seed),
			.dst_port = (uint16_t)next_random(&seed),
			.family = i % 3 ? IFW_FAMILY_IPV4 : IFW_FAMILY_IPV6,
			.protocol = i % 2 ? IPPROTO_TCP : IPPROTO_UDP,
		};
		size_t l4 = i % 3 ? L4 : L4_IPV6, addresses = i % 3 ? L3 + 12 : L3 + 8;
		uint8_t frame[FLOW_FRAME_MAX];
		size_t size = flow_frame(&flow, frame);

		if (i % 3)
			cr_assert(adds_up(sum_words(0, frame + L3, 20)));
		cr_assert(adds_up(sum_words(flow.protocol + (uint32_t)(size - l4),
					    frame + addresses, size - addresses)));
	}
}

Test(sim_explain, the_packet_is_of_its_protocol)
{
	struct frame t = tcp("10.0.0.1", 1, "10.0.0.2", 2), u = udp("10.0.0.1", 1, "10.0.0.2", 2);

	cr_assert_eq(t.length, 54);
	cr_assert_eq(t.bytes[L4 + 13], 0x02); /* SYN alone */
	cr_assert_eq(u.length, 42);
	cr_assert_eq(u.bytes[L3 + 9], IPPROTO_UDP);
}

/* --- The explanation --------------------------------------------------------------- */

static bool says(const struct explanation *e, const char *step, const char *text)
{
	for (size_t i = 0; i < e->count; i++)
		for (size_t j = 0; j < e->steps[i].count; j++)
			if (strcmp(e->steps[i].name, step) == 0 &&
			    strstr(e->steps[i].lines[j], text))
				return true;
	return false;
}

static void explain(struct sim_world *world, uint8_t protocol, const char *dst, uint16_t port,
		    struct explanation *e)
{
	struct flow flow = {
		.src = addr_of("10.1.1.5"),
		.dst = addr_of(dst),
		.src_port = 40000,
		.dst_port = port,
		.family = strchr(dst, ':') ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4,
		.protocol = protocol,
	};

	if (flow.family == IFW_FAMILY_IPV6)
		flow.src = addr_of("2001:db8:1::5");
	cr_assert_eq(explain_flow(world, &flow, sim_world_first_ifindex(world), e), 0);
}

#define SAYS(step, text) cr_expect(says(&e, step, text), "%s: %s", step, text)
#define SAYS_NOT(step, text) cr_expect_not(says(&e, step, text), "%s: %s", step, text)

Test(sim_explain, names_what_was_asked_and_found)
{
	struct sim_world *world =
		world_of("interface eth0 address 172.16.0.1/24\ninterface eth1\n"
			 "socket tcp listen 127.0.0.1:43321\n",
			 "intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321\n"
			 "deny tcp to 10.0.0.0/8 port 85 from 10.1.0.0/16 on eth1\n"
			 "pass tcp to 10.9.0.0/16 port 1\n");
	struct explanation e;

	explain(world, IPPROTO_TCP, "10.2.2.2", 85, &e);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_INTERCEPTED);
	SAYS("interface", "own addresses recorded");
	SAYS("established", "10.1.1.5:40000 -> 10.2.2.2:85: no socket");
	SAYS("rules", "lengths of tcp rules: /16 /8");
	SAYS("rules", "to 10.2.0.0/16: no rules");
	SAYS("rules", "to 10.0.0.0/8: rules, source lengths /16");
	SAYS("rules", "from 10.1.0.0/16: rules");
	SAYS("rules", "port 85: yes");
	SAYS("rules", "rule 2: not on eth0");
	SAYS("rules", "ports 80-443: hold 85");
	SAYS("rules", "rule 1: holds on eth0");
	SAYS("intercept", "10.2.2.2: no own address");
	SAYS("intercept", "to 127.0.0.1:43321: socket 127.0.0.1:43321, listening");
	SAYS("intercept", "assign 127.0.0.1:43321: done");
	cr_assert_str_eq(e.steps[e.count - 1].name, "intercept");
	explanation_free(&e);

	explain(world, IPPROTO_TCP, "172.16.0.1", 22, &e);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_SSH);
	SAYS("ssh", "172.16.0.1: an own address of eth0");
	SAYS_NOT("established", "");
	cr_assert_str_eq(e.steps[e.count - 1].name, "ssh");
	explanation_free(&e);

	explain(world, IPPROTO_UDP, "10.2.2.2", 85, &e);
	SAYS("rules", "there are no udp rules");
	explanation_free(&e);
	sim_world_destroy(world);
}

/* Which flow let it in, and when that would be forgotten. */
Test(sim_explain, names_the_flow)
{
	struct sim_world *world = world_of("interface eth0 address 10.1.1.5/24\nset eth0 track on\n"
					   "flow udp 10.2.2.2:53 10.1.1.5:40000 idle 40 forwarded\n"
					   "flow tcp 10.2.2.2:53 10.1.1.5:40000 state time-wait\n",
					   "");
	struct explanation e;

	explain(world, IPPROTO_UDP, "10.2.2.2", 53, &e);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_TRACKED);
	SAYS("interface", "tracks");
	SAYS("tracked", "replied flows: udp 10.2.2.2:53 -> 10.1.1.5:40000, udp-replied, "
			"forwarded, began 40 s ago, expires in 80 s");
	SAYS_NOT("established", "");
	cr_assert_eq(e.has_flow, true);
	cr_assert_eq(e.flow.expires_ns - e.now_ns, 120 * 1000000000ULL); /* it has begun anew */
	explanation_free(&e);

	explain(world, IPPROTO_UDP, "10.2.2.2", 54, &e);
	SAYS("tracked", "replied flows: not there");
	SAYS("tracked", "new flows: not there");
	cr_assert_eq(e.has_flow, false);
	explanation_free(&e);

	explain(world, IPPROTO_TCP, "10.2.2.2", 53, &e);
	SAYS("tracked", "connections: not there");
	SAYS("tracked", "new flows: tcp 10.2.2.2:53 -> 10.1.1.5:40000, time-wait");
	cr_assert_eq(e.result.decision.reason, IFW_REASON_NO_RULE);
	explanation_free(&e);
	sim_world_destroy(world);
}

Test(sim_explain, what_leaves)
{
	struct sim_world *world =
		world_of("interface eth0 address 10.1.1.5/24\nset eth0 track on\n",
			 "egress deny tcp to 10.2.0.0/16 port 25\n");
	struct flow flow = {
		.src = addr_of("10.1.1.5"),
		.dst = addr_of("10.2.2.2"),
		.src_port = 40000,
		.dst_port = 26,
		.family = IFW_FAMILY_IPV4,
		.protocol = IPPROTO_TCP,
		.direction = IFW_DIRECTION_OUT,
	};
	struct explanation e;

	cr_assert_eq(explain_flow(world, &flow, 2, &e), 0);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_EGRESS_PASS);
	SAYS("egress-flow", "sent from an own address");
	SAYS("egress-rules", "lengths of egress tcp rules: /16");
	SAYS("remember", "new flows: tcp 10.1.1.5:40000 -> 10.2.2.2:26, syn-sent");
	explanation_free(&e);
	flow.dst_port = 25;
	cr_assert_eq(explain_flow(world, &flow, 2, &e), 0);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_EGRESS_DENY);
	SAYS("egress-rules", "rule 1: holds on eth0");
	SAYS_NOT("remember", "");
	explanation_free(&e);
	sim_world_destroy(world);
}

Test(sim_explain, only_rules_that_name_it)
{
	struct sim_world *world =
		world_of("interface eth0 address 10.1.1.5/24\nset eth0 named-rules on\n",
			 "deny tcp to 10.2.0.0/16 port 25-80\n"
			 "pass tcp to 10.2.0.0/16 port 50 on eth0\n");
	struct explanation e;

	explain(world, IPPROTO_TCP, "10.2.2.2", 50, &e);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_RULE_PASS);
	SAYS("interface", "only rules that name it");
	SAYS("rules", "rule 1: does not name eth0 (on every interface)");
	SAYS("rules", "rule 2: holds on eth0 (on eth0)");
	explanation_free(&e);
	sim_world_destroy(world);
}

/* Explaining must not change what is explained, nor stay switched on. */
Test(sim_explain, decides_as_without_it)
{
	struct sim_world *world =
		world_of("interface eth0 no settings\nkernel 6.1\n"
			 "socket udp bound 127.0.0.1:5 reuseport\n",
			 "intercept udp to 10.0.0.0/8 port 1-9 via 127.0.0.1:5\n");
	struct frame f = udp("10.1.1.5", 40000, "10.2.2.2", 5);
	struct explanation e;

	explain(world, IPPROTO_UDP, "10.2.2.2", 5, &e);
	SAYS("interface", "has no settings");
	SAYS("intercept", "refused");
	cr_assert_eq(e.result.decision.reason, IFW_REASON_ASSIGN_FAILED);
	cr_assert_eq(decide_on(world, "eth0", &f).decision.reason, e.result.decision.reason);
	cr_assert_null(world->trace);
	explanation_free(&e);
	cr_assert_eq(e.count, 0);
	sim_world_destroy(world);
}

Test(sim_explain, of_ipv6)
{
	struct sim_world *world =
		world_of("interface eth0 address 2001:db8::1/64\nsocket tcp listen [::]:43321\n",
			 "intercept tcp to 2001:db8:2::/48 port 80-90 via [::1]:43321\n");
	struct explanation e;

	explain(world, IPPROTO_TCP, "2001:db8:2::1", 85, &e);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_INTERCEPTED);
	cr_assert_eq(e.length, 74);
	SAYS("established", "[2001:db8:1::5]:40000 -> [2001:db8:2::1]:85: no socket");
	SAYS("rules", "to 2001:db8:2::/48: rules");
	SAYS("intercept", "2001:db8:2::1: no own address");
	SAYS("intercept", "to [::1]:43321: socket [::]:43321, listening");
	SAYS("intercept", "keep [::]:43321 for lookups of the stack: done");
	explanation_free(&e);
	explain(world, IPPROTO_TCP, "::1", 85, &e);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_MARTIAN);
	cr_assert_str_eq(e.steps[e.count - 1].name, "martian");
	explanation_free(&e);
	sim_world_destroy(world);
}

Test(sim_explain, of_a_raw_interface)
{
	struct sim_world *world = world_of("interface tun0 link raw address 10.0.0.1/24\n", "");
	struct explanation e;

	explain(world, IPPROTO_TCP, "10.0.0.1", 22, &e);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_SSH);
	cr_assert_eq(e.length, 40);
	SAYS("interface", "without Ethernet header");
	explanation_free(&e);
	explain(world, IPPROTO_UDP, "2001:db8::1", 53, &e);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_NO_RULE);
	cr_assert_eq(e.length, 48);
	explanation_free(&e);
	sim_world_destroy(world);
}

Test(sim_explain, of_geneve)
{
	struct sim_world *world = world_of("interface eth0 address 10.0.0.1/24\n"
					   "set eth0 geneve from 10.1.0.0/16\n",
					   "");
	struct explanation e;

	explain(world, IPPROTO_UDP, "10.0.0.1", 6081, &e);
	cr_assert_eq(e.result.decision.reason, IFW_REASON_GENEVE);
	SAYS("interface", "GENEVE removed");
	SAYS("geneve", "outer sources: 10.1.0.0/16");
	explanation_free(&e);
	sim_world_destroy(world);
}
