/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* before.h - what there was before a change of interfaces and rules, to go back to. */
#ifndef IFW_BEFORE_H
#define IFW_BEFORE_H

#include "cli.h"

struct before {
	bool nothing; /* neither interfaces nor rules: the change made the state */
	struct iface_info *ifaces;
	size_t iface_count;
	struct rule_set rules;
	char *origins; /* which rules came from the supervisor's file; NULL: none is recorded */
	size_t origins_size;
};

/* What was recorded of an interface; NULL: it was not up. */
const struct iface_info *before_iface(const struct before *before, const char *name);

/* Has one interface as it was: up with its settings, or down. 0 or -errno. */
int before_restore_iface(struct loader *loader, const struct before *before,
			 const struct iface_info *now, const char *name, struct failure *failure);

/*
 * Puts rules back that were in force once; aged: another loader has read them, and what
 * counted for them may count for others by now. CLI_DONE; CLI_REFUSED after complaining.
 */
int before_put_rules(const struct cli *cli, struct loader *loader, struct rule_set *rules,
		     bool aged);

/* All there is, origins of rules included. CLI_DONE; CLI_REFUSED after complaining. */
int before_take(const struct cli *cli, struct before *before);
/*
 * Goes back to that, whatever has changed since; on_trial: but what others than the
 * supervisor have changed stays (tried.h). CLI_DONE; CLI_REFUSED after complaining.
 */
int before_restore(const struct cli *cli, struct before *before, bool on_trial);
void before_free(struct before *before);

#define auto_before __attribute__((cleanup(before_free))) struct before

#endif /* IFW_BEFORE_H */
