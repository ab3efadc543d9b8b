/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * choose.c - see choose.h. Bits that the same sets have are one; then branch and bound,
 * from a greedy choice on, with bits that no two of which are in one set as the bound.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/cleanup.h"
#include "choose.h"

#define KINDS_MAX 4096 /* of bits; with more the greedy choice stays */
#define KIND_WORDS (KINDS_MAX / 64)
#define WORK_MAX 10000000ULL /* words looked at */

struct bit {
	uint64_t hash; /* of the sets that have it */
	size_t at;
};

struct search {
	const struct choice *choice;
	size_t kinds, words; /* of bits; words of as many */
	uint64_t *has;	     /* by set: kinds */
	uint64_t *by_kind;   /* by kind: sets */
	size_t set_words;
	uint32_t *cheapest; /* by kind */
	size_t *order;	    /* kinds, those of few sets first */
	bool *now, *best;   /* sets */
	uint64_t cost, best_cost;
	uint64_t work;
};

static bool get(const uint64_t *bits, size_t at)
{
	return bits[at / 64] >> at % 64 & 1;
}

static void put(uint64_t *bits, size_t at)
{
	bits[at / 64] |= 1ULL << at % 64;
}

/* --- Kinds of bits ------------------------------------------------------------------------ */

static int compare_bits(const void *a, const void *b)
{
	const struct bit *one = a, *two = b;

	if (one->hash != two->hash)
		return one->hash < two->hash ? -1 : 1;
	return (one->at > two->at) - (one->at < two->at);
}

/* A number for each set (splitmix64); the same in every run. */
static uint64_t number_of(uint64_t set)
{
	uint64_t z = (set + 1) * 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void hash_bits(const struct choice *choice, struct bit *bits)
{
	for (size_t i = 0; i < choice->words * 64; i++)
		bits[i] = (struct bit){.at = i};
	for (size_t set = 0; set < choice->count; set++) {
		for (size_t i = 0; i < choice->words; i++) {
			uint64_t left = choice->sets[set * choice->words + i];

			for (; left; left &= left - 1)
				bits[i * 64 + (size_t)__builtin_ctzll(left)].hash += number_of(set);
		}
	}
}

/* One bit of each kind; those that no set has are none. */
static size_t find_kinds(struct bit *bits, size_t count)
{
	size_t kinds = 0;

	qsort(bits, count, sizeof(*bits), compare_bits);
	for (size_t i = 0; i < count; i++)
		if (bits[i].hash && (kinds == 0 || bits[i].hash != bits[kinds - 1].hash))
			bits[kinds++] = bits[i];
	return kinds;
}

static int prepare(struct search *s)
{
	const struct choice *choice = s->choice;
	auto_free struct bit *bits = calloc(choice->words * 64 + 1, sizeof(*bits));

	if (!bits)
		return -ENOMEM;
	hash_bits(choice, bits);
	s->kinds = find_kinds(bits, choice->words * 64);
	s->words = (s->kinds + 63) / 64;
	s->set_words = (choice->count + 63) / 64;
	s->has = calloc(choice->count * s->words + 1, sizeof(*s->has));
	s->by_kind = calloc(s->kinds * s->set_words + 1, sizeof(*s->by_kind));
	s->cheapest = calloc(s->kinds + 1, sizeof(*s->cheapest));
	s->order = calloc(s->kinds + 1, sizeof(*s->order));
	s->now = calloc(choice->count + 1, sizeof(*s->now));
	s->best = calloc(choice->count + 1, sizeof(*s->best));
	if (!s->has || !s->by_kind || !s->cheapest || !s->order || !s->now || !s->best)
		return -ENOMEM;
	for (size_t kind = 0; kind < s->kinds; kind++) {
		s->cheapest[kind] = UINT32_MAX;
		for (size_t set = 0; set < choice->count; set++) {
			if (!get(choice->sets + set * choice->words, bits[kind].at))
				continue;
			put(s->has + set * s->words, kind);
			put(s->by_kind + kind * s->set_words, set);
			if (choice->costs[set] < s->cheapest[kind])
				s->cheapest[kind] = choice->costs[set];
		}
	}
	return 0;
}

static void free_search(struct search *s)
{
	free(s->has);
	free(s->by_kind);
	free(s->cheapest);
	free(s->order);
	free(s->now);
	free(s->best);
}

/* --- Greedy -------------------------------------------------------------------------------- */

static size_t count_new(const struct search *s, size_t set, const uint64_t *covered)
{
	size_t count = 0;

	for (size_t i = 0; i < s->words; i++)
		count += (size_t)__builtin_popcountll(s->has[set * s->words + i] & ~covered[i]);
	return count;
}

static void add(const struct search *s, size_t set, uint64_t *covered)
{
	for (size_t i = 0; i < s->words; i++)
		covered[i] |= s->has[set * s->words + i];
}

/* Most for its cost, or the set count where nothing is left. */
static size_t find_best(const struct search *s, const uint64_t *covered)
{
	const struct choice *choice = s->choice;
	size_t best = choice->count, most = 0;

	for (size_t set = 0; set < choice->count; set++) {
		const size_t count = count_new(s, set, covered);

		if (count == 0)
			continue;
		if (best == choice->count ||
		    (uint64_t)count * choice->costs[best] > (uint64_t)most * choice->costs[set]) {
			best = set;
			most = count;
		}
	}
	return best;
}

/* Those of which others have every bit. */
static void leave_out(const struct search *s, uint64_t *covered)
{
	for (size_t set = 0; set < s->choice->count; set++) {
		if (!s->best[set])
			continue;
		memset(covered, 0, s->words * sizeof(*covered));
		for (size_t i = 0; i < s->choice->count; i++)
			if (s->best[i] && i != set)
				add(s, i, covered);
		s->best[set] = count_new(s, set, covered) != 0;
	}
}

static int choose_greedily(struct search *s)
{
	auto_free uint64_t *covered = calloc(s->words + 1, sizeof(*covered));

	if (!covered)
		return -ENOMEM;
	for (;;) {
		const size_t set = find_best(s, covered);

		if (set == s->choice->count)
			break;
		s->best[set] = true;
		add(s, set, covered);
	}
	leave_out(s, covered);
	for (size_t set = 0; set < s->choice->count; set++)
		if (s->best[set])
			s->best_cost += s->choice->costs[set];
	return 0;
}

/* --- Branch and bound ------------------------------------------------------------------------ */

struct rated {
	size_t kind, sets;
};

static int compare_rated(const void *a, const void *b)
{
	const struct rated *one = a, *two = b;

	if (one->sets != two->sets)
		return one->sets < two->sets ? -1 : 1;
	return (one->kind > two->kind) - (one->kind < two->kind);
}

static int order_kinds(struct search *s)
{
	auto_free struct rated *rated = calloc(s->kinds + 1, sizeof(*rated));

	if (!rated)
		return -ENOMEM;
	for (size_t kind = 0; kind < s->kinds; kind++) {
		rated[kind].kind = kind;
		for (size_t i = 0; i < s->set_words; i++)
			rated[kind].sets +=
				(size_t)__builtin_popcountll(s->by_kind[kind * s->set_words + i]);
	}
	qsort(rated, s->kinds, sizeof(*rated), compare_rated);
	for (size_t i = 0; i < s->kinds; i++)
		s->order[i] = rated[i].kind;
	return 0;
}

/* What the uncovered ones cost at least: no set has two of those that are counted. */
static uint64_t least_cost(const struct search *s, const uint64_t *covered)
{
	uint64_t counted[KIND_WORDS] = {}; /* by set */
	uint64_t cost = 0;

	for (size_t n = 0; n < s->kinds; n++) {
		const size_t kind = s->order[n];
		const uint64_t *sets = s->by_kind + kind * s->set_words;
		bool apart = !get(covered, kind);

		for (size_t i = 0; i < s->set_words && apart; i++)
			apart = !(sets[i] & counted[i]);
		for (size_t i = 0; i < s->set_words && apart; i++)
			counted[i] |= sets[i];
		if (apart)
			cost += s->cheapest[kind];
	}
	return cost;
}

static void search(struct search *s, const uint64_t *covered) /* NOLINT(misc-no-recursion) */
{
	uint64_t with[KIND_WORDS];
	size_t n = 0;

	while (n < s->kinds && get(covered, s->order[n]))
		n++;
	if (n == s->kinds) {
		memcpy(s->best, s->now, s->choice->count * sizeof(*s->best));
		s->best_cost = s->cost;
		return;
	}
	s->work += s->kinds * s->set_words;
	if (s->work > WORK_MAX || s->cost + least_cost(s, covered) >= s->best_cost)
		return;
	for (size_t set = 0; set < s->choice->count; set++) {
		const uint32_t cost = s->choice->costs[set];

		if (!get(s->by_kind + s->order[n] * s->set_words, set) ||
		    s->cost + cost >= s->best_cost)
			continue;
		memcpy(with, covered, s->words * sizeof(*with));
		add(s, set, with);
		s->now[set] = true;
		s->cost += cost;
		search(s, with);
		s->cost -= cost;
		s->now[set] = false;
	}
}

int choose(const struct choice *choice, bool *chosen)
{
	struct search s __attribute__((cleanup(free_search))) = {.choice = choice};
	int error = prepare(&s);

	if (!error)
		error = choose_greedily(&s);
	if (!error && s.kinds <= KINDS_MAX && choice->count <= KINDS_MAX) {
		uint64_t covered[KIND_WORDS] = {};

		error = order_kinds(&s);
		if (!error)
			search(&s, covered);
		/* What was broken off may have found some that are not needed. */
		leave_out(&s, covered);
	}
	if (!error)
		memcpy(chosen, s.best, choice->count * sizeof(*chosen));
	return error;
}
