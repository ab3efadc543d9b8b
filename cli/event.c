/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* event.c - see event.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <linux/if_ether.h>
#include <string.h>
#include <time.h>

#include "datapath/addr.h"
#include "datapath/reasons.h"
#include "event.h"
#include "json.h"
#include "text.h"

#define ENDPOINT_MAX (INET6_ADDRSTRLEN + sizeof("[]:65535"))
#define NS_PER_S 1000000000LL
#define NS_PER_US 1000

/* "tcp", "47", "arp", "0x88cc": the innermost that is known. */
static const char *protocol_of(const struct ifw_event *e, char *text, size_t size)
{
	const char *name = text_protocol(e->protocol);

	if (!e->family && e->ethertype == ETH_P_ARP)
		return "arp";
	if (!e->family)
		snprintf(text, size, "0x%04x", e->ethertype);
	else if (name)
		return name;
	else
		snprintf(text, size, "%u", e->protocol);
	return text;
}

static const char *endpoint_of(const struct ifw_event *e, struct ifw_addr addr, uint16_t port,
			       char *text, size_t size)
{
	bool has_ports = e->protocol == IPPROTO_TCP || e->protocol == IPPROTO_UDP;
	char bare[INET6_ADDRSTRLEN];

	if (!e->family)
		return "-";
	rule_print_addr(addr, e->family, bare, sizeof(bare));
	if (!has_ports)
		snprintf(text, size, "%s", bare);
	else
		snprintf(text, size, e->family == IFW_FAMILY_IPV6 ? "[%s]:%u" : "%s:%u", bare,
			 port);
	return text;
}

void event_print(FILE *out, const struct event_view *view, const struct table_look *look)
{
	const struct ifw_event *e = view->event;
	int64_t wall = (int64_t)e->time_ns + view->clock_offset_ns;
	time_t seconds = wall / NS_PER_S;
	char src[ENDPOINT_MAX], dst[ENDPOINT_MAX], protocol[16], clock[16] = "";
	const char *colour = "", *plain = "";
	struct tm local;

	if (localtime_r(&seconds, &local))
		strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	if (look->colour) {
		colour = e->verdict == IFW_VERDICT_PASS ? "\033[32m" : "\033[31m";
		plain = "\033[0m";
	}
	fprintf(out, "%s.%06d  %-8s  %-3s  %-6s  %26s > %-26s  %s%-4s%s  ", clock,
		(int)(wall % NS_PER_S / NS_PER_US), view->ifname, text_direction(e->direction),
		protocol_of(e, protocol, sizeof(protocol)),
		endpoint_of(e, e->src, e->src_port, src, sizeof(src)),
		endpoint_of(e, e->dst, e->dst_port, dst, sizeof(dst)), colour,
		text_verdict(e->verdict), plain);
	if (view->rule)
		fprintf(out, "%-18s  %s\n", text_reason(e->reason), view->rule);
	else
		fprintf(out, "%s\n", text_reason(e->reason));
}

static json_t *json_address(const struct ifw_event *e, struct ifw_addr addr)
{
	char text[INET6_ADDRSTRLEN];

	if (!e->family)
		return json_null();
	return json_string(rule_print_addr(addr, e->family, text, sizeof(text)));
}

static json_t *json_protocol(const struct ifw_event *e)
{
	char text[16];

	return e->family ? json_string(protocol_of(e, text, sizeof(text))) : json_null();
}

static json_t *json_assigned(const struct ifw_event *e)
{
	switch (e->assigned) {
	case IFW_ASSIGNED_ESTABLISHED:
		return json_string("established");
	case IFW_ASSIGNED_LISTENER:
		return json_string("listener");
	}
	return json_null();
}

int event_print_json(FILE *out, const struct event_view *view)
{
	const struct ifw_event *e = view->event;
	json_t *line = json_pack(
		"{s:I, s:o, s:I, s:s, s:I, s:i, s:o, s:o, s:o, s:i, s:i, s:s, s:s, s:o, s:o}",
		"time_ns", (json_int_t)e->time_ns, "interface", json_name(view->ifname), "ifindex",
		(json_int_t)e->ifindex, "direction", text_direction(e->direction), "length",
		(json_int_t)e->length, "ethertype", e->ethertype, "protocol", json_protocol(e),
		"src", json_address(e, e->src), "dst", json_address(e, e->dst), "src_port",
		e->src_port, "dst_port", e->dst_port, "verdict", text_verdict(e->verdict), "reason",
		text_reason(e->reason), "rule", view->rule ? json_string(view->rule) : json_null(),
		"assigned", json_assigned(e));

	if (!line)
		return -ENOMEM;
	json_dumpf(line, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
	fputc('\n', out);
	json_decref(line);
	return 0;
}

static uint8_t action_of(uint8_t reason)
{
	switch (reason) {
	case IFW_REASON_RULE_DENY:
	case IFW_REASON_EGRESS_DENY:
		return IFW_ACTION_DENY;
	case IFW_REASON_RULE_PASS:
	case IFW_REASON_EGRESS_PASS:
		return IFW_ACTION_PASS;
	default:
		return IFW_ACTION_INTERCEPT;
	}
}

bool event_fits_rule(const struct ifw_event *event, const struct rule *rule)
{
	if (rule->order != event->rule || rule->family != event->family ||
	    rule_is_egress(rule) != (event->direction == IFW_DIRECTION_OUT) ||
	    !(rule->ifaces >> (event->slot % IFW_SLOTS) & 1))
		return false;
	/* The rule of the flow that the error is about, whose addresses the event has not. */
	if (event->reason == IFW_REASON_ICMP_RELATED)
		return rule->action == IFW_ACTION_INTERCEPT;
	if (!ifw_addr_equal(ifw_addr_mask(event->dst, rule->dst_len), rule->dst) ||
	    !ifw_addr_equal(ifw_addr_mask(event->src, rule->src_len), rule->src))
		return false;
	/* Later fragments have no ports, and of IPv6 no protocol that counts. */
	if (event->reason == IFW_REASON_FRAGMENT)
		return rule->action != IFW_ACTION_DENY;
	if (event->direction == IFW_DIRECTION_OUT && !event->src_port && !event->dst_port)
		return rule->action == action_of(event->reason);
	return rule_protocol(rule) == event->protocol && rule->action == action_of(event->reason) &&
	       rule->low <= event->dst_port && event->dst_port <= rule->high;
}
