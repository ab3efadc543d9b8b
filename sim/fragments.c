/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fragments.c - the ifw_fragments map: a hash that drops what was used least
 * recently. The kernel's (kernel/bpf/bpf_lru_list.c) is bound by the same number
 * but picks only roughly the oldest.
 */
#include <stdlib.h>

#include "world.h"

static struct sim_fragment *find(const struct sim_world *world, const struct ifw_fragment_key *key)
{
	struct sim_fragment *fragment;

	HASH_FIND(hh, world->fragments, key, sizeof(*key), fragment);
	return fragment;
}

static void drop(struct sim_world *world, struct sim_fragment *fragment)
{
	HASH_DEL(world->fragments, fragment);
	free(fragment);
}

/* uthash keeps the order in which elements were added. NULL: no memory, and it is freed. */
static struct sim_fragment *append(struct sim_world *world, struct sim_fragment *fragment)
{
	bool no_memory = false;

	HASH_ADD(hh, world->fragments, key, sizeof(fragment->key), fragment);
	if (!no_memory)
		return fragment;
	free(fragment);
	return NULL;
}

const struct ifw_fragment *sim_world_peek_fragment(const struct sim_world *world,
						   const struct ifw_fragment_key *key)
{
	const struct sim_fragment *fragment = find(world, key);

	return fragment ? &fragment->value : NULL;
}

struct ifw_fragment *sim_world_find_fragment(struct sim_world *world,
					     const struct ifw_fragment_key *key)
{
	struct sim_fragment *fragment = find(world, key);

	if (!fragment)
		return NULL;
	HASH_DEL(world->fragments, fragment);
	fragment = append(world, fragment);
	return fragment ? &fragment->value : NULL;
}

struct ifw_fragment *sim_world_new_fragment(struct sim_world *world,
					    const struct ifw_fragment_key *key)
{
	struct sim_fragment *fragment = find(world, key);

	if (fragment)
		drop(world, fragment);
	else if (HASH_COUNT(world->fragments) >= IFW_FRAGMENTS_MAX)
		drop(world, world->fragments);
	fragment = calloc(1, sizeof(*fragment));
	if (!fragment)
		return NULL;
	fragment->key = *key;
	fragment = append(world, fragment);
	return fragment ? &fragment->value : NULL;
}

void sim_world_forget_fragment(struct sim_world *world, const struct ifw_fragment_key *key)
{
	struct sim_fragment *fragment = find(world, key);

	if (fragment)
		drop(world, fragment);
}

void sim_world_clear_fragments(struct sim_world *world)
{
	while (world->fragments)
		drop(world, world->fragments);
}
