/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_text.h - regions and packets in words, as far as can be those of the rules' grammar.
 */
#ifndef IFW_SIM_DIFF_TEXT_H
#define IFW_SIM_DIFF_TEXT_H

#include "diff.h"

/*
 * Strings are the caller's to free; NULL: no memory. other: number of
 * the interface that no rule names, or -1.
 */

/* "10.0.0.0/8 but 10.1.0.0/16, 10.2.2.2" */
char *prefix_but_text(const struct prefix_but *prefix, uint8_t family);

/* "egress tcp to 10.0.0.0/8 but 10.1.0.0/16 port 80-443 from 10.9.0.0/16 on eth0" */
char *diff_region_text(const struct probe *probe, const struct diff_region *region, int other);

/* "tcp 192.0.2.1:40000 10.0.0.1:80, in by eth0", as explain takes it. */
char *witness_text(const struct probe *probe, const struct witness *witness, int other);

#endif /* IFW_SIM_DIFF_TEXT_H */
