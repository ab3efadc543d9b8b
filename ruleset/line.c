/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* line.c - a line's words, and what is to be said about them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "line.h"
#include "visible.h"

#define MESSAGE_MAX 384

void line_say(const struct line *line, enum severity severity, struct span where,
	      const char *format, ...)
{
	char message[MESSAGE_MAX];
	struct diagnostic diagnostic = {
		.severity = severity,
		.line = line->number,
		.column = (unsigned int)(where.text - line->text.text) + 1,
		.width = where.len ? (unsigned int)where.len : 1,
		.source = line->text.text,
		.source_len = line->text.len,
		.message = message,
	};
	va_list args;

	if (!line->diagnose)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	line->diagnose(line->arg, &diagnostic);
}

#define refuse(line, where, ...) (line_say(line, SEVERITY_ERROR, where, __VA_ARGS__), -EINVAL)

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* A carriage return before the line's end belongs to the line's end. */
static void drop_carriage_return(struct line *line)
{
	if (line->text.len && line->text.text[line->text.len - 1] == '\r')
		line->text.len--;
}

static int check_bytes(const struct line *line)
{
	for (size_t i = 0; i < line->text.len; i++) {
		uint8_t byte = (uint8_t)line->text.text[i];
		struct span where = {line->text.text + i, 1};

		if (byte == '\0')
			return refuse(line, where, "NUL byte: this is not text");
		if ((byte < ' ' && byte != '\t') || byte == 0x7f)
			return refuse(line, where, "control character 0x%02x", byte);
	}
	return 0;
}

static int check_word(const struct line *line, struct span word)
{
	for (size_t at = 0; at < word.len;) {
		struct span where = {word.text + at, 1};
		uint32_t code;
		size_t size = utf8_decode(where.text, word.len - at, &code);

		if (size == 0)
			return refuse(line, where, "byte 0x%02x is not UTF-8",
				      (uint8_t)where.text[0]);
		where.len = size;
		if (!is_visible(code))
			return refuse(line, where, "invisible character U+%04X", code);
		at += size;
	}
	return 0;
}

int line_word(struct line *line, struct span *word)
{
	const char *text = line->text.text;
	size_t len = line->text.len, start;

	while (line->at < len && is_blank(text[line->at]))
		line->at++;
	start = line->at;
	if (start == len || text[start] == '#')
		return -ENOENT;
	while (line->at < len && !is_blank(text[line->at]))
		line->at++;
	*word = (struct span){text + start, line->at - start};
	if (!line->rule.text)
		line->rule.text = word->text;
	line->rule.len = (size_t)(word->text + word->len - line->rule.text);
	return check_word(line, *word);
}

int line_begin(struct line *line)
{
	drop_carriage_return(line);
	return check_bytes(line);
}

int line_for_each(struct span text, diagnose_fn diagnose, void *diagnose_arg,
		  int (*each)(void *arg, struct line *line), void *arg)
{
	unsigned int number = 0;
	size_t at = 0;
	int err = 0;

	while (at < text.len && !err) {
		const char *start = text.text + at;
		const char *end = memchr(start, '\n', text.len - at);
		size_t len = end ? (size_t)(end - start) : text.len - at;
		struct line line = {
			.text = {start, len},
			.number = ++number,
			.diagnose = diagnose,
			.arg = diagnose_arg,
		};

		err = each(arg, &line);
		at += len + (end ? 1 : 0);
	}
	return err;
}
