/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_rules.c - which rules of two sets are not the same in both.
 */
#include <errno.h>
#include <stdlib.h>

#include "ruleset/cleanup.h"
#include "diff_parts.h"

struct listed {
	const struct rule *rule;
	size_t set;
};

static int compare_groups(const struct rule *a, const struct rule *b)
{
	COMPARE(a->family, b->family);
	COMPARE(a->protocol, b->protocol);
	COMPARE(number_of_addr(a->dst), number_of_addr(b->dst));
	COMPARE(a->dst_len, b->dst_len);
	COMPARE(number_of_addr(a->src), number_of_addr(b->src));
	COMPARE(a->src_len, b->src_len);
	return 0;
}

/* All but the label, which no packet feels. */
static int compare_rules(const struct rule *a, const struct rule *b)
{
	const int groups = compare_groups(a, b);

	if (groups)
		return groups;
	COMPARE(a->low, b->low);
	COMPARE(a->high, b->high);
	COMPARE(a->ifaces, b->ifaces);
	COMPARE(a->action, b->action);
	COMPARE(a->listener_port, b->listener_port);
	COMPARE(number_of_addr(a->listener), number_of_addr(b->listener));
	return 0;
}

static int compare_listed(const void *a, const void *b)
{
	const struct listed *one = a, *two = b;
	const int rules = compare_rules(one->rule, two->rule);

	return rules ? rules : (int)one->set - (int)two->set;
}

struct pair {
	const struct rule *rules[PROBE_WORLDS];
	size_t at; /* of the rule that stands for both */
};

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *one = a, *two = b;
	const int groups = compare_groups(one->rules[0], two->rules[0]);

	if (groups)
		return groups;
	COMPARE(one->rules[0]->order, two->rules[0]->order);
	return 0;
}

/* Of rules of one group that stand in another order each is looked at. */
static void mark_reordered(struct cell_rule *rules, struct pair *pairs, size_t count)
{
	size_t next;

	qsort(pairs, count, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < count; i = next) {
		bool moved = false;

		for (next = i + 1; next < count; next++) {
			if (compare_groups(pairs[i].rules[0], pairs[next].rules[0]) != 0)
				break;
			moved |= pairs[next].rules[1]->order < pairs[next - 1].rules[1]->order;
		}
		for (size_t k = i; k < next && moved; k++)
			rules[pairs[k].at].wanted = true;
	}
}

int diff_rules(const struct rule_set *before, const struct rule_set *after,
	       struct cell_rule **rules, size_t *rule_count)
{
	const struct rule_set *const sets[] = {before, after};
	const size_t all = before->count + after->count;
	auto_free struct listed *listed = calloc(all + 1, sizeof(*listed));
	auto_free struct pair *pairs = calloc(all + 1, sizeof(*pairs));
	size_t count = 0, pair_count = 0;

	*rule_count = 0;
	*rules = calloc(all + 1, sizeof(**rules));
	if (!listed || !pairs || !*rules)
		return -ENOMEM;
	for (size_t set = 0; set < PROBE_WORLDS; set++)
		for (size_t i = 0; i < sets[set]->count; i++)
			listed[count++] = (struct listed){&sets[set]->rules[i], set};
	qsort(listed, count, sizeof(*listed), compare_listed);
	for (size_t i = 0; i < count; i++) {
		const bool both =
			i + 1 < count && compare_rules(listed[i].rule, listed[i + 1].rule) == 0;

		if (both)
			pairs[pair_count++] =
				(struct pair){{listed[i].rule, listed[i + 1].rule}, *rule_count};
		(*rules)[(*rule_count)++] = (struct cell_rule){listed[i].rule, !both};
		i += both;
	}
	mark_reordered(*rules, pairs, pair_count);
	return 0;
}
