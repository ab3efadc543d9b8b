/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * probe.h - worlds that differ in their rules alone, asked about one packet of a cell: the
 * first of a flow, a TCP SYN or a UDP datagram, whole, from a source port that no
 * conversation of the world has and DHCP does not use.
 */
#ifndef IFW_SIM_PROBE_H
#define IFW_SIM_PROBE_H

#include "cells.h"
#include "sim/flow.h"
#include "sim/sim.h"

#define PROBE_WORLDS 2
#define PROBE_IFACES 64
#define ANSWER_TEXT_MAX 128 /* bytes, with the final NUL */

/*
 * What becomes of a packet, as far as it counts as a change; not which of two rules says
 * so that say the same. Without padding: compared as bytes.
 */
struct answer {
	struct ifw_addr listener; /* an intercept rule's, but where it is for this host itself */
	uint32_t mark;		  /* skb->mark afterwards, 0 before */
	uint16_t listener_port;
	uint8_t family;
	uint8_t verdict;
	uint8_t reason;
	uint8_t action; /* of the rule, enum ifw_action; 0: none decided */
	uint8_t assigned;
	uint8_t reserved[5];
};

/* "drop no-rule", "pass intercepted via 127.0.0.1:43321". */
void answer_text(const struct answer *answer, char text[ANSWER_TEXT_MAX]);

struct witness {
	struct flow flow;
	uint32_t ifindex;
};

struct asked {
	struct answer answer;
	uint32_t rule; /* order number; 0: none decided */
};

/* What the world has just decided. */
struct asked asked_of(const struct sim_world *world, const struct sim_result *result);

struct probe {
	struct sim_world *worlds[PROBE_WORLDS];
	uint32_t ifindex[PROBE_IFACES], slots[PROBE_IFACES]; /* by number */
	size_t iface_count;
	uint64_t apart;		/* interfaces that are alike to no other */
	struct ifw_addr *addrs; /* own ones of the world */
	uint8_t *addr_families;
	size_t addr_count;
	uint16_t src_port;
};

/* The worlds, which stay the caller's, are used until _end. 0 or -ENOMEM. */
int probe_start(struct probe *probe, struct sim_world *const worlds[PROBE_WORLDS]);
void probe_end(struct probe *probe);

/* The space of these rules in these worlds. */
struct cell_space probe_space(const struct probe *probe, const struct cell_rule *rules,
			      size_t count);

/*
 * A packet of the cell; where the cell has such, one whose addresses a packet on a wire
 * can have.
 */
struct witness probe_witness(const struct probe *probe, const struct cell *cell);

/* What the world with this number answers. 0, -ENOMEM, -EPROTO as sim_decide. */
int probe_ask(const struct probe *probe, size_t world, const struct witness *witness,
	      struct asked *asked);

/* --- A world for rules alone --------------------------------------------------------- */

/*
 * Names one interface more, which no rule names and which stands for all such. Its slot;
 * -ENOSPC: all slots are taken.
 */
int probe_name_other(struct iface_names *names);

/*
 * A world that knows no more than these interfaces, without addresses, and a listener for
 * each intercept rule. 0 or -ENOMEM.
 */
int probe_plain_world(const struct rule_set *const *sets, size_t count,
		      const struct iface_names *names, struct sim_world **world);

#endif /* IFW_SIM_PROBE_H */
