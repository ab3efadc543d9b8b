/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tried.h - what a supervisor on trial (`ifw run --confirm`) changes, in files that outlive
 * it, so that whoever undoes it leaves alone what others did meanwhile. Each function
 * complains where it fails.
 */
#ifndef IFW_TRIED_H
#define IFW_TRIED_H

#include "cli.h"

/* Before rules are put in force: what others have done until now. CLI_DONE or CLI_REFUSED. */
int tried_begin(const struct cli *cli, struct loader *loader);
/* Then which, and that they are; where that fails, one begins anew. CLI_DONE or CLI_REFUSED. */
int tried_next(const struct cli *cli, const struct rule_set *all);
int tried_done(const struct cli *cli);
/* Before an interface is attached, changed or taken down. CLI_DONE or CLI_REFUSED. */
int tried_interface(const struct cli *cli, const char *name);
/* An interface that has another name now: if it was noted, under that one, too. */
int tried_renamed(const struct cli *cli, const char *before, const char *name);

/*
 * The rules as they would be without the trial: back, empty until then. *any: it changed
 * rules; else back stays empty. CLI_DONE or CLI_REFUSED.
 */
int tried_back(const struct cli *cli, struct loader *loader, struct rule_set *back, bool *any);
/* Names of the interfaces, a line each behind a line end; NULL: none. CLI_DONE or CLI_REFUSED. */
int tried_interfaces(const struct cli *cli, char **names);
/* Whether one of the names is this. */
bool tried_has(const char *names, const char *name);

/* There is no trial (any more). */
void tried_forget(const struct cli *cli);

#endif /* IFW_TRIED_H */
