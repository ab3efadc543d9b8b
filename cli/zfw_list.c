/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * zfw_list.c - see zfw_list.h. Every column has a word in it, so that readers
 * that split at blanks stay in step.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/addr.h"
#include "text.h"
#include "zfw_list.h"

static bool is_asked_for(const struct zfw_request *request, const struct rule *rule)
{
	if (rule_is_egress(rule) != rule_is_egress(&request->rule))
		return false;
	if (!request->has_prefix)
		return true;
	return rule->family == request->rule.family && rule->dst_len == request->rule.dst_len &&
	       ifw_addr_equal(rule->dst, request->rule.dst) &&
	       (!request->has_protocol || rule->protocol == request->rule.protocol);
}

static void print_mapping(FILE *out, const struct rule *rule, const char *dst)
{
	char listener[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 32];

	if (rule->action == IFW_ACTION_INTERCEPT)
		snprintf(text, sizeof(text),
			 rule->family == IFW_FAMILY_IPV6 ? "TPROXY redirect [%s]:%u"
							 : "TPROXY redirect %s:%u",
			 rule_print_addr(rule->listener, rule->family, listener, sizeof(listener)),
			 rule->listener_port);
	else
		snprintf(text, sizeof(text), "PASSTHRU to %s", dst);
	fprintf(out, " %-37s", text);
}

static void print_ifaces(FILE *out, const struct rule *rule, const struct iface_names *names)
{
	const char *comma = "";

	fputs(" [", out);
	if (rule->ifaces != IFW_IFACES_ANY) {
		for (unsigned int slot = 1; slot < IFW_SLOTS; slot++) {
			if (!(rule->ifaces >> slot & 1))
				continue;
			fprintf(out, "%s%s", comma, names->name[slot]);
			comma = ",";
		}
	}
	fputs("]\n", out);
}

static void print_rule(FILE *out, const struct rule *rule, const struct iface_names *names)
{
	char dst[TEXT_PREFIX_MAX], src[TEXT_PREFIX_MAX], ports[32];

	text_prefix(rule->dst, rule->family, rule->dst_len, dst, sizeof(dst));
	text_prefix(rule->src, rule->family, rule->src_len, src, sizeof(src));
	snprintf(ports, sizeof(ports), "dpts=%u:%u", rule->low, rule->high);
	fprintf(out, "%-6s %-22s %-5s %-18s %-18s %-16s",
		rule->action == IFW_ACTION_DENY ? "deny" : "accept",
		*rule->label ? rule->label : "-", text_protocol(rule_protocol(rule)), src, dst,
		ports);
	print_mapping(out, rule, dst);
	print_ifaces(out, rule, names);
}

static void print_titles(FILE *out)
{
	static const char dashes[] = "-------------------------------------";

	fprintf(out, "%-6s %-22s %-5s %-18s %-18s %-16s %-37s %s\n", "type", "service id", "proto",
		"origin", "destination", "ports", "mapping", "interface list");
	fprintf(out, "%.6s %.22s %.5s %.18s %.18s %.16s %.37s %.14s\n", dashes, dashes, dashes,
		dashes, dashes, dashes, dashes, dashes);
}

static int by_bytes(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* Any total order will do that puts rules of one (destination, source, protocol) side by side. */
static int by_tuple(const void *a_arg, const void *b_arg)
{
	const struct rule *a = *(const struct rule *const *)a_arg;
	const struct rule *b = *(const struct rule *const *)b_arg;
	int order = by_bytes(a->dst.hi, b->dst.hi);

	if (!order)
		order = by_bytes(a->dst.lo, b->dst.lo);
	if (!order)
		order = by_bytes(a->src.hi, b->src.hi);
	if (!order)
		order = by_bytes(a->src.lo, b->src.lo);
	if (!order)
		order = by_bytes(a->dst_len << 24 | a->src_len << 16 | a->protocol << 8 | a->family,
				 b->dst_len << 24 | b->src_len << 16 | b->protocol << 8 |
					 b->family);
	return order;
}

int zfw_list_print(FILE *out, const struct rule_set *set, const struct zfw_request *request,
		   const struct loader_limits *limits)
{
	const struct rule **asked = calloc(set->count ? set->count : 1, sizeof(struct rule *));
	size_t count = 0, tuples = 0;

	if (!asked)
		return -ENOMEM;
	print_titles(out);
	for (size_t i = 0; i < set->count; i++) {
		if (!is_asked_for(request, &set->rules[i]))
			continue;
		print_rule(out, &set->rules[i], &set->names);
		asked[count++] = &set->rules[i];
	}
	qsort(asked, count, sizeof(struct rule *), by_tuple);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || by_tuple(&asked[i - 1], &asked[i]))
			tuples++;
	free(asked);
	fprintf(out, "Rule Count: %zu / %u\n", count, limits->ranges);
	fprintf(out, "prefix_tuple_count: %zu / %u\n", tuples, limits->prefixes);
	return 0;
}
