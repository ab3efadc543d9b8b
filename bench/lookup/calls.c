/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * calls.c - counts the map operations that go to the kernel, those of the
 * loader too: the linker puts these functions in front of libbpf's (--wrap).
 */
#include <bpf/bpf.h>
#include <errno.h>

#include "bench.h"

#define BATCH 4096

/* Not an argument: the loader that is counted does not know of it. */
static struct calls counted;

struct calls calls_take(void)
{
	struct calls taken = counted;

	counted = (struct calls){};
	return taken;
}

int __real_bpf_map_lookup_elem(int fd, const void *key, void *value);
int __real_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int __real_bpf_map_delete_elem(int fd, const void *key);
int __real_bpf_map_update_batch(int fd, const void *keys, const void *values, __u32 *count,
				const struct bpf_map_batch_opts *opts);
int __real_bpf_map_delete_batch(int fd, const void *keys, __u32 *count,
				const struct bpf_map_batch_opts *opts);
int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value);
int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int __wrap_bpf_map_delete_elem(int fd, const void *key);
int __wrap_bpf_map_update_batch(int fd, const void *keys, const void *values, __u32 *count,
				const struct bpf_map_batch_opts *opts);
int __wrap_bpf_map_delete_batch(int fd, const void *keys, __u32 *count,
				const struct bpf_map_batch_opts *opts);

int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	counted.calls++;
	return __real_bpf_map_lookup_elem(fd, key, value);
}

int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	counted.calls++;
	counted.elements++;
	return __real_bpf_map_update_elem(fd, key, value, flags);
}

int __wrap_bpf_map_delete_elem(int fd, const void *key)
{
	counted.calls++;
	counted.elements++;
	return __real_bpf_map_delete_elem(fd, key);
}

int __wrap_bpf_map_update_batch(int fd, const void *keys, const void *values, __u32 *count,
				const struct bpf_map_batch_opts *opts)
{
	counted.calls++;
	counted.elements += *count;
	return __real_bpf_map_update_batch(fd, keys, values, count, opts);
}

int __wrap_bpf_map_delete_batch(int fd, const void *keys, __u32 *count,
				const struct bpf_map_batch_opts *opts)
{
	counted.calls++;
	counted.elements += *count;
	return __real_bpf_map_delete_batch(fd, keys, count, opts);
}

int write_batch(int fd, const void *keys, size_t key_size, const void *values, size_t value_size,
		size_t total)
{
	for (size_t done = 0; done < total;) {
		uint32_t count = total - done < BATCH ? (uint32_t)(total - done) : BATCH;

		if (bpf_map_update_batch(fd, (const char *)keys + done * key_size,
					 (const char *)values + done * value_size, &count, NULL))
			return -errno;
		done += count;
	}
	return 0;
}

int delete_batch(int fd, const void *keys, size_t key_size, size_t total)
{
	for (size_t done = 0; done < total;) {
		uint32_t count = total - done < BATCH ? (uint32_t)(total - done) : BATCH;

		if (bpf_map_delete_batch(fd, (const char *)keys + done * key_size, &count, NULL))
			return -errno;
		done += count;
	}
	return 0;
}
