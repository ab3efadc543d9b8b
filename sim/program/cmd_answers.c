/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_answers.c - see cmd_answers.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_answers.h"
#include "sim/explain/explain_text.h"
#include "sim/explain/near.h"

#define WHY_MAX (NEAR_TEXT_MAX + RULE_TEXT_MAX + 128)
#define INDENT "            " /* behind the names of lines */
#define LINE_MAX_BYTES 16384  /* the longest rule, all of it escaped, and the rest */

struct answers {
	FILE *file;
	const char *path;
	json_t *next;	  /* the first that was not compared; NULL at the end */
	uint64_t number;  /* of its packet */
	uint64_t packets; /* as expected so far */
	unsigned int line;
	bool json;
	char text[LINE_MAX_BYTES];
};

/* --- Written ------------------------------------------------------------------------ */

json_t *answer_json(struct sim_world *world, uint64_t number, const struct sim_result *result)
{
	const struct decision *d = &result->decision;
	const struct rule *rule = sim_world_rule(world, d->rule);
	char text[RULE_TEXT_MAX], end[EXPLAIN_END_MAX];
	const char *listener = NULL;

	if (d->assigned == IFW_ASSIGNED_LISTENER && rule) {
		explain_end(rule->listener, rule->listener_port, rule->family, end);
		listener = end;
	}
	return json_pack("{s:I, s:s, s:s, s:s?, s:s?, s:s?, s:I}", "packet", (json_int_t)number,
			 "verdict", cmd_verdict(d), "reason", cmd_reason(d), "rule",
			 cmd_rule_text(world, d, text), "assigned", cmd_assigned(d), "listener",
			 listener, "mark", (json_int_t)result->mark);
}

/* --- Read --------------------------------------------------------------------------- */

static int bad_line(const struct answers *answers, const char *what)
{
	return cmd_fail(STATUS_BAD_INPUT, "%s:%u: %s", answers->path, answers->line, what);
}

/* A key that is misspelt would compare nothing, and a value that cannot be nothing that is. */
static int check_line(struct answers *answers)
{
	json_t *packet = json_object_get(answers->next, "packet");
	json_t *verdict = json_object_get(answers->next, "verdict");
	json_t *reason = json_object_get(answers->next, "reason");
	const char *is = json_string_value(verdict), *why = json_string_value(reason);

	if (!json_is_integer(packet) || json_integer_value(packet) < 1)
		return bad_line(answers, "\"packet\" is no number of a packet");
	if ((uint64_t)json_integer_value(packet) <= answers->number)
		return bad_line(answers, "its packet is not behind that of the line before");
	answers->number = (uint64_t)json_integer_value(packet);
	if (!verdict && !reason)
		return bad_line(answers, "neither \"verdict\" nor \"reason\" is there");
	if (verdict && (!is || (strcmp(is, "pass") != 0 && strcmp(is, "drop") != 0)))
		return bad_line(answers, "\"verdict\" is neither \"pass\" nor \"drop\"");
	if (reason && (!why || !cmd_find_reason(why)))
		return bad_line(answers, "\"reason\" is none that there is");
	return STATUS_DONE;
}

static int read_line(struct answers *answers)
{
	json_error_t why;
	size_t size;

	json_decref(answers->next);
	answers->next = NULL;
	if (!fgets(answers->text, sizeof(answers->text), answers->file))
		return ferror(answers->file) ? cmd_fail(STATUS_REFUSED, "cannot read '%s': %s",
							answers->path, strerror(errno))
					     : STATUS_DONE;
	answers->line++;
	size = strlen(answers->text);
	if (size == sizeof(answers->text) - 1 && answers->text[size - 1] != '\n')
		return bad_line(answers, "the line is too long");
	answers->next = json_loadb(answers->text, size, JSON_REJECT_DUPLICATES, &why);
	if (!answers->next)
		return cmd_fail(STATUS_BAD_INPUT, "%s:%u:%d: %s", answers->path, answers->line,
				why.column, why.text);
	return check_line(answers);
}

int answers_open(const struct options *options, struct answers **answers)
{
	struct answers *new = calloc(1, sizeof(*new));
	int status = STATUS_DONE;

	if (!new)
		return cmd_fail(STATUS_REFUSED, "out of memory");
	new->path = options->expect;
	new->json = options->json;
	new->file = cmd_open(new->path, &status);
	if (!status)
		status = read_line(new);
	if (status)
		answers_close(new);
	else
		*answers = new;
	return status;
}

void answers_close(struct answers *answers)
{
	if (!answers)
		return;
	if (answers->file && answers->file != stdin)
		fclose(answers->file);
	json_decref(answers->next);
	free(answers);
}

/* --- Compared ----------------------------------------------------------------------- */

/* Whether all that the line says is so. */
static bool agrees(json_t *expected, json_t *got)
{
	static const char *const keys[] = {"verdict", "reason", "assigned", "listener", "mark"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *value = json_object_get(expected, keys[i]);

		if (value && !json_equal(value, json_object_get(got, keys[i])))
			return false;
	}
	return true;
}

static const struct rule *find_rule(struct sim_world *world, const char *wanted)
{
	const struct rule_set *set = sim_world_rules(world);
	char text[RULE_TEXT_MAX];

	for (size_t i = 0; i < set->count; i++) {
		rule_print(&set->rules[i], &set->names, text, sizeof(text));
		if (strcmp(text, wanted) == 0)
			return &set->rules[i];
	}
	return NULL;
}

/* The rule expected has gone: what all but stands in its place. */
static void say_nearest(struct sim_world *world, const struct replay_packet *packet,
			char why[WHY_MAX])
{
	struct near_misses near = {};
	char text[RULE_TEXT_MAX];

	snprintf(why, WHY_MAX, "the rule expected is not among the rules");
	if (near_find(world, packet->frame, sim_world_packet(world), &packet->result->decision,
		      &near) != 0)
		return;
	if (near.count) {
		rule_print(near.list[0].rule, &sim_world_rules(world)->names, text, sizeof(text));
		snprintf(why, WHY_MAX,
			 "the rule expected is not among the rules; nearest is\n%s%s: %s", INDENT,
			 text, near.list[0].why);
	}
	near_free(&near);
}

static void say_not(struct sim_world *world, const struct replay_packet *packet,
		    const struct rule *rule, char why[WHY_MAX])
{
	char differs[NEAR_TEXT_MAX];

	near_say(world, packet->frame, sim_world_packet(world), &packet->result->decision, rule,
		 differs);
	snprintf(why, WHY_MAX, "of the rule expected: %s", differs);
}

static void say_why(struct sim_world *world, const struct replay_packet *packet, json_t *expected,
		    char why[WHY_MAX])
{
	const struct decision *d = &packet->result->decision;
	const char *wanted = json_string_value(json_object_get(expected, "rule"));
	const struct rule *rule = wanted ? find_rule(world, wanted) : NULL;

	if (!json_object_get(expected, "rule"))
		snprintf(why, WHY_MAX, "%s rule decides; which one was expected to is not told",
			 d->rule ? "a" : "no");
	else if (!wanted && d->rule)
		snprintf(why, WHY_MAX, "no rule was expected to decide, and this one does");
	else if (wanted && !rule)
		say_nearest(world, packet, why);
	else if (rule && rule->order != d->rule)
		say_not(world, packet, rule, why);
	else if (rule)
		snprintf(why, WHY_MAX,
			 "the rule is the expected one: what differs comes of what it meets "
			 "(settings, addresses, sockets)");
	else
		snprintf(why, WHY_MAX,
			 "no rule decides, and none was expected to: what differs comes before the "
			 "rules (settings, addresses, sockets, earlier packets)");
}

/* What there is to say in the line of an answer: "pass", "intercepted: handed to ..." */
static void print_answer(const char *name, json_t *answer)
{
	const char *verdict = json_string_value(json_object_get(answer, "verdict"));
	const char *reason = json_string_value(json_object_get(answer, "reason"));
	const char *rule = json_string_value(json_object_get(answer, "rule"));
	const struct ifw_reason_info *info = reason ? cmd_find_reason(reason) : NULL;

	printf("  %-8s  %s", name, verdict ? verdict : info ? "" : "no verdict");
	if (info)
		printf("%s%s: %s", verdict ? ", " : "", reason, info->text);
	putchar('\n');
	if (rule)
		printf("%s%s\n", INDENT, rule);
}

static int print_difference(const struct answers *answers, json_t *got, const char *text,
			    const char *why)
{
	if (answers->json) {
		json_t *line =
			json_pack("{s:b, s:I, s:s?, s:O?, s:O?, s:s}", "as_expected", 0, "packet",
				  json_integer_value(json_object_get(got, "packet")), "text", text,
				  "expected", answers->next, "got", got, "why", why);

		cmd_print_json(line);
		return STATUS_UNEXPECTED;
	}
	printf("packet %" JSON_INTEGER_FORMAT ": %s\n",
	       json_integer_value(json_object_get(got, "packet")), text);
	print_answer("expected", answers->next);
	print_answer("got", got);
	printf("  why       %s\n", why);
	return STATUS_UNEXPECTED;
}

/* It has no verdict that could be compared. */
static int check_undecided(const struct answers *answers, const struct replay_packet *packet)
{
	char where[REPLAY_WHERE_MAX], why[REPLAY_WHERE_MAX + 64];
	json_t *got;

	if (!answers->next || answers->number != packet->number)
		return STATUS_DONE;
	if (packet->fate == REPLAY_ELSEWHERE)
		snprintf(why, sizeof(why), "captured on %s, which the world does not have",
			 replay_elsewhere(packet, where));
	else
		snprintf(why, sizeof(why),
			 "only %" PRIu32 " of its %" PRIu32 " bytes were captured",
			 packet->captured->captured, packet->captured->length);
	got = json_pack("{s:I}", "packet", (json_int_t)packet->number);
	print_difference(answers, got, "not decided", why);
	json_decref(got);
	return STATUS_UNEXPECTED;
}

int answers_check(struct answers *answers, struct sim_world *world,
		  const struct replay_packet *packet)
{
	char text[CMD_PACKET_MAX], why[WHY_MAX];
	int status = STATUS_UNEXPECTED;
	json_t *got;

	if (packet->fate != REPLAY_DECIDED)
		return check_undecided(answers, packet);
	if (!answers->next || answers->number != packet->number)
		return cmd_fail(STATUS_UNEXPECTED, "packet %" PRIu64 ": '%s' has no answer to it",
				packet->number, answers->path);
	got = answer_json(world, packet->number, packet->result);
	if (!got)
		return cmd_fail(STATUS_REFUSED, "out of memory");
	if (agrees(answers->next, got)) {
		answers->packets++;
		status = read_line(answers);
	} else {
		cmd_packet(world, packet->frame, text);
		say_why(world, packet, answers->next, why);
		print_difference(answers, got, text, why);
	}
	json_decref(got);
	return status;
}

int answers_end(struct answers *answers, const char *capture)
{
	if (answers->next)
		return cmd_fail(STATUS_UNEXPECTED,
				"'%s' has an answer to packet %" PRIu64 ", and '%s' no such packet",
				answers->path, answers->number, capture);
	if (answers->json)
		cmd_print_json(json_pack("{s:b, s:I}", "as_expected", 1, "packets",
					 (json_int_t)answers->packets));
	else
		printf("%" PRIu64 " packet%s, answered as expected\n", answers->packets,
		       answers->packets == 1 ? "" : "s");
	return STATUS_DONE;
}
