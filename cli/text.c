/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* text.c - see text.h. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/reasons.h"
#include "ruleset/grammar.h"
#include "ruleset/visible.h"
#include "text.h"

const uint64_t text_all_protocols[4] = {~(1ULL << IPPROTO_TCP | 1ULL << IPPROTO_UDP), ~0ULL, ~0ULL,
					~0ULL};

static int parse_hex(const char *digits, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;

	if (!*digits)
		return -EINVAL;
	for (; *digits; digits++) {
		char c = *digits | 0x20;
		unsigned int digit;

		if (*digits >= '0' && *digits <= '9')
			digit = *digits - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else
			return -EINVAL;
		if (value > (max >> 4))
			return -ERANGE;
		value = value << 4 | digit;
	}
	if (value > max)
		return -ERANGE;
	*number = value;
	return 0;
}

int text_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	uint64_t value;
	int err;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		err = parse_hex(text + 2, max, &value);
	else
		err = grammar_parse_number(text, strlen(text), max, &value);
	if (err)
		return err;
	if (value < min)
		return -ERANGE;
	*number = value;
	return 0;
}

int text_switch(const char *text, bool *on)
{
	if (strcmp(text, "on") == 0)
		*on = true;
	else if (strcmp(text, "off") == 0)
		*on = false;
	else
		return -EINVAL;
	return 0;
}

char *text_join(char *const *words, int count)
{
	size_t size = 1;
	char *text, *at;

	for (int i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	text = malloc(size);
	if (!text)
		return NULL;
	at = text;
	for (int i = 0; i < count; i++) {
		size_t len = strlen(words[i]);

		if (i)
			*at++ = ' ';
		memcpy(at, words[i], len);
		at += len;
	}
	*at = '\0';
	return text;
}

const char *text_protocol(unsigned int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	}
	return NULL;
}

const char *text_action(unsigned int action)
{
	switch (action) {
	case IFW_ACTION_INTERCEPT:
		return "intercept";
	case IFW_ACTION_PASS:
		return "pass";
	case IFW_ACTION_DENY:
		return "deny";
	}
	return "unknown";
}

const char *text_hook(unsigned int hook)
{
	switch (hook) {
	case IFW_HOOK_TCX:
		return "tcx";
	case IFW_HOOK_CLSACT:
		return "clsact";
	}
	return "none";
}

const char *text_direction(unsigned int direction)
{
	return direction == IFW_DIRECTION_OUT ? "out" : "in";
}

const char *text_verdict(unsigned int verdict)
{
	return verdict == IFW_VERDICT_PASS ? "pass" : "drop";
}

const char *text_reason(unsigned int reason)
{
	const struct ifw_reason_info *info = ifw_reason_info(reason);

	return info ? info->name : "unknown";
}

const char *text_s(uint64_t count)
{
	return count == 1 ? "" : "s";
}

const char *text_prefix(struct ifw_addr addr, uint8_t family, uint8_t len, char *text, size_t size)
{
	char bare[INET6_ADDRSTRLEN];

	snprintf(text, size, "%s/%u", rule_print_addr(addr, family, bare, sizeof(bare)), len);
	return text;
}

const char *text_policy_problem(uint32_t mark, uint32_t mask, uint32_t table)
{
	if (!mark)
		return "the mark is 0, which every unmarked packet has";
	if (mark & ~mask)
		return "the mark has bits that the mask does not cover";
	/* A local default route in one of these would take the host off the network. */
	if (table == RT_TABLE_DEFAULT || table == RT_TABLE_MAIN || table == RT_TABLE_LOCAL)
		return "tables 253, 254 and 255 (default, main, local) belong to the kernel; "
		       "choose another";
	if (table == RT_TABLE_UNSPEC)
		return "table 0 is none";
	return NULL;
}

void text_tame(char *text)
{
	while (*text) {
		uint32_t code = 0;
		size_t size = utf8_decode(text, strlen(text), &code);

		if (!size || (code != ' ' && !is_visible(code))) {
			memset(text, '?', size ? size : 1);
			size = size ? size : 1;
		}
		text += size;
	}
}
