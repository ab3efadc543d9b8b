/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* origins.c - see origins.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "origins.h"
#include "ruleset/grammar.h"
#include "ruleset/merge.h"
#include "tried.h"

#define RECORD "rules"
#define RECORD_NEXT "rules.next" /* while it is being put in force */

bool origins_there(const struct cli *cli, const char *what)
{
	char path[PATH_MAX];

	return files_runtime(cli, what, path) == CLI_DONE && access(path, F_OK) == 0;
}

bool origins_recorded(const struct cli *cli)
{
	return origins_there(cli, RECORD);
}

int origins_forget(const struct cli *cli)
{
	int status = files_forget(cli, RECORD);

	return status ? status : files_forget(cli, RECORD_NEXT);
}

int origins_keep(const struct cli *cli, char **record, size_t *size)
{
	char path[PATH_MAX];
	int status = files_runtime(cli, RECORD, path);

	*record = NULL;
	return status || access(path, F_OK) ? status : cli_read(cli, path, record, size);
}

int origins_put_back(const struct cli *cli, const char *record, size_t size)
{
	char path[PATH_MAX];
	int status, err;

	if (!record)
		return origins_forget(cli);
	status = files_runtime(cli, RECORD, path);
	if (status)
		return status;
	err = files_write(path, record, size);
	if (!err)
		return files_forget(cli, RECORD_NEXT);
	complain(cli, "cannot put '%s' back: %s", path, strerror(-err));
	return CLI_REFUSED;
}

int origins_write(const char *path, const char *title, const struct rule_set *set)
{
	char line[RULE_TEXT_MAX];
	auto_text text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	fprintf(out, "# %s\n", title);
	for (size_t i = 0; i < set->count; i++) {
		rule_print(&set->rules[i], &set->names, line, sizeof(line));
		fprintf(out, "%s\n", line);
	}
	if (fclose(out))
		return -ENOMEM;
	return files_write(path, text, size);
}

int origins_read(const struct cli *cli, struct loader *loader, const char *what,
		 struct rule_set *set)
{
	char path[PATH_MAX];
	auto_text text = NULL;
	size_t size = 0;
	int status = files_runtime(cli, what, path);

	if (status || access(path, F_OK))
		return status;
	status = cli_read(cli, path, &text, &size);
	if (status)
		return CLI_REFUSED;
	if (grammar_parse_set(text, size, set, NULL, NULL)) {
		complain(cli,
			 "'%s' is damaged; remove it, and the rules that it was to tell of count "
			 "as made at run time",
			 path);
		return CLI_REFUSED;
	}
	return cli_bind_set(cli, set, loader);
}

int origins_record(const struct cli *cli, const char *what, const char *title,
		   const struct rule_set *set)
{
	char path[PATH_MAX];
	int status = files_runtime(cli, what, path), err;

	if (status)
		return status;
	err = origins_write(path, title, set);
	if (!err)
		return CLI_DONE;
	complain(cli, "cannot write '%s': %s", path, strerror(-err));
	return CLI_REFUSED;
}

static int no_memory(const struct cli *cli)
{
	complain(cli, "no memory for the rules");
	return CLI_REFUSED;
}

int origins_runtime(const struct cli *cli, struct loader *loader, struct rule_set *set)
{
	auto_set in_force = {0}, record = {0}, next = {0};
	struct failure failure = {0};
	int status;

	if (loader_rules(loader, &in_force, &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	status = origins_read(cli, loader, RECORD, &record);
	/* Of one that was killed on the way, either may be in force. */
	if (!status)
		status = origins_read(cli, loader, RECORD_NEXT, &next);
	if (status)
		return status;
	set->names = *loader_names(loader);
	if (merge_less(set, &in_force, &record, &next))
		return no_memory(cli);
	return CLI_DONE;
}

struct conflict {
	const struct cli *cli;
	const struct iface_names *names;
	const char *origin;
};

static void say_conflict(void *arg, const struct rule *stands, const struct rule *left)
{
	char text[RULE_TEXT_MAX], instead[RULE_TEXT_MAX];
	const struct conflict *conflict = arg;

	rule_print(left, conflict->names, text, sizeof(text));
	rule_print(stands, conflict->names, instead, sizeof(instead));
	complain(conflict->cli, "warning: '%s' (%s) gives way to '%s', which has the same match",
		 text, conflict->origin, instead);
}

static int put_in_force(const struct cli *cli, struct loader *loader, const struct rule_set *file,
			struct rule_set *all, bool on_trial)
{
	char next[PATH_MAX], record[PATH_MAX];
	struct failure failure = {0};
	int status = files_runtime(cli, RECORD, record);
	bool changed;

	if (!status)
		status = files_runtime(cli, RECORD_NEXT, next);
	all->names = *loader_names(loader);
	if (!status && on_trial)
		status = tried_next(cli, all);
	/* Before they are in force, so that whoever is killed between leaves a record of both. */
	if (!status)
		status = origins_record(cli, RECORD_NEXT,
					"rules in force that came from the administrator's file",
					file);
	if (status)
		return status;
	if (cli_apply(loader, all, &changed, &failure)) {
		complain(cli, "%s", failure.text);
		(void)unlink(next);
		return CLI_REFUSED;
	}
	if (rename(next, record) == 0)
		return on_trial ? tried_done(cli) : CLI_DONE;
	complain(cli, "cannot write '%s': %s", record, strerror(errno));
	return CLI_REFUSED;
}

int origins_apply(const struct cli *cli, struct loader *loader, struct rule_set *file,
		  struct rule_set *saved, bool on_trial, size_t *count)
{
	struct conflict conflict = {.cli = cli, .origin = "made at run time"};
	auto_set all = {0}, runtime = {0};
	int status = on_trial ? tried_begin(cli, loader) : CLI_DONE;

	if (!status)
		status = cli_bind_set(cli, file, loader);
	if (!status && saved)
		status = cli_bind_set(cli, saved, loader);
	if (!status)
		status = origins_runtime(cli, loader, &runtime);
	if (status)
		return status;
	conflict.names = loader_names(loader);
	if (merge_rules(&all, file, NULL, NULL, NULL) ||
	    merge_rules(&all, &runtime, NULL, say_conflict, &conflict))
		return no_memory(cli);
	conflict.origin = "saved";
	if (saved && merge_rules(&all, saved, NULL, say_conflict, &conflict))
		return no_memory(cli);
	*count = all.count;
	return put_in_force(cli, loader, file, &all, on_trial);
}
