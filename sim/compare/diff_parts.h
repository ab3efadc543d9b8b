/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_parts.h - what the files of diff.h share.
 */
#ifndef IFW_SIM_DIFF_PARTS_H
#define IFW_SIM_DIFF_PARTS_H

#include "cover.h"
#include "diff.h"

#define COMPARE(a, b)                                                                              \
	do {                                                                                       \
		if ((a) != (b))                                                                    \
			return (a) < (b) ? -1 : 1;                                                 \
	} while (0)

/* What is the same of all packets of a region. No padding: compared as bytes. */
struct diff_label {
	struct answer answers[PROBE_WORLDS];
	uint32_t family;
	uint32_t protocol;
};

/*
 * The rules of both sets, those that are equal in both once; wanted are those that are
 * not, and those that stand in another order. *rules is to be freed. 0 or -ENOMEM.
 */
int diff_rules(const struct rule_set *before, const struct rule_set *after,
	       struct cell_rule **rules, size_t *count);

/*
 * The box as a region. 0, -ENOMEM, -EPROTO where an example is answered otherwise.
 */
int diff_add_region(const struct probe *probe, const struct diff_label *label,
		    const struct simple_box *box, struct diff *diff);

/* Puts the regions in order and finds the changes. 0 or -ENOMEM. */
int diff_group(struct diff *diff);

#endif /* IFW_SIM_DIFF_PARTS_H */
