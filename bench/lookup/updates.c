/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * updates.c - what one range more, or one prefix more, costs each structure:
 * time, calls into the kernel, elements written. Only the search structure is
 * written here, as if all else were known; "command" is the whole of what ifw
 * does, which reads the other rules of the prefix, resolves overlaps, and keeps
 * the rules as entered.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "bench.h"

#define TIMES 15

/* What is changed, and in which maps. */
struct change {
	struct session *session;
	const struct rule *const *rules; /* of the prefix, in order; the last comes and goes */
	size_t count;
	struct rule rule;	/* the last */
	struct port_maps extra; /* the ports that only the last has */
	const struct port_maps *whole;
	const struct prefix_maps *prefixes;
	uint32_t *numbers; /* of blocks */
	size_t number_count;
};

/* Adds or removes; 0 or -errno. */
typedef int (*change_fn)(struct change *change, bool add);

static int by_command(struct change *change, bool add)
{
	const struct delete_filter filter = {.rule = change->rule};
	struct failure *failure = &change->session->failure;
	struct loader *loader = change->session->loader;
	struct delete_result removed;
	struct add_result added;

	return add ? loader_rule_add(loader, &change->rule, false, &added, failure)
		   : loader_rule_delete(loader, &filter, &removed, failure);
}

/* The element of a prefix, in a hash. */
static int write_prefix(struct change *change, bool add)
{
	int fd = bpf_map__fd(change->session->skeleton->maps.bench_short);
	struct lookup_short_key key = {
		.dst = (uint32_t)(change->rule.dst.hi >> 32),
		.len = change->rule.dst_len,
	};
	struct lookup_leaf leaf = {.len = change->rule.dst_len};

	if (add ? bpf_map_update_elem(fd, &key, &leaf, BPF_ANY) : bpf_map_delete_elem(fd, &key))
		return -errno;
	return 0;
}

/* A new run, then the prefix that leads there, as ifw writes them. */
static int by_run(struct change *change, bool add)
{
	size_t count = add ? change->count : change->count - 1;
	struct run run = {};
	int err;

	if (!count)
		return write_prefix(change, false);
	err = compile_run(change->rules, count, LOOKUP_OWNER, 0, &run, NULL);
	if (err)
		return err;
	err = fill_array(bpf_map__fd(change->session->skeleton->maps.bench_ranges), run.ranges,
			 sizeof(*run.ranges), run.total);
	run_free(&run);
	return err ? err : write_prefix(change, true);
}

static int by_hash(struct change *change, bool add)
{
	int fd = bpf_map__fd(change->session->skeleton->maps.bench_port_hash);
	const struct port_maps *extra = &change->extra;

	return add ? write_batch(fd, extra->hash_keys, sizeof(*extra->hash_keys),
				 extra->hash_values, sizeof(*extra->hash_values), extra->hash_count)
		   : delete_batch(fd, extra->hash_keys, sizeof(*extra->hash_keys),
				  extra->hash_count);
}

static int by_port_trie(struct change *change, bool add)
{
	int fd = bpf_map__fd(change->session->skeleton->maps.bench_port_trie);
	const struct port_maps *extra = &change->extra;

	return add ? write_batch(fd, extra->trie_keys, sizeof(*extra->trie_keys),
				 extra->trie_values, sizeof(*extra->trie_values), extra->trie_count)
		   : delete_batch(fd, extra->trie_keys, sizeof(*extra->trie_keys),
				  extra->trie_count);
}

/* The whole value, with the range or without: as many bytes either way. */
static int by_table(struct change *change, bool add)
{
	uint32_t zero = 0;

	(void)add;
	return bpf_map_update_elem(bpf_map__fd(change->session->skeleton->maps.bench_port_table),
				   &zero, change->whole->table, BPF_ANY)
		       ? -errno
		       : 0;
}

static int by_value(struct change *change, bool add)
{
	uint32_t zero = 0;

	(void)add;
	return bpf_map_update_elem(bpf_map__fd(change->session->skeleton->maps.bench_port_spans),
				   &zero, change->whole->spans, BPF_ANY)
		       ? -errno
		       : 0;
}

static int by_prefix_trie(struct change *change, bool add)
{
	int fd = bpf_map__fd(change->session->skeleton->maps.bench_prefix_trie);
	struct lookup_prefix_trie_key key = {
		.bits = change->rule.dst_len,
		.dst = htonl((uint32_t)(change->rule.dst.hi >> 32)),
	};
	struct lookup_leaf leaf = {.len = change->rule.dst_len};

	if (add ? bpf_map_update_elem(fd, &key, &leaf, BPF_ANY) : bpf_map_delete_elem(fd, &key))
		return -errno;
	return 0;
}

/* Every block around and below the prefix, as it is. */
static int by_array(struct change *change, bool add)
{
	auto_free struct lookup_block *blocks = calloc(change->number_count, sizeof(*blocks));

	(void)add;
	if (!blocks)
		return -ENOMEM;
	for (size_t i = 0; i < change->number_count; i++)
		blocks[i] = change->prefixes->blocks[change->numbers[i]];
	return write_batch(bpf_map__fd(change->session->skeleton->maps.bench_blocks),
			   change->numbers, sizeof(*change->numbers), blocks, sizeof(*blocks),
			   change->number_count);
}

/* All edges behind the prefix, which move by two places. */
static int by_edges(struct change *change, bool add)
{
	const struct prefix_maps *prefixes = change->prefixes;
	uint32_t dst = (uint32_t)(change->rule.dst.hi >> 32);
	auto_free uint32_t *keys = calloc(prefixes->edge_count, sizeof(*keys));
	size_t first = 0, count;

	(void)add;
	if (!keys)
		return -ENOMEM;
	while (first + 1 < prefixes->edge_count && prefixes->edges[first].from < dst)
		first++;
	count = prefixes->edge_count - first;
	for (size_t i = 0; i < count; i++)
		keys[i] = (uint32_t)(first + i);
	return write_batch(bpf_map__fd(change->session->skeleton->maps.bench_edges), keys,
			   sizeof(*keys), &prefixes->edges[first], sizeof(*prefixes->edges), count);
}

struct way {
	const char *name;
	change_fn change;
};

/* Removes and adds several times; the rule is there at the start and at the end. */
static int time_way(struct change *change, const struct way *way, json_t *structures)
{
	double removed[TIMES], added[TIMES];
	struct calls calls = {};
	json_t *structure;
	uint64_t before;
	int err = 0;

	for (int i = 0; !err && i < TIMES; i++) {
		before = cpu_ns();
		err = way->change(change, false);
		removed[i] = (double)(cpu_ns() - before) / 1000;
		calls_take();
		before = cpu_ns();
		if (!err)
			err = way->change(change, true);
		added[i] = (double)(cpu_ns() - before) / 1000;
		calls = calls_take();
	}
	if (err)
		return session_fail(change->session, err, way->name);
	structure = json_pack("{s:s, s:i, s:i, s:o, s:o}", "name", way->name, "calls", calls.calls,
			      "elements", calls.elements, "add_us", summary(added, TIMES),
			      "remove_us", summary(removed, TIMES));
	return json_array_append_new(structures, structure) ? -ENOMEM : 0;
}

static int time_ways(struct change *change, const struct way *ways, size_t count,
		     json_t *structures)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++)
		err = time_way(change, &ways[i], structures);
	return err;
}

/* --- Ports ------------------------------------------------------------------------- */

/* The ports that the last rule alone has: they are at its end. */
static int make_extra(struct change *change, const struct rule_set *set)
{
	struct ifw_range range = {
		.owner = LOOKUP_OWNER + 1, .low = change->rule.low, .high = change->rule.high};

	if (set->count > 1 && set->rules[set->count - 2].high >= range.low)
		range.low = (uint16_t)(set->rules[set->count - 2].high + 1);
	return port_maps_make(&change->extra, &range, 1);
}

static int time_ports(struct session *session, const struct rule_set *set,
		      const struct port_maps *whole, json_t *structures)
{
	static const struct way ways[] = {
		{"command", by_command}, {"run", by_run},     {"hash", by_hash},
		{"lpm", by_port_trie},	 {"table", by_table}, {"value", by_value},
	};
	auto_free const struct rule **rules = calloc(set->count, sizeof(*rules));
	struct change change = {
		.session = session,
		.rules = rules,
		.count = set->count,
		.rule = set->rules[set->count - 1],
		.whole = whole,
	};
	int err;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++)
		rules[i] = &set->rules[i];
	change.rule.order = 0;
	err = make_extra(&change, set);
	if (!err)
		err = by_run(&change, true);
	if (!err)
		err = by_hash(&change, true);
	if (!err)
		err = by_port_trie(&change, true);
	if (!err)
		err = time_ways(&change, ways, sizeof(ways) / sizeof(ways[0]) - !whole->spans,
				structures);
	port_maps_free(&change.extra);
	return err;
}

static int run_ports(uint32_t ports, uint32_t ranges, json_t *result)
{
	struct session session = {.prefixes = -1};
	json_t *structures = json_array();
	struct port_maps whole = {};
	struct rule_set set = {};
	struct room_wanted room;
	int err;

	err = make_ranges(&set, ports, ranges);
	if (!err)
		err = port_maps_compile(&whole, &set);
	/* The changed range has keys of its own, beside those that are there. */
	room = (struct room_wanted){
		.ranges = whole.count,
		.port_hash = 2 * (uint32_t)whole.hash_count,
		.port_trie = 2 * (uint32_t)whole.trie_count,
		.prefixes = 1,
	};
	if (!err)
		err = session_open(&session, &set);
	if (!err)
		err = session_load(&session, &room);
	if (!err)
		err = session_fail(&session, port_maps_fill(&session, &whole),
				   "cannot fill the maps");
	if (!err)
		err = session_fail(&session, time_ports(&session, &set, &whole, structures),
				   "cannot change the maps");
	if (json_object_set_new(result, "ports", json_integer(ports)) ||
	    json_object_set_new(result, "ranges", json_integer(ranges)) ||
	    json_object_set_new(result, "structures", structures))
		err = err ? err : -ENOMEM;
	port_maps_free(&whole);
	rule_set_clear(&set);
	session_close(&session);
	return err;
}

/* --- Prefixes ------------------------------------------------------------------------ */

static int time_prefixes(struct session *session, const struct prefix_maps *prefixes, uint8_t len,
			 json_t *structures)
{
	static const struct way ways[] = {
		{"command", by_command}, {"walk", by_run},    {"lpm", by_prefix_trie},
		{"16-8-8", by_array},	 {"edges", by_edges},
	};
	/* In the middle, and of no rule: random prefixes seldom end so. */
	struct rule rule = make_rule(0x7ff00000, len, 80, 443);
	const struct rule *rules[] = {&rule};
	struct change change = {
		.session = session,
		.rules = rules,
		.count = 1,
		.rule = rule,
		.prefixes = prefixes,
	};
	auto_free uint32_t *numbers = calloc(prefixes->block_count + 2, sizeof(*numbers));
	int err;

	if (!numbers)
		return -ENOMEM;
	change.numbers = numbers;
	change.number_count = prefix_maps_blocks(prefixes, 0x7ff00000, len, numbers);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		err = ways[i].change(&change, true);
		if (err)
			return session_fail(session, err, ways[i].name);
	}
	return time_ways(&change, ways, sizeof(ways) / sizeof(ways[0]), structures);
}

static int run_prefixes(size_t count, uint8_t len, json_t *result)
{
	static const uint8_t lengths[] = {8, 12, 16, 20, 24, 28, 30, 32};
	struct session session = {.prefixes = -1};
	json_t *structures = json_array();
	struct prefix_maps maps = {};
	struct rule_set set = {};
	struct room_wanted room;
	uint64_t random = 1;
	int err;

	err = make_prefixes(&set, count, lengths, sizeof(lengths), &random);
	if (!err)
		err = session_open(&session, &set);
	if (!err)
		err = prefix_maps_make(&maps, &set);
	room = (struct room_wanted){
		.ranges = 1,
		.prefixes = (uint32_t)maps.count + 1,
		.blocks = (uint32_t)maps.block_count,
		.edges = (uint32_t)maps.edge_count,
	};
	if (!err)
		err = session_load(&session, &room);
	if (!err)
		err = session_fail(&session, prefix_maps_fill(&session, &maps),
				   "cannot fill the maps");
	if (!err)
		err = time_prefixes(&session, &maps, len, structures);
	if (json_object_set_new(result, "prefixes", json_integer((json_int_t)count)) ||
	    json_object_set_new(result, "length", json_integer(len)) ||
	    json_object_set_new(result, "structures", structures))
		err = err ? err : -ENOMEM;
	prefix_maps_free(&maps);
	rule_set_clear(&set);
	session_close(&session);
	return err;
}

/* --- All of them ----------------------------------------------------------------------- */

int bench_updates(const struct options *options, json_t *cases)
{
	static const uint32_t ports[][2] = {{10, 10},  {1, 1},	   {1, 10},    {1, 100},
					    {1, 1000}, {10, 1},	   {10, 100},  {10, 1000},
					    {1000, 1}, {1000, 10}, {1000, 60}, {65535, 1}};
	static const struct {
		size_t count;
		uint8_t len;
	} prefixes[] = {{1000, 24}, {1000, 12}, {100000, 24}, {100000, 12}};
	size_t port_count = options->quick ? 1 : sizeof(ports) / sizeof(ports[0]);
	size_t prefix_count = options->quick ? 1 : sizeof(prefixes) / sizeof(prefixes[0]);
	json_t *result;
	int err = 0;

	for (size_t i = 0; !err && i < port_count + prefix_count; i++) {
		result = json_object();
		if (json_array_append_new(cases, result))
			return -ENOMEM;
		if (i < port_count) {
			progress(i + 1, port_count + prefix_count,
				 "updates: a range of %u beside others, %u in all", ports[i][0],
				 ports[i][1]);
			err = run_ports(ports[i][0], ports[i][1], result);
		} else {
			size_t at = i - port_count;

			progress(i + 1, port_count + prefix_count,
				 "updates: a /%u beside %zu prefixes", prefixes[at].len,
				 prefixes[at].count);
			err = run_prefixes(prefixes[at].count, prefixes[at].len, result);
		}
	}
	return err;
}
