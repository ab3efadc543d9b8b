/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules_random.h - small random sets of rules that meet in all ways, and every packet
 * that they could tell apart.
 */
#ifndef IFW_TESTS_RULES_RANDOM_H
#define IFW_TESTS_RULES_RANDOM_H

#include "sim/compare/probe.h"
#include "sim_fixture.h"

#define RANDOM_RULES_MAX 8
#define RANDOM_TEXT_MAX 4096
#define RANDOM_PORTS 5 /* that rules speak of */

/* What sets and packets are like. */
struct universe {
	bool ipv6;
	uint16_t port; /* the first that rules speak of */
	/* IPv4: where the eight addresses are, if each stands for 1 << bits of them. */
	uint32_t first;
	uint8_t bits;
};

static inline uint32_t first_of(const struct universe *u)
{
	return u->bits ? u->first : 0x0a000000;
}

/* IPv4, or the same few bits at the end of 2001:db8::/64. */
static inline void random_prefix(uint64_t *state, const struct universe *u, char *text, size_t size)
{
	static const uint8_t lens[] = {32, 32, 31, 31, 30, 30, 29, 0};
	const uint32_t len = lens[next_random(state) % sizeof(lens)];
	const uint32_t host = next_random(state) % 8 & ~((1U << (32 - (len ? len : 29))) - 1);
	const uint32_t addr = first_of(u) | host << u->bits;

	if (!u->ipv6 && len)
		snprintf(text, size, "%u.%u.%u.%u/%u", addr >> 24, addr >> 16 & 255,
			 addr >> 8 & 255, addr & 255, len - u->bits);
	else if (!u->ipv6)
		snprintf(text, size, "0.0.0.0/0");
	else
		snprintf(text, size, len ? "2001:db8::%u/%u" : "::/0", host, len + 96);
}

static inline void random_rule(uint64_t *state, const struct universe *u, char *text, size_t size)
{
	static const char *const ifaces[] = {"", "", "", " on eth0", " on eth1", " on eth0,eth1"};
	const bool leaves = next_random(state) % 3 == 0;
	const uint32_t action = next_random(state) % (leaves ? 2 : 4);
	const uint32_t low = 1 + next_random(state) % 5,
		       high = low + next_random(state) % (6 - low);
	char to[64], from[64] = "", via[64] = "";

	random_prefix(state, u, to, sizeof(to));
	if (next_random(state) % 3 == 0)
		random_prefix(state, u, from, sizeof(from));
	if (action >= 2)
		snprintf(via, sizeof(via), " via %s:%u", u->ipv6 ? "[::1]" : "127.0.0.1",
			 1000 + action);
	snprintf(text, size, "%s%s %s to %s port %u-%u%s%s%s%s", leaves ? "egress " : "",
		 action == 0   ? "deny"
		 : action == 1 ? "pass"
			       : "intercept",
		 next_random(state) % 2 ? "tcp" : "udp", to, u->port + low, u->port + high, via,
		 from[0] ? " from " : "", from, ifaces[next_random(state) % 6]);
}

static inline void ignore_diagnostic(void *arg, const struct diagnostic *d)
{
	(void)arg;
	(void)d;
}

/* Adds it unless its match is there already. */
static inline void add_rule(struct rule_set *set, const char *text)
{
	struct rule rule;

	cr_assert_eq(grammar_parse_rule(text, strlen(text), 1, &set->names, &rule,
					ignore_diagnostic, NULL),
		     0, "%s", text);
	for (size_t i = 0; i < set->count; i++)
		if (rule_same_match(&set->rules[i], &rule))
			return;
	rule.order = (uint32_t)set->count + 1;
	cr_assert_eq(rule_set_add(set, &rule), 0);
}

static inline void random_rules(uint64_t *state, const struct universe *u, struct rule_set *set)
{
	const uint32_t count = 1 + next_random(state) % RANDOM_RULES_MAX;
	char text[512];

	for (uint32_t i = 0; i < count; i++) {
		random_rule(state, u, text, sizeof(text));
		add_rule(set, text);
	}
}

static inline void name_interfaces(struct iface_names *names)
{
	cr_assert_gt(iface_names_add(names, "eth0"), 0);
	cr_assert_gt(iface_names_add(names, "eth1"), 0);
	cr_assert_gt(probe_name_other(names), 0);
}

static inline void print_rules(const struct rule_set *set, const char *title)
{
	char text[RULE_TEXT_MAX];

	cr_log_error("%s:", title);
	for (size_t i = 0; i < set->count; i++) {
		rule_print(&set->rules[i], &set->names, text, sizeof(text));
		cr_log_error("  %s", text);
	}
}

/* In it there is all that comes before the rules, or so little that they decide everything. */
static const char full_world[] = "interface lo\n"
				 "interface eth0 address 10.0.0.1/24 address 2001:db8::1/64\n"
				 "interface eth1 address 10.0.0.4/24 address 10.0.0.5/24\n"
				 "interface eth2 addresses unknown\n"
				 "set eth0 egress-default deny\n"
				 "set eth0 ssh off\n"
				 "set eth1 geneve on\n"
				 "set eth1 named-rules on\n"
				 "set eth1 mark 4 mask 4\n"
				 "socket tcp listen 127.0.0.1:1002\n"
				 "socket udp bound 127.0.0.1:1003\n"
				 "socket tcp listen [::1]:1003\n"
				 "socket tcp established 10.0.0.4:23 10.0.0.2:40000\n"
				 "socket udp connected 10.0.0.4:23 10.0.0.2:40001\n";

static inline struct sim_world *world_with(const char *text, struct rule_set *set)
{
	const struct rule_set *const sets[] = {set};
	struct sim_world *world;

	if (text) {
		world = world_of(text, "");
		set->names = *sim_world_names(world);
	} else {
		cr_assert_eq(probe_plain_world(sets, 1, &set->names, &world), 0);
	}
	cr_assert_eq(sim_world_set_rules(world, set), 0);
	return world;
}

/* --- Every packet -------------------------------------------------------------------- */

struct packets {
	const struct probe *probe;
	const struct universe *u;
	uint32_t number; /* of the next */
};

/* The eight addresses and one outside. */
static inline struct ifw_addr random_addr(const struct universe *u, uint32_t n)
{
	const uint32_t host = n == 8 ? 99 : n;

	if (u->ipv6)
		return (struct ifw_addr){0x20010db800000000ULL, host};
	if (u->bits && n < 8)
		return (struct ifw_addr){(uint64_t)(u->first | n << u->bits | 5) << 32, 0};
	return (struct ifw_addr){(uint64_t)(0x0a000000 | host) << 32, 0};
}

/* false: that was all. */
static inline bool next_packet(struct packets *all, struct witness *packet)
{
	uint32_t n = all->number++;

	*packet = (struct witness){};
	packet->flow.family = all->u->ipv6 ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4;
	packet->flow.src_port = all->probe->src_port;
	packet->flow.dst_port = (uint16_t)(all->u->port - 1 + n % (RANDOM_PORTS + 2));
	n /= RANDOM_PORTS + 2;
	packet->flow.dst = random_addr(all->u, n % 9);
	n /= 9;
	packet->flow.src = random_addr(all->u, n % 9);
	n /= 9;
	packet->flow.protocol = n % 2 ? IPPROTO_TCP : IPPROTO_UDP;
	n /= 2;
	packet->flow.direction = n % 2 ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN;
	n /= 2;
	if (n == all->probe->iface_count)
		return false;
	packet->ifindex = all->probe->ifindex[n];
	return true;
}

#endif /* IFW_TESTS_RULES_RANDOM_H */
