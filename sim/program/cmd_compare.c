/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_compare.c - see cmd_compare.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/diagnose.h"
#include "ruleset/grammar.h"
#include "cmd_compare.h"

static int no_memory(void)
{
	return cmd_fail(STATUS_REFUSED, "out of memory");
}

/* Into the set, which has names already and gets those that are new. */
static int read_rules(const char *path, struct rule_set *set, struct cmd_text *text)
{
	struct diagnose_to to = {.stream = stderr, .program = PROGRAM, .file = path};
	int status = cmd_read(path, &text->at, &text->size), error;

	if (status)
		return status;
	error = grammar_parse_set(text->at, text->size, set, diagnose_print, &to);
	if (error == -ENOMEM)
		return no_memory();
	return error ? STATUS_BAD_INPUT : STATUS_DONE;
}

static int copy_rules(const struct rule_set *from, struct rule_set *to)
{
	for (size_t i = 0; i < from->count; i++)
		if (rule_set_add(to, &from->rules[i]) != 0)
			return no_memory();
	return STATUS_DONE;
}

static int read_sets(const char *const paths[PROBE_WORLDS], struct compared *compared)
{
	struct rule_set *sets = compared->sets;
	int status = paths[0] ? read_rules(paths[0], &sets[0], &compared->texts[0])
			      : copy_rules(sim_world_rules(compared->worlds[0]), &sets[0]);

	sets[1].names = sets[0].names;
	if (status)
		return status;
	status = paths[1] ? read_rules(paths[1], &sets[1], &compared->texts[1])
			  : copy_rules(&sets[0], &sets[1]);
	sets[0].names = sets[1].names;
	return status;
}

/* One that knows no more than the rules say. */
static int make_worlds(struct compared *compared)
{
	const struct rule_set *const sets[] = {&compared->sets[0], &compared->sets[1]};
	struct iface_names *names = &compared->sets[0].names;
	int slot = probe_name_other(names);

	/* In a plain world the interface with slot 1 has number 0. */
	compared->other = slot < 0 ? -1 : slot - 1;
	compared->sets[1].names = *names;
	for (size_t i = 0; i < PROBE_WORLDS; i++)
		if (probe_plain_world(sets, PROBE_WORLDS, names, &compared->worlds[i]) != 0)
			return no_memory();
	return STATUS_DONE;
}

static int put_rules(const char *const paths[PROBE_WORLDS], struct compared *compared)
{
	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		int error = sim_world_set_rules(compared->worlds[i], &compared->sets[i]);
		const char *path = paths[i] ? paths[i] : "the state";

		if (error == -E2BIG)
			return cmd_fail(STATUS_BAD_INPUT,
					"'%s' uses too many different pairs of prefix lengths",
					path);
		if (error)
			return cmd_fail(STATUS_REFUSED, "cannot take the rules of '%s': %s", path,
					strerror(-error));
	}
	return STATUS_DONE;
}

static int load(const struct options *options, const char *const paths[PROBE_WORLDS],
		struct compared *compared)
{
	const bool has_host = options->world || options->state;
	int status = STATUS_DONE;

	compared->other = -1;
	for (size_t i = 0; i < PROBE_WORLDS && has_host && !status; i++) {
		if (sim_world_create(&compared->worlds[i]) != 0)
			return no_memory();
		status = cmd_load_host(compared->worlds[i], options);
	}
	if (status)
		return status;
	if (has_host && sim_world_iface_count(compared->worlds[0]) == 0)
		return cmd_no_interface(options);
	if (has_host)
		compared->sets[0].names = *sim_world_names(compared->worlds[0]);
	status = read_sets(paths, compared);
	if (!status && !has_host)
		status = make_worlds(compared);
	return status ? status : put_rules(paths, compared);
}

int cmd_compare_load(const struct options *options, const char *const paths[PROBE_WORLDS],
		     struct compared *compared)
{
	int status;

	*compared = (struct compared){};
	status = load(options, paths, compared);
	if (status)
		cmd_compare_free(compared);
	return status;
}

void cmd_compare_free(struct compared *compared)
{
	for (size_t i = 0; i < PROBE_WORLDS; i++) {
		sim_world_destroy(compared->worlds[i]);
		rule_set_clear(&compared->sets[i]);
		free(compared->texts[i].at);
	}
	*compared = (struct compared){};
}
