/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* shrink.h - an episode that shows a difference, made as small as it still shows one. */
#ifndef IFW_TESTS_SHRINK_H
#define IFW_TESTS_SHRINK_H

#include "check.h"

/* episode and *finding are replaced by smaller ones. 0 or -errno. */
int shrink_episode(struct house *house, struct episode *episode, struct finding *finding,
		   struct failure *failure);

/*
 * Writes it as a scenario (fixtures/generate.py) that expects what the simulator says,
 * in FOLDER/NAME, which must not be there. 0 or -errno.
 */
int write_scenario(const struct episode *episode, const char *folder, const char *name);

#endif /* IFW_TESTS_SHRINK_H */
