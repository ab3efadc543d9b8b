/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * values.h - the values of a rule's clauses, each with an exact account of what
 * is wrong with it. Internal to ruleset/; grammar.h has the public forms.
 */
#ifndef IFW_VALUES_H
#define IFW_VALUES_H

#include "rule.h"

/* Some bytes of a text; not terminated. text NULL: nothing there. */
struct span {
	const char *text;
	size_t len;
};

#define FAULT_MAX 256

/* What is wrong, and where within the value's text (bytes from its start). */
struct fault {
	size_t at;
	size_t width;
	char message[FAULT_MAX];
};

/* A word as messages show it: the start of a very long one, between quotes. */
struct quoted {
	char text[64];
};
struct quoted quote(struct span word);

struct prefix {
	struct ifw_addr addr; /* masked */
	uint8_t family;
	uint8_t len;
	bool host_bits; /* some were set below len */
};

struct endpoint {
	struct ifw_addr addr;
	uint8_t family;
	uint16_t port; /* host order */
};

/* Each 0, or -EINVAL with fault filled in and the output untouched. */
int value_prefix(struct span text, struct prefix *prefix, struct fault *fault);
int value_endpoint(struct span text, struct endpoint *endpoint, struct fault *fault);
int value_port(struct span text, uint16_t *port, struct fault *fault);
int value_ports(struct span text, uint16_t *low, uint16_t *high, struct fault *fault);

#endif /* IFW_VALUES_H */
