/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * near.h - the rules that nearly decided a packet: those that all but match it,
 * and those that do match and came too late.
 */
#ifndef IFW_SIM_NEAR_H
#define IFW_SIM_NEAR_H

#include "sim/sim.h"

#define NEAR_MAX 5
#define NEAR_TEXT_MAX 1280 /* bytes, with the final NUL: room for the names of all interfaces */

/* In the order in which the walk asks. */
enum near_field {
	NEAR_PROTOCOL,
	NEAR_DESTINATION,
	NEAR_SOURCE,
	NEAR_PORT,
	NEAR_INTERFACE,
	NEAR_NONE, /* it matches, and another rule came first */
};

struct near_miss {
	const struct rule *rule; /* of the world's set */
	enum near_field field;	 /* the first that differs */
	char why[NEAR_TEXT_MAX];
};

struct near_misses {
	struct near_miss *list; /* nearest first */
	size_t count;		/* NEAR_MAX at most */
	size_t all;		/* how many are as near */
};

/* For a packet that the rules were asked about. 0 or -ENOMEM. */
int near_find(const struct sim_world *world, const struct sim_frame *frame, const struct packet *p,
	      const struct decision *decision, struct near_misses *near);
void near_free(struct near_misses *near);

/* Why this rule of the world's did not decide the packet, in words. */
void near_say(const struct sim_world *world, const struct sim_frame *frame, const struct packet *p,
	      const struct decision *decision, const struct rule *rule, char why[NEAR_TEXT_MAX]);

const char *near_field_name(enum near_field field);

#endif /* IFW_SIM_NEAR_H */
