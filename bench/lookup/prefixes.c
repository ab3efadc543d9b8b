/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * prefixes.c - many destination prefixes of few and of many lengths: which
 * structure finds the longest one fastest, and what it takes.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "bench.h"

#define HOT_KEYS 16
#define PORT_OUT 10000 /* no prefix has it */

static const uint8_t three[] = {16, 24, 32};
static const uint8_t eight[] = {8, 12, 16, 20, 24, 28, 30, 32};
static const uint8_t many[] = {8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
			       21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};

struct prefixes_case {
	size_t count;
	const uint8_t *lengths;
	size_t length_count;
	bool quick;
};

static const struct prefixes_case all_cases[] = {
	{1000, three, sizeof(three), false},   {1000, eight, sizeof(eight), true},
	{1000, many, sizeof(many), true},      {10000, three, sizeof(three), false},
	{10000, eight, sizeof(eight), false},  {10000, many, sizeof(many), false},
	{100000, three, sizeof(three), false}, {100000, eight, sizeof(eight), false},
	{100000, many, sizeof(many), false},
};

/* Keys of the three kinds: a match, a port that no prefix around has, no prefix. */
struct prefix_keys {
	struct lookup_key hit[LOOKUP_KEYS], widen[LOOKUP_KEYS], miss[LOOKUP_KEYS];
	uint32_t hit_answers[LOOKUP_KEYS], none[LOOKUP_KEYS];
};

static void pick_keys(const struct prefix_maps *maps, uint64_t *random, struct prefix_keys *picked)
{
	for (uint32_t i = 0; i < LOOKUP_KEYS; i++) {
		const struct rule *rule = &maps->rules[next_random(random) % maps->count];
		uint32_t host = rule->dst_len < 32 ? ~0U >> rule->dst_len : 0, dst;

		dst = (uint32_t)(rule->dst.hi >> 32) | ((uint32_t)next_random(random) & host);
		picked->hit[i] = (struct lookup_key){.dst = dst, .port = rule->low};
		picked->hit_answers[i] = prefix_maps_match(maps, dst, rule->low);
		picked->widen[i] = (struct lookup_key){.dst = dst, .port = PORT_OUT};
		do
			dst = (uint32_t)next_random(random);
		while (prefix_maps_find(maps, dst) >= 0);
		picked->miss[i] = (struct lookup_key){.dst = dst, .port = rule->low};
	}
}

static int fill_lpm(int fd, const struct prefix_maps *maps)
{
	auto_free struct lookup_prefix_trie_key *keys = calloc(maps->count, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < maps->count; i++)
		keys[i] = (struct lookup_prefix_trie_key){
			.bits = maps->rules[i].dst_len,
			.dst = htonl((uint32_t)(maps->rules[i].dst.hi >> 32)),
		};
	return write_batch(fd, keys, sizeof(*keys), maps->leaves, sizeof(*maps->leaves),
			   maps->count);
}

static int fill_short(int fd, const struct prefix_maps *maps)
{
	auto_free struct lookup_short_key *keys = calloc(maps->count, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < maps->count; i++)
		keys[i] = (struct lookup_short_key){
			.dst = (uint32_t)(maps->rules[i].dst.hi >> 32),
			.len = maps->rules[i].dst_len,
		};
	return write_batch(fd, keys, sizeof(*keys), maps->leaves, sizeof(*maps->leaves),
			   maps->count);
}

int prefix_maps_fill(struct session *session, const struct prefix_maps *maps)
{
	const struct lookup_bpf *skeleton = session->skeleton;
	int err;

	err = fill_lpm(bpf_map__fd(skeleton->maps.bench_prefix_trie), maps);
	if (!err)
		err = fill_short(bpf_map__fd(skeleton->maps.bench_short), maps);
	if (!err)
		err = fill_array(bpf_map__fd(skeleton->maps.bench_leaves), maps->leaves,
				 sizeof(*maps->leaves), maps->count);
	if (!err)
		err = fill_array(bpf_map__fd(skeleton->maps.bench_blocks), maps->blocks,
				 sizeof(*maps->blocks), maps->block_count);
	if (!err)
		err = fill_array(bpf_map__fd(skeleton->maps.bench_edges), maps->edges,
				 sizeof(*maps->edges), maps->edge_count);
	if (!err)
		err = fill_array(bpf_map__fd(skeleton->maps.bench_bloom), maps->bloom,
				 sizeof(*maps->bloom), 1);
	session->skeleton->bss->edge_count = (uint32_t)maps->edge_count;
	for (unsigned int len = 0; len <= 32; len++)
		session->skeleton->bss->lengths_used |= (uint64_t)maps->used[len] << (32 - len);
	return err;
}

static int measure_prefixes(struct session *session, const struct options *options,
			    const struct prefix_maps *maps, uint64_t *random, json_t *structures)
{
	auto_free struct prefix_keys *keys = calloc(1, sizeof(*keys));
	const struct lookup_bpf *skeleton = session->skeleton;
	int leaves = bpf_map__fd(skeleton->maps.bench_leaves);
	int probed = bpf_map__fd(skeleton->maps.bench_short);
	const struct candidate candidates[] = {
		{.name = "walk",
		 .program = skeleton->progs.prefix_walk,
		 .maps = {session->prefixes}},
		{.name = "all lengths", .program = skeleton->progs.prefix_all, .maps = {probed}},
		{.name = "used lengths", .program = skeleton->progs.prefix_used, .maps = {probed}},
		{.name = "bloom",
		 .program = skeleton->progs.prefix_bloom,
		 .maps = {probed, bpf_map__fd(skeleton->maps.bench_bloom)}},
		{.name = "lpm",
		 .program = skeleton->progs.prefix_trie,
		 .maps = {bpf_map__fd(skeleton->maps.bench_prefix_trie)}},
		{.name = "16-8-8",
		 .program = skeleton->progs.prefix_array,
		 .maps = {leaves, bpf_map__fd(skeleton->maps.bench_blocks)}},
		{.name = "edges",
		 .program = skeleton->progs.prefix_edges,
		 .maps = {leaves, bpf_map__fd(skeleton->maps.bench_edges)}},
	};

	if (!keys)
		return -ENOMEM;
	pick_keys(maps, random, keys);
	{
		const struct mode modes[] = {
			{"hit", keys->hit, keys->hit_answers, LOOKUP_KEYS},
			{"widen", keys->widen, keys->none, LOOKUP_KEYS},
			{"miss", keys->miss, keys->none, LOOKUP_KEYS},
			{"hot", keys->hit, keys->hit_answers, HOT_KEYS},
		};

		return measure(session, options, candidates,
			       sizeof(candidates) / sizeof(candidates[0]), modes,
			       sizeof(modes) / sizeof(modes[0]), structures);
	}
}

static int run_case(const struct options *options, const struct prefixes_case *c, json_t *result)
{
	struct session session = {.prefixes = -1};
	json_t *structures = json_array();
	struct prefix_maps maps = {};
	struct rule_set set = {};
	struct room_wanted room;
	uint64_t random = 1;
	int err;

	err = make_prefixes(&set, c->count, c->lengths, c->length_count, &random);
	if (!err)
		err = prefix_maps_make(&maps, &set);
	if (!err)
		err = session_open(&session, &set);
	room = (struct room_wanted){
		.prefixes = (uint32_t)maps.count,
		.blocks = (uint32_t)maps.block_count,
		.edges = (uint32_t)maps.edge_count,
	};
	if (!err)
		err = session_load(&session, &room);
	if (!err)
		err = session_fail(&session, prefix_maps_fill(&session, &maps),
				   "cannot fill the maps");
	if (!err)
		err = measure_prefixes(&session, options, &maps, &random, structures);
	if (json_object_set_new(result, "prefixes", json_integer((json_int_t)set.count)) ||
	    json_object_set_new(result, "lengths", json_integer((json_int_t)c->length_count)) ||
	    json_object_set_new(result, "structures", structures))
		err = err ? err : -ENOMEM;
	prefix_maps_free(&maps);
	rule_set_clear(&set);
	session_close(&session);
	return err;
}

int bench_prefixes(const struct options *options, json_t *cases)
{
	size_t total = sizeof(all_cases) / sizeof(all_cases[0]);
	int err = 0;

	for (size_t i = 0; !err && i < total; i++) {
		const struct prefixes_case *c = &all_cases[i];
		json_t *result;

		if (options->quick && !c->quick)
			continue;
		progress(i + 1, total, "prefixes: %zu of %zu lengths", c->count, c->length_count);
		result = json_object();
		if (json_array_append_new(cases, result))
			return -ENOMEM;
		err = run_case(options, c, result);
	}
	return err;
}
