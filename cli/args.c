/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * args.c - see args.h. getopt's own messages are off: they would name the
 * program by its path and could not point to the page of help that fits.
 */
#include <string.h>

#include "args.h"
#include "help.h"
#include "nearest.h"

static const char *option_meant(const char *word, const struct option *options, char *text)
{
	struct nearest nearest = {.typed = word + 2};

	*text = '\0';
	if (strncmp(word, "--", 2) != 0)
		return text;
	for (const struct option *one = options; one->name; one++)
		nearest_try(&nearest, one->name);
	return nearest_text(&nearest, "--", text);
}

static void complain_option(struct cli *cli, int got, char **argv, const struct option *options)
{
	char meant[NEAREST_TEXT_MAX];
	const char *name = cli->command->name;
	const char *word = argv[optind - 1];

	if (got == ':')
		complain(cli, "option '%s' needs a value (see 'ifw help %s')", word,
			 help_topic(name));
	else if (strncmp(word, "--", 2) == 0 && optopt)
		complain(cli, "option '%s' takes no value (see 'ifw help %s')", word,
			 help_topic(name));
	else if (optopt)
		complain(cli, "unknown option '-%c' for 'ifw %s' (see 'ifw help %s')", optopt, name,
			 help_topic(name));
	else
		complain(cli, "unknown option '%s' for 'ifw %s'%s (see 'ifw help %s')", word, name,
			 option_meant(word, options, meant), help_topic(name));
}

int args_next(struct cli *cli, int argc, char **argv, const struct option *options)
{
	opterr = 0;
	for (;;) {
		int got = getopt_long(argc, argv, ":j", options, NULL);

		switch (got) {
		case -1:
			return ARGS_END_OF_OPTIONS;
		case 'j':
			if (!cli->command->json) {
				complain(cli, "'ifw %s' has no JSON output", cli->command->name);
				return ARGS_BAD;
			}
			cli->json = true;
			break;
		case ARGS_PIN_DIR:
			cli->pin_dir = optarg;
			break;
		case ARGS_HELP:
			help_print(stdout, help_topic(cli->command->name));
			return ARGS_HELPED;
		case '?':
		case ':':
			complain_option(cli, got, argv, options);
			return ARGS_BAD;
		default:
			return got;
		}
	}
}

int args_flag(struct cli *cli, int argc, char **argv, const char *name, bool *given)
{
	const struct option options[] = {
		ARGS_COMMON,
		{name, no_argument, NULL, ARGS_COMMAND},
		ARGS_END,
	};
	int got;

	*given = false;
	optind = 0;
	while ((got = args_next(cli, argc, argv, options)) == ARGS_COMMAND)
		*given = true;
	return got == ARGS_END_OF_OPTIONS ? 0 : got;
}

int args_count(struct cli *cli, int argc, char **argv, int min, int max, const char *what)
{
	if (argc - optind > max) {
		complain(cli, "unexpected '%s' after 'ifw %s' (see 'ifw help %s')",
			 argv[optind + max], cli->command->name, help_topic(cli->command->name));
		return ARGS_BAD;
	}
	if (argc - optind < min) {
		complain(cli, "'ifw %s' needs %s (see 'ifw help %s')", cli->command->name, what,
			 help_topic(cli->command->name));
		return ARGS_BAD;
	}
	return 0;
}

int args_operands(struct cli *cli, int argc, char **argv, int min, int max, const char *what)
{
	static const struct option options[] = {ARGS_COMMON, ARGS_END};
	int got;

	optind = 0;
	got = args_next(cli, argc, argv, options);
	return got == ARGS_END_OF_OPTIONS ? args_count(cli, argc, argv, min, max, what) : got;
}

int args_status(int result)
{
	return result == ARGS_HELPED ? CLI_DONE : CLI_INPUT;
}
