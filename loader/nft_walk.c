/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nft_walk.c - see nft.h: a packet that ifw let in, through the chains behind the hook. What only
 * some packets like it would meet counts as uncertain.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/addr.h"
#include "legacy.h"
#include "nft.h"

#define DEPTH_MAX 16	 /* include/net/netfilter/nf_tables.h NFT_JUMP_STACK_SIZE */
#define STEPS_MAX 200000 /* rules a packet; chains that many jump to come again and again */

struct filters {
	struct nft_ruleset ruleset;
	struct legacy_info legacy;
};

/* Of chains without their rules nothing can be said. */
static void forget_legacy(struct nft_ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->chain_count; i++)
		if (ruleset->chains[i].legacy)
			ruleset->chains[i].hook = NFT_HOOK_NONE;
}

/* Where the rules of iptables-legacy cannot be read, the others still count. */
static int read_all(struct filters *filters, struct legacy *legacy)
{
	struct nft_ruleset *ruleset = &filters->ruleset;
	struct legacy_info *info = &filters->legacy;
	int err = nft_read_chains(ruleset);
	const bool has_rules = ruleset->chain_count;

	if (err && err != -EOPNOTSUPP)
		return err;
	if (!info->error)
		info->error = legacy_add_chains(legacy, ruleset);
	err = has_rules ? nft_read_rules(ruleset) : 0;
	if (!err && !info->error)
		info->error = legacy_add_rules(legacy, ruleset);
	if (info->error)
		forget_legacy(ruleset);
	return err;
}

int loader_filters_open(struct filters **out)
{
	struct filters *filters = calloc(1, sizeof(*filters));
	CLEANUP(legacy_free) struct legacy legacy = {.count = 0};
	int err;

	*out = filters;
	if (!filters)
		return -ENOMEM;
	filters->legacy.error = legacy_read(&legacy);
	filters->legacy.tables = legacy.count;
	err = read_all(filters, &legacy);
	if (err && !filters->legacy.error)
		filters->legacy.error = err; /* then nobody looks at them either */
	return err;
}

void loader_filters_legacy(const struct filters *filters, struct legacy_info *info)
{
	*info = filters->legacy;
}

void loader_filters_close(struct filters *filters)
{
	if (filters)
		nft_free(&filters->ruleset);
	free(filters);
}

bool loader_filters_have(const struct filters *filters, bool legacy, const char *table,
			 const char *chain)
{
	struct nft_chain of = {.family = NFPROTO_IPV4, .legacy = legacy};

	snprintf(of.table, sizeof(of.table), "%s", table);
	return nft_find_chain(&filters->ruleset, &of, chain) != NULL;
}

/* --- A walk ------------------------------------------------------------------------------ */

enum walked { WALKED_ON, WALKED_OUT, WALKED_LOST };

struct walk {
	const struct nft_ruleset *ruleset;
	struct nft_packet packet;
	const struct nft_chain *base;
	bool some_accepted; /* in the base chain: some packets like it may have left it */
	unsigned int steps;
	filter_fn each;
	void *arg;
};

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_IPV4	? "ip"
	       : family == NFPROTO_IPV6 ? "ip6"
	       : family == NFPROTO_INET ? "inet"
					: "netdev";
}

static void meet(const struct walk *walk, enum filter_harm harm, const struct nft_chain *chain,
		 uint64_t handle, bool certain)
{
	const struct filter_finding finding = {
		.harm = harm,
		.certain = certain && !walk->some_accepted,
		.legacy = chain->legacy,
		.family = family_name(chain->family),
		.table = chain->table,
		.base = walk->base->name,
		.chain = chain->name,
		.handle = handle,
	};

	walk->each(walk->arg, &finding);
}

static enum walked walk_chain(struct walk *walk, const struct nft_chain *chain, bool certain,
			      unsigned int depth);

/* *certain: whether what follows in the chain is met for certain. */
static enum walked walk_way(struct walk *walk, const struct nft_rule *rule,
			    const struct nft_outcome *outcome, const struct nft_way *way,
			    bool *certain, unsigned int depth, bool *ended)
{
	const bool surely = *certain && way->certain;
	const struct nft_chain *to;
	enum walked walked = WALKED_ON;

	*ended = surely && way->verdict != NFT_JUMPS;
	switch (way->verdict) {
	case NFT_ACCEPTS:
		walk->some_accepted |= !surely;
		return WALKED_OUT;
	case NFT_DROPS:
		if (surely)
			meet(walk, FILTER_DROPS, rule->chain, rule->handle, true);
		else if (outcome->asks_way_back && walk->base->hook != NFT_HOOK_INPUT)
			meet(walk, FILTER_WAY_BACK, rule->chain, rule->handle, false);
		return WALKED_LOST;
	case NFT_JUMPS:
	case NFT_GOES_TO:
		to = nft_find_chain(walk->ruleset, rule->chain, way->to);
		if (to && depth < DEPTH_MAX)
			walked = walk_chain(walk, to, surely, depth + 1);
		*ended |= surely && walked != WALKED_ON;
		*certain &= way->verdict == NFT_JUMPS || surely;
		return walked;
	case NFT_RETURNS:
		*certain &= surely;
		return WALKED_ON;
	default:
		return WALKED_ON;
	}
}

static enum walked walk_chain(struct walk *walk, const struct nft_chain *chain, bool certain,
			      unsigned int depth)
{
	for (size_t i = chain->first_rule; i < chain->first_rule + chain->rule_count; i++) {
		const struct nft_rule *rule = &walk->ruleset->rules[i];
		struct nft_outcome outcome;

		if (walk->steps++ > STEPS_MAX)
			return WALKED_ON;
		nft_run_rule(rule, &walk->packet, &outcome);
		if (outcome.mark_written && walk->base->hook < NFT_HOOK_INPUT) {
			meet(walk, FILTER_MARK, chain, rule->handle,
			     certain && outcome.mark_certain);
			if (certain && outcome.mark_certain && !walk->some_accepted)
				return WALKED_LOST;
		}
		for (size_t j = 0; j < outcome.count; j++) {
			bool ended;
			enum walked walked = walk_way(walk, rule, &outcome, &outcome.ways[j],
						      &certain, depth, &ended);

			if (ended)
				return walked;
		}
	}
	return WALKED_ON;
}

static bool has_device(const struct nft_chain *chain, const char *ifname)
{
	for (size_t i = 0; i < chain->device_count; i++) {
		const struct nft_device *device = &chain->devices[i];

		if (device->is_prefix ? strncmp(device->name, ifname, strlen(device->name)) == 0
				      : strcmp(device->name, ifname) == 0)
			return true;
	}
	return false;
}

static bool is_met(const struct walk *walk, const struct nft_chain *chain, enum nft_hook hook)
{
	if (chain->hook != hook)
		return false;
	if (hook == NFT_HOOK_INGRESS)
		return has_device(chain, walk->packet.ifname);
	return chain->family == NFPROTO_INET || chain->family == walk->packet.nfproto;
}

/* The next base chain of the hook behind *last, by priority and then as listed; NULL: none. */
static const struct nft_chain *next_base(const struct walk *walk, enum nft_hook hook,
					 const struct nft_chain *last)
{
	const struct nft_chain *next = NULL;

	for (size_t i = 0; i < walk->ruleset->chain_count; i++) {
		const struct nft_chain *chain = &walk->ruleset->chains[i];

		if (!is_met(walk, chain, hook) || chain == last)
			continue;
		if (last && (chain->priority < last->priority ||
			     (chain->priority == last->priority && chain < last)))
			continue;
		if (!next || chain->priority < next->priority)
			next = chain;
	}
	return next;
}

static enum walked walk_hook(struct walk *walk, enum nft_hook hook)
{
	const struct nft_chain *base = NULL;

	while ((base = next_base(walk, hook, base))) {
		enum walked walked;

		walk->base = base;
		walk->some_accepted = false;
		walked = walk_chain(walk, base, true, 0);
		if (walked == WALKED_ON && base->policy_drop) {
			meet(walk, FILTER_POLICY, base, 0, true);
			walked = WALKED_LOST;
		}
		if (walked == WALKED_LOST)
			return walked;
	}
	return WALKED_ON;
}

/* --- The packet ---------------------------------------------------------------------------- */

static void know(struct nft_bytes *bytes, size_t at, const void *value, size_t len)
{
	memcpy(bytes->value + at, value, len);
	memset(bytes->known + at, 0xff, len);
}

static void make_packet(const struct filter_packet *from, struct nft_packet *packet)
{
	const uint16_t port = htons(from->dst_port);
	__be32 wire[4];

	*packet = (struct nft_packet){
		.ifindex = from->iface->ifindex,
		.nfproto = from->family == IFW_FAMILY_IPV6 ? NFPROTO_IPV6 : NFPROTO_IPV4,
		.protocol = from->protocol,
		.established = from->established,
	};
	copy_name(packet->ifname, from->iface->name);
	if (!from->forwarded) {
		packet->mark = from->iface->settings.mark;
		packet->mark_known = from->iface->settings.mark_mask;
	}
	/* RFC 791 3.1, RFC 8200 3: protocol, destination. */
	if (from->family == IFW_FAMILY_IPV6) {
		ifw_addr_to_ipv6(from->dst, wire);
		know(&packet->network, 6, &from->protocol, 1);
		know(&packet->network, 24, wire, 16);
	} else {
		wire[0] = ifw_addr_to_ipv4(from->dst);
		know(&packet->network, 9, &from->protocol, 1);
		know(&packet->network, 16, wire, 4);
	}
	if (from->protocol == IPPROTO_TCP || from->protocol == IPPROTO_UDP)
		know(&packet->transport, 2, &port, 2);
}

void loader_filters_meet(const struct filters *filters, const struct filter_packet *packet,
			 filter_fn each, void *arg)
{
	struct walk walk = {
		.ruleset = &filters->ruleset,
		.each = each,
		.arg = arg,
	};

	make_packet(packet, &walk.packet);
	if (packet->forwarded) {
		(void)walk_hook(&walk, NFT_HOOK_FORWARD);
		return;
	}
	if (walk_hook(&walk, NFT_HOOK_INGRESS) == WALKED_ON &&
	    walk_hook(&walk, NFT_HOOK_PREROUTING) == WALKED_ON)
		(void)walk_hook(&walk, NFT_HOOK_INPUT);
}
