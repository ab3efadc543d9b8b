/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state_json.c - see state_json.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "state.h"
#include "state_json.h"

int node_fault(const struct node *node, const char *format, ...)
{
	/* "kernel is missing" is a sentence, "kernel: '6' is no version" needs the colon. */
	const char *between = strncmp(format, "is ", 3) == 0 ? " " : ": ";
	int used = snprintf(node->message, STATE_MESSAGE_MAX, "%s%s", node->place,
			    node->place[0] ? between : "");
	va_list args;

	va_start(args, format);
	if (used >= 0 && used < STATE_MESSAGE_MAX)
		vsnprintf(node->message + used, STATE_MESSAGE_MAX - (size_t)used, format, args);
	va_end(args);
	return -EINVAL;
}

/* A place that does not fit is cut: nothing that is read lies so deep. */
struct node node_member(const struct node *of, const char *name)
{
	struct node node = {.json = json_object_get(of->json, name), .message = of->message};

	snprintf(node.place, PLACE_MAX, "%.60s%s%.32s", of->place, of->place[0] ? "." : "", name);
	return node;
}

struct node node_element(const struct node *of, size_t index)
{
	struct node node = {.json = json_array_get(of->json, index), .message = of->message};

	snprintf(node.place, PLACE_MAX, "%.60s[%zu]", of->place, index);
	return node;
}

static int fault_kind(const struct node *node, const char *wanted)
{
	if (!node->json)
		return node_fault(node, "is missing");
	return node_fault(node, "is no %s", wanted);
}

int node_object(const struct node *node)
{
	return json_is_object(node->json) ? 0 : fault_kind(node, "object");
}

int node_array(const struct node *node, size_t *count)
{
	if (!json_is_array(node->json))
		return fault_kind(node, "list");
	*count = json_array_size(node->json);
	return 0;
}

int node_bool(const struct node *node, bool *value)
{
	if (!json_is_boolean(node->json))
		return fault_kind(node, "true or false");
	*value = json_is_true(node->json);
	return 0;
}

int node_number(const struct node *node, uint64_t min, uint64_t max, uint64_t *value)
{
	const json_int_t number = json_integer_value(node->json);

	if (!json_is_integer(node->json))
		return fault_kind(node, "whole number");
	if (number < 0 || (uint64_t)number < min || (uint64_t)number > max)
		return node_fault(node,
				  "%" JSON_INTEGER_FORMAT " is not from %" PRIu64 " to %" PRIu64,
				  number, min, max);
	*value = (uint64_t)number;
	return 0;
}

int node_text(const struct node *node, const char **text)
{
	*text = json_string_value(node->json);
	return *text ? 0 : fault_kind(node, "text");
}

bool node_is_null(const struct node *node)
{
	return json_is_null(node->json);
}

int node_word(const struct node *node, const char *const *words, size_t count, size_t *index)
{
	const char *text;
	int error = node_text(node, &text);

	if (error)
		return error;
	for (*index = 0; *index < count; (*index)++)
		if (strcmp(words[*index], text) == 0)
			return 0;
	return node_fault(node, "'%.64s' is none of the words for it ('%s', ...)", text, words[0]);
}
