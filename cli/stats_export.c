/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats_export.c - see stats_live.h: ifw stats --prometheus. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats_live.h"

#define MODE 0644 /* whoever collects is somebody else */

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

static int write_stream(FILE *out, const struct stats *stats)
{
	int err = stats_print_prometheus(out, stats);

	errno = 0;
	if (!err && (fflush(out) || ferror(out)))
		err = errno ? -errno : -EIO;
	return err;
}

/* The name beside it does not end in .prom, so that no collector takes it. */
static int write_file(const char *path, const struct stats *stats)
{
	auto_text beside = NULL;
	FILE *out;
	int fd, err;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	fd = mkstemp(beside);
	if (fd < 0)
		return -errno;
	out = fdopen(fd, "w");
	if (!out) {
		err = -errno;
		close(fd);
	} else {
		err = fchmod(fd, MODE) ? -errno : write_stream(out, stats);
		errno = 0;
		if (fclose(out) && !err)
			err = errno ? -errno : -EIO;
	}
	if (!err && rename(beside, path))
		err = -errno;
	if (err)
		(void)unlink(beside);
	return err;
}

int stats_export(const struct cli *cli, const char *path)
{
	struct stats stats;
	int status = read_all(cli, &stats), err;

	if (status)
		return status;
	err = path ? write_file(path, &stats) : stats_print_prometheus(stdout, &stats);
	stats_free(&stats);
	return err ? refuse(cli, path ? path : "standard output", err) : CLI_DONE;
}
