/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lint.c - see lint.h: rule by rule. The rule's cells are those that the rules which meet
 * it can tell apart, and without it only these can decide there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/cleanup.h"
#include "lint_parts.h"
#include "ruleset/room.h"

const char *lint_kind_name(enum lint_kind kind)
{
	static const char *const names[LINT_KINDS] = {
		[LINT_SHADOWED] = "shadowed",
		[LINT_UNREACHED] = "unreached",
		[LINT_REDUNDANT] = "redundant",
		[LINT_CONTRADICTION] = "contradiction",
		[LINT_NO_LISTENER] = "no-listener",
		[LINT_OWN_ADDRESS] = "own-address",
		[LINT_SSH] = "ssh",
	};

	return names[kind];
}

/* --- Findings -------------------------------------------------------------------------- */

struct lint_finding *lint_add(struct lint *lint, enum lint_kind kind, enum severity severity,
			      uint32_t rule)
{
	if (room_for_one(&lint->findings, lint->count, &lint->room, sizeof(*lint->findings)) != 0)
		return NULL;
	lint->findings[lint->count] =
		(struct lint_finding){.kind = kind, .severity = severity, .rule = rule};
	return &lint->findings[lint->count++];
}

void lint_free(struct lint *lint)
{
	for (size_t i = 0; i < lint->count; i++)
		free(lint->findings[i].others);
	free(lint->findings);
	*lint = (struct lint){};
}

/* --- Sets of rules, by order number ---------------------------------------------------- */

static void free_orders(struct orders *orders)
{
	free(orders->has);
	free(orders->list);
}

static int create_orders(struct orders *orders, uint32_t last)
{
	orders->has = calloc(last + 1, sizeof(*orders->has));
	orders->list = calloc(last + 1, sizeof(*orders->list));
	return orders->has && orders->list ? 0 : -ENOMEM;
}

static bool put_order(struct orders *orders, uint32_t order)
{
	if (orders->has[order])
		return false;
	orders->has[order] = true;
	orders->list[orders->count++] = order;
	return true;
}

static void clear_orders(struct orders *orders)
{
	for (size_t i = 0; i < orders->count; i++)
		orders->has[orders->list[i]] = false;
	orders->count = 0;
}

static int compare_orders(const void *a, const void *b)
{
	const uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;

	return (one > two) - (one < two);
}

static int give_orders(struct orders *orders, struct lint_finding *finding)
{
	finding->others = calloc(orders->count + 1, sizeof(*finding->others));
	if (!finding->others)
		return -ENOMEM;
	qsort(orders->list, orders->count, sizeof(*orders->list), compare_orders);
	memcpy(finding->others, orders->list, orders->count * sizeof(*orders->list));
	finding->other_count = orders->count;
	return 0;
}

/* --- One rule ---------------------------------------------------------------------------- */

/* What they do with a packet, wherever it is the same to them. */
static bool conflict(const struct rule *a, const struct rule *b)
{
	return a->action != b->action ||
	       (a->action == IFW_ACTION_INTERCEPT && (a->listener_port != b->listener_port ||
						      !ifw_addr_equal(a->listener, b->listener)));
}

/* It is the exception that a longer prefix makes, and only its ports go farther. */
static bool is_exception(const struct rule *rule, const struct rule *from)
{
	return rule->dst_len + rule->src_len > from->dst_len + from->src_len &&
	       rule->dst_len >= from->dst_len && rule->src_len >= from->src_len &&
	       !(rule->ifaces & ~from->ifaces);
}

static int note_contradiction(struct look *look, const struct sample *sample)
{
	const struct rule *rule = look->rule;
	const struct rule *other = sim_world_rule(look->probe->worlds[0], sample->without.rule);
	struct lint_finding *finding;

	if (!other || !conflict(rule, other) || rule_holds(rule, other) ||
	    rule_holds(other, rule) || !put_order(&look->contradicted, other->order))
		return 0;
	finding =
		lint_add(look->lint, LINT_CONTRADICTION,
			 is_exception(rule, other) ? SEVERITY_NOTE : SEVERITY_WARNING, rule->order);
	if (!finding)
		return -ENOMEM;
	finding->others = calloc(1, sizeof(*finding->others));
	if (!finding->others)
		return -ENOMEM;
	finding->others[finding->other_count++] = other->order;
	finding->witness = sample->witness;
	finding->asked = sample->asked;
	finding->without = sample->without;
	return 0;
}

static bool is_same(const struct answer *a, const struct answer *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Another decides, or something that comes before the rules. */
static void note_other(struct look *look, const struct sample *sample)
{
	const struct rule *other = sim_world_rule(look->probe->worlds[0], sample->asked.rule);
	const bool grave = !other || conflict(look->rule, other);

	if (!look->shadow.witness.ifindex || (grave && !look->grave))
		look->shadow = *sample;
	look->grave |= grave;
	if (other)
		put_order(&look->before, other->order);
	else
		look->reasons |= 1ULL << sample->asked.answer.reason;
}

static int look_at(void *arg, const struct cell *cell)
{
	struct look *look = arg;
	struct sample sample = {.witness = probe_witness(look->probe, cell)};
	int error = probe_ask(look->probe, 0, &sample.witness, &sample.asked);

	if (++look->lint->cells > LINT_CELLS_MAX)
		return -E2BIG;
	if (error)
		return error;
	if (sample.asked.rule != look->rule->order) {
		note_other(look, &sample);
		return 0;
	}
	look->decides = true;
	error = probe_ask(look->probe, 1, &sample.witness, &sample.without);
	if (!error && look->has_world)
		error = lint_world(look, &sample);
	if (error)
		return error;
	if (is_same(&sample.asked.answer, &sample.without.answer)) {
		put_order(&look->instead, sample.without.rule);
		if (!look->redundant.witness.ifindex)
			look->redundant = sample;
		return 0;
	}
	look->needed = true;
	return note_contradiction(look, &sample);
}

static int add_sample(struct look *look, enum lint_kind kind, enum severity severity,
		      const struct sample *sample, struct orders *others)
{
	struct lint_finding *finding = lint_add(look->lint, kind, severity, look->rule->order);

	if (!finding)
		return -ENOMEM;
	finding->reasons = look->reasons;
	finding->witness = sample->witness;
	finding->asked = sample->asked;
	finding->without = sample->without;
	return give_orders(others, finding);
}

struct elsewhere {
	const struct look *look;
	struct sample sample;
};

static int take_cell(void *arg, const struct cell *cell)
{
	struct elsewhere *elsewhere = arg;
	struct witness *witness = &elsewhere->sample.witness;

	if (!witness->ifindex || witness->ifindex == IFW_LOOPBACK_IFINDEX)
		*witness = probe_witness(elsewhere->look->probe, cell);
	return 0;
}

/* What becomes of such a packet by an interface that is here; lo if there is no other. */
static int add_elsewhere(struct look *look)
{
	/* A rule that names every slot holds where only those do that name the interface, and one
	 * that names none where there are no settings, and so no slot. */
	static const uint64_t all[] = {IFW_IFACES_ANY & ~1ULL, IFW_IFACES_ANY};
	struct elsewhere elsewhere = {.look = look};
	struct sample *sample = &elsewhere.sample;
	struct rule anywhere = *look->rule;
	int error = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && !error; i++) {
		anywhere.ifaces = all[i];
		error = lint_cells(look, &anywhere, NULL, 0, take_cell, &elsewhere);
	}
	if (!error)
		error = probe_ask(look->probe, 0, &sample->witness, &sample->asked);
	if (!error)
		error = add_sample(look, LINT_UNREACHED, SEVERITY_WARNING, sample, &look->before);
	if (!error)
		look->lint->findings[look->lint->count - 1].elsewhere = true;
	return error;
}

static int conclude(struct look *look)
{
	if (!look->decides && look->before.count)
		return add_sample(look, LINT_SHADOWED,
				  look->grave ? SEVERITY_ERROR : SEVERITY_WARNING, &look->shadow,
				  &look->before);
	if (!look->decides && look->shadow.witness.ifindex)
		return add_sample(look, LINT_UNREACHED, SEVERITY_WARNING, &look->shadow,
				  &look->before);
	if (!look->decides)
		return add_elsewhere(look);
	if (!look->needed)
		return add_sample(look, LINT_REDUNDANT, SEVERITY_NOTE, &look->redundant,
				  &look->instead);
	return 0;
}

int lint_cells(const struct look *look, const struct rule *rule, const struct rule *const *met,
	       size_t count, cell_fn fn, void *arg)
{
	auto_free struct cell_rule *rules = calloc(count + 1, sizeof(*rules));
	struct cell_space space;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		rules[i].rule = met[i];
	rules[count] = (struct cell_rule){rule, true};
	space = probe_space(look->probe, rules, count + 1);
	return cells_each(&space, fn, arg);
}

static int look_at_rule(struct look *look, const struct rule *rule, const struct rule *const *met,
			size_t count)
{
	int error;

	look->rule = rule;
	look->decides = look->needed = look->grave = false;
	look->reasons = 0;
	look->shadow = look->redundant = (struct sample){};
	look->own = SIZE_MAX;
	look->lacks_listener = false;
	clear_orders(&look->before);
	clear_orders(&look->instead);
	clear_orders(&look->contradicted);
	error = lint_cells(look, rule, met, count, look_at, look);
	return error ? error : conclude(look);
}

/* In the second world there are only those that meet the rule. */
static int set_without(struct look *look, const struct rule *const *met, size_t count,
		       const struct iface_names *names)
{
	struct rule_set set __attribute__((cleanup(rule_set_clear))) = {};
	int error = 0;

	if (count == 0 && sim_world_rules(look->probe->worlds[1])->count == 0)
		return 0;
	for (size_t i = 0; i < count && !error; i++)
		error = rule_set_add(&set, met[i]);
	set.names = *names;
	return error ? error : sim_world_set_rules(look->probe->worlds[1], &set);
}

static int look_at_rules(struct look *look, lint_progress_fn progress, void *arg)
{
	const struct rule_set *set = sim_world_rules(look->probe->worlds[0]);
	struct overlap *overlap;
	int error = overlap_create(set, &overlap);

	if (error)
		return error;
	for (size_t i = 0; i < set->count && !error; i++) {
		const struct rule *const *met;
		const size_t count = overlap_find(overlap, &set->rules[i], &met);

		if (progress)
			progress(arg, i, set->count);
		error = set_without(look, met, count, &set->names);
		if (!error)
			error = look_at_rule(look, &set->rules[i], met, count);
	}
	if (!error && look->has_world)
		error = lint_ssh(look, overlap);
	overlap_destroy(overlap);
	return error;
}

int lint_find(struct sim_world *const worlds[PROBE_WORLDS], bool has_world,
	      lint_progress_fn progress, void *arg, struct lint *lint)
{
	const struct rule_set *set = sim_world_rules(worlds[0]);
	const uint32_t last = set->count ? set->rules[set->count - 1].order : 0;
	struct probe probe;
	struct look look = {.lint = lint, .probe = &probe, .has_world = has_world};
	int error = probe_start(&probe, worlds);

	*lint = (struct lint){};
	if (error)
		return error;
	if (probe.iface_count == 0)
		error = -ENODEV;
	if (!error)
		error = create_orders(&look.before, last);
	if (!error)
		error = create_orders(&look.instead, last);
	if (!error)
		error = create_orders(&look.contradicted, last);
	if (!error)
		error = look_at_rules(&look, progress, arg);
	free_orders(&look.before);
	free_orders(&look.instead);
	free_orders(&look.contradicted);
	probe_end(&probe);
	if (error)
		lint_free(lint);
	return error;
}
