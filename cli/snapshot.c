/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* snapshot.c - ifw snapshot: this host as a state that ifw-sim answers for elsewhere. */
#include <errno.h>
#include <string.h>

#include "args.h"
#include "live.h"
#include "sim/state/state.h"

int cmd_snapshot(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 0, 0, "");
	auto_loader loader = NULL;
	auto_world world = NULL;
	int status, err;

	if (result)
		return args_status(result);
	status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (!status)
		status = live_world(cli, loader, &world);
	if (status)
		return status;
	err = state_write(world, stdout);
	if (err == -EIO)
		return CLI_DONE; /* cli_finish() says it */
	if (err)
		complain(cli, "cannot write the state: %s",
			 err == -EILSEQ ? "the name of an interface, or a rule's, is not UTF-8"
					: strerror(-err));
	return err ? CLI_REFUSED : CLI_DONE;
}
