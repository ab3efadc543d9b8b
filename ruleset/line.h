/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * line.h - one line of a text while it is parsed, of rules or of the supervisor's
 * configuration, whose words are told apart alike.
 */
#ifndef IFW_LINE_H
#define IFW_LINE_H

#include "values.h"

struct line {
	struct span text;
	unsigned int number; /* from 1 */
	diagnose_fn diagnose;
	void *arg;
	size_t at;	  /* where the scanner stands */
	struct span rule; /* from the first word to the last, once parsed */
};

/* Reports something about a part of the line. */
void line_say(const struct line *line, enum severity severity, struct span where,
	      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Before the first word: refuses control characters. 0, or -EINVAL after reporting. */
int line_begin(struct line *line);

/*
 * The next word. -ENOENT: none is left; -EINVAL after reporting. A # starts a comment
 * only where a word would start, so that a name is never cut short without anyone being told.
 */
int line_word(struct line *line, struct span *word);

/* Calls each for every line of a text until it answers other than 0, and answers that. */
int line_for_each(struct span text, diagnose_fn diagnose, void *diagnose_arg,
		  int (*each)(void *arg, struct line *line), void *arg);

/* Parses the line into rule. As grammar_parse_rule(). */
int line_parse(struct line *line, struct iface_names *names, struct rule *rule);

#endif /* IFW_LINE_H */
