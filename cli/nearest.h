/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* nearest.h - which of some words somebody may have meant who typed another. */
#ifndef IFW_CLI_NEAREST_H
#define IFW_CLI_NEAREST_H

#include <stddef.h>

#define NEAREST_LENGTH_MAX 32 /* of words; longer ones are near to nothing */

struct nearest {
	const char *typed;
	const char *found; /* NULL: none is near */
	unsigned int distance;
};

/* Takes the word where it is nearer than those before; one letter in three may differ. */
void nearest_try(struct nearest *nearest, const char *word);

/* ": did you mean 'WORD'?" in text (NEAREST_TEXT_MAX bytes), or nothing. */
#define NEAREST_TEXT_MAX 64
const char *nearest_text(const struct nearest *nearest, const char *dashes, char *text);

#endif /* IFW_CLI_NEAREST_H */
