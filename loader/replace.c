/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replace.c - the whole set at once. A new generation is built in maps that
 * nothing leads to, then put in force by one number; until that a killed
 * command leaves the old rules, after it the new ones. The same serves to
 * derive everything anew where a writer was killed half-way.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "ruleset/keep.h"

#define BATCH 4096

/* --- Building ------------------------------------------------------------- */

/* Maps as large as meta says; -1 in set where one could not be made. */
static int generation_create(const struct pinned_meta *meta, struct generation *set)
{
	LIBBPF_OPTS(bpf_map_create_opts, hash, .map_flags = BPF_F_NO_PREALLOC);

	set->prefixes =
		bpf_map_create(BPF_MAP_TYPE_HASH, "ifw_prefix_set", sizeof(struct ifw_prefix_key),
			       sizeof(struct ifw_prefix), meta->room_prefixes, &hash);
	set->rules = bpf_map_create(BPF_MAP_TYPE_HASH, "ifw_rules", sizeof(struct group_key),
				    sizeof(struct group_value), meta->room_rules, &hash);
	return set->prefixes < 0 || set->rules < 0 ? -errno : 0;
}

/* count elements in batches; keys and values lie side by side. */
static int write_all(int fd, const void *keys, size_t key_size, const void *values,
		     size_t value_size, size_t total)
{
	for (size_t done = 0; done < total;) {
		uint32_t count = total - done < BATCH ? (uint32_t)(total - done) : BATCH;

		if (bpf_map_update_batch(fd, (const char *)keys + done * key_size,
					 (const char *)values + done * value_size, &count, NULL))
			return -errno;
		done += count;
	}
	return 0;
}

static int write_image(const struct loader *loader, struct generation *set,
		       const struct image *image)
{
	CLEANUP(cleanup_free) struct ifw_prefix_key *keys = NULL;
	int err;

	keys = calloc(image->prefix_count + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < image->prefix_count; i++)
		keys[i] = image->prefixes[i].self;
	err = ranges_write(loader, set, 0, image->ranges, (uint32_t)image->range_count);
	if (err)
		return err;
	err = index_fill(loader, set->number, image);
	if (err)
		return err;
	return write_all(set->prefixes, keys, sizeof(*keys), image->prefixes,
			 sizeof(*image->prefixes), image->prefix_count);
}

/* --- Rules as entered, grouped -------------------------------------------- */

static int by_group_then_order(const void *a, const void *b)
{
	const struct rule *x = *(const struct rule *const *)a, *y = *(const struct rule *const *)b;
	struct group_key kx = group_key_of(x, 0), ky = group_key_of(y, 0);
	int order = memcmp(&kx, &ky, sizeof(kx));

	if (order)
		return order;
	return x->order < y->order ? -1 : x->order > y->order;
}

struct entries {
	struct group_key *keys;
	struct group_value *values;
	size_t count;
};

static void entries_free(struct entries *entries)
{
	free(entries->keys);
	free(entries->values);
}

static void entries_add(struct entries *entries, struct group_key key, struct group_value value)
{
	entries->keys[entries->count] = key;
	entries->values[entries->count] = value;
	entries->count++;
}

/* Groups by pair of lengths: [IPv6][destination][source]. */
struct pairs {
	uint32_t groups[2][IFW_LENGTH_MAX + 1][IFW_LENGTH_MAX + 1];
};

/* Counts the rule's group; the first of a pair gets the pair an entry, whose count comes later. */
static void count_pair(struct pairs *pairs, const struct rule *rule, struct entries *entries,
		       struct pinned_meta *meta)
{
	bool ipv6 = rule->family == IFW_FAMILY_IPV6;

	if (pairs->groups[ipv6][rule->dst_len][rule->src_len]++)
		return;
	meta->pairs[ipv6]++;
	entries_add(entries, pair_key_of(rule), (struct group_value){});
}

static void fill_pairs(const struct pairs *pairs, struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct group_key *key = &entries->keys[i];

		if (key->index == GROUP_PAIR)
			entries->values[i].count = pairs->groups[key->family == IFW_FAMILY_IPV6]
								[key->dst_len][key->src_len];
	}
}

/* Sorted by group: a group's first entry gets its count when the group ends. */
static int make_entries(const struct rule_set *set, struct entries *entries,
			struct pinned_meta *meta)
{
	CLEANUP(cleanup_free) const struct rule **sorted = calloc(set->count + 1, sizeof(*sorted));
	CLEANUP(cleanup_free) struct pairs *pairs = calloc(1, sizeof(*pairs));
	uint32_t members = 0;

	entries->keys = calloc(set->count * 2 + 1, sizeof(*entries->keys));
	entries->values = calloc(set->count * 2 + 1, sizeof(*entries->values));
	if (!sorted || !pairs || !entries->keys || !entries->values)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++)
		sorted[i] = &set->rules[i];
	qsort(sorted, set->count, sizeof(*sorted), by_group_then_order);
	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = sorted[i];

		entries_add(entries, group_key_of(rule, GROUP_FIRST + members++),
			    group_value_of(rule));
		if (i + 1 < set->count && rule_same_group(rule, sorted[i + 1]))
			continue;
		entries->values[entries->count - members].count = members;
		count_pair(pairs, rule, entries, meta);
		members = 0;
	}
	fill_pairs(pairs, entries);
	return 0;
}

/* The destination that a source belongs to: in an image the one before it. */
static const struct ifw_prefix *destination_of(const struct image *image, size_t source,
					       const struct ifw_prefix *last)
{
	uint32_t id = image->prefixes[source].self.scope;

	if (last && last->id == id)
		return last;
	for (size_t i = 0; i < image->prefix_count; i++)
		if (image->prefixes[i].id == id)
			return &image->prefixes[i];
	return NULL;
}

static int count_sources(int rules_fd, const struct image *image)
{
	const struct ifw_prefix *destination = NULL;

	for (size_t i = 0; i < image->prefix_count; i++) {
		const struct ifw_prefix_key *source = &image->prefixes[i].self;
		struct group_value value = {};
		struct group_key key;

		if (source->kind == IFW_PREFIX_DESTINATION)
			destination = &image->prefixes[i];
		if (source->kind != IFW_PREFIX_SOURCE)
			continue;
		destination = destination_of(image, i, destination);
		if (!destination)
			return -EINVAL;
		key = (struct group_key){
			.dst = destination->self.addr,
			.dst_len = destination->self.len,
			.src_len = source->len,
			.family = source->family,
			.protocol = source->protocol,
			.index = GROUP_SOURCES,
		};
		if (bpf_map_lookup_elem(rules_fd, &key, &value) && errno != ENOENT)
			return -errno;
		value.count++;
		if (bpf_map_update_elem(rules_fd, &key, &value, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int write_rules(const struct generation *generation, const struct rule_set *set,
		       const struct image *image, struct pinned_meta *meta)
{
	CLEANUP(entries_free) struct entries entries = {};
	int err;

	err = make_entries(set, &entries, meta);
	if (!err)
		err = write_all(generation->rules, entries.keys, sizeof(*entries.keys),
				entries.values, sizeof(*entries.values), entries.count);
	return err ? err : count_sources(generation->rules, image);
}

/* --- Putting in force ------------------------------------------------------ */

static const char *const pin_names[] = {"prefixes", "rules"};
#define PIN_NAMES (sizeof(pin_names) / sizeof(pin_names[0]))

/* The pins go last: where there are none, nothing else is left either. */
static int unpin_generation(struct loader *loader, uint32_t number)
{
	char name[32];
	int err;

	(void)bpf_map_delete_elem(loader->prefixes_fd, &number);
	err = ranges_remove(loader, number);
	if (err)
		return err;
	for (size_t i = 0; i < PIN_NAMES; i++) {
		pin_generation(pin_names[i], number, name, sizeof(name));
		if (unlinkat(loader->dir_fd, name, 0) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

void remove_remnant(struct loader *loader)
{
	uint32_t number = !loader->active;
	bool found = ranges_are_left(loader, number);
	struct rule_set set = {};
	char name[32];

	for (size_t i = 0; i < PIN_NAMES && !found; i++) {
		pin_generation(pin_names[i], number, name, sizeof(name));
		found = faccessat(loader->dir_fd, name, F_OK, 0) == 0;
	}
	if (!found)
		return;
	if (wait_for_readers(loader) == 0 && store_read_rules(loader->set.rules, &set) == 0 &&
	    counters_settle(loader, &set) == 0)
		(void)unpin_generation(loader, number);
	rule_set_clear(&set);
}

static int pin_set(struct loader *loader, const struct generation *set)
{
	const int fds[PIN_NAMES] = {set->prefixes, set->rules};
	char name[32], path[PATH_MAX];

	for (size_t i = 0; i < PIN_NAMES; i++) {
		int err;

		pin_generation(pin_names[i], set->number, name, sizeof(name));
		err = pin_path(loader, name, path, sizeof(path));
		if (err)
			return err;
		if (bpf_obj_pin(fds[i], path))
			return -errno;
	}
	return bpf_map_update_elem(loader->prefixes_fd, &set->number, &set->prefixes, BPF_ANY)
		       ? -errno
		       : 0;
}

/*
 * Changing an outer map makes the kernel wait for all program runs that are
 * under way (kernel/bpf/syscall.c maybe_wait_bpf_programs); what is written is
 * what is there already.
 */
int wait_for_readers(struct loader *loader)
{
	uint32_t number = loader->active;

	return bpf_map_update_elem(loader->prefixes_fd, &number, &loader->set.prefixes, BPF_ANY)
		       ? -errno
		       : 0;
}

static int switch_to(struct loader *loader, uint32_t number, const struct generation *set,
		     const struct rule_set *rules, const struct pinned_meta *meta,
		     struct failure *failure)
{
	uint32_t zero = 0, before = loader->active;
	int err;

	err = store_begin(loader, failure);
	if (err)
		return err;
	/* The two numbers differ in one byte, so no reader sees a third. */
	if (bpf_map_update_elem(loader->active_fd, &zero, &number, BPF_ANY))
		return fail_errno(failure, -errno, "cannot put the new rules in force");
	loader->active = number;
	generation_close(&loader->set);
	loader->set = *set;
	loader->meta = *meta;
	err = store_end(loader, failure);
	if (err)
		return err;
	/*
	 * The old set goes when nobody reads it; if this fails the next writer does it. Who
	 * misses its prefixes meanwhile sees that another set is in force, and asks that one.
	 */
	if (before != number && bpf_map_delete_elem(loader->prefixes_fd, &before) == 0 &&
	    counters_settle(loader, rules) == 0)
		(void)unpin_generation(loader, before);
	return 0;
}

/* The state that belongs to a set fresh from its image. */
static void describe(const struct loader *loader, const struct rule_set *set,
		     const struct image *image, struct pinned_meta *meta)
{
	*meta = loader->meta;
	memset(&meta->room, 0, sizeof(meta->room));
	memset(meta->lengths, 0, sizeof(meta->lengths));
	memset(meta->pairs, 0, sizeof(meta->pairs));
	meta->room.used = (uint32_t)image->range_count;
	meta->next_id = image->next_id;
	meta->next_order = set->count ? set->rules[set->count - 1].order + 1 : 1;
	meta->rules = (uint32_t)set->count;
	meta->prefixes = 0;
	for (size_t i = 0; i < image->prefix_count; i++) {
		const struct ifw_prefix_key *key = &image->prefixes[i].self;

		if (key->kind == IFW_PREFIX_DESTINATION)
			meta->lengths[key->family == IFW_FAMILY_IPV6][IFW_LENGTHS_OF(key->protocol)]
				     [key->len]++;
		meta->prefixes++;
	}
	room_measure(meta);
}

static int check_limits(const struct loader *loader, const struct rule_set *set,
			const struct pinned_meta *meta, struct failure *failure)
{
	const struct loader_limits *limits = &loader->limits;

	if (set->count > limits->ranges)
		return fail(failure, -ENOSPC,
			    "%zu rules are more than the limit of %u (--max-ranges of `ifw up`)",
			    set->count, limits->ranges);
	if (meta->room.used > limits->ranges)
		return fail(failure, -ENOSPC,
			    "the rules come to %u port ranges, more than the limit of %u "
			    "(--max-ranges of `ifw up`)",
			    meta->room.used, limits->ranges);
	if (meta->prefixes > limits->prefixes)
		return fail(failure, -ENOSPC,
			    "the rules come to %u prefixes, more than the limit of %u "
			    "(--max-prefixes of `ifw up`)",
			    meta->prefixes, limits->prefixes);
	return 0;
}

static int replace_counted(struct loader *loader, const struct rule_set *set,
			   struct failure *failure)
{
	uint32_t number = !loader->active;
	struct generation built = GENERATION_CLOSED;
	struct image image = {};
	struct pinned_meta meta;
	int err;

	err = compile_set(set, &image, NULL);
	if (err == -E2BIG)
		return fail(failure, err, "the rules use more than %u pairs of prefix lengths",
			    COMPILE_PAIRS_MAX);
	if (err)
		return fail_errno(failure, err, "cannot compile the rules");
	describe(loader, set, &image, &meta);
	err = check_limits(loader, set, &meta, failure);
	if (err) {
		image_free(&image);
		return err;
	}
	built.number = number;
	err = unpin_generation(loader, number); /* what a killed command left there */
	if (!err)
		err = generation_create(&meta, &built);
	if (!err)
		err = write_image(loader, &built, &image);
	if (!err)
		err = write_rules(&built, set, &image, &meta);
	if (!err)
		err = pin_set(loader, &built);
	image_free(&image);
	if (err) {
		(void)unpin_generation(loader, number);
		generation_close(&built);
		return fail_errno(failure, err, "cannot build the new set of rules");
	}
	return switch_to(loader, number, &built, set, &meta, failure);
}

int replace_all(struct loader *loader, struct rule_set *set, struct failure *failure)
{
	CLEANUP(counter_plan_free) struct counter_plan plan;
	uint32_t before = loader->active;
	int err = counters_plan(loader, set, &plan, failure);

	if (err)
		return err;
	err = replace_counted(loader, set, failure);
	if (err && loader->active == before)
		counters_cancel(loader, &plan);
	return err;
}

int replace_first(struct loader *loader, struct failure *failure)
{
	struct generation built = GENERATION_CLOSED;
	int err;

	room_measure(&loader->meta);
	err = generation_create(&loader->meta, &built);
	if (!err)
		err = pin_set(loader, &built);
	generation_close(&built);
	return err ? fail_errno(failure, err, "cannot make the first set of rules") : 0;
}

int recover(struct loader *loader, struct failure *failure)
{
	struct generation damaged = GENERATION_CLOSED;
	struct rule_set set = {};
	int err;

	if (!(loader->meta.sequence & 1))
		return 0;
	err = generation_open(loader, loader->active, &damaged, failure);
	if (err)
		return err;
	err = store_read_rules(damaged.rules, &set);
	if (err) {
		generation_close(&damaged);
		return fail_errno(failure, err, "cannot read the rules");
	}
	generation_close(&loader->set);
	loader->set = damaged;
	err = replace_all(loader, &set, failure);
	rule_set_clear(&set);
	return err;
}

/* --- Whole sets from outside ----------------------------------------------- */

/* Orders count only against each other: they are renumbered from 1 by loader_apply. */
static bool same_rules(const struct rule_set *a, const struct rule_set *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!rule_equal(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}

/* keep: rules of which those that are in the set, too, go on counting. */
static int replace_renumbered(struct loader *loader, const struct rule_set *set,
			      const struct rule_set *keep, struct failure *failure)
{
	struct rule_set after = {};
	int err = 0;

	for (size_t i = 0; !err && i < set->count; i++) {
		err = rule_set_add(&after, &set->rules[i]);
		if (!err)
			after.rules[i].order = (uint32_t)i + 1;
	}
	if (!err)
		err = keep_counters(&after, keep);
	if (err)
		fail_errno(failure, err, "cannot copy the rules");
	if (!err)
		err = names_write(loader, failure);
	if (!err)
		err = replace_all(loader, &after, failure);
	rule_set_clear(&after);
	return err;
}

int renumber(struct loader *loader, struct failure *failure)
{
	struct rule_set set = {};
	int err = store_read_rules(loader->set.rules, &set);

	if (err)
		return fail_errno(failure, err, "cannot read the rules");
	err = replace_renumbered(loader, &set, &set, failure);
	rule_set_clear(&set);
	return err;
}

int loader_apply(struct loader *loader, const struct rule_set *set, bool *changed,
		 struct failure *failure)
{
	struct rule_set before = {};
	int err;

	err = store_read_rules(loader->set.rules, &before);
	if (err)
		return fail_errno(failure, err, "cannot read the rules");
	*changed = !same_rules(&before, set);
	if (*changed)
		err = replace_renumbered(loader, set, &before, failure);
	rule_set_clear(&before);
	return err;
}
