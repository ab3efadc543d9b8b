/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * store.c - rules one at a time: add, replace, delete. The rules as entered are
 * the truth; group.c derives from them what packets are matched against.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "group.h"
#include "iface.h"

#define IDS_A_RULE 2 /* destination and source */

/* group->rules[at]; the first says how many there are. */
static int entry_write(struct loader *loader, const struct group *group, size_t at)
{
	struct group_key key = group_key_of(&group->rules[at], GROUP_FIRST + (uint32_t)at);
	struct group_value value = group_value_of(&group->rules[at]);

	value.count = at ? 0 : (uint32_t)group->count;
	return bpf_map_update_elem(loader->set.rules, &key, &value, BPF_ANY) ? -errno : 0;
}

static int entry_delete(struct loader *loader, const struct rule *rule, size_t at)
{
	struct group_key key = group_key_of(rule, GROUP_FIRST + (uint32_t)at);

	return bpf_map_delete_elem(loader->set.rules, &key) ? -errno : 0;
}

bool store_has_egress(const struct loader *loader)
{
	static const uint8_t protocols[] = {IFW_EGRESS | IPPROTO_TCP, IFW_EGRESS | IPPROTO_UDP};

	for (size_t i = 0; i < sizeof(protocols); i++)
		for (int ipv6 = 0; ipv6 < 2; ipv6++)
			for (int len = 0; len <= IFW_LENGTH_MAX; len++)
				if (loader->meta.lengths[ipv6][IFW_LENGTHS_OF(protocols[i])][len])
					return true;
	return false;
}

int store_begin(struct loader *loader, struct failure *failure)
{
	loader->meta.sequence |= 1;
	return meta_write(loader, failure);
}

/* Behind the change, so that what flows remember of before it holds no longer. */
static int epoch_raise(struct loader *loader)
{
	uint32_t key = IFW_ACTIVE_EPOCH, epoch;

	if (bpf_map_lookup_elem(loader->active_fd, &key, &epoch))
		return -errno;
	epoch++;
	return bpf_map_update_elem(loader->active_fd, &key, &epoch, BPF_ANY) ? -errno : 0;
}

int store_end(struct loader *loader, struct failure *failure)
{
	int err = epoch_raise(loader);

	if (err)
		return fail_errno(failure, err, "cannot write '%s/active'", loader->dir);
	loader->meta.sequence = (loader->meta.sequence | 1) + 1;
	return meta_write(loader, failure);
}

/*
 * After an error half-way: what the rules map says is the truth, and the whole
 * is derived from it anew. Keeps the first failure's words.
 */
static int undo(struct loader *loader, int err)
{
	struct failure ignored;

	(void)recover(loader, &ignored);
	return err;
}

static int limit_reached(struct loader *loader, struct failure *failure)
{
	return fail(
		failure, -ENOSPC,
		"no room for the rule: the limit is %u port ranges (--max-ranges) and %u "
		"prefixes (--max-prefixes) of `ifw up`, and %u rules on %u prefixes are in force",
		loader->meta.max_ranges, loader->meta.max_prefixes, loader->meta.rules,
		loader->meta.prefixes);
}

/* Where the maps are full, or blocks too scattered for one more run: all of it anew, side by side.
 */
static int add_by_replacing(struct loader *loader, const struct rule *rule, struct failure *failure)
{
	struct rule_set set = {};
	bool found = false;
	int err;

	err = store_read_rules(loader->set.rules, &set);
	for (size_t i = 0; !err && i < set.count; i++) {
		if (!rule_same_match(&set.rules[i], rule))
			continue;
		set.rules[i] = *rule;
		found = true;
	}
	if (!err && !found)
		err = rule_set_add(&set, rule);
	if (!err)
		err = replace_all(loader, &set, failure);
	else
		fail_errno(failure, err, "cannot add the rule");
	rule_set_clear(&set);
	return err;
}

/* What one packet may cost is bounded by the pairs of lengths that it has to try. */
static int check_pairs(struct loader *loader, const struct rule *rule, struct failure *failure)
{
	struct group_value value;
	int err = pair_read(loader, rule, &value);

	if (err)
		return fail_errno(failure, err, "cannot read the rules");
	if (value.count || loader->meta.pairs[rule->family == IFW_FAMILY_IPV6] < COMPILE_PAIRS_MAX)
		return 0;
	return fail(failure, -E2BIG,
		    "a rule with destination length %u and source length %u would be one pair of "
		    "lengths more than the %u that a family may use",
		    rule->dst_len, rule->src_len, COMPILE_PAIRS_MAX);
}

static size_t find_match(const struct group *group, const struct rule *rule)
{
	size_t i;

	for (i = 0; i < group->count; i++)
		if (rule_same_match(&group->rules[i], rule))
			break;
	return i;
}

static int add_named(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		     void *arg)
{
	uint64_t *named = arg;

	(void)loader;
	(void)ifindex;
	if (settings->flags & IFW_IFACE_NAMED_RULES)
		*named |= 1ULL << settings->slot % IFW_SLOTS;
	return 0;
}

static int find_live(const struct group *group, uint64_t named, bool *live)
{
	struct run run;
	int err = group_compile(group, 1, named, &run, live);

	if (!err)
		run_free(&run);
	return err;
}

/* Which rules of the group keep rules[index] from ever deciding. */
static int find_shadow(struct loader *loader, const struct group *group, size_t index,
		       struct add_result *result)
{
	CLEANUP(cleanup_free) bool *live = calloc(group->count, sizeof(*live));
	const struct rule *rule = &group->rules[index];
	uint64_t named = 0;
	int err;

	if (!live)
		return -ENOMEM;
	err = find_live(group, 0, live);
	/* What is alive without regard to settings is alive with them, too. */
	if (err || live[index])
		return err;
	err = for_each_iface(loader, add_named, &named);
	if (!err && named & rule->ifaces)
		err = find_live(group, named, live);
	if (err || live[index])
		return err;
	result->shadowed = true;
	for (size_t i = 0; i < group->count; i++) {
		const struct rule *other = &group->rules[i];

		if (other->order >= rule->order || other->low > rule->high ||
		    other->high < rule->low || !(compile_holds_on(other, named) & rule->ifaces))
			continue;
		if (!result->shadowed_by_count++ || other->order < result->shadowed_by.order)
			result->shadowed_by = *other;
	}
	return 0;
}

static int group_add(struct loader *loader, const struct rule *rule, struct group *group,
		     size_t index, struct failure *failure)
{
	bool fresh = index == group->count;
	struct rule before = fresh ? (struct rule){} : group->rules[index];
	size_t count = group->count;
	uint32_t counter;
	int err;

	err = store_begin(loader, failure);
	if (err)
		return err;
	group->rules[index] = *rule;
	err = counters_take(loader, &group->rules[index], failure);
	if (err) { /* and nothing else was done */
		group->rules[index] = before;
		store_end(loader, NULL);
		return err;
	}
	counter = group->rules[index].counter;
	group->count = fresh ? count + 1 : count;
	err = entry_write(loader, group, index);
	if (!err && fresh && index)
		err = entry_write(loader, group, 0);
	if (!err)
		err = group_link(loader, rule, group);
	if (!err)
		err = counters_release(loader, before.counter);
	if (!err) {
		loader->meta.rules += fresh;
		return store_end(loader, failure);
	}
	/* Back to the rules as they were, then to what follows from them. */
	group->count = count;
	if (fresh) {
		if (index)
			(void)entry_write(loader, group, 0);
		(void)entry_delete(loader, rule, index);
	} else {
		group->rules[index] = before;
		(void)entry_write(loader, group, index);
	}
	if (err == -ENOSPC) { /* found before anything was linked */
		(void)counters_release(loader, counter);
		store_end(loader, failure);
		limit_reached(loader, failure);
		return err;
	}
	if (err == -E2BIG || err == -ENOMEM)
		limit_reached(loader, failure);
	else
		fail_errno(failure, err, "cannot store the rule");
	return undo(loader, err);
}

int loader_rule_add(struct loader *loader, const struct rule *wanted, bool replace,
		    struct add_result *result, struct failure *failure)
{
	CLEANUP(group_free) struct group group = {};
	struct add_result done = {.outcome = ADD_DONE};
	struct rule rule = *wanted;
	size_t index;
	int err = 0;

	/* Never given out twice: an order tells rules apart, an id prefixes. */
	if (loader->meta.next_order == UINT32_MAX || loader->meta.next_id > UINT32_MAX - IDS_A_RULE)
		err = renumber(loader, failure);
	if (err)
		return err;
	err = group_read(loader, &rule, &group);
	if (err)
		return fail_errno(failure, err, "cannot read the rules");
	done.prefix_had_ranges = group.count != 0;
	index = find_match(&group, &rule);
	if (index < group.count) {
		rule.order = group.rules[index].order;
		if (rule_equal(&group.rules[index], &rule)) {
			done.outcome = ADD_UNCHANGED;
			*result = done;
			return 0;
		}
		if (!replace) {
			char text[RULE_TEXT_MAX];

			rule_print(&group.rules[index], &loader->names, text, sizeof(text));
			return fail(failure, -EEXIST,
				    "a rule with the same match is there: %s; use --replace to put "
				    "this one in its place",
				    text);
		}
		done.outcome = ADD_REPLACED;
	} else {
		if (loader->meta.rules >= loader->meta.max_ranges ||
		    (!group.count &&
		     loader->meta.prefixes + (rule.src_len ? 2 : 1) > loader->meta.max_prefixes))
			return limit_reached(loader, failure);
		err = group.count ? 0 : check_pairs(loader, &rule, failure);
		if (err)
			return err;
		rule.order = loader->meta.next_order++;
	}
	err = names_write(loader, failure);
	if (err)
		return err;
	err = -ENOSPC;
	if (room_is_left(&loader->meta))
		err = group_add(loader, &rule, &group, index, failure);
	if (err == -ENOSPC) {
		group.rules[index] = rule;
		group.count += index == group.count;
		err = add_by_replacing(loader, &rule, failure);
	}
	if (err)
		return err;
	(void)find_shadow(loader, &group, index, &done);
	*result = done;
	return 0;
}

static bool filter_matches(const struct delete_filter *filter, const struct rule *rule)
{
	return rule->low == filter->rule.low &&
	       (filter->any_high || rule->high == filter->rule.high) &&
	       (filter->any_ifaces || rule->ifaces == filter->rule.ifaces);
}

/* Takes rules out of the group, the last one each time moving into the gap. */
static int group_remove(struct loader *loader, const struct delete_filter *filter,
			struct group *group)
{
	for (size_t i = 0; i < group->count;) {
		int err = 0;

		if (!filter_matches(filter, &group->rules[i])) {
			i++;
			continue;
		}
		err = counters_release(loader, group->rules[i].counter);
		if (err)
			return err;
		group->count--;
		if (i < group->count) {
			group->rules[i] = group->rules[group->count];
			err = entry_write(loader, group, i);
		}
		if (!err && i)
			err = entry_write(loader, group, 0);
		if (!err)
			err = entry_delete(loader, &filter->rule, group->count);
		if (err)
			return err;
		loader->meta.rules--;
	}
	return 0;
}

int loader_rule_delete(struct loader *loader, const struct delete_filter *filter,
		       struct delete_result *result, struct failure *failure)
{
	CLEANUP(group_free) struct group group = {};
	size_t before;
	int err;

	*result = (struct delete_result){};
	err = group_read(loader, &filter->rule, &group);
	if (err)
		return fail_errno(failure, err, "cannot read the rules");
	before = group.count;
	result->group_found = before != 0;
	for (size_t i = 0; i < group.count; i++)
		result->removed += filter_matches(filter, &group.rules[i]);
	if (!result->removed)
		return fail(failure, -ENOENT, "no such rule");
	err = store_begin(loader, failure);
	if (err)
		return err;
	err = group_remove(loader, filter, &group);
	if (!err)
		err = group_link(loader, &filter->rule, &group);
	result->group_empty = group.count == 0;
	/* No room for the group's new run beside the former: all of it anew, side by side. */
	if (err == -ENOSPC)
		return recover(loader, failure);
	if (err) {
		fail_errno(failure, err, "cannot remove the rule");
		return undo(loader, err);
	}
	return store_end(loader, failure);
}
