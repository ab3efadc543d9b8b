/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * index.c - what packets ask before any prefix (struct ifw_index): lengths in
 * use and the filter. Written through memory that is shared with the program,
 * for a rule changes a few bits of it and a set of rules most of it.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

#include "datapath/filter.h"
#include "internal.h"

#define GENERATIONS 2

int index_map(struct loader *loader)
{
	void *memory;

	memory = mmap(NULL, GENERATIONS * sizeof(struct ifw_index), PROT_READ | PROT_WRITE,
		      MAP_SHARED, loader->index_fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	loader->index = memory;
	return 0;
}

void index_unmap(struct loader *loader)
{
	if (loader->index)
		munmap(loader->index, GENERATIONS * sizeof(struct ifw_index));
	loader->index = NULL;
}

static void set_bit(__u64 *words, uint32_t bit, bool on)
{
	__u64 mask = 1ULL << (bit % 64);

	if (on)
		__atomic_fetch_or(&words[bit / 64], mask, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&words[bit / 64], ~mask, __ATOMIC_SEQ_CST);
}

void index_add(struct ifw_index *index, const struct ifw_prefix_key *key)
{
	uint32_t slot = ifw_filter_slot_of(key);

	if (index->prefixes[slot] < UINT8_MAX)
		index->prefixes[slot]++;
	set_bit(index->filter, slot, true);
}

/* Where there were too many to count, the bit stays: that costs a lookup, never an answer. */
void index_remove(struct ifw_index *index, const struct ifw_prefix_key *key)
{
	uint32_t slot = ifw_filter_slot_of(key);

	if (index->prefixes[slot] == UINT8_MAX || index->prefixes[slot] == 0)
		return;
	if (--index->prefixes[slot] == 0)
		set_bit(index->filter, slot, false);
}

void index_set_length(struct ifw_index *index, uint8_t family, uint8_t protocol, unsigned int len,
		      bool used)
{
	set_bit(index->lengths[family == IFW_FAMILY_IPV6][IFW_LENGTHS_OF(protocol)],
		IFW_LENGTH_BIT(len), used);
}

void index_fill(struct ifw_index *index, const struct image *image)
{
	memcpy(index->lengths, image->lengths, sizeof(index->lengths));
	for (size_t i = 0; i < image->prefix_count; i++)
		index_add(index, &image->prefixes[i].self);
}

void index_clear(struct ifw_index *index)
{
	memset(index, 0, sizeof(*index));
}
