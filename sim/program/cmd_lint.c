/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_lint.c - `ifw-sim lint FILE`: what is wrong with rules, or hardly meant.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <jansson.h>

#include "ruleset/cleanup.h"
#include "ruleset/grammar.h"
#include "cmd_compare.h"
#include "sim/compare/diff_text.h"
#include "sim/compare/lint.h"

#define OTHERS_SHOWN 5	       /* rules that a finding names, to people; JSON has all */
#define CONTRADICTIONS_SHOWN 5 /* of a rule, likewise */

struct linted {
	const struct options *options;
	const char *path;
	struct compared compared;
	struct probe probe; /* for names */
	struct lint lint;
	unsigned int *lines; /* of rules, by order number */
};

static bool has_host(const struct linted *linted)
{
	return linted->options->world || linted->options->state;
}

/* --- Lines --------------------------------------------------------------------------------- */

/* Which line each rule is on: those of the text in turn; equal ones count once. */
static int find_lines(struct linted *linted, const struct cmd_text *text)
{
	const struct rule_set *set = &linted->compared.sets[0];
	const uint32_t last = set->count ? set->rules[set->count - 1].order : 0;
	struct iface_names names = set->names;
	unsigned int line = 0;
	size_t next = 0;

	linted->lines = calloc(last + 1, sizeof(*linted->lines));
	if (!linted->lines)
		return -ENOMEM;
	if (!text->at) /* of a state: numbers say which */
		for (size_t i = 0; i < set->count; i++)
			linted->lines[set->rules[i].order] = (unsigned int)i + 1;
	for (const char *at = text->at, *end = text->at + text->size;
	     at && at < end && next < set->count;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const size_t len = (size_t)((newline ? newline : end) - at);
		struct rule rule;

		line++;
		if (grammar_parse_rule(at, len, line, &names, &rule, NULL, NULL) == 0 &&
		    rule_same_match(&rule, &set->rules[next]))
			linted->lines[set->rules[next++].order] = line;
		at += len + 1;
	}
	return 0;
}

static const struct rule *rule_of(const struct linted *linted, uint32_t order)
{
	return order ? sim_world_rule(linted->compared.worlds[0], order) : NULL;
}

static const char *print_rule(const struct linted *linted, uint32_t order, char *text)
{
	const struct rule *rule = rule_of(linted, order);

	if (!rule)
		return NULL;
	rule_print(rule, &linted->compared.sets[0].names, text, RULE_TEXT_MAX);
	return text;
}

/* --- In words ------------------------------------------------------------------------------ */

static const char *const severities[] = {
	[SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning", [SEVERITY_NOTE] = "note"};

/* What comes before the rules, of the reasons: "ssh, martian". */
static void print_reasons(const struct lint_finding *finding, FILE *out)
{
	const char *before = "";

	for (unsigned int reason = IFW_REASON_NONE + 1; reason < IFW_REASON_END; reason++) {
		if (!(finding->reasons >> reason & 1))
			continue;
		fprintf(out, "%s%s", before, ifw_reason_info(reason)->name);
		before = ", ";
	}
}

static void print_unreached(const struct linted *linted, const struct lint_finding *finding,
			    FILE *out)
{
	if (finding->elsewhere) {
		fputs(rule_of(linted, finding->rule)->ifaces == IFW_IFACES_ANY
			      ? "on each interface of the world only rules hold that name it"
			      : "the world has none of the rule's interfaces",
		      out);
		return;
	}
	fputs("no packet gets as far as this rule: what comes before any rule decides (", out);
	print_reasons(finding, out);
	fputc(')', out);
}

static void print_own(const struct linted *linted, const struct lint_finding *finding, FILE *out)
{
	char addr[INET6_ADDRSTRLEN];

	rule_print_addr(finding->addr, finding->witness.flow.family, addr, sizeof(addr));
	if (finding->asked.answer.reason == IFW_REASON_LOCAL)
		fputs("what is intercepted is let in to this host itself at its own address ", out);
	else if (finding->asked.answer.action == IFW_ACTION_PASS)
		fputs("what passes reaches this host itself at its own address ", out);
	else
		fputs("what is for this host itself is kept from it, at its own address ", out);
	fputs(addr, out);
	if (finding->owner_ifindex)
		fprintf(out, " (of %s)",
			sim_world_ifname(linted->compared.worlds[0], finding->owner_ifindex));
	if (finding->addr_count > 1)
		fprintf(out, " and %zu more", finding->addr_count - 1);
}

static void print_ssh(const struct linted *linted, const struct lint_finding *finding, FILE *out)
{
	const char *ifname = sim_world_ifname(linted->compared.worlds[0], finding->witness.ifindex);
	char addr[INET6_ADDRSTRLEN];

	rule_print_addr(finding->addr, finding->witness.flow.family, addr, sizeof(addr));
	fprintf(out, "nobody gets in by ssh: TCP port 22 of %s does not come in by %s", addr,
		ifname);
}

static void print_message(const struct linted *linted, const struct lint_finding *finding,
			  FILE *out)
{
	char via[ANSWER_TEXT_MAX];

	switch (finding->kind) {
	case LINT_SHADOWED:
		fputs(finding->severity == SEVERITY_ERROR
			      ? "this rule decides nothing: others come first, and do otherwise"
			      : "this rule decides nothing: others come first, and do the same",
		      out);
		break;
	case LINT_UNREACHED:
		print_unreached(linted, finding, out);
		break;
	case LINT_REDUNDANT:
		fputs("without this rule every packet would be answered alike", out);
		break;
	case LINT_CONTRADICTION:
		fputs("this rule and another one hold the same packets, and want something else "
		      "with them; this one decides",
		      out);
		break;
	case LINT_NO_LISTENER:
		answer_text(&finding->asked.answer, via);
		fprintf(out, "nobody listens (%s)", via);
		break;
	case LINT_OWN_ADDRESS:
		print_own(linted, finding, out);
		break;
	default:
		print_ssh(linted, finding, out);
		break;
	}
}

static char *message_of(const struct linted *linted, const struct lint_finding *finding)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_message(linted, finding, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* What the other rules are to the finding. */
static const char *relation_of(const struct lint_finding *finding)
{
	switch (finding->kind) {
	case LINT_SHADOWED:
		return "before it";
	case LINT_REDUNDANT:
		return "without it";
	default:
		return "against it";
	}
}

static void print_others(const struct linted *linted, const struct lint_finding *finding)
{
	char text[RULE_TEXT_MAX];

	for (size_t i = 0; i < finding->other_count && i < OTHERS_SHOWN; i++) {
		const uint32_t order = finding->others[i];

		if (!print_rule(linted, order, text))
			printf("    %-10s  no rule\n", relation_of(finding));
		else
			printf("    %-10s  %s   # %s %u\n", relation_of(finding), text,
			       linted->options->count ? "line" : "rule", linted->lines[order]);
	}
	if (finding->other_count > OTHERS_SHOWN)
		printf("    %-10s  and %zu more (-j lists all)\n", "",
		       finding->other_count - OTHERS_SHOWN);
}

static int print_finding(const struct linted *linted, const struct lint_finding *finding)
{
	auto_free char *message = message_of(linted, finding);
	auto_free char *packet =
		witness_text(&linted->probe, &finding->witness, linted->compared.other);
	char text[RULE_TEXT_MAX], answer[ANSWER_TEXT_MAX];

	if (!message || !packet)
		return -ENOMEM;
	if (finding->rule)
		printf(linted->options->count ? "%s:%u: " : "%s: rule %u: ", linted->path,
		       linted->lines[finding->rule]);
	else
		printf("%s: ", linted->path);
	printf("%s: %s [%s]\n", severities[finding->severity], message,
	       lint_kind_name(finding->kind));
	if (print_rule(linted, finding->rule, text))
		printf("    %-10s  %s\n", "rule", text);
	print_others(linted, finding);
	answer_text(&finding->asked.answer, answer);
	printf("    %-10s  %s: %s\n", "packet", packet, answer);
	if (finding->kind == LINT_CONTRADICTION) {
		answer_text(&finding->without.answer, answer);
		printf("    %-10s  %s\n", "otherwise", answer);
	}
	return 0;
}

/* A rule may contradict all others. */
static int print_findings(const struct linted *linted)
{
	size_t contradictions = 0, hidden = 0;
	int error = 0;

	for (size_t i = 0; i < linted->lint.count && !error; i++) {
		const struct lint_finding *finding = &linted->lint.findings[i];
		const bool contradicts = finding->kind == LINT_CONTRADICTION;

		if (i == 0 || finding->rule != finding[-1].rule)
			contradictions = 0;
		contradictions += contradicts;
		if (contradicts && contradictions > CONTRADICTIONS_SHOWN)
			hidden++;
		else
			error = print_finding(linted, finding);
	}
	if (hidden)
		printf("%zu contradictions more, of rules that have %d already (-j lists all)\n",
		       hidden, CONTRADICTIONS_SHOWN);
	return error;
}

static void print_sum(const struct linted *linted, const size_t counts[])
{
	printf("%zu rule%s", linted->compared.sets[0].count,
	       linted->compared.sets[0].count == 1 ? "" : "s");
	for (int i = SEVERITY_ERROR; i <= SEVERITY_NOTE; i++)
		printf(", %zu %s%s", counts[i], severities[i], counts[i] == 1 ? "" : "s");
	putchar('\n');
	if (!has_host(linted))
		puts("listeners, own addresses and ssh were not looked at: that takes --world or "
		     "--state");
}

/* --- For programs -------------------------------------------------------------------------- */

static json_t *rule_json(const struct linted *linted, uint32_t order)
{
	char text[RULE_TEXT_MAX];

	if (!print_rule(linted, order, text))
		return json_null();
	return json_pack("{s:I, s:s}", "line", (json_int_t)linted->lines[order], "rule", text);
}

static json_t *finding_json(const struct linted *linted, const struct lint_finding *finding)
{
	auto_free char *message = message_of(linted, finding);
	auto_free char *packet =
		witness_text(&linted->probe, &finding->witness, linted->compared.other);
	char answer[ANSWER_TEXT_MAX], without[ANSWER_TEXT_MAX];
	json_t *others = json_array();

	for (size_t i = 0; i < finding->other_count; i++)
		json_array_append_new(others, rule_json(linted, finding->others[i]));
	answer_text(&finding->asked.answer, answer);
	answer_text(&finding->without.answer, without);
	return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:s?, s:s?, s:s?}", "kind",
			 lint_kind_name(finding->kind), "severity", severities[finding->severity],
			 "message", message, "rule", rule_json(linted, finding->rule), "others",
			 others, "packet", packet, "answer", answer, "without",
			 finding->without.answer.reason ? without : NULL);
}

static int print_json(const struct linted *linted, const size_t counts[])
{
	json_t *findings = json_array();

	for (size_t i = 0; i < linted->lint.count; i++)
		json_array_append_new(findings, finding_json(linted, &linted->lint.findings[i]));
	return cmd_print_json(json_pack("{s:I, s:I, s:I, s:I, s:b, s:o}", "rules",
					(json_int_t)linted->compared.sets[0].count, "errors",
					(json_int_t)counts[SEVERITY_ERROR], "warnings",
					(json_int_t)counts[SEVERITY_WARNING], "notes",
					(json_int_t)counts[SEVERITY_NOTE], "world",
					has_host(linted), "findings", findings));
}

/* --- The command --------------------------------------------------------------------------- */

static void show_progress(void *arg, size_t done, size_t count)
{
	(void)arg;
	if (done % 256 == 0 && isatty(STDERR_FILENO))
		fprintf(stderr, "\rrule %zu of %zu\033[K", done, count);
}

static int fail(const struct linted *linted, int error)
{
	const struct options *options = linted->options;

	if (error == -ENODEV)
		return cmd_no_interface(options);
	if (error == -E2BIG)
		return cmd_fail(STATUS_REFUSED,
				"there are more than %llu kinds of packets to ask about: look at "
				"a part of the rules",
				LINT_CELLS_MAX);
	return cmd_fail(STATUS_REFUSED, "%s", strerror(-error));
}

static int show(struct linted *linted)
{
	size_t counts[SEVERITY_NOTE + 1] = {};
	int error = lint_find(linted->compared.worlds, has_host(linted), show_progress, NULL,
			      &linted->lint);

	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (error)
		return fail(linted, error);
	for (size_t i = 0; i < linted->lint.count; i++)
		counts[linted->lint.findings[i].severity]++;
	if (linted->options->json) {
		error = print_json(linted, counts);
	} else {
		error = print_findings(linted);
		print_sum(linted, counts);
	}
	if (error)
		return fail(linted, error);
	return cmd_finish(counts[SEVERITY_ERROR] + counts[SEVERITY_WARNING] ? STATUS_UNEXPECTED
									    : STATUS_DONE);
}

int cmd_lint(const struct options *options)
{
	const char *const paths[PROBE_WORLDS] = {options->count ? options->args[0] : NULL};
	struct linted linted = {.options = options,
				.path = options->count ? options->args[0] : options->state};
	int status = cmd_compare_load(options, paths, &linted.compared);

	if (status)
		return status;
	if (find_lines(&linted, &linted.compared.texts[0]) != 0 ||
	    probe_start(&linted.probe, linted.compared.worlds) != 0) {
		status = cmd_fail(STATUS_REFUSED, "out of memory");
	} else {
		status = show(&linted);
		lint_free(&linted.lint);
		probe_end(&linted.probe);
	}
	free(linted.lines);
	cmd_compare_free(&linted.compared);
	return status;
}
