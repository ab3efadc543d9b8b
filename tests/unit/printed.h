/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * printed.h - what something prints on a stream, as text.
 */
#ifndef IFW_TESTS_PRINTED_H
#define IFW_TESTS_PRINTED_H

#include <criterion/criterion.h>
#include <stdio.h>

struct printed {
	char *text;
	size_t size;
	FILE *stream;
};

/* The stream to print on. */
static inline FILE *printed_begin(struct printed *printed)
{
	printed->stream = open_memstream(&printed->text, &printed->size);
	cr_assert_not_null(printed->stream);
	return printed->stream;
}

/* What was printed since, to be freed. */
static inline char *printed_end(struct printed *printed)
{
	cr_assert_eq(fclose(printed->stream), 0);
	return printed->text;
}

#endif /* IFW_TESTS_PRINTED_H */
