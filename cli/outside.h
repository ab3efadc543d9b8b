/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * outside.h - what would defeat a decision outside the program: who sees the packet before,
 * and what the kernel does with it behind.
 */
#ifndef IFW_OUTSIDE_H
#define IFW_OUTSIDE_H

#include "cli.h"
#include "sim/explain.h"

#define FINDINGS_MAX 16
#define FINDING_MAX 512 /* bytes, with the final NUL */

struct finding {
	const char *what; /* a stable word for programs, see outside.c */
	char text[FINDING_MAX];
};

struct findings {
	struct finding list[FINDINGS_MAX];
	size_t count;
};

/* Of the packet that was explained, at the interface. CLI_DONE; CLI_REFUSED after complaining. */
int outside_find(const struct cli *cli, struct loader *loader, const struct iface_info *iface,
		 const struct sim_world *world, enum ifw_direction direction,
		 const struct explanation *explanation, struct findings *findings);

#endif /* IFW_OUTSIDE_H */
