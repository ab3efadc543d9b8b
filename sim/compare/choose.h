/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * choose.h - of sets with costs, those that cover everything at the least cost.
 */
#ifndef IFW_SIM_CHOOSE_H
#define IFW_SIM_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct choice {
	const uint64_t *sets; /* of bits, one behind the other */
	const uint32_t *costs;
	size_t count, words; /* sets; words of each */
};

/*
 * Marks those of the sets that are chosen: together they have every bit that any has, and
 * none of them can be left out. The least cost as long as the search stays small, and
 * little more otherwise. 0 or -ENOMEM.
 */
int choose(const struct choice *choice, bool *chosen);

#endif /* IFW_SIM_CHOOSE_H */
