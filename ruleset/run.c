/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * run.c - the run of one group of rules: a sweep over the ports at which rules
 * begin and end. Between two such ports the rules in force do not change, and
 * of them only those count that admit an interface which none before admits.
 * A rule on every interface takes none away from those that name some: where
 * IFW_SLOT_NAMED is set, it does not hold. So it counts as bit 0 here.
 *
 * The rules in force stand in a tree: leaf n is what rule n counts as
 * (0 while it is not in force), each node is the union of its two. The first
 * rules that add something are found by going down only where a node has
 * interfaces that are not covered yet, so thousands of overlapping rules cost
 * a few steps each.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "compile.h"

#define PORT_END 65536U		 /* behind the last port */
#define CANDIDATES_MAX IFW_SLOTS /* each adds an interface slot, or bit 0 */
#define RANGES_ROOM_FIRST 2

/* A rule comes into force at a port, or is no longer. */
struct edge {
	uint32_t port;
	bool begins;
	size_t rule; /* index in the group */
};

struct list {
	size_t rule[CANDIDATES_MAX]; /* ascending */
	unsigned int count;
};

struct ranges {
	struct ifw_range *at;
	size_t count;
	size_t room;
};

struct sweep {
	const struct rule *const *rules;
	size_t count;
	uint32_t owner;
	uint64_t named; /* slots where rules that name no interface do not hold */
	bool *live;
	struct edge *edges; /* two a rule, by port */
	uint64_t *tree;	    /* node n: children 2n and 2n + 1, root 1 */
	size_t leaves;	    /* a power of two; leaf n is node leaves + n */
	struct list last;   /* candidates of the range that was added last */
	struct ranges first;
	struct ranges further;
};

static void ranges_free(struct ranges *ranges)
{
	free(ranges->at);
	*ranges = (struct ranges){0};
}

static void sweep_free(struct sweep *sweep)
{
	free(sweep->edges);
	free(sweep->tree);
	ranges_free(&sweep->first);
	ranges_free(&sweep->further);
}

static int ranges_reserve(struct ranges *ranges, size_t more)
{
	size_t room = ranges->room ? ranges->room : RANGES_ROOM_FIRST;
	struct ifw_range *at;

	if (ranges->room - ranges->count >= more)
		return 0;
	while (room - ranges->count < more)
		room *= 2;
	at = reallocarray(ranges->at, room, sizeof(*at));
	if (!at)
		return -ENOMEM;
	ranges->at = at;
	ranges->room = room;
	return 0;
}

static int compare_edges(const void *a, const void *b)
{
	uint32_t left = ((const struct edge *)a)->port, right = ((const struct edge *)b)->port;

	return (left > right) - (left < right);
}

static int sweep_start(struct sweep *sweep)
{
	sweep->leaves = 1;
	while (sweep->leaves < sweep->count)
		sweep->leaves *= 2;
	sweep->edges = calloc(sweep->count, 2 * sizeof(*sweep->edges));
	sweep->tree = calloc(sweep->leaves, 2 * sizeof(*sweep->tree));
	if (!sweep->edges || !sweep->tree)
		return -ENOMEM;
	for (size_t i = 0; i < sweep->count; i++) {
		const struct rule *rule = sweep->rules[i];

		sweep->edges[2 * i] = (struct edge){rule->low, true, i};
		sweep->edges[2 * i + 1] = (struct edge){rule->high + 1U, false, i};
	}
	qsort(sweep->edges, 2 * sweep->count, sizeof(*sweep->edges), compare_edges);
	return 0;
}

/* What a rule counts as among the candidates. */
static uint64_t counts_as(const struct rule *rule)
{
	return rule->ifaces == IFW_IFACES_ANY ? 1 : rule->ifaces;
}

uint64_t compile_holds_on(const struct rule *rule, uint64_t named)
{
	return rule->ifaces == IFW_IFACES_ANY ? ~named : rule->ifaces;
}

static void put_in_force(struct sweep *sweep, size_t rule, uint64_t ifaces)
{
	uint64_t *tree = sweep->tree;
	size_t node = sweep->leaves + rule;

	tree[node] = ifaces;
	for (node /= 2; node > 0; node /= 2)
		tree[node] = tree[2 * node] | tree[2 * node + 1];
}

/* Adds the rules below node, in order, that admit what is not covered yet. */
static void find_candidates(const struct sweep *sweep, size_t node, uint64_t *covered,
			    struct list *list)
{
	if ((sweep->tree[node] & ~*covered) == 0)
		return;
	if (node >= sweep->leaves) {
		list->rule[list->count++] = node - sweep->leaves;
		*covered |= sweep->tree[node];
		return;
	}
	find_candidates(sweep, 2 * node, covered, list);
	find_candidates(sweep, 2 * node + 1, covered, list);
}

static bool same_list(const struct list *a, const struct list *b)
{
	return a->count == b->count && memcmp(a->rule, b->rule, a->count * sizeof(a->rule[0])) == 0;
}

static struct ifw_range range_of(const struct rule *rule, uint32_t owner, uint32_t low,
				 uint32_t high)
{
	return (struct ifw_range){
		.owner = owner,
		.low = (uint16_t)low,
		.high = (uint16_t)high,
		.ifaces = rule->ifaces,
		.rule = rule->order,
		.listener_port = rule->listener_port,
		.action = rule->action,
		.counter = rule->counter,
		.listener = rule->listener,
	};
}

/*
 * Adds the range [low, high] with its candidates. The first one's next is for
 * now where the further ones begin, plus one, among their like.
 */
static int add_range(struct sweep *sweep, const struct list *list, uint32_t low, uint32_t high)
{
	uint64_t covered = 0;

	if (ranges_reserve(&sweep->first, 1) || ranges_reserve(&sweep->further, list->count - 1))
		return -ENOMEM;
	for (unsigned int i = 0; i < list->count; i++) {
		const struct rule *rule = sweep->rules[list->rule[i]];
		uint64_t holds_on = compile_holds_on(rule, sweep->named);
		struct ifw_range range = range_of(rule, sweep->owner, low, high);
		bool is_last = i + 1 == list->count;

		if (sweep->live && holds_on & ~covered)
			sweep->live[list->rule[i]] = true;
		covered |= holds_on;
		if (i == 0) {
			range.next = is_last ? 0 : (uint32_t)sweep->further.count + 1;
			sweep->first.at[sweep->first.count++] = range;
		} else {
			range.next = is_last ? 0 : 1;
			sweep->further.at[sweep->further.count++] = range;
		}
	}
	sweep->last = *list;
	return 0;
}

/* Makes the last range, all its candidates, end at high. */
static void extend_range(struct sweep *sweep, uint32_t high)
{
	sweep->first.at[sweep->first.count - 1].high = (uint16_t)high;
	for (unsigned int i = 1; i < sweep->last.count; i++)
		sweep->further.at[sweep->further.count - i].high = (uint16_t)high;
}

/* The rules in force do not change from low to high. */
static int sweep_ports(struct sweep *sweep, uint32_t low, uint32_t high)
{
	struct list list;
	uint64_t covered = 0;

	list.count = 0;
	find_candidates(sweep, 1, &covered, &list);
	if (list.count == 0)
		return 0;
	/* A rule is in force without gaps, so ranges with equal lists are adjacent. */
	if (sweep->first.count && same_list(&sweep->last, &list)) {
		extend_range(sweep, high);
		return 0;
	}
	return add_range(sweep, &list, low, high);
}

static int sweep_all(struct sweep *sweep)
{
	size_t count = 2 * sweep->count, at = 0;

	while (at < count) {
		uint32_t port = sweep->edges[at].port;
		int err;

		for (; at < count && sweep->edges[at].port == port; at++) {
			const struct edge *edge = &sweep->edges[at];

			put_in_force(sweep, edge->rule,
				     edge->begins ? counts_as(sweep->rules[edge->rule]) : 0);
		}
		if (at == count)
			break; /* the last rule has ended */
		err = sweep_ports(sweep, port, sweep->edges[at].port - 1);
		if (err)
			return err;
	}
	return 0;
}

/* Lays the further candidates behind the first ones and gives both away. */
static int sweep_finish(struct sweep *sweep, struct run *run)
{
	uint32_t count = (uint32_t)sweep->first.count;

	if (ranges_reserve(&sweep->first, sweep->further.count))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		if (sweep->first.at[i].next)
			sweep->first.at[i].next += count - 1 - i;
	if (sweep->further.count)
		memcpy(sweep->first.at + count, sweep->further.at,
		       sweep->further.count * sizeof(*sweep->further.at));
	run->ranges = sweep->first.at;
	run->count = count;
	run->total = count + (uint32_t)sweep->further.count;
	sweep->first.at = NULL;
	return 0;
}

int compile_run(const struct rule *const *rules, size_t count, uint32_t owner, uint64_t named,
		struct run *run, bool *live)
{
	struct sweep sweep __attribute__((cleanup(sweep_free))) = {
		.rules = rules, .count = count, .owner = owner, .named = named, .live = live};
	int err;

	if (live)
		memset(live, 0, count * sizeof(*live));
	err = sweep_start(&sweep);
	if (!err)
		err = sweep_all(&sweep);
	if (!err)
		err = sweep_finish(&sweep, run);
	return err;
}

void run_free(struct run *run)
{
	free(run->ranges);
	*run = (struct run){0};
}
