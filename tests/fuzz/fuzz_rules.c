/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_rules.c - rules as text: refused with a place that exists, or accepted,
 * and then what is printed of them reads back as the same set and compiles.
 */
#include <errno.h>

#include "fuzz.h"
#include "ruleset/compile.h"
#include "ruleset/grammar.h"

static void read_back(const struct rule_set *set)
{
	char text[RULE_TEXT_MAX];
	struct rule rule;

	for (size_t i = 0; i < set->count; i++) {
		struct iface_names names = set->names;
		size_t length = rule_print(&set->rules[i], &set->names, text, sizeof(text));

		HOLDS(length == strlen(text));
		HOLDS(grammar_parse_rule(text, length, 1, &names, &rule, NULL, NULL) == 0, "%s",
		      text);
		HOLDS(rule_equal(&rule, &set->rules[i]), "%s", text);
	}
}

static void compile(const struct rule_set *set)
{
	bool *live = calloc(set->count ? set->count : 1, sizeof(*live));
	struct image image = {};
	size_t by[4];

	HOLDS(live);
	if (compile_set(set, &image, live) == 0) {
		for (size_t i = 0; i < set->count; i++)
			HOLDS(live[i] || compile_shadowed_by(set, i, by, 4) || set->count);
		image_free(&image);
	}
	free(live);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rule_set set = {};
	unsigned int said = 0;
	int error = grammar_parse_set((const char *)data, size, &set, read_diagnostic, &said);

	HOLDS(error == 0 || error == -EINVAL);
	HOLDS(error == 0 || (said && set.count == 0));
	if (error == 0) {
		read_back(&set);
		compile(&set);
	}
	rule_set_clear(&set);
	return 0;
}
