/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_scenarios.c - every scenario of fixtures/ through the simulator: verdict,
 * reason, rule and assigned socket of each packet. What a real interface makes
 * of the same files is tests/netns/test_scenarios.py's question.
 *
 * SCENARIO_DIR in the environment names another folder of scenarios.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "ruleset/grammar.h"
#include "sim/capture.h"
#include "sim/sim.h"

#define NAME_SIZE 96
#define EXPECT_FIELDS 8

static const char *scenario_dir(void)
{
	const char *dir = getenv("SCENARIO_DIR");

	return dir ? dir : SCENARIO_DIR;
}

/* --- The files of a scenario ----------------------------------------------- */

struct text {
	char *bytes; /* terminated */
	size_t size;
};

static struct text read_text(const char *scenario, const char *name)
{
	struct text text = {};
	char *path = NULL;
	size_t room = 0;
	FILE *file;

	cr_assert(asprintf(&path, "%s/%s/%s", scenario_dir(), scenario, name) > 0);
	file = fopen(path, "re");
	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	do {
		if (text.size + 1 >= room) {
			room = room ? 2 * room : 4096;
			text.bytes = realloc(text.bytes, room);
			cr_assert_not_null(text.bytes);
		}
		text.size += fread(text.bytes + text.size, 1, room - text.size - 1, file);
	} while (!feof(file) && !ferror(file));
	cr_assert(!ferror(file), "%s: cannot be read", path);
	text.bytes[text.size] = '\0';
	fclose(file);
	free(path);
	return text;
}

/* One line of "expect"; the fields point into it. */
struct expect {
	const char *number;
	const char *iface;
	const char *verdict;
	const char *reason;
	const char *assigned;
	const char *rule;
	const char *marked;
	const char *direction;
};

/* Takes the next line off *rest; false at its end. */
static bool next_expect(const char *scenario, char **rest, struct expect *expect)
{
	char *line = strsep(rest, "\n"), *field[EXPECT_FIELDS];

	if (!line || !line[0])
		return false;
	for (int i = 0; i < EXPECT_FIELDS; i++) {
		field[i] = strsep(&line, "\t");
		cr_assert_not_null(field[i], "%s/expect: field %d is missing", scenario, i + 1);
	}
	cr_assert_null(line, "%s/expect: more than %d fields", scenario, EXPECT_FIELDS);
	*expect = (struct expect){field[0], field[1], field[2], field[3],
				  field[4], field[5], field[6], field[7]};
	return true;
}

static void report(void *arg, const struct diagnostic *d)
{
	/* Whether it is accepted is the return value's business; why not is said here. */
	if (d->severity == SEVERITY_ERROR)
		fprintf(stderr, "%s:%u:%u: %s\n", (const char *)arg, d->line, d->column,
			d->message);
}

static struct sim_world *read_world(const char *scenario)
{
	struct text text = read_text(scenario, "world");
	struct sim_world *world;

	cr_assert_eq(sim_world_create(&world), 0);
	cr_assert_eq(sim_world_parse(world, text.bytes, text.size, report, "world"), 0,
		     "%s: the world is refused", scenario);
	free(text.bytes);
	return world;
}

/* Rules stand in a scenario as they are printed, so that they can be compared as text. */
static void check_rules_as_printed(const char *scenario, const struct rule_set *set, char *text)
{
	char print[RULE_TEXT_MAX], *line;

	for (size_t i = 0; i < set->count; i++) {
		line = strsep(&text, "\n");
		rule_print(&set->rules[i], &set->names, print, sizeof(print));
		cr_expect_str_eq(line ? line : "", print,
				 "%s: rule %zu stands as '%s' and prints as '%s'", scenario, i + 1,
				 line ? line : "", print);
	}
}

static void read_rules(const char *scenario, struct sim_world *world, struct rule_set *set)
{
	struct text text = read_text(scenario, "rules");

	*set = (struct rule_set){.names = *sim_world_names(world)};
	cr_assert_eq(grammar_parse_set(text.bytes, text.size, set, report, "rules"), 0,
		     "%s: the rules are refused", scenario);
	cr_assert_eq(sim_world_set_rules(world, set), 0, "%s: the rules are not taken", scenario);
	check_rules_as_printed(scenario, set, text.bytes);
	free(text.bytes);
}

static struct capture *open_packets(const char *scenario)
{
	char message[CAPTURE_MESSAGE_MAX] = "";
	struct capture *capture;
	char *path = NULL;
	FILE *file;

	cr_assert(asprintf(&path, "%s/%s/packets.pcap", scenario_dir(), scenario) > 0);
	file = fopen(path, "re");
	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	cr_assert_eq(capture_open(file, &capture, message), 0, "%s: %s", path, message);
	free(path);
	return capture;
}

/* --- Comparison -------------------------------------------------------------- */

static const char *assigned_name(uint8_t assigned)
{
	switch (assigned) {
	case IFW_ASSIGNED_NONE:
		return "-";
	case IFW_ASSIGNED_ESTABLISHED:
		return "established";
	case IFW_ASSIGNED_LISTENER:
		return "listener";
	default:
		return "?";
	}
}

static const char *reason_name(uint8_t reason)
{
	const struct ifw_reason_info *info = ifw_reason_info(reason);

	return info ? info->name : "?";
}

static void compare(const char *scenario, struct sim_world *world, const struct rule_set *set,
		    const struct expect *expect, const struct sim_result *result)
{
	const struct rule *rule = sim_world_rule(world, result->decision.rule);
	const char *verdict = result->decision.verdict == IFW_VERDICT_PASS ? "pass" : "drop";
	char print[RULE_TEXT_MAX] = "-";
	bool should_mark, same;

	cr_expect_eq(!rule, result->decision.rule == 0,
		     "%s, packet %s: rule number %u is of no rule", scenario, expect->number,
		     result->decision.rule);
	if (rule)
		rule_print(rule, &set->names, print, sizeof(print));
	same = strcmp(verdict, expect->verdict) == 0 &&
	       strcmp(reason_name(result->decision.reason), expect->reason) == 0 &&
	       strcmp(assigned_name(result->decision.assigned), expect->assigned) == 0 &&
	       strcmp(print, expect->rule) == 0;
	cr_expect(
		same,
		"%s, packet %s on %s\n  expected: %s %s, assigned %s, rule %s\n  decided:  %s %s, "
		"assigned %s, rule %s",
		scenario, expect->number, expect->iface, expect->verdict, expect->reason,
		expect->assigned, expect->rule, verdict, reason_name(result->decision.reason),
		assigned_name(result->decision.assigned), print);

	should_mark = strcmp(expect->marked, "marked") == 0;
	cr_expect_eq(result->mark != 0, should_mark, "%s, packet %s: its mark is %#x", scenario,
		     expect->number, result->mark);
	cr_expect_eq(result->decision.marked, should_mark,
		     "%s, packet %s: the decision says otherwise about its mark", scenario,
		     expect->number);
}

static void run_scenario(const char *scenario)
{
	struct sim_world *world = read_world(scenario);
	struct text text = read_text(scenario, "expect");
	struct capture *capture = open_packets(scenario);
	char *rest = text.bytes;
	struct expect expect;
	struct rule_set set;
	unsigned int packets = 0;
	struct capture_packet packet;
	char message[CAPTURE_MESSAGE_MAX];

	read_rules(scenario, world, &set);
	while (next_expect(scenario, &rest, &expect)) {
		struct sim_result result;
		struct sim_frame frame = {.ifindex = sim_world_ifindex(world, expect.iface)};
		int error;

		cr_assert_neq(frame.ifindex, 0, "%s, packet %s: no interface %s", scenario,
			      expect.number, expect.iface);
		cr_assert_eq(capture_next(capture, &packet, message), 1, "%s: packet %s is missing",
			     scenario, expect.number);
		frame.data = packet.data;
		frame.length = packet.captured;
		frame.time_ns = packet.time_ns;
		if (strcmp(expect.direction, "out") == 0)
			frame.direction = IFW_DIRECTION_OUT;
		error = sim_decide(world, &frame, &result);
		cr_assert_eq(error, 0, "%s, packet %s: %s", scenario, expect.number,
			     error == -EPROTO ? result.violation : strerror(-error));
		compare(scenario, world, &set, &expect, &result);
		packets++;
	}
	cr_expect_eq(capture_next(capture, &packet, message), 0, "%s: more packets than expected",
		     scenario);
	cr_expect_gt(packets, 0, "%s: no packets", scenario);

	capture_close(capture);
	free(text.bytes);
	rule_set_clear(&set);
	sim_world_destroy(world);
}

/* --- All of them ------------------------------------------------------------- */

struct scenario_name {
	char text[NAME_SIZE]; /* in place: parameters cross over into another process */
};

static int is_scenario(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Names in order; 0 where the folder is missing, too. */
static size_t list_scenarios(struct scenario_name **names)
{
	struct dirent **entries = NULL;
	int count = scandir(scenario_dir(), &entries, is_scenario, alphasort);
	size_t listed = 0;

	if (count <= 0)
		return 0;
	*names = calloc((size_t)count, sizeof(**names));
	for (int i = 0; i < count; i++) {
		size_t size = strlen(entries[i]->d_name) + 1;

		/* One that is too long would be missed; the end counts on all. */
		if (*names && size <= NAME_SIZE)
			memcpy((*names)[listed++].text, entries[i]->d_name, size);
		free(entries[i]);
	}
	free(entries);
	return listed == (size_t)count ? listed : 0;
}

ParameterizedTestParameters(scenarios, decided)
{
	struct scenario_name *names = NULL, *shared;
	size_t count = list_scenarios(&names);

	/* Criterion hands its own memory to the processes that tests run in. */
	shared = cr_calloc(count ? count : 1, sizeof(*shared));
	if (!shared)
		count = 0;
	for (size_t i = 0; i < count; i++)
		shared[i] = names[i];
	free(names);
	return cr_make_param_array(struct scenario_name, shared, count);
}

ParameterizedTest(struct scenario_name *name, scenarios, decided)
{
	run_scenario(name->text);
}

/* A folder that is empty, or without a reason of the table, must not look like success. */
Test(scenarios, every_reason_and_verdict_is_covered)
{
	bool seen[IFW_REASON_END][IFW_VERDICTS] = {};
	struct scenario_name *names = NULL;
	size_t count = list_scenarios(&names);

	cr_assert_gt(count, 0, "no scenarios in %s", scenario_dir());
	for (size_t i = 0; i < count; i++) {
		struct text text = read_text(names[i].text, "expect");
		char *rest = text.bytes;
		struct expect expect;

		while (next_expect(names[i].text, &rest, &expect))
			for (uint8_t r = IFW_REASON_NONE + 1; r < IFW_REASON_END; r++)
				if (strcmp(reason_name(r), expect.reason) == 0)
					seen[r][strcmp(expect.verdict, "pass") == 0] = true;
		free(text.bytes);
	}
	for (uint8_t r = IFW_REASON_NONE + 1; r < IFW_REASON_END; r++)
		for (int verdict = 0; verdict < IFW_VERDICTS; verdict++)
			cr_expect_eq(seen[r][verdict],
				     (ifw_reason_info(r)->verdicts >> verdict & 1) != 0,
				     "%s with %s: %s", reason_name(r), verdict ? "pass" : "drop",
				     seen[r][verdict] ? "a scenario has what the table excludes"
						      : "no scenario has it");
	free(names);
}
