/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * index.c - what packets ask before any prefix (struct ifw_index): lengths in
 * use and the filter. One rule changes a few words of it, one call each; a whole
 * set is written through memory that is shared with the program, which costs half a
 * millisecond to map and to unmap, and so only where it is worth it.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "datapath/filter.h"
#include "internal.h"

#define GENERATIONS 2
#define WORD_OF(member) (offsetof(struct ifw_index, member) / sizeof(__u64))

/* --- Word by word ----------------------------------------------------------------- */

static int word_read(const struct loader *loader, uint32_t generation, size_t word, __u64 *value)
{
	uint32_t at = generation * (uint32_t)IFW_INDEX_WORDS + (uint32_t)word;

	return bpf_map_lookup_elem(loader->index_fd, &at, value) ? -errno : 0;
}

static int word_write(const struct loader *loader, uint32_t generation, size_t word, __u64 value)
{
	uint32_t at = generation * (uint32_t)IFW_INDEX_WORDS + (uint32_t)word;

	return bpf_map_update_elem(loader->index_fd, &at, &value, BPF_ANY) ? -errno : 0;
}

/* Bit of an array of words that begins with the word first. */
static int bit_write(const struct loader *loader, uint32_t generation, size_t first, uint32_t bit,
		     bool on)
{
	__u64 mask = 1ULL << (bit % 64), value = 0;
	int err = word_read(loader, generation, first + bit / 64, &value);

	if (err || !(value & mask) == !on)
		return err;
	return word_write(loader, generation, first + bit / 64, value ^ mask);
}

/* Prefixes of a slot after one more (or less); UINT8_MAX stays, for they were not counted. */
static int slot_count(const struct loader *loader, uint32_t generation, uint32_t slot, int change,
		      uint8_t *after)
{
	size_t word = WORD_OF(prefixes) + slot / sizeof(__u64);
	__u8 counts[sizeof(__u64)];
	__u64 value = 0;
	int err = word_read(loader, generation, word, &value);

	if (err)
		return err;
	memcpy(counts, &value, sizeof(counts));
	*after = counts[slot % sizeof(__u64)];
	if (*after == UINT8_MAX || (change < 0 && *after == 0))
		return 0;
	*after = (uint8_t)(*after + change);
	counts[slot % sizeof(__u64)] = *after;
	memcpy(&value, counts, sizeof(counts));
	return word_write(loader, generation, word, value);
}

int index_add(const struct loader *loader, uint32_t generation, const struct ifw_prefix_key *key)
{
	uint32_t slot = ifw_filter_slot_of(key);
	uint8_t after;
	int err = slot_count(loader, generation, slot, 1, &after);

	return err ? err : bit_write(loader, generation, WORD_OF(filter), slot, true);
}

/* Where there were too many to count, the bit stays: that costs a lookup, never an answer. */
int index_remove(const struct loader *loader, uint32_t generation, const struct ifw_prefix_key *key)
{
	uint32_t slot = ifw_filter_slot_of(key);
	uint8_t after;
	int err = slot_count(loader, generation, slot, -1, &after);

	if (err || after)
		return err;
	return bit_write(loader, generation, WORD_OF(filter), slot, false);
}

int index_set_length(const struct loader *loader, uint32_t generation, uint8_t family,
		     uint8_t protocol, unsigned int len, bool used)
{
	size_t which = (size_t)(family == IFW_FAMILY_IPV6) * IFW_LENGTHS_PROTOCOLS +
		       IFW_LENGTHS_OF(protocol);

	return bit_write(loader, generation, WORD_OF(lengths) + which * IFW_LENGTH_WORDS,
			 IFW_LENGTH_BIT(len), used);
}

/* --- Whole ----------------------------------------------------------------------------- */

/* Of both generations; NULL and errno. */
static struct ifw_index *map_both(const struct loader *loader)
{
	void *memory = mmap(NULL, GENERATIONS * sizeof(struct ifw_index), PROT_READ | PROT_WRITE,
			    MAP_SHARED, loader->index_fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void unmap_both(struct ifw_index *both)
{
	munmap(both, GENERATIONS * sizeof(*both));
}

static void add_mapped(struct ifw_index *index, const struct ifw_prefix_key *key)
{
	uint32_t slot = ifw_filter_slot_of(key);

	if (index->prefixes[slot] < UINT8_MAX)
		index->prefixes[slot]++;
	index->filter[slot / 64] |= 1ULL << (slot % 64);
}

int index_fill(const struct loader *loader, uint32_t generation, const struct image *image)
{
	struct ifw_index *both = map_both(loader), *index;

	if (!both)
		return -errno;
	index = &both[generation];
	memset(index, 0, sizeof(*index));
	memcpy(index->lengths, image->lengths, sizeof(index->lengths));
	for (size_t i = 0; i < image->prefix_count; i++)
		add_mapped(index, &image->prefixes[i].self);
	unmap_both(both);
	return 0;
}
