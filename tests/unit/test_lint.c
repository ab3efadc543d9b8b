/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/compare/lint.c by brute force: of random sets of rules every packet of a small
 * universe is decided, with each rule and without it; what is found must be what shows.
 */
#include <errno.h>
#include <stdio.h>

#include "rules_random.h"

#include "sim/compare/lint.h"

#define SSH 22

/* What the packets show of one rule. Bits are order numbers. */
struct shown {
	bool decides, needed, lacks_listener;
	uint64_t before, instead, contradicted, reasons;
	size_t own;
};

static bool in_prefix(struct ifw_addr addr, struct ifw_addr prefix, uint8_t len)
{
	return ifw_addr_equal(ifw_addr_mask(addr, len), prefix);
}

static bool matches(const struct probe *probe, const struct rule *rule,
		    const struct witness *packet)
{
	const struct flow *flow = &packet->flow;
	const uint8_t egress = flow->direction == IFW_DIRECTION_OUT ? IFW_EGRESS : 0;
	const uint32_t slot = sim_world_slot(probe->worlds[0], packet->ifindex);
	const char *name = sim_world_ifname(probe->worlds[0], packet->ifindex);
	const struct sim_iface *iface = sim_world_find_iface(probe->worlds[0], name);
	const bool named = iface->settings.flags & IFW_IFACE_NAMED_RULES;

	return rule->family == flow->family && rule->protocol == (flow->protocol | egress) &&
	       flow->dst_port >= rule->low && flow->dst_port <= rule->high &&
	       rule->ifaces >> slot & 1 && !(named && rule->ifaces == IFW_IFACES_ANY) &&
	       in_prefix(flow->dst, rule->dst, rule->dst_len) &&
	       in_prefix(flow->src, rule->src, rule->src_len);
}

/* Whether all that b matches a matches, too. */
static bool holds(const struct rule *a, const struct rule *b)
{
	return a->dst_len <= b->dst_len && in_prefix(b->dst, a->dst, a->dst_len) &&
	       a->src_len <= b->src_len && in_prefix(b->src, a->src, a->src_len) &&
	       a->low <= b->low && a->high >= b->high && !(b->ifaces & ~a->ifaces);
}

static bool want_the_same(const struct rule *a, const struct rule *b)
{
	return a->action == b->action && a->listener_port == b->listener_port &&
	       ifw_addr_equal(a->listener, b->listener);
}

static bool is_local(const struct sim_world *world, const struct flow *flow)
{
	for (const struct sim_addr *a = world->addrs; a; a = a->hh.next)
		if (a->kind == IFW_ADDR_LOCAL && a->key.family == flow->family &&
		    ifw_addr_equal(a->key.addr, flow->dst))
			return true;
	return false;
}

static void note_own(const struct sim_world *world, const struct rule *rule,
		     const struct witness *packet, uint64_t *own)
{
	const bool intercepts = rule->action == IFW_ACTION_INTERCEPT;
	const uint32_t host =
		(uint32_t)(packet->flow.family == IFW_FAMILY_IPV6 ? packet->flow.dst.lo
								  : packet->flow.dst.hi >> 32) &
		63;

	if (!rule_is_egress(rule) && rule->action != IFW_ACTION_DENY &&
	    (intercepts || rule->dst_len < ifw_addr_bits(rule->family)) &&
	    is_local(world, &packet->flow))
		*own |= 1ULL << host;
}

static struct shown show(const struct probe *probe, const struct universe *u,
			 const struct rule *rule)
{
	struct packets all = {.probe = probe, .u = u};
	struct shown shown = {};
	struct witness packet;
	uint64_t own = 0;

	while (next_packet(&all, &packet)) {
		struct asked with = {}, without = {};
		const struct rule *other;

		if (!matches(probe, rule, &packet))
			continue;
		cr_assert_eq(probe_ask(probe, 0, &packet, &with), 0);
		cr_assert_eq(probe_ask(probe, 1, &packet, &without), 0);
		if (with.rule != rule->order) {
			if (with.rule)
				shown.before |= 1ULL << with.rule;
			else
				shown.reasons |= 1ULL << with.answer.reason;
			continue;
		}
		shown.decides = true;
		shown.lacks_listener |= with.answer.reason == IFW_REASON_NO_LISTENER;
		note_own(probe->worlds[0], rule, &packet, &own);
		if (memcmp(&with.answer, &without.answer, sizeof(with.answer)) == 0) {
			shown.instead |= 1ULL << without.rule;
			continue;
		}
		shown.needed = true;
		other = without.rule ? sim_world_rule(probe->worlds[1], without.rule) : NULL;
		if (other && !want_the_same(rule, other) && !holds(rule, other) &&
		    !holds(other, rule))
			shown.contradicted |= 1ULL << other->order;
	}
	shown.own = (size_t)__builtin_popcountll(own);
	return shown;
}

static uint64_t bits_of(const struct lint_finding *finding)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < finding->other_count; i++)
		bits |= 1ULL << finding->others[i];
	return bits;
}

/* The same from what was found. */
static struct shown found_of(const struct lint *lint, uint32_t rule)
{
	struct shown shown = {.decides = true, .needed = true};

	for (size_t i = 0; i < lint->count; i++) {
		const struct lint_finding *finding = &lint->findings[i];

		if (finding->rule != rule)
			continue;
		if (finding->kind == LINT_SHADOWED || finding->kind == LINT_UNREACHED) {
			shown.decides = shown.needed = false;
			shown.before |= bits_of(finding);
			shown.reasons |= finding->reasons;
		} else if (finding->kind == LINT_REDUNDANT) {
			shown.needed = false;
			shown.instead |= bits_of(finding);
		} else if (finding->kind == LINT_CONTRADICTION) {
			shown.contradicted |= bits_of(finding);
		} else if (finding->kind == LINT_NO_LISTENER) {
			shown.lacks_listener = true;
		} else if (finding->kind == LINT_OWN_ADDRESS) {
			shown.own = finding->addr_count;
		}
	}
	return shown;
}

static bool is_as_found(struct shown shown, const struct shown *found)
{
	/* Of rules that decide nobody asks what comes before, of those that are needed not what
	 * else would. */
	if (shown.decides)
		shown.before = shown.reasons = 0;
	if (shown.needed)
		shown.instead = 0;
	return shown.decides == found->decides && shown.needed == found->needed &&
	       shown.before == found->before && shown.reasons == found->reasons &&
	       shown.instead == found->instead && shown.contradicted == found->contradicted &&
	       shown.lacks_listener == found->lacks_listener && shown.own == found->own;
}

/*
 * Each witness, in a world that nobody has asked anything before. It is one that the rule
 * matches, but for the interface where the rule holds on none of the world's.
 */
static void check_witnesses(const struct probe *probe, const struct lint *lint)
{
	for (size_t i = 0; i < lint->count; i++) {
		const struct lint_finding *finding = &lint->findings[i];
		struct asked asked = {};

		cr_assert_neq(finding->witness.ifindex, 0, "a packet that there is");
		cr_assert_eq(probe_ask(probe, 0, &finding->witness, &asked), 0);
		if (finding->kind != LINT_SSH) {
			struct rule rule = *sim_world_rule(probe->worlds[0], finding->rule);

			/* Named: it holds where only those do that name the interface, too. */
			if (finding->elsewhere)
				rule.ifaces = UINT64_MAX << sim_world_slot(
						      probe->worlds[0], finding->witness.ifindex);
			cr_expect(matches(probe, &rule, &finding->witness));
		}
		cr_expect_eq(asked.rule, finding->asked.rule, "%s", lint_kind_name(finding->kind));
		cr_expect(memcmp(&asked.answer, &finding->asked.answer, sizeof(asked.answer)) == 0,
			  "%s", lint_kind_name(finding->kind));
	}
}

/* Interfaces' addresses that no source gets in to by ssh; how many. */
static size_t ssh_closed(const struct probe *probe, const struct universe *u)
{
	const struct sim_world *world = probe->worlds[0];
	size_t closed = 0;

	for (const struct sim_addr *a = world->addrs; a; a = a->hh.next) {
		struct packets all = {.probe = probe, .u = u};
		struct witness packet;
		bool gets_in = false;

		if (a->kind != IFW_ADDR_LOCAL || (a->key.family == IFW_FAMILY_IPV6) != u->ipv6 ||
		    a->key.slot == sim_world_slot(world, IFW_LOOPBACK_IFINDEX))
			continue;
		while (next_packet(&all, &packet)) {
			struct asked asked = {};

			if (packet.flow.protocol != IPPROTO_TCP || packet.flow.dst_port != SSH ||
			    packet.flow.direction != IFW_DIRECTION_IN ||
			    sim_world_slot(world, packet.ifindex) != a->key.slot ||
			    !ifw_addr_equal(packet.flow.dst, a->key.addr))
				continue;
			cr_assert_eq(probe_ask(probe, 0, &packet, &asked), 0);
			cr_assert_neq(asked.answer.reason, IFW_REASON_INTERCEPTED);
			gets_in |= asked.answer.verdict == IFW_VERDICT_PASS;
		}
		closed += !gets_in;
	}
	return closed;
}

static size_t ssh_found(const struct lint *lint, const struct universe *u)
{
	size_t found = 0;

	for (size_t i = 0; i < lint->count; i++)
		found += lint->findings[i].kind == LINT_SSH &&
			 (lint->findings[i].witness.flow.family == IFW_FAMILY_IPV6) == u->ipv6;
	return found;
}

static void find(struct rule_set *set, const char *text, struct lint *lint)
{
	struct sim_world *worlds[PROBE_WORLDS] = {world_with(text, set), world_with(text, set)};

	cr_assert_eq(lint_find(worlds, text != NULL, NULL, NULL, lint), 0);
	sim_world_destroy(worlds[0]);
	sim_world_destroy(worlds[1]);
}

static bool check_rule(const struct probe *probe, const struct universe *u,
		       const struct rule_set *set, size_t index, const struct lint *lint)
{
	struct rule_set without = {.names = set->names};
	struct shown shown, found;

	for (size_t i = 0; i < set->count; i++)
		if (i != index)
			cr_assert_eq(rule_set_add(&without, &set->rules[i]), 0);
	cr_assert_eq(sim_world_set_rules(probe->worlds[1], &without), 0);
	rule_set_clear(&without);
	shown = show(probe, u, &set->rules[index]);
	found = found_of(lint, set->rules[index].order);
	return is_as_found(shown, &found);
}

static size_t check_set(struct rule_set *set, const char *text, const struct universe *u)
{
	struct sim_world *worlds[PROBE_WORLDS];
	struct probe probe;
	struct lint lint;
	size_t found;

	find(set, text, &lint);
	worlds[0] = world_with(text, set);
	worlds[1] = world_with(text, set);
	cr_assert_eq(probe_start(&probe, worlds), 0);
	check_witnesses(&probe, &lint);
	for (size_t i = 0; i < set->count; i++) {
		if (check_rule(&probe, u, set, i, &lint))
			continue;
		print_rules(set, "rules");
		cr_assert_fail("rule %zu is not as it was found", i + 1);
	}
	if (text)
		cr_assert_eq(ssh_found(&lint, u), ssh_closed(&probe, u));
	found = lint.count;
	lint_free(&lint);
	probe_end(&probe);
	sim_world_destroy(worlds[0]);
	sim_world_destroy(worlds[1]);
	return found;
}

static void check_many(uint64_t state, const char *text, struct universe u, unsigned int rounds)
{
	size_t found = 0;

	for (unsigned int round = 0; round < rounds; round++) {
		struct rule_set set = {};

		name_interfaces(&set.names);
		random_rules(&state, &u, &set);
		found += check_set(&set, text, &u);
		rule_set_clear(&set);
	}
	cr_log_info("%zu findings in %u sets", found, rounds);
	cr_expect_gt(found, rounds / 3);
}

#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 60
#else
#define ROUNDS 2000
#endif

static const struct universe ipv4 = {.ipv6 = false, .port = 1}, ipv6 = {.ipv6 = true, .port = 1};
static const struct universe ipv4_ssh = {.ipv6 = false, .port = 20},
			     ipv6_ssh = {.ipv6 = true, .port = 20};

/* Of the two interfaces that rules name it has one. */
static const char one_interface[] = "interface eth0 address 10.0.0.1/24 address 2001:db8::1/64\n"
				    "set eth0 egress-default deny\n";

Test(lint, finds_what_shows_where_interfaces_lack)
{
	check_many(16, one_interface, ipv4_ssh, ROUNDS / 4);
	check_many(17, one_interface, ipv6_ssh, ROUNDS / 4);
}

/* On the one rules hold that name it; nothing is known of the other but that it is there. */
static const char named_rules[] = "interface eth0 address 10.0.0.1/24 address 2001:db8::1/64\n"
				  "set eth0 named-rules on\n";
static const char named_or_unset[] = "interface lo\n"
				     "interface eth7 no settings\n"
				     "interface eth0 address 10.0.0.1/24\n"
				     "set lo named-rules on\n"
				     "set eth0 named-rules on\n";

Test(lint, finds_what_shows_where_rules_name_no_interface)
{
	check_many(18, named_rules, ipv4_ssh, ROUNDS / 16);
	check_many(19, named_rules, ipv6_ssh, ROUNDS / 16);
	check_many(20, named_or_unset, ipv4_ssh, ROUNDS / 16);
}

/* Interfaces go by slots here: of the three that have names the world has the first two. */
Test(lint, shows_what_becomes_of_packets_elsewhere)
{
	struct rule_set set = {};
	struct lint lint;

	name_interfaces(&set.names);
	add_rule(&set, "pass tcp to 10.0.0.9 port 5 on other");
	add_rule(&set, "deny tcp to 10.0.0.9 port 5 on eth1");
	find(&set, "interface lo\ninterface eth0\n", &lint);
	cr_assert_eq(lint.count, 1);
	cr_expect_eq(lint.findings[0].kind, LINT_UNREACHED);
	cr_expect(lint.findings[0].elsewhere);
	cr_expect_eq(lint.findings[0].reasons, 0);
	cr_expect_neq(lint.findings[0].witness.ifindex, IFW_LOOPBACK_IFINDEX);
	cr_expect_eq(lint.findings[0].asked.rule, 2);
	cr_expect_eq(lint.findings[0].asked.answer.reason, IFW_REASON_RULE_DENY);
	lint_free(&lint);
	rule_set_clear(&set);
}

Test(lint, asks_nothing_of_a_world_without_interfaces)
{
	struct rule_set set = {};
	struct sim_world *worlds[PROBE_WORLDS];
	struct lint lint;

	name_interfaces(&set.names);
	add_rule(&set, "pass tcp to 10.0.0.9 port 5");
	for (int i = 0; i < PROBE_WORLDS; i++) {
		cr_assert_eq(sim_world_create(&worlds[i]), 0);
		cr_assert_eq(sim_world_set_rules(worlds[i], &set), 0);
	}
	cr_assert_eq(lint_find(worlds, true, NULL, NULL, &lint), -ENODEV);
	for (int i = 0; i < PROBE_WORLDS; i++)
		sim_world_destroy(worlds[i]);
	rule_set_clear(&set);
}

Test(lint, finds_what_shows)
{
	check_many(11, NULL, ipv4, ROUNDS);
}
Test(lint, finds_what_shows_again)
{
	check_many(12, NULL, ipv4, ROUNDS);
}
Test(lint, finds_what_shows_in_ipv6)
{
	check_many(13, NULL, ipv6, ROUNDS);
}
Test(lint, finds_what_shows_in_a_world)
{
	check_many(14, full_world, ipv4_ssh, ROUNDS);
}
Test(lint, finds_what_shows_in_a_world_of_ipv6)
{
	check_many(15, full_world, ipv6_ssh, ROUNDS);
}
