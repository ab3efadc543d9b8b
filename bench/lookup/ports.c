/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ports.c - one prefix, ranges of several sizes and numbers: which structure
 * finds the range of a port fastest, and what it takes.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "bench.h"

#define FIRST_PORT 1024 /* below it, nothing matches */
#define HOT_KEYS 16

struct ports_case {
	uint32_t ports;	 /* of a range */
	uint32_t ranges; /* as entered: where they overlap, the first decides */
	bool quick;
};

static const struct ports_case all_cases[] = {
	{1, 1, true},	  {1, 10, false},    {1, 100, false},	{1, 1000, false},
	{10, 1, false},	  {10, 10, true},    {10, 100, false},	{10, 1000, false},
	{1000, 1, false}, {1000, 10, false}, {1000, 100, true}, {1000, 1000, false},
	{65535, 1, true},
};

int make_ranges(struct rule_set *set, uint32_t ports, uint32_t ranges)
{
	uint32_t first = ports > 65536 - FIRST_PORT ? 1 : FIRST_PORT;
	uint32_t stride = ranges > 1 ? (65536 - first - ports) / (ranges - 1) : 0;
	int err = 0;

	for (uint32_t i = 0; !err && i < ranges; i++) {
		uint32_t low = first + i * stride;

		err = add_rule(set, LOOKUP_DST, LOOKUP_DST_LEN, (uint16_t)low,
			       (uint16_t)(low + ports - 1));
	}
	return err;
}

struct port_keys {
	struct lookup_key keys[LOOKUP_KEYS];
	uint32_t answers[LOOKUP_KEYS];
};

/* Of the rules as entered the first that has the port; its number, or 0. */
static uint32_t decider(const struct rule_set *set, uint32_t port)
{
	for (size_t i = 0; i < set->count; i++)
		if (port >= set->rules[i].low && port <= set->rules[i].high)
			return set->rules[i].order;
	return 0;
}

/* Random ports that are, or are not, in a range. */
static void pick_keys(const struct rule_set *set, bool hit, uint64_t *random,
		      struct port_keys *picked)
{
	uint32_t answers[65536], candidates[65536], count = 0;

	for (uint32_t port = 0; port < 65536; port++) {
		answers[port] = decider(set, port);
		if ((answers[port] != 0) == hit)
			candidates[count++] = port;
	}
	for (uint32_t i = 0; i < LOOKUP_KEYS; i++) {
		uint32_t port = candidates[next_random(random) % count];

		picked->keys[i] = (struct lookup_key){.port = (uint16_t)port};
		picked->answers[i] = answers[port];
	}
}

static int measure_ports(struct session *session, const struct options *options,
			 const struct rule_set *set, const struct port_maps *maps,
			 json_t *structures)
{
	auto_free struct port_keys *hits = calloc(1, sizeof(*hits));
	auto_free struct port_keys *misses = calloc(1, sizeof(*misses));
	const struct lookup_bpf *skeleton = session->skeleton;
	int ranges = bpf_map__fd(skeleton->maps.bench_ranges);
	const struct mode modes[] = {
		{"hit", hits ? hits->keys : NULL, hits ? hits->answers : NULL, LOOKUP_KEYS},
		{"miss", misses ? misses->keys : NULL, misses ? misses->answers : NULL,
		 LOOKUP_KEYS},
		{"hot", hits ? hits->keys : NULL, hits ? hits->answers : NULL, HOT_KEYS},
	};
	const struct candidate candidates[] = {
		{.name = "run",
		 .program = skeleton->progs.port_run,
		 .floor = skeleton->progs.port_prefix,
		 .bytes = maps->count * sizeof(struct ifw_range)},
		{.name = "halving", .program = skeleton->progs.port_halving, .maps = {ranges}},
		{.name = "hash",
		 .program = skeleton->progs.port_hash,
		 .maps = {ranges, bpf_map__fd(skeleton->maps.bench_port_hash)}},
		{.name = "lpm",
		 .program = skeleton->progs.port_trie,
		 .maps = {ranges, bpf_map__fd(skeleton->maps.bench_port_trie)}},
		{.name = "table",
		 .program = skeleton->progs.port_table,
		 .maps = {ranges, bpf_map__fd(skeleton->maps.bench_port_table)}},
		{.name = "linear", .program = skeleton->progs.port_linear, .maps = {ranges}},
		{.name = "value",
		 .program = skeleton->progs.port_spans,
		 .maps = {ranges, bpf_map__fd(skeleton->maps.bench_port_spans)}},
	};
	size_t count = sizeof(candidates) / sizeof(candidates[0]);
	uint64_t random = 1;

	if (!hits || !misses)
		return -ENOMEM;
	pick_keys(set, true, &random, hits);
	pick_keys(set, false, &random, misses);
	/* The last two take no more ranges than this. */
	return measure(session, options, candidates, maps->spans ? count : count - 2, modes,
		       sizeof(modes) / sizeof(modes[0]), structures);
}

static int run_case(const struct options *options, const struct ports_case *c, json_t *result)
{
	struct session session = {.prefixes = -1};
	json_t *structures = json_array();
	struct port_maps maps = {};
	struct rule_set set = {};
	struct room_wanted room;
	int err;

	err = make_ranges(&set, c->ports, c->ranges);
	if (!err)
		err = port_maps_compile(&maps, &set);
	room = (struct room_wanted){
		.ranges = maps.count,
		.port_hash = (uint32_t)maps.hash_count,
		.port_trie = (uint32_t)maps.trie_count,
	};
	if (!err)
		err = session_open(&session, &set);
	if (!err)
		err = session_load(&session, &room);
	if (!err)
		err = session_fail(&session, port_maps_fill(&session, &maps),
				   "cannot fill the maps");
	if (!err)
		err = measure_ports(&session, options, &set, &maps, structures);
	if (json_object_set_new(result, "ports", json_integer(c->ports)) ||
	    json_object_set_new(result, "ranges", json_integer(c->ranges)) ||
	    json_object_set_new(result, "disjoint", json_integer(maps.count)) ||
	    json_object_set_new(result, "member_ports",
				json_integer((json_int_t)maps.hash_count)) ||
	    json_object_set_new(result, "structures", structures))
		err = err ? err : -ENOMEM;
	port_maps_free(&maps);
	rule_set_clear(&set);
	session_close(&session);
	return err;
}

int bench_ports(const struct options *options, json_t *cases)
{
	size_t total = sizeof(all_cases) / sizeof(all_cases[0]);
	int err = 0;

	for (size_t i = 0; !err && i < total; i++) {
		const struct ports_case *c = &all_cases[i];
		json_t *result;

		if (options->quick && !c->quick)
			continue;
		progress(i + 1, total, "ports: ranges of %u, %u on one prefix", c->ports,
			 c->ranges);
		result = json_object();
		if (json_array_append_new(cases, result))
			return -ENOMEM;
		err = run_case(options, c, result);
	}
	return err;
}
