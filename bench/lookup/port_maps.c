/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * port_maps.c - one run as the other structures would hold it. Overlaps are
 * resolved already, so each port has at most one range.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "bench.h"

#define PORT_BITS 16
#define OWNER_BITS 32
/* A range of 16-bit numbers is at most so many aligned blocks. */
#define BLOCKS_MAX 30

/* Aligned blocks of powers of two, from low on. */
static void add_blocks(struct port_maps *maps, const struct ifw_range *range, uint32_t answer)
{
	uint32_t port = range->low, end = (uint32_t)range->high + 1;

	while (port < end) {
		uint32_t size = port ? port & -port : 1U << PORT_BITS;

		while (size > end - port)
			size /= 2;
		maps->trie_keys[maps->trie_count] = (struct lookup_port_trie_key){
			.bits = OWNER_BITS + PORT_BITS - (uint32_t)__builtin_ctz(size),
			.owner = htonl(range->owner),
			.port = htons((uint16_t)port),
		};
		maps->trie_values[maps->trie_count++] = answer;
		port += size;
	}
}

static int allocate(struct port_maps *maps)
{
	size_t ports = 0, blocks = ((size_t)maps->count + 1) * BLOCKS_MAX;

	for (uint32_t i = 0; i < maps->count; i++)
		ports += (size_t)maps->ranges[i].high - maps->ranges[i].low + 1;
	maps->hash_keys = calloc(ports + 1, sizeof(*maps->hash_keys));
	maps->hash_values = calloc(ports + 1, sizeof(*maps->hash_values));
	maps->trie_keys = calloc(blocks, sizeof(*maps->trie_keys));
	maps->trie_values = calloc(blocks, sizeof(*maps->trie_values));
	maps->table = calloc(1, sizeof(*maps->table));
	if (maps->count <= LOOKUP_SPANS_MAX)
		maps->spans = calloc(1, sizeof(*maps->spans));
	if (!maps->hash_keys || !maps->hash_values || !maps->trie_keys || !maps->trie_values ||
	    !maps->table || (!maps->spans && maps->count <= LOOKUP_SPANS_MAX))
		return -ENOMEM;
	return 0;
}

int port_maps_make(struct port_maps *maps, const struct ifw_range *ranges, uint32_t count)
{
	*maps = (struct port_maps){.count = count};
	maps->ranges = calloc(count, sizeof(*ranges));
	if (!maps->ranges)
		return -ENOMEM;
	memcpy(maps->ranges, ranges, count * sizeof(*ranges));
	if (allocate(maps)) {
		port_maps_free(maps);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct ifw_range *range = &ranges[i];
		uint32_t answer = i + 1;

		for (uint32_t port = range->low; port <= range->high; port++) {
			maps->hash_keys[maps->hash_count] = (struct lookup_port_key){
				.owner = range->owner, .port = (uint16_t)port};
			maps->hash_values[maps->hash_count++] = answer;
			maps->table->answer[port] = (uint16_t)answer;
		}
		add_blocks(maps, range, answer);
		if (maps->spans)
			maps->spans->span[i] =
				(struct lookup_span){range->low, range->high, answer};
	}
	if (maps->spans)
		maps->spans->count = count;
	return 0;
}

void port_maps_free(struct port_maps *maps)
{
	free(maps->ranges);
	free(maps->hash_keys);
	free(maps->hash_values);
	free(maps->trie_keys);
	free(maps->trie_values);
	free(maps->spans);
	free(maps->table);
	*maps = (struct port_maps){};
}

int port_maps_compile(struct port_maps *maps, const struct rule_set *set)
{
	auto_free const struct rule **rules = calloc(set->count, sizeof(*rules));
	struct run run;
	int err;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++)
		rules[i] = &set->rules[i];
	err = compile_run(rules, set->count, LOOKUP_OWNER, 0, &run, NULL);
	if (err)
		return err;
	err = port_maps_make(maps, run.ranges, run.count);
	run_free(&run);
	return err;
}

int fill_array(int fd, const void *values, size_t size, size_t count)
{
	auto_free uint32_t *keys = calloc(count, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		keys[i] = (uint32_t)i;
	return write_batch(fd, keys, sizeof(*keys), values, size, count);
}

int port_maps_fill(struct session *session, const struct port_maps *maps)
{
	const struct lookup_bpf *skeleton = session->skeleton;
	int err;

	session->skeleton->bss->range_count = maps->count;
	err = fill_array(bpf_map__fd(skeleton->maps.bench_ranges), maps->ranges,
			 sizeof(*maps->ranges), maps->count);
	if (!err)
		err = write_batch(bpf_map__fd(skeleton->maps.bench_port_hash), maps->hash_keys,
				  sizeof(*maps->hash_keys), maps->hash_values,
				  sizeof(*maps->hash_values), maps->hash_count);
	if (!err)
		err = write_batch(bpf_map__fd(skeleton->maps.bench_port_trie), maps->trie_keys,
				  sizeof(*maps->trie_keys), maps->trie_values,
				  sizeof(*maps->trie_values), maps->trie_count);
	if (!err)
		err = fill_array(bpf_map__fd(skeleton->maps.bench_port_table), maps->table,
				 sizeof(*maps->table), 1);
	if (!err && maps->spans)
		err = fill_array(bpf_map__fd(skeleton->maps.bench_port_spans), maps->spans,
				 sizeof(*maps->spans), 1);
	return err;
}
