/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/compare/diff.c by brute force: two random sets of rules, every packet of a small
 * universe decided under both. Regions hold exactly those that change, as they change.
 */
#include <stdio.h>

#include "rules_random.h"

#include "sim/compare/diff.h"
#include "sim/compare/martians.h"

static bool in_prefix(const struct prefix_but *prefix, struct ifw_addr addr)
{
	const number value = number_of_addr(addr);

	if (value < prefix->first || value > number_prefix_last(prefix->first, prefix->len))
		return false;
	for (size_t i = 0; i < prefix->hole_count; i++)
		if (in_prefix(&prefix->holes[i], addr))
			return false;
	return true;
}

static bool in_region(const struct probe *probe, const struct diff_region *region,
		      const struct witness *packet)
{
	const struct flow *flow = &packet->flow;
	const uint8_t egress = flow->direction == IFW_DIRECTION_OUT ? IFW_EGRESS : 0;
	uint64_t iface = 0;

	for (size_t i = 0; i < probe->iface_count; i++)
		if (probe->ifindex[i] == packet->ifindex)
			iface = 1ULL << i;
	return region->family == flow->family && region->protocol == (flow->protocol | egress) &&
	       flow->dst_port >= region->low && flow->dst_port <= region->high &&
	       region->ifaces & iface && in_prefix(&region->to, flow->dst) &&
	       in_prefix(&region->from, flow->src);
}

/* Of these nothing is said. */
static bool drops_as_martian(const struct witness *packet)
{
	return packet->flow.direction == IFW_DIRECTION_IN &&
	       packet->ifindex != IFW_LOOPBACK_IFINDEX &&
	       is_martian(packet->flow.src, packet->flow.dst, packet->flow.family);
}

static size_t wrong_packets(const struct probe *probe, const struct universe *u,
			    const struct diff *diff)
{
	struct packets all = {.probe = probe, .u = u};
	struct witness packet;
	size_t wrong = 0;

	while (next_packet(&all, &packet)) {
		struct asked asked[PROBE_WORLDS] = {};
		bool found = false, changes;

		if (drops_as_martian(&packet))
			continue;
		for (size_t world = 0; world < PROBE_WORLDS; world++)
			cr_assert_eq(probe_ask(probe, world, &packet, &asked[world]), 0);
		changes = memcmp(&asked[0].answer, &asked[1].answer, sizeof(asked[0].answer)) != 0;
		for (size_t i = 0; i < diff->count; i++) {
			const struct diff_region *region = &diff->regions[i];
			const struct diff_change *change = &diff->changes[region->change];

			if (!in_region(probe, region, &packet))
				continue;
			found = true;
			for (size_t world = 0; world < PROBE_WORLDS; world++)
				if (memcmp(&change->answers[world], &asked[world].answer,
					   sizeof(asked[world].answer)) != 0)
					wrong++;
		}
		wrong += found != changes;
	}
	return wrong;
}

/* An example is one of its region alone, and one that a wire can have. */
static size_t wrong_examples(const struct probe *probe, const struct diff *diff)
{
	size_t wrong = 0;

	for (size_t i = 0; i < diff->count; i++) {
		const struct witness *example = &diff->regions[i].example;

		wrong += drops_as_martian(example);
		for (size_t k = 0; k < diff->count; k++)
			wrong += in_region(probe, &diff->regions[k], example) != (i == k);
	}
	return wrong;
}

/* As the command does it: in a plain world the listeners of both sets. */
static void make_worlds(struct rule_set sets[PROBE_WORLDS], const char *text,
			struct sim_world *worlds[PROBE_WORLDS])
{
	const struct rule_set *const both[] = {&sets[0], &sets[1]};

	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		if (text) {
			worlds[i] = world_with(text, &sets[i]);
			continue;
		}
		cr_assert_eq(probe_plain_world(both, 2, &sets[i].names, &worlds[i]), 0);
		cr_assert_eq(sim_world_set_rules(worlds[i], &sets[i]), 0);
	}
}

static size_t compare_sets(struct rule_set sets[PROBE_WORLDS], const char *text,
			   const struct universe *u, size_t *regions)
{
	struct sim_world *worlds[PROBE_WORLDS];
	struct probe probe;
	struct diff diff;
	size_t wrong;

	make_worlds(sets, text, worlds);
	cr_assert_eq(probe_start(&probe, worlds), 0);
	cr_assert_eq(diff_find(&probe, NULL, NULL, &diff), 0);
	wrong = wrong_packets(&probe, u, &diff) + wrong_examples(&probe, &diff);
	*regions += diff.count;
	if (wrong) {
		print_rules(&sets[0], "before");
		print_rules(&sets[1], "after");
	}
	diff_free(&diff);
	probe_end(&probe);
	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		sim_world_destroy(worlds[i]);
		rule_set_clear(&sets[i]);
	}
	return wrong;
}

/* Other rules altogether, or the same with few edited. */
static void make_sets(uint64_t *state, const struct universe *u, struct rule_set sets[PROBE_WORLDS])
{
	const uint32_t how = next_random(state) % 3;
	char text[512];

	for (size_t i = 0; i < PROBE_WORLDS; i++)
		name_interfaces(&sets[i].names);
	random_rules(state, u, &sets[0]);
	if (how == 0) {
		random_rules(state, u, &sets[1]);
		return;
	}
	for (size_t i = 0; i < sets[0].count; i++) {
		struct rule rule = sets[0].rules[how == 1 ? i : sets[0].count - 1 - i];

		if (next_random(state) % 4 == 0)
			continue;
		rule.order = (uint32_t)sets[1].count + 1;
		cr_assert_eq(rule_set_add(&sets[1], &rule), 0);
	}
	random_rule(state, u, text, sizeof(text));
	if (next_random(state) % 2)
		add_rule(&sets[1], text);
}

static void compare_many(uint64_t state, const char *text, struct universe u, unsigned int rounds)
{
	size_t regions = 0;

	for (unsigned int round = 0; round < rounds; round++) {
		struct rule_set sets[PROBE_WORLDS] = {};
		const uint64_t before = state;

		make_sets(&state, &u, sets);
		if (compare_sets(sets, text, &u, &regions) != 0)
			cr_assert_fail("round %u, state %llu", round, (unsigned long long)before);
	}
	cr_log_info("%zu regions in %u pairs of sets", regions, rounds);
	cr_expect_gt(regions, rounds);
}

#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 60
#else
#define ROUNDS 600
#endif

static const struct universe ipv4 = {.ipv6 = false, .port = 1}, ipv6 = {.ipv6 = true, .port = 1};
static const struct universe ipv4_ssh = {.ipv6 = false, .port = 20},
			     ipv6_ssh = {.ipv6 = true, .port = 20};

Test(diff, holds_what_changes)
{
	compare_many(1, NULL, ipv4, ROUNDS);
}
Test(diff, holds_what_changes_again)
{
	compare_many(2, NULL, ipv4, ROUNDS);
}
Test(diff, holds_what_changes_in_ipv6)
{
	compare_many(3, NULL, ipv6, ROUNDS);
}
Test(diff, holds_what_changes_in_a_world)
{
	compare_many(4, full_world, ipv4_ssh, ROUNDS);
}
Test(diff, holds_what_changes_in_a_world_of_ipv6)
{
	compare_many(5, full_world, ipv6_ssh, ROUNDS);
}

/* Of 120.0.0.0/5 the last eighth is loopback; of 192.0.0.0/2, in eighths, two are multicast. */
static const struct universe by_loopback = {false, 1, 120U << 24, 24};
static const struct universe by_multicast = {false, 1, 192U << 24, 27};
static const char with_loopback[] = "interface lo\ninterface eth0\ninterface eth1\n"
				    "interface eth2\nsocket tcp listen 127.0.0.1:1002\n";

Test(diff, holds_what_changes_beside_martians)
{
	compare_many(6, NULL, by_loopback, ROUNDS);
}
Test(diff, holds_what_changes_beside_multicast)
{
	compare_many(7, NULL, by_multicast, ROUNDS);
}
Test(diff, holds_what_changes_on_loopback)
{
	compare_many(8, with_loopback, by_loopback, ROUNDS);
}

Test(diff, says_nothing_of_martians)
{
	static const char *const same[] = {"deny tcp to 127.0.0.0/8 port 80",
					   "deny tcp to 10.0.0.0/8 port 80 from 224.0.0.0/4"};
	struct rule_set sets[PROBE_WORLDS] = {};
	struct sim_world *worlds[PROBE_WORLDS];
	struct probe probe;
	struct diff diff;

	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		name_interfaces(&sets[i].names);
		add_rule(&sets[i], same[0]);
		add_rule(&sets[i], same[1]);
	}
	add_rule(&sets[1], "pass tcp to 0.0.0.0/0 port 80");
	make_worlds(sets, NULL, worlds);
	cr_assert_eq(probe_start(&probe, worlds), 0);
	cr_assert_eq(diff_find(&probe, NULL, NULL, &diff), 0);
	cr_expect_eq(diff.count, 1);
	cr_expect_eq(diff.regions[0].to.len, 0);
	cr_expect_eq(diff.regions[0].to.hole_count, 0);
	cr_expect_eq(diff.regions[0].from.hole_count, 0);
	diff_free(&diff);
	probe_end(&probe);
	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		sim_world_destroy(worlds[i]);
		rule_set_clear(&sets[i]);
	}
}

Test(diff, tells_interfaces_apart_by_a_socket_of_one)
{
	static const char text[] = "interface eth0\ninterface eth1\n";
	struct rule_set sets[PROBE_WORLDS] = {};
	struct sim_world *worlds[PROBE_WORLDS];
	struct probe probe;
	struct diff diff;

	name_interfaces(&sets[0].names);
	name_interfaces(&sets[1].names);
	add_rule(&sets[1], "intercept tcp to 10.0.0.0/8 port 80 via 127.0.0.1:1000");
	make_worlds(sets, text, worlds);
	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		const struct sim_socket_key key = {
			.local = addr_of("127.0.0.1"),
			.local_port = 1000,
			.family = IFW_FAMILY_IPV4,
			.protocol = IPPROTO_TCP,
			.kind = SIM_SOCKET_UNCONNECTED,
			.slot = (uint8_t)iface_names_find(&sets[i].names, "eth1"),
		};

		cr_assert_eq(sim_world_add_socket(worlds[i], &key, BPF_TCP_LISTEN, 0), 0);
	}
	cr_assert_eq(probe_start(&probe, worlds), 0);
	cr_assert_eq(diff_find(&probe, NULL, NULL, &diff), 0);
	cr_expect_eq(diff.change_count, 2);
	cr_expect_eq(diff.count, 2);
	diff_free(&diff);
	probe_end(&probe);
	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		sim_world_destroy(worlds[i]);
		rule_set_clear(&sets[i]);
	}
}
