/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grammar_set.c - a whole text of rules, in one pass. A hash of the matches seen
 * so far finds what is written twice, whatever the number of lines.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grammar.h"
#include "line.h"
#include "match.h"

/* A match that was read, and where. */
struct seen {
	struct match match;
	size_t index; /* in the set */
	unsigned int line;
	bool lost; /* the hash had no memory for it */
	UT_hash_handle hh;
};

/* A text while it is parsed. */
struct reading {
	struct rule_set *set;
	struct seen *seen; /* head of the hash */
	unsigned int errors;
};

static void forget(struct reading *reading)
{
	struct seen *seen, *next;

	HASH_ITER(hh, reading->seen, seen, next)
	{
		HASH_DEL(reading->seen, seen);
		free(seen);
	}
}

static int remember(struct reading *reading, const struct match *match, unsigned int line)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	seen->match = *match;
	seen->index = reading->set->count - 1;
	seen->line = line;
	HASH_ADD(hh, reading->seen, match, sizeof(seen->match), seen);
	if (seen->lost) {
		free(seen);
		return -ENOMEM;
	}
	return 0;
}

static int add_rule(struct reading *reading, const struct line *line, struct rule *rule)
{
	struct match match = match_of(rule);
	struct seen *first;
	int err;

	HASH_FIND(hh, reading->seen, &match, sizeof(match), first);
	if (first && rule_equal(&reading->set->rules[first->index], rule)) {
		line_say(line, SEVERITY_WARNING, line->rule,
			 "the same rule as in line %u; counts once", first->line);
		return 0;
	}
	if (first) {
		line_say(line, SEVERITY_ERROR, line->rule,
			 "same match as in line %u, but another action, listener or label",
			 first->line);
		return -EINVAL;
	}
	rule->order = (uint32_t)reading->set->count + 1;
	err = rule_set_add(reading->set, rule);
	return err ? err : remember(reading, &match, line->number);
}

/* 0 to go on with the next line, errors in it or not. */
static int read_line(void *arg, struct line *line)
{
	struct reading *reading = arg;
	struct rule rule;
	int err = line_parse(line, &reading->set->names, &rule);

	if (!err)
		err = add_rule(reading, line, &rule);
	if (err == -EINVAL && ++reading->errors < GRAMMAR_ERRORS_MAX)
		return 0;
	return err == -ENOENT ? 0 : err;
}

int grammar_parse_set(const char *text, size_t size, struct rule_set *set, diagnose_fn diagnose,
		      void *arg)
{
	struct iface_names names = set->names;
	struct reading reading = {.set = set};
	int err = line_for_each((struct span){text, size}, diagnose, arg, read_line, &reading);

	forget(&reading);
	if (!err && reading.errors)
		err = -EINVAL;
	if (err) {
		rule_set_clear(set);
		set->names = names;
	}
	return err;
}
