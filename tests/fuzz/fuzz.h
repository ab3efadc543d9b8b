/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz.h - what the fuzz targets share: the entry that libFuzzer calls, input
 * taken byte by byte, and the end of the program where something does not hold.
 */
#ifndef IFW_FUZZ_H
#define IFW_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what does not hold, and ends: libFuzzer then keeps the input. */
#define HOLDS(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "does not hold: %s\n", #condition);                        \
			fprintf(stderr, "" __VA_ARGS__);                                           \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* What is left of an input; behind its end it goes on with zeros. */
struct input {
	const uint8_t *data;
	size_t size;
};

static inline __attribute__((unused)) uint8_t take(struct input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

static inline __attribute__((unused)) uint16_t take16(struct input *in)
{
	uint16_t high = take(in);

	return (uint16_t)(high << 8 | take(in));
}

static inline __attribute__((unused)) void take_bytes(struct input *in, void *to, size_t size)
{
	size_t some = size < in->size ? size : in->size;

	memset(to, 0, size);
	memcpy(to, in->data, some);
	in->data += some;
	in->size -= some;
}

/* Reads what a diagnostic points at, so that a sanitizer sees a place that is not there. */
static inline __attribute__((unused)) void read_diagnostic(void *arg, const struct diagnostic *d)
{
	unsigned int *count = arg;

	HOLDS(d->line >= 1 && d->column >= 1 && d->width >= 1);
	HOLDS(d->column - 1 <= d->source_len, "column %u of %zu bytes", d->column, d->source_len);
	for (size_t i = 0; i < d->source_len; i++)
		*count += d->source[i] == '\n';
	*count += strlen(d->message) != 0;
}

#endif /* IFW_FUZZ_H */
