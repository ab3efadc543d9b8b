/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rule.c - rules, sets of them, and the table that turns interface names into
 * slots. Nothing here knows how a rule is written; see grammar.c for that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../datapath/addr.h"
#include "room.h"
#include "rule.h"
#include "visible.h"

/* The kernel's isspace() holds Latin-1's no-break space too (lib/ctype.c). */
static bool is_kernel_space(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r') || byte == 0xa0;
}

bool iface_name_valid(const char *name, size_t len)
{
	if (len == 0 || len >= IFW_NAME_MAX)
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)name[i];

		if (byte == '\0' || byte == '/' || byte == ':' || is_kernel_space(byte))
			return false;
	}
	return true;
}

bool rule_label_valid(const char *text, size_t len)
{
	size_t at = 0;

	if (len == 0 || len >= RULE_LABEL_MAX)
		return false;
	while (at < len) {
		uint32_t code;
		size_t size = utf8_decode(text + at, len - at, &code);

		if (size == 0 || !is_visible(code) || code == '#')
			return false;
		at += size;
	}
	return true;
}

int iface_names_find(const struct iface_names *names, const char *name)
{
	if (name[0] == '\0')
		return 0; /* that is how a free slot looks */
	for (int slot = 1; slot < IFW_SLOTS; slot++)
		if (strncmp(names->name[slot], name, IFW_NAME_MAX) == 0)
			return slot;
	return 0;
}

int iface_names_add(struct iface_names *names, const char *name)
{
	size_t len = strnlen(name, IFW_NAME_MAX);
	int slot;

	if (!iface_name_valid(name, len))
		return -EINVAL;
	slot = iface_names_find(names, name);
	if (slot)
		return slot;
	for (slot = 1; slot < IFW_SLOTS; slot++) {
		if (names->name[slot][0] != '\0')
			continue;
		memcpy(names->name[slot], name, len + 1);
		return slot;
	}
	return -ENOSPC;
}

bool rule_same_group(const struct rule *a, const struct rule *b)
{
	return a->family == b->family && a->protocol == b->protocol && a->dst_len == b->dst_len &&
	       a->src_len == b->src_len && ifw_addr_equal(a->dst, b->dst) &&
	       ifw_addr_equal(a->src, b->src);
}

bool rule_same_match(const struct rule *a, const struct rule *b)
{
	return rule_same_group(a, b) && a->low == b->low && a->high == b->high &&
	       a->ifaces == b->ifaces;
}

bool rule_equal(const struct rule *a, const struct rule *b)
{
	return rule_same_match(a, b) && a->action == b->action &&
	       a->listener_port == b->listener_port && ifw_addr_equal(a->listener, b->listener) &&
	       strncmp(a->label, b->label, RULE_LABEL_MAX) == 0;
}

int rule_set_add(struct rule_set *set, const struct rule *rule)
{
	const struct rule copy = *rule; /* it may be one of the set's own */
	int err = room_for_one(&set->rules, set->count, &set->room, sizeof(*set->rules));

	if (!err)
		set->rules[set->count++] = copy;
	return err;
}

void rule_set_clear(struct rule_set *set)
{
	free(set->rules);
	*set = (struct rule_set){0};
}
