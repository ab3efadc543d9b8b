/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_print.c - see flow_print.h. JSON is written by hand here: addresses and
 * names of states need no quoting, and building an object for each of a million
 * flows takes longer than reading them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "datapath/addr.h"
#include "datapath/flow_states.h"
#include "flow_print.h"
#include "ruleset/grammar.h"
#include "text.h"

#define NS_PER_S 1000000000ULL
#define ENDPOINT_MAX (INET6_ADDRSTRLEN + sizeof("[]:65535"))
#define SPAN_MAX 32

static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6};

int flow_filter_word(struct flow_filter *filter, const char *word)
{
	size_t len = strlen(word), addr_len = strcspn(word, "/");
	struct flow_filter ignored;
	bool host_bits;

	for (size_t i = 0; i < sizeof(protocols); i++) {
		if (strcasecmp(word, text_protocol(protocols[i])) != 0)
			continue;
		if (filter->protocol)
			return -EEXIST;
		filter->protocol = protocols[i];
		return 0;
	}
	if (filter->family != IFW_FAMILY_NONE)
		return -EEXIST;
	if (!grammar_parse_prefix(word, len, &filter->family, &filter->addr, &filter->len,
				  &host_bits))
		return 0;
	if (addr_len == len || grammar_parse_prefix(word, addr_len, &ignored.family, &ignored.addr,
						    &ignored.len, &host_bits))
		return -EINVAL;
	return -ERANGE;
}

bool flow_filter_matches(const struct flow_filter *filter, const struct ifw_flow_key *key)
{
	if (filter->protocol && filter->protocol != key->protocol)
		return false;
	if (filter->family == IFW_FAMILY_NONE)
		return true;
	return filter->family == key->family &&
	       (ifw_addr_equal(ifw_addr_mask(key->low, filter->len), filter->addr) ||
		ifw_addr_equal(ifw_addr_mask(key->high, filter->len), filter->addr));
}

/* --- Both forms ------------------------------------------------------------------ */

/* Who began, and with whom. */
struct ends {
	struct ifw_addr from, to;
	uint16_t from_port, to_port; /* of an echo: its identifier, and 0 */
	bool has_ports;
};

static struct ends ends_of(const struct ifw_flow_key *key, const struct ifw_flow *flow)
{
	struct ends ends = {
		.from = flow->began_high ? key->high : key->low,
		.to = flow->began_high ? key->low : key->high,
		.has_ports = key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP,
	};

	ends.from_port = key->low_port;
	if (ends.has_ports) {
		ends.from_port = flow->began_high ? key->high_port : key->low_port;
		ends.to_port = flow->began_high ? key->low_port : key->high_port;
	}
	return ends;
}

static const char *state_of(const struct ifw_flow *flow)
{
	const struct ifw_flow_state_info *info = ifw_flow_state_info(flow->state);

	return info ? info->name : "unknown";
}

/* Ways that what the other side sends passes as an answer, without a rule. */
static const char *answers_of(const struct ifw_flow *flow)
{
	const struct ifw_flow_side *asked = &flow->sides[IFW_ORIGINAL];

	if (asked->left)
		return asked->came_in ? "in, out" : "in";
	return asked->came_in ? "out" : "-";
}

static uint64_t since(uint64_t later, uint64_t earlier)
{
	return later > earlier ? later - earlier : 0;
}

/* --- For people -------------------------------------------------------------------- */

#define LINE "%-6s  %26s > %-26s  %-14s  %-7s  %8s  %8s  "

static const char *endpoint(struct ifw_addr addr, uint8_t family, bool has_port, uint16_t port,
			    char *text, size_t size)
{
	char bare[INET6_ADDRSTRLEN];

	rule_print_addr(addr, family, bare, sizeof(bare));
	if (!has_port)
		snprintf(text, size, "%s", bare);
	else
		snprintf(text, size, family == IFW_FAMILY_IPV6 ? "[%s]:%u" : "%s:%u", bare, port);
	return text;
}

/* Two units at most: "12s", "3m05s", "2h10m", "4d23h". */
static const char *span(uint64_t ns, char *text, size_t size)
{
	uint64_t s = ns / NS_PER_S;

	if (s < 60)
		snprintf(text, size, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(text, size, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, size, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s % 3600 / 60);
	else
		snprintf(text, size, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s % 86400 / 3600);
	return text;
}

void flow_print_titles(FILE *out)
{
	fprintf(out, LINE "%10s  %12s\n", "PROTO", "FROM", "TO", "STATE", "ANSWERS", "AGE", "LEFT",
		"PACKETS", "BYTES");
}

void flow_print(FILE *out, const struct ifw_flow_key *key, const struct ifw_flow *flow,
		uint64_t now_ns)
{
	char from[ENDPOINT_MAX], to[ENDPOINT_MAX], age[SPAN_MAX], left[SPAN_MAX];
	const char *protocol = text_protocol(key->protocol);
	struct ends ends = ends_of(key, flow);

	fprintf(out, LINE "%10" PRIu64 "  %12" PRIu64, protocol ? protocol : "?",
		endpoint(ends.from, key->family, ends.has_ports, ends.from_port, from,
			 sizeof(from)),
		endpoint(ends.to, key->family, ends.has_ports, ends.to_port, to, sizeof(to)),
		state_of(flow), answers_of(flow),
		span(since(now_ns, flow->began_ns), age, sizeof(age)),
		span(since(flow->expires_ns, now_ns), left, sizeof(left)), (uint64_t)flow->packets,
		(uint64_t)flow->bytes);
	if (!ends.has_ports)
		fprintf(out, "  id %u", ends.from_port);
	fputs(flow->forwarded ? "  forwarded\n" : "\n", out);
}

/* --- JSON ---------------------------------------------------------------------------- */

static void print_side(FILE *out, const char *end, const struct ifw_flow_side *side)
{
	fprintf(out, ", \"%s_came_in\": %s, \"%s_left\": %s", end, side->came_in ? "true" : "false",
		end, side->left ? "true" : "false");
}

static void print_seconds(FILE *out, const char *key, uint64_t ns)
{
	fprintf(out, ", \"%s\": %" PRIu64 ".%03u", key, (uint64_t)(ns / NS_PER_S),
		(unsigned int)(ns % NS_PER_S / 1000000));
}

void flow_print_json(FILE *out, const struct ifw_flow_key *key, const struct ifw_flow *flow,
		     uint64_t now_ns)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	const char *protocol = text_protocol(key->protocol);
	struct ends ends = ends_of(key, flow);

	fprintf(out, "{\"protocol\": \"%s\", \"src\": \"%s\", \"dst\": \"%s\"",
		protocol ? protocol : "unknown",
		rule_print_addr(ends.from, key->family, from, sizeof(from)),
		rule_print_addr(ends.to, key->family, to, sizeof(to)));
	if (ends.has_ports)
		fprintf(out, ", \"src_port\": %u, \"dst_port\": %u, \"id\": null", ends.from_port,
			ends.to_port);
	else
		fprintf(out, ", \"src_port\": null, \"dst_port\": null, \"id\": %u",
			ends.from_port);
	fprintf(out, ", \"state\": \"%s\", \"forwarded\": %s, \"no_peer\": %s", state_of(flow),
		flow->forwarded ? "true" : "false", flow->no_peer ? "true" : "false");
	print_side(out, "src", &flow->sides[IFW_ORIGINAL]);
	print_side(out, "dst", &flow->sides[IFW_REPLY]);
	print_seconds(out, "age", since(now_ns, flow->began_ns));
	print_seconds(out, "left", since(flow->expires_ns, now_ns));
	fprintf(out, ", \"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", (uint64_t)flow->packets,
		(uint64_t)flow->bytes);
}
