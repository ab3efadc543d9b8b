/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compile.c - a whole set to the elements of the maps. Sorting brings rules of
 * one family and protocol, of one destination, and of one group side by side;
 * one pass then makes an element where each of these begins.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "../datapath/addr.h"
#include "cleanup.h"
#include "compile.h"

#define FIRST_ID 1U /* 0 marks a free range */
#define LENGTHS (IFW_LENGTH_MAX + 1)

/* Pairs of prefix lengths that the family at hand uses. */
struct pairs {
	bool used[LENGTHS][LENGTHS];
	unsigned int count;
};

struct build {
	const struct rule_set *set;
	const struct rule **sorted;
	struct image image;
	size_t range_room;
	struct pairs *pairs;
	struct ifw_prefix *destination; /* of the rules at hand */
	bool *live;			/* as the caller wants it, or NULL */
	bool *group_live;		/* the group's part, in sorted order; NULL likewise */
};

static void build_free(struct build *build)
{
	free(build->sorted);
	free(build->pairs);
	free(build->group_live);
	image_free(&build->image);
}

struct ifw_prefix_key compile_destination_key(const struct rule *rule)
{
	return (struct ifw_prefix_key){
		.addr = rule->dst,
		.len = rule->dst_len,
		.family = rule->family,
		.protocol = rule->protocol,
		.kind = IFW_PREFIX_DESTINATION,
	};
}

struct ifw_prefix_key compile_source_key(const struct rule *rule, uint32_t scope)
{
	return (struct ifw_prefix_key){
		.addr = rule->src,
		.scope = scope,
		.len = rule->src_len,
		.family = rule->family,
		.protocol = rule->protocol,
		.kind = IFW_PREFIX_SOURCE,
	};
}

void compile_set_length(__u64 lengths[IFW_LENGTH_WORDS], unsigned int len, bool used)
{
	__u64 bit = 1ULL << (IFW_LENGTH_BIT(len) % 64);

	if (used)
		lengths[IFW_LENGTH_BIT(len) / 64] |= bit;
	else
		lengths[IFW_LENGTH_BIT(len) / 64] &= ~bit;
}

bool compile_has_length(const __u64 lengths[IFW_LENGTH_WORDS], unsigned int len)
{
	return (lengths[IFW_LENGTH_BIT(len) / 64] >> (IFW_LENGTH_BIT(len) % 64)) & 1;
}

#define COMPARE(a, b)                                                                              \
	do {                                                                                       \
		if ((a) != (b))                                                                    \
			return (a) < (b) ? -1 : 1;                                                 \
	} while (0)

/* By family and protocol, destination, source; rules of one group stay in order. */
static int compare_rules(const void *left, const void *right)
{
	const struct rule *a = *(const struct rule *const *)left;
	const struct rule *b = *(const struct rule *const *)right;

	COMPARE(a->family, b->family);
	COMPARE(a->protocol, b->protocol);
	COMPARE(a->dst_len, b->dst_len);
	COMPARE(a->dst.hi, b->dst.hi);
	COMPARE(a->dst.lo, b->dst.lo);
	COMPARE(a->src_len, b->src_len);
	COMPARE(a->src.hi, b->src.hi);
	COMPARE(a->src.lo, b->src.lo);
	COMPARE(a, b); /* both of one array, which is in order */
	return 0;
}

static int build_start(struct build *build)
{
	size_t count = build->set->count;

	build->sorted = calloc(count, sizeof(*build->sorted));
	build->pairs = calloc(1, sizeof(*build->pairs));
	/* A group makes one element, and one more where its destination is new. */
	build->image.prefixes = calloc(2 * count, sizeof(*build->image.prefixes));
	if (build->live)
		build->group_live = calloc(count, sizeof(*build->group_live));
	if (!build->sorted || !build->pairs || !build->image.prefixes ||
	    (build->live && !build->group_live))
		return -ENOMEM;
	build->image.next_id = FIRST_ID;
	for (size_t i = 0; i < count; i++)
		build->sorted[i] = &build->set->rules[i];
	qsort(build->sorted, count, sizeof(*build->sorted), compare_rules);
	return 0;
}

static struct ifw_prefix *add_prefix(struct build *build, struct ifw_prefix_key key)
{
	struct ifw_prefix *prefix = &build->image.prefixes[build->image.prefix_count++];

	prefix->self = key;
	prefix->id = build->image.next_id++;
	return prefix;
}

static int count_pair(struct pairs *pairs, const struct rule *rule)
{
	bool *used = &pairs->used[rule->dst_len][rule->src_len];

	if (*used)
		return 0;
	if (pairs->count == COMPILE_PAIRS_MAX)
		return -E2BIG;
	*used = true;
	pairs->count++;
	return 0;
}

static int append_run(struct build *build, const struct run *run)
{
	struct image *image = &build->image;
	size_t room = build->range_room ? build->range_room : build->set->count;
	struct ifw_range *ranges;

	/* Ranges are found by a 32-bit index. */
	if (image->range_count + run->total > UINT32_MAX)
		return -E2BIG;
	while (room - image->range_count < run->total)
		room *= 2;
	if (room != build->range_room) {
		ranges = reallocarray(image->ranges, room, sizeof(*ranges));
		if (!ranges)
			return -ENOMEM;
		image->ranges = ranges;
		build->range_room = room;
	}
	memcpy(image->ranges + image->range_count, run->ranges, run->total * sizeof(*run->ranges));
	image->range_count += run->total;
	return 0;
}

static int add_run(struct build *build, size_t first, size_t count, struct ifw_prefix *prefix)
{
	struct run run __attribute__((cleanup(run_free))) = {0};
	uint32_t run_at = (uint32_t)build->image.range_count;
	int err = compile_run(build->sorted + first, count, prefix->id, 0, &run, build->group_live);

	if (!err && run.total > 1)
		err = append_run(build, &run);
	if (err)
		return err;
	if (run.total == 1)
		prefix->only = run.ranges[0];
	else
		prefix->run_at = run_at;
	prefix->run_count = run.count;
	prefix->run_total = run.total;
	for (size_t i = 0; build->live && i < count; i++)
		build->live[build->sorted[first + i] - build->set->rules] = build->group_live[i];
	return 0;
}

/* Finds or makes the element above a group: its destination. */
static void enter_group(struct build *build, const struct rule *rule, const struct rule *before)
{
	bool same_family = before && before->family == rule->family;
	bool same_walk = same_family && before->protocol == rule->protocol;

	if (!same_family)
		memset(build->pairs, 0, sizeof(*build->pairs));
	if (!same_walk || before->dst_len != rule->dst_len ||
	    !ifw_addr_equal(before->dst, rule->dst))
		build->destination = add_prefix(build, compile_destination_key(rule));
	compile_set_length(build->image.lengths[rule->family == IFW_FAMILY_IPV6]
					       [IFW_LENGTHS_OF(rule->protocol)],
			   rule->dst_len, true);
}

static int add_group(struct build *build, size_t first, size_t count)
{
	const struct rule *rule = build->sorted[first];
	struct ifw_prefix *prefix;
	int err;

	enter_group(build, rule, first ? build->sorted[first - 1] : NULL);
	err = count_pair(build->pairs, rule);
	if (err)
		return err;
	prefix = build->destination;
	if (rule->src_len) {
		compile_set_length(prefix->lengths, rule->src_len, true);
		prefix = add_prefix(build, compile_source_key(rule, prefix->id));
	}
	return add_run(build, first, count, prefix);
}

static int build_groups(struct build *build)
{
	size_t first = 0, count = build->set->count;

	while (first < count) {
		size_t next = first + 1;
		int err;

		while (next < count && rule_same_group(build->sorted[first], build->sorted[next]))
			next++;
		err = add_group(build, first, next - first);
		if (err)
			return err;
		first = next;
	}
	return 0;
}

int compile_set(const struct rule_set *set, struct image *image, bool *live)
{
	struct build build __attribute__((cleanup(build_free))) = {.set = set, .live = live};
	int err;

	if (set->count == 0) {
		*image = (struct image){.next_id = FIRST_ID};
		return 0;
	}
	err = build_start(&build);
	if (!err)
		err = build_groups(&build);
	if (err)
		return err;
	*image = build.image;
	build.image = (struct image){0};
	return 0;
}

void image_free(struct image *image)
{
	free(image->prefixes);
	free(image->ranges);
	*image = (struct image){0};
}

size_t compile_shadowed_by(const struct rule_set *set, size_t index, size_t *by, size_t max)
{
	const struct rule *rule = &set->rules[index];
	size_t found = 0;

	for (size_t i = 0; i < index; i++) {
		const struct rule *before = &set->rules[i];

		if (!rule_same_group(before, rule) || before->high < rule->low ||
		    before->low > rule->high || !(before->ifaces & rule->ifaces))
			continue;
		if (found < max)
			by[found] = i;
		found++;
	}
	return found;
}
