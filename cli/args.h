/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * args.h - options of a command: getopt_long with the options that every
 * command has (-j, --pin-dir, --help) and with one wording of what is wrong.
 */
#ifndef IFW_ARGS_H
#define IFW_ARGS_H

#include <getopt.h>

#include "cli.h"

enum {
	ARGS_PIN_DIR = 256, /* above every character */
	ARGS_HELP,
	ARGS_COMMAND, /* first value free for a command's own long options */
};

#define ARGS_COMMON                                                                                \
	{"json", no_argument, NULL, 'j'}, {"pin-dir", required_argument, NULL, ARGS_PIN_DIR},      \
	{                                                                                          \
		"help", no_argument, NULL, ARGS_HELP                                               \
	}
#define ARGS_END                                                                                   \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}

enum args_result {
	ARGS_END_OF_OPTIONS = -1, /* argv[optind] is the first operand */
	ARGS_BAD = -2,		  /* said so; the command ends with CLI_INPUT */
	ARGS_HELPED = -3,	  /* help was printed; the command ends with CLI_DONE */
};

/* Next option of the command itself, or an enum args_result. Set optind to 0 before the first. */
int args_next(struct cli *cli, int argc, char **argv, const struct option *options);

/* Options of a command whose own one is --NAME, without a value. 0, or ARGS_BAD, ARGS_HELPED. */
int args_flag(struct cli *cli, int argc, char **argv, const char *name, bool *given);

/* Sees that min operands (what) at least are behind the options, and max at most. 0, ARGS_BAD. */
int args_count(struct cli *cli, int argc, char **argv, int min, int max, const char *what);

/* Both of a command that has no options of its own. 0, or ARGS_BAD, ARGS_HELPED. */
int args_operands(struct cli *cli, int argc, char **argv, int min, int max, const char *what);

/* The status that a command ends with where reading its options stopped it. */
int args_status(int result);

#endif /* IFW_ARGS_H */
