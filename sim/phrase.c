/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* phrase.c - see phrase.h. */
#include <stdarg.h>
#include <stdio.h>

#include "phrase.h"

void phrase_add(struct phrase *phrase, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(phrase->at + phrase->used, phrase->size - phrase->used, format, args);
	va_end(args);
	if (size > 0)
		phrase->used += (size_t)size;
	if (phrase->used >= phrase->size)
		phrase->used = phrase->size - 1;
}
