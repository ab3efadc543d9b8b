/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * json.c - see json.h. json_pack() takes over the values given with "o" and
 * answers NULL where one of them is NULL, so that memory is checked once, at
 * the end.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "datapath/reasons.h"
#include "json.h"
#include "ruleset/visible.h"
#include "text.h"

json_t *json_name(const char *name)
{
	static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */
	char text[IFW_NAME_MAX * (sizeof(unknown) - 1) + 1];
	size_t len = strnlen(name, IFW_NAME_MAX), at = 0;

	while (len) {
		uint32_t code;
		size_t size = utf8_decode(name, len, &code), taken = size ? size : 1;
		size_t put = size ? size : sizeof(unknown) - 1;

		memcpy(text + at, size ? name : unknown, put);
		at += put;
		name += taken;
		len -= taken;
	}
	text[at] = 0;
	return json_string(text);
}

static json_t *json_iface_names(uint64_t ifaces, const struct iface_names *names)
{
	json_t *array = json_array();

	if (ifaces == IFW_IFACES_ANY)
		return array;
	for (unsigned int slot = 1; slot < IFW_SLOTS; slot++)
		if (ifaces >> slot & 1 &&
		    json_array_append_new(array, json_string(names->name[slot]))) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *json_listener(const struct rule *rule)
{
	char addr[INET6_ADDRSTRLEN];

	if (rule->action != IFW_ACTION_INTERCEPT)
		return json_null();
	rule_print_addr(rule->listener, rule->family, addr, sizeof(addr));
	return json_sprintf(rule->family == IFW_FAMILY_IPV6 ? "[%s]:%u" : "%s:%u", addr,
			    rule->listener_port);
}

json_t *json_rule(const struct rule *rule, const struct iface_names *names,
		  const struct ifw_count *count)
{
	char text[RULE_TEXT_MAX], dst[TEXT_PREFIX_MAX], src[TEXT_PREFIX_MAX];

	rule_print(rule, names, text, sizeof(text));
	text_prefix(rule->dst, rule->family, rule->dst_len, dst, sizeof(dst));
	text_prefix(rule->src, rule->family, rule->src_len, src, sizeof(src));
	return json_pack(
		"{s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:{s:i, s:i}, s:o, s:o, s:o, s:o, s:o}",
		"order", (json_int_t)rule->order, "rule", text, "action", text_action(rule->action),
		"direction", text_direction(rule_is_egress(rule)), "protocol",
		text_protocol(rule_protocol(rule)), "destination", dst, "source",
		rule->src_len ? json_string(src) : json_null(), "ports", "low", rule->low, "high",
		rule->high, "interfaces", json_iface_names(rule->ifaces, names), "listener",
		json_listener(rule), "service",
		*rule->label ? json_string(rule->label) : json_null(), "packets",
		count ? json_integer((json_int_t)count->packets) : json_null(), "bytes",
		count ? json_integer((json_int_t)count->bytes) : json_null());
}

/* Takes over item; false where memory ran out. */
static bool append(json_t *array, json_t *item)
{
	return json_array_append_new(array, item) == 0;
}

json_t *json_rules(const struct rule_set *set, const struct ifw_count *counts)
{
	json_t *array = json_array();

	for (size_t i = 0; i < set->count; i++)
		if (!append(array,
			    json_rule(&set->rules[i], &set->names, counts ? &counts[i] : NULL))) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *json_addresses(const struct iface_info *iface)
{
	char text[INET6_ADDRSTRLEN];
	json_t *array;

	if (!(iface->settings.flags & IFW_IFACE_ADDRS_RECORDED))
		return json_null();
	array = json_array();
	for (size_t i = 0; i < iface->addr_count; i++) {
		const struct iface_addr *addr = &iface->addrs[i];

		if (addr->kind == IFW_ADDR_LOCAL &&
		    !append(array, json_string(rule_print_addr(addr->addr, addr->family, text,
							       sizeof(text))))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static const char *iface_state(const struct iface_info *iface)
{
	if (!iface->present)
		return "gone";
	if (!iface->attached)
		return "detached";
	return iface->renamed ? "renamed" : "attached";
}

static json_t *json_protocols(const struct ifw_iface *set)
{
	json_t *array = json_array();

	for (unsigned int number = 0; number < 256; number++) {
		if (!(set->protocols[number / 64] >> (number % 64) & 1))
			continue;
		if (!append(array, json_integer(number))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *json_ethertypes(const struct ifw_iface *set)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < IFW_ETHERTYPES_MAX; i++) {
		if (set->ethertypes[i] && !append(array, json_integer(set->ethertypes[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *json_geneve_sources(const struct ifw_iface *set)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < IFW_GENEVE_SOURCES_MAX; i++) {
		const struct ifw_net *net = &set->geneve_sources[i];
		char text[TEXT_PREFIX_MAX];

		if (net->family == IFW_FAMILY_NONE)
			continue;
		text_prefix(net->addr, net->family, net->len, text, sizeof(text));
		if (!append(array, json_string(text))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *json_iface(const struct iface_info *iface)
{
	const struct ifw_iface *set = &iface->settings;

	return json_pack(
		"{s:o, s:I, s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:b, s:s, s:b, s:b, s:I, s:b, "
		"s:o, s:o, s:o, "
		"s:I, s:I, s:o, s:o}",
		"name", json_name(iface->name), "ifindex", (json_int_t)iface->ifindex, "state",
		iface_state(iface), "hook", text_hook(set->at[IFW_DIRECTION_IN].hook), "link",
		set->flags & IFW_IFACE_RAW_IP ? "raw" : "ethernet", "ssh",
		!(set->flags & IFW_IFACE_SSH_OFF), "echo", !!(set->flags & IFW_IFACE_ECHO), "track",
		!!(set->flags & IFW_IFACE_TRACK), "ingress_default",
		iface->ifindex == IFW_LOOPBACK_IFINDEX ? "pass" : "deny", "egress_attached",
		iface->egress, "egress_default",
		set->flags & IFW_IFACE_EGRESS_DENY ? "deny" : "pass", "named_rules",
		!!(set->flags & IFW_IFACE_NAMED_RULES), "tunnel", !!(set->flags & IFW_IFACE_TUNNEL),
		"verbose", (json_int_t)set->verbose, "geneve", !!(set->flags & IFW_IFACE_GENEVE),
		"geneve_sources", json_geneve_sources(set), "pass_protocols", json_protocols(set),
		"pass_ethertypes", json_ethertypes(set), "mark", (json_int_t)set->mark, "mask",
		(json_int_t)set->mark_mask, "table",
		set->table ? json_integer(set->table) : json_null(), "addresses",
		json_addresses(iface));
}

static json_t *json_reasons(const struct ifw_counters *counters)
{
	json_t *array = json_array();

	for (unsigned int reason = 1; reason < IFW_REASON_END; reason++) {
		for (unsigned int verdict = 0; verdict < IFW_VERDICTS; verdict++) {
			const struct ifw_count *count = &counters->by_reason[reason][verdict];

			if (!count->packets)
				continue;
			if (!append(array,
				    json_pack("{s:s, s:s, s:I, s:I}", "reason", text_reason(reason),
					      "verdict", text_verdict(verdict), "packets",
					      (json_int_t)count->packets, "bytes",
					      (json_int_t)count->bytes))) {
				json_decref(array);
				return NULL;
			}
		}
	}
	return array;
}

static json_t *json_iface_stats(const struct iface_info *iface)
{
	return json_pack("{s:o, s:I, s:I, s:I, s:o}", "name", json_name(iface->name), "ifindex",
			 (json_int_t)iface->ifindex, "events_lost",
			 (json_int_t)iface->counters.events_lost, "decisions",
			 (json_int_t)iface->counters.decisions, "reasons",
			 json_reasons(&iface->counters));
}

static json_t *json_each(const struct iface_info *ifaces, size_t count,
			 json_t *(*one)(const struct iface_info *iface))
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		if (!append(array, one(&ifaces[i]))) {
			json_decref(array);
			return NULL;
		}
	return json_pack("{s:o}", "interfaces", array);
}

json_t *json_ifaces(const struct iface_info *ifaces, size_t count, const struct loader_usage *usage)
{
	json_t *all = json_each(ifaces, count, json_iface);
	bool counted = usage->limits.counting == LOADER_COUNTING_ON;
	json_t *rules = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:I}", "count",
				  (json_int_t)usage->rules, "prefixes", (json_int_t)usage->prefixes,
				  "max_ranges", (json_int_t)usage->limits.ranges, "max_prefixes",
				  (json_int_t)usage->limits.prefixes, "max_flows",
				  (json_int_t)usage->limits.flows, "counted", counted,
				  "counter_bytes_per_cpu", (json_int_t)usage->counters);

	if (all && json_object_set_new(all, "rules", rules) == 0)
		return all;
	json_decref(all);
	return NULL;
}

json_t *json_stats(const struct iface_info *ifaces, size_t count)
{
	return json_each(ifaces, count, json_iface_stats);
}

int json_print(FILE *out, json_t *value)
{
	if (!value)
		return -ENOMEM;
	/* What cannot be written shows at the end, in cli_finish(). */
	json_dumpf(value, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	fputc('\n', out);
	json_decref(value);
	return 0;
}
