/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_scenarios.c - every scenario of fixtures/ through the simulator: verdict,
 * reason, rule and assigned socket of each packet. What a real interface makes
 * of the same files is tests/netns/test_scenarios.py's question.
 */
#include "scenario_fixture.h"

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
	struct text text = read_text(scenario, "expect"), rules = read_text(scenario, "rules");
	struct rule_set set = read_rules(scenario, world, rules);
	struct capture *capture = open_packets(scenario);
	char *rest = text.bytes;
	struct expect expect;
	unsigned int packets = 0;
	struct capture_packet packet;
	char message[CAPTURE_MESSAGE_MAX];

	check_rules_as_printed(scenario, &set, rules.bytes);
	while (next_expect(scenario, &rest, &expect)) {
		struct sim_result result;
		struct sim_frame frame;
		int error;

		cr_assert_eq(capture_next(capture, &packet, message), 1, "%s: packet %s is missing",
			     scenario, expect.number);
		frame = frame_of(scenario, world, &expect, &packet);
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
	free(rules.bytes);
	rule_set_clear(&set);
	sim_world_destroy(world);
}

/* --- All of them ------------------------------------------------------------- */

ParameterizedTestParameters(scenarios, decided)
{
	return each_scenario();
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
