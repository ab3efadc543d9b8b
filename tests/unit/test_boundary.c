/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/compare/boundary.c: which packets, that what one is answered does not hang on those
 * before it, and that a rule that is off by one is noticed.
 */
#include <stdio.h>

#include "rules_common.h"
#include "sim_fixture.h"

#include "sim/compare/boundary.h"

#define TEXT_MAX 65536

struct list {
	struct sim_world *world;
	char text[TEXT_MAX];
	size_t size;
	unsigned int count;
};

static int note(void *arg, uint32_t ifindex, const struct flow *flow)
{
	struct list *list = arg;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	rule_print_addr(flow->src, flow->family, src, sizeof(src));
	rule_print_addr(flow->dst, flow->family, dst, sizeof(dst));
	list->size += (size_t)snprintf(
		list->text + list->size, TEXT_MAX - list->size, "%s %s %s %s %s %u\n",
		flow->direction == IFW_DIRECTION_OUT ? "out" : "in",
		sim_world_ifname(list->world, ifindex),
		flow->protocol == IPPROTO_TCP ? "tcp" : "udp", src, dst, flow->dst_port);
	list->count++;
	return 0;
}

static struct list list_of(const char *text, const char *rules)
{
	struct list list = {.world = world_of(text, rules)};

	cr_assert_eq(boundary_each(list.world, note, &list), 0);
	cr_assert_eq(boundary_count(list.world), list.count);
	sim_world_destroy(list.world);
	return list;
}

#define HAS(list, line) cr_assert_not_null(strstr((list).text, line "\n"), "no " line)
#define HAS_NOT(list, part) cr_assert_null(strstr((list).text, part), "there is " part)

Test(boundary, edges_of_prefixes_and_ports)
{
	struct list list =
		list_of("interface eth0\ninterface eth1\n",
			"deny tcp to 10.1.0.0/16 port 80-90 from 192.0.2.8/29 on eth0\n");

	/* 4 ports, 4 destinations, 4 sources, 2 protocols, 2 interfaces */
	cr_assert_eq(list.count, 4 * 4 * 4 * 2 * 2);
	HAS(list, "in eth0 tcp 192.0.2.8 10.1.0.0 79");
	HAS(list, "in eth0 tcp 192.0.2.8 10.1.0.0 80");
	HAS(list, "in eth0 tcp 192.0.2.8 10.1.0.0 90");
	HAS(list, "in eth0 tcp 192.0.2.8 10.1.0.0 91");
	HAS(list, "in eth0 udp 192.0.2.15 10.1.255.255 90");
	HAS(list, "in eth1 tcp 192.0.2.7 10.0.255.255 80");
	HAS(list, "in eth1 tcp 192.0.2.16 10.2.0.0 80");
}

Test(boundary, where_there_is_nothing_outside)
{
	struct list list = list_of("interface eth0\n", "deny udp to 0.0.0.0/0 port 0-65535\n");

	cr_assert_eq(list.count, 2 * 2 * 2, "2 ports, 2 addresses, 2 protocols");
	HAS(list, "in eth0 udp 198.51.100.1 0.0.0.0 0");
	HAS(list, "in eth0 tcp 198.51.100.1 255.255.255.255 65535");
	list = list_of("interface eth0\n", "deny udp to 10.0.0.1 port 5\n");
	cr_assert_eq(list.count, 3 * 3 * 2, "low is high, first is last");
	list = list_of("interface eth0\n", "deny udp to ffff:ffff:ffff:ffff::/64 port 5\n");
	cr_assert_eq(list.count, 3 * 3 * 2);
	HAS(list, "in eth0 udp 2001:db8::1 ffff:ffff:ffff:fffe:ffff:ffff:ffff:ffff 5");
	HAS(list, "in eth0 udp 2001:db8::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 6");
	list = list_of("interface eth0\n",
		       "deny udp to 2001:db8:0:ffff:ffff:ffff:ffff:ffff port 5\n");
	HAS(list, "in eth0 udp 2001:db8::1 2001:db8:1:: 5");
}

Test(boundary, what_leaves_has_the_hosts_address)
{
	struct list list = list_of("interface eth0 address 192.0.2.1/24\n"
				   "interface eth1 address 198.51.100.1/24\n",
				   "egress deny tcp to 203.0.113.0/24 port 25\n"
				   "deny tcp to 203.0.113.0/24 port 25\n");

	HAS(list, "out eth0 tcp 192.0.2.1 203.0.113.0 25");
	HAS(list, "out eth1 tcp 198.51.100.1 203.0.113.0 25");
	HAS_NOT(list, "out eth0 tcp 198");
	/* Who comes in by them is nobody of this host. */
	HAS(list, "in eth0 tcp 198.51.100.2 203.0.113.0 25");
}

Test(boundary, a_world_for_rules)
{
	static const char rules[] = "intercept tcp to 10.0.0.0/8 port 80 via 1000 on lan,wan\n"
				    "intercept udp to 10.0.0.0/8 port 80 via 1000\n"
				    "intercept tcp to 10.0.0.0/8 port 81 via 1000\n"
				    "intercept tcp to 2001:db8::/32 port 81 via 1000\n";
	struct sim_world *world = world_of("", rules);
	char *text = boundary_world(sim_world_rules(world));

	cr_assert_str_eq(text, "interface lan\ninterface wan\ninterface other0\n"
			       "socket tcp listen 127.0.0.1:1000\n"
			       "socket udp bound 127.0.0.1:1000\n"
			       "socket tcp listen [::1]:1000\n");
	sim_world_destroy(world_of(text, rules));
	free(text);
	other_world(&world, "", "deny tcp to 10.0.0.0/8 port 80\n");
	text = boundary_world(sim_world_rules(world));
	cr_assert_str_eq(text, "interface eth0\n");
	free(text);
	sim_world_destroy(world);
}

/* --- Answers ------------------------------------------------------------------------ */

struct compared {
	struct sim_world *one, *other;
	bool fresh; /* the other remembers nothing */
	unsigned int packets, different;
};

static int compare(void *arg, uint32_t ifindex, const struct flow *flow)
{
	struct compared *compared = arg;
	struct sim_result one, other;
	uint8_t bytes[FLOW_FRAME_MAX];
	struct sim_frame frame =
		frame_of_flow(flow, ifindex, bytes, 1000000000ULL + compared->packets++);

	cr_assert_eq(sim_decide(compared->one, &frame, &one), 0);
	frame.trial = compared->fresh;
	cr_assert_eq(sim_decide(compared->other, &frame, &other), 0);
	compared->different += one.decision.verdict != other.decision.verdict ||
			       one.decision.reason != other.decision.reason ||
			       (compared->fresh && one.decision.rule != other.decision.rule);
	return 0;
}

static const char world_text[] = "interface eth0 address 192.0.2.1/24\n"
				 "interface eth1 address 192.0.3.1/24\n"
				 "set eth0 track on\nset eth1 track on\n"
				 "socket tcp listen 127.0.0.1:1000\n"
				 "socket udp bound 127.0.0.1:1000\n";

static int add_rule(char *text, size_t room)
{
	static const char *const actions[] = {"pass %s to ", "deny %s to ", "intercept %s to ",
					      "egress deny %s to "};
	const unsigned int action = random_below(4);
	char start[64];
	int size;

	snprintf(start, sizeof(start), actions[action], random_below(2) ? "tcp" : "udp");
	size = snprintf(text, room, "%s10.%u.0.0/%u port %u-%u", start, random_below(4) * 4,
			14 + random_below(3), 100 + random_below(4), 104 + random_below(4));
	if (random_below(2))
		size += snprintf(text + size, room - (size_t)size, " from 198.51.100.%u/%u",
				 random_below(4) * 4, 30 + random_below(2));
	if (random_below(3) == 0)
		size += snprintf(text + size, room - (size_t)size, " on eth%u", random_below(2));
	return size +
	       snprintf(text + size, room - (size_t)size, "%s\n", action == 2 ? " via 1000" : "");
}

/* What is in force may refuse two different rules of one match. */
static struct sim_world *random_world(void)
{
	struct sim_world *world;
	char text[2048];

	cr_assert_eq(sim_world_create(&world), 0);
	do {
		int size = 0;

		sim_world_clear(world);
		cr_assert_eq(sim_world_parse(world, world_text, sizeof(world_text) - 1, NULL, NULL),
			     0);
		for (unsigned int i = 0, count = 1 + random_below(5); i < count; i++)
			size += add_rule(text + size, sizeof(text) - (size_t)size);
		if (sim_world_parse_rules(world, text, (size_t)size, NULL, NULL) == 0)
			return world;
	} while (true);
}

Test(boundary, answers_do_not_hang_on_the_packets_before)
{
	for (int i = 0; i < 200; i++) {
		struct compared compared = {.one = random_world(), .fresh = true};

		cr_assert_eq(sim_world_create(&compared.other), 0);
		cr_assert_eq(sim_world_parse(compared.other, world_text, sizeof(world_text) - 1,
					     NULL, NULL),
			     0);
		cr_assert_eq(sim_world_set_rules(compared.other, sim_world_rules(compared.one)), 0);
		cr_assert_eq(boundary_each(compared.one, compare, &compared), 0);
		cr_assert_gt(compared.packets, 0);
		cr_assert_eq(compared.different, 0, "%d", i);
		sim_world_destroy(compared.one);
		sim_world_destroy(compared.other);
	}
}

/* One rule, and the same off by one in each field: some packet of the first's tells. */
Test(boundary, a_rule_that_is_off_by_one_is_noticed)
{
	static const char rule[] = "pass tcp to 10.4.0.0/14 port 100-200 from 192.0.4.0/24 on eth0";
	static const char *const off[] = {
		"pass tcp to 10.4.0.0/14 port 99-200 from 192.0.4.0/24 on eth0",
		"pass tcp to 10.4.0.0/14 port 101-200 from 192.0.4.0/24 on eth0",
		"pass tcp to 10.4.0.0/14 port 100-199 from 192.0.4.0/24 on eth0",
		"pass tcp to 10.4.0.0/14 port 100-201 from 192.0.4.0/24 on eth0",
		"pass tcp to 10.4.0.0/15 port 100-200 from 192.0.4.0/24 on eth0",
		"pass tcp to 10.0.0.0/13 port 100-200 from 192.0.4.0/24 on eth0",
		"pass tcp to 10.8.0.0/14 port 100-200 from 192.0.4.0/24 on eth0",
		"pass tcp to 10.4.0.0/14 port 100-200 from 192.0.4.0/25 on eth0",
		"pass tcp to 10.4.0.0/14 port 100-200 from 192.0.4.0/23 on eth0",
		"pass tcp to 10.4.0.0/14 port 100-200 from 192.0.5.0/24 on eth0",
		"pass tcp to 10.4.0.0/14 port 100-200 from 192.0.4.0/24 on eth1",
		"pass tcp to 10.4.0.0/14 port 100-200 from 192.0.4.0/24",
		"pass udp to 10.4.0.0/14 port 100-200 from 192.0.4.0/24 on eth0",
		"deny tcp to 10.4.0.0/14 port 100-200 from 192.0.4.0/24 on eth0",
		"",
	};

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		struct compared compared = {.one = world_of(world_text, rule),
					    .other = world_of(world_text, off[i])};

		cr_assert_eq(boundary_each(compared.one, compare, &compared), 0);
		cr_assert_gt(compared.different, 0, "%s", off[i]);
		sim_world_destroy(compared.one);
		sim_world_destroy(compared.other);
	}
}
