/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nest.h - prefixes as a tree. Two of them nest or are disjoint, so an address is told
 * from others by the innermost that holds it.
 */
#ifndef IFW_SIM_NEST_H
#define IFW_SIM_NEST_H

#include "spans.h"

struct nest_item {
	number first;
	uint8_t len;
	const void *what; /* the caller's */
};

struct nest_node {
	number first;
	uint8_t len;
	size_t parent;		  /* the root's is itself */
	size_t end;		  /* of those inside, which follow it */
	size_t items, item_count; /* with this very prefix */
};

/* Empty: {}. */
struct nest {
	struct nest_item *items;
	size_t item_count, room;
	struct nest_node *nodes; /* after _grow; the first holds everything */
	size_t count;
};

/* 0 or -ENOMEM. */
int nest_add(struct nest *nest, const struct nest_item *item);

/* Of the items, and of one more for everything, with what = NULL. Once. 0 or -ENOMEM. */
int nest_grow(struct nest *nest);
void nest_free(struct nest *nest);

/* What of the node is in none inside it, into an empty set. 0 or -ENOMEM. */
int nest_own(const struct nest *nest, size_t node, struct spans *spans);

#endif /* IFW_SIM_NEST_H */
