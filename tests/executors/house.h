/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * house.h - a simulated world made real, in namespaces of this process's own: taps
 * with ifw on them as `ifw up` leaves it, real sockets, rules; and packets through
 * them. Behind ifw every packet is dropped, so that nothing happens but the decision.
 */
#ifndef IFW_TESTS_HOUSE_H
#define IFW_TESTS_HOUSE_H

#include "after.h"
#include "loader/loader.h"
#include "sim/world.h"

#define HOUSE_BATCH 512 /* packets under way at once */

struct house;

/* Enters a mount namespace with a BPF file system of its own. -EPERM: not allowed here. */
int house_enter(struct failure *failure);

struct house_iface {
	const char *name;
	uint32_t ifindex;
	bool raw;
	uint32_t mark, mark_mask;
	const char *addresses[3]; /* ADDRESS/LENGTH */
};

/*
 * In a network namespace of their own: the interfaces (the last one has no name), and the
 * sockets of a world with the same, as all worlds have to have that house_furnish() is
 * given later. Both are needed as long as the house. 0 or -errno.
 */
int house_build(const struct house_iface *ifaces, const struct sim_world *world,
		struct house **house, struct failure *failure);
/* Closes all of it. *left: sockets that were not freed. NULL is fine. */
void house_leave(struct house *house, unsigned int *left);

/*
 * The world's settings and rules, and nothing remembered; counters begin anew for
 * house_counters().
 */
int house_furnish(struct house *house, const struct sim_world *world, struct failure *failure);

/* What is remembered gets so much older. 0 or -errno. */
int house_age(struct house *house, uint64_t ns);

/*
 * Hands a packet over: 1; 0 where no device takes such a frame, so that it is nobody's;
 * -errno. A sender of SIM_SENT_BY(IFW_SENDER_NONE) is forwarded, any other is a
 * packet socket.
 */
int house_send(struct house *house, const struct sim_frame *frame);

struct house_seen {
	struct ifw_event event;
	bool passed; /* and this is how */
	struct after after;
};

/* What was decided since, in order; returns how many, at most HOUSE_BATCH. -errno. */
int house_look(struct house *house, struct house_seen seen[HOUSE_BATCH]);

/* Since house_furnish(): packets of the kernel's own among those decided. */
unsigned int house_reports(const struct house *house);
/* How many more passed than events said, when house_look() answered -EPROTO. */
int house_unlike(const struct house *house);

/* Which rule of the world an event names: its order number there, or 0; UINT32_MAX: none of them.
 */
uint32_t house_rule(const struct house *house, uint32_t order);

/* --- After packets ---------------------------------------------------------------- */

/* Since house_furnish(). 0 or -errno. */
int house_counters(struct house *house, uint32_t ifindex, struct ifw_counters *counters,
		   struct failure *failure);
/* Of all rules, by their place in the world's set: to be freed. */
int house_rule_counts(struct house *house, struct ifw_count **counts, struct failure *failure);
/* -ENOENT: there is no such flow. */
int house_flow(struct house *house, uint32_t class, const struct ifw_flow_key *key,
	       struct ifw_flow *flow);
unsigned int house_flow_count(struct house *house, uint32_t class);
/* The same of datagrams in fragments. */
int house_fragment(struct house *house, const struct ifw_fragment_key *key,
		   struct ifw_fragment *fragment);
unsigned int house_fragment_count(struct house *house);

#endif /* IFW_TESTS_HOUSE_H */
