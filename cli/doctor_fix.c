/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* doctor_fix.c - see doctor_looks.h: ifw doctor --fix. */
#include <string.h>

#include "doctor_looks.h"
#include "iface.h"
#include "ssh.h"

static bool is_it(void *arg, const char *name, uint32_t *set, uint32_t *clear)
{
	*set = *clear = 0; /* settings that it has it keeps */
	return strcmp(arg, name) == 0;
}

/* As `ifw up NAME` does it, whose warnings are worth as much here. */
static int bring_up(const struct cli *cli, char *name)
{
	const struct ssh_attach attach = {
		.names = is_it, .arg = name, .command = "up ", .by_name = true};
	const struct up_options as_it_is = {.track = LOADER_TRACK_DEFAULT};
	struct failure failure = {0};
	struct up_result result;
	auto_loader loader = NULL;
	int status = cli_open(cli, LOADER_WRITE, NULL, &loader);

	if (!status)
		status = ssh_check(cli, loader, &attach);
	if (status)
		return status;
	if (loader_up(loader, name, &as_it_is, &result, &failure))
		return complain_refused(cli, &failure);
	ifaces_warn_unanswered(cli, loader, &name, 1);
	return CLI_DONE;
}

/* The first check that this command mends, of several, does it. */
static bool is_first(const struct doctor *doctor, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (doctor->checks[i].fix == doctor->checks[at].fix &&
		    strcmp(doctor->checks[i].where, doctor->checks[at].where) == 0)
			return false;
	return true;
}

static int fix_one(const struct cli *cli, struct doctor_check *check)
{
	const struct loader_options options = {.pin_dir = cli->pin_dir};
	struct upgrade_result upgraded;
	struct failure failure = {0};
	int err;

	if (check->fix == DOCTOR_UP)
		return bring_up(cli, check->where);
	err = check->fix == DOCTOR_MOUNT ? loader_mount_bpffs(&failure)
					 : loader_upgrade(&options, &upgraded, &failure);
	return err ? complain_refused(cli, &failure) : CLI_DONE;
}

int doctor_fix(const struct cli *cli, const struct doctor *doctor)
{
	int status = CLI_DONE;

	for (size_t i = 0; i < doctor->count; i++) {
		struct doctor_check *check = &doctor->checks[i];
		int one;

		if (check->fix == DOCTOR_OTHERS || !is_first(doctor, i))
			continue;
		one = fix_one(cli, check);
		if (one)
			status = one;
		else /* not among the JSON */
			fprintf(stderr, "mended: %s\n", check->command);
	}
	return status;
}
