/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_run.c - the run of one group of rules against a linear scan over them,
 * and that thousands of overlapping rules stay cheap.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../datapath/addr.h"
#include "rules_common.h"

#define GROUP_MAX 24

static uint32_t naive_search(const struct rule *rules, size_t count, uint16_t port,
			     unsigned int slot)
{
	for (size_t i = 0; i < count; i++)
		if (port >= rules[i].low && port <= rules[i].high && admits(rules[i].ifaces, slot))
			return rules[i].order;
	return NONE;
}

static const struct rule **pointers_to(const struct rule *rules, size_t count)
{
	const struct rule **pointers = malloc(count * sizeof(*pointers));

	cr_assert_not_null(pointers);
	for (size_t i = 0; i < count; i++)
		pointers[i] = &rules[i];
	return pointers;
}

static struct run compiled_where(const struct rule *rules, size_t count, uint32_t owner,
				 uint64_t named, bool *live)
{
	const struct rule **pointers = pointers_to(rules, count);
	struct run run;

	cr_assert_eq(compile_run(pointers, count, owner, named, &run, live), 0);
	free(pointers);
	return run;
}

static struct run compiled(const struct rule *rules, size_t count, uint32_t owner, bool *live)
{
	return compiled_where(rules, count, owner, 0, live);
}

/* The candidates of two ranges, side by side. */
static bool same_candidates(const struct ifw_range *a, const struct ifw_range *b)
{
	while (a->rule == b->rule && a->next && b->next) {
		a += a->next;
		b += b->next;
	}
	return a->rule == b->rule && !a->next && !b->next;
}

/* Order, disjointness, merging and pruning; every element is reached once. */
static void check_shape(const struct run *run, uint32_t owner)
{
	uint32_t reached = 0;

	for (uint32_t i = 0; i < run->count; i++) {
		const struct ifw_range *first = &run->ranges[i], *range = first;
		uint64_t covered = 0, counts;

		if (i > 0) {
			cr_assert_gt(first->low, first[-1].high);
			if (first->low == first[-1].high + 1)
				cr_assert_not(same_candidates(first - 1, first));
		}
		for (;;) {
			reached++;
			cr_assert_eq(range->owner, owner);
			cr_assert_eq(range->low, first->low);
			cr_assert_eq(range->high, first->high);
			/* One for every interface does not hold everywhere, and takes none away. */
			counts = range->ifaces == IFW_IFACES_ANY ? 1 : range->ifaces;
			cr_assert_neq(counts & ~covered, 0, "adds no interface");
			covered |= counts;
			if (!range->next)
				break;
			cr_assert_gt(range[range->next].rule, range->rule);
			range += range->next;
			cr_assert_geq(range - run->ranges, run->count);
			cr_assert_lt(range - run->ranges, run->total);
		}
	}
	cr_assert_eq(reached, run->total);
}

static void check_port(const struct run *run, const struct rule *rules, size_t count, uint16_t port,
		       const unsigned int *slots, size_t slot_count, uint64_t named,
		       bool *naive_live)
{
	for (size_t i = 0; i < slot_count; i++) {
		const struct ifw_range *range = search(run->ranges, run->count, port, slots[i]);
		uint32_t order = naive_search(rules, count, port, slots[i]);
		const struct rule *rule = &rules[order ? order - 1 : 0];

		cr_assert_eq(range ? range->rule : NONE, order, "port %u slot %u", port, slots[i]);
		if (!range)
			continue;
		if (slots[i] / IFW_SLOT_NAMED == (named >> slots[i] % IFW_SLOTS & 1))
			naive_live[order - 1] = true;
		cr_assert_eq(range->ifaces, rule->ifaces);
		cr_assert_eq(range->action, rule->action);
		cr_assert_eq(range->listener_port, rule->listener_port);
		cr_assert(ifw_addr_equal(range->listener, rule->listener));
	}
}

/* Ports lie close together at both ends, so that ranges touch, nest and cross often. */
#define NEAR 24
static uint16_t random_port(void)
{
	unsigned int port = random_below(2 * NEAR);

	return (uint16_t)(port < NEAR ? port : 65536 - 2 * NEAR + port);
}

Test(run, against_a_linear_scan)
{
	for (unsigned int round = 0; round < 4000; round++) {
		size_t count = 1 + random_below(GROUP_MAX);
		struct rule rules[GROUP_MAX];
		const uint64_t named = random_below(2) ? 0 : random_below(4) << 1 | 1ULL << 63;
		bool live[GROUP_MAX], naive_live[GROUP_MAX] = {0};
		struct run run;

		for (uint32_t i = 0; i < count; i++) {
			uint16_t a = random_port(), b = random_below(3) ? random_port() : a;

			rules[i] = rule_of(i + 1, a < b ? a : b, a < b ? b : a, random_ifaces());
		}
		memset(live, 0x55, sizeof(live));
		run = compiled_where(rules, count, 7, named, live);
		check_shape(&run, 7);
		for (unsigned int n = 0; n <= NEAR; n++) {
			check_port(&run, rules, count, (uint16_t)n, all_slots, SLOT_COUNT, named,
				   naive_live);
			check_port(&run, rules, count, (uint16_t)(65535 - n), all_slots, SLOT_COUNT,
				   named, naive_live);
		}
		cr_assert_arr_eq(live, naive_live, count);
		run_free(&run);
	}
}

Test(run, every_port)
{
	for (unsigned int round = 0; round < 12; round++) {
		size_t count = 1 + random_below(GROUP_MAX);
		struct rule rules[GROUP_MAX];
		bool live[GROUP_MAX], naive_live[GROUP_MAX] = {0};
		struct run run;

		for (uint32_t i = 0; i < count; i++) {
			uint16_t a = (uint16_t)random_number(), b = (uint16_t)random_number();

			rules[i] = rule_of(i + 1, a < b ? a : b, a < b ? b : a, random_ifaces());
		}
		run = compiled(rules, count, 9, live);
		check_shape(&run, 9);
		for (unsigned int port = 0; port <= 65535; port++)
			check_port(&run, rules, count, (uint16_t)port, all_slots, 3, 0, naive_live);
		for (size_t i = 0; i < count; i++)
			cr_assert(live[i] || !naive_live[i]);
		run_free(&run);
	}
}

Test(run, a_rule_for_all_keeps_none_that_names_interfaces_out)
{
	struct rule rules[IFW_SLOTS] = {rule_of(1, 5, 6, IFW_IFACES_ANY)};
	bool live[IFW_SLOTS];
	struct run run;

	for (uint32_t slot = 1; slot < IFW_SLOTS; slot++)
		rules[slot] = rule_of(slot + 1, 5, 6, 1ULL << slot);
	run = compiled_where(rules, IFW_SLOTS, 7, 1ULL << 5, live);
	check_shape(&run, 7);
	cr_assert_eq(run.total, IFW_SLOTS);
	for (uint32_t slot = 1; slot < IFW_SLOTS; slot++) {
		cr_assert_eq(search(run.ranges, run.count, 5, slot)->rule, 1);
		cr_assert_eq(search(run.ranges, run.count, 5, IFW_SLOT_NAMED + slot)->rule,
			     slot + 1);
		cr_assert_eq(live[slot], slot == 5, "slot %u", slot);
	}
	run_free(&run);
}

Test(run, one_rule)
{
	struct rule rule = rule_of(5, 0, 65535, IFW_IFACES_ANY);
	struct run run;

	rule.counter = 4097;
	run = compiled(&rule, 1, 3, NULL);

	cr_assert_eq(run.count, 1);
	cr_assert_eq(run.total, 1);
	cr_assert_eq(run.ranges[0].low, 0);
	cr_assert_eq(run.ranges[0].high, 65535);
	cr_assert_eq(run.ranges[0].rule, 5);
	cr_assert_eq(run.ranges[0].counter, 4097);
	cr_assert_eq(run.ranges[0].next, 0);
	run_free(&run);
	cr_assert_null(run.ranges);
	cr_assert_eq(run.total, 0);
}

/* A later rule inside an earlier one decides nothing and splits nothing. */
Test(run, shadowed_rules_leave_no_trace)
{
	struct rule rules[] = {
		rule_of(1, 100, 200, IFW_IFACES_ANY),
		rule_of(2, 150, 160, IFW_IFACES_ANY),
		rule_of(3, 120, 130, 1 << 2),
		rule_of(4, 120, 130, IFW_IFACES_ANY),
	};
	struct rule on_one[] = {rule_of(1, 100, 200, 1 << 2), rule_of(2, 150, 160, 1 << 2)};
	bool live[4];
	struct run run = compiled(on_one, 2, 3, live);

	cr_assert_eq(run.count, 1);
	cr_assert_eq(run.total, 1);
	cr_assert_eq(run.ranges[0].low, 100);
	cr_assert_eq(run.ranges[0].high, 200);
	cr_assert(live[0] && !live[1]);
	run_free(&run);
	/* The one that names an interface is shadowed, and kept for when only such hold there. */
	run = compiled(rules, 4, 3, live);
	cr_assert_eq(run.count, 3);
	cr_assert_eq(run.total, 4);
	cr_assert_eq(search(run.ranges, run.count, 125, 2)->rule, 1);
	cr_assert_eq(search(run.ranges, run.count, 125, IFW_SLOT_NAMED + 2)->rule, 3);
	cr_assert(live[0] && !live[1] && !live[2] && !live[3]);
	run_free(&run);
}

/* Shadowed by two together, neither of which would do. */
Test(run, shadowed_by_a_union)
{
	struct rule rules[] = {
		rule_of(1, 1, 9, 1 << 1),
		rule_of(2, 1, 9, 1 << 2),
		rule_of(3, 1, 9, 1 << 1 | 1 << 2),
		rule_of(4, 1, 9, 1 << 1 | 1 << 2 | 1 << 3),
	};
	bool live[4];
	struct run run = compiled(rules, 4, 3, live);

	cr_assert_eq(run.count, 1);
	cr_assert_eq(run.total, 3);
	cr_assert_eq(run.ranges[0].rule, 1);
	cr_assert_eq(run.ranges[1].rule, 2);
	cr_assert_eq(run.ranges[2].rule, 4);
	cr_assert(live[0] && live[1] && !live[2] && live[3]);
	run_free(&run);
}

/* The last of as many candidates as there are interfaces is still reached. */
Test(run, a_candidate_for_each_slot)
{
	struct rule rules[2 * IFW_SLOTS];
	struct run run;

	for (uint32_t slot = 1; slot < IFW_SLOTS; slot++) {
		rules[2 * slot - 2] = rule_of(2 * slot - 1, 5, 6, 1ULL << slot);
		rules[2 * slot - 1] = rule_of(2 * slot, 5, 6, 1ULL << slot);
	}
	rules[2 * IFW_SLOTS - 2] = rule_of(2 * IFW_SLOTS - 1, 5, 6, IFW_IFACES_ANY);
	run = compiled(rules, 2 * IFW_SLOTS - 1, 3, NULL);
	check_shape(&run, 3);
	cr_assert_eq(run.count, 1);
	cr_assert_eq(run.total, IFW_SLOTS);
	for (uint32_t slot = 1; slot < IFW_SLOTS; slot++)
		cr_assert_eq(search(run.ranges, run.count, 5, slot)->rule, 2 * slot - 1);
	cr_assert_eq(search(run.ranges, run.count, 5, 0)->rule, 2 * IFW_SLOTS - 1);
	run_free(&run);
}

#define PORTS 65536

static struct rule *many_rules(size_t count)
{
	struct rule *rules = calloc(count, sizeof(*rules));

	cr_assert_not_null(rules);
	return rules;
}

Test(run, a_rule_for_each_port)
{
	struct rule *rules = many_rules(PORTS);
	double start;
	struct run run;

	for (uint32_t i = 0; i < PORTS; i++) {
		uint16_t port = (uint16_t)(i * 40503); /* odd: each port once */

		rules[i] = rule_of(i + 1, port, port, IFW_IFACES_ANY);
	}
	start = seconds();
	run = compiled(rules, PORTS, 3, NULL);
	cr_assert_lt(seconds() - start, 3);
	check_shape(&run, 3);
	cr_assert_eq(run.count, PORTS);
	cr_assert_eq(run.total, PORTS);
	for (uint32_t i = 0; i < PORTS; i++)
		cr_assert_eq(search(run.ranges, run.count, rules[i].low, 1)->rule, i + 1);
	run_free(&run);
	free(rules);
}

#define NESTED 10000

/* Narrow first: each wider one decides at both rims only. */
Test(run, ten_thousand_nested)
{
	struct rule *rules = many_rules(NESTED);
	double start;
	struct run run;

	for (uint32_t i = 0; i < NESTED; i++)
		rules[i] = rule_of(i + 1, (uint16_t)(20000 - i), (uint16_t)(20000 + i),
				   IFW_IFACES_ANY);
	start = seconds();
	run = compiled(rules, NESTED, 3, NULL);
	cr_assert_lt(seconds() - start, 2);
	check_shape(&run, 3);
	cr_assert_eq(run.count, 2 * NESTED - 1);
	for (uint32_t i = 0; i < NESTED; i++) {
		cr_assert_eq(search(run.ranges, run.count, rules[i].low, 1)->rule, i + 1);
		cr_assert_eq(search(run.ranges, run.count, rules[i].high, 1)->rule, i + 1);
	}
	run_free(&run);
	free(rules);
}

/* All overlap, none covers all interfaces: a scan of all in force would be quadratic. */
Test(run, ten_thousand_overlapping_on_two_interfaces)
{
	struct rule *rules = many_rules(NESTED);
	double start;
	struct run run;

	for (uint32_t i = 0; i < NESTED; i++)
		rules[i] = rule_of(i + 1, (uint16_t)(NESTED - i), (uint16_t)(30000 + i),
				   1ULL << (1 + i % 2));
	start = seconds();
	run = compiled(rules, NESTED, 3, NULL);
	cr_assert_lt(seconds() - start, 2);
	check_shape(&run, 3);
	for (unsigned int n = 0; n < 2000; n++) {
		uint16_t port = (uint16_t)random_below(42000);
		unsigned int slot = random_below(4);
		const struct ifw_range *range = search(run.ranges, run.count, port, slot);

		cr_assert_eq(range ? range->rule : NONE, naive_search(rules, NESTED, port, slot));
	}
	run_free(&run);
	free(rules);
}
