/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/track.h and flow_table.h: answers to what left pass, and
 * nothing else does; UDP and echo (TCP: test_flow_tcp.c).
 */
#include "track_fixture.h"

#define WORLD                                                                                      \
	"interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"                      \
	"interface eth1 index 3 address 10.0.1.1/24\n"                                             \
	"interface eth2 index 4 address 10.0.2.1/24\n"                                             \
	"interface lo address 127.0.0.1/8\n"                                                       \
	"set eth0 track on\n"                                                                      \
	"set eth1 track on\n"                                                                      \
	"socket udp bound 0.0.0.0:123\n"                                                           \
	"socket udp connected 10.0.0.1:5353 192.0.2.1:53\n"

#define RULES "pass udp to 198.51.100.0/24 port 53 on eth0\n"

static struct sim_world *world;

static void setup(void)
{
	world = world_of(WORLD, RULES);
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(track, .init = setup, .fini = teardown);

#define ASK udp("10.0.0.1", 123, "192.0.2.1", 123)
#define ANSWER udp("192.0.2.1", 123, "10.0.0.1", 123)

Test(track, answers_pass_where_something_left)
{
	IN(0, ANSWER, DROP, "no-rule");
	OUT(1, ASK);
	IN(2, ANSWER, PASS, "tracked");
	IN(3, ANSWER, PASS, "tracked"); /* several to one question */
}

Test(track, each_part_of_the_tuple_counts)
{
	OUT(0, ASK);
	IN(1, udp("192.0.2.2", 123, "10.0.0.1", 123), DROP, "no-rule");
	IN(1, udp("192.0.2.1", 124, "10.0.0.1", 123), DROP, "no-rule");
	IN(1, udp("192.0.2.1", 123, "10.0.0.2", 123), DROP, "no-rule");
	IN(1, udp("192.0.2.1", 123, "10.0.0.1", 124), DROP, "no-rule");
	IN(1, tcp("192.0.2.1", 123, "10.0.0.1", 123), DROP, "no-rule");
	IN(1, ASK, DROP, "no-rule"); /* the question itself, from outside */
	IN(1, ANSWER, PASS, "tracked");
}

Test(track, in_ipv6_too)
{
	OUT(0, udp("2001:db8::1", 5000, "2001:db8:9::1", 53));
	IN(1, udp("2001:db8:9::1", 53, "2001:db8::1", 5000), PASS, "tracked");
	IN(1, udp("2001:db8:9::1", 53, "2001:db8::1", 5001), DROP, "no-rule");
	IN(1, udp("2001:db8:9::2", 53, "2001:db8::1", 5000), DROP, "no-rule");
}

/* Unreplied 30 s, replied 120 s, each since the last packet of either side. */
Test(track, flows_expire)
{
	OUT(0, ASK);
	IN(30, ANSWER, DROP, "no-rule");
	OUT(40, ASK);
	IN(69.9, ANSWER, PASS, "tracked");
	IN(189.8, ANSWER, PASS, "tracked");
	IN(309.8, ANSWER, DROP, "no-rule");
	OUT(310, ASK);
	IN(339.9, ANSWER, PASS, "tracked");
}

/*
 * A question and its answers are soon over: only what is answered and goes on for more
 * than 2 s counts as replied, whichever side says so.
 */
Test(track, udp_is_replied_once_it_goes_on)
{
	enum ifw_flow_class class;

	OUT(0, ASK);
	IN(0.1, ANSWER, PASS, "tracked");
	IN(2, ANSWER, PASS, "tracked");
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_UNREPLIED);
	cr_assert_eq(class, IFW_FLOWS_NEW);
	IN(32, ANSWER, DROP, "no-rule"); /* unreplied to the end */

	OUT(40, ASK);
	OUT(43, ASK); /* asked again, and still not answered */
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_UNREPLIED);
	IN(44, ANSWER, PASS, "tracked");
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_REPLIED);
	cr_assert_eq(class, IFW_FLOWS_REPLIED);
	IN(163.9, ANSWER, PASS, "tracked");

	OUT(300, ASK);
	IN(300.1, ANSWER, PASS, "tracked");
	OUT(302, ASK);
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_UNREPLIED);
	/* The side that began goes on. */
	EXPECT_WITH(world, "eth0", ASK,
		    ((struct sim_frame){.time_ns = START + 302 * SECOND + 1,
					.direction = IFW_DIRECTION_OUT}),
		    PASS, "egress-pass");
	cr_assert_eq(flow_of(world, ASK, &class)->state, IFW_FLOW_UDP_REPLIED);
	cr_assert_eq(flow_count(world), 1);
}

/* The clocks of two CPUs differ by a jiffy, so an answer may seem to be the older one. */
Test(track, udp_does_not_go_on_before_it_began)
{
	enum ifw_flow_class class;

	OUT(1, ASK);
	IN(0.99, ANSWER, PASS, "tracked");
	flow_of(world, ASK, &class);
	cr_assert_eq(class, IFW_FLOWS_NEW);
}

/* The same where a rule has let the question in: its answers leave. */
Test(track, udp_that_was_let_in_is_replied_once_it_goes_on)
{
	struct frame question = udp("192.0.2.9", 4000, "198.51.100.1", 53);
	enum ifw_flow_class class;

	IN(0, question, PASS, "rule-pass");
	OUT(0.1, udp("198.51.100.1", 53, "192.0.2.9", 4000));
	IN(1, question, PASS, "rule-pass");
	flow_of(world, question, &class);
	cr_assert_eq(class, IFW_FLOWS_NEW);
	OUT(3, udp("198.51.100.1", 53, "192.0.2.9", 4000));
	flow_of(world, question, &class);
	cr_assert_eq(class, IFW_FLOWS_REPLIED);
}

Test(track, timeouts_can_be_set)
{
	world->track.timeouts_ns[IFW_FLOW_UDP_UNREPLIED] = 5 * SECOND;
	world->track.timeouts_ns[IFW_FLOW_UDP_REPLIED] = 7 * SECOND;
	OUT(0, ASK);
	IN(5, ANSWER, DROP, "no-rule");
	OUT(6, ASK);
	IN(10.9, ANSWER, PASS, "tracked");
	IN(17.8, ANSWER, PASS, "tracked");
	IN(24.9, ANSWER, DROP, "no-rule");
}

/* Answers may take another way, but only one where tracking is on. */
Test(track, flows_are_the_hosts_and_not_an_interfaces)
{
	OUT(0, ASK);
	IN1(1, ANSWER, PASS, "tracked");
	EXPECT_WITH(world, "eth2", ANSWER, IN_AT(1), DROP, "no-rule");
}

Test(track, off_remembers_nothing)
{
	EXPECT_WITH(world, "eth2", udp("10.0.2.1", 123, "192.0.2.1", 123), OUT_AT(0), PASS,
		    "egress-pass");
	cr_assert_eq(flow_count(world), 0);
	EXPECT_WITH(world, "lo", udp("127.0.0.1", 123, "127.0.0.1", 124), OUT_AT(0), PASS,
		    "egress-pass");
	cr_assert_eq(flow_count(world), 0);
}

/* Of a multicast or broadcast question nobody can tell the answers. */
Test(track, nobody_answers_from_a_group)
{
	OUT(0, udp("10.0.0.1", 5353, "224.0.0.251", 5353));
	OUT(0, udp("10.0.0.1", 68, "255.255.255.255", 6700));
	OUT(0, udp("2001:db8::1", 5353, "ff02::fb", 5353));
	cr_assert_eq(flow_count(world), 0);
}

/* A connected socket is found first, since it gets the packet assigned. */
Test(track, sockets_come_first)
{
	struct frame answer = udp("192.0.2.1", 53, "10.0.0.1", 5353);

	OUT(0, udp("10.0.0.1", 5353, "192.0.2.1", 53));
	IN(1, answer, PASS, "established");
}

/* --- Forwarded ------------------------------------------------------------------ */

#define CLIENT_ASKS udp("10.0.0.9", 4000, "192.0.2.1", 53)
#define SERVER_ANSWERS udp("192.0.2.1", 53, "10.0.0.9", 4000)

Test(track, forwarded_flows)
{
	enum ifw_flow_class class;

	IN1(0, SERVER_ANSWERS, DROP, "no-rule");
	OUT1(1, CLIENT_ASKS);
	cr_assert_eq(flow_of(world, CLIENT_ASKS, &class)->forwarded, 1);
	cr_assert_eq(class, IFW_FLOWS_NEW);
	IN1(2, SERVER_ANSWERS, PASS, "tracked");
	OUT(2, SERVER_ANSWERS);
	IN1(4, SERVER_ANSWERS, PASS, "tracked");
	flow_of(world, CLIENT_ASKS, &class);
	cr_assert_eq(class, IFW_FLOWS_REPLIED);
	cr_assert_eq(flow_count(world), 1);
}

#define LET_IN udp("192.0.2.9", 4000, "198.51.100.1", 53)
#define ITS_ANSWER udp("198.51.100.1", 53, "192.0.2.9", 4000)

static unsigned int sockets_asked;

static void count_sockets(void *arg, const struct sim_trace *t)
{
	(void)arg;
	sockets_asked += t->kind == SIM_TRACE_SOCKET_UDP;
}

/* No socket has what was forwarded; as soon as one sends, that is asked for again. */
Test(track, no_socket_is_looked_for_where_none_can_be)
{
	struct frame answer = SERVER_ANSWERS;

	OUT1(0, CLIENT_ASKS);
	sim_world_trace(world, count_sockets, NULL);
	decide_with(world, "eth1", &answer, IN_AT(1));
	cr_assert_eq(sockets_asked, 0);
	sim_world_destroy(world);
	world = world_of(WORLD "socket udp connected 10.0.0.9:4000 192.0.2.1:53\n"
			       "flow udp 10.0.0.9:4000 192.0.2.1:53 forwarded\n",
			 "");
	OUT1(1, CLIENT_ASKS);
	IN1(1, SERVER_ANSWERS, PASS, "established");
}

/*
 * Nor where a socket without a peer has asked from an own address: no other can be
 * connected to the peer, unless it was made since, and is told by what it sends.
 */
Test(track, no_socket_is_looked_for_where_the_one_that_asked_has_no_peer)
{
	struct frame answer = udp("192.0.2.1", 53, "10.0.0.1", 6000);
	struct frame question = udp("10.0.0.1", 6000, "192.0.2.1", 53);
	struct frame elsewhere = udp("192.0.2.1", 53, "10.9.9.9", 6000);

	const char later[] = "socket udp connected 10.0.0.1:6000 192.0.2.1:53\n";

	sim_world_destroy(world);
	world = world_of(WORLD "socket udp bound 0.0.0.0:6000\nsocket udp bound 10.9.9.9:6000\n",
			 "");
	OUT(0, question);
	sim_world_trace(world, count_sockets, NULL);
	IN(1, answer, PASS, "tracked");
	cr_assert_eq(sockets_asked, 0);
	OUT(1, udp("10.9.9.9", 6000, "192.0.2.1", 53));
	IN(1, elsewhere, PASS, "tracked");
	cr_assert_eq(sockets_asked, 1, "an address of others may be that of a flow to be marked");
	sim_world_trace(world, NULL, NULL);
	cr_assert_eq(sim_world_parse(world, later, strlen(later), fixture_diagnose, NULL), 0);
	IN(2, answer, PASS, "tracked");
	OUT(2, question);
	IN(3, answer, PASS, "established");
}

/*
 * A raw socket has no peer either, and sends TCP: the connection, if there is one, is
 * another socket's, which must be found.
 */
Test(track, tcp_from_a_socket_without_a_peer_says_nothing)
{
	enum ifw_flow_class class;
	struct sim_frame in = OUT_AT(0);
	const struct frame syn = with_segment(tcp("10.0.0.1", 6000, "192.0.2.1", 80),
					      (struct segment){.flags = SYN});
	const struct frame question = udp("10.0.0.1", 6000, "192.0.2.1", 53);

	in.sender = SIM_SENT_BY(IFW_SENDER_NO_PEER);
	decide_with(world, "eth0", &syn, in);
	decide_with(world, "eth0", &question, in);
	cr_assert_eq(flow_of(world, syn, &class)->no_peer, 0);
	cr_assert_eq(flow_of(world, question, &class)->no_peer, 1);
}

/* Nor for what the side that began sends on, by the rule that is known. */
Test(track, no_socket_is_looked_for_on_the_way_there)
{
	struct frame question = LET_IN;

	IN(0, LET_IN, PASS, "rule-pass");
	OUT1(0, LET_IN);
	sim_world_trace(world, count_sockets, NULL);
	decide_with(world, "eth0", &question, IN_AT(1));
	sim_world_trace(world, NULL, NULL);
	cr_assert_eq(sockets_asked, 0);
}

/* Between two addresses that are the same, ports tell the ends apart. */
Test(track, ends_with_one_address)
{
	OUT(0, udp("10.0.0.1", 9, "10.0.0.1", 5));
	IN(1, udp("10.0.0.1", 5, "10.0.0.1", 9), PASS, "tracked");
	IN(1, udp("10.0.0.1", 9, "10.0.0.1", 5), DROP, "no-rule");
}

/*
 * Answers without a socket (SYN cookies) do not show that the flow is forwarded: only
 * what the side that began sends on does. Else a listener would get its packets.
 */
Test(track, answers_tell_nothing_of_forwarding)
{
	struct frame question = udp("192.0.2.9", 4000, "198.51.100.1", 53);
	struct frame answer = udp("198.51.100.1", 53, "192.0.2.9", 4000);
	enum ifw_flow_class class;

	IN(0, question, PASS, "rule-pass");
	OUT(1, answer);
	cr_assert_eq(flow_of(world, question, &class)->forwarded, 0);
	OUT1(2, question);
	cr_assert_eq(flow_of(world, question, &class)->forwarded, 1);
}

/* But one from a socket here, which answers in the server's name, shows that there is one. */
Test(track, an_answer_from_a_socket_ends_forwarding)
{
	enum ifw_flow_class class;

	OUT1(0, CLIENT_ASKS);
	cr_assert_eq(flow_of(world, CLIENT_ASKS, &class)->forwarded, 1);
	OUT(1, SERVER_ANSWERS);
	cr_assert_eq(flow_of(world, CLIENT_ASKS, &class)->forwarded, 1);
	sim_world_destroy(world);
	world = world_of(WORLD "socket udp connected 192.0.2.1:53 10.0.0.9:4000\n"
			       "flow udp 10.0.0.9:4000 192.0.2.1:53 forwarded\n",
			 "");
	OUT(1, SERVER_ANSWERS);
	cr_assert_eq(flow_of(world, CLIENT_ASKS, &class)->forwarded, 0);
}

/* The host's flows have a socket, which the world lists, or at least its address. */
Test(track, own_flows)
{
	enum ifw_flow_class class;

	OUT(0, ASK);
	cr_assert_eq(flow_of(world, ASK, &class)->forwarded, 0);
	OUT(0, udp("10.0.0.1", 7, "192.0.2.1", 8));
	cr_assert_eq(flow_of(world, udp("10.0.0.1", 7, "192.0.2.1", 8), &class)->forwarded, 0);
}

/* --- What rules let in ------------------------------------------------------------ */

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

	sim_world_destroy(world);
	world = world_of(WORLD "socket udp bound 127.0.0.1:7\n",
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

/* --- Echo --------------------------------------------------------------------------- */

Test(track, pings)
{
	IN(0, echo("192.0.2.1", "10.0.0.1", false, 7), DROP, "protocol");
	OUT(0, echo("10.0.0.1", "192.0.2.1", true, 7));
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 7), PASS, "tracked");
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 7), PASS, "tracked");
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 8), DROP, "protocol");
	IN(1, echo("192.0.2.2", "10.0.0.1", false, 7), DROP, "protocol");
	IN(1, echo("192.0.2.1", "10.0.0.2", false, 7), DROP, "protocol");
	IN(1, echo("192.0.2.1", "10.0.0.1", true, 7), DROP, "icmp-echo");
	IN(31, echo("192.0.2.1", "10.0.0.1", false, 7), DROP, "protocol");
}

/* However long one goes on: it does not turn into a flow of UDP. */
Test(track, pings_that_go_on)
{
	const struct frame asked = echo("10.0.0.1", "192.0.2.1", true, 7);

	OUT(0, asked);
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 7), PASS, "tracked");
	OUT(9, asked);
	IN(10, echo("192.0.2.1", "10.0.0.1", false, 7), PASS, "tracked");
	cr_assert_eq(HASH_COUNT(world->flows[IFW_FLOWS_REPLIED]), 1);
	cr_assert_eq(world->flows[IFW_FLOWS_REPLIED]->value.state, IFW_FLOW_ICMP_REPLIED);
}

/* Of ICMP only type, code and checksum must be there. */
Test(track, an_echo_without_an_identifier_is_of_no_flow)
{
	struct frame cut = echo("192.0.2.1", "10.0.0.1", false, 7);

	OUT(0, echo("10.0.0.1", "192.0.2.1", true, 7));
	IN(1, cut, PASS, "tracked");
	grow_ip(&cut, -1);
	IN(1, cut, DROP, "protocol");
	cut = echo("10.0.0.1", "192.0.2.9", true, 7);
	grow_ip(&cut, -1);
	OUT(2, cut);
	cr_assert_eq(flow_count(world), 1);
}

/* An answer that leaves asks nothing, and a question from there is another flow. */
Test(track, answers_to_pings_open_nothing)
{
	OUT(0, echo("10.0.0.1", "192.0.2.1", false, 7));
	cr_assert_eq(flow_count(world), 0);
	IN(1, echo("192.0.2.1", "10.0.0.1", false, 7), DROP, "protocol");
	OUT(2, echo("10.0.0.1", "192.0.2.1", true, 7));
	OUT(2, echo("192.0.2.1", "10.0.0.1", true, 7));
	cr_assert_eq(flow_count(world), 2);
}

Test(track, pings_of_ipv6)
{
	OUT(0, echo("2001:db8::1", "2001:db8:9::1", true, 7));
	IN(1, echo("2001:db8:9::1", "2001:db8::1", false, 7), PASS, "tracked");
	IN(1, echo("2001:db8:9::1", "2001:db8::1", false, 8), DROP, "protocol");
}

Test(track, echo_with_a_code_is_none)
{
	struct frame odd = echo("192.0.2.1", "10.0.0.1", false, 7);

	odd.bytes[L4 + 1] = 1;
	OUT(0, echo("10.0.0.1", "192.0.2.1", true, 7));
	IN(1, odd, DROP, "protocol");
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
	sim_world_destroy(world);
	world = world_of(PROXY_WORLD, PROXY_RULES);
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

	sim_world_destroy(world);
	world = world_of(PROXY_WORLD, PROXY_RULES);
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

	sim_world_destroy(world);
	world = world_of(PROXY_WORLD, PROXY_RULES);
	OUT(0, leaving);
	IN(1, with_segment(tcp("10.0.0.2", 4000, "10.9.8.7", 80), data), PASS, "established");
	sim_world_clear_sockets(world);
	OUT(2, reset);
	IN(3, with_segment(tcp("10.0.0.2", 4000, "10.9.8.7", 80), data), DROP, "no-listener");
}

/* --- ICMP errors ----------------------------------------------------------------------- */

static struct frame error_about(struct frame quoted, const char *to)
{
	return icmp_error("203.0.113.1", to, 11, 0, &quoted);
}

Test(track, errors_about_what_left)
{
	IN1(0, error_about(CLIENT_ASKS, "10.0.0.9"), DROP, "protocol");
	OUT1(1, CLIENT_ASKS);
	IN1(2, error_about(CLIENT_ASKS, "10.0.0.9"), PASS, "icmp-related");
	IN1(2, error_about(udp("10.0.0.9", 4001, "192.0.2.1", 53), "10.0.0.9"), DROP, "protocol");
	/* The answer has come in, and not left yet. */
	IN1(2, error_about(SERVER_ANSWERS, "192.0.2.1"), DROP, "protocol");
	IN1(3, SERVER_ANSWERS, PASS, "tracked");
	OUT(3, SERVER_ANSWERS);
	IN(4, error_about(SERVER_ANSWERS, "192.0.2.1"), PASS, "icmp-related");
	IN1(123.1, error_about(CLIENT_ASKS, "10.0.0.9"), DROP, "protocol");
}

/* Who quotes a packet that left must send the error to who sent that. */
Test(track, errors_go_to_who_sent_the_packet)
{
	OUT1(0, CLIENT_ASKS);
	IN1(1, error_about(CLIENT_ASKS, "10.0.0.10"), DROP, "protocol");
	IN1(1, error_about(CLIENT_ASKS, "192.0.2.1"), DROP, "protocol");
	IN1(1, SERVER_ANSWERS, PASS, "tracked");
	OUT(1, SERVER_ANSWERS);
	IN(1, error_about(SERVER_ANSWERS, "10.0.0.9"), DROP, "protocol");
	IN(1, error_about(SERVER_ANSWERS, "192.0.2.1"), PASS, "icmp-related");
	IN1(1, error_about(CLIENT_ASKS, "10.0.0.9"), PASS, "icmp-related");
	OUT1(1, echo("10.0.0.9", "192.0.2.1", true, 7));
	IN1(2, error_about(echo("10.0.0.9", "192.0.2.1", true, 7), "10.0.0.10"), DROP, "protocol");
}

Test(track, errors_only_where_tracking_is_on)
{
	OUT1(0, CLIENT_ASKS);
	EXPECT_WITH(world, "eth2", error_about(CLIENT_ASKS, "10.0.0.9"), IN_AT(1), DROP,
		    "protocol");
}

Test(track, errors_about_pings)
{
	OUT1(0, echo("10.0.0.9", "192.0.2.1", true, 7));
	IN1(1, error_about(echo("10.0.0.9", "192.0.2.1", true, 7), "10.0.0.9"), PASS,
	    "icmp-related");
	IN1(1, error_about(echo("10.0.0.9", "192.0.2.1", true, 8), "10.0.0.9"), DROP, "protocol");
	IN1(1, error_about(echo("10.0.0.9", "192.0.2.1", false, 7), "10.0.0.9"), DROP, "protocol");
}

/* RFC 792: 8 bytes of what is quoted; 6 are read, and what pads the frame is none of them. */
Test(track, quoted_pings_may_be_cut_behind_the_identifier)
{
	for (int family = 0; family < 2; family++) {
		const char *here = family ? "2001:db8::9" : "10.0.0.9";
		const char *there = family ? "2001:db8:9::1" : "192.0.2.1";
		const char *router = family ? "2001:db8:3::9" : "203.0.113.1";
		struct frame quoted = echo(here, there, true, 7), f;

		f = icmp_error(router, here, family ? 3 : 11, 0, &quoted);
		OUT1(0, quoted);
		for (int cut = 0; cut < 4; cut++) {
			if (cut <= 2)
				IN1(1, f, PASS, "icmp-related");
			else
				IN1(1, f, DROP, "protocol");
			grow_ip(&f, -1);
		}
	}
}

Test(track, errors_without_a_socket_are_not_marked)
{
	struct frame f = error_about(CLIENT_ASKS, "10.0.0.9");
	struct sim_result result;

	OUT1(0, CLIENT_ASKS);
	result = decide_with(world, "eth1", &f, IN_AT(1));
	cr_assert_eq(result.decision.reason, IFW_REASON_ICMP_RELATED);
	cr_assert_eq(result.decision.marked, 0);
}

/* --- Memory ------------------------------------------------------------------------------ */

/* A flood of new flows turns over its own class only; they may be answered, too. */
Test(track, a_flood_pushes_out_no_flow_that_goes_on)
{
	sim_world_size_flows(world, 64);
	OUT(0, ASK);
	IN(2.5, ANSWER, PASS, "tracked");
	OUT(2.5, udp("10.0.0.1", 4000, "192.0.2.1", 53));
	for (uint16_t port = 10000; port < 11000; port++) {
		OUT(3, udp("10.0.0.1", port, "192.0.2.1", 99));
		IN(3, udp("192.0.2.1", 99, "10.0.0.1", port), PASS, "tracked");
	}
	cr_assert_eq(HASH_COUNT(world->flows[IFW_FLOWS_NEW]), 16);
	IN(3, ANSWER, PASS, "tracked");
	IN(3, udp("192.0.2.1", 53, "10.0.0.1", 4000), DROP, "no-rule");
	IN(3, udp("192.0.2.1", 99, "10.0.0.1", 10999), PASS, "tracked");
}

Test(track, packets_and_bytes_are_counted_once)
{
	enum ifw_flow_class class;
	const struct ifw_flow *flow;

	OUT1(0, CLIENT_ASKS);
	IN1(1, SERVER_ANSWERS, PASS, "tracked");
	OUT(1, SERVER_ANSWERS); /* the same packet, on its way on */
	flow = flow_of(world, CLIENT_ASKS, &class);
	cr_assert_eq(flow->packets, 2);
	cr_assert_eq(flow->bytes, 2 * CLIENT_ASKS.length);
	cr_assert_eq(flow->began_ns, START);
}
