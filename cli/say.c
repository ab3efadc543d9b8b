/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * say.c - complaining, opening, reading: the steps that every command starts
 * with, so that they fail in the same words everywhere.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "bind.h"
#include "cli.h"
#include "ruleset/line.h"

#define MESSAGE_MAX 384
#define READ_MAX ((size_t)1 << 30) /* bytes; a rule file is far below */

void complain(const struct cli *cli, const char *format, ...)
{
	va_list args;

	if (cli->place) {
		char message[MESSAGE_MAX];

		va_start(args, format);
		vsnprintf(message, sizeof(message), format, args);
		va_end(args);
		line_say(cli->place->line, SEVERITY_ERROR,
			 (struct span){cli->place->word, cli->place->len}, "%s", message);
		return;
	}
	/* What came before is to be read before, also where both go to one file. */
	fflush(stdout);
	fprintf(stderr, "%s: ", cli->program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int complain_refused(const struct cli *cli, const struct failure *failure)
{
	complain(cli, "%s", failure->text);
	return CLI_REFUSED;
}

int cli_open(const struct cli *cli, enum loader_mode mode, const struct loader_limits *limits,
	     struct loader **loader)
{
	struct loader_options options = {.pin_dir = cli->pin_dir};
	struct failure failure = {0};
	int err;

	if (limits)
		options.limits = *limits;
	err = loader_open(loader, mode, &options, &failure);
	if (!err)
		return CLI_DONE;
	complain(cli, "%s", failure.text);
	return CLI_REFUSED;
}

struct diagnose_to cli_diagnose_to(const struct cli *cli, const char *file)
{
	struct diagnose_to to = {.stream = stderr, .program = cli->program, .file = file};

	return to;
}

/* Everything until the end of file, in a buffer that grows. 0 or -errno. */
static int read_all(FILE *in, char **text, size_t *size)
{
	auto_text buffer = NULL;
	size_t used = 0, room = 0;

	do {
		char *larger;

		if (room == used) {
			room = room ? room * 2 : 65536;
			if (room > READ_MAX)
				return -EFBIG;
			larger = realloc(buffer, room);
			if (!larger)
				return -ENOMEM;
			buffer = larger;
		}
		errno = 0;
		used += fread(buffer + used, 1, room - used, in);
		if (ferror(in))
			return errno ? -errno : -EIO;
	} while (!feof(in));
	*text = buffer;
	buffer = NULL;
	*size = used;
	return 0;
}

int cli_read(const struct cli *cli, const char *path, char **text, size_t *size)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	int err = in ? read_all(in, text, size) : -errno;

	if (in && !is_stdin)
		fclose(in);
	if (!err)
		return CLI_DONE;
	complain(cli, "cannot read '%s': %s", is_stdin ? "standard input" : path, strerror(-err));
	return CLI_INPUT;
}

static int map_names(const struct cli *cli, const struct iface_names *names, struct loader *loader,
		     struct bind_map *map)
{
	struct failure failure = {0};
	int err = bind_names(names, loader_names(loader), map);

	if (err == -ENOSPC) {
		if (loader_names_collect(loader, &failure)) {
			complain(cli, "%s", failure.text);
			return CLI_REFUSED;
		}
		err = bind_names(names, loader_names(loader), map);
	}
	if (!err)
		return CLI_DONE;
	complain(cli, "the rules would name more than %d different interfaces", IFW_SLOTS - 1);
	return CLI_REFUSED;
}

int cli_bind_set(const struct cli *cli, struct rule_set *set, struct loader *loader)
{
	struct bind_map map;
	int status = map_names(cli, &set->names, loader, &map);

	if (status)
		return status;
	for (size_t i = 0; i < set->count; i++)
		set->rules[i].ifaces = bind_ifaces(&map, set->rules[i].ifaces);
	set->names = *loader_names(loader);
	return CLI_DONE;
}

int cli_bind_rule(const struct cli *cli, struct rule *rule, const struct iface_names *names,
		  struct loader *loader)
{
	struct bind_map map;
	int status = map_names(cli, names, loader, &map);

	if (!status)
		rule->ifaces = bind_ifaces(&map, rule->ifaces);
	return status;
}

int cli_finish(const struct cli *cli, int status)
{
	bool failed = ferror(stdout);

	errno = 0;
	if ((fflush(stdout) || failed) && status == CLI_DONE) {
		/* Who reads no further, as head does, has what he wanted. */
		if (errno != EPIPE)
			complain(cli, "cannot write the output: %s",
				 errno ? strerror(errno) : "write error");
		return CLI_REFUSED;
	}
	return status;
}
