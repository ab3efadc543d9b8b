/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * top.h - which destinations come up most, in constant memory, small enough to stay
 * in a CPU's cache: what came up least makes room, so that of the frequent ones none
 * is missed, and what a count may be wrong by is known.
 */
#ifndef IFW_SIM_TOP_H
#define IFW_SIM_TOP_H

#include <stddef.h>
#include <stdint.h>

#include "datapath/abi.h"

/* No padding: compared as bytes. */
struct top_key {
	struct ifw_addr addr;
	uint16_t port; /* host order; 0 where the protocol has none */
	uint8_t family;
	uint8_t protocol; /* IPPROTO_* */
	uint32_t reserved;
};

struct top_entry {
	struct top_key key;
	uint64_t at_least; /* packets */
	uint64_t at_most;  /* the same as long as nothing had to make room for it */
};

struct top;

/* 0 or -ENOMEM. Free with top_destroy (NULL is fine). */
int top_create(struct top **top);
void top_destroy(struct top *top);

void top_add(struct top *top, const struct top_key *key);

/* The most frequent, most first, up to max; returns how many. */
size_t top_list(const struct top *top, struct top_entry *entries, size_t max);

#endif /* IFW_SIM_TOP_H */
