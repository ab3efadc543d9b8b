/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* save.c - ifw save: rules made at run time, for after the next boot. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "config.h"
#include "files.h"
#include "origins.h"
#include "text.h"

/* The configuration says where they go; without one, where it would by default. */
static int choose_file(const struct cli *cli, const char *file, struct config *config)
{
	if (!file && access(CONFIG_FILE, F_OK)) {
		config->saved = CONFIG_SAVED;
		return CLI_DONE;
	}
	return config_read(cli, file ? file : CONFIG_FILE, config);
}

static int save(const struct cli *cli, const char *path)
{
	auto_set set = {0};
	auto_loader loader = NULL;
	/* Under the lock, so that two who save at once do not each have half. */
	int status = cli_open(cli, LOADER_WRITE, NULL, &loader), err;

	if (!status)
		status = origins_runtime(cli, loader, &set);
	if (status)
		return status;
	err = origins_write(
		path, "rules made at run time; written by 'ifw save', which replaces all", &set);
	if (err) {
		complain(cli, "cannot write '%s': %s", path, strerror(-err));
		return CLI_REFUSED;
	}
	printf("%zu rule%s saved in '%s'\n", set.count, text_s(set.count), path);
	return CLI_DONE;
}

int cmd_save(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		ARGS_COMMON,
		{"config", required_argument, NULL, ARGS_COMMAND},
		ARGS_END,
	};
	const char *file = NULL;
	auto_config config = {0};
	int result, status;

	optind = 0;
	while ((result = args_next(cli, argc, argv, options)) == ARGS_COMMAND)
		file = optarg;
	if (result == ARGS_END_OF_OPTIONS)
		result = args_count(cli, argc, argv, 0, 0, "");
	if (result)
		return args_status(result);
	status = choose_file(cli, file, &config);
	return status ? status : save(cli, config.saved);
}
