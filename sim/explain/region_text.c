/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region_text.c - see region_text.h.
 */
#include <stdio.h>

#include <arpa/inet.h>

#include "datapath/flow_tcp.h"
#include "explain_text.h"
#include "sim/phrase.h"
#include "region_text.h"

static void add_flags(struct phrase *text, uint32_t flags)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} names[] = {{"SYN", IFW_TCP_SYN},
		     {"FIN", IFW_TCP_FIN},
		     {"RST", IFW_TCP_RST},
		     {"ACK", IFW_TCP_ACK}};
	const char *before = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(flags & names[i].bit))
			continue;
		phrase_add(text, "%s%s", before, names[i].name);
		before = "-";
	}
	if (!before[0])
		phrase_add(text, "none");
}

static void add_protocols(struct phrase *text, const struct region_range *range)
{
	char name[EXPLAIN_PROTOCOL_MAX];

	if (range->low == range->high) {
		explain_protocol((uint8_t)range->low, name);
		phrase_add(text, "%s", name);
	} else {
		phrase_add(text, "%u-%u", range->low, range->high);
	}
}

static void add_numbers(struct phrase *text, const char *format, const struct region_range *range)
{
	phrase_add(text, format, range->low);
	if (range->low == range->high)
		return;
	phrase_add(text, "-");
	phrase_add(text, format, range->high);
}

static void add_range(struct phrase *text, const struct sim_world *world,
		      const struct region_field *field, const struct region_range *range)
{
	const char *name;

	switch (field->id) {
	case REGION_TCP_FLAGS:
		add_flags(text, range->low);
		break;
	case REGION_PROTOCOL:
		add_protocols(text, range);
		break;
	case REGION_IFINDEX:
		name = sim_world_ifname(world, range->low);
		phrase_add(text, "%s", name ? name : "one without a name");
		break;
	case REGION_ETHERTYPE:
		add_numbers(text, "0x%04x", range);
		break;
	default:
		add_numbers(text, "%u", range);
		break;
	}
}

/* Length of the prefix that the hole is; -1: it is none. */
static int prefix_of(const struct region_hole *hole, uint8_t family)
{
	const uint8_t bits = ifw_addr_bits(family);

	for (int len = 0; len <= bits; len++) {
		const struct ifw_addr ones =
			ifw_addr_mask((struct ifw_addr){~0ULL, ~0ULL}, (uint32_t)len);
		const struct ifw_addr all = ifw_addr_mask((struct ifw_addr){~0ULL, ~0ULL}, bits);
		const struct ifw_addr last = {hole->first.hi | (all.hi & ~ones.hi),
					      hole->first.lo | (all.lo & ~ones.lo)};

		if (ifw_addr_equal(hole->first, ifw_addr_mask(hole->first, (uint32_t)len)) &&
		    ifw_addr_equal(hole->last, last))
			return len;
	}
	return -1;
}

static void add_holes(struct phrase *text, const struct region_field *field)
{
	for (size_t i = 0; i < field->hole_count; i++) {
		const struct region_hole *hole = &field->holes[i];
		const int len = prefix_of(hole, field->family);
		char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN];

		rule_print_addr(hole->first, field->family, first, sizeof(first));
		rule_print_addr(hole->last, field->family, last, sizeof(last));
		phrase_add(text, "%s%s", i ? ", " : " but ", first);
		if (len < 0)
			phrase_add(text, "-%s", last);
		else if (len < ifw_addr_bits(field->family))
			phrase_add(text, "/%d", len);
	}
}

void region_field_text(const struct sim_world *world, const struct region_field *field,
		       char text[REGION_TEXT_MAX])
{
	struct phrase out = {text, REGION_TEXT_MAX, 0};
	char addr[INET6_ADDRSTRLEN];

	text[0] = '\0';
	if (field->any || (field->kind == REGION_PREFIX && field->len == 0)) {
		phrase_add(&out, "any");
	} else if (field->kind == REGION_PREFIX) {
		rule_print_addr(field->addr, field->family, addr, sizeof(addr));
		phrase_add(&out, "%s/%u", addr, field->len);
	}
	if (field->kind == REGION_PREFIX)
		add_holes(&out, field);
	if (field->any || field->kind == REGION_PREFIX)
		return;
	for (size_t i = 0; i < field->count; i++) {
		/* Of the flags that do not count the packet's own stand here. */
		if (i > 0)
			phrase_add(&out, ",");
		add_range(&out, world, field, &field->ranges[i]);
	}
}

static const struct region_field *find(const struct region *region, enum region_id id)
{
	for (size_t i = 0; i < region->count; i++)
		if (region->fields[i].id == id)
			return &region->fields[i];
	return NULL;
}

void region_exception_text(const struct region *region, const struct region_exception *exception,
			   char text[REGION_TEXT_MAX])
{
	const struct region_field *src = find(region, REGION_SRC);
	const uint8_t family = src ? src->family : IFW_FAMILY_IPV4;
	char from[EXPLAIN_END_MAX], to[EXPLAIN_END_MAX];

	if (find(region, REGION_SRC_PORT)) {
		explain_end(exception->src, exception->src_port, family, from);
		explain_end(exception->dst, exception->dst_port, family, to);
	} else {
		rule_print_addr(exception->src, family, from, sizeof(from));
		rule_print_addr(exception->dst, family, to, sizeof(to));
	}
	snprintf(text, REGION_TEXT_MAX, "%s -> %s", from, to);
}
