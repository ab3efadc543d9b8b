/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* run_trial.h - ifw run --confirm: what the supervisor does goes back unless it is confirmed. */
#ifndef IFW_RUN_TRIAL_H
#define IFW_RUN_TRIAL_H

#include "before.h"
#include "confirm_wait.h"

struct run_trial {
	struct guard guard; /* fd -1: nothing is tried (any more) */
	struct before before;
};

/* Before anything is changed. CLI_DONE once somebody waits; else as confirm_begin(). */
int run_trial_begin(const struct cli *cli, struct run_trial *trial, uint32_t seconds);
/* All is attached and applied: the time runs from now. */
void run_trial_done(struct run_trial *trial, uint32_t seconds);
/*
 * Once who waits has something to say (or, undo: has it undone now). CLI_DONE: it stays, and
 * the trial is over. CLI_UNEXPECTED: all is as it was. CLI_REFUSED: it could not be undone.
 */
int run_trial_end(const struct cli *cli, struct run_trial *trial, bool undo);
/* It failed, which was said: undoes what of it there is. */
void run_trial_abandon(const struct cli *cli, struct run_trial *trial);
void run_trial_free(struct run_trial *trial);

#endif /* IFW_RUN_TRIAL_H */
