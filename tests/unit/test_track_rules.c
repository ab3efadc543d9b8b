/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/track.h and flow_table.h: flows of what rules let in or intercept, and what
 * they spare or owe the rules.
 */
#include "track_world.h"

TestSuite(track, .init = setup, .fini = teardown);

static unsigned int prefixes_probed;

static void count_prefixes(void *arg, const struct sim_trace *t)
{
	(void)arg;
	prefixes_probed += t->kind == SIM_TRACE_PREFIX;
}

static unsigned int probes_for(const struct frame *frame, const char *iface, double at)
{
	prefixes_probed = 0;
	sim_world_trace(world, count_prefixes, NULL);
	decide_with(world, iface, frame, IN_AT(at));
	sim_world_trace(world, NULL, NULL);
	return prefixes_probed;
}

Test(track, what_a_rule_let_in_skips_the_walk)
{
	const struct frame let_in = LET_IN;

	cr_assert_gt(probes_for(&let_in, "eth0", 0), 0);
	cr_assert_eq(probes_for(&let_in, "eth0", 1), 0);
	IN(2, LET_IN, PASS, "rule-pass");		   /* by the rule, all the same */
	IN1(3, LET_IN, DROP, "no-rule");		   /* which is eth0's */
	IN(3, ITS_ANSWER, DROP, "no-rule");		   /* it has not left */
	cr_assert_gt(probes_for(&let_in, "eth0", 200), 0); /* forgotten */
	cr_assert_eq(probes_for(&let_in, "eth0", 201), 0);
	/* What another setting admits, or not, is asked anew. */
	sim_world_find_iface(world, "eth0")->settings.flags |= IFW_IFACE_NAMED_RULES;
	cr_assert_gt(probes_for(&let_in, "eth0", 202), 0);
	cr_assert_eq(probes_for(&let_in, "eth0", 203), 0);
	IN(204, LET_IN, PASS, "rule-pass");
}

static void set_rules(const char *text)
{
	struct rule_set set = {.names = *sim_world_names(world)};

	cr_assert_eq(grammar_parse_set(text, strlen(text), &set, fixture_diagnose, NULL), 0);
	cr_assert_eq(sim_world_set_rules(world, &set), 0);
	rule_set_clear(&set);
}

/* Whatever is remembered: the next packet meets the rules as they now are. */
Test(track, a_change_of_rules_takes_effect_at_once)
{
	IN(0, LET_IN, PASS, "rule-pass");
	set_rules("deny udp to 198.51.100.0/24 port 53\n");
	IN(1, LET_IN, DROP, "rule-deny");
	set_rules("");
	IN(2, LET_IN, DROP, "no-rule");
	set_rules(RULES);
	IN(3, LET_IN, PASS, "rule-pass");
	IN(3, LET_IN, PASS, "rule-pass");
}

Test(track, the_walk_is_skipped_again_after_a_change)
{
	const struct frame let_in = LET_IN;

	probes_for(&let_in, "eth0", 0);
	set_rules(RULES);
	cr_assert_gt(probes_for(&let_in, "eth0", 1), 0);
	cr_assert_eq(probes_for(&let_in, "eth0", 2), 0);
	cr_assert_eq(flow_count(world), 1);
}

Test(track, what_rules_let_in_is_counted_once_too)
{
	enum ifw_flow_class class;

	IN(0, LET_IN, PASS, "rule-pass");
	OUT1(0, LET_IN); /* on its way on */
	cr_assert_eq(flow_of(world, LET_IN, &class)->packets, 1);
	IN(1, LET_IN, PASS, "rule-pass");
	cr_assert_eq(flow_of(world, LET_IN, &class)->packets, 2);
}

Test(track, rules_are_remembered_only_where_tracking_is_on)
{
	set_rules("pass udp to 198.51.100.0/24 port 53\n");
	EXPECT_WITH(world, "eth2", LET_IN, IN_AT(0), PASS, "rule-pass");
	cr_assert_eq(flow_count(world), 0);
}

Test(track, rule_and_counter_stay_those_of_the_rule)
{
	struct frame f = LET_IN;
	struct sim_result first = decide_with(world, "eth0", &f, IN_AT(0));
	struct sim_result second = decide_with(world, "eth0", &f, IN_AT(1));

	cr_assert_neq(first.decision.rule, 0);
	cr_assert_eq(second.decision.rule, first.decision.rule);
	cr_assert_eq(second.decision.counter, first.decision.counter);
}

/* All of the rule is known again, whatever other packets have met in between. */
Test(track, a_known_rule_does_all_that_it_did)
{
	struct frame passed = LET_IN, taken = udp("192.0.2.9", 4000, "198.51.101.1", 53);
	struct sim_result result;
	__u32 pass_rule, intercept_rule;

	other_world(&world, WORLD "socket udp bound 127.0.0.1:7\n",
		    "pass udp to 198.51.100.0/24 port 53\n"
		    "intercept udp to 198.51.101.0/24 port 53 via 127.0.0.1:7\n");
	pass_rule = decide_with(world, "eth0", &passed, IN_AT(0)).decision.rule;
	intercept_rule = decide_with(world, "eth0", &taken, IN_AT(0)).decision.rule;
	cr_assert_neq(pass_rule, intercept_rule);
	cr_assert_eq(probes_for(&passed, "eth0", 1), 0);
	cr_assert_eq(probes_for(&taken, "eth0", 1), 0);
	result = decide_with(world, "eth0", &passed, IN_AT(2));
	cr_assert_eq(result.decision.reason, IFW_REASON_RULE_PASS);
	cr_assert_eq(result.decision.rule, pass_rule);
	result = decide_with(world, "eth0", &taken, IN_AT(2));
	cr_assert_eq(result.decision.reason, IFW_REASON_INTERCEPTED);
	cr_assert_eq(result.decision.rule, intercept_rule);
	cr_assert_eq(result.decision.counter, sim_world_rule(world, intercept_rule)->counter);
	cr_assert_eq(result.decision.assigned, IFW_ASSIGNED_LISTENER);
}

/* An answer that a rule of its own lets in, where nothing has left: the question's stays. */
Test(track, the_rule_of_an_answer_is_not_the_questions)
{
	struct frame question = LET_IN, answer = ITS_ANSWER;
	__u32 first, back;

	set_rules("pass udp to 198.51.100.0/24 port 53\npass udp to 192.0.2.0/24 port 4000\n");
	first = decide_with(world, "eth0", &question, IN_AT(0)).decision.rule;
	back = decide_with(world, "eth0", &answer, IN_AT(1)).decision.rule;
	cr_assert(first != 0 && back != 0 && first != back);
	cr_assert_eq(probes_for(&question, "eth0", 2), 0);
	cr_assert_eq(decide_with(world, "eth0", &question, IN_AT(3)).decision.rule, first);
}

/* What is for this host itself is let in by the rule as well, and its answers are. */
Test(track, what_an_intercept_rule_leaves_to_the_host_is_remembered)
{
	set_rules("intercept udp to 10.0.0.0/24 port 53 via 127.0.0.1:7\n");
	IN(0, udp("192.0.2.9", 4000, "10.0.0.1", 53), PASS, "local");
	cr_assert_eq(flow_count(world), 1);
}

/* Of a flow whose rule is gone the socket's packets keep the flow alive. */
Test(track, what_a_socket_takes_is_told_to_its_flow)
{
	const char peer[] = "socket udp connected 198.51.100.1:53 192.0.2.9:4000\n";
	enum ifw_flow_class class;

	IN(0, LET_IN, PASS, "rule-pass");
	set_rules("");
	cr_assert_eq(sim_world_parse(world, peer, strlen(peer), fixture_diagnose, NULL), 0);
	IN(20, LET_IN, PASS, "established");
	cr_assert_eq(flow_of(world, LET_IN, &class)->packets, 2);
	IN(40, LET_IN, PASS, "established");
	cr_assert_eq(flow_of(world, LET_IN, &class)->packets, 3);
}

/* --- Answers in another's name ------------------------------------------------------------ */

#define PROXY_WORLD                                                                                \
	"interface eth0 index 2 address 10.0.0.1/24\n"                                             \
	"set eth0 track on\n"                                                                      \
	"socket udp bound 127.0.0.1:43321\nsocket tcp listen 127.0.0.1:43321\n"                    \
	"socket udp bound 10.9.8.7:53\nsocket udp bound 10.9.8.7:54\n"                             \
	"socket udp bound 10.0.0.1:53\n"                                                           \
	"socket tcp established 10.9.8.7:80 10.0.0.2:4000\n"

#define PROXY_RULES                                                                                \
	"intercept udp to 10.0.0.0/8 port 53 via 127.0.0.1:43321\n"                                \
	"intercept tcp to 10.0.0.0/8 port 80 via 127.0.0.1:43321\n"                                \
	"deny udp to 10.0.0.0/8 port 54\n"

/* The proxy answers when its client's flow is gone: what the client says next is for the proxy. */
Test(track, nobody_gets_past_a_proxy_that_answered_late)
{
	other_world(&world, PROXY_WORLD, PROXY_RULES);
	OUT(0, udp("10.9.8.7", 53, "10.0.0.2", 5555));
	IN(1, udp("10.0.0.2", 5555, "10.9.8.7", 53), PASS, "intercepted");
	IN(2, udp("10.0.0.2", 5555, "10.9.8.7", 53), PASS, "intercepted");
	OUT(3, udp("10.9.8.7", 53, "10.0.0.2", 5555));
	IN(4, udp("10.0.0.2", 5555, "10.9.8.7", 53), PASS, "intercepted");
}

/* No rule of another kind, and nothing that was forwarded or asked by this host itself. */
Test(track, other_answers_in_anothers_name_pass)
{
	enum ifw_flow_class class;

	other_world(&world, PROXY_WORLD, PROXY_RULES);
	OUT(0, udp("10.9.8.7", 54, "10.0.0.2", 5555));
	IN(1, udp("10.0.0.2", 5555, "10.9.8.7", 54), PASS, "tracked");
	cr_assert_eq(flow_of(world, udp("10.9.8.7", 54, "10.0.0.2", 5555), &class)->packets, 2);
	OUT(2, udp("10.9.8.8", 53, "10.0.0.2", 5555)); /* forwarded */
	IN(3, udp("10.0.0.2", 5555, "10.9.8.8", 53), PASS, "tracked");
	OUT(4, udp("10.0.0.1", 53, "10.0.0.2", 5555));
	IN(5, udp("10.0.0.2", 5555, "10.0.0.1", 53), PASS, "tracked");
}

/* A reset that the kernel sends in the place of a proxy that died. */
Test(track, a_reset_without_a_socket_shows_no_forwarding)
{
	const struct segment data = {.flags = ACK, .sequence = 1, .acknowledgement = 2};
	struct frame leaving =
		with_segment(tcp("10.9.8.7", 80, "10.0.0.2", 4000),
			     (struct segment){.flags = ACK, .sequence = 2, .acknowledgement = 1});
	struct frame reset = with_segment(tcp("10.9.8.7", 80, "10.0.0.2", 4000),
					  (struct segment){.flags = RST, .sequence = 2});

	other_world(&world, PROXY_WORLD, PROXY_RULES);
	OUT(0, leaving);
	IN(1, with_segment(tcp("10.0.0.2", 4000, "10.9.8.7", 80), data), PASS, "established");
	sim_world_clear_sockets(world);
	OUT(2, reset);
	IN(3, with_segment(tcp("10.0.0.2", 4000, "10.9.8.7", 80), data), DROP, "no-listener");
}
