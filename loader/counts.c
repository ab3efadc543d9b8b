/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * counts.c - the chunks of counters: per-CPU arrays that the program reaches
 * through its map `rule_counts`, and user space by their pins counts_N.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "counters.h"

#define BATCH 512 /* counters; times the CPUs */
/* Fewer than these are read one by one. */
#define FEW 64

#define ENOTSUPP 524 /* the kernel's own, which no C library names: no batches on this map */

static void chunk_name(uint32_t chunk, char *name, size_t size)
{
	snprintf(name, size, "counts_%u", chunk);
}

static bool lacks_batches(int err)
{
	return err == -ENOTSUPP || err == -EOPNOTSUPP || err == -EINVAL;
}

/* --- Making ------------------------------------------------------------------- */

int chunk_make(struct loader *loader, uint32_t chunk, int *fd)
{
	char name[32], path[PATH_MAX];
	int made, err;

	chunk_name(chunk, name, sizeof(name));
	err = pin_path(loader, name, path, sizeof(path));
	if (err)
		return err;
	made = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "ifw_counts", sizeof(uint32_t),
			      sizeof(struct ifw_count), IFW_COUNTER_CHUNK, NULL);
	if (made < 0)
		return -errno;
	if ((unlinkat(loader->dir_fd, name, 0) && errno != ENOENT) || bpf_obj_pin(made, path)) {
		err = -errno;
		close(made);
		return err;
	}
	*fd = made;
	return 0;
}

int chunks_lead(struct loader *loader, const uint32_t *chunks, const int *fds, uint32_t count)
{
	CLEANUP(cleanup_close) int outer = -1;
	uint32_t done = count;
	int err;

	err = pin_open(loader, "rule_counts", &outer);
	if (err)
		return err;
	if (bpf_map_update_batch(outer, chunks, fds, &done, NULL) == 0)
		return 0;
	if (!lacks_batches(-errno))
		return -errno;
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_update_elem(outer, &chunks[i], &fds[i], BPF_ANY))
			return -errno;
	return 0;
}

void chunk_remove(struct loader *loader, uint32_t chunk)
{
	CLEANUP(cleanup_close) int outer = -1;
	char name[32];

	if (pin_open(loader, "rule_counts", &outer) == 0)
		(void)bpf_map_delete_elem(outer, &chunk);
	chunk_name(chunk, name, sizeof(name));
	(void)unlinkat(loader->dir_fd, name, 0);
}

/* 0 and *fd, or -errno. */
static int chunk_open(const struct loader *loader, uint32_t chunk, int *fd)
{
	char name[32];

	chunk_name(chunk, name, sizeof(name));
	return pin_open(loader, name, fd);
}

/* --- Resetting ----------------------------------------------------------------- */

static int reset_some(int fd, const uint32_t *indexes, uint32_t count, const struct ifw_count *zero)
{
	uint32_t done = count;

	if (count > 1 && bpf_map_update_batch(fd, indexes, zero, &done, NULL) == 0)
		return 0;
	if (count > 1 && !lacks_batches(-errno))
		return -errno;
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, &indexes[i], zero, BPF_ANY))
			return -errno;
	return 0;
}

int chunk_reset(struct loader *loader, uint32_t chunk, const __u64 which[IFW_COUNTER_CHUNK / 64])
{
	CLEANUP(cleanup_free) struct ifw_count *zero = NULL;
	CLEANUP(cleanup_close) int fd = -1;
	uint32_t indexes[BATCH], count = 0, total = 0;
	int cpus = libbpf_num_possible_cpus(), err = 0;

	for (uint32_t word = 0; word < IFW_COUNTER_CHUNK / 64; word++)
		total += (uint32_t)__builtin_popcountll(which[word]);
	if (!total)
		return 0;
	if (cpus < 1)
		return -EINVAL;
	zero = calloc(total < BATCH ? total : BATCH, (size_t)cpus * sizeof(*zero));
	if (!zero)
		return -ENOMEM;
	err = chunk_open(loader, chunk, &fd);
	for (uint32_t i = 0; !err && i < IFW_COUNTER_CHUNK; i++) {
		if (!(which[i / 64] >> (i % 64) & 1))
			continue;
		indexes[count++] = i;
		total--;
		if (count < BATCH && total)
			continue;
		err = reset_some(fd, indexes, count, zero);
		count = 0;
	}
	return err;
}

/* --- Reading -------------------------------------------------------------------- */

static void sum(struct ifw_count *to, const struct ifw_count *per_cpu, int cpus)
{
	*to = (struct ifw_count){};
	for (int cpu = 0; cpu < cpus; cpu++) {
		to->packets += per_cpu[cpu].packets;
		to->bytes += per_cpu[cpu].bytes;
	}
}

/* The whole chunk, in batches. */
static int read_chunk(int fd, int cpus, struct ifw_count sums[IFW_COUNTER_CHUNK])
{
	CLEANUP(cleanup_free)
	struct ifw_count *values = calloc((size_t)cpus * BATCH, sizeof(*values));
	uint32_t keys[BATCH], at = 0, next = 0;

	if (!values)
		return -ENOMEM;
	for (uint32_t done = 0; done < IFW_COUNTER_CHUNK;) {
		uint32_t count = BATCH;

		if (bpf_map_lookup_batch(fd, done ? &at : NULL, &next, keys, values, &count,
					 NULL) &&
		    errno != ENOENT)
			return -errno;
		if (!count)
			return -EIO;
		for (uint32_t i = 0; i < count; i++)
			if (keys[i] < IFW_COUNTER_CHUNK)
				sum(&sums[keys[i]], values + (size_t)i * (size_t)cpus, cpus);
		done += count;
		at = next;
	}
	return 0;
}

static int read_one(int fd, uint32_t index, int cpus, struct ifw_count *values,
		    struct ifw_count *to)
{
	if (bpf_map_lookup_elem(fd, &index, values))
		return -errno;
	sum(to, values, cpus);
	return 0;
}

/* Rules by their chunk: which[first[n]] up to which[first[n + 1] - 1] are indices of chunk n's. */
struct by_chunk {
	uint32_t first[IFW_COUNTER_CHUNKS + 1];
	uint32_t *which;
};

static void cleanup_by_chunk(struct by_chunk *by)
{
	free(by->which);
}

static uint32_t chunk_of(const struct rule *rule)
{
	uint32_t chunk = rule->counter / IFW_COUNTER_CHUNK;

	return rule->counter && chunk < IFW_COUNTER_CHUNKS ? chunk : IFW_COUNTER_CHUNKS;
}

static int sort_by_chunk(const struct rule_set *set, struct by_chunk *by)
{
	uint32_t at[IFW_COUNTER_CHUNKS + 1] = {};

	by->which = calloc(set->count + 1, sizeof(*by->which));
	if (!by->which)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++)
		if (chunk_of(&set->rules[i]) < IFW_COUNTER_CHUNKS)
			by->first[chunk_of(&set->rules[i]) + 1]++;
	for (uint32_t n = 0; n < IFW_COUNTER_CHUNKS; n++) {
		by->first[n + 1] += by->first[n];
		at[n] = by->first[n];
	}
	for (size_t i = 0; i < set->count; i++)
		if (chunk_of(&set->rules[i]) < IFW_COUNTER_CHUNKS)
			by->which[at[chunk_of(&set->rules[i])]++] = (uint32_t)i;
	return 0;
}

static int read_rules(int fd, int cpus, const struct rule_set *set, const uint32_t *which,
		      uint32_t count, struct ifw_count *counts)
{
	CLEANUP(cleanup_free) struct ifw_count *sums = NULL, *values = NULL;
	int err = count < FEW ? -ENOTSUPP : 0;

	if (!err) {
		sums = calloc(IFW_COUNTER_CHUNK, sizeof(*sums));
		err = sums ? read_chunk(fd, cpus, sums) : -ENOMEM;
	}
	if (!err) {
		for (uint32_t i = 0; i < count; i++)
			counts[which[i]] = sums[set->rules[which[i]].counter % IFW_COUNTER_CHUNK];
		return 0;
	}
	if (!lacks_batches(err))
		return err;
	values = calloc((size_t)cpus, sizeof(*values));
	err = values ? 0 : -ENOMEM;
	for (uint32_t i = 0; !err && i < count; i++)
		err = read_one(fd, set->rules[which[i]].counter % IFW_COUNTER_CHUNK, cpus, values,
			       &counts[which[i]]);
	return err;
}

int counts_read(struct loader *loader, const struct rule_set *set, struct ifw_count **counts)
{
	CLEANUP(cleanup_free) struct ifw_count *read = calloc(set->count + 1, sizeof(*read));
	CLEANUP(cleanup_by_chunk) struct by_chunk by = {};
	int cpus = libbpf_num_possible_cpus();
	int err;

	if (cpus < 1)
		return -EINVAL;
	err = read ? sort_by_chunk(set, &by) : -ENOMEM;
	for (uint32_t n = 0; !err && n < IFW_COUNTER_CHUNKS; n++) {
		CLEANUP(cleanup_close) int fd = -1;
		uint32_t count = by.first[n + 1] - by.first[n];

		if (!count)
			continue;
		err = chunk_open(loader, n, &fd);
		if (err == -ENOENT)
			err = 0; /* gone with the set: the caller reads again */
		else if (!err)
			err = read_rules(fd, cpus, set, by.which + by.first[n], count, read);
	}
	if (err)
		return err;
	*counts = read;
	read = NULL;
	return 0;
}

/* --- Writing -------------------------------------------------------------------- */

/* On one CPU, for they are read as a sum. */
static int write_rules(int fd, int cpus, const struct rule_set *set, const uint32_t *which,
		       uint32_t count, const struct ifw_count *counts)
{
	CLEANUP(cleanup_free) struct ifw_count *values = calloc((size_t)cpus, sizeof(*values));

	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = set->rules[which[i]].counter % IFW_COUNTER_CHUNK;

		values[0] = counts[which[i]];
		if (values[0].packets && bpf_map_update_elem(fd, &index, values, BPF_ANY))
			return -errno;
	}
	return 0;
}

int counts_write(struct loader *loader, const struct rule_set *set, const struct ifw_count *counts)
{
	CLEANUP(cleanup_by_chunk) struct by_chunk by = {};
	int cpus = libbpf_num_possible_cpus();
	int err = cpus < 1 ? -EINVAL : sort_by_chunk(set, &by);

	for (uint32_t n = 0; !err && n < IFW_COUNTER_CHUNKS; n++) {
		CLEANUP(cleanup_close) int fd = -1;
		uint32_t count = by.first[n + 1] - by.first[n];

		if (!count)
			continue;
		err = chunk_open(loader, n, &fd);
		if (!err)
			err = write_rules(fd, cpus, set, by.which + by.first[n], count, counts);
	}
	return err;
}
