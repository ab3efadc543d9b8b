/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * merge.c - see merge.h. By hashes, for every set may be large. They hold places and
 * not rules, which move when the set grows.
 */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "keep.h"
#include "match.h"
#include "merge.h"

struct placed {
	struct match match;
	size_t index;
	bool lost; /* the hash had no memory for it */
	UT_hash_handle hh;
};

struct table {
	struct placed *elements, *head;
};

static void table_free(struct table *table)
{
	HASH_CLEAR(hh, table->head);
	free(table->elements);
}

/* Of several equal matches the first is found. */
static int table_make(struct table *table, const struct rule_set *set)
{
	table->elements = calloc((set ? set->count : 0) + 1, sizeof(*table->elements));
	if (!table->elements)
		return -ENOMEM;
	for (size_t i = 0; set && i < set->count; i++) {
		struct placed *element = &table->elements[i], *found;

		element->match = match_of(&set->rules[i]);
		element->index = i;
		HASH_FIND(hh, table->head, &element->match, sizeof(element->match), found);
		if (found)
			continue;
		HASH_ADD(hh, table->head, match, sizeof(element->match), element);
		if (element->lost)
			return -ENOMEM;
	}
	return 0;
}

static const struct rule *table_find(const struct table *table, const struct rule_set *set,
				     const struct rule *rule)
{
	const struct match match = match_of(rule);
	struct placed *found;

	HASH_FIND(hh, table->head, &match, sizeof(match), found);
	return found ? &set->rules[found->index] : NULL;
}

int merge_rules(struct rule_set *set, const struct rule_set *from, const struct rule_set *without,
		merge_conflict_fn conflict, void *arg)
{
	__attribute__((cleanup(table_free))) struct table here = {0}, gone = {0};
	int err = table_make(&here, set);

	if (!err)
		err = table_make(&gone, without);
	for (size_t i = 0; !err && i < from->count; i++) {
		const struct rule *rule = &from->rules[i], *other;

		other = table_find(&gone, without, rule);
		if (other && rule_equal(other, rule))
			continue;
		other = table_find(&here, set, rule);
		if (!other)
			err = rule_set_add(set, rule);
		else if (conflict && !rule_equal(other, rule))
			conflict(arg, other, rule);
	}
	return err;
}

int merge_less(struct rule_set *set, const struct rule_set *from, const struct rule_set *a,
	       const struct rule_set *b)
{
	struct rule_set between = {0};
	int err = merge_rules(&between, from, a, NULL, NULL);

	if (!err)
		err = merge_rules(set, &between, b, NULL, NULL);
	rule_set_clear(&between);
	return err;
}

/* Those of before in their places, unless others deleted them; what others put instead, there, too.
 */
static int put_before(struct rule_set *set, const struct rule_set *before,
		      const struct rule_set *others, const struct rule_set *deleted)
{
	__attribute__((cleanup(table_free))) struct table theirs = {0}, gone = {0};
	int err = table_make(&theirs, others);

	if (!err)
		err = table_make(&gone, deleted);
	for (size_t i = 0; !err && i < before->count; i++) {
		const struct rule *rule = &before->rules[i];
		const struct rule *other = table_find(&theirs, others, rule);
		const struct rule *lost = table_find(&gone, deleted, rule);

		if (!other && lost && rule_equal(lost, rule))
			continue;
		err = rule_set_add(set, other ? other : rule);
		/* A counter that was given back meanwhile may be another rule's now. */
		if (!err && !other)
			set->rules[set->count - 1].counter = 0;
	}
	return err;
}

int merge_back(struct rule_set *set, const struct rule_set *before, const struct rule_set *tried,
	       const struct rule_set *next, const struct rule_set *now)
{
	struct rule_set others = {0}, deleted = {0}, unsure = {0};
	int err;

	next = next ? next : tried;
	/* What either of them brought may be there, but only what both left has been deleted. */
	err = merge_less(&others, now, tried, next);
	if (!err)
		err = merge_rules(&unsure, tried, next, NULL, NULL);
	if (!err)
		err = merge_less(&deleted, tried, &unsure, now);
	if (!err)
		err = put_before(set, before, &others, &deleted);
	if (!err)
		err = merge_rules(set, &others, NULL, NULL, NULL);
	if (!err)
		err = keep_counters(set, now);
	rule_set_clear(&others);
	rule_set_clear(&deleted);
	rule_set_clear(&unsure);
	return err;
}
