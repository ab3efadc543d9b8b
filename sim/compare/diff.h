/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff.h - the packets that two sets of rules answer otherwise, found from the rules
 * alone: every cell that a rule which is not the same in both can reach is asked about,
 * in a world with either set, and what changes alike is put together.
 */
#ifndef IFW_SIM_DIFF_H
#define IFW_SIM_DIFF_H

#include "probe.h"

#define DIFF_CELLS_MAX 20000000ULL /* more are not asked about: half a minute, 1 GB */

/* Packets from one of the prefixes, but for its holes, to another one, and so on. */
struct diff_region {
	size_t change; /* number of what it changes from and to */
	uint8_t family;
	uint8_t protocol; /* with IFW_EGRESS */
	struct prefix_but to, from;
	uint16_t low, high; /* destination ports, both included */
	uint64_t ifaces;    /* by number of the probe */
	struct witness example;
	struct asked asked[PROBE_WORLDS]; /* about the example: before, after */
};

struct diff_change {
	struct answer answers[PROBE_WORLDS]; /* before, after */
	size_t first, count;		     /* of its regions */
};

struct diff {
	struct diff_change *changes; /* those of a verdict first */
	size_t change_count;
	struct diff_region *regions; /* of one change side by side */
	size_t count, room;
	uint64_t cells; /* asked about */
};

/* Called now and then; all is 0 as long as the cells are being counted. */
typedef void (*diff_progress_fn)(void *arg, uint64_t done, uint64_t all);

/*
 * Compares the rules of probe->worlds[0] with those of [1]; both worlds were given
 * names of interfaces that agree. Every packet of a region (see probe.h for which are
 * meant; of those whose addresses no packet on a wire has nothing is said) is answered
 * so before and after; every packet that changes is in a region of its change.
 * 0, -ENOMEM, -E2BIG above DIFF_CELLS_MAX, -EPROTO as sim_decide.
 */
int diff_find(const struct probe *probe, diff_progress_fn progress, void *arg, struct diff *diff);
void diff_free(struct diff *diff);

#endif /* IFW_SIM_DIFF_H */
