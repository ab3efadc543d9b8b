/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_explain_print.c - see cmd_explain.h: an explanation for people and for programs.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "datapath/flow_states.h"
#include "cmd_explain.h"
#include "cmd_words.h"
#include "sim/explain/explain_packet.h"
#include "sim/explain/region_text.h"

#define NAME_WIDTH 18	   /* the longest step is neighbor-discovery */
#define FIELD_WIDTH 16	   /* the longest field is destination port */
#define EXCEPTIONS_SHOWN 5 /* to people */

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

/* Seconds. */
static double expires_in(const struct explanation *explanation)
{
	uint64_t expires = explanation->flow.expires_ns, now = explanation->now_ns;

	return expires > now ? (double)(expires - now) / 1e9 : 0;
}

/* --- For people --------------------------------------------------------------------- */

static void print_name(const struct paint *paint, const char *name)
{
	printf("%s%-*s%s  ", paint->name, NAME_WIDTH, name, paint->off);
}

static void print_field(const struct paint *paint, const char *name, const char *value)
{
	print_name(paint, name);
	puts(value);
}

static void print_step(const struct paint *paint, const struct explained_step *step, bool last)
{
	if (step->count == 0) {
		printf("%s%-*s  %s%s\n", last ? paint->name : paint->dim, NAME_WIDTH, step->name,
		       last ? "applies" : "-", paint->off);
		return;
	}
	for (size_t i = 0; i < step->count; i++)
		print_field(paint, i ? "" : step->name, step->lines[i]);
}

static void print_packets(const struct paint *paint, const struct explained *explained)
{
	const struct explanation *e = explained->explanation;
	char text[EXPLAIN_PACKET_MAX];

	if (e->stripped) {
		explain_packet(&e->outer, text);
		print_field(paint, "outer packet", text);
	}
	explain_packet(&e->packet, text);
	print_name(paint, "packet");
	printf("%s, %s by %s\n", text, explained->direction == IFW_DIRECTION_OUT ? "out" : "in",
	       explained->ifname);
}

/* The flow as the packet leaves it. */
static void print_tracked(const struct paint *paint, const struct explanation *explanation)
{
	char text[EXPLAIN_TUPLE_MAX];

	explain_tracked(&explanation->flow_key, &explanation->flow, text);
	print_name(paint, "flow");
	printf("%s, %s, expires in %.0f s\n", text,
	       ifw_flow_state_info(explanation->flow.state)->name, expires_in(explanation));
}

static void print_near(const struct paint *paint, const struct explained *explained)
{
	const struct near_misses *near = &explained->explanation->near;

	for (size_t i = 0; i < near->count; i++) {
		char text[RULE_TEXT_MAX];

		rule_print(near->list[i].rule, &sim_world_rules(explained->world)->names, text,
			   sizeof(text));
		print_field(paint, i ? "" : "nearly", text);
		print_name(paint, "");
		printf("  %s\n", near->list[i].why);
	}
	if (near->all > near->count) {
		print_name(paint, "");
		printf("and %zu more as near\n", near->all - near->count);
	}
}

static void print_exceptions(const struct paint *paint, const struct region *region)
{
	char text[REGION_TEXT_MAX];

	for (size_t i = 0; i < region->exception_count && i < EXCEPTIONS_SHOWN; i++) {
		region_exception_text(region, &region->exceptions[i], text);
		print_name(paint, i ? "" : "except");
		printf("%s%s\n", text, i ? "" : ", a conversation of its own");
	}
	if (region->exception_count > EXCEPTIONS_SHOWN) {
		print_name(paint, "");
		printf("and %zu more conversations\n", region->exception_count - EXCEPTIONS_SHOWN);
	}
}

static void print_region(const struct paint *paint, const struct explained *explained)
{
	const struct region *region = &explained->explanation->region;
	const char *name = "depends on";
	char text[REGION_TEXT_MAX];
	bool any = false;

	for (size_t i = 0; i < region->count; i++) {
		any |= region->fields[i].any;
		if (region->fields[i].any)
			continue;
		region_field_text(explained->world, &region->fields[i], text);
		print_name(paint, name);
		printf("%-*s  %s\n", FIELD_WIDTH, region_name(region->fields[i].id), text);
		name = "";
	}
	for (size_t i = 0, shown = 0; any && i < region->count; i++) {
		if (!region->fields[i].any)
			continue;
		if (shown++ == 0)
			print_name(paint, "not on");
		printf("%s%s", shown > 1 ? ", " : "", region_name(region->fields[i].id));
	}
	if (any)
		putchar('\n');
	print_exceptions(paint, region);
	if (region->narrowed)
		print_field(paint, "", "(it may hold for more: too much would have to be tried)");
}

void explained_print(const struct explained *explained)
{
	const struct explanation *e = explained->explanation;
	const struct decision *d = &e->result.decision;
	const struct paint paint = choose_paint();
	char text[RULE_TEXT_MAX];
	const char *rule = cmd_rule_text(explained->world, d, text), *assigned = cmd_assigned(d);

	print_packets(&paint, explained);
	for (size_t i = 0; i < e->count; i++)
		print_step(&paint, &e->steps[i], i + 1 == e->count);
	putchar('\n');
	print_name(&paint, "verdict");
	printf("%s%s%s\n", d->verdict == IFW_VERDICT_PASS ? paint.pass : paint.drop, cmd_verdict(d),
	       paint.off);
	print_name(&paint, "reason");
	printf("%s: %s\n", cmd_reason(d), ifw_reason_info(d->reason)->text);
	print_field(&paint, "rule", rule ? rule : "none");
	print_field(&paint, "assigned", assigned ? assigned : "nothing");
	if (e->has_flow)
		print_tracked(&paint, e);
	if (d->marked) {
		print_name(&paint, "mark");
		printf("0x%x\n", e->result.mark);
	}
	putchar('\n');
	print_near(&paint, explained);
	print_region(&paint, explained);
}

/* --- For programs ----------------------------------------------------------------------- */

static json_t *packet_json(const struct explained *explained)
{
	const struct packet *p = &explained->explanation->packet;
	char kind[EXPLAIN_PROTOCOL_MAX], text[EXPLAIN_PACKET_MAX];
	char src[EXPLAIN_END_MAX], dst[EXPLAIN_END_MAX];

	explain_kind(p, kind);
	explain_packet(p, text);
	explain_source(p, src);
	explain_destination(p, dst);
	return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:I, s:s}", "direction",
			 explained->direction == IFW_DIRECTION_OUT ? "out" : "in", "interface",
			 explained->ifname, "protocol", kind, "source", src[0] ? src : NULL,
			 "destination", dst[0] ? dst : NULL, "length",
			 (json_int_t)explained->explanation->length, "text", text);
}

/* null where no outer headers were removed. */
static json_t *outer_json(const struct explanation *explanation)
{
	char text[EXPLAIN_PACKET_MAX];

	if (!explanation->stripped)
		return json_null();
	explain_packet(&explanation->outer, text);
	return json_string(text);
}

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

static json_t *near_json(const struct explained *explained)
{
	const struct near_misses *near = &explained->explanation->near;
	json_t *list = json_array();

	for (size_t i = 0; i < near->count; i++) {
		char text[RULE_TEXT_MAX];

		rule_print(near->list[i].rule, &sim_world_rules(explained->world)->names, text,
			   sizeof(text));
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "rule", text, "differs",
						      near_field_name(near->list[i].field), "why",
						      near->list[i].why));
	}
	return list;
}

static json_t *region_json(const struct explained *explained)
{
	const struct region *region = &explained->explanation->region;
	json_t *fields = json_array(), *except = json_array();
	char text[REGION_TEXT_MAX];

	for (size_t i = 0; i < region->count; i++) {
		region_field_text(explained->world, &region->fields[i], text);
		json_array_append_new(fields, json_pack("{s:s, s:b, s:s}", "field",
							region_name(region->fields[i].id), "any",
							region->fields[i].any, "value", text));
	}
	for (size_t i = 0; i < region->exception_count; i++) {
		region_exception_text(region, &region->exceptions[i], text);
		json_array_append_new(except, json_string(text));
	}
	return json_pack("{s:o, s:o, s:b}", "fields", fields, "except", except, "narrowed",
			 region->narrowed);
}

json_t *explained_json(const struct explained *explained)
{
	const struct explanation *e = explained->explanation;
	const struct decision *d = &e->result.decision;
	char text[RULE_TEXT_MAX];

	return json_pack("{s:o, s:o, s:o, s:s, s:s, s:s, s:s?, s:s?, s:i, s:o, s:o, s:o}", "packet",
			 packet_json(explained), "outer", outer_json(e), "steps", steps_json(e),
			 "verdict", cmd_verdict(d), "reason", cmd_reason(d), "text",
			 ifw_reason_info(d->reason)->text, "rule",
			 cmd_rule_text(explained->world, d, text), "assigned", cmd_assigned(d),
			 "mark", (int)e->result.mark, "flow", tracked_json(e), "nearly",
			 near_json(explained), "depends", region_json(explained));
}
