/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/report.h: one count a packet, events where wanted, and
 * lost ones counted.
 */
#include "sim_fixture.h"

static struct sim_world *world;

static void setup(void)
{
	world = world_of("interface eth0 index 2 address 10.0.0.1/24\n"
			 "interface eth1 index 3\ninterface eth2 index 4 no settings\n"
			 "set eth0 verbose on\n",
			 "deny tcp to 192.0.2.0/24 port 80\n");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(report, .init = setup, .fini = teardown);

static uint64_t total(const struct ifw_counters *counters)
{
	uint64_t packets = 0;

	for (int reason = 0; reason < IFW_REASONS_MAX; reason++)
		for (int verdict = 0; verdict < IFW_VERDICTS; verdict++)
			packets += counters->by_reason[reason][verdict].packets;
	return packets;
}

Test(report, counts_each_packet_once_where_it_came_in)
{
	const struct ifw_counters *eth0 = sim_world_counters(world, 2);
	const struct ifw_counters *eth1 = sim_world_counters(world, 3);
	const struct ifw_counters *eth2 = sim_world_counters(world, 4);
	const struct ifw_count *denied = &eth0->by_reason[IFW_REASON_RULE_DENY][IFW_VERDICT_DROP];

	EXPECT(world, "eth0", tcp("10.0.0.9", 1, "192.0.2.1", 80), DROP, "rule-deny");
	EXPECT(world, "eth0", udp("10.0.0.9", 1, "192.0.2.1", 80), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("10.0.0.9", 1, "192.0.2.1", 80), DROP, "rule-deny");
	cr_assert_eq(denied->packets, 2);
	cr_assert_eq(denied->bytes, 2 * 54);
	cr_assert_eq(eth0->by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_DROP].packets, 1);
	cr_assert_eq(eth0->by_reason[IFW_REASON_NO_RULE][IFW_VERDICT_DROP].bytes, 42);
	cr_assert_eq(total(eth0), 3);
	cr_assert_eq(eth0->decisions, 3);
	cr_assert_eq(total(eth1), 0);
	EXPECT(world, "eth2", udp("10.0.0.9", 1, "192.0.2.1", 80), DROP, "no-rule");
	cr_assert_eq(total(eth2), 1);
	cr_assert_neq(eth0, eth2);
	cr_assert_null(sim_world_counters(world, 9));
}

/* Memory of the ring buffer is not cleared, so each byte must be written. */
Test(report, event_says_all)
{
	const struct frame f = tcp("10.0.0.9", 1234, "192.0.2.1", 80);
	struct sim_result result = decide_on(world, "eth0", &f);
	const struct ifw_event wanted = {
		.time_ns = 1,
		.src = addr_of("10.0.0.9"),
		.dst = addr_of("192.0.2.1"),
		.ifindex = 2,
		.slot = 1,
		.rule = 1,
		.length = 54,
		.src_port = 1234,
		.dst_port = 80,
		.ethertype = ETH_P_IP,
		.family = IFW_FAMILY_IPV4,
		.protocol = IPPROTO_TCP,
		.verdict = IFW_VERDICT_DROP,
		.reason = IFW_REASON_RULE_DENY,
		.assigned = IFW_ASSIGNED_NONE,
	};

	cr_assert(result.has_event);
	cr_assert_arr_eq((const uint8_t *)&result.event, (const uint8_t *)&wanted, sizeof(wanted));
}

Test(report, event_of_a_frame_that_says_nothing)
{
	const struct frame f = {.length = 3};
	struct sim_result result = decide_on(world, "eth0", &f);
	const struct ifw_event wanted = {
		.time_ns = 1,
		.ifindex = 2,
		.slot = 1,
		.length = 3,
		.verdict = IFW_VERDICT_DROP,
		.reason = IFW_REASON_MALFORMED,
	};

	cr_assert(result.has_event);
	cr_assert_arr_eq((const uint8_t *)&result.event, (const uint8_t *)&wanted, sizeof(wanted));
}

Test(report, quiet_interfaces_have_no_events)
{
	const struct frame f = tcp("10.0.0.9", 1234, "192.0.2.1", 80);

	cr_assert_not(decide_on(world, "eth1", &f).has_event);
	cr_assert_not(decide_on(world, "eth2", &f).has_event);
	cr_assert(decide_on(world, "eth0", &f).has_event);
}

Test(report, every_nth_decision_where_set)
{
	struct sim_world *third = world_of("interface eth0 index 2\nset eth0 verbose 3\n", "");
	const struct frame f = tcp("10.0.0.9", 1234, "192.0.2.1", 80);

	for (int i = 1; i <= 9; i++)
		cr_assert_eq(decide_on(third, "eth0", &f).has_event, i % 3 == 0, "packet %d", i);
	sim_world_destroy(third);
}

Test(report, counts_the_events_that_found_no_room)
{
	const struct frame f = tcp("10.0.0.9", 1234, "192.0.2.1", 80);
	const struct ifw_counters *counters = sim_world_counters(world, 2);
	struct sim_result result;

	sim_world_set_event_room(world, 2);
	for (int i = 0; i < 5; i++) {
		result = decide_on(world, "eth0", &f);
		cr_assert_eq(result.has_event, i < 2);
		cr_assert_eq(result.decision.reason, IFW_REASON_RULE_DENY);
	}
	cr_assert_eq(counters->events_lost, 3);
	cr_assert_eq(counters->decisions, 5);
}

/* --- Who watches ---------------------------------------------------------------- */

/* Everything of eth1, which is quiet, for a second. */
static struct ifw_watch watch_all(void)
{
	return (struct ifw_watch){
		.until_ns = 1000000000,
		.slots = 1 << 2,
		.reasons = ~0ULL,
		.verdicts = 1 << IFW_VERDICT_DROP | 1 << IFW_VERDICT_PASS,
		.directions = 1 << IFW_DIRECTION_IN | 1 << IFW_DIRECTION_OUT,
	};
}

static struct sim_result watched(const char *ifname, const struct ifw_watch *watch)
{
	const struct frame f = tcp("10.0.0.9", 1234, "192.0.2.1", 80);

	sim_world_set_watch(world, watch);
	return decide_on(world, ifname, &f);
}

Test(watch, makes_events_of_quiet_interfaces, .init = setup, .fini = teardown)
{
	const struct ifw_watch watch = watch_all();
	struct sim_result result = watched("eth1", &watch);

	cr_assert(result.has_event);
	cr_assert_eq(result.event.ifindex, 3);
	cr_assert_eq(result.event.reason, IFW_REASON_RULE_DENY);
	cr_assert_null(result.packet);
	cr_assert(watched("eth0", &watch).has_event, "which is verbose, and not watched");
	cr_assert_not(watched("eth2", &watch).has_event, "which is neither");
}

Test(watch, takes_what_it_asks_for, .init = setup, .fini = teardown)
{
	struct ifw_watch watch = watch_all();

	watch.reasons = ~(1ULL << IFW_REASON_RULE_DENY);
	cr_assert_not(watched("eth1", &watch).has_event);
	watch.reasons = 1ULL << IFW_REASON_RULE_DENY;
	cr_assert(watched("eth1", &watch).has_event);
	watch.verdicts = 1 << IFW_VERDICT_PASS;
	cr_assert_not(watched("eth1", &watch).has_event);
	watch.verdicts = 1 << IFW_VERDICT_DROP;
	cr_assert(watched("eth1", &watch).has_event);
	watch.directions = 1 << IFW_DIRECTION_OUT;
	cr_assert_not(watched("eth1", &watch).has_event);
	watch.directions = 1 << IFW_DIRECTION_IN;
	cr_assert(watched("eth1", &watch).has_event);
	watch.slots = ~(1ULL << 2);
	cr_assert_not(watched("eth1", &watch).has_event);
}

Test(watch, takes_what_leaves_and_passes, .init = setup, .fini = teardown)
{
	const struct frame f = tcp("10.0.0.9", 1234, "192.0.2.1", 80);
	const struct sim_frame out = {.ifindex = 3,
				      .data = f.bytes,
				      .length = f.length,
				      .time_ns = 1,
				      .direction = IFW_DIRECTION_OUT};
	struct ifw_watch watch = watch_all();
	struct sim_result result;

	watch.verdicts = 1 << IFW_VERDICT_PASS;
	watch.directions = 1 << IFW_DIRECTION_OUT;
	sim_world_set_watch(world, &watch);
	cr_assert_eq(sim_decide(world, &out, &result), 0);
	cr_assert_eq(result.decision.verdict, IFW_VERDICT_PASS);
	cr_assert(result.has_event);
	watch.verdicts = 1 << IFW_VERDICT_DROP;
	sim_world_set_watch(world, &watch);
	cr_assert_eq(sim_decide(world, &out, &result), 0);
	cr_assert_not(result.has_event);
}

/* It is 1 ns there. */
Test(watch, ends_by_itself, .init = setup, .fini = teardown)
{
	struct ifw_watch watch = watch_all();

	watch.until_ns = 2;
	cr_assert(watched("eth1", &watch).has_event);
	cr_assert_eq(sim_world_watch(world)->until_ns, 2);
	watch.until_ns = 1;
	cr_assert_not(watched("eth1", &watch).has_event);
	cr_assert_eq(sim_world_watch(world)->until_ns, 0, "the clock is not read again");
	watch.until_ns = 0;
	cr_assert_not(watched("eth1", &watch).has_event);
}

/* Memory of the ring buffer is not cleared, so each byte but the padding must be written. */
Test(watch, brings_the_packet, .init = setup, .fini = teardown)
{
	const struct frame f = tcp("10.0.0.9", 1234, "192.0.2.1", 80);
	struct ifw_watch watch = watch_all();
	struct ifw_packet_event wanted = {.captured = 54};
	struct sim_result result;

	watch.snaplen = 65536;
	result = watched("eth1", &watch);
	cr_assert_not_null(result.packet);
	cr_assert_eq(sim_world_counters(world, 3)->events_lost, 0);
	wanted.event = result.event;
	cr_assert_eq(result.event.ifindex, 3);
	cr_assert_arr_eq((const uint8_t *)result.packet, (const uint8_t *)&wanted, sizeof(wanted));
	cr_assert_arr_eq(result.packet->bytes, f.bytes, 54);
	cr_assert_not_null(watched("eth0", &watch).packet, "so does every other event");
	watch.snaplen = 20;
	result = watched("eth1", &watch);
	cr_assert_eq(result.packet->captured, 20);
	cr_assert_eq(result.packet->event.length, 54);
	cr_assert_eq(result.packet->bytes[20], 0xa5, "and no more");
	watch.until_ns = 1;
	cr_assert_null(watched("eth0", &watch).packet, "nobody watches any more");
}

/* How much room it was given; a frame that ends in 0 would hide some of it. */
static uint32_t reserved(const struct ifw_packet_event *packet)
{
	uint32_t room = IFW_PACKET_MAX;

	while (room && !packet->bytes[room - 1])
		room--;
	return room;
}

static uint32_t room_for(uint32_t size)
{
	return size <= IFW_PACKET_SMALL	  ? IFW_PACKET_SMALL
	       : size <= IFW_PACKET_MTU	  ? IFW_PACKET_MTU
	       : size <= IFW_PACKET_LARGE ? IFW_PACKET_LARGE
					  : IFW_PACKET_MAX;
}

/* Frames of each size around those that are reserved. */
Test(watch, brings_packets_of_any_size, .init = setup, .fini = teardown)
{
	static const uint32_t sizes[] = {IFW_PACKET_SMALL, IFW_PACKET_MTU, IFW_PACKET_LARGE,
					 IFW_PACKET_MAX};
	const struct frame head = tcp("10.0.0.9", 1234, "192.0.2.1", 80);
	struct ifw_watch watch = watch_all();
	uint8_t *bytes = calloc(1, IFW_PACKET_MAX + 2);
	struct sim_result result;

	cr_assert_not_null(bytes);
	memcpy(bytes, head.bytes, head.length);
	watch.snaplen = UINT32_MAX;
	sim_world_set_watch(world, &watch);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (uint32_t size = sizes[i] - 1; size <= sizes[i] + 1; size++) {
			const struct sim_frame frame = {
				.ifindex = 3, .data = bytes, .length = size, .time_ns = 1};

			bytes[size - 1] = 0x5a;
			bytes[IFW_PACKET_MAX - 1] = 0x5a;
			cr_assert_eq(sim_decide(world, &frame, &result), 0);
			cr_assert_not_null(result.packet, "%u bytes", size);
			cr_assert_eq(result.packet->event.length, size);
			cr_assert_eq(result.packet->captured,
				     size < IFW_PACKET_MAX ? size : IFW_PACKET_MAX);
			if (size <= IFW_PACKET_MAX)
				cr_assert_eq(result.packet->bytes[size - 1], 0x5a);
			cr_assert_eq(reserved(result.packet), room_for(size), "%u bytes", size);
			bytes[size - 1] = 0;
		}
	}
	free(bytes);
}

Test(watch, tells_what_the_bytes_are)
{
	struct sim_world *tun = world_of("interface tun0 index 2 link raw\n", "");
	struct ifw_watch watch = watch_all();
	const struct frame f = tcp("10.0.0.9", 1234, "192.0.2.1", 80);
	struct sim_frame frame = {.ifindex = 2, .data = f.bytes + L3, .length = 40, .time_ns = 1};
	struct sim_result result;

	watch.slots = 1 << 1;
	watch.snaplen = 1000;
	sim_world_set_watch(tun, &watch);
	cr_assert_eq(sim_decide(tun, &frame, &result), 0);
	cr_assert_not_null(result.packet);
	cr_assert_eq(result.packet->flags, IFW_PACKET_RAW_IP);
	frame.gso_segs = 2;
	frame.tags = 1;
	cr_assert_eq(sim_decide(tun, &frame, &result), 0);
	cr_assert_eq(result.packet->flags,
		     IFW_PACKET_RAW_IP | IFW_PACKET_AGGREGATE | IFW_PACKET_TAGGED);
	cr_assert_eq(result.packet->vlan_tpid, ETH_P_8021Q);
	sim_world_destroy(tun);
}

/* As where the kernel cannot read it any more. */
Test(watch, tells_of_a_packet_whose_bytes_cannot_be_had, .init = setup, .fini = teardown)
{
	struct ifw_watch watch = watch_all();
	unsigned int without = 0;
	struct sim_result result;

	watch.snaplen = 65536;
	for (unsigned int nth = 1; nth <= 40; nth++) {
		sim_world_fail_call(world, nth);
		result = watched("eth1", &watch);
		if (!result.packet || result.packet->captured == result.event.length)
			continue;
		cr_assert_eq(result.packet->captured, 0);
		without++;
	}
	cr_assert_eq(without, 1);
}

Test(watch, what_has_no_room_is_lost, .init = setup, .fini = teardown)
{
	struct ifw_watch watch = watch_all();

	watch.snaplen = 65536;
	sim_world_set_event_room(world, 0);
	cr_assert_not(watched("eth1", &watch).has_event);
	cr_assert_eq(sim_world_counters(world, 3)->events_lost, 1);
}

/* --- Counts of rules ----------------------------------------------------------- */

static struct ifw_count counted(uint32_t order)
{
	const struct ifw_count *count = sim_world_rule_count(world, order);

	cr_assert_not_null(count, "rule %u", order);
	return *count;
}

#define EXPECT_COUNT(order, wanted_packets, wanted_bytes)                                          \
	do {                                                                                       \
		const struct ifw_count count_ = counted(order);                                    \
                                                                                                   \
		cr_expect_eq(count_.packets, (wanted_packets), "rule %u: %llu packets", order,     \
			     (unsigned long long)count_.packets);                                  \
		cr_expect_eq(count_.bytes, (wanted_bytes), "rule %u: %llu bytes", order,           \
			     (unsigned long long)count_.bytes);                                    \
	} while (0)

static void set_up_rules(void)
{
	world = world_of("interface eth0 index 2 address 10.0.0.1/24\ninterface eth1 index 3\n"
			 "socket udp bound 127.0.0.1:1000\n",
			 "deny udp to 192.0.2.0/24 port 1\n"
			 "pass udp to 192.0.2.0/24 port 2\n"
			 "intercept udp to 0.0.0.0/0 port 3 via 127.0.0.1:1000\n"
			 "intercept tcp to 0.0.0.0/0 port 3 via 127.0.0.1:1000\n"
			 "pass udp to 192.0.2.0/24 port 5-9 on eth1\n");
}

TestSuite(report_rules, .init = set_up_rules, .fini = teardown);

Test(report_rules, each_counts_what_it_decides_and_no_other_does)
{
	EXPECT(world, "eth0", udp("10.0.0.9", 1, "192.0.2.1", 1), DROP, "rule-deny");
	EXPECT_COUNT(1, 1, 42);
	EXPECT(world, "eth0", udp("10.0.0.9", 1, "192.0.2.1", 2), PASS, "rule-pass");
	EXPECT(world, "eth1", padded(udp("10.0.0.9", 1, "192.0.2.1", 2), 1000), PASS, "rule-pass");
	EXPECT_COUNT(2, 2, 42 + 1042);
	EXPECT(world, "eth0", udp("10.0.0.9", 1, "192.0.2.1", 3), PASS, "intercepted");
	EXPECT(world, "eth0", udp("10.0.0.9", 1, "10.0.0.1", 3), PASS, "local");
	EXPECT_COUNT(3, 2, 84);
	EXPECT(world, "eth0", tcp("10.0.0.9", 1, "192.0.2.1", 3), DROP, "no-listener");
	EXPECT_COUNT(4, 1, 54);
	EXPECT(world, "eth0", udp("10.0.0.9", 1, "192.0.2.1", 7), DROP, "no-rule");
	EXPECT(world, "eth0", tcp("10.0.0.9", 1, "10.0.0.1", 22), PASS, "ssh");
	EXPECT_COUNT(5, 0, 0);
	EXPECT_COUNT(1, 1, 42);
	cr_assert_null(sim_world_rule_count(world, 6));
	cr_assert_eq(world->rule_counts[0].packets, 0, "counter 0 is no rule's");
}

Test(report_rules, later_fragments_count_for_the_rule_of_their_first)
{
	const struct frame whole = padded(udp("10.0.0.9", 1, "192.0.2.1", 2), 256);

	EXPECT(world, "eth0", fragment_of(whole, 7, 0, 88), PASS, "rule-pass");
	EXPECT(world, "eth0", fragment_of(whole, 7, 88, 88), PASS, "fragment");
	EXPECT(world, "eth0", fragment_of(whole, 8, 88, 88), DROP, "fragment");
	EXPECT(world, "eth0", fragment_of(whole, 7, 88, 88), DROP, "fragment-overlap");
	EXPECT_COUNT(2, 2, 2 * (34 + 88));
}

Test(report_rules, errors_count_for_the_rule_that_lets_them_in)
{
	const struct frame answer = udp("192.0.2.1", 3, "10.0.0.9", 1);

	EXPECT(world, "eth0", icmp_error("10.0.0.9", "192.0.2.1", 3, 4, &answer), PASS,
	       "icmp-related");
	EXPECT_COUNT(3, 1, 42 + answer.length - L3);
}

Test(report_rules, one_that_has_no_counter_is_decided_all_the_same)
{
	struct sim_set *set = &world->sets[world->active];

	for (size_t i = 0; i < set->range_count; i++)
		set->ranges[i].counter = i % 2 ? 0 : 1000000; /* none; one whose chunk is missing */
	EXPECT(world, "eth0", udp("10.0.0.9", 1, "192.0.2.1", 1), DROP, "rule-deny");
	EXPECT(world, "eth0", udp("10.0.0.9", 1, "192.0.2.1", 2), PASS, "rule-pass");
	for (uint32_t order = 1; order <= 5; order++)
		EXPECT_COUNT(order, 0, 0);
}
