/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diagnose.c - see diagnose.h. The source line is input: whatever in it could
 * move a terminal's cursor is replaced, and of a very long line only the part
 * around the place is shown.
 */
#include "diagnose.h"

#define SHOWN_MAX 160 /* bytes of a source line */
#define SHOWN_BEFORE 100

static const char *severity_name(enum severity severity)
{
	switch (severity) {
	case SEVERITY_ERROR:
		return "error";
	case SEVERITY_WARNING:
		return "warning";
	case SEVERITY_NOTE:
		return "note";
	}
	return "error";
}

/* UTF-8 bytes that belong to the character before them take no column. */
static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static void print_source(FILE *to, const char *source, size_t from, size_t until)
{
	fputs("  ", to);
	for (size_t i = from; i < until; i++)
		fputc(source[i] != '\t' && is_control(source[i]) ? '?' : source[i], to);
	fputc('\n', to);
}

/* A tab above is a tab here, so that the caret stands right at any tab width. */
static void print_caret(FILE *to, const struct diagnostic *d, size_t from, size_t until)
{
	size_t start = d->column - 1, end = start + d->width;

	fputs("  ", to);
	for (size_t i = from; i < start; i++) {
		if (i >= d->source_len)
			fputc(' ', to);
		else if (!is_continuation(d->source[i]))
			fputc(d->source[i] == '\t' ? '\t' : ' ', to);
	}
	fputc('^', to);
	for (size_t i = start + 1; i < end && i < until; i++)
		if (!is_continuation(d->source[i]))
			fputc('~', to);
	fputc('\n', to);
}

void diagnose_print(void *arg, const struct diagnostic *d)
{
	struct diagnose_to *to = arg;
	const char *severity = severity_name(d->severity);
	size_t from = 0, until = d->source_len;

	if (d->severity == SEVERITY_ERROR)
		to->errors++;
	else if (d->severity == SEVERITY_WARNING)
		to->warnings++;

	if (to->file)
		fprintf(to->stream, "%s:%u:%u: %s: %s\n", to->file, d->line, d->column, severity,
			d->message);
	else
		fprintf(to->stream, "%s: %s: %s\n", to->program, severity, d->message);
	if (!d->source || d->column == 0)
		return;
	if (d->column > SHOWN_BEFORE)
		from = d->column - SHOWN_BEFORE;
	if (from > until)
		from = until;
	if (until - from > SHOWN_MAX)
		until = from + SHOWN_MAX;
	print_source(to->stream, d->source, from, until);
	print_caret(to->stream, d, from, until);
}
