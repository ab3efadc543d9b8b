/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * near.c - see near.h. A rule is compared with the packet field by field; which rule
 * decides was the decision's to say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "explain_text.h"
#include "near.h"
#include "sim/world.h"

#define DIFFERS_MAX 2 /* fields; a rule that differs in more is not near */

struct asked {
	const struct sim_world *world;
	const struct packet *p;
	uint32_t slot;
	const char *ifname;
	bool egress;
	const struct rule *decided; /* NULL: none */
};

/* How far it is from the packet: of few, the smaller is nearer. */
struct distance {
	unsigned int fields; /* that differ */
	enum near_field first;
	uint32_t far; /* of the first that differs: ports between, bits of the prefix that differ */
};

const char *near_field_name(enum near_field field)
{
	static const char *const names[] = {
		[NEAR_PROTOCOL] = "protocol",	[NEAR_DESTINATION] = "destination",
		[NEAR_SOURCE] = "source",	[NEAR_PORT] = "port",
		[NEAR_INTERFACE] = "interface", [NEAR_NONE] = "order",
	};

	return names[field];
}

static void differs(struct distance *distance, enum near_field field, uint32_t far)
{
	if (distance->fields++ == 0) {
		distance->first = field;
		distance->far = far;
	}
}

/* Bits of the prefix behind the first that differs, that one included; 0: in it. */
static uint32_t bits_off(struct ifw_addr addr, struct ifw_addr prefix, uint8_t len)
{
	for (uint8_t common = len; common > 0; common--)
		if (ifw_addr_equal(ifw_addr_mask(addr, common), ifw_addr_mask(prefix, common)))
			return len - common;
	return len;
}

static uint32_t ports_off(uint16_t port, const struct rule *rule)
{
	if (port < rule->low)
		return (uint32_t)rule->low - port;
	return port > rule->high ? (uint32_t)port - rule->high : 0;
}

static struct distance measure(const struct asked *asked, const struct rule *rule)
{
	struct distance distance = {.first = NEAR_NONE};
	const struct packet *p = asked->p;
	uint32_t far;

	if (rule_protocol(rule) != p->protocol)
		differs(&distance, NEAR_PROTOCOL, 0);
	far = bits_off(p->dst, rule->dst, rule->dst_len);
	if (far)
		differs(&distance, NEAR_DESTINATION, far);
	far = bits_off(p->src, rule->src, rule->src_len);
	if (far)
		differs(&distance, NEAR_SOURCE, far);
	far = ports_off(p->dst_port, rule);
	if (far)
		differs(&distance, NEAR_PORT, far);
	if (!IFW_ADMITS(rule->ifaces, asked->slot))
		differs(&distance, NEAR_INTERFACE, 0);
	return distance;
}

struct candidate {
	const struct rule *rule;
	struct distance distance;
};

/* A match first; then what is later in the walk, which came farther; then what lacks least. */
static int compare(const void *a, const void *b)
{
	const struct candidate *one = a, *two = b;

	if (one->distance.fields != two->distance.fields)
		return one->distance.fields < two->distance.fields ? -1 : 1;
	if (one->distance.first != two->distance.first)
		return one->distance.first > two->distance.first ? -1 : 1;
	if (one->distance.far != two->distance.far)
		return one->distance.far < two->distance.far ? -1 : 1;
	return one->rule->order < two->rule->order ? -1 : 1;
}

/* --- In words ---------------------------------------------------------------------- */

static void say_late(const struct asked *asked, const struct rule *rule, char why[NEAR_TEXT_MAX])
{
	const struct rule *decided = asked->decided;

	if (!decided)
		snprintf(why, NEAR_TEXT_MAX, "matches");
	else if (decided->dst_len > rule->dst_len)
		snprintf(why, NEAR_TEXT_MAX,
			 "matches, but the destination of the rule that decided is longer "
			 "(/%u, not /%u)",
			 decided->dst_len, rule->dst_len);
	else if (decided->src_len > rule->src_len)
		snprintf(why, NEAR_TEXT_MAX,
			 "matches, but the source of the rule that decided is longer "
			 "(/%u, not /%u)",
			 decided->src_len, rule->src_len);
	else
		snprintf(why, NEAR_TEXT_MAX,
			 "matches, but the rule that decided was added before it");
}

static void say_prefix(const char *what, struct ifw_addr addr, struct ifw_addr prefix, uint8_t len,
		       uint8_t family, char why[NEAR_TEXT_MAX])
{
	char is[INET6_ADDRSTRLEN], wanted[INET6_ADDRSTRLEN];

	rule_print_addr(addr, family, is, sizeof(is));
	rule_print_addr(prefix, family, wanted, sizeof(wanted));
	snprintf(why, NEAR_TEXT_MAX, "%s %s is not in %s/%u", what, is, wanted, len);
}

static void say(const struct asked *asked, const struct candidate *c, char why[NEAR_TEXT_MAX])
{
	const struct rule *rule = c->rule;
	const struct packet *p = asked->p;
	char names[EXPLAIN_NAMES_MAX];

	switch (c->distance.first) {
	case NEAR_PROTOCOL:
		snprintf(why, NEAR_TEXT_MAX, "protocol is %s, not %s",
			 p->protocol == IPPROTO_TCP ? "tcp" : "udp",
			 rule_protocol(rule) == IPPROTO_TCP ? "tcp" : "udp");
		break;
	case NEAR_DESTINATION:
		say_prefix("destination", p->dst, rule->dst, rule->dst_len, p->family, why);
		break;
	case NEAR_SOURCE:
		say_prefix("source", p->src, rule->src, rule->src_len, p->family, why);
		break;
	case NEAR_PORT:
		if (rule->low == rule->high)
			snprintf(why, NEAR_TEXT_MAX, "port %u is not %u", p->dst_port, rule->low);
		else
			snprintf(why, NEAR_TEXT_MAX, "port %u is not in %u-%u", p->dst_port,
				 rule->low, rule->high);
		break;
	case NEAR_INTERFACE:
		explain_names(&asked->world->names, rule->ifaces, names);
		if (rule->ifaces == IFW_IFACES_ANY) {
			snprintf(why, NEAR_TEXT_MAX, "on %s only rules that name it hold",
				 asked->ifname);
			break;
		}
		snprintf(why, NEAR_TEXT_MAX, "not on %s, on %s", asked->ifname, names);
		break;
	case NEAR_NONE:
		say_late(asked, rule, why);
		break;
	}
}

static int take(const struct asked *asked, struct candidate *candidates, size_t count,
		struct near_misses *near)
{
	const size_t fields = count ? candidates[0].distance.fields : 0;

	near->list = calloc(NEAR_MAX, sizeof(*near->list));
	if (!near->list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		/* One that differs in a single field makes one in two fields far. */
		if (candidates[i].distance.fields > (fields > 1 ? fields : 1))
			break;
		near->all++;
		if (near->count == NEAR_MAX)
			continue;
		near->list[near->count].rule = candidates[i].rule;
		near->list[near->count].field = candidates[i].distance.first;
		say(asked, &candidates[i], near->list[near->count++].why);
	}
	return 0;
}

static struct asked ask(const struct sim_world *world, const struct sim_frame *frame,
			const struct packet *p, const struct decision *decision)
{
	const char *ifname = sim_world_ifname(world, frame->ifindex);

	return (struct asked){
		.world = world,
		.p = p,
		.slot = sim_world_rules_slot(world, sim_world_slot(world, frame->ifindex)),
		.ifname = ifname ? ifname : "the interface",
		.egress = frame->direction == IFW_DIRECTION_OUT,
		.decided = sim_world_rule(world, decision->rule),
	};
}

void near_say(const struct sim_world *world, const struct sim_frame *frame, const struct packet *p,
	      const struct decision *decision, const struct rule *rule, char why[NEAR_TEXT_MAX])
{
	const struct asked asked = ask(world, frame, p, decision);
	const struct candidate candidate = {rule, measure(&asked, rule)};

	if (rule->family != p->family)
		snprintf(why, NEAR_TEXT_MAX, "it is of the other IP version");
	else if (rule_is_egress(rule) != asked.egress)
		snprintf(why, NEAR_TEXT_MAX,
			 asked.egress ? "it is for what comes in" : "it is for what leaves");
	else
		say(&asked, &candidate, why);
}

int near_find(const struct sim_world *world, const struct sim_frame *frame, const struct packet *p,
	      const struct decision *decision, struct near_misses *near)
{
	const struct rule_set *set = &world->rules;
	struct candidate *candidates = calloc(set->count + 1, sizeof(*candidates));
	const struct asked asked = ask(world, frame, p, decision);
	size_t count = 0;
	int error;

	*near = (struct near_misses){};
	if (!candidates)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = &set->rules[i];
		struct distance distance;

		if (rule->family != p->family || rule_is_egress(rule) != asked.egress ||
		    rule == asked.decided)
			continue;
		distance = measure(&asked, rule);
		if (distance.fields <= DIFFERS_MAX)
			candidates[count++] = (struct candidate){rule, distance};
	}
	qsort(candidates, count, sizeof(*candidates), compare);
	error = take(&asked, candidates, count, near);
	free(candidates);
	return error;
}

void near_free(struct near_misses *near)
{
	free(near->list);
	*near = (struct near_misses){};
}
