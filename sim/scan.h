/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scan.h - a world file as lines of words, and errors about a word of it.
 */
#ifndef IFW_SIM_SCAN_H
#define IFW_SIM_SCAN_H

#include "ruleset/rule.h"

struct word {
	const char *text; /* not terminated; at the line's end where there is none */
	size_t len;	  /* 0: the line has no further word */
};

struct scan {
	const char *next, *end; /* of the text */
	const char *line;	/* the present one, without its comment */
	const char *line_end;
	const char *source_end; /* with it */
	const char *at;
	unsigned int number;
	unsigned int errors;
	diagnose_fn diagnose; /* may be NULL */
	void *arg;
};

/* Moves on to the next line; false at the end of the text. */
bool scan_line(struct scan *scan);

/* The next word of the line, and the same without moving on. */
struct word scan_word(struct scan *scan);
struct word scan_peek(const struct scan *scan);

bool word_is(struct word word, const char *text);

/* Reports an error about the word. Always -EINVAL. */
int scan_error(struct scan *scan, struct word word, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* For messages: "%.*s" of a word, cut where it is overlong. */
#define WORD_FORMAT "'%.*s'"
#define WORD_ARG(word) (int)((word).len > 64 ? 64 : (word).len), (word).text

#endif /* IFW_SIM_SCAN_H */
