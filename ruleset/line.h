/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * line.h - one line of rule text while it is parsed. Internal to ruleset/.
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

/* Parses the line into rule. As grammar_parse_rule(). */
int line_parse(struct line *line, struct iface_names *names, struct rule *rule);

#endif /* IFW_LINE_H */
