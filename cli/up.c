/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * up.c - ifw up: either every interface that was named comes up, with the
 * rules that were named, or what this command did is undone.
 */
#include <string.h>

#include "args.h"
#include "confirm.h"
#include "iface.h"
#include "ruleset/merge.h"
#include "ssh.h"
#include "text.h"
#include "up.h"

/* Settings that an interface had; NULL: it was not up. */
static const struct ifw_iface *settings_before(const struct before *before, const char *name)
{
	const struct iface_info *info = before_iface(before, name);

	return info ? &info->settings : NULL;
}

static int limits_refused(const struct cli *cli, const char *what, uint32_t has, uint32_t wanted)
{
	if (wanted <= has)
		return CLI_DONE;
	complain(cli,
		 "there is room for %u %s, not %u, and it is fixed once the first interface is up: "
		 "'ifw down --all' first ('ifw rule list' saves the rules)",
		 has, what, wanted);
	return CLI_REFUSED;
}

static int counting_refused(const struct cli *cli, uint32_t has, uint32_t wanted)
{
	if (wanted == LOADER_COUNTING_DEFAULT || wanted == has)
		return CLI_DONE;
	complain(cli,
		 "rules are %scounted, and that is fixed once the first interface is up: 'ifw down "
		 "--all' first ('ifw rule list' saves the rules)",
		 has == LOADER_COUNTING_ON ? "" : "not ");
	return CLI_REFUSED;
}

/* The maps are there while something tracks, and how many they hold is settled then. */
static int flows_refused(const struct cli *cli, const struct loader_usage *usage,
			 const struct before *before, uint32_t wanted)
{
	bool tracks = false;

	if (!wanted || wanted == usage->limits.flows)
		return CLI_DONE;
	for (size_t i = 0; i < before->iface_count; i++)
		tracks |= before->ifaces[i].settings.wants_track;
	if (!tracks)
		return CLI_DONE;
	complain(cli,
		 "there is room for %u flows, and that is fixed while something is tracked: 'ifw "
		 "iface set IFACE track off' first, on each interface",
		 usage->limits.flows);
	return CLI_REFUSED;
}

/* Looks at what is there, before anything is changed. */
static int look_before(const struct cli *cli, struct loader *loader,
		       const struct up_request *request, struct before *before)
{
	struct loader_usage usage = {0};
	struct failure failure = {0};
	int status;

	if (loader_usage(loader, &usage, &failure) ||
	    loader_ifaces(loader, &before->ifaces, &before->iface_count, &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	before->nothing = before->iface_count == 0 && usage.rules == 0;
	status = limits_refused(cli, "ranges", usage.limits.ranges, request->limits.ranges);
	if (!status)
		status = limits_refused(cli, "prefixes", usage.limits.prefixes,
					request->limits.prefixes);
	if (!status)
		status = counting_refused(cli, usage.limits.counting, request->limits.counting);
	if (!status)
		status = flows_refused(cli, &usage, before, request->limits.flows);
	if (!status && request->limits.flows &&
	    loader_flows_limit(loader, request->limits.flows, &failure)) {
		complain(cli, "%s", failure.text);
		status = CLI_REFUSED;
	}
	if (!status && request->rules && loader_rules(loader, &before->rules, &failure)) {
		complain(cli, "%s", failure.text);
		status = CLI_REFUSED;
	}
	return status;
}

/* Before attaching: with the program in place and no rules yet, traffic would be cut. */
static int put_rules(const struct cli *cli, struct loader *loader, struct up_attempt *attempt)
{
	struct failure failure = {0};
	int status = cli_bind_set(cli, &attempt->rules, loader);

	if (status)
		return status;
	if (!cli_apply(loader, &attempt->rules, &attempt->rules_replaced, &failure))
		return CLI_DONE;
	complain(cli, "%s", failure.text);
	return CLI_REFUSED;
}

/* One that was up stays up, but with the settings that it had. */
static int undo_one(struct loader *loader, const char *name, const struct before *before,
		    struct failure *failure)
{
	auto_ifaces now = {0};
	const struct iface_info *info = NULL;
	int err = loader_ifaces(loader, &now.all, &now.all_count, failure);

	for (size_t i = 0; i < now.all_count; i++)
		if (strcmp(now.all[i].name, name) == 0)
			info = &now.all[i];
	return err ? err : before_restore_iface(loader, before, info, name, failure);
}

/*
 * After a trial, in which others may have worked, too: the rules that are to be in force
 * again, and whether anything of theirs is there.
 */
static int without_trial(const struct cli *cli, struct loader *loader, struct up_attempt *attempt,
			 struct rule_set *back, bool *others)
{
	struct before *before = &attempt->before;
	struct failure failure = {0};
	auto_ifaces ifaces = {0};
	auto_set now = {0};
	/* By name: slots that only these rules used may have been given to others. */
	int status = cli_bind_set(cli, &before->rules, loader);

	if (!status)
		status = cli_bind_set(cli, &attempt->rules, loader);
	if (status)
		return status;
	if (loader_rules(loader, &now, &failure) ||
	    loader_ifaces(loader, &ifaces.all, &ifaces.all_count, &failure))
		return complain_refused(cli, &failure);
	back->names = *loader_names(loader);
	if (merge_back(back, &before->rules, &attempt->rules, NULL, &now)) {
		complain(cli, "no memory for the rules");
		return CLI_REFUSED;
	}
	*others = back->count > 0 || ifaces.all_count > attempt->done;
	return CLI_DONE;
}

/* tried: it was done, and waited to be confirmed. */
static int undo(const struct cli *cli, struct loader *loader, struct up_attempt *attempt,
		bool tried)
{
	struct before *before = &attempt->before;
	struct failure failure = {0};
	int status = CLI_DONE;
	unsigned int interfaces;
	bool others = false, alone = !tried;
	auto_set back = {0};

	if (tried && without_trial(cli, loader, attempt, &back, &others)) {
		complain(cli, "what there was before is put back, without what others did since");
		alone = true;
		others = false;
	}
	if (before->nothing && !others) {
		if (!loader_down_all(loader, &interfaces, &failure))
			return CLI_DONE;
		complain(cli, "could not undo it: %s", failure.text);
		return CLI_REFUSED;
	}
	for (unsigned int i = attempt->done; i-- > 0;) {
		if (undo_one(loader, attempt->request.names[i], before, &failure)) {
			complain(cli, "could not undo it on '%s': %s", attempt->request.names[i],
				 failure.text);
			status = CLI_REFUSED;
		}
	}
	if (attempt->rules_replaced &&
	    before_put_rules(cli, loader, alone ? &before->rules : &back, tried) != CLI_DONE)
		status = CLI_REFUSED;
	return status;
}

static void tell_result(const char *name, const struct up_result *result)
{
	int width = strlen(name);

	printf("%s  attached       %s%s\n", name, text_hook(result->hook),
	       result->was_up ? " (was up, replaced in place)" : "");
	if (result->addresses)
		printf("%*s  own addresses  %u recorded\n", width, "", result->addresses);
	else
		printf("%*s  own addresses  none (ssh here needs a rule until there are some and "
		       "'ifw up %s' is run again)\n",
		       width, "", name);
	if (result->policy.made)
		printf("%*s  policy rule    fwmark %#x/%#x iif %s lookup %u, %s\n", width, "",
		       result->policy.mark, result->policy.mark_mask, name, result->policy.table,
		       result->policy.ipv6 ? "IPv4 and IPv6" : "IPv4 alone (no IPv6 on lo here)");
	else
		printf("%*s  policy rule    none needed\n", width, "");
	if (!result->lookup)
		printf("%*s  fragments      not intercepted: this kernel is older than 5.17, or "
		       "lets "
		       "no program at TC keep sockets\n",
		       width, "");
	printf("%*s  tracking       %s\n", width, "",
	       result->track ? "on: answers to what leaves pass"
			     : "off: of answers, only those to sockets of this host pass");
	if (!result->verified_instructions)
		return;
	printf("%*s  programs       %u verified instructions at ingress, %u at socket lookup",
	       width, "", result->verified_instructions, result->lookup_instructions);
	if (result->egress_instructions)
		printf(", %u at egress", result->egress_instructions);
	putchar('\n');
}

static void tell(const struct cli *cli, struct loader *loader, const struct up_request *request,
		 const struct up_result *results)
{
	struct loader_usage usage = {0};
	struct failure failure;

	for (unsigned int i = 0; i < request->count; i++)
		tell_result(request->names[i], &results[i]);
	ifaces_warn_unanswered(cli, loader, request->names, request->count);
	if (loader_usage(loader, &usage, &failure) || usage.rules)
		return;
	puts("note: there are no rules yet. Only ssh and DHCP to this host, ARP, IPv6 neighbour\n"
	     "      discovery, answers to what this host asked (with tracking on, to what it\n"
	     "      forwards, too) and ICMP errors about these pass; everything else drops. To\n"
	     "      add a rule, for example:\n"
	     "      ifw rule add intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321");
}

static int attach_all(const struct cli *cli, struct loader *loader, struct up_attempt *attempt)
{
	const struct up_request *request = &attempt->request;

	for (unsigned int i = 0; i < request->count; i++) {
		struct failure failure = {0};
		struct up_options options;

		up_fill_options(request, settings_before(&attempt->before, request->names[i]),
				&options);
		if (loader_up(loader, request->names[i], &options, &attempt->results[i],
			      &failure)) {
			complain(cli, "%s", failure.text);
			return CLI_REFUSED;
		}
		attempt->done++;
	}
	return CLI_DONE;
}

static bool is_named(void *arg, const char *name, uint32_t *set, uint32_t *clear)
{
	const struct up_request *request = arg;

	*set = *clear = 0; /* settings that it has it keeps */
	for (unsigned int i = 0; i < request->count; i++)
		if (strcmp(request->names[i], name) == 0)
			return true;
	return false;
}

int up_do(const struct cli *cli, struct up_attempt *attempt)
{
	const struct up_request *request = &attempt->request;
	const struct ssh_attach attach = {
		.names = is_named, .arg = &attempt->request, .command = "up ", .by_name = true};
	auto_loader loader = NULL;
	int status = cli_open_any(cli, LOADER_CREATE, &request->limits, &loader);

	if (status)
		return status;
	attempt->results = calloc(request->count, sizeof(*attempt->results));
	if (!attempt->results) {
		complain(cli, "no memory for %u interfaces", request->count);
		return CLI_REFUSED;
	}
	status = look_before(cli, loader, request, &attempt->before);
	if (!status && request->rules)
		status = put_rules(cli, loader, attempt);
	if (!status && !request->confirm_s)
		status = ssh_check(cli, loader, &attach);
	if (!status)
		status = attach_all(cli, loader, attempt);
	if (status)
		(void)undo(cli, loader, attempt, false);
	else
		tell(cli, loader, request, attempt->results);
	return status;
}

int up_undo(const struct cli *cli, struct up_attempt *attempt)
{
	auto_loader loader = NULL;
	int status = cli_open(cli, LOADER_WRITE, NULL, &loader);

	return status ? status : undo(cli, loader, attempt, true);
}

void up_free(struct up_attempt *attempt)
{
	before_free(&attempt->before);
	rule_set_clear(&attempt->rules);
	free(attempt->results);
}

int cmd_up(struct cli *cli, int argc, char **argv)
{
	auto_attempt attempt = {0};
	int status, result = up_parse(cli, argc, argv, &attempt.request);

	if (result)
		return args_status(result);
	status = attempt.request.rules ? cli_parse_rules(cli, attempt.request.rules, &attempt.rules)
				       : CLI_DONE;
	if (status)
		return status;
	return attempt.request.confirm_s ? confirm_attempt(cli, &attempt) : up_do(cli, &attempt);
}
