/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_outputs.c - files that a command is to write are none that it reads, and none twice:
 * they would be emptied before they are read.
 */
#include <string.h>

#include <sys/stat.h>

#include "cmd.h"

/* By another name, too; never of devices, as /dev/null. */
static bool is_same_file(const char *one, const char *other)
{
	struct stat a, b;

	if (stat(one, &a) != 0 || stat(other, &b) != 0)
		return strcmp(one, other) == 0;
	return S_ISREG(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int check_against(const char *written, const char *read)
{
	if (!read || !is_same_file(written, read))
		return STATUS_DONE;
	return cmd_fail(STATUS_BAD_INPUT, "'%s' is read, so it cannot be written", written);
}

int cmd_check_outputs(const struct options *options)
{
	const char *const outputs[] = {options->write, options->write_dropped,
				       options->write_world};
	const char *const inputs[] = {options->rules, options->rules_after, options->world,
				      options->state, options->expect};
	int status = STATUS_DONE;

	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]) && !status; i++) {
		if (!outputs[i])
			continue;
		if (strcmp(outputs[i], "-") == 0)
			return cmd_fail(STATUS_BAD_INPUT,
					"--write and its like want a file, not standard output");
		for (size_t n = 0; n < i; n++)
			if (outputs[n] && is_same_file(outputs[n], outputs[i]))
				return cmd_fail(STATUS_BAD_INPUT, "'%s' is to be written twice",
						outputs[i]);
		for (size_t n = 0; n < sizeof(inputs) / sizeof(inputs[0]) && !status; n++)
			status = check_against(outputs[i], inputs[n]);
		for (int n = 0; n < options->count && !status; n++)
			status = check_against(outputs[i], options->args[n]);
	}
	return status;
}
