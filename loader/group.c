/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * group.c - what follows from the rules of one group: its run, the prefix
 * elements that lead there, the lengths that the walk tries. Written in an order
 * that shows a packet the rules before or after: new ranges first, then the
 * element that leads to them, then the lengths that lead there; for removal the
 * other way round.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"

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
		.counter = rule->counter,
		.low = rule->low,
		.high = rule->high,
		.listener_port = rule->listener_port,
		.action = rule->action,
	};

	memcpy(value.label, rule->label, sizeof(value.label));
	return value;
}

/* --- One group in memory -------------------------------------------------- */

void group_free(struct group *group)
{
	free(group->rules);
}

/* One place more than there are rules, so that one can be added. */
int group_read(struct loader *loader, const struct rule *member, struct group *group)
{
	struct group_key key = group_key_of(member, GROUP_FIRST);
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
		key.index = GROUP_FIRST + i;
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
int group_compile(const struct group *group, uint32_t owner, uint64_t named, struct run *run,
		  bool *live)
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
	err = compile_run(sorted, group->count, owner, named, run, flags);
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

/* The index first: what it does not know is not looked for. */
static int prefix_insert(struct loader *loader, const struct ifw_prefix *prefix)
{
	int err = index_add(loader, loader->set.number, &prefix->self);

	if (err)
		return err;
	loader->meta.prefixes++;
	return prefix_write(loader, prefix);
}

static int prefix_delete(struct loader *loader, const struct ifw_prefix_key *key)
{
	if (bpf_map_delete_elem(loader->set.prefixes, key))
		return -errno;
	loader->meta.prefixes--;
	return index_remove(loader, loader->set.number, key);
}

static bool prefix_is_empty(const struct ifw_prefix *prefix)
{
	return !prefix->run_count &&
	       !(prefix->lengths[0] | prefix->lengths[1] | prefix->lengths[2]);
}

/* A length of the walk comes with its first destination and goes with its last. */
static int length_count(struct loader *loader, const struct rule *rule, int change)
{
	uint32_t *count = &loader->meta.lengths[rule->family == IFW_FAMILY_IPV6]
					       [IFW_LENGTHS_OF(rule->protocol)][rule->dst_len];

	*count += (uint32_t)change;
	if (*count != (change > 0 ? 1 : 0))
		return 0;
	return index_set_length(loader, loader->set.number, rule->family, rule->protocol,
				rule->dst_len, change > 0);
}

/* A destination: its element, then the length that leads there. */
static int destination_write(struct loader *loader, const struct rule *rule,
			     const struct ifw_prefix *destination, bool existed)
{
	int err;

	if (existed)
		return prefix_write(loader, destination);
	err = prefix_insert(loader, destination);
	return err ? err : length_count(loader, rule, 1);
}

static int destination_delete(struct loader *loader, const struct rule *rule,
			      const struct ifw_prefix *destination)
{
	int err = prefix_delete(loader, &destination->self);

	return err ? err : length_count(loader, rule, -1);
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
int pair_read(struct loader *loader, const struct rule *rule, struct group_value *value)
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
	prefix->run_at = run->total > 1 ? at : 0;
	prefix->run_count = run->count;
	prefix->run_total = run->total;
	prefix->only = run->total == 1 ? run->ranges[0] : (struct ifw_range){};
}

/*
 * Writes the derived elements of a group whose run lies at `at` already. The
 * old state of the elements is read by the caller, who knows what is new.
 */
static int link_any_source(struct loader *loader, const struct rule *rule,
			   struct ifw_prefix *destination, bool existed, uint32_t at,
			   const struct run *run)
{
	set_run(destination, at, run);
	if (!prefix_is_empty(destination))
		return destination_write(loader, rule, destination, existed);
	return existed ? destination_delete(loader, rule, destination) : 0;
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
		if (source_existed)
			return prefix_write(loader, source);
		err = prefix_insert(loader, source);
		if (!err)
			err = source_count(loader, rule, 1, &groups);
		if (err)
			return err;
		compile_set_length(destination->lengths, rule->src_len, true);
		return destination_write(loader, rule, destination, destination_existed);
	}
	if (!source_existed)
		return 0;
	err = prefix_delete(loader, &source->self);
	if (err)
		return err;
	err = source_count(loader, rule, -1, &groups);
	if (err || groups)
		return err;
	compile_set_length(destination->lengths, rule->src_len, false);
	if (!prefix_is_empty(destination))
		return prefix_write(loader, destination);
	return destination_delete(loader, rule, destination);
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
int group_link(struct loader *loader, const struct rule *rule, const struct group *group)
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
	err = group_compile(group, own->id, 0, &run, NULL);
	if (err)
		return err;
	if (run.total > 1) {
		err = room_alloc(loader, run.total, &at);
		if (!err)
			err = ranges_write(loader, &loader->set, at, run.ranges, run.total);
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
		err = room_retire(loader, before.run_at,
				  before.run_total > 1 ? before.run_total : 0);
	return err;
}
