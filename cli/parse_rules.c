/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parse_rules.c - a file of rules, read and looked at as a whole: errors where
 * they stand, and a warning for each rule that can never decide.
 */
#include <errno.h>

#include "cli.h"
#include "ruleset/compile.h"
#include "ruleset/grammar.h"
#include "text.h"

#define SHADOWED_SHOWN 20 /* more than that nobody reads */

static void warn_shadowed(const struct cli *cli, const struct rule_set *set, size_t index)
{
	char text[RULE_TEXT_MAX], by_text[RULE_TEXT_MAX];
	size_t by, count = compile_shadowed_by(set, index, &by, 1);

	rule_print(&set->rules[index], &set->names, text, sizeof(text));
	if (!count) {
		complain(cli, "warning: '%s' can never match", text);
		return;
	}
	rule_print(&set->rules[by], &set->names, by_text, sizeof(by_text));
	if (count == 1)
		complain(cli, "warning: '%s' can never match: '%s' decides before it", text,
			 by_text);
	else
		complain(cli, "warning: '%s' can never match: '%s' and %zu more decide before it",
			 text, by_text, count - 1);
}

static int check_as_a_whole(const struct cli *cli, const struct rule_set *set)
{
	struct image image = {0};
	size_t shadowed = 0;
	bool *live;
	int err;

	if (!set->count)
		return CLI_DONE;
	live = calloc(set->count, sizeof(*live));
	err = live ? compile_set(set, &image, live) : -ENOMEM;
	if (err) {
		free(live);
		if (err == -E2BIG)
			complain(cli,
				 "these rules use more than %d different pairs of destination and "
				 "source prefix lengths",
				 COMPILE_PAIRS_MAX);
		else
			complain(cli, "no memory for %zu rules", set->count);
		return err == -E2BIG ? CLI_INPUT : CLI_REFUSED;
	}
	image_free(&image);
	for (size_t i = 0; i < set->count; i++) {
		if (live[i])
			continue;
		if (shadowed++ < SHADOWED_SHOWN)
			warn_shadowed(cli, set, i);
	}
	free(live);
	if (shadowed > SHADOWED_SHOWN)
		complain(cli, "warning: %zu more rules can never match", shadowed - SHADOWED_SHOWN);
	return CLI_DONE;
}

int cli_parse_rules(const struct cli *cli, const char *path, struct rule_set *set)
{
	bool is_stdin = path[0] == '-' && !path[1];
	struct diagnose_to to = cli_diagnose_to(cli, is_stdin ? "<stdin>" : path);
	auto_text text = NULL;
	size_t size = 0;
	int status, err;

	status = cli_read(cli, path, &text, &size);
	if (status)
		return status;
	err = grammar_parse_set(text, size, set, diagnose_print, &to);
	if (err == -ENOMEM) {
		complain(cli, "no memory for the rules of '%s'", path);
		return CLI_REFUSED;
	}
	if (err) {
		complain(cli, "%u error%s in '%s'", to.errors, text_s(to.errors), to.file);
		return CLI_INPUT;
	}
	return check_as_a_whole(cli, set);
}
