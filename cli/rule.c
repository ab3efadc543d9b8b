/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* rule.c - ifw rule add, del, list, flush. */
#include <errno.h>
#include <string.h>

#include "args.h"
#include "json.h"
#include "rule_list.h"
#include "ruleset/grammar.h"
#include "text.h"

int cli_parse_rule(const struct cli *cli, char *const *words, int count, struct iface_names *names,
		   struct rule *rule)
{
	struct diagnose_to to = cli_diagnose_to(cli, "rule");
	auto_text line = text_join(words, count);
	char *end;
	int err;

	if (!line) {
		complain(cli, "no memory for the rule");
		return CLI_REFUSED;
	}
	end = strchr(line, '\n');
	if (end && end[strspn(end, "\n ")]) {
		complain(cli, "one rule at a time; use 'ifw apply' for several lines");
		return CLI_INPUT;
	}
	err = grammar_parse_rule(line, end ? (size_t)(end - line) : strlen(line), 1, names, rule,
				 diagnose_print, &to);
	if (err == -ENOENT)
		complain(cli, "there is no rule in '%s' (see 'ifw help rule')", line);
	return err ? CLI_INPUT : CLI_DONE;
}

static const char *outcome_word(enum add_outcome outcome)
{
	switch (outcome) {
	case ADD_DONE:
		return "added";
	case ADD_UNCHANGED:
		return "unchanged";
	case ADD_REPLACED:
		return "replaced";
	}
	return "added";
}

static void tell_added(const struct cli *cli, const struct rule *rule,
		       const struct iface_names *names, const struct add_result *result)
{
	char text[RULE_TEXT_MAX];

	rule_print(rule, names, text, sizeof(text));
	printf("%s: %s\n", outcome_word(result->outcome), text);
	if (!result->shadowed)
		return;
	if (!result->shadowed_by_count) {
		complain(cli, "warning: this rule can never match");
		return;
	}
	rule_print(&result->shadowed_by, names, text, sizeof(text));
	if (result->shadowed_by_count == 1)
		complain(cli, "warning: this rule can never match: '%s' decides before it", text);
	else
		complain(cli,
			 "warning: this rule can never match: '%s' and %zu more decide before it",
			 text, result->shadowed_by_count - 1);
}

static int add(struct cli *cli, char *const *words, int count, bool replace)
{
	struct add_result result = {0};
	struct iface_names names = {0};
	struct failure failure = {0};
	auto_loader loader = NULL;
	struct rule rule;
	int status, err;

	status = cli_parse_rule(cli, words, count, &names, &rule);
	if (!status)
		status = cli_open(cli, LOADER_WRITE, NULL, &loader);
	if (!status)
		status = cli_bind_rule(cli, &rule, &names, loader);
	if (status)
		return status;
	err = rule_is_egress(&rule) ? loader_egress_attach(loader, &failure) : 0;
	if (!err)
		err = loader_rule_add(loader, &rule, replace, &result, &failure);
	if (err) {
		complain(cli, "%s", failure.text);
		if (rule_is_egress(&rule)) /* attached for a rule that is not there */
			(void)loader_egress_settle(loader, NULL);
		return err == -EEXIST ? CLI_INPUT : CLI_REFUSED;
	}
	tell_added(cli, &rule, loader_names(loader), &result);
	return CLI_DONE;
}

int cmd_rule_add(struct cli *cli, int argc, char **argv)
{
	bool replace;
	int result = args_flag(cli, argc, argv, "replace", &replace);

	if (!result)
		result = args_count(cli, argc, argv, 1, argc, "a rule");
	return result ? args_status(result) : add(cli, argv + optind, argc - optind, replace);
}

int cmd_rule_del(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 1, argc, "a rule");
	struct delete_result deleted = {0};
	struct delete_filter filter = {0};
	struct iface_names names = {0};
	struct failure failure = {0};
	auto_loader loader = NULL;
	int status, err;

	if (result)
		return args_status(result);
	status = cli_parse_rule(cli, argv + optind, argc - optind, &names, &filter.rule);
	if (!status)
		status = cli_open(cli, LOADER_WRITE, NULL, &loader);
	if (!status)
		status = cli_bind_rule(cli, &filter.rule, &names, loader);
	if (status)
		return status;
	err = loader_rule_delete(loader, &filter, &deleted, &failure);
	if (!err && rule_is_egress(&filter.rule))
		err = loader_egress_settle(loader, &failure);
	if (err) {
		complain(cli, "%s", failure.text);
		return err == -ENOENT ? CLI_INPUT : CLI_REFUSED;
	}
	printf("removed %zu rule%s\n", deleted.removed, text_s(deleted.removed));
	return CLI_DONE;
}

static void free_counts(struct ifw_count **counts)
{
	free(*counts);
}

static int list(struct cli *cli, bool counted)
{
	__attribute__((cleanup(free_counts))) struct ifw_count *counts = NULL;
	struct failure failure = {0};
	auto_loader loader = NULL;
	auto_set set = {0};
	int status;

	status = cli_open(cli, LOADER_READ, NULL, &loader);
	if (status)
		return status;
	if (loader_rules_counted(loader, &set, counted ? &counts : NULL, &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	if (!cli->json) {
		rule_list_print(stdout, &set, counts);
		return CLI_DONE;
	}
	if (json_print(stdout, json_rules(&set, counts))) {
		complain(cli, "no memory to list the rules");
		return CLI_REFUSED;
	}
	return CLI_DONE;
}

int cmd_rule_list(struct cli *cli, int argc, char **argv)
{
	bool no_counters;
	int result = args_flag(cli, argc, argv, "no-counters", &no_counters);

	if (!result)
		result = args_count(cli, argc, argv, 0, 0, "");
	return result ? args_status(result) : list(cli, !no_counters);
}

int cmd_rule_flush(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 0, 0, "");
	struct loader_usage usage = {0};
	struct failure failure = {0};
	auto_loader loader = NULL;
	auto_set none = {0};
	bool changed;
	int status;

	if (result)
		return args_status(result);
	status = cli_open(cli, LOADER_WRITE, NULL, &loader);
	if (status)
		return status;
	none.names = *loader_names(loader);
	if (loader_usage(loader, &usage, &failure) ||
	    cli_apply(loader, &none, &changed, &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	printf("removed %u rule%s\n", usage.rules, text_s(usage.rules));
	return CLI_DONE;
}
