/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * supervise.h - what `ifw run` keeps as the configuration says: interfaces attached, rules in
 * force, addresses and policy routes right. Each call looks at all there is and amends it;
 * the state is in the kernel, and what is kept here is only not to say things twice.
 */
#ifndef IFW_SUPERVISE_H
#define IFW_SUPERVISE_H

#include "config.h"

#define PROBLEM_MAX 256
#define SUPERVISE_RETRY_MS 1000 /* at the soonest; see supervisor.retry */

/* An interface that was looked at before. */
struct known {
	char name[IFW_NAME_MAX];
	uint32_t ifindex;
	bool attached;		   /* by us: where it is down now, somebody wanted that */
	bool unfiltered;	   /* it could not be attached */
	bool no_room;		   /* for there are as many names as there can be */
	int64_t again_ms;	   /* not tried before (CLOCK_MONOTONIC), as it failed */
	int follow_error;	   /* -errno of following it, said */
	char problem[PROBLEM_MAX]; /* why it is not attached, said */
};

/* Which version of a file was read; all 0: none is there. */
struct stamp {
	uint64_t inode;
	int64_t size, changed_ns;
};

struct supervisor {
	struct cli cli;
	const char *file; /* the configuration */
	struct config config;
	bool ask_ssh;	    /* refuse to attach what would cut the session in use */
	bool on_trial;	    /* what is done is noted, to be undone: tried.h */
	bool rules_wanting; /* the file's rules are not in force */
	bool refused;	    /* the files were no good, said; refused_at: as they were then */
	struct stamp refused_at[2];
	size_t rules; /* in force when they were put there last */
	size_t attached;
	size_t unfiltered;	    /* that are here, and could not be attached */
	bool full;		    /* no name was left for one, in the look that is under way */
	bool retry;		    /* one waits for again_ms: look again, without being told */
	char left_out[PROBLEM_MAX]; /* those without room, said */
	struct known *known;
	size_t known_count;
	struct loader_programs *programs; /* loaded, so that what comes is attached at once */
};

/* What was read and found good, before anything is changed. */
struct intended {
	struct config config;
	struct rule_set rules; /* of the administrator's file */
};
/* CLI_DONE; else after complaining. Of rules that are no good the configuration is kept. */
int intended_read(const struct cli *cli, const char *file, struct intended *intended);
/* The rules that were saved, where there are any to be read; what is wrong is complained of. */
bool intended_saved(const struct cli *cli, const struct intended *intended, struct rule_set *set);
void intended_free(struct intended *intended);
#define auto_intended __attribute__((cleanup(intended_free))) struct intended

/*
 * Puts rules in force and attaches what the configuration names. The first time intended's
 * rules may be missing (rules_wanting). intended's configuration becomes the supervisor's
 * once nothing can fail as a whole; else all stays as it is. CLI_DONE, or after complaining.
 */
int supervise_start(struct supervisor *supervisor, struct intended *intended);

/* Whether there is a state, be it of another version. */
bool supervise_is_up(const struct cli *cli);

/* Something may have happened: amends what is not as it should be. */
void supervise_look(struct supervisor *supervisor);

void supervise_free(struct supervisor *supervisor);

#endif /* IFW_SUPERVISE_H */
