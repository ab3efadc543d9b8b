/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* upgrade.c - ifw upgrade: this version in place of the one in force, under traffic. */
#include <errno.h>
#include <string.h>

#include "args.h"
#include "iface.h"
#include "origins.h"
#include "text.h"

static void tell_taken_over(const struct upgrade_result *result)
{
	printf("took over what ABI %u had pinned: %u interface%s, %u rule%s\n", result->abi,
	       result->interfaces, text_s(result->interfaces), result->rules,
	       text_s(result->rules));
}

int cli_open_any(const struct cli *cli, enum loader_mode mode, const struct loader_limits *limits,
		 struct loader **loader)
{
	struct loader_options options = {.pin_dir = cli->pin_dir};
	struct upgrade_result result = {0};
	struct failure failure = {0};
	int err;

	if (limits)
		options.limits = *limits;
	err = loader_open(loader, mode, &options, &failure);
	if (err == -EPROTO) {
		err = loader_upgrade(&options, &result, &failure);
		if (!err) {
			tell_taken_over(&result);
			err = loader_open(loader, mode, &options, &failure);
		}
	}
	if (err)
		return complain_refused(cli, &failure);
	return loader_made(*loader) ? origins_forget(cli) : CLI_DONE;
}

/* One that is gone, or that somebody took off, is for `ifw up`. */
static int replace_one(const struct cli *cli, struct loader *loader, const struct iface_info *iface)
{
	const struct up_options as_it_is = {0};
	struct up_result result = {0};
	struct failure failure = {0};

	if (!iface->present || !iface->attached) {
		printf("%s: not attached, left as it is\n", iface->name);
		return CLI_DONE;
	}
	if (loader_up(loader, iface->name, &as_it_is, &result, &failure))
		return complain_refused(cli, &failure);
	printf("%s: programs replaced (%s)\n", iface->name, text_hook(result.hook));
	return CLI_DONE;
}

static int replace_programs(const struct cli *cli, struct loader *loader)
{
	auto_ifaces ifaces = {0};
	int status = ifaces_load(cli, loader, NULL, &ifaces);

	for (size_t i = 0; !status && i < ifaces.count; i++)
		status = replace_one(cli, loader, &ifaces.shown[i]);
	return status;
}

int cmd_upgrade(struct cli *cli, int argc, char **argv)
{
	const struct loader_options options = {.pin_dir = cli->pin_dir};
	int result = args_operands(cli, argc, argv, 0, 0, ""), err;
	struct upgrade_result done = {0};
	struct failure failure = {0};
	auto_loader loader = NULL;

	if (result)
		return args_status(result);
	err = loader_upgrade(&options, &done, &failure);
	if (err == -ENOENT) {
		puts("nothing is up");
		return CLI_DONE;
	}
	if (err)
		return complain_refused(cli, &failure);
	if (done.taken) {
		tell_taken_over(&done);
		return CLI_DONE;
	}
	result = cli_open(cli, LOADER_WRITE, NULL, &loader);
	return result ? result : replace_programs(cli, loader);
}
