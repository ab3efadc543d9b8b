/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * main.c - which command of ifw is meant: OBJECT COMMAND, with global options
 * before.
 */
#include <string.h>

#include "args.h"
#include "help.h"
#include "nearest.h"
#include "netns.h"

static const struct cli_command commands[] = {
	{"up", cmd_up, false},
	{"confirm", cmd_confirm, false},
	{"down", cmd_down, false},
	{"rule add", cmd_rule_add, false},
	{"rule del", cmd_rule_del, false},
	{"rule list", cmd_rule_list, true},
	{"rule flush", cmd_rule_flush, false},
	{"apply", cmd_apply, false},
	{"check", cmd_check, false},
	{"iface show", cmd_iface_show, true},
	{"iface set", cmd_iface_set, false},
	{"flow list", cmd_flow_list, true},
	{"flow flush", cmd_flow_flush, true},
	{"flow show", cmd_flow_show, true},
	{"flow set", cmd_flow_set, false},
	{"stats", cmd_stats, true},
	{"monitor", cmd_monitor, true},
	{"doctor", cmd_doctor, true},
	{"explain", cmd_explain, true},
	{"snapshot", cmd_snapshot, true},
	{"upgrade", cmd_upgrade, false},
	{"run", cmd_run, false},
	{"save", cmd_save, false},
	{"complete", cmd_complete, false},
	{"help", cmd_help, false},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* The part of a command's name behind OBJECT and a blank; NULL: another object. */
static const char *command_of(const struct cli_command *command, const char *object)
{
	size_t len = strlen(object);

	if (len == 0 || strncmp(command->name, object, len) != 0)
		return NULL;
	if (command->name[len] == ' ')
		return command->name + len + 1;
	return command->name[len] ? NULL : command->name + len;
}

/* Says which commands the object has. */
static void complain_command(const struct cli *cli, const char *object, const char *word)
{
	const char *separator = "";

	if (word)
		fprintf(stderr, "%s: unknown command '%s' for '%s': it has ", cli->program, word,
			object);
	else
		fprintf(stderr, "%s: '%s' needs a command: ", cli->program, object);
	for (size_t i = 0; i < COMMANDS; i++) {
		const char *name = command_of(&commands[i], object);

		if (!name)
			continue;
		fprintf(stderr, "%s%s", separator, name);
		separator = ", ";
	}
	fprintf(stderr, " (see 'ifw help %s')\n", object);
}

static void complain_object(const struct cli *cli, const char *word)
{
	struct nearest nearest = {.typed = word};
	char meant[NEAREST_TEXT_MAX];

	for (size_t i = 0; help_topic_at(i); i++)
		nearest_try(&nearest, help_topic_at(i));
	complain(cli, "unknown object '%s'%s (see 'ifw help')", word,
		 nearest_text(&nearest, "", meant));
}

/* The command that words begin with; *used: how many words its name is, less one. */
static const struct cli_command *find_command(const struct cli *cli, int count, char **words,
					      int *used)
{
	bool known = false;

	for (size_t i = 0; i < COMMANDS; i++) {
		const char *name = command_of(&commands[i], words[0]);

		if (!name)
			continue;
		known = true;
		*used = *name ? 1 : 0;
		if (!*name || (count > 1 && strcmp(name, words[1]) == 0))
			return &commands[i];
	}
	if (known)
		complain_command(cli, words[0], count > 1 ? words[1] : NULL);
	else
		complain_object(cli, words[0]);
	return NULL;
}

static int run(struct cli *cli, int count, char **words)
{
	int used;

	/* Options between the two words of a name. */
	while (count > 1 && *words[1] == '-') {
		if (strcmp(words[1], "--help") == 0 && help_print(stdout, words[0]))
			return CLI_DONE;
		if (strcmp(words[1], "-j") != 0 && strcmp(words[1], "--json") != 0)
			break;
		cli->json = true;
		words[1] = words[0];
		words++;
		count--;
	}
	cli->command = find_command(cli, count, words, &used);
	if (!cli->command)
		return CLI_INPUT;
	if (cli->json && !cli->command->json) {
		complain(cli, "'ifw %s' has no JSON output", cli->command->name);
		return CLI_INPUT;
	}
	return cli->command->run(cli, count - used, words + used);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		ARGS_COMMON,
		{"netns", required_argument, NULL, 'n'},
		{"version", no_argument, NULL, 'V'},
		ARGS_END,
	};
	struct cli cli = {.program = "ifw"};
	int got, status = CLI_DONE;

	opterr = 0;
	/* +: options behind the object are the command's. */
	while ((got = getopt_long(argc, argv, "+:jn:Vh", options, NULL)) != -1) {
		switch (got) {
		case 'j':
			cli.json = true;
			break;
		case ARGS_PIN_DIR:
			cli.pin_dir = optarg;
			break;
		case 'n':
			cli.netns = optarg;
			break;
		case 'V':
			puts("ifw " IFW_VERSION);
			return cli_finish(&cli, CLI_DONE);
		case 'h':
		case ARGS_HELP:
			help_print(stdout, NULL);
			return cli_finish(&cli, CLI_DONE);
		case ':':
			complain(&cli, "option '%s' needs a value (see 'ifw help')",
				 argv[optind - 1]);
			return CLI_INPUT;
		default:
			if (optopt && strncmp(argv[optind - 1], "--", 2) != 0)
				complain(&cli, "unknown option '-%c' (see 'ifw help')", optopt);
			else
				complain(&cli, "unknown option '%s' (see 'ifw help')",
					 argv[optind - 1]);
			return CLI_INPUT;
		}
	}
	if (optind >= argc) {
		help_print(stderr, NULL);
		return CLI_INPUT;
	}
	if (cli.netns)
		status = netns_enter(&cli, cli.netns);
	return status ? status : cli_finish(&cli, run(&cli, argc - optind, argv + optind));
}
