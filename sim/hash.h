/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hash.h - uthash with the hash function and the failure handling used here.
 * Keys are compared as bytes, so they are built without padding.
 */
#ifndef IFW_SIM_HASH_H
#define IFW_SIM_HASH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Keys are 4 bytes or a multiple of 8; a word at a time beats uthash's own byte by byte. */
static inline uint32_t sim_hash(const void *key, size_t size)
{
	const uint8_t *at = (const uint8_t *)key;
	uint64_t hash = size, word;

	for (; size >= sizeof(word); size -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	if (size) {
		word = 0;
		memcpy(&word, at, size);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	return (uint32_t)hash;
}

#define HASH_FUNCTION(key, size, hash) ((hash) = sim_hash((key), (size)))

/* Where an element is added, `bool no_memory` is in scope and says whether it failed. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((void)(element), no_memory = true)

#include <uthash.h>

#endif /* IFW_SIM_HASH_H */
