/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_older.c - arguments of the older front ends, set apart by line ends (zfw's,
 * and behind a first byte of M or D those of map_update and map_delete_elem):
 * refused with a message, or a rule that the grammar prints and reads back.
 */
#include <errno.h>
#include <getopt.h>

#include "cli/zfw_args.h"
#include "fuzz.h"
#include "ruleset/grammar.h"

#define WORDS_MAX 48

static void check_rule(const struct zfw_request *request)
{
	struct iface_names names = request->names;
	struct rule rule = request->rule, read;
	char text[RULE_TEXT_MAX];
	size_t length = rule_print(&rule, &names, text, sizeof(text));

	HOLDS(grammar_parse_rule(text, length, 1, &names, &read, NULL, NULL) == 0, "%s", text);
	HOLDS(rule_equal(&rule, &read), "%s", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char letter;
		int (*parse)(int argc, char **argv, struct zfw_request *request,
			     struct failure *failure);
	} names[] = {{'M', map_update_parse}, {'D', map_delete_parse}};
	struct zfw_request request;
	struct failure failure = {};
	char *text, *rest, *argv[WORDS_MAX + 2];
	int argc = 0, error;
	size_t which = 2;

	for (size_t i = 0; i < 2; i++)
		if (size && data[0] == names[i].letter)
			which = i;
	text = rest = strndup((const char *)data + (which < 2), size - (which < 2));
	HOLDS(text);
	argv[argc++] = text + strlen(text); /* the name of the program */
	while (rest && argc <= WORDS_MAX)
		argv[argc++] = strsep(&rest, "\n");
	argv[argc] = NULL;
	memset(&request, 0, sizeof(request));
	error = which < 2 ? names[which].parse(argc, argv, &request, &failure)
			  : zfw_parse(argc, argv, &request, &failure);
	HOLDS(error == 0 || error == -EINVAL || (error == -E2BIG && which < 2));
	HOLDS(error != -EINVAL || failure.text[0]);
	if (error == 0 && request.verb == ZFW_INSERT)
		check_rule(&request);
	free(text);
	return 0;
}
