/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* map_tools.c - map_update and map_delete_elem, the first generation's commands. */
#include <errno.h>

#include "zfw.h"

static int fail(const struct cli *cli, int err, const struct failure *failure, const char *usage)
{
	if (err == -E2BIG)
		fprintf(stderr, "usage: %s %s\n", cli->program, usage);
	else
		complain(cli, "%s", failure->text);
	return 1;
}

int map_update_main(int argc, char **argv)
{
	struct cli cli = {.program = "map_update"};
	struct zfw_request request;
	struct failure failure = {0};
	int err = map_update_parse(argc, argv, &request, &failure);

	if (err)
		return fail(&cli, err, &failure,
			    "IP LEN LOW_PORT HIGH_PORT TPROXY_PORT PROTOCOL (6: TCP, 17: UDP)");
	return zfw_finish(&cli, zfw_insert(&cli, &request));
}

int map_delete_main(int argc, char **argv)
{
	struct cli cli = {.program = "map_delete_elem"};
	struct zfw_request request;
	struct failure failure = {0};
	int err = map_delete_parse(argc, argv, &request, &failure);

	if (err)
		return fail(&cli, err, &failure, "IP LEN LOW_PORT PROTOCOL (6: TCP, 17: UDP)");
	return zfw_finish(&cli, zfw_delete(&cli, &request));
}
