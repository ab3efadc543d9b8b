/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* aging.c - see aging.h. */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "aging.h"
#include "datapath/abi.h"

#define KEY_MAX 64 /* bytes */

static void age(__u64 *time_ns, uint64_t ns)
{
	*time_ns = *time_ns > ns ? *time_ns - ns : 1;
}

/* All keys at once: an element that is written moves ahead of others, and would come again. */
static int read_keys(int map, size_t key_size, uint8_t **keys, size_t *count)
{
	size_t room = 0;

	*keys = NULL;
	*count = 0;
	for (;;) {
		uint8_t *at;

		if (*count == room) {
			uint8_t *grown = realloc(*keys, (room = 2 * room + 64) * key_size);

			if (!grown)
				return -ENOMEM;
			*keys = grown;
		}
		at = *keys + *count * key_size;
		if (bpf_map_get_next_key(map, *count ? at - key_size : NULL, at))
			return errno == ENOENT ? 0 : -errno;
		++*count;
	}
}

union remembered {
	struct ifw_flow flow;
	struct ifw_fragment fragment;
};

static int age_each(int map, size_t key_size, uint64_t ns,
		    void (*age_one)(union remembered *value, uint64_t ns))
{
	union remembered value;
	uint8_t *keys;
	size_t count;
	int err = read_keys(map, key_size, &keys, &count);

	for (size_t i = 0; i < count && !err; i++) {
		const uint8_t *key = keys + i * key_size;

		if (bpf_map_lookup_elem(map, key, &value)) {
			err = -errno;
			break;
		}
		age_one(&value, ns);
		if (bpf_map_update_elem(map, key, &value, BPF_EXIST))
			err = -errno;
	}
	free(keys);
	return err;
}

static void age_flow(union remembered *value, uint64_t ns)
{
	age(&value->flow.expires_ns, ns);
	age(&value->flow.began_ns, ns);
}

static void age_fragment(union remembered *value, uint64_t ns)
{
	age(&value->fragment.expires_ns, ns);
}

int age_flows(int map, uint64_t ns)
{
	return age_each(map, sizeof(struct ifw_flow_key), ns, age_flow);
}

int age_fragments(int map, uint64_t ns)
{
	return age_each(map, sizeof(struct ifw_fragment_key), ns, age_fragment);
}

int empty_map(int map, uint32_t key_size)
{
	uint8_t key[KEY_MAX];

	if (key_size > sizeof(key))
		return -EINVAL;
	while (bpf_map_get_next_key(map, NULL, key) == 0)
		if (bpf_map_delete_elem(map, key))
			return -errno;
	return errno == ENOENT ? 0 : -errno;
}

unsigned int count_elements(int map, uint32_t key_size)
{
	uint8_t key[2][KEY_MAX];
	unsigned int count = 0;

	if (key_size > sizeof(key[0]))
		return 0;
	while (bpf_map_get_next_key(map, count ? key[count & 1] : NULL, key[~count & 1]) == 0)
		count++;
	return count;
}
