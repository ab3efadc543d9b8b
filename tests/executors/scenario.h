/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenario.h - a scenario's files, as fixtures/generate.py writes them: its world
 * with its rules in force, and its packets one by one.
 */
#ifndef IFW_TESTS_SCENARIO_H
#define IFW_TESTS_SCENARIO_H

#include "sim/capture/capture.h"
#include "sim/sim.h"

#define SCENARIO_WHY_MAX 512 /* bytes */

struct scenario {
	struct sim_world *world;
	struct capture *capture;
	char *expect; /* the file; lines are cut off it */
	char *rest;
	char why[SCENARIO_WHY_MAX]; /* after an error */
};

/* 0 or -errno. Close it in either case. */
int scenario_open(const char *folder, struct scenario *scenario);
void scenario_close(struct scenario *scenario);

/* time_ns is what the capture says. 1; 0 behind the last; -errno. */
int scenario_next(struct scenario *scenario, struct sim_frame *frame);

#endif /* IFW_TESTS_SCENARIO_H */
