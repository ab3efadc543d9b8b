/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile.h - rules to the entries that datapath/ reads. Overlaps between
 * rules of one group (same protocol and prefixes) are resolved here: a run is a
 * sorted list of disjoint port ranges, each with the rules that may decide on
 * it, in order. Whoever loads them (kernel or simulator) adds nothing.
 */
#ifndef IFW_COMPILE_H
#define IFW_COMPILE_H

#include "rule.h"

/* Pairs of (destination, source) prefix lengths that one family may use. */
#define COMPILE_PAIRS_MAX 1089

struct run {
	struct ifw_range *ranges; /* first candidates ascending, then the further ones */
	uint32_t count;		  /* disjoint ranges: what ifw_prefix.run_count gets */
	uint32_t total;		  /* elements of ranges */
};

/* The whole set: elements for the prefix map (key: self) and the ranges map, where runs of more
 * than one element lie. */
struct image {
	struct ifw_prefix *prefixes;
	size_t prefix_count;
	struct ifw_range *ranges;
	size_t range_count;
	__u64 lengths[2][IFW_LENGTHS_PROTOCOLS]
		     [IFW_LENGTH_WORDS]; /* destination lengths: struct ifw_index.lengths */
	uint32_t next_id;		 /* first id that no prefix has */
};

/*
 * The run of one group: rules in order, count at least 1, all of one group.
 * owner is written into each range. live, where given, has count elements and
 * says which rules can decide on some port and interface; the others are
 * shadowed by rules before them. named has the bits of slots that take only rules which
 * name them (IFW_IFACE_NAMED_RULES): live depends on it, the run does not. 0 or -ENOMEM; then
 * nothing is to be freed and live holds nothing of worth.
 */
int compile_run(const struct rule *const *rules, size_t count, uint32_t owner, uint64_t named,
		struct run *run, bool *live);
void run_free(struct run *run);

/*
 * The image of a set; runs lie one behind the other from range 0. live as
 * above, with set->count elements, where no slot is named. 0, -ENOMEM, or -E2BIG where a family
 * uses more than COMPILE_PAIRS_MAX pairs of lengths.
 */
int compile_set(const struct rule_set *set, struct image *image, bool *live);
void image_free(struct image *image);

/* Key of the destination element of a rule, its source element (scope: id of the former). */
struct ifw_prefix_key compile_destination_key(const struct rule *rule);
struct ifw_prefix_key compile_source_key(const struct rule *rule, uint32_t scope);

/* Bit of a prefix length in ifw_prefix.lengths or a member of image.lengths. */
void compile_set_length(__u64 lengths[IFW_LENGTH_WORDS], unsigned int len, bool used);
bool compile_has_length(const __u64 lengths[IFW_LENGTH_WORDS], unsigned int len);

/* Slots on which a rule holds; named as above. */
uint64_t compile_holds_on(const struct rule *rule, uint64_t named);

/*
 * Which rules keep set->rules[index] from ever deciding: those of its group,
 * before it, that overlap it in ports and interfaces. Up to max indices go to
 * by, ascending; returns how many there are. Only meaningful where live is false.
 */
size_t compile_shadowed_by(const struct rule_set *set, size_t index, size_t *by, size_t max);

#endif /* IFW_COMPILE_H */
