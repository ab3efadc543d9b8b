/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ranges.c - the ranges of a generation, in chunks of one size (abi.h). A chunk
 * is made when the first range in it is written, pinned, and then put where
 * packets find it; chunks are made in ascending order and removed in descending
 * order, so those that are there always begin with the first.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

#define NAME_SIZE 32

/* In struct generation: 0 is none, so that a new one has no chunks. */
static int fd_of(int chunk)
{
	return chunk - 1;
}

static void chunk_name(uint32_t generation, uint32_t chunk, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "ranges_%u_%u", generation, chunk);
}

static bool chunk_is_pinned(const struct loader *loader, uint32_t generation, uint32_t chunk)
{
	char name[NAME_SIZE];

	chunk_name(generation, chunk, name);
	return faccessat(loader->dir_fd, name, F_OK, 0) == 0;
}

static int chunk_path(const struct loader *loader, uint32_t generation, uint32_t chunk, char *path,
		      size_t size)
{
	char name[NAME_SIZE];

	chunk_name(generation, chunk, name);
	return pin_path(loader, name, path, size);
}

/* Makes and pins one that is not there. */
static int chunk_make(const struct loader *loader, struct generation *set, uint32_t chunk)
{
	char path[PATH_MAX];
	int err = chunk_path(loader, set->number, chunk, path, sizeof(path)), fd;

	if (err)
		return err;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ifw_range_chunk", sizeof(uint32_t),
			    sizeof(struct ifw_range), IFW_RANGE_CHUNK, NULL);
	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, path)) {
		err = -errno;
		close(fd);
		return err;
	}
	set->chunks[chunk] = fd + 1;
	return 0;
}

static int chunk_open(const struct loader *loader, struct generation *set, uint32_t chunk)
{
	char path[PATH_MAX];
	int err, fd;

	if (chunk >= IFW_RANGE_CHUNKS)
		return -ENOENT;
	if (set->chunks[chunk])
		return 0;
	err = chunk_path(loader, set->number, chunk, path, sizeof(path));
	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	set->chunks[chunk] = fd + 1;
	return 0;
}

/*
 * Puts chunks where packets find them. In one call where the kernel has it: after
 * each it waits until no program run is left that began before.
 */
static int chunks_publish(const struct loader *loader, const struct generation *set, uint32_t first,
			  uint32_t count)
{
	CLEANUP(cleanup_free) uint32_t *keys = calloc(count, sizeof(*keys));
	CLEANUP(cleanup_free) int *fds = calloc(count, sizeof(*fds));
	uint32_t done = count;

	if (!keys || !fds)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		keys[i] = set->number * IFW_RANGE_CHUNKS + first + i;
		fds[i] = fd_of(set->chunks[first + i]);
	}
	if (count > 1 && bpf_map_update_batch(loader->ranges_fd, keys, fds, &done, NULL) == 0)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_update_elem(loader->ranges_fd, &keys[i], &fds[i], BPF_ANY))
			return -errno;
	return 0;
}

int ranges_make(const struct loader *loader, struct generation *set, uint32_t total)
{
	uint32_t needed = total / IFW_RANGE_CHUNK + (total % IFW_RANGE_CHUNK != 0), first = 0;

	if (needed > IFW_RANGE_CHUNKS)
		return -ENOSPC;
	if (!needed || chunk_open(loader, set, needed - 1) == 0)
		return 0;
	while (first < needed && chunk_open(loader, set, first) == 0)
		first++;
	for (uint32_t i = first; i < needed; i++) {
		int err = chunk_make(loader, set, i);

		if (err)
			return err;
	}
	return chunks_publish(loader, set, first, needed - first);
}

int ranges_read(const struct loader *loader, struct generation *set, uint32_t at,
		struct ifw_range *range)
{
	uint32_t chunk = at / IFW_RANGE_CHUNK, element = at % IFW_RANGE_CHUNK;
	int err = chunk_open(loader, set, chunk);

	if (err)
		return err;
	return bpf_map_lookup_elem(fd_of(set->chunks[chunk]), &element, range) ? -errno : 0;
}

/* count ranges within one chunk. */
static int chunk_write(int fd, uint32_t element, const struct ifw_range *ranges, uint32_t count)
{
	CLEANUP(cleanup_free) uint32_t *keys = NULL;
	uint32_t done = count;

	if (count == 1)
		return bpf_map_update_elem(fd, &element, ranges, BPF_ANY) ? -errno : 0;
	keys = calloc(count, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		keys[i] = element + i;
	if (bpf_map_update_batch(fd, keys, ranges, &done, NULL))
		return -errno;
	return done == count ? 0 : -EIO;
}

int ranges_write(const struct loader *loader, struct generation *set, uint32_t at,
		 const struct ifw_range *ranges, uint32_t count)
{
	int err = ranges_make(loader, set, at + count);

	while (!err && count) {
		uint32_t chunk = at / IFW_RANGE_CHUNK, element = at % IFW_RANGE_CHUNK;
		uint32_t here = IFW_RANGE_CHUNK - element;

		if (here > count)
			here = count;
		err = chunk_open(loader, set, chunk);
		if (!err)
			err = chunk_write(fd_of(set->chunks[chunk]), element, ranges, here);
		at += here;
		ranges += here;
		count -= here;
	}
	return err;
}

void ranges_close(struct generation *set)
{
	for (uint32_t i = 0; i < IFW_RANGE_CHUNKS; i++) {
		if (set->chunks[i])
			close(fd_of(set->chunks[i]));
		set->chunks[i] = 0;
	}
}

int ranges_remove(const struct loader *loader, uint32_t generation)
{
	uint32_t count = 0;

	while (count < IFW_RANGE_CHUNKS && chunk_is_pinned(loader, generation, count))
		count++;
	while (count--) {
		uint32_t key = generation * IFW_RANGE_CHUNKS + count;
		char name[NAME_SIZE];

		(void)bpf_map_delete_elem(loader->ranges_fd, &key);
		chunk_name(generation, count, name);
		if (unlinkat(loader->dir_fd, name, 0) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

bool ranges_are_left(const struct loader *loader, uint32_t generation)
{
	return chunk_is_pinned(loader, generation, 0);
}
