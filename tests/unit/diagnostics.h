/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diagnostics.h - tests listen to what a parser says.
 */
#ifndef IFW_DIAGNOSTICS_H
#define IFW_DIAGNOSTICS_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../ruleset/rule.h"

#define SAID_MAX 64

/* What the parser said, copied: a diagnostic is valid only while it is told. */
struct said {
	enum severity severity;
	unsigned int line, column, width;
	char message[400];
	char source[200];
};

struct log {
	struct said said[SAID_MAX];
	unsigned int count;
};

static inline void listen_to(void *arg, const struct diagnostic *diagnostic)
{
	struct log *log = arg;
	struct said *said = &log->said[log->count % SAID_MAX];

	log->count++;
	said->severity = diagnostic->severity;
	said->line = diagnostic->line;
	said->column = diagnostic->column;
	said->width = diagnostic->width;
	snprintf(said->message, sizeof(said->message), "%s", diagnostic->message);
	snprintf(said->source, sizeof(said->source), "%.*s",
		 (int)(diagnostic->source_len < 190 ? diagnostic->source_len : 190),
		 diagnostic->source);
}

/* A copy without anything behind it, so that ASan sees a read past the end. */
static inline char *exact(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	cr_assert_not_null(copy);
	memcpy(copy, text, len);
	return copy;
}

#endif /* IFW_DIAGNOSTICS_H */
