/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * origins.h - where rules in force come from: the administrator's file, which the
 * supervisor puts in force; commands at run time (zfw's too); and what of the latter was
 * saved. What came from the file is recorded as long as the pins last, so that a supervisor
 * that is started again can tell.
 */
#ifndef IFW_ORIGINS_H
#define IFW_ORIGINS_H

#include "cli.h"

/* Whether a supervisor has put rules in force in the state that there is. */
bool origins_recorded(const struct cli *cli);

/*
 * There is a new state, to which a record of another does not apply. Asked where one is
 * made, not where one is removed: pins go in ways that nobody tells of, as with the host.
 * CLI_DONE; CLI_REFUSED after complaining.
 */
int origins_forget(const struct cli *cli);

/* Rules in a file of files_runtime(): whether there is one, its rules (none where there is
 * none) bound to the loader's names, and writing it. CLI_DONE or CLI_REFUSED after complaining. */
bool origins_there(const struct cli *cli, const char *what);
int origins_read(const struct cli *cli, struct loader *loader, const char *what,
		 struct rule_set *set);
int origins_record(const struct cli *cli, const char *what, const char *title,
		   const struct rule_set *set);

/*
 * Puts in force, at once: the administrator's rules (parsed with names of their own, which
 * become the loader's), then those made at run time that are in force, then the saved
 * ones (NULL: none). Of one match the first holds, and what gives way is said. *count:
 * rules in force then. on_trial: what is done is noted for who undoes it (tried.h).
 * CLI_DONE; else after complaining, with everything as it was.
 */
int origins_apply(const struct cli *cli, struct loader *loader, struct rule_set *file,
		  struct rule_set *saved, bool on_trial, size_t *count);

/*
 * The record of what came from the file, to be put back when rules go back to what they
 * were; NULL: there is none. CLI_DONE or CLI_REFUSED after complaining.
 */
int origins_keep(const struct cli *cli, char **record, size_t *size);
int origins_put_back(const struct cli *cli, const char *record, size_t size);

/* Rules in force that did not come from the administrator's file. CLI_DONE or CLI_REFUSED. */
int origins_runtime(const struct cli *cli, struct loader *loader, struct rule_set *set);

/* The set as a file that reads back as it is. 0 or -errno. */
int origins_write(const char *path, const char *title, const struct rule_set *set);

#endif /* IFW_ORIGINS_H */
