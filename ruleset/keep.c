/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * keep.c - see keep.h. By a hash, for both sets may be large.
 */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "keep.h"
#include "match.h"

struct counted {
	struct match match;
	const struct rule *rule;
	bool lost; /* the hash had no memory for it */
	UT_hash_handle hh;
};

int keep_counters(struct rule_set *set, const struct rule_set *former)
{
	auto_free struct counted *elements = calloc(former->count + 1, sizeof(*elements));
	struct counted *hash = NULL, *found;
	int err = elements ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < former->count; i++) {
		if (!former->rules[i].counter)
			continue;
		elements[i].match = match_of(&former->rules[i]);
		elements[i].rule = &former->rules[i];
		HASH_ADD(hh, hash, match, sizeof(struct match), &elements[i]);
		if (elements[i].lost)
			err = -ENOMEM;
	}
	for (size_t i = 0; !err && i < set->count; i++) {
		const struct match match = match_of(&set->rules[i]);

		if (set->rules[i].counter)
			continue;
		HASH_FIND(hh, hash, &match, sizeof(match), found);
		if (found && rule_equal(found->rule, &set->rules[i]))
			set->rules[i].counter = found->rule->counter;
	}
	HASH_CLEAR(hh, hash);
	return err;
}
