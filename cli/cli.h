/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cli.h - what the commands share: who speaks, where the pins are, exit
 * statuses, and the few words that every command needs (complain, open, read).
 */
#ifndef IFW_CLI_H
#define IFW_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "diagnose.h"
#include "loader/loader.h"

enum cli_status {
	CLI_DONE = 0,
	CLI_INPUT = 1,	   /* usage, or what was given is wrong */
	CLI_REFUSED = 2,   /* privilege, kernel, not up, a limit */
	CLI_UNEXPECTED = 3 /* explained, but not as --expect says; something defeats interception */
};

struct cli;

struct cli_command {
	const char *name;				    /* as typed: "rule add" */
	int (*run)(struct cli *cli, int argc, char **argv); /* argv[0]: last word of the name */
	bool json;					    /* takes -j */
};

struct cli {
	const char *program; /* speaks in messages: "ifw", "zfw", ... */
	const struct cli_command *command;
	const char *pin_dir; /* NULL: the namespace's own */
	const char *netns;   /* -n, as it was given; NULL: the caller's own */
	bool json;
	const struct cli_place *place; /* what is wrong is wrong there; NULL: nowhere in a file */
};

/* A word of a file that is being read. */
struct cli_place {
	const struct line *line;
	const char *word;
	size_t len;
};

/* "PROGRAM: ..." and a line end on stderr; of a place in a file, an error there. */
void complain(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same of a failure; CLI_REFUSED. */
int complain_refused(const struct cli *cli, const struct failure *failure);

/* Opens the state; where that fails, says why and returns CLI_REFUSED. limits: NULL for defaults.
 */
int cli_open(const struct cli *cli, enum loader_mode mode, const struct loader_limits *limits,
	     struct loader **loader);

/*
 * As cli_open(), and where the state is of an older version of ifw it is taken over
 * first, which a line on stdout tells; of one that is made here no rule is from a file yet.
 * ifw alone.
 */
int cli_open_any(const struct cli *cli, enum loader_mode mode, const struct loader_limits *limits,
		 struct loader **loader);

/* A destination of diagnostics: stderr, under the name that the user gave. */
struct diagnose_to cli_diagnose_to(const struct cli *cli, const char *file);

/* Reads FILE, or stdin for "-". CLI_DONE, else CLI_INPUT after complaining. Free *text. */
int cli_read(const struct cli *cli, const char *path, char **text, size_t *size);

/*
 * Parses FILE into set, whose names are filled in already, and warns of rules
 * that can never match. CLI_DONE; CLI_INPUT after complaining.
 */
int cli_parse_rules(const struct cli *cli, const char *path, struct rule_set *set);

/*
 * Makes rules that were parsed with names of their own refer to the loader's.
 * They are parsed first, without the lock and without privilege, so that bad
 * input is told from a refusal. CLI_DONE; CLI_REFUSED after complaining.
 */
int cli_bind_set(const struct cli *cli, struct rule_set *set, struct loader *loader);
int cli_bind_rule(const struct cli *cli, struct rule *rule, const struct iface_names *names,
		  struct loader *loader);

/* loader_apply(), with the program for what leaves where rules ask for it, and else not. ifw alone.
 */
int cli_apply(struct loader *loader, const struct rule_set *set, bool *changed,
	      struct failure *failure);

/* The words of a filter, a protocol and a prefix at most. CLI_DONE; CLI_INPUT after complaining. */
struct flow_filter;
int cli_flow_filter(const struct cli *cli, int count, char *const *words,
		    struct flow_filter *filter);

/* The one rule that the words are, with names of its own. CLI_DONE; CLI_INPUT after complaining. */
int cli_parse_rule(const struct cli *cli, char *const *words, int count, struct iface_names *names,
		   struct rule *rule);

/* Writes out what stdout still holds; a full disk is not "done". */
int cli_finish(const struct cli *cli, int status);

/* --- Commands ------------------------------------------------------------ */

int cmd_up(struct cli *cli, int argc, char **argv);
int cmd_confirm(struct cli *cli, int argc, char **argv);
int cmd_down(struct cli *cli, int argc, char **argv);
int cmd_rule_add(struct cli *cli, int argc, char **argv);
int cmd_rule_del(struct cli *cli, int argc, char **argv);
int cmd_rule_list(struct cli *cli, int argc, char **argv);
int cmd_rule_flush(struct cli *cli, int argc, char **argv);
int cmd_apply(struct cli *cli, int argc, char **argv);
int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_iface_show(struct cli *cli, int argc, char **argv);
int cmd_iface_set(struct cli *cli, int argc, char **argv);
int cmd_flow_list(struct cli *cli, int argc, char **argv);
int cmd_flow_flush(struct cli *cli, int argc, char **argv);
int cmd_flow_show(struct cli *cli, int argc, char **argv);
int cmd_flow_set(struct cli *cli, int argc, char **argv);
int cmd_stats(struct cli *cli, int argc, char **argv);
int cmd_doctor(struct cli *cli, int argc, char **argv);
int cmd_explain(struct cli *cli, int argc, char **argv);
int cmd_snapshot(struct cli *cli, int argc, char **argv);
int cmd_monitor(struct cli *cli, int argc, char **argv);
int cmd_upgrade(struct cli *cli, int argc, char **argv);
int cmd_run(struct cli *cli, int argc, char **argv);
int cmd_save(struct cli *cli, int argc, char **argv);
int cmd_complete(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);

/* The front ends under older names; each is a main of its own. */
int zfw_main(int argc, char **argv);
int map_update_main(int argc, char **argv);
int map_delete_main(int argc, char **argv);

/* --- Freeing by scope ---------------------------------------------------- */

static inline void free_loader(struct loader **loader)
{
	if (*loader)
		loader_close(*loader);
}

static inline void free_text(char **text)
{
	free(*text);
}

#define auto_loader __attribute__((cleanup(free_loader))) struct loader *
#define auto_set __attribute__((cleanup(rule_set_clear))) struct rule_set
#define auto_text __attribute__((cleanup(free_text))) char *

#endif /* IFW_CLI_H */
