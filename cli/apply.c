/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* apply.c - ifw apply and ifw check: a whole file of rules. */
#include "args.h"
#include "text.h"

int cmd_check(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 1, 1, "a file, or - for standard input");
	auto_set set = {0};
	int status;

	if (result)
		return args_status(result);
	status = cli_parse_rules(cli, argv[optind], &set);
	if (status)
		return status;
	printf("%zu rule%s, no errors\n", set.count, text_s(set.count));
	return CLI_DONE;
}

int cli_apply(struct loader *loader, const struct rule_set *set, bool *changed,
	      struct failure *failure)
{
	bool egress = false;
	int err = 0;

	for (size_t i = 0; i < set->count && !egress; i++)
		egress = rule_is_egress(&set->rules[i]);
	if (egress)
		err = loader_egress_attach(loader, failure);
	if (!err)
		err = loader_apply(loader, set, changed, failure);
	if (err && egress) /* attached for rules that are not there */
		(void)loader_egress_settle(loader, NULL);
	return err ? err : loader_egress_settle(loader, failure);
}

int cmd_apply(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 1, 1, "a file, or - for standard input");
	struct failure failure = {0};
	auto_loader loader = NULL;
	auto_set set = {0};
	bool changed;
	int status;

	if (result)
		return args_status(result);
	/* Holding the lock while reading would let a slow writer of "-" stop everybody. */
	status = cli_parse_rules(cli, argv[optind], &set);
	if (status)
		return status;
	status = cli_open(cli, LOADER_WRITE, NULL, &loader);
	if (status)
		return status;
	status = cli_bind_set(cli, &set, loader);
	if (status)
		return status;
	if (cli_apply(loader, &set, &changed, &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	printf("%zu rule%s in force%s\n", set.count, text_s(set.count),
	       changed ? "" : ", the same as before");
	return CLI_DONE;
}
