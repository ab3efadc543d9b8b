/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * counters.h - packets and bytes of each rule. Counters are numbers that rules
 * carry (datapath/abi.h); a rule keeps its own for as long as it is there. All
 * of this needs the lock, reading excepted, and does nothing where rules are not
 * counted.
 */
#ifndef IFW_LOADER_COUNTERS_H
#define IFW_LOADER_COUNTERS_H

#include "internal.h"

/* --- counters.c: which are taken ------------------------------------------- */

/* What is known of one chunk while counters are given out. */
struct counter_chunk {
	struct counter_slots slots;
	__u64 given[IFW_COUNTER_CHUNK / 64]; /* by this plan; they are to start at 0 */
	bool made;			     /* by this plan, so they do */
	int fd;				     /* of one that was made */
};

struct counter_plan {
	struct counter_chunk *chunks[IFW_COUNTER_CHUNKS]; /* NULL: not looked at, or not there */
};

void counter_plan_free(struct counter_plan *plan);

/*
 * Gives a counter that is at 0 to each rule that has none. Nothing but new
 * chunks is written: counters_settle() does that when the rules are in force, or
 * counters_cancel() takes the chunks away. -ENOSPC: none is left; -ENOMEM.
 */
int counters_plan(struct loader *loader, struct rule_set *set, struct counter_plan *plan,
		  struct failure *failure);
void counters_cancel(struct loader *loader, const struct counter_plan *plan);

/* Those of the set, which is in force, are taken, and no others; chunks that are free go. */
int counters_settle(struct loader *loader, const struct rule_set *set);

/* For one rule, between store_begin() and store_end(). Errors as counters_plan(). */
int counters_take(struct loader *loader, struct rule *rule, struct failure *failure);
int counters_release(struct loader *loader, uint32_t counter);

/* Bytes that counters take on each CPU: 0 or -errno. */
int counters_size(struct loader *loader, uint32_t *size);

/* --- counts.c: what they have counted -------------------------------------- */

/* Makes a chunk, in place of one that a killed command left, and pins it. 0 and *fd, or -errno. */
int chunk_make(struct loader *loader, uint32_t chunk, int *fd);
/* Leads packets to chunks. The kernel waits for readers each time, so all go at once. */
int chunks_lead(struct loader *loader, const uint32_t *chunks, const int *fds, uint32_t count);
void chunk_remove(struct loader *loader, uint32_t chunk);

/* Sets those of which the bit is set to 0, on every CPU. */
int chunk_reset(struct loader *loader, uint32_t chunk, const __u64 which[IFW_COUNTER_CHUNK / 64]);

/* Sums of all CPUs, for each rule of the set in order; *counts is to be freed. No lock needed. */
int counts_read(struct loader *loader, const struct rule_set *set, struct ifw_count **counts);

/*
 * Has counters of rules of the set stand where counts says, in its order; those at 0 are left
 * alone. For counters that no packet knows yet. 0 or -errno.
 */
int counts_write(struct loader *loader, const struct rule_set *set, const struct ifw_count *counts);

#endif /* IFW_LOADER_COUNTERS_H */
