/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* down.c - ifw down: off some interfaces, or off this host altogether. */
#include <errno.h>
#include <string.h>

#include "args.h"
#include "iface.h"
#include "text.h"

static int down_all(struct cli *cli)
{
	struct loader_options options = {.pin_dir = cli->pin_dir};
	struct failure failure = {0};
	unsigned int interfaces = 0;
	auto_loader loader = NULL;
	int err = loader_open(&loader, LOADER_WRITE, &options, &failure);

	/* Only what is ours can be taken away whole. */
	if (err == -EPROTO && cli_open_any(cli, LOADER_WRITE, NULL, &loader))
		return CLI_REFUSED;
	if (err == -EPROTO)
		err = 0;

	/* What was asked for is so already. */
	if (err == -ENOENT) {
		puts("nothing was up");
		return CLI_DONE;
	}
	if (!err)
		err = loader_down_all(loader, &interfaces, &failure);
	if (err) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	printf("%u interface%s down, rules and pins removed\n", interfaces, text_s(interfaces));
	return CLI_DONE;
}

/* One wrong name, and none is taken down: each is looked for first. */
static int check_names(const struct cli *cli, struct loader *loader, char *const *names, int count)
{
	int status = CLI_DONE;

	for (int i = 0; i < count && !status; i++) {
		auto_ifaces ifaces = {0};

		for (int j = 0; j < i && !status; j++) {
			if (strcmp(names[i], names[j]) == 0) {
				complain(cli, "'%s' is given twice", names[i]);
				return CLI_INPUT;
			}
		}
		status = ifaces_load(cli, loader, names[i], &ifaces);
	}
	return status;
}

static int down_some(struct cli *cli, char *const *names, int count)
{
	auto_loader loader = NULL;
	int status = cli_open(cli, LOADER_WRITE, NULL, &loader);

	if (!status)
		status = check_names(cli, loader, names, count);
	if (status)
		return status;
	for (int i = 0; i < count; i++) {
		struct failure failure = {0};

		if (loader_down(loader, names[i], &failure)) {
			/* The others are still to go: less is left half done. */
			complain(cli, "%s", failure.text);
			status = CLI_REFUSED;
		} else {
			printf("%s: down\n", names[i]);
		}
	}
	return status;
}

int cmd_down(struct cli *cli, int argc, char **argv)
{
	bool all;
	int result = args_flag(cli, argc, argv, "all", &all);

	if (result)
		return args_status(result);
	if (all == (optind < argc)) {
		complain(cli, "'ifw down' needs either interfaces or --all (see 'ifw help down')");
		return CLI_INPUT;
	}
	return all ? down_all(cli) : down_some(cli, argv + optind, argc - optind);
}
