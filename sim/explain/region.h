/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region.h - on which fields of a packet its answer depended: the region of
 * packets around it that get the same answer, field by field.
 *
 * Every packet that differs from this one only in the fields listed, and in these
 * stays within what the region says, and is not one of the exceptions, is answered
 * alike: verdict, reason, rule, what was assigned, and mark. And no field can be
 * widened by its next value (an address: by the next shorter prefix, or by a hole in
 * it) without taking a packet in that is answered otherwise.
 *
 * Both are found by asking the decision itself: rules, addresses, sockets, flows
 * and the constants of the protocols say where an answer may change, and between
 * such places one packet stands for all.
 */
#ifndef IFW_SIM_REGION_H
#define IFW_SIM_REGION_H

#include "sim/sim.h"

#define REGION_FIELDS_MAX 10
#define REGION_HOLES_MAX 8	     /* in a prefix; it is no wider where there would be more */
#define REGION_TRIALS_MAX 2000000ULL /* packets that are tried at most: about a second */

enum region_kind {
	REGION_PREFIX, /* addresses of a prefix */
	REGION_RANGE,  /* numbers from low to high */
	REGION_SET,    /* any of some ranges of numbers */
	REGION_FLAGS,  /* TCP flags: combinations of FIN, SYN, RST and ACK; others do not count */
	REGION_INTERFACE, /* the numbers of interfaces */
};

enum region_id {
	/* Those that a conversation is known by, first. */
	REGION_SRC,
	REGION_SRC_PORT,
	REGION_DST,
	REGION_DST_PORT,
	REGION_PROTOCOL,
	REGION_TCP_FLAGS,
	REGION_ICMP_TYPE,
	REGION_ICMP_CODE,
	REGION_HOP_LIMIT,
	REGION_ETHERTYPE,
	REGION_IFINDEX,
};

struct region_range {
	uint32_t low, high; /* both included */
};

/* Both included. */
struct region_hole {
	struct ifw_addr first, last;
};

struct region_field {
	enum region_id id;
	enum region_kind kind;
	bool any;	 /* whatever its value, the answer is the same */
	uint32_t offset; /* in the frame, bytes; INTERFACE: none */
	uint8_t bits;	 /* its size; INTERFACE: 32 */
	uint8_t family;	 /* PREFIX */
	struct ifw_addr addr;
	uint8_t len;
	struct region_hole holes[REGION_HOLES_MAX]; /* PREFIX: addresses of it that do not count */
	size_t hole_count;
	struct region_range *ranges; /* else, ascending; FLAGS: numbers of the flags */
	size_t count;
};

/* A conversation within the region, of a socket or a flow, with another answer. */
struct region_exception {
	struct ifw_addr src, dst;
	uint16_t src_port, dst_port; /* of TCP and UDP */
};

struct region {
	struct region_field fields[REGION_FIELDS_MAX]; /* in the order of their ids */
	size_t count; /* 0: the packet was not understood so far that it has any */
	struct region_exception *exceptions;
	size_t exception_count;
	uint64_t trials;
	bool narrowed; /* it is smaller than it could be, since more would have to be tried */
};

/*
 * 0, -ENOMEM, or -EPROTO as sim_decide. The world stays as it is, but that
 * the times of its flows count from the frame's, where it is the first.
 */
int region_find(struct sim_world *world, const struct sim_frame *frame, struct region *region);
void region_free(struct region *region);

const char *region_name(enum region_id id);

#endif /* IFW_SIM_REGION_H */
