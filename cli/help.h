/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* help.h - what ifw can do, told by object. */
#ifndef IFW_HELP_H
#define IFW_HELP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The page that a command is on: "rule" for "rule add". */
const char *help_topic(const char *command);

/* The objects that have a page, in order; NULL behind the last. */
const char *help_topic_at(size_t n);

/* A page, the overview where topic is NULL; NULL: there is no such page. */
const char *help_text(const char *topic);

/* Prints a page, the overview where topic is NULL. False: there is no such page. */
bool help_print(FILE *out, const char *topic);

#endif /* IFW_HELP_H */
