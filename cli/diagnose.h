/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diagnose.h - what ruleset/ and sim/ have to say about a text, printed for
 * people: place, message, the line and a caret under what is meant. Executables
 * compile this in; libraries only call the diagnose_fn that they are given.
 */
#ifndef IFW_DIAGNOSE_H
#define IFW_DIAGNOSE_H

#include <stdio.h>

#include "../ruleset/rule.h"

struct diagnose_to {
	FILE *stream;
	const char *program; /* "ifw"; says who speaks where there is no file */
	const char *file;    /* as the user named it; NULL: the text came as arguments */
	unsigned int errors; /* counted here */
	unsigned int warnings;
};

/* A diagnose_fn; arg is a struct diagnose_to. */
void diagnose_print(void *arg, const struct diagnostic *diagnostic);

#endif /* IFW_DIAGNOSE_H */
