/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* run_trial.c - see run_trial.h. */
#include <sys/wait.h>

#include "notify.h"
#include "run_trial.h"
#include "tried.h"

static int take(const struct cli *cli, void *before)
{
	tried_forget(cli); /* of one whose process was killed */
	return before_take(cli, before);
}

static int restore(const struct cli *cli, void *before)
{
	int status = before_restore(cli, before, true);

	tried_forget(cli);
	return status;
}

static void keep(const struct cli *cli, void *before)
{
	(void)before;
	tried_forget(cli);
}

int run_trial_begin(const struct cli *cli, struct run_trial *trial, uint32_t seconds)
{
	const struct trial what = {
		.seconds = seconds,
		.command = "ifw run",
		.supervised = true,
		.begin = take,
		.undo = restore,
		.keep = keep,
		.arg = &trial->before,
	};

	return confirm_begin(cli, &what, &trial->guard);
}

void run_trial_done(struct run_trial *trial, uint32_t seconds)
{
	if (trial->guard.fd < 0)
		return;
	(void)confirm_say(trial->guard.fd, TRIED);
	printf("all of this is undone in %u s, and this ends, unless 'ifw confirm' comes "
	       "(SIGINT undoes it at once)\n",
	       seconds);
}

/* What it says in the end; 0: it is gone. */
static char last_word(struct run_trial *trial)
{
	char word;

	while ((word = confirm_hear(trial->guard.fd)) == HOLD)
		(void)confirm_say(trial->guard.fd, HOLD);
	/* With that it is done, and nobody else waits for its end. */
	if (word)
		(void)waitpid(trial->guard.pid, NULL, 0);
	run_trial_free(trial);
	return word;
}

int run_trial_end(const struct cli *cli, struct run_trial *trial, bool undo)
{
	int status;

	if (undo)
		(void)confirm_say(trial->guard.fd, UNDO);
	status = confirm_tell(cli, last_word(trial));
	if (status)
		notify("STOPPING=1");
	else
		tried_forget(cli); /* what was noted behind keep() */
	return status;
}

void run_trial_abandon(const struct cli *cli, struct run_trial *trial)
{
	if (trial->guard.fd < 0)
		return;
	(void)confirm_say(trial->guard.fd, UNDO);
	if (last_word(trial) != UNDO)
		complain(cli, "what was done could not be undone: see 'ifw iface show'");
}

void run_trial_free(struct run_trial *trial)
{
	if (trial->guard.fd < 0)
		return;
	close(trial->guard.fd);
	trial->guard.fd = -1;
	(void)waitpid(trial->guard.pid, NULL, WNOHANG);
}
