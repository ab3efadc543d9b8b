/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* house_internal.h - what house.c and house_packets.c share. */
#ifndef IFW_TESTS_HOUSE_INTERNAL_H
#define IFW_TESTS_HOUSE_INTERNAL_H

#include "after.skel.h"
#include "house.h"
#include "made_sockets.h"

#define HOUSE_ROOMS 4
#define HOUSE_BESIDE_IFINDEX 30001
#define HOUSE_YEARS_NS 40000000000ULL /* of 60 s that TIME_WAIT lasts (include/net/tcp.h) */

struct room {
	const struct house_iface *iface;
	int tap;
	int packet; /* a packet socket on it */
	struct ifw_counters before;
};

struct house_order {
	uint32_t kernel, world; /* order numbers of a rule */
};

struct house {
	struct room rooms[HOUSE_ROOMS];
	size_t count;
	int sink, beside, fragments, flows[IFW_FLOW_CLASSES];
	unsigned int sockets_before, left;
	uint64_t built_ns;
	const struct house_iface *ifaces;
	const struct sim_world *world; /* for its sockets */
	struct made_sockets sockets;
	struct loader *loader;
	struct after_bpf *after;
	struct ring_buffer *events, *passed;
	struct house_order *rules; /* by the kernel's number */
	size_t rule_count;
	struct ifw_count *counts; /* of the rules, before */
	struct ifw_event event_of[HOUSE_BATCH];
	struct after after_of[HOUSE_BATCH];
	unsigned int reports; /* of the kernel's own, since house_furnish() */
	int unlike; /* how many more were seen to pass than was said, when last looked at */
	int event_count, after_count; /* since house_look() */
	int sent;
};

/* What came by until now was nobody's packet. */
int house_forget(struct house *house);
int house_take_event(void *arg, void *data, size_t size);
int house_take_after(void *arg, void *data, size_t size);

#endif /* IFW_TESTS_HOUSE_INTERNAL_H */
