/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cells.h - the packets that rules can tell apart, in cells: within one, each rule
 * matches all packets or none. Which of those that match decides is not said here: that
 * is asked (compare.h), of one packet a cell.
 */
#ifndef IFW_SIM_CELLS_H
#define IFW_SIM_CELLS_H

#include "ruleset/rule.h"
#include "spans.h"

/* What else divides packets, besides rules: of a world. */
struct cell_cuts {
	const struct ifw_addr *addrs; /* destinations that stand for themselves */
	const uint8_t *addr_families;
	size_t addr_count;
	const uint16_t *ports; /* likewise */
	size_t port_count;
};

struct cell_rule {
	const struct rule *rule;
	bool wanted; /* cells that it matches are looked for */
};

struct cell_space {
	const struct cell_rule *rules;
	size_t count;
	struct cell_cuts cuts;
	/* Interfaces by number: their slots as rules are asked for them, and which may be told
	 * apart by more than rules. */
	const uint32_t *slots;
	size_t iface_count; /* at most 64 */
	uint64_t apart;
};

struct cell {
	uint8_t family;
	uint8_t protocol;	       /* IPPROTO_TCP or IPPROTO_UDP; with IFW_EGRESS */
	const struct spans *dst, *src; /* good during the call */
	uint64_t dst_number,
		src_number; /* which sets these are; one source set has one destination */
	uint16_t low, high; /* destination ports, both included */
	uint64_t ifaces;    /* by number; each alike */
};

/* Not 0 ends the search, which returns it. */
typedef int (*cell_fn)(void *arg, const struct cell *cell);

/*
 * Each cell that a wanted rule matches, once: by family and protocol, destination, source,
 * port, interfaces. 0, -ENOMEM, or what fn returned.
 */
int cells_each(const struct cell_space *space, cell_fn fn, void *arg);

#endif /* IFW_SIM_CELLS_H */
