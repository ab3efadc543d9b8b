/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/rules.h: edges of ports and prefixes, order and widening,
 * the walk against a list that is gone through from end to end, and elements
 * that change while they are read.
 */
#include <stdio.h>

#include "printed.h"
#include "sim_fixture.h"

#include "datapath/rules.h"

#define WORLD "interface eth0\ninterface eth1\ninterface eth2\ninterface eth3 no settings\n"

static uint32_t rule_of(struct sim_world *world, const char *iface, struct frame frame)
{
	return decide_on(world, iface, &frame).decision.rule;
}

#define TO(dst, port) tcp("192.0.2.1", 5, dst, port)

Test(rules, ports_at_the_edges)
{
	struct sim_world *world = world_of(WORLD, "pass tcp to 10.1.2.0/24 port 80-90\n"
						  "pass tcp to 10.1.2.0/24 port 0\n"
						  "pass tcp to 10.1.2.0/24 port 65535\n");

	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.3", 79)), 0);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.3", 80)), 1);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.3", 90)), 1);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.3", 91)), 0);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.3", 0)), 2);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.3", 1)), 0);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.3", 65535)), 3);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.3", 65534)), 0);
	cr_assert_eq(rule_of(world, "eth0", udp("192.0.2.1", 5, "10.1.2.3", 80)), 0);
	sim_world_destroy(world);
}

Test(rules, prefixes_at_the_edges)
{
	struct sim_world *world = world_of(WORLD, "pass tcp to 10.1.2.0/24 port 80\n"
						  "pass tcp to 10.9.0.1 port 80\n"
						  "pass tcp to 172.16.0.0/12 port 80 from "
						  "192.0.2.0/31\n");

	cr_assert_eq(rule_of(world, "eth0", TO("10.1.1.255", 80)), 0);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.0", 80)), 1);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.2.255", 80)), 1);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.3.0", 80)), 0);
	cr_assert_eq(rule_of(world, "eth0", TO("10.9.0.1", 80)), 2);
	cr_assert_eq(rule_of(world, "eth0", TO("10.9.0.0", 80)), 0);
	cr_assert_eq(rule_of(world, "eth0", TO("172.31.255.255", 80)), 3);
	cr_assert_eq(rule_of(world, "eth0", TO("172.32.0.0", 80)), 0);
	cr_assert_eq(rule_of(world, "eth0", tcp("192.0.2.2", 5, "172.16.0.0", 80)), 0);
	sim_world_destroy(world);
}

Test(rules, the_longest_prefix_first_and_widening_to_all)
{
	struct sim_world *world = world_of(WORLD, "pass tcp to 0.0.0.0/0 port 1-100\n"
						  "pass tcp to 10.0.0.0/8 port 1-50\n"
						  "pass tcp to 10.1.0.0/16 port 1-20 from "
						  "192.0.2.0/24\n"
						  "pass tcp to 10.1.0.0/16 port 1-30 from "
						  "192.0.0.0/16\n"
						  "pass tcp to 10.1.0.0/16 port 1-10 on eth1\n");

	cr_assert_eq(rule_of(world, "eth0", TO("10.1.0.1", 5)), 3);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.0.1", 25)), 4);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.0.1", 45)), 2);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.0.1", 75)), 1);
	cr_assert_eq(rule_of(world, "eth0", TO("10.1.0.1", 101)), 0);
	cr_assert_eq(rule_of(world, "eth1", tcp("8.8.8.8", 5, "10.1.0.1", 5)), 5);
	cr_assert_eq(rule_of(world, "eth0", tcp("8.8.8.8", 5, "10.1.0.1", 5)), 2);
	cr_assert_eq(rule_of(world, "eth0", tcp("8.8.8.8", 5, "11.1.0.1", 5)), 1);
	sim_world_destroy(world);
}

Test(rules, interfaces_decide_among_the_candidates)
{
	struct sim_world *world = world_of(WORLD, "deny tcp to 10.0.0.0/8 port 1-10 on eth0\n"
						  "pass tcp to 10.0.0.0/8 port 1-10 on eth1\n"
						  "pass tcp to 10.0.0.0/8 port 1-10 on eth0,eth1\n"
						  "pass tcp to 0.0.0.0/0 port 5\n");

	cr_assert_eq(rule_of(world, "eth0", TO("10.0.0.1", 5)), 1);
	cr_assert_eq(rule_of(world, "eth1", TO("10.0.0.1", 5)), 2);
	cr_assert_eq(rule_of(world, "eth2", TO("10.0.0.1", 5)), 4);
	cr_assert_eq(rule_of(world, "eth2", TO("10.0.0.1", 6)), 0);
	/* Without settings an interface has no slot, so only rules for all reach it. */
	cr_assert_eq(rule_of(world, "eth3", TO("10.0.0.1", 5)), 4);
	sim_world_destroy(world);
}

/* The nth bit of a fixed address turned round, n from 1. */
static const char *turned(unsigned int n, char text[INET6_ADDRSTRLEN])
{
	struct in6_addr addr;

	cr_assert_eq(inet_pton(AF_INET6, "2001:db8:5a5a:a5a5:1234:5678:9abc:def0", &addr), 1);
	addr.s6_addr[(n - 1) / 8] ^= 0x80 >> (n - 1) % 8;
	cr_assert_not_null(inet_ntop(AF_INET6, &addr, text, INET6_ADDRSTRLEN));
	return text;
}

/*
 * A rule for each length from 1 to 128, as a destination's and as a source's: whatever the
 * length, the packet that differs in its last bit from all others meets it and no other.
 */
Test(rules, every_length_is_tried)
{
	char addr[INET6_ADDRSTRLEN], line[128], *text;
	struct printed printed;
	FILE *to = printed_begin(&printed);
	struct sim_world *world;

	for (unsigned int len = 1; len <= 128; len++) {
		struct in6_addr prefix;

		cr_assert_eq(inet_pton(AF_INET6, turned(len, addr), &prefix), 1);
		for (unsigned int bit = len; bit < 128; bit++)
			prefix.s6_addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		cr_assert_not_null(inet_ntop(AF_INET6, &prefix, line, sizeof(line)));
		fprintf(to, "pass tcp to %s/%u port 80\n", line, len);
		fprintf(to, "pass udp to ::/0 port 80 from %s/%u\n", line, len);
	}
	text = printed_end(&printed);
	world = world_of(WORLD, text);
	for (unsigned int len = 1; len <= 128; len++) {
		turned(len, addr);
		cr_assert_eq(rule_of(world, "eth0", tcp("2001:db8::1", 5, addr, 80)), 2 * len - 1,
			     "destination /%u", len);
		cr_assert_eq(rule_of(world, "eth0", udp(addr, 5, "2001:db8::1", 80)), 2 * len,
			     "source /%u", len);
	}
	sim_world_destroy(world);
	free(text);
}

/* --- Against a list ---------------------------------------------------------- */

static bool in_prefix(struct ifw_addr addr, struct ifw_addr prefix, unsigned int len)
{
	return len == 0 || (addr.hi ^ prefix.hi) >> (64 - len) == 0;
}

static bool better(const struct rule *a, const struct rule *b)
{
	if (a->dst_len != b->dst_len)
		return a->dst_len > b->dst_len;
	if (a->src_len != b->src_len)
		return a->src_len > b->src_len;
	return a->order < b->order;
}

static uint32_t naive_match(const struct rule_set *set, uint8_t protocol, struct ifw_addr src,
			    struct ifw_addr dst, uint16_t port, uint32_t slot)
{
	const struct rule *best = NULL;

	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = &set->rules[i];

		if (rule->protocol == protocol && port >= rule->low && port <= rule->high &&
		    (rule->ifaces >> slot & 1) && !(slot == 3 && rule->ifaces == IFW_IFACES_ANY) &&
		    in_prefix(dst, rule->dst, rule->dst_len) &&
		    in_prefix(src, rule->src, rule->src_len) && (!best || better(rule, best)))
			best = rule;
	}
	return best ? best->order : 0;
}

/* Few values, so that rules meet each other and packets meet rules. */
static struct ifw_addr random_addr(uint64_t *seed)
{
	static const uint32_t bases[] = {0x0a000000, 0x0a000080, 0x0a010000, 0xc0a80000};
	uint32_t host = next_random(seed) % 4;

	return ifw_addr_from_ipv4(htonl(bases[next_random(seed) % 4] + host));
}

static uint8_t random_length(uint64_t *seed)
{
	static const uint8_t lengths[] = {0, 1, 8, 15, 16, 24, 25, 30, 31, 32};

	return lengths[next_random(seed) % sizeof(lengths)];
}

static void random_rule(uint64_t *seed, struct rule *rule)
{
	*rule = (struct rule){
		.family = IFW_FAMILY_IPV4,
		.protocol = next_random(seed) % 2 ? IPPROTO_TCP : IPPROTO_UDP,
		.action = next_random(seed) % 2 ? IFW_ACTION_PASS : IFW_ACTION_DENY,
		.dst_len = random_length(seed),
		.src_len = next_random(seed) % 2 ? random_length(seed) : 0,
		.ifaces = next_random(seed) % 2 ? IFW_IFACES_ANY : next_random(seed) % 8 << 1,
	};
	rule->dst = ifw_addr_mask(random_addr(seed), rule->dst_len);
	rule->src = ifw_addr_mask(random_addr(seed), rule->src_len);
	rule->low = 100 + next_random(seed) % 20;
	rule->high = rule->low + next_random(seed) % 10;
	if (rule->ifaces == 0)
		rule->ifaces = 2;
}

Test(rules, walk_finds_what_a_list_finds)
{
	struct sim_world *world = world_of(WORLD "set eth2 named-rules on\n", "");
	uint64_t seed = 20240501;
	unsigned int hits = 0;

	for (int round = 0; round < 1500; round++) {
		struct rule_set set = {.names = *sim_world_names(world)};
		size_t count = next_random(&seed) % 24;
		struct rule rule;

		for (size_t i = 0; i < count; i++) {
			random_rule(&seed, &rule);
			rule.order = (uint32_t)i + 1;
			cr_assert_eq(rule_set_add(&set, &rule), 0);
		}
		cr_assert_eq(sim_world_set_rules(world, &set), 0);
		for (int i = 0; i < 20; i++) {
			struct flow flow = {
				.src = random_addr(&seed),
				.dst = random_addr(&seed),
				.src_port = 5,
				.dst_port = 99 + next_random(&seed) % 32,
				.family = IFW_FAMILY_IPV4,
				.protocol = next_random(&seed) % 2 ? IPPROTO_TCP : IPPROTO_UDP,
			};
			static const char *const names[] = {NULL, "eth0", "eth1", "eth2"};
			uint32_t slot = 1 + next_random(&seed) % 3;
			uint32_t wanted = naive_match(&set, flow.protocol, flow.src, flow.dst,
						      flow.dst_port, slot);
			struct frame frame = {};

			frame.length = flow_frame(&flow, frame.bytes);
			cr_assert_eq(rule_of(world, names[slot], frame), wanted,
				     "round %d, packet %d", round, i);
			hits += wanted != 0;
		}
		rule_set_clear(&set);
	}
	/* Neither always nor never, or the comparison would say little. */
	cr_assert_gt(hits, 3000);
	cr_assert_lt(hits, 27000);
	sim_world_destroy(world);
}

/* --- Elements that change underneath ------------------------------------------ */

/*
 * Stands for another CPU: right after the nth prefix (or range) was found it
 * makes the element someone else's, and mends it again when the walk restarts.
 */
struct meddler {
	enum sim_trace_kind kind;
	unsigned int at, seen;
	unsigned int walks;
	unsigned int mend_at_walk; /* 0: never */
	struct ifw_prefix *prefix;
	struct ifw_range *range;
};

static void spoil(struct meddler *m, const struct sim_trace *t)
{
	if (m->kind == SIM_TRACE_PREFIX && t->prefix) {
		m->prefix = (struct ifw_prefix *)t->prefix;
		m->prefix->self.addr.lo ^= 1;
	} else if (m->kind == SIM_TRACE_RANGE && t->range) {
		m->range = (struct ifw_range *)t->range;
		m->range->owner ^= 0x80000000;
	}
}

static void mend(struct meddler *m)
{
	if (m->prefix)
		m->prefix->self.addr.lo ^= 1;
	if (m->range)
		m->range->owner ^= 0x80000000;
	m->prefix = NULL;
	m->range = NULL;
}

static void meddle(void *arg, const struct sim_trace *t)
{
	struct meddler *m = arg;

	if (t->kind == SIM_TRACE_LENGTHS && t->index == 0 && ++m->walks == m->mend_at_walk)
		mend(m);
	if (t->kind == m->kind && ++m->seen == m->at)
		spoil(m, t);
}

static struct sim_result decide_meddled(struct sim_world *world, struct meddler *m)
{
	const struct frame f = tcp("192.0.2.1", 5, "10.0.0.1", 5);
	struct sim_result result;

	sim_world_trace(world, meddle, m);
	result = decide_on(world, "eth0", &f);
	sim_world_trace(world, NULL, NULL);
	mend(m);
	return result;
}

#define STALE_RULES                                                                                \
	"pass tcp to 10.0.0.0/8 port 1-10 from 192.0.2.0/24\n"                                     \
	"pass tcp to 10.0.0.0/8 port 12-20 from 192.0.2.0/24\n"                                    \
	"pass tcp to 10.0.0.0/8 port 1-10\n"

Test(rules, walk_again_where_an_element_became_another)
{
	struct sim_world *world = world_of(WORLD, STALE_RULES);

	/* The destination's element, the source's, and the range that was found, in both passes. */
	for (unsigned int at = 1; at <= 2; at++) {
		struct meddler m = {.kind = SIM_TRACE_PREFIX, .at = at, .mend_at_walk = 2};

		cr_assert_eq(decide_meddled(world, &m).decision.rule, 1, "prefix %u", at);
		cr_assert_eq(m.walks, 2, "prefix %u: %u walks", at, m.walks);
	}
	for (unsigned int at = 1; at <= 2; at++) {
		struct meddler m = {.kind = SIM_TRACE_RANGE, .at = at, .mend_at_walk = 2};

		cr_assert_eq(decide_meddled(world, &m).decision.rule, 1, "range %u", at);
		cr_assert_eq(m.walks, 2, "range %u: %u walks", at, m.walks);
	}
	sim_world_destroy(world);
}

Test(rules, give_up_after_a_few_walks_and_match_nothing)
{
	struct sim_world *world = world_of(WORLD, STALE_RULES);

	for (unsigned int at = 1; at <= 2; at++) {
		struct meddler m = {.kind = SIM_TRACE_PREFIX, .at = at};
		struct sim_result result = decide_meddled(world, &m);

		cr_assert_eq(result.decision.reason, IFW_REASON_NO_RULE, "prefix %u", at);
		cr_assert_eq(result.decision.verdict, IFW_VERDICT_DROP);
		cr_assert_eq(m.walks, IFW_STALE_RETRIES);
	}
	sim_world_destroy(world);
}

/* Puts the other generation in force once the walk has begun. */
static void switch_sets(void *arg, const struct sim_trace *t)
{
	struct sim_world *switched = arg;

	if (t->kind == SIM_TRACE_LENGTHS && t->index == 0)
		switched->active = 1;
}

/* Of the set that was in force before nothing is left: not "no rule", but the new one's rule. */
Test(rules, a_set_that_is_gone_is_not_a_set_without_rules)
{
	struct sim_world *world = world_of(WORLD, "pass tcp to 10.0.0.0/8 port 1-10\n");
	const struct frame f = tcp("192.0.2.1", 5, "10.0.0.1", 5);
	struct sim_result result;

	cr_assert_eq(world->active, 1);
	world->active = 0;
	cr_assert_eq(decide_on(world, "eth0", &f).decision.reason, IFW_REASON_NO_RULE);
	sim_world_trace(world, switch_sets, world);
	result = decide_on(world, "eth0", &f);
	sim_world_trace(world, NULL, NULL);
	cr_assert_eq(result.decision.reason, IFW_REASON_RULE_PASS);
	cr_assert_eq(result.decision.rule, 1);
	sim_world_destroy(world);
}

Test(rules, lowest_bit)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		cr_assert_eq(ifw_lowest_bit(1ULL << bit), bit);
		cr_assert_eq(ifw_lowest_bit(~0ULL << bit), bit);
	}
}

Test(rules, query_keeps_its_parts_apart)
{
	__u64 query =
		ifw_query(0xffff, IFW_FAMILY_IPV6, IPPROTO_UDP, IFW_SLOTS - 1, 1) | 128ULL << 48;

	cr_assert_eq(IFW_QUERY_PORT(query), 0xffff);
	cr_assert_eq(IFW_QUERY_GENERATION(query), 1);
	cr_assert_eq(IFW_QUERY_FAMILY(query), IFW_FAMILY_IPV6);
	cr_assert_eq(IFW_QUERY_PROTOCOL(query), IPPROTO_UDP);
	cr_assert_eq(IFW_QUERY_SLOT(query), IFW_SLOTS - 1);
	cr_assert_eq(IFW_QUERY_LENGTH(query), 128);
}
