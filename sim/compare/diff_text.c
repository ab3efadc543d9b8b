/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_text.c - see diff_text.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "diff_text.h"
#include "sim/explain/explain_text.h"

static void put_prefix(FILE *out, const struct prefix_but *prefix, uint8_t family)
{
	char addr[INET6_ADDRSTRLEN];

	rule_print_addr(number_to_addr(prefix->first), family, addr, sizeof(addr));
	fputs(addr, out);
	if (prefix->len < ifw_addr_bits(family))
		fprintf(out, "/%u", prefix->len);
}

static void put_prefix_but(FILE *out, const struct prefix_but *prefix, uint8_t family)
{
	put_prefix(out, prefix, family);
	for (size_t i = 0; i < prefix->hole_count; i++) {
		fputs(i ? ", " : " but ", out);
		put_prefix(out, &prefix->holes[i], family);
	}
}

static uint64_t all_ifaces(const struct probe *probe)
{
	return probe->iface_count == PROBE_IFACES ? ~0ULL : (1ULL << probe->iface_count) - 1;
}

static void put_ifaces(FILE *out, const struct probe *probe, uint64_t ifaces, int other)
{
	const bool has_other = other >= 0 && ifaces >> other & 1;
	const uint64_t named = has_other ? all_ifaces(probe) & ~ifaces : ifaces;
	const char *before = has_other ? "any but " : "";

	for (size_t i = 0; i < probe->iface_count; i++) {
		const char *name = sim_world_ifname(probe->worlds[0], probe->ifindex[i]);

		if (!(named >> i & 1))
			continue;
		fprintf(out, "%s%s", before, name ? name : "?");
		before = ",";
	}
}

/* A stream into memory, and what it wrote: there only once it is closed. */
struct memory {
	FILE *out;
	char *text;
	size_t size;
};

static FILE *start(struct memory *memory)
{
	*memory = (struct memory){};
	memory->out = open_memstream(&memory->text, &memory->size);
	return memory->out;
}

/* NULL where some of it is missing. */
static char *finish(struct memory *memory)
{
	const bool failed = ferror(memory->out) != 0;

	if (fclose(memory->out) == 0 && !failed)
		return memory->text;
	free(memory->text);
	return NULL;
}

char *prefix_but_text(const struct prefix_but *prefix, uint8_t family)
{
	struct memory memory;

	if (!start(&memory))
		return NULL;
	put_prefix_but(memory.out, prefix, family);
	return finish(&memory);
}

char *diff_region_text(const struct probe *probe, const struct diff_region *region, int other)
{
	const bool tcp = (region->protocol & (uint8_t)~IFW_EGRESS) == IPPROTO_TCP;
	struct memory memory;
	FILE *out = start(&memory);

	if (!out)
		return NULL;
	fprintf(out, "%s%s to ", region->protocol & IFW_EGRESS ? "egress " : "",
		tcp ? "tcp" : "udp");
	put_prefix_but(out, &region->to, region->family);
	fprintf(out, " port %u", region->low);
	if (region->high != region->low)
		fprintf(out, "-%u", region->high);
	if (region->from.len || region->from.hole_count) {
		fputs(" from ", out);
		put_prefix_but(out, &region->from, region->family);
	}
	if (region->ifaces != all_ifaces(probe)) {
		fputs(" on ", out);
		put_ifaces(out, probe, region->ifaces, other);
	}
	return finish(&memory);
}

char *witness_text(const struct probe *probe, const struct witness *witness, int other)
{
	const struct flow *flow = &witness->flow;
	const char *name = sim_world_ifname(probe->worlds[0], witness->ifindex);
	char src[EXPLAIN_END_MAX], dst[EXPLAIN_END_MAX];
	struct memory memory;
	FILE *out = start(&memory);

	if (!out)
		return NULL;
	explain_end(flow->src, flow->src_port, flow->family, src);
	explain_end(flow->dst, flow->dst_port, flow->family, dst);
	if (other >= 0 && witness->ifindex == probe->ifindex[other])
		name = NULL;
	fprintf(out, "%s %s %s, %s by %s", flow->protocol == IPPROTO_TCP ? "tcp" : "udp", src, dst,
		flow->direction == IFW_DIRECTION_OUT ? "out" : "in",
		name ? name : "an interface that no rule names");
	return finish(&memory);
}
