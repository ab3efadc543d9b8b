/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_explain.c - `ifw-sim explain`: one flow, the verdict on its first packet,
 * and the way there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <netinet/in.h>

#include "../datapath/flow_states.h"
#include "../ruleset/grammar.h"
#include "cmd.h"
#include "explain.h"
#include "explain_text.h"

#define NAME_WIDTH 18 /* the longest step is neighbor-discovery */

struct paint {
	const char *name, *dim, *pass, *drop, *off;
};

/* Colour is for terminals, and for those who have not declined it (no-color.org). */
static struct paint choose_paint(void)
{
	const struct paint plain = {"", "", "", "", ""};
	const struct paint colour = {"\033[1m", "\033[2m", "\033[1;32m", "\033[1;31m", "\033[0m"};
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	if (!isatty(STDOUT_FILENO) || (no_color && no_color[0]) || !term ||
	    strcmp(term, "dumb") == 0)
		return plain;
	return colour;
}

static void destroy_world(struct sim_world **world)
{
	sim_world_destroy(*world);
}

/* RFC 9293 3.1 */
static const struct {
	const char *name;
	const char *print;
	uint8_t flags;
} tcp_flags[] = {
	{"syn", "SYN", 0x02}, {"syn-ack", "SYN-ACK", 0x12}, {"ack", "ACK", 0x10},
	{"fin", "FIN", 0x11}, {"rst", "RST", 0x04},
};

static int parse_tcp_flags(const char *text, struct flow *flow)
{
	if (flow->protocol != IPPROTO_TCP)
		return cmd_fail(STATUS_BAD_INPUT, "'%s': only TCP has flags", text);
	for (size_t i = 0; i < sizeof(tcp_flags) / sizeof(tcp_flags[0]); i++)
		if (strcmp(text, tcp_flags[i].name) == 0) {
			flow->tcp_flags = tcp_flags[i].flags;
			return STATUS_DONE;
		}
	return cmd_fail(STATUS_BAD_INPUT, "'%s' is none of syn, syn-ack, ack, fin and rst", text);
}

static const char *print_tcp_flags(const struct flow *flow)
{
	if (flow->protocol != IPPROTO_TCP)
		return "";
	for (size_t i = 0; i < sizeof(tcp_flags) / sizeof(tcp_flags[0]); i++)
		if (flow->tcp_flags == tcp_flags[i].flags)
			return tcp_flags[i].print;
	return "SYN";
}

static int parse_flow(const struct options *options, struct flow *flow)
{
	char *const *args = options->args;
	uint8_t family;

	*flow = (struct flow){.direction = options->out ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN};
	if (strcmp(args[0], "tcp") == 0)
		flow->protocol = IPPROTO_TCP;
	else if (strcmp(args[0], "udp") == 0)
		flow->protocol = IPPROTO_UDP;
	else
		return cmd_fail(STATUS_BAD_INPUT, "'%s' is neither tcp nor udp", args[0]);
	if (grammar_parse_endpoint(args[1], strlen(args[1]), &flow->family, &flow->src,
				   &flow->src_port) != 0)
		return cmd_fail(STATUS_BAD_INPUT,
				"source '%s' is not ADDRESS:PORT or [ADDRESS]:PORT", args[1]);
	if (grammar_parse_endpoint(args[2], strlen(args[2]), &family, &flow->dst,
				   &flow->dst_port) != 0)
		return cmd_fail(STATUS_BAD_INPUT,
				"destination '%s' is not ADDRESS:PORT or [ADDRESS]:PORT", args[2]);
	if (family != flow->family)
		return cmd_fail(STATUS_BAD_INPUT, "'%s' and '%s' are of different families",
				args[1], args[2]);
	return options->count > 3 ? parse_tcp_flags(args[3], flow) : STATUS_DONE;
}

static int check_reason(const char *name)
{
	for (unsigned int reason = IFW_REASON_NONE + 1; reason < IFW_REASON_END; reason++)
		if (strcmp(ifw_reason_info(reason)->name, name) == 0)
			return STATUS_DONE;
	cmd_fail(STATUS_BAD_INPUT, "there is no reason '%s'; the reasons are:", name);
	for (unsigned int reason = IFW_REASON_NONE + 1; reason < IFW_REASON_END; reason++)
		fprintf(stderr, "  %-*s  %s\n", NAME_WIDTH, ifw_reason_info(reason)->name,
			ifw_reason_info(reason)->text);
	return STATUS_BAD_INPUT;
}

/* --- For people ------------------------------------------------------------ */

static void print_step(const struct paint *paint, const struct explained_step *step, bool last)
{
	if (step->count == 0) {
		printf("%s%-*s  %s%s\n", last ? paint->name : paint->dim, NAME_WIDTH, step->name,
		       last ? "applies" : "-", paint->off);
		return;
	}
	for (size_t i = 0; i < step->count; i++)
		printf("%s%-*s%s  %s\n", paint->name, NAME_WIDTH, i ? "" : step->name, paint->off,
		       step->lines[i]);
}

/* Seconds. */
static double expires_in(const struct explanation *explanation)
{
	uint64_t expires = explanation->flow.expires_ns, now = explanation->now_ns;

	return expires > now ? (double)(expires - now) / 1e9 : 0;
}

static void print_field(const struct paint *paint, const char *name, const char *value)
{
	printf("%s%-*s%s  %s\n", paint->name, NAME_WIDTH, name, paint->off, value);
}

/* The flow as the packet leaves it. */
static void print_tracked(const struct paint *paint, const struct explanation *explanation)
{
	char text[EXPLAIN_TUPLE_MAX];

	explain_tracked(&explanation->flow_key, &explanation->flow, text);
	printf("%s%-*s%s  %s, %s, expires in %.0f s\n", paint->name, NAME_WIDTH, "flow", paint->off,
	       text, ifw_flow_state_info(explanation->flow.state)->name, expires_in(explanation));
}

static void print_people(struct sim_world *world, const struct options *options,
			 const struct flow *flow, const struct explanation *explanation,
			 const char *ifname)
{
	const struct decision *d = &explanation->result.decision;
	const struct paint paint = choose_paint();
	char src[EXPLAIN_END_MAX], dst[EXPLAIN_END_MAX], text[RULE_TEXT_MAX];
	const char *rule = cmd_rule_text(world, d, text), *assigned = cmd_assigned(d);

	explain_end(flow->src, flow->src_port, flow->family, src);
	explain_end(flow->dst, flow->dst_port, flow->family, dst);
	printf("%s%-*s%s  %s %s -> %s%s%s, IPv%d, %zu bytes, %s by %s\n", paint.name, NAME_WIDTH,
	       "packet", paint.off, options->args[0], src, dst,
	       flow->protocol == IPPROTO_TCP ? " " : "", print_tcp_flags(flow), flow->family,
	       explanation->length, flow->direction == IFW_DIRECTION_OUT ? "out" : "in", ifname);
	for (size_t i = 0; i < explanation->count; i++)
		print_step(&paint, &explanation->steps[i], i + 1 == explanation->count);
	putchar('\n');
	printf("%s%-*s%s  %s%s%s\n", paint.name, NAME_WIDTH, "verdict", paint.off,
	       d->verdict == IFW_VERDICT_PASS ? paint.pass : paint.drop, cmd_verdict(d), paint.off);
	printf("%s%-*s%s  %s: %s\n", paint.name, NAME_WIDTH, "reason", paint.off, cmd_reason(d),
	       ifw_reason_info(d->reason)->text);
	print_field(&paint, "rule", rule ? rule : "none");
	print_field(&paint, "assigned", assigned ? assigned : "nothing");
	if (explanation->has_flow)
		print_tracked(&paint, explanation);
	if (d->marked)
		printf("%s%-*s%s  0x%x\n", paint.name, NAME_WIDTH, "mark", paint.off,
		       explanation->result.mark);
}

/* --- For programs ---------------------------------------------------------- */

static json_t *steps_json(const struct explanation *explanation)
{
	json_t *steps = json_array();

	for (size_t i = 0; i < explanation->count; i++) {
		const struct explained_step *step = &explanation->steps[i];
		json_t *asked = json_array();

		for (size_t j = 0; j < step->count; j++)
			json_array_append_new(
				asked, /* without the indentation, which is for people */
				json_string(step->lines[j] + strspn(step->lines[j], " ")));
		json_array_append_new(steps,
				      json_pack("{s:s, s:b, s:o}", "step", step->name, "answered",
						i + 1 == explanation->count, "asked", asked));
	}
	return steps;
}

/* null where it has none. */
static json_t *tracked_json(const struct explanation *explanation)
{
	char text[EXPLAIN_TUPLE_MAX];

	if (!explanation->has_flow)
		return json_null();
	explain_tracked(&explanation->flow_key, &explanation->flow, text);
	return json_pack("{s:s, s:s, s:f}", "flow", text, "state",
			 ifw_flow_state_info(explanation->flow.state)->name, "expires_in_s",
			 expires_in(explanation));
}

static int print_json(struct sim_world *world, const struct options *options,
		      const struct flow *flow, const struct explanation *explanation,
		      const char *ifname)
{
	const struct decision *d = &explanation->result.decision;
	char src[EXPLAIN_END_MAX], dst[EXPLAIN_END_MAX], text[RULE_TEXT_MAX];
	json_t *root;
	int error;

	explain_end(flow->src, flow->src_port, flow->family, src);
	explain_end(flow->dst, flow->dst_port, flow->family, dst);
	root = json_pack("{s:{s:s, s:s, s:s, s:s, s:s, s:I}, s:o, s:s, s:s, s:s, s:s?, s:s?, s:o}",
			 "packet", "direction", flow->direction == IFW_DIRECTION_OUT ? "out" : "in",
			 "interface", ifname, "protocol", options->args[0], "source", src,
			 "destination", dst, "length", (json_int_t)explanation->length, "steps",
			 steps_json(explanation), "verdict", cmd_verdict(d), "reason",
			 cmd_reason(d), "text", ifw_reason_info(d->reason)->text, "rule",
			 cmd_rule_text(world, d, text), "assigned", cmd_assigned(d), "flow",
			 tracked_json(explanation));
	if (!root)
		return cmd_fail(STATUS_REFUSED, "out of memory");
	error = json_dumpf(root, stdout, JSON_COMPACT);
	json_decref(root);
	putchar('\n');
	return error ? cmd_fail(STATUS_REFUSED, "cannot write to standard output") : STATUS_DONE;
}

int cmd_explain(const struct options *options)
{
	struct sim_world *world __attribute__((cleanup(destroy_world))) = NULL;
	struct explanation explanation __attribute__((cleanup(explanation_free))) = {};
	struct flow flow;
	uint32_t ifindex;
	int status, error;

	status = parse_flow(options, &flow);
	if (!status && options->expect)
		status = check_reason(options->expect);
	if (!status)
		status = cmd_load(options, &world, &ifindex);
	if (status)
		return status;

	error = explain_flow(world, &flow, ifindex, &explanation);
	if (error)
		return cmd_fail(STATUS_REFUSED, "%s",
				error == -EPROTO ? explanation.result.violation : strerror(-error));
	if (options->json)
		status = print_json(world, options, &flow, &explanation,
				    sim_world_ifname(world, ifindex));
	else
		print_people(world, options, &flow, &explanation, sim_world_ifname(world, ifindex));
	status = cmd_finish(status);
	if (!status && options->expect &&
	    strcmp(options->expect, cmd_reason(&explanation.result.decision)) != 0)
		return cmd_fail(STATUS_UNEXPECTED, "the reason is '%s', not '%s'",
				cmd_reason(&explanation.result.decision), options->expect);
	return status;
}
