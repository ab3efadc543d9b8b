/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd.h - what the commands of ifw-sim share.
 */
#ifndef IFW_SIM_CMD_H
#define IFW_SIM_CMD_H

#include <stdio.h>

#include "cmd_words.h"
#include "sim/sim.h"

#define PROGRAM "ifw-sim"

enum exit_status {
	STATUS_DONE = 0,
	STATUS_BAD_INPUT = 1,  /* usage, or a file that is not what it should be */
	STATUS_REFUSED = 2,    /* the system refused */
	STATUS_UNEXPECTED = 3, /* decided, but not as --expect says */
};

/* Command lines of both commands; what a command does not have stays NULL. */
struct options {
	const char *rules;
	const char *rules_after; /* of diff: the second of two */
	const char *world;
	const char *state; /* instead of both */
	const char *in;
	const char *out;    /* instead of in: packets leave by it */
	const char *expect; /* of explain a reason, of run a file of answers */
	const char *write;  /* captures to write: of run what passed, what was dropped */
	const char *write_dropped;
	const char *write_world; /* of generate: the world that it made up */
	bool json;
	bool summary; /* of run: no line a packet */
	char **args;  /* what is left */
	int count;
};

/* Each prints what is wrong and returns an enum exit_status. */
int cmd_run(const struct options *options);
int cmd_explain(const struct options *options);
int cmd_generate(const struct options *options);
int cmd_diff(const struct options *options);
int cmd_diff_capture(const struct options *options);
int cmd_lint(const struct options *options);

/* STATUS_BAD_INPUT, after saying so, where a file to be written is read, too, or written twice. */
int cmd_check_outputs(const struct options *options);

/* "ifw-sim: ..." on stderr; returns status. */
int cmd_fail(enum exit_status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The world with its rules and the interface that --in or --out means. */
int cmd_load(const struct options *options, struct sim_world **world, uint32_t *ifindex);

/*
 * The same with a world made up of what the rules name, where options have none; *made_up is
 * its text then, to be freed.
 */
int cmd_load_or_make(const struct options *options, struct sim_world **world, char **made_up);

/*
 * Both print what is wrong. The text is to be freed. The world, which was empty, is that of
 * --world, or of --state with its rules.
 */
int cmd_read(const char *path, char **text, size_t *size);
int cmd_load_host(struct sim_world *world, const struct options *options);

/* Says that the host has none; the status. */
int cmd_no_interface(const struct options *options);

/* The one that --in or --out names, else the world's first. Prints what is wrong. */
int cmd_find_interface(const struct sim_world *world, const struct options *options,
		       uint32_t *ifindex);

/* "-" is stdin. NULL after printing; *status then says what to exit with. */
FILE *cmd_open(const char *path, int *status);

struct replay_packet;

/*
 * Packets of a capture that are not decided: of each kind the first is named, and all are
 * counted. _end says how many, and returns STATUS_BAD_INPUT where some were cut, or none was
 * decided although there were some.
 */
struct undecided {
	uint64_t cut;	    /* captured in part only */
	uint64_t elsewhere; /* of an interface that the world lacks */
};
void cmd_undecided(struct undecided *undecided, const struct replay_packet *packet);
int cmd_undecided_end(const struct undecided *undecided, uint64_t decided, const char *path);

/* Whether all of stdout was written; otherwise STATUS_REFUSED after saying so. */
int cmd_finish(int status);

#endif /* IFW_SIM_CMD_H */
