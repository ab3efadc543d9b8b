/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/compare/changes.c: what is counted of packets that change, beside a table of all.
 */
#include "sim_fixture.h"

#include "sim/compare/changes.h"

#define KINDS 3
#define CLIENTS 8

static struct packet packet_of(uint32_t client, bool back)
{
	const struct ifw_addr near = {(uint64_t)(0x0a000000 + client) << 32, 0};
	const struct ifw_addr far = {(uint64_t)0xc0000201 << 32, 0};

	return (struct packet){
		.src = back ? far : near,
		.dst = back ? near : far,
		.src_port = back ? 80 : 40000,
		.dst_port = back ? 40000 : 80,
		.family = IFW_FAMILY_IPV4,
		.protocol = IPPROTO_TCP,
		.length = 60,
	};
}

static void add(struct changes *changes, uint32_t kind, const struct packet *packet, uint64_t at,
		struct change **change)
{
	struct asked asked[PROBE_WORLDS] = {};
	bool is_new;

	asked[1].answer.reason = (uint8_t)(kind + 1);
	cr_assert_eq(changes_add(changes, asked, packet, at, change, &is_new), 0);
	cr_expect_eq(is_new, (*change)->packets == 1);
}

Test(changes, counts_packets_and_flows)
{
	uint64_t packets[KINDS] = {}, by_flow[KINDS][CLIENTS] = {}, state = 5;
	struct changes changes = {};
	struct change *change;

	for (uint64_t at = 1; at <= 500; at++) {
		const uint32_t kind = next_random(&state) % KINDS;
		/* The later, the more often. */
		const uint32_t client = 7 - (uint32_t)__builtin_ctz(1U << 7 | next_random(&state));
		const struct packet packet = packet_of(client, next_random(&state) % 2);

		add(&changes, kind, &packet, at, &change);
		packets[kind]++;
		by_flow[kind][client]++;
	}
	changes_finish(&changes);
	cr_expect_eq(changes.packets, 500);
	cr_expect_eq(changes.flows, CLIENTS);
	cr_expect_not(changes.flows_lost);
	cr_assert_eq(changes.count, KINDS);
	for (size_t i = 0; i < KINDS; i++) {
		const struct change *one = &changes.list[i];
		const size_t kind = one->answers[1].reason - 1U;
		uint64_t flows = 0;

		for (size_t client = 0; client < CLIENTS; client++)
			flows += by_flow[kind][client] != 0;
		cr_expect_eq(one->packets, packets[kind]);
		cr_expect_eq(one->bytes, packets[kind] * 60);
		cr_expect_eq(one->flows, flows);
		cr_expect(i == 0 || changes.list[i - 1].packets >= one->packets);
		cr_assert_eq(one->top_count, CHANGES_TOP);
		for (size_t n = 0; n < CHANGES_TOP; n++)
			cr_expect_eq(one->top[n].packets, by_flow[kind][7 - n], "%zu of %zu", n,
				     kind);
	}
	changes_free(&changes);
}

Test(changes, names_a_flow_as_its_first_packet_went)
{
	const struct packet there = packet_of(1, false), back = packet_of(1, true);
	struct changes changes = {};
	struct change *change;

	add(&changes, 0, &back, 3, &change);
	add(&changes, 0, &there, 4, &change);
	changes_finish(&changes);
	cr_expect_eq(changes.list[0].first, 3);
	cr_expect_eq(changes.list[0].flows, 1);
	cr_expect_str_eq(changes.list[0].top[0].text, "tcp 192.0.2.1:80 -> 10.0.0.1:40000");
	changes_free(&changes);
}

Test(changes, what_has_no_addresses_is_no_flow)
{
	const struct packet arp = {.length = 42};
	struct changes changes = {};
	struct change *change;

	add(&changes, 0, &arp, 1, &change);
	changes_finish(&changes);
	cr_expect_eq(changes.packets, 1);
	cr_expect_eq(changes.flows, 0);
	cr_expect_eq(changes.list[0].top_count, 0);
	changes_free(&changes);
}

Test(changes, says_when_flows_are_more_than_it_tells_apart)
{
	struct changes changes = {};
	struct change *change;

	for (uint32_t client = 0; client <= CHANGES_FLOWS_MAX / 2; client++) {
		const struct packet packet = packet_of(client, false);

		cr_assert_not(changes.flows_lost);
		add(&changes, 0, &packet, client + 1, &change);
	}
	cr_expect(changes.flows_lost);
	cr_expect_eq(changes.flows, CHANGES_FLOWS_MAX / 2);
	cr_expect_eq(changes.packets, CHANGES_FLOWS_MAX / 2 + 1);
	changes_free(&changes);
}
