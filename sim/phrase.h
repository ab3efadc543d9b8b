/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * phrase.h - text that grows in a buffer of a given size; what does not fit is cut.
 */
#ifndef IFW_SIM_PHRASE_H
#define IFW_SIM_PHRASE_H

#include <stddef.h>

struct phrase {
	char *at;    /* always ends with a NUL once something was added */
	size_t size; /* bytes at at; more than 0 */
	size_t used; /* bytes, without the final NUL */
};

void phrase_add(struct phrase *phrase, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* IFW_SIM_PHRASE_H */
