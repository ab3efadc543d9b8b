/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rule_print.c - a rule in the grammar's words, in one canonical order, so that
 * equal matches print equally and what was printed parses back to the same.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../datapath/addr.h"
#include "rule.h"

/* Text under construction; len counts on where size has ended, as snprintf does. */
struct text {
	char *to;
	size_t size;
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) append(struct text *text, const char *format, ...)
{
	size_t used = text->len < text->size ? text->len : text->size;
	va_list args;
	int added;

	va_start(args, format);
	added = vsnprintf(used < text->size ? text->to + used : NULL, text->size - used, format,
			  args);
	va_end(args);
	if (added > 0)
		text->len += (size_t)added;
}

const char *rule_print_addr(struct ifw_addr addr, uint8_t family, char *text, size_t size)
{
	const char *done;

	if (family == IFW_FAMILY_IPV6) {
		__be32 wire[4];

		ifw_addr_to_ipv6(addr, wire);
		done = inet_ntop(AF_INET6, wire, text, (socklen_t)size);
	} else {
		__be32 wire = ifw_addr_to_ipv4(addr);

		done = inet_ntop(AF_INET, &wire, text, (socklen_t)size);
	}
	if (!done && size)
		text[0] = '\0';
	return text;
}

static void append_prefix(struct text *text, const char *word, uint8_t family, struct ifw_addr addr,
			  uint8_t len)
{
	char print[INET6_ADDRSTRLEN];

	append(text, " %s %s/%u", word, rule_print_addr(addr, family, print, sizeof(print)), len);
}

static void append_listener(struct text *text, const struct rule *rule)
{
	char print[INET6_ADDRSTRLEN];
	const char *format = rule->family == IFW_FAMILY_IPV6 ? " via [%s]:%u" : " via %s:%u";

	rule_print_addr(rule->listener, rule->family, print, sizeof(print));
	append(text, format, print, rule->listener_port);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void append_ifaces(struct text *text, uint64_t ifaces, const struct iface_names *names)
{
	char sorted[IFW_SLOTS][IFW_NAME_MAX];
	size_t count = 0;

	for (int slot = 0; slot < IFW_SLOTS; slot++) {
		const char *name = slot && names ? names->name[slot] : "";

		if (!((ifaces >> slot) & 1))
			continue;
		if (name[0])
			memcpy(sorted[count], name, IFW_NAME_MAX);
		else
			snprintf(sorted[count], IFW_NAME_MAX, "#%d", slot);
		count++;
	}
	qsort(sorted, count, sizeof(sorted[0]), compare_names);
	append(text, " on %s", count ? sorted[0] : "#");
	for (size_t i = 1; i < count; i++)
		append(text, ",%s", sorted[i]);
}

static const char *action_word(uint8_t action)
{
	switch (action) {
	case IFW_ACTION_INTERCEPT:
		return "intercept";
	case IFW_ACTION_PASS:
		return "pass";
	default:
		return "deny";
	}
}

size_t rule_print(const struct rule *rule, const struct iface_names *names, char *print,
		  size_t size)
{
	struct text text = {print, size, 0};

	if (size)
		print[0] = '\0';
	append(&text, "%s%s %s", rule_is_egress(rule) ? "egress " : "", action_word(rule->action),
	       rule_protocol(rule) == IPPROTO_TCP ? "tcp" : "udp");
	append_prefix(&text, "to", rule->family, rule->dst, rule->dst_len);
	append(&text, " port %u", rule->low);
	if (rule->high != rule->low)
		append(&text, "-%u", rule->high);
	if (rule->action == IFW_ACTION_INTERCEPT)
		append_listener(&text, rule);
	if (rule->src_len)
		append_prefix(&text, "from", rule->family, rule->src, rule->src_len);
	if (rule->ifaces != IFW_IFACES_ANY)
		append_ifaces(&text, rule->ifaces, names);
	if (rule->label[0])
		append(&text, " service %.*s", RULE_LABEL_MAX - 1, rule->label);
	return text.len;
}
