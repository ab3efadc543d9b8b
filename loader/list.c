/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * list.c - the rules as entered, read back whole. A reader takes no lock: it
 * reads again where a writer was at work meanwhile.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "counters.h"

#define BATCH 4096
#define RETRIES 200
#define RETRY_NS 200000L

void rule_from_entry(struct rule *rule, const struct group_key *key,
		     const struct group_value *value)
{
	*rule = (struct rule){
		.dst = key->dst,
		.src = key->src,
		.listener = value->listener,
		.ifaces = value->ifaces,
		.order = value->order,
		.counter = value->counter,
		.low = value->low,
		.high = value->high,
		.listener_port = value->listener_port,
		.dst_len = key->dst_len,
		.src_len = key->src_len,
		.family = key->family,
		.protocol = key->protocol,
		.action = value->action,
	};
	memcpy(rule->label, value->label, sizeof(rule->label));
	rule->label[sizeof(rule->label) - 1] = 0;
}

static int rule_by_order(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* Entries of one batch that are rules. */
static int take_batch(struct rule_set *set, const struct group_key *keys,
		      const struct group_value *values, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct rule rule;
		int err;

		if (keys[i].index == GROUP_SOURCES || keys[i].index == GROUP_PAIR)
			continue;
		rule_from_entry(&rule, &keys[i], &values[i]);
		err = rule_set_add(set, &rule);
		if (err)
			return err;
	}
	return 0;
}

int store_read_rules(int rules_fd, struct rule_set *set)
{
	CLEANUP(cleanup_free) struct group_key *keys = calloc(BATCH, sizeof(*keys));
	CLEANUP(cleanup_free) struct group_value *values = calloc(BATCH, sizeof(*values));
	uint32_t in = 0, out = 0;
	bool first = true, more = true;
	size_t kept = 0;

	if (!keys || !values)
		return -ENOMEM;
	while (more) {
		uint32_t count = BATCH;
		int err = 0;

		/* A bucket larger than the batch says ENOSPC; ours hold a few. */
		if (bpf_map_lookup_batch(rules_fd, first ? NULL : &in, &out, keys, values, &count,
					 NULL)) {
			if (errno != ENOENT)
				err = -errno;
			more = false;
		}
		if (!err)
			err = take_batch(set, keys, values, count);
		if (err) {
			rule_set_clear(set);
			return err;
		}
		in = out;
		first = false;
	}
	if (set->count) /* qsort(NULL, ...) is undefined */
		qsort(set->rules, set->count, sizeof(*set->rules), rule_by_order);
	/* A writer that was killed between two steps of a deletion left one rule twice. */
	for (size_t i = 0; i < set->count; i++)
		if (!kept || set->rules[kept - 1].order != set->rules[i].order)
			set->rules[kept++] = set->rules[i];
	set->count = kept;
	return 0;
}

struct counted_set {
	struct rule_set *set;
	struct ifw_count **counts; /* NULL: not wanted, or there are none */
};

static int read_counts(struct loader *loader, const struct counted_set *to)
{
	return to->counts ? counts_read(loader, to->set, to->counts) : 0;
}

static void clear(const struct counted_set *read)
{
	rule_set_clear(read->set);
	if (!read->counts)
		return;
	free(*read->counts);
	*read->counts = NULL;
}

/* One attempt; -EAGAIN where a writer was at work. */
static int read_rules(struct loader *loader, bool locked, void *arg)
{
	CLEANUP(generation_close) struct generation opened = GENERATION_CLOSED;
	const struct counted_set *to = arg;
	uint64_t before;
	int err;

	err = meta_read(loader);
	if (err)
		return err;
	before = loader->meta.sequence;
	if ((before & 1) && !locked)
		return -EAGAIN;
	err = generation_open(loader, loader->active, &opened, NULL);
	if (err == -ENOENT)
		return -EAGAIN; /* replaced meanwhile */
	if (!err)
		err = store_read_rules(opened.rules, to->set);
	if (!err)
		err = read_counts(loader, to);
	if (!err)
		err = names_read(loader);
	if (!err)
		err = meta_read(loader);
	if (!err && loader->meta.sequence != before)
		err = -EAGAIN;
	if (err)
		clear(to);
	return err;
}

/* Writers do not stop coming, or one was killed: keep them out for a moment. */
static int read_locked(struct loader *loader,
		       int (*attempt)(struct loader *loader, bool locked, void *arg), void *arg)
{
	int fd = open(loader->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = flock(fd, LOCK_SH) ? -errno : attempt(loader, true, arg);
	close(fd);
	return err;
}

int read_whole(struct loader *loader, int (*attempt)(struct loader *loader, bool locked, void *arg),
	       void *arg)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};
	int err = -EAGAIN;

	for (int i = 0; i < RETRIES && err == -EAGAIN; i++) {
		err = attempt(loader, false, arg);
		if (err == -EAGAIN)
			nanosleep(&pause, NULL);
	}
	return err == -EAGAIN ? read_locked(loader, attempt, arg) : err;
}

int loader_rules(struct loader *loader, struct rule_set *set, struct failure *failure)
{
	return loader_rules_counted(loader, set, NULL, failure);
}

int loader_rules_counted(struct loader *loader, struct rule_set *set, struct ifw_count **counts,
			 struct failure *failure)
{
	struct counted_set to = {set, loader->meta.rule_counters ? counts : NULL};
	int err;

	if (counts)
		*counts = NULL;
	if (loader->mode == LOADER_READ) {
		err = read_whole(loader, read_rules, &to);
	} else {
		err = store_read_rules(loader->set.rules, set);
		if (!err)
			err = read_counts(loader, &to);
		if (err)
			clear(&to);
	}
	if (err)
		return fail_errno(failure, err, "cannot read the rules");
	set->names = loader->names;
	return 0;
}

int loader_usage(struct loader *loader, struct loader_usage *usage, struct failure *failure)
{
	uint32_t counters = 0;
	int err = meta_read(loader);

	if (err)
		return fail_errno(failure, err, "cannot read '%s/meta'", loader->dir);
	err = counters_size(loader, &counters);
	if (err)
		return fail_errno(failure, err, "cannot read '%s/counter_slots'", loader->dir);
	*usage = (struct loader_usage){
		.limits = loader->limits,
		.rules = loader->meta.rules,
		.ranges = loader->meta.room.used,
		.prefixes = loader->meta.prefixes,
		.counters = counters,
	};
	return 0;
}
