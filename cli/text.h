/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * text.h - small steps between words and values: numbers as people type them,
 * words joined to a line, names of numbers.
 */
#ifndef IFW_TEXT_H
#define IFW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/loader.h"

/* A number from min to max, decimal or with 0x. 0; -EINVAL: no number; -ERANGE. */
int text_number(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/* "on" or "off". 0 or -EINVAL. */
int text_switch(const char *text, bool *on);

/* The words with single spaces between them; NULL without memory. Free it. */
char *text_join(char *const *words, int count);

/* "tcp", "udp", "icmp", "icmpv6"; NULL for others. */
const char *text_protocol(unsigned int protocol);
const char *text_action(unsigned int action);
const char *text_hook(unsigned int hook);
/* "in", "out" */
const char *text_direction(unsigned int direction);
const char *text_verdict(unsigned int verdict);
const char *text_reason(unsigned int reason);

/* All IP protocols but TCP and UDP, of which rules are: for struct ifw_iface.protocols. */
extern const uint64_t text_all_protocols[4];

/* "n rule" or "n rules": the ending of a counted word. */
const char *text_s(uint64_t count);

/* "ADDR/LEN" of a rule's destination or source. text: TEXT_PREFIX_MAX bytes at least. */
#define TEXT_PREFIX_MAX 64
const char *text_prefix(struct ifw_addr addr, uint8_t family, uint8_t len, char *text, size_t size);

/*
 * Whether mark, mask and table can be used for a policy route: bits of the
 * mark within the mask, and a table that is not one of the kernel's own. NULL,
 * or why not.
 */
const char *text_policy_problem(uint32_t mark, uint32_t mask, uint32_t table);

/* Neither a terminal nor JSON takes every byte that a name may have: such are '?' from here on. */
void text_tame(char *text);

#endif /* IFW_TEXT_H */
