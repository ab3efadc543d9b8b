/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats_export.c - see stats_live.h: ifw stats --prometheus. */
#include <errno.h>
#include <string.h>

#include "files.h"
#include "stats_live.h"

static int refuse(const struct cli *cli, const char *path, int err)
{
	complain(cli, "cannot write '%s': %s", path, strerror(-err));
	return CLI_REFUSED;
}

/* What is there: all of it, or that ifw is not up. */
static int read_all(const struct cli *cli, struct stats *stats)
{
	struct loader_options options = {.pin_dir = cli->pin_dir};
	struct failure failure = {0};
	auto_loader loader = NULL;
	int err = loader_open(&loader, LOADER_READ, &options, &failure);

	*stats = (struct stats){0};
	if (err == -ENOENT)
		return CLI_DONE;
	if (!err)
		return stats_read(cli, loader, stats);
	complain(cli, "%s", failure.text);
	return CLI_REFUSED;
}

static int publish(const char *path, const struct stats *stats)
{
	auto_text text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int err;

	if (!out)
		return -errno;
	err = stats_print_prometheus(out, stats);
	if (fclose(out) && !err)
		err = -ENOMEM;
	return err ? err : files_publish(path, text, size);
}

int stats_export(const struct cli *cli, const char *path)
{
	struct stats stats;
	int status = read_all(cli, &stats), err;

	if (status)
		return status;
	err = path ? publish(path, &stats) : stats_print_prometheus(stdout, &stats);
	stats_free(&stats);
	return err ? refuse(cli, path ? path : "standard output", err) : CLI_DONE;
}
