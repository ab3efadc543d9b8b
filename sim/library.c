/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * library.c - see sim.h: what makes a test short.
 */
#include <errno.h>
#include <string.h>

#include <netinet/in.h>

#include "ruleset/grammar.h"
#include "flow.h"
#include "sim.h"

_Static_assert(SIM_MADE_MAX == FLOW_FRAME_MAX, "a made-up frame has room");

int sim_world_parse_rules(struct sim_world *world, const char *text, size_t size,
			  diagnose_fn diagnose, void *arg)
{
	struct rule_set set __attribute__((cleanup(rule_set_clear))) = {};
	int error;

	set.names = *sim_world_names(world);
	error = grammar_parse_set(text, size, &set, diagnose, arg);
	return error ? error : sim_world_set_rules(world, &set);
}

size_t sim_make_frame(const char *protocol, const char *src, const char *dst,
		      uint8_t frame[SIM_MADE_MAX])
{
	struct flow flow = {.protocol = IPPROTO_TCP};
	uint8_t family = IFW_FAMILY_NONE;

	if (strcmp(protocol, "udp") == 0)
		flow.protocol = IPPROTO_UDP;
	else if (strcmp(protocol, "tcp") != 0)
		return 0;
	if (grammar_parse_endpoint(src, strlen(src), &flow.family, &flow.src, &flow.src_port) !=
		    0 ||
	    grammar_parse_endpoint(dst, strlen(dst), &family, &flow.dst, &flow.dst_port) != 0 ||
	    family != flow.family)
		return 0;
	return flow_frame(&flow, frame);
}
