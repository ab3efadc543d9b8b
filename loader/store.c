/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * store.c - rules one at a time: add, replace, delete, list. The rules as
 * entered are the truth; the run, prefix and walk elements of the one group
 * that changes are derived from them in an order that shows a packet the rules
 * before or after: new ranges first, then the element that leads to them, then
 * the lengths that lead there; for removal the other way round.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define IDS_A_RULE 3 /* destination, source and walk */

struct group_key group_key_of(const struct rule *rule, uint32_t index)
{
	return (struct group_key){
		.dst = rule->dst,
		.src = rule->src,
		.dst_len = rule->dst_len,
		.src_len = rule->src_len,
		.family = rule->family,
		.protocol = rule->protocol,
		.index = index,
	};
}

struct group_key pair_key_of(const struct rule *rule)
{
	return (struct group_key){
		.dst_len = rule->dst_len,
		.src_len = rule->src_len,
		.family = rule->family,
		.index = GROUP_PAIR,
	};
}

struct group_value group_value_of(const struct rule *rule)
{
	struct group_value value = {
		.ifaces = rule->ifaces,
		.listener = rule->listener,
		.order = rule->order,
		.low = rule->low,
		.high = rule->high,
		.listener_port = rule->listener_port,
		.action = rule->action,
	};

	memcpy(value.label, rule->label, sizeof(value.label));
	return value;
}

/* --- One group in memory -------------------------------------------------- */

struct group {
	struct rule *rules; /* as stored: rules[i] has index i + 1 */
	size_t count;
};

static void group_free(struct group *group)
{
	free(group->rules);
}

/* One place more than there are rules, so that one can be added. */
static int group_read(struct loader *loader, const struct rule *member, struct group *group)
{
	struct group_key key = group_key_of(member, GROUP_HEAD);
	struct group_value value;
	uint32_t count = 0;

	if (bpf_map_lookup_elem(loader->set.rules, &key, &value) == 0)
		count = value.count;
	else if (errno != ENOENT)
		return -errno;
	group->rules = calloc((size_t)count + 1, sizeof(*group->rules));
	if (!group->rules)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		key.index = i + 1;
		if (bpf_map_lookup_elem(loader->set.rules, &key, &value)) {
			int err = -errno;

			free(group->rules);
			group->rules = NULL;
			return err;
		}
		rule_from_entry(&group->rules[i], &key, &value);
	}
	group->count = count;
	return 0;
}

static int by_order(const void *a, const void *b)
{
	const struct rule *x = *(const struct rule *const *)a, *y = *(const struct rule *const *)b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* The group's run; live, if given, in the order of group->rules. */
static int group_compile(const struct group *group, uint32_t owner, struct run *run, bool *live)
{
	CLEANUP(cleanup_free) const struct rule **sorted = NULL;
	CLEANUP(cleanup_free) bool *flags = NULL;
	int err;

	*run = (struct run){};
	if (!group->count)
		return 0;
	sorted = calloc(group->count, sizeof(*sorted));
	flags = calloc(group->count, sizeof(*flags));
	if (!sorted || !flags)
		return -ENOMEM;
	for (size_t i = 0; i < group->count; i++)
		sorted[i] = &group->rules[i];
	qsort(sorted, group->count, sizeof(*sorted), by_order);
	err = compile_run(sorted, group->count, owner, run, flags);
	if (err)
		return err;
	for (size_t i = 0; live && i < group->count; i++)
		live[sorted[i] - group->rules] = flags[i];
	return 0;
}

/* --- Derived elements ----------------------------------------------------- */

static int prefix_read(struct loader *loader, const struct ifw_prefix_key *key,
		       struct ifw_prefix *prefix)
{
	if (bpf_map_lookup_elem(loader->set.prefixes, key, prefix))
		return -errno;
	return 0;
}

static int prefix_write(struct loader *loader, const struct ifw_prefix *prefix)
{
	return bpf_map_update_elem(loader->set.prefixes, &prefix->self, prefix, BPF_ANY) ? -errno
											 : 0;
}

static int prefix_delete(struct loader *loader, const struct ifw_prefix_key *key)
{
	return bpf_map_delete_elem(loader->set.prefixes, key) ? -errno : 0;
}

static bool prefix_is_empty(const struct ifw_prefix *prefix)
{
	return !prefix->run_count &&
	       !(prefix->lengths[0] | prefix->lengths[1] | prefix->lengths[2]);
}

static int ranges_write(struct loader *loader, uint32_t at, const struct run *run)
{
	CLEANUP(cleanup_free) uint32_t *keys = NULL;
	uint32_t count = run->total;

	keys = calloc(run->total, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < run->total; i++)
		keys[i] = at + i;
	if (bpf_map_update_batch(loader->set.ranges, keys, run->ranges, &count, NULL))
		return -errno;
	return count == run->total ? 0 : -EIO;
}

/* A length of the walk comes with its first destination and goes with its last. */
static int walk_count(struct loader *loader, const struct rule *rule, int change)
{
	uint32_t *count = &loader->meta.lengths[rule->family == IFW_FAMILY_IPV6]
					       [rule->protocol == IPPROTO_UDP][rule->dst_len];
	struct ifw_prefix_key key = compile_walk_key(rule->family, rule->protocol);
	struct ifw_prefix walk;
	int err;

	*count += (uint32_t)change;
	if (*count != (change > 0 ? 1 : 0))
		return 0;
	err = prefix_read(loader, &key, &walk);
	if (err && err != -ENOENT)
		return err;
	if (err)
		walk = (struct ifw_prefix){.self = key, .id = loader->meta.next_id++};
	compile_set_length(&walk, rule->dst_len, change > 0);
	return prefix_is_empty(&walk) ? prefix_delete(loader, &key) : prefix_write(loader, &walk);
}

/* Number of groups of the rule's destination that use its source length, after the change. */
static int source_count(struct loader *loader, const struct rule *rule, int change, uint32_t *after)
{
	struct rule any = *rule;
	struct group_value value = {};
	struct group_key key;

	any.src = (struct ifw_addr){};
	key = group_key_of(&any, GROUP_SOURCES);
	if (bpf_map_lookup_elem(loader->set.rules, &key, &value) && errno != ENOENT)
		return -errno;
	value.count += (uint32_t)change;
	*after = value.count;
	if (!value.count)
		return bpf_map_delete_elem(loader->set.rules, &key) && errno != ENOENT ? -errno : 0;
	return bpf_map_update_elem(loader->set.rules, &key, &value, BPF_ANY) ? -errno : 0;
}

/* Groups that use the rule's pair of lengths. */
static int pair_read(struct loader *loader, const struct rule *rule, struct group_value *value)
{
	struct group_key key = pair_key_of(rule);

	*value = (struct group_value){};
	return bpf_map_lookup_elem(loader->set.rules, &key, value) && errno != ENOENT ? -errno : 0;
}

static int pair_count(struct loader *loader, const struct rule *rule, int change)
{
	uint32_t *pairs = &loader->meta.pairs[rule->family == IFW_FAMILY_IPV6];
	struct group_key key = pair_key_of(rule);
	struct group_value value;
	int err = pair_read(loader, rule, &value);

	if (err)
		return err;
	value.count += (uint32_t)change;
	if (value.count == (change > 0 ? 1 : 0))
		*pairs += (uint32_t)change;
	if (!value.count)
		return bpf_map_delete_elem(loader->set.rules, &key) && errno != ENOENT ? -errno : 0;
	return bpf_map_update_elem(loader->set.rules, &key, &value, BPF_ANY) ? -errno : 0;
}

static void set_run(struct ifw_prefix *prefix, uint32_t at, const struct run *run)
{
	prefix->run_at = run->count ? at : 0;
	prefix->run_count = run->count;
	prefix->run_total = run->total;
}

/*
 * Writes the derived elements of a group whose run lies at `at` already. The
 * old state of the elements is read by the caller, who knows what is new.
 */
static int link_any_source(struct loader *loader, const struct rule *rule,
			   struct ifw_prefix *destination, bool existed, uint32_t at,
			   const struct run *run)
{
	int err;

	set_run(destination, at, run);
	if (!prefix_is_empty(destination)) {
		err = prefix_write(loader, destination);
		if (!err && !existed) {
			loader->meta.prefixes++;
			err = walk_count(loader, rule, 1);
		}
		return err;
	}
	if (!existed)
		return 0;
	err = prefix_delete(loader, &destination->self);
	if (err)
		return err;
	loader->meta.prefixes--;
	return walk_count(loader, rule, -1);
}

static int link_source(struct loader *loader, const struct rule *rule,
		       struct ifw_prefix *destination, bool destination_existed,
		       struct ifw_prefix *source, bool source_existed, uint32_t at,
		       const struct run *run)
{
	uint32_t groups = 0;
	int err;

	set_run(source, at, run);
	if (run->count) {
		err = prefix_write(loader, source);
		if (err || source_existed)
			return err;
		loader->meta.prefixes++;
		err = source_count(loader, rule, 1, &groups);
		if (err)
			return err;
		compile_set_length(destination, rule->src_len, true);
		err = prefix_write(loader, destination);
		if (!err && !destination_existed) {
			loader->meta.prefixes++;
			err = walk_count(loader, rule, 1);
		}
		return err;
	}
	if (!source_existed)
		return 0;
	err = prefix_delete(loader, &source->self);
	if (err)
		return err;
	loader->meta.prefixes--;
	err = source_count(loader, rule, -1, &groups);
	if (err || groups)
		return err;
	compile_set_length(destination, rule->src_len, false);
	if (!prefix_is_empty(destination))
		return prefix_write(loader, destination);
	err = prefix_delete(loader, &destination->self);
	if (err)
		return err;
	loader->meta.prefixes--;
	return walk_count(loader, rule, -1);
}

/* The element for the key as it is, or a new one with an id of its own. */
static int prefix_get(struct loader *loader, const struct ifw_prefix_key *key,
		      struct ifw_prefix *prefix, bool *existed)
{
	int err = prefix_read(loader, key, prefix);

	*existed = !err;
	if (err == -ENOENT) {
		*prefix = (struct ifw_prefix){.self = *key, .id = loader->meta.next_id++};
		err = 0;
	}
	return err;
}

/*
 * Makes the derived elements of one group agree with its rules. -ENOSPC: no
 * room for its run; then nothing was linked.
 */
static int group_link(struct loader *loader, const struct rule *rule, const struct group *group)
{
	bool destination_existed, source_existed = false, by_source = rule->src_len != 0;
	struct ifw_prefix destination, source = {}, *own;
	struct ifw_prefix_key key = compile_destination_key(rule);
	struct ifw_prefix before;
	struct run run;
	uint32_t at = 0;
	int err;

	err = prefix_get(loader, &key, &destination, &destination_existed);
	if (!err && by_source) {
		key = compile_source_key(rule, destination.id);
		err = prefix_get(loader, &key, &source, &source_existed);
	}
	if (err)
		return err;
	own = by_source ? &source : &destination;
	before = *own; /* of a new element: no run */
	err = group_compile(group, own->id, &run, NULL);
	if (err)
		return err;
	if (run.total) {
		err = room_alloc(loader, run.total, &at);
		if (!err)
			err = ranges_write(loader, at, &run);
	}
	if (!err && by_source)
		err = link_source(loader, rule, &destination, destination_existed, &source,
				  source_existed, at, &run);
	else if (!err)
		err = link_any_source(loader, rule, &destination, destination_existed, at, &run);
	if (!err && !run.count != !before.run_count)
		err = pair_count(loader, rule, run.count ? 1 : -1);
	run_free(&run);
	if (!err)
		err = room_retire(loader, before.run_at, before.run_total);
	return err;
}

/* --- Rules as entered ------------------------------------------------------ */

static int entry_write(struct loader *loader, const struct rule *rule, uint32_t index)
{
	struct group_key key = group_key_of(rule, index);
	struct group_value value = group_value_of(rule);

	return bpf_map_update_elem(loader->set.rules, &key, &value, BPF_ANY) ? -errno : 0;
}

static int head_write(struct loader *loader, const struct rule *rule, uint32_t count)
{
	struct group_key key = group_key_of(rule, GROUP_HEAD);
	struct group_value value = {.count = count};

	if (!count)
		return bpf_map_delete_elem(loader->set.rules, &key) && errno != ENOENT ? -errno : 0;
	return bpf_map_update_elem(loader->set.rules, &key, &value, BPF_ANY) ? -errno : 0;
}

static int entry_delete(struct loader *loader, const struct rule *rule, uint32_t index)
{
	struct group_key key = group_key_of(rule, index);

	return bpf_map_delete_elem(loader->set.rules, &key) ? -errno : 0;
}

int store_begin(struct loader *loader, struct failure *failure)
{
	loader->meta.sequence |= 1;
	return meta_write(loader, failure);
}

int store_end(struct loader *loader, struct failure *failure)
{
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

/* Where the blocks are too scattered for one more run: all of it anew, side by side. */
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

/* Which rules of the group keep rules[index] from ever deciding. */
static int find_shadow(const struct group *group, size_t index, struct add_result *result)
{
	CLEANUP(cleanup_free) bool *live = calloc(group->count, sizeof(*live));
	const struct rule *rule = &group->rules[index];
	struct run run;
	int err;

	if (!live)
		return -ENOMEM;
	err = group_compile(group, 1, &run, live);
	if (err)
		return err;
	run_free(&run);
	if (live[index])
		return 0;
	result->shadowed = true;
	for (size_t i = 0; i < group->count; i++) {
		const struct rule *other = &group->rules[i];

		if (other->order >= rule->order || other->low > rule->high ||
		    other->high < rule->low || !(other->ifaces & rule->ifaces))
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
	int err;

	err = store_begin(loader, failure);
	if (err)
		return err;
	group->rules[index] = *rule;
	group->count = fresh ? count + 1 : count;
	err = entry_write(loader, rule, (uint32_t)index + 1);
	if (!err && fresh)
		err = head_write(loader, rule, (uint32_t)group->count);
	if (!err)
		err = group_link(loader, rule, group);
	if (!err) {
		loader->meta.rules += fresh;
		return store_end(loader, failure);
	}
	/* Back to the rules as they were, then to what follows from them. */
	if (fresh) {
		(void)head_write(loader, rule, (uint32_t)count);
		(void)entry_delete(loader, rule, (uint32_t)index + 1);
	} else {
		(void)entry_write(loader, &before, (uint32_t)index + 1);
	}
	if (err == -ENOSPC) { /* found before anything was linked */
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
	err = group_add(loader, &rule, &group, index, failure);
	if (err == -ENOSPC)
		err = add_by_replacing(loader, &rule, failure);
	if (err)
		return err;
	(void)find_shadow(&group, index, &done);
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
		group->count--;
		if (i < group->count) {
			group->rules[i] = group->rules[group->count];
			err = entry_write(loader, &group->rules[i], (uint32_t)i + 1);
		}
		if (!err)
			err = head_write(loader, &filter->rule, (uint32_t)group->count);
		if (!err)
			err = entry_delete(loader, &filter->rule, (uint32_t)group->count + 1);
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
