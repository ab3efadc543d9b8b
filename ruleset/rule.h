/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rule.h - a rule as a person enters it, a set of them, and how what is wrong
 * with a text is reported. Pure user space: no kernel, no libbpf.
 */
#ifndef IFW_RULE_H
#define IFW_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../datapath/abi.h"

#define RULE_LABEL_MAX 64  /* service label, bytes, with the final NUL */
#define RULE_TEXT_MAX 1536 /* longest rule in print, bytes, with the final NUL */

/*
 * Interface names and the small slots that stand for them: name[n] has slot n,
 * "" is free. Slot 0 is never used. A rule's bits refer to one such table.
 */
struct iface_names {
	char name[IFW_SLOTS][IFW_NAME_MAX];
};

struct rule {
	struct ifw_addr dst;	  /* masked to dst_len */
	struct ifw_addr src;	  /* masked to src_len; length 0: any source */
	struct ifw_addr listener; /* intercept only */
	uint64_t ifaces;	  /* bit n: slot n; IFW_IFACES_ANY: every interface */
	uint32_t order;		  /* first added, first asked; 0: not in a set yet */
	uint32_t counter;	  /* number of what counts its packets; 0: none */
	uint16_t low;		  /* destination ports, inclusive, host order */
	uint16_t high;
	uint16_t listener_port; /* host order, intercept only */
	uint8_t dst_len;
	uint8_t src_len;
	uint8_t family;	  /* enum ifw_family */
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP; with IFW_EGRESS for what leaves */
	uint8_t action;	  /* enum ifw_action */
	char label[RULE_LABEL_MAX]; /* "": none */
};

struct rule_set {
	struct rule *rules; /* in order */
	size_t count;
	size_t room;
	struct iface_names names;
};

enum severity {
	SEVERITY_ERROR,	  /* the text is refused */
	SEVERITY_WARNING, /* accepted, but hardly what was meant */
	SEVERITY_NOTE,	  /* accepted, and changed in a way worth saying */
};

/* What is to be said about a place in a text. Valid only during the call. */
struct diagnostic {
	enum severity severity;
	unsigned int line;   /* from 1 */
	unsigned int column; /* from 1, bytes */
	unsigned int width;  /* bytes to underline, at least 1 */
	const char *source;  /* the line, not terminated */
	size_t source_len;
	const char *message;
};

/* Libraries do not print: whoever calls them says how. */
typedef void (*diagnose_fn)(void *arg, const struct diagnostic *diagnostic);

/* Whether the kernel would take these bytes as an interface name (net/core/dev.c dev_valid_name).
 */
bool iface_name_valid(const char *name, size_t len);

/*
 * Whether these bytes can be a label: 1 to RULE_LABEL_MAX - 1 bytes of visible
 * UTF-8 without '#', so that a printed rule reads back as it was.
 */
bool rule_label_valid(const char *text, size_t len);

/* Slot of a name, a new one where there is none yet. -ENOSPC: all taken; -EINVAL: no name. */
int iface_names_add(struct iface_names *names, const char *name);

/* Slot of a name, or 0 where there is none. */
int iface_names_find(const struct iface_names *names, const char *name);

/* Whether it is about what leaves, and its protocol without that: IPPROTO_TCP or IPPROTO_UDP. */
static inline bool rule_is_egress(const struct rule *rule)
{
	return rule->protocol & IFW_EGRESS;
}

static inline uint8_t rule_protocol(const struct rule *rule)
{
	return rule->protocol & (uint8_t)~IFW_EGRESS;
}

/* Same direction, protocol, prefixes, ports and interfaces: what identifies a rule. */
bool rule_same_match(const struct rule *a, const struct rule *b);

/* Same match, action, listener and label. Order and counter make no difference. */
bool rule_equal(const struct rule *a, const struct rule *b);

/* Same direction, protocol and prefixes: rules whose ports are searched in one run. */
bool rule_same_group(const struct rule *a, const struct rule *b);

/*
 * The rule in the grammar's words, as parsing reads it back: always at most
 * RULE_TEXT_MAX bytes with the final NUL. Interface names are sorted, so that
 * one match has one text. A slot that names lacks prints as #SLOT, which no
 * parser takes for a name. Returns the length without the NUL; what does not
 * fit in size is cut, as snprintf does.
 */
size_t rule_print(const struct rule *rule, const struct iface_names *names, char *text,
		  size_t size);

/* An address in print, without its length. Returns text. size: INET6_ADDRSTRLEN at least. */
const char *rule_print_addr(struct ifw_addr addr, uint8_t family, char *text, size_t size);

/* Appends a copy. 0 or -ENOMEM. */
int rule_set_add(struct rule_set *set, const struct rule *rule);

/* Frees what the set holds and empties it, its names too. */
void rule_set_clear(struct rule_set *set);

#endif /* IFW_RULE_H */
