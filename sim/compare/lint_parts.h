/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lint_parts.h - what the files of lint.h share.
 */
#ifndef IFW_SIM_LINT_PARTS_H
#define IFW_SIM_LINT_PARTS_H

#include "lint.h"
#include "overlap.h"

/* Some rules, by order number. */
struct orders {
	bool *has;
	uint32_t *list;
	size_t count;
};

/* A packet, and what became of it with all rules and without the one that is looked at. */
struct sample {
	struct witness witness; /* ifindex 0: none */
	struct asked asked, without;
};

/* What is known of the rule at hand. */
struct look {
	struct lint *lint;
	const struct probe *probe;
	bool has_world;
	const struct rule *rule;
	bool decides; /* some packet */
	bool needed;  /* that would be answered otherwise without it */
	bool grave;   /* another decides, and otherwise */
	uint64_t reasons;
	struct sample shadow, redundant;
	struct orders before;	    /* they decide packets that it matches */
	struct orders instead;	    /* they would decide, alike; 0: none would */
	struct orders contradicted; /* and otherwise */
	size_t own;		    /* number of the finding about own addresses; SIZE_MAX: none */
	struct ifw_addr last_own;   /* address, of that finding */
	bool lacks_listener;
};

/* NULL: no memory. */
struct lint_finding *lint_add(struct lint *lint, enum lint_kind kind, enum severity severity,
			      uint32_t rule);

/* Each cell that the rule matches, of those that it and the rules that meet it tell apart. */
int lint_cells(const struct look *look, const struct rule *rule, const struct rule *const *met,
	       size_t count, cell_fn fn, void *arg);

/* What a packet that the rule decides shows of the world. 0 or -ENOMEM. */
int lint_world(struct look *look, const struct sample *sample);

/* Of each interface's own addresses: does ssh get in? 0, -ENOMEM, -EPROTO. */
int lint_ssh(struct look *look, struct overlap *overlap);

#endif /* IFW_SIM_LINT_PARTS_H */
