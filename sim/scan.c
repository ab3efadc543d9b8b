/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scan.c - see scan.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scan.h"

#define MESSAGE_MAX 256 /* bytes; a longer message is cut */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool scan_line(struct scan *scan)
{
	const char *comment;

	if (scan->next == scan->end)
		return false;
	scan->line = scan->at = scan->next;
	scan->source_end = memchr(scan->line, '\n', (size_t)(scan->end - scan->line));
	if (scan->source_end) {
		scan->next = scan->source_end + 1;
	} else {
		scan->source_end = scan->end;
		scan->next = scan->end;
	}
	comment = memchr(scan->line, '#', (size_t)(scan->source_end - scan->line));
	scan->line_end = comment ? comment : scan->source_end;
	scan->number++;
	return true;
}

struct word scan_peek(const struct scan *scan)
{
	struct word word = {scan->at, 0};

	while (word.text < scan->line_end && is_blank(*word.text))
		word.text++;
	while (word.text + word.len < scan->line_end && !is_blank(word.text[word.len]))
		word.len++;
	return word;
}

struct word scan_word(struct scan *scan)
{
	struct word word = scan_peek(scan);

	scan->at = word.text + word.len;
	return word;
}

bool word_is(struct word word, const char *text)
{
	return word.len == strlen(text) && memcmp(word.text, text, word.len) == 0;
}

int scan_error(struct scan *scan, struct word word, const char *format, ...)
{
	char message[MESSAGE_MAX];
	struct diagnostic d = {
		.severity = SEVERITY_ERROR,
		.line = scan->number,
		.column = (unsigned int)(word.text - scan->line) + 1,
		.width = word.len ? (unsigned int)word.len : 1,
		.source = scan->line,
		.source_len = (size_t)(scan->source_end - scan->line),
		.message = message,
	};
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	scan->errors++;
	if (scan->diagnose)
		scan->diagnose(scan->arg, &d);
	return -EINVAL;
}
