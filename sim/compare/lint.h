/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lint.h - what is wrong with a set of rules, or hardly meant: found by asking the
 * decision about one packet of each cell (cells.h) that a rule matches, with the rule and
 * without it. Every finding has a packet that shows it.
 */
#ifndef IFW_SIM_LINT_H
#define IFW_SIM_LINT_H

#include "probe.h"

enum lint_kind {
	/* The rule decides no packet: */
	LINT_SHADOWED, /* of all that it matches others decide */
	/* or something that comes before any rule; or it holds on no interface that is here */
	LINT_UNREACHED,
	/* It decides, but without it all its packets would be answered alike. */
	LINT_REDUNDANT,
	/*
	 * Of packets that both match it decides, and without it the other would, and
	 * otherwise; and neither matches all that the other does.
	 */
	LINT_CONTRADICTION,
	/* In the world: */
	LINT_NO_LISTENER, /* nobody listens where it sends packets that it decides */
	LINT_OWN_ADDRESS, /* it decides packets to this host's own address */
	LINT_SSH,	  /* nobody gets in by ssh by an interface, to its own address */
	LINT_KINDS,
};

/* "shadowed", "no-listener": stable. */
const char *lint_kind_name(enum lint_kind kind);

struct lint_finding {
	enum lint_kind kind;
	enum severity severity;
	uint32_t rule;	  /* order number; 0: it is about no rule */
	uint32_t *others; /* those that shadow it, decide instead, or that it contradicts */
	size_t other_count;
	uint64_t reasons; /* SHADOWED, UNREACHED: bits, what came before any rule */
	/* UNREACHED: the witness comes by an interface that the rule does not hold on: the world
	 * has none that it names, or (it names none) only some that hold just rules naming them */
	bool elsewhere;
	struct witness witness;
	struct asked asked;	/* about it */
	struct asked without;	/* REDUNDANT, CONTRADICTION: if the rule were not there */
	struct ifw_addr addr;	/* OWN_ADDRESS, SSH: the address */
	uint32_t owner_ifindex; /* whose it is, where that is not the witness's interface */
	size_t addr_count;	/* OWN_ADDRESS: how many there are, this one included */
};

struct lint {
	struct lint_finding *findings; /* by rule, then by kind */
	size_t count, room;
	uint64_t cells; /* asked about */
};

/* Called for each rule, before it is looked at; number from 0. */
typedef void (*lint_progress_fn)(void *arg, size_t number, size_t count);

/*
 * The rules of worlds[0]; worlds[1] is a world like it, whose rules change. has_world: what the
 * world lacks is of interest. 0, -ENOMEM, -E2BIG above LINT_CELLS_MAX, -EPROTO as sim_decide,
 * -ENODEV where the world has no interface, and so no packet.
 */
#define LINT_CELLS_MAX 50000000ULL
int lint_find(struct sim_world *const worlds[PROBE_WORLDS], bool has_world,
	      lint_progress_fn progress, void *arg, struct lint *lint);
void lint_free(struct lint *lint);

#endif /* IFW_SIM_LINT_H */
