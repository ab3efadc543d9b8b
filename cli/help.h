/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* help.h - what ifw can do, told by object. */
#ifndef IFW_HELP_H
#define IFW_HELP_H

#include <stdbool.h>
#include <stdio.h>

/* The page that a command is on: "rule" for "rule add". */
const char *help_topic(const char *command);

/* Prints a page, the overview where topic is NULL. False: there is no such page. */
bool help_print(FILE *out, const char *topic);

#endif /* IFW_HELP_H */
