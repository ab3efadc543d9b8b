/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * counters.c - which counters are taken. The rules as entered say so; the bits
 * kept here follow from them, and are made to agree again whenever a set is put
 * in force or a command was killed.
 *
 * A counter that a rule let go is not given out for a while: a packet may be on
 * its way to it, and a datagram in fragments remembers it for longer.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"

#define WORDS (IFW_COUNTER_CHUNK / 64)
#define TURN_NS (IFW_FRAGMENT_NS + 1000000000ULL)

static bool test_bit(const __u64 *bits, uint32_t n)
{
	return bits[n / 64] >> (n % 64) & 1;
}

static void set_bit(__u64 *bits, uint32_t n)
{
	bits[n / 64] |= 1ULL << (n % 64);
}

static void clear_bit(__u64 *bits, uint32_t n)
{
	bits[n / 64] &= ~(1ULL << (n % 64));
}

/* --- One chunk -------------------------------------------------------------- */

/* Each was retired before the turn was a TURN_NS old, for this is done before any is. */
static void turn(struct counter_slots *slots)
{
	uint64_t now = clock_ns(), age = now - slots->turned_ns;

	if (age < TURN_NS)
		return;
	if (age < 2 * TURN_NS)
		memcpy(slots->retired[1], slots->retired[0], sizeof(slots->retired[1]));
	else
		memset(slots->retired[1], 0, sizeof(slots->retired[1]));
	memset(slots->retired[0], 0, sizeof(slots->retired[0]));
	slots->turned_ns = now;
}

static int slots_read(struct loader *loader, uint32_t chunk, struct counter_slots *slots)
{
	if (bpf_map_lookup_elem(loader->counter_slots_fd, &chunk, slots))
		return -errno;
	turn(slots);
	return 0;
}

static int slots_write(struct loader *loader, uint32_t chunk, const struct counter_slots *slots)
{
	return bpf_map_update_elem(loader->counter_slots_fd, &chunk, slots, BPF_ANY) ? -errno : 0;
}

static void slots_remove(struct loader *loader, uint32_t chunk)
{
	(void)bpf_map_delete_elem(loader->counter_slots_fd, &chunk);
	chunk_remove(loader, chunk);
}

/* A free one, now taken; false: there is none. */
static bool slots_find(struct counter_slots *slots, uint32_t *index)
{
	for (uint32_t word = 0; word < WORDS; word++) {
		__u64 free_bits =
			~(slots->used[word] | slots->retired[0][word] | slots->retired[1][word]);

		if (!free_bits)
			continue;
		*index = word * 64 + (uint32_t)__builtin_ctzll(free_bits);
		set_bit(slots->used, *index);
		return true;
	}
	return false;
}

/* --- Giving out --------------------------------------------------------------- */

void counter_plan_free(struct counter_plan *plan)
{
	for (uint32_t n = 0; n < IFW_COUNTER_CHUNKS; n++) {
		if (plan->chunks[n] && plan->chunks[n]->made)
			close(plan->chunks[n]->fd);
		free(plan->chunks[n]);
	}
}

/* Twice the rules: those in force and those of a set that is to replace them all. */
static uint32_t chunks_max(const struct loader *loader)
{
	uint64_t needed = 2 * (uint64_t)loader->meta.max_ranges / IFW_COUNTER_CHUNK + 1;

	return needed < IFW_COUNTER_CHUNKS ? (uint32_t)needed : IFW_COUNTER_CHUNKS;
}

/* -ENOENT: there is no such chunk. */
static int plan_chunk(struct loader *loader, struct counter_plan *plan, uint32_t n,
		      struct counter_chunk **chunk)
{
	int err;

	if (!plan->chunks[n]) {
		CLEANUP(cleanup_free) struct counter_chunk *read = calloc(1, sizeof(*read));

		err = read ? slots_read(loader, n, &read->slots) : -ENOMEM;
		if (err)
			return err;
		plan->chunks[n] = read;
		read = NULL;
	}
	*chunk = plan->chunks[n];
	return 0;
}

/* Pinned, but neither known nor led to yet: plan_finish() does that for all at once. */
static int plan_new_chunk(struct loader *loader, struct counter_plan *plan, uint32_t n)
{
	struct counter_chunk *chunk = calloc(1, sizeof(*chunk));
	int err;

	if (!chunk)
		return -ENOMEM;
	if (n == 0)
		set_bit(chunk->slots.used, 0); /* stands for none */
	err = chunk_make(loader, n, &chunk->fd);
	if (err) {
		free(chunk);
		return err;
	}
	chunk->made = true;
	plan->chunks[n] = chunk;
	return 0;
}

/* -ENOENT: there is no such chunk; -ENOSPC: it is full. */
static int plan_find_in(struct loader *loader, struct counter_plan *plan, uint32_t n,
			uint32_t *counter)
{
	struct counter_chunk *chunk;
	uint32_t index;
	int err = plan_chunk(loader, plan, n, &chunk);

	if (err)
		return err;
	if (!slots_find(&chunk->slots, &index))
		return -ENOSPC;
	set_bit(chunk->given, index);
	*counter = n * IFW_COUNTER_CHUNK + index;
	return 0;
}

/* Where the last one was found, else anywhere. Chunks lie side by side from 0. */
static int plan_find(struct loader *loader, struct counter_plan *plan, uint32_t *counter)
{
	uint32_t *at = &loader->meta.counter_chunk, max = chunks_max(loader);
	int err = plan_find_in(loader, plan, *at, counter);

	for (uint32_t n = 0; n < max && (err == -ENOSPC || err == -ENOENT); n++) {
		*at = n;
		err = plan_find_in(loader, plan, n, counter);
		if (err != -ENOENT)
			continue;
		err = plan_new_chunk(loader, plan, n);
		return err ? err : plan_find_in(loader, plan, n, counter);
	}
	return err;
}

/* All of them: then what was let go has to serve, once no packet is on its way to it. */
static int plan_squeeze(struct loader *loader, struct counter_plan *plan)
{
	int err = wait_for_readers(loader);

	for (uint32_t n = 0; !err && n < chunks_max(loader); n++) {
		struct counter_chunk *chunk;

		err = plan_chunk(loader, plan, n, &chunk);
		if (!err)
			memset(chunk->slots.retired, 0, sizeof(chunk->slots.retired));
	}
	loader->meta.counter_chunk = 0;
	return err == -ENOENT ? 0 : err;
}

static int plan_give(struct loader *loader, struct counter_plan *plan, struct rule *rule,
		     struct failure *failure)
{
	int err = plan_find(loader, plan, &rule->counter);

	if (err == -ENOSPC) {
		err = plan_squeeze(loader, plan);
		if (!err)
			err = plan_find(loader, plan, &rule->counter);
	}
	if (err == -ENOSPC)
		return fail(failure, err,
			    "no room to count one more rule; `ifw up --rule-counters off`, after "
			    "`ifw down --all`, does without");
	return err ? fail_errno(failure, err,
				"cannot make room for the counters of the rules; `ifw up "
				"--rule-counters off`, after `ifw down --all`, does without")
		   : 0;
}

/* Packets first, for what is known is taken to be led to. */
static int plan_write_made(struct loader *loader, const struct counter_plan *plan)
{
	uint32_t chunks[IFW_COUNTER_CHUNKS], count = 0;
	int fds[IFW_COUNTER_CHUNKS], err;

	for (uint32_t n = 0; n < IFW_COUNTER_CHUNKS; n++) {
		if (!plan->chunks[n] || !plan->chunks[n]->made)
			continue;
		chunks[count] = n;
		fds[count++] = plan->chunks[n]->fd;
	}
	if (!count)
		return 0;
	err = chunks_lead(loader, chunks, fds, count);
	for (uint32_t i = 0; !err && i < count; i++) {
		struct counter_slots slots = {};

		if (chunks[i] == 0)
			set_bit(slots.used, 0);
		err = slots_write(loader, chunks[i], &slots);
	}
	return err;
}

/* What was given out may have served another rule before. */
static int plan_finish(struct loader *loader, const struct counter_plan *plan,
		       struct failure *failure)
{
	int err = plan_write_made(loader, plan);

	for (uint32_t n = 0; !err && n < IFW_COUNTER_CHUNKS; n++)
		if (plan->chunks[n] && !plan->chunks[n]->made)
			err = chunk_reset(loader, n, plan->chunks[n]->given);
	return err ? fail_errno(failure, err, "cannot make the counters of the rules ready") : 0;
}

/* Those that rules have already. One that cannot be right is taken from the rule. */
static int plan_keep(struct loader *loader, struct counter_plan *plan, struct rule *rule)
{
	uint32_t n = rule->counter / IFW_COUNTER_CHUNK, index = rule->counter % IFW_COUNTER_CHUNK;
	struct counter_chunk *chunk;
	int err;

	if (!rule->counter || n >= IFW_COUNTER_CHUNKS) {
		rule->counter = 0;
		return 0;
	}
	err = plan_chunk(loader, plan, n, &chunk);
	if (err == -ENOENT || (!err && test_bit(chunk->given, index))) {
		rule->counter = 0;
		return 0;
	}
	if (err)
		return err;
	set_bit(chunk->slots.used, index);
	set_bit(chunk->given, index); /* once only: no two rules share one */
	return 0;
}

int counters_plan(struct loader *loader, struct rule_set *set, struct counter_plan *plan,
		  struct failure *failure)
{
	int err = 0;

	*plan = (struct counter_plan){};
	for (size_t i = 0; !err && i < set->count; i++) {
		if (!loader->meta.rule_counters)
			set->rules[i].counter = 0;
		else
			err = plan_keep(loader, plan, &set->rules[i]);
	}
	if (err)
		return fail_errno(failure, err, "cannot read the counters of the rules");
	if (!loader->meta.rule_counters)
		return 0;
	for (uint32_t n = 0; n < IFW_COUNTER_CHUNKS; n++)
		if (plan->chunks[n])
			memset(plan->chunks[n]->given, 0, sizeof(plan->chunks[n]->given));
	for (size_t i = 0; !err && i < set->count; i++)
		if (!set->rules[i].counter)
			err = plan_give(loader, plan, &set->rules[i], failure);
	if (!err)
		err = plan_finish(loader, plan, failure);
	if (err)
		counters_cancel(loader, plan);
	return err;
}

void counters_cancel(struct loader *loader, const struct counter_plan *plan)
{
	for (uint32_t n = 0; n < IFW_COUNTER_CHUNKS; n++)
		if (plan->chunks[n] && plan->chunks[n]->made)
			slots_remove(loader, n);
	loader->meta.counter_chunk = 0;
}

/* --- One rule ------------------------------------------------------------------ */

int counters_take(struct loader *loader, struct rule *rule, struct failure *failure)
{
	CLEANUP(counter_plan_free) struct counter_plan plan = {};
	uint32_t n;
	int err;

	rule->counter = 0;
	if (!loader->meta.rule_counters)
		return 0;
	err = plan_give(loader, &plan, rule, failure);
	if (!err)
		err = plan_finish(loader, &plan, failure);
	n = rule->counter / IFW_COUNTER_CHUNK;
	if (!err) {
		err = slots_write(loader, n, &plan.chunks[n]->slots);
		if (err)
			fail_errno(failure, err, "cannot write '%s/counter_slots'", loader->dir);
	}
	if (err)
		counters_cancel(loader, &plan);
	return err;
}

int counters_release(struct loader *loader, uint32_t counter)
{
	uint32_t n = counter / IFW_COUNTER_CHUNK, index = counter % IFW_COUNTER_CHUNK;
	struct counter_slots slots;
	int err;

	if (!counter || !loader->meta.rule_counters)
		return 0;
	err = slots_read(loader, n, &slots);
	if (err)
		return err == -ENOENT ? 0 : err;
	clear_bit(slots.used, index);
	set_bit(slots.retired[0], index);
	return slots_write(loader, n, &slots);
}

/* --- The whole set --------------------------------------------------------------- */

static bool is_empty(const struct counter_slots *slots)
{
	for (uint32_t word = 0; word < WORDS; word++)
		if (slots->used[word] | slots->retired[0][word] | slots->retired[1][word])
			return false;
	return true;
}

/* *empty: nothing of the chunk is in use any more. */
static int settle_chunk(struct loader *loader, uint32_t n, const __u64 *wanted, bool *empty)
{
	struct counter_slots slots;
	int err = slots_read(loader, n, &slots);

	if (err)
		return err;
	for (uint32_t word = 0; word < WORDS; word++) {
		slots.retired[0][word] |= slots.used[word];
		slots.used[word] = wanted[word];
		slots.retired[0][word] &= ~wanted[word];
		slots.retired[1][word] &= ~wanted[word];
	}
	*empty = is_empty(&slots);
	return slots_write(loader, n, &slots);
}

int counters_settle(struct loader *loader, const struct rule_set *set)
{
	CLEANUP(cleanup_free) __u64 *wanted = NULL;
	uint32_t n, keep = 0;
	int err = 0;

	if (!loader->meta.rule_counters)
		return 0;
	wanted = calloc(IFW_COUNTER_CHUNKS, WORDS * sizeof(*wanted));
	if (!wanted)
		return -ENOMEM;
	set_bit(wanted, 0);
	for (size_t i = 0; i < set->count; i++)
		if (set->rules[i].counter < IFW_COUNTER_CHUNKS * IFW_COUNTER_CHUNK)
			set_bit(wanted, set->rules[i].counter);
	for (n = 0; n < IFW_COUNTER_CHUNKS; n++) {
		bool empty = false;

		err = settle_chunk(loader, n, wanted + (size_t)n * WORDS, &empty);
		if (err)
			break;
		if (!empty)
			keep = n + 1;
	}
	if (err && err != -ENOENT)
		return err;
	/* Only the last ones, so that they stay side by side. */
	while (n > keep)
		slots_remove(loader, --n);
	if (loader->meta.counter_chunk >= keep)
		loader->meta.counter_chunk = 0;
	return 0;
}

int counters_size(struct loader *loader, uint32_t *size)
{
	uint32_t key, *last = NULL;
	int more = 0;

	*size = 0;
	if (!loader->meta.rule_counters)
		return 0;
	for (uint32_t next; (more = map_next(loader->counter_slots_fd, last, &next)) > 0;
	     last = &key) {
		key = next;
		*size += IFW_COUNTER_CHUNK * (uint32_t)sizeof(struct ifw_count);
	}
	return more;
}
