/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probe.c - see probe.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <netinet/in.h>

#include "datapath/exceptions.h"
#include "datapath/geneve.h"
#include "sim/explain/explain_text.h"
#include "martians.h"
#include "probe.h"
#include "sim/world.h"

#define NOW (1ULL << 60) /* ns; idle times of flows fit before it */
#define SRC_PORT_FIRST 40000
#define SRC_PORT_LEAST 1024
#define ADDR_UNIT(family) ((number)1 << (128 - ifw_addr_bits(family)))

/* --- The worlds ---------------------------------------------------------------------- */

static void use_port(__u64 used[65536 / 64], uint16_t port)
{
	used[port / 64] |= 1ULL << port % 64;
}

/* A port that no socket and no flow has: with it a packet is nobody's conversation. */
static uint16_t free_port(const struct sim_world *world)
{
	__u64 used[65536 / 64] = {};

	for (const struct sim_socket *s = world->sockets; s; s = s->hh.next) {
		use_port(used, s->key.local_port);
		use_port(used, s->key.peer_port);
	}
	for (int class = 0; class < IFW_FLOW_CLASSES; class ++) {
		for (const struct sim_flow *f = world->flows[class]; f; f = f->hh.next) {
			use_port(used, f->key.low_port);
			use_port(used, f->key.high_port);
		}
	}
	for (uint32_t port = SRC_PORT_FIRST; port < 65536; port++)
		if (!(used[port / 64] >> port % 64 & 1))
			return (uint16_t)port;
	for (uint32_t port = SRC_PORT_LEAST; port < SRC_PORT_FIRST; port++)
		if (!(used[port / 64] >> port % 64 & 1))
			return (uint16_t)port;
	return SRC_PORT_FIRST;
}

static bool alike(const struct sim_iface *a, const struct sim_iface *b)
{
	return a->has_settings == b->has_settings && a->raw == b->raw &&
	       a->settings.flags == b->settings.flags && a->settings.mark == b->settings.mark &&
	       a->settings.mark_mask == b->settings.mark_mask;
}

static void list_interfaces(struct probe *probe)
{
	const struct sim_world *world = probe->worlds[0];
	const struct sim_iface *first = NULL;

	for (const struct sim_iface *i = world->ifaces; i; i = i->next) {
		const size_t at = probe->iface_count;

		if (at == PROBE_IFACES) /* there are fewer slots */
			return;
		if (!first && i->ifindex != IFW_LOOPBACK_IFINDEX)
			first = i;
		if (world->addrs || world->sockets_bound || i->ifindex == IFW_LOOPBACK_IFINDEX ||
		    !alike(i, first))
			probe->apart |= 1ULL << at;
		probe->slots[at] = sim_world_rules_slot(world, sim_world_slot(world, i->ifindex));
		probe->ifindex[at] = i->ifindex;
		probe->iface_count++;
	}
}

static int list_addresses(struct probe *probe)
{
	const struct sim_world *world = probe->worlds[0];
	const size_t count = HASH_COUNT(world->addrs);

	probe->addrs = calloc(count + 1, sizeof(*probe->addrs));
	probe->addr_families = calloc(count + 1, sizeof(*probe->addr_families));
	if (!probe->addrs || !probe->addr_families)
		return -ENOMEM;
	for (const struct sim_addr *a = world->addrs; a; a = a->hh.next) {
		if (a->kind != IFW_ADDR_LOCAL)
			continue;
		probe->addrs[probe->addr_count] = a->key.addr;
		probe->addr_families[probe->addr_count++] = (uint8_t)a->key.family;
	}
	return 0;
}

int probe_start(struct probe *probe, struct sim_world *const worlds[PROBE_WORLDS])
{
	int error;

	*probe = (struct probe){.worlds = {worlds[0], worlds[1]}};
	list_interfaces(probe);
	probe->src_port = free_port(worlds[0]);
	error = list_addresses(probe);
	if (error)
		probe_end(probe);
	return error;
}

void probe_end(struct probe *probe)
{
	free(probe->addrs);
	free(probe->addr_families);
	*probe = (struct probe){};
}

struct cell_space probe_space(const struct probe *probe, const struct cell_rule *rules,
			      size_t count)
{
	/* Ports that are asked about before the rules. */
	static const uint16_t ports[] = {IFW_PORT_SSH, IFW_PORT_GENEVE};

	return (struct cell_space){
		.rules = rules,
		.count = count,
		.cuts =
			{
				.addrs = probe->addrs,
				.addr_families = probe->addr_families,
				.addr_count = probe->addr_count,
				.ports = ports,
				.port_count = sizeof(ports) / sizeof(ports[0]),
			},
		.slots = probe->slots,
		.iface_count = probe->iface_count,
		.apart = probe->apart,
	};
}

/* --- A packet ------------------------------------------------------------------------ */

/* Where addresses that no packet on a wire has end, and some before. */
static const uint32_t behind_ipv4[] = {0x00000001, 0x01000001, 0x80000001, 0xf0000001};
static const struct ifw_addr behind_ipv6[] = {{0, 2},
					      {1, 1},
					      {0, 1ULL << 48 | 1},
					      {0x20010db800000000ULL, 1},
					      {0xff02000000000000ULL, 1}};

static bool take(struct span span, number value, bool is_src, uint8_t family, number *taken)
{
	if (value < span.low || value > span.high || is_martian_end(value, is_src, family))
		return false;
	*taken = value;
	return true;
}

/*
 * A good address of the span: of those behind its first, where hosts are, and routers in
 * front of them; else that, or one further on.
 */
static bool choose_from(struct span span, bool is_src, uint8_t family, number *chosen)
{
	const number usual = ADDR_UNIT(family) * (is_src ? 2 : 1);
	const size_t count = family == IFW_FAMILY_IPV6
				     ? sizeof(behind_ipv6) / sizeof(behind_ipv6[0])
				     : sizeof(behind_ipv4) / sizeof(behind_ipv4[0]);

	if (span.high - span.low >= usual && take(span, span.low + usual, is_src, family, chosen))
		return true;
	if (take(span, span.low, is_src, family, chosen))
		return true;
	for (size_t i = 0; i < count; i++) {
		const number after = family == IFW_FAMILY_IPV6 ? number_of_addr(behind_ipv6[i])
							       : (number)behind_ipv4[i] << 96;

		if (take(span, after, is_src, family, chosen) ||
		    take(span, after - ADDR_UNIT(family), is_src, family, chosen))
			return true;
	}
	return false;
}

/* RFC 5737, RFC 3849: where it is all the same, one that nobody takes for his own. */
static number of_examples(bool is_src, uint8_t family)
{
	if (family == IFW_FAMILY_IPV6)
		return (number)0x20010db8ffff0000ULL << 64 | (is_src ? 1 : 2);
	return (number)(is_src ? 0xcb007101U : 0xc6336401U) << 96;
}

static struct ifw_addr choose(const struct spans *spans, bool is_src, uint8_t family)
{
	number chosen = spans->at[0].low;

	if (spans_have(spans, of_examples(is_src, family)))
		return number_to_addr(of_examples(is_src, family));
	for (size_t i = 0; i < spans->count; i++)
		if (choose_from(spans->at[i], is_src, family, &chosen))
			break;
	return number_to_addr(chosen);
}

struct witness probe_witness(const struct probe *probe, const struct cell *cell)
{
	return (struct witness){
		.flow =
			{
				.src = choose(cell->src, true, cell->family),
				.dst = choose(cell->dst, false, cell->family),
				.src_port = probe->src_port,
				.dst_port = cell->low,
				.family = cell->family,
				.protocol = cell->protocol & (uint8_t)~IFW_EGRESS,
				.direction = cell->protocol & IFW_EGRESS ? IFW_DIRECTION_OUT
									 : IFW_DIRECTION_IN,
			},
		.ifindex = probe->ifindex[__builtin_ctzll(cell->ifaces)],
	};
}

/* --- The answer ------------------------------------------------------------------------ */

static struct answer answer_of(const struct sim_result *result, const struct rule *rule)
{
	const struct decision *d = &result->decision;
	struct answer answer = {
		.mark = result->mark,
		.verdict = (uint8_t)d->verdict,
		.reason = (uint8_t)d->reason,
		.assigned = (uint8_t)d->assigned,
	};

	if (!rule)
		return answer;
	answer.action = rule->action;
	if (rule->action == IFW_ACTION_INTERCEPT && d->reason != IFW_REASON_LOCAL) {
		answer.family = rule->family;
		answer.listener = rule->listener;
		answer.listener_port = rule->listener_port;
	}
	return answer;
}

struct asked asked_of(const struct sim_world *world, const struct sim_result *result)
{
	const uint32_t rule = result->decision.rule;

	return (struct asked){answer_of(result, sim_world_rule(world, rule)), rule};
}

int probe_ask(const struct probe *probe, size_t world, const struct witness *witness,
	      struct asked *asked)
{
	struct sim_world *in = probe->worlds[world];
	const size_t skip =
		sim_world_link(in, witness->ifindex) == SIM_LINK_RAW_IP ? sizeof(struct ethhdr) : 0;
	uint8_t bytes[FLOW_FRAME_MAX];
	const struct sim_frame frame = {
		.length = flow_frame(&witness->flow, bytes) - skip,
		.data = bytes + skip,
		.ifindex = witness->ifindex,
		.time_ns = NOW,
		.direction = witness->flow.direction,
		.trial = true,
	};
	struct sim_result result;
	int error = sim_decide(in, &frame, &result);

	if (error)
		return error;
	*asked = asked_of(in, &result);
	return 0;
}

void answer_text(const struct answer *answer, char text[ANSWER_TEXT_MAX])
{
	const struct ifw_reason_info *reason = ifw_reason_info(answer->reason);
	char end[EXPLAIN_END_MAX];
	int used;

	used = snprintf(text, ANSWER_TEXT_MAX, "%s %s",
			answer->verdict == IFW_VERDICT_PASS ? "pass" : "drop",
			reason ? reason->name : "none");
	if (answer->listener_port) {
		explain_end(answer->listener, answer->listener_port, answer->family, end);
		snprintf(text + used, (size_t)(ANSWER_TEXT_MAX - used), " via %s", end);
	} else if (answer->reason == IFW_REASON_EGRESS_PASS && answer->action) {
		snprintf(text + used, (size_t)(ANSWER_TEXT_MAX - used), " by rule");
	}
}
