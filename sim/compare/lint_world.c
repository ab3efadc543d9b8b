/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lint_world.c - see lint.h: what rules do to the host that the world is about.
 */
#include <errno.h>

#include <netinet/in.h>

#include "datapath/exceptions.h"
#include "lint_parts.h"
#include "sim/world.h"

/* --- What a rule decides ------------------------------------------------------------------ */

/* Index of the interface that has the address, the given one if it is among them. 0: none. */
static uint32_t owner_of(const struct sim_world *world, struct ifw_addr addr, uint8_t family,
			 uint32_t preferred)
{
	uint32_t owner = 0;

	for (const struct sim_iface *iface = world->ifaces; iface; iface = iface->next) {
		const struct ifw_addr_key key = {addr, iface->slot, family};
		struct sim_addr *found;

		HASH_FIND(hh, world->addrs, &key, sizeof(key), found);
		if (found && found->kind == IFW_ADDR_LOCAL &&
		    (!owner || iface->ifindex == preferred))
			owner = iface->ifindex;
	}
	return owner;
}

static int note_own_address(struct look *look, const struct sample *sample)
{
	const struct rule *rule = look->rule;
	const struct flow *flow = &sample->witness.flow;
	const uint32_t owner =
		owner_of(look->probe->worlds[0], flow->dst, flow->family, sample->witness.ifindex);
	const bool intercepts = rule->action == IFW_ACTION_INTERCEPT;
	struct lint_finding *finding;

	/* One that is for this address alone is meant so. */
	if (!owner || rule_is_egress(rule) || rule->action == IFW_ACTION_DENY ||
	    (!intercepts && rule->dst_len == ifw_addr_bits(rule->family)))
		return 0;
	if (look->own != SIZE_MAX) {
		finding = &look->lint->findings[look->own];
		if (!ifw_addr_equal(look->last_own, flow->dst))
			finding->addr_count++;
		look->last_own = flow->dst;
		return 0;
	}
	look->own = look->lint->count;
	look->last_own = flow->dst;
	finding = lint_add(look->lint, LINT_OWN_ADDRESS,
			   intercepts ? SEVERITY_WARNING : SEVERITY_NOTE, rule->order);
	if (!finding)
		return -ENOMEM;
	finding->witness = sample->witness;
	finding->asked = sample->asked;
	finding->addr = flow->dst;
	finding->owner_ifindex = owner == sample->witness.ifindex ? 0 : owner;
	finding->addr_count = 1;
	return 0;
}

int lint_world(struct look *look, const struct sample *sample)
{
	struct lint_finding *finding;

	if (sample->asked.answer.reason == IFW_REASON_NO_LISTENER && !look->lacks_listener) {
		look->lacks_listener = true;
		finding = lint_add(look->lint, LINT_NO_LISTENER, SEVERITY_ERROR, look->rule->order);
		if (!finding)
			return -ENOMEM;
		finding->witness = sample->witness;
		finding->asked = sample->asked;
	}
	return note_own_address(look, sample);
}

/* --- ssh ----------------------------------------------------------------------------------- */

struct ssh {
	struct look *look;
	bool gets_in;
	struct sample kept_out;
};

static int ask_ssh(void *arg, const struct cell *cell)
{
	struct ssh *ssh = arg;
	struct sample sample = {.witness = probe_witness(ssh->look->probe, cell)};
	int error = probe_ask(ssh->look->probe, 0, &sample.witness, &sample.asked);

	/* Interception ends at an own address, so what passes gets in. */
	if (!error && sample.asked.answer.verdict == IFW_VERDICT_PASS)
		ssh->gets_in = true;
	else if (!error && !ssh->kept_out.witness.ifindex)
		ssh->kept_out = sample;
	ssh->look->lint->cells++;
	return error;
}

static int judge(struct ssh *ssh, struct ifw_addr addr)
{
	struct lint_finding *finding;

	if (ssh->gets_in)
		return 0;
	finding = lint_add(ssh->look->lint, LINT_SSH, SEVERITY_ERROR, ssh->kept_out.asked.rule);
	if (!finding)
		return -ENOMEM;
	finding->witness = ssh->kept_out.witness;
	finding->asked = ssh->kept_out.asked;
	finding->addr = addr;
	return 0;
}

/* Packets of this imagined rule are all that begin ssh there. */
static int look_at_ssh(struct look *look, struct overlap *overlap, const struct sim_iface *iface,
		       const struct sim_addr *addr, bool *gets_in)
{
	const struct rule all = {
		.dst = addr->key.addr,
		.dst_len = ifw_addr_bits((uint8_t)addr->key.family),
		.family = (uint8_t)addr->key.family,
		.protocol = IPPROTO_TCP,
		.low = IFW_PORT_SSH,
		.high = IFW_PORT_SSH,
		.ifaces = 1ULL << sim_world_slot(look->probe->worlds[0], iface->ifindex),
		.action = IFW_ACTION_PASS,
	};
	const struct rule *const *met;
	const size_t count = overlap_find(overlap, &all, &met);
	struct ssh ssh = {.look = look};
	int error = lint_cells(look, &all, met, count, ask_ssh, &ssh);

	*gets_in |= ssh.gets_in;
	return error ? error : judge(&ssh, addr->key.addr);
}

int lint_ssh(struct look *look, struct overlap *overlap)
{
	const struct sim_world *world = look->probe->worlds[0];
	const size_t first = look->lint->count;
	bool gets_in = false;
	int error = 0;

	for (const struct sim_iface *i = world->ifaces; i && !error; i = i->next) {
		if (!i->has_settings || i->ifindex == IFW_LOOPBACK_IFINDEX)
			continue;
		for (const struct sim_addr *a = world->addrs; a && !error; a = a->hh.next)
			if (a->key.slot == i->slot && a->kind == IFW_ADDR_LOCAL)
				error = look_at_ssh(look, overlap, i, a, &gets_in);
	}
	/* Where there is another way in, it may be meant. */
	for (size_t i = first; i < look->lint->count && gets_in; i++)
		look->lint->findings[i].severity = SEVERITY_WARNING;
	return error;
}
