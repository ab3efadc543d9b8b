/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tried.c - see tried.h. Of rules two sets are kept: BASE, what would be in force without
 * the trial, and LAST, what it put in force; what is not LAST's any more is the work of
 * others, and goes into BASE before LAST changes. Who is killed while it does leaves NEXT,
 * too, and either may be in force.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "origins.h"
#include "ruleset/merge.h"
#include "tried.h"

#define BASE "tried.base"
#define LAST "tried"
#define NEXT "tried.next"
#define INTERFACES "tried.interfaces"

int tried_back(const struct cli *cli, struct loader *loader, struct rule_set *back, bool *any)
{
	auto_set base = {0}, last = {0}, next = {0}, now = {0};
	struct failure failure = {0};
	int status;

	*any = origins_there(cli, LAST);
	if (!*any)
		return CLI_DONE;
	status = origins_read(cli, loader, BASE, &base);
	if (!status)
		status = origins_read(cli, loader, LAST, &last);
	if (!status)
		status = origins_read(cli, loader, NEXT, &next);
	if (status)
		return status;
	if (loader_rules(loader, &now, &failure))
		return complain_refused(cli, &failure);
	back->names = *loader_names(loader);
	if (!merge_back(back, &base, &last, origins_there(cli, NEXT) ? &next : NULL, &now))
		return CLI_DONE;
	complain(cli, "no memory for the rules");
	return CLI_REFUSED;
}

int tried_begin(const struct cli *cli, struct loader *loader)
{
	auto_set base = {0}, now = {0};
	struct failure failure = {0};
	int status;
	bool any;

	if (loader_rules(loader, &now, &failure))
		return complain_refused(cli, &failure);
	status = tried_back(cli, loader, &base, &any);
	/* LAST comes behind BASE, for where there is none nothing has been tried. */
	if (!status)
		status = origins_record(cli, BASE, "rules as they would be without the trial",
					any ? &base : &now);
	return status ? status : origins_record(cli, LAST, "rules in force", &now);
}

int tried_next(const struct cli *cli, const struct rule_set *all)
{
	return origins_record(cli, NEXT, "rules to be in force", all);
}

int tried_done(const struct cli *cli)
{
	char next[PATH_MAX], last[PATH_MAX];
	int status = files_runtime(cli, NEXT, next);

	if (!status)
		status = files_runtime(cli, LAST, last);
	/* Gone: it was confirmed meanwhile, and nothing is to be undone any more. */
	if (status || rename(next, last) == 0 || errno == ENOENT)
		return status;
	complain(cli, "cannot write '%s': %s", last, strerror(errno));
	return CLI_REFUSED;
}

/* --- Interfaces ------------------------------------------------------------------------ */

bool tried_has(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names; at && *at; at = strchr(at, '\n')) {
		at++;
		if (strncmp(at, name, len) == 0 && (at[len] == '\n' || !at[len]))
			return true;
	}
	return false;
}

int tried_interfaces(const struct cli *cli, char **names)
{
	char path[PATH_MAX];
	auto_text text = NULL;
	size_t size;
	int status = files_runtime(cli, INTERFACES, path);

	*names = NULL;
	if (status || access(path, F_OK))
		return status;
	if (cli_read(cli, path, &text, &size))
		return CLI_REFUSED;
	*names = strndup(text, size);
	if (*names)
		return CLI_DONE;
	complain(cli, "no memory for '%s'", path);
	return CLI_REFUSED;
}

int tried_interface(const struct cli *cli, const char *name)
{
	auto_text names = NULL;
	auto_text more = NULL;
	char path[PATH_MAX];
	int status = files_runtime(cli, INTERFACES, path), length, err;

	if (!status)
		status = tried_interfaces(cli, &names);
	if (status || tried_has(names, name))
		return status;
	length = asprintf(&more, "%s\n%s", names ? names : "", name);
	if (length < 0)
		more = NULL;
	err = more ? files_write(path, more, (size_t)length) : -ENOMEM;
	if (!err)
		return CLI_DONE;
	complain(cli, "cannot write '%s': %s", path, strerror(-err));
	return CLI_REFUSED;
}

int tried_renamed(const struct cli *cli, const char *before, const char *name)
{
	auto_text names = NULL;
	int status = tried_interfaces(cli, &names);

	return status || !tried_has(names, before) ? status : tried_interface(cli, name);
}

void tried_forget(const struct cli *cli)
{
	static const char *const all[] = {BASE, LAST, NEXT, INTERFACES};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		(void)files_forget(cli, all[i]);
}
