/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * table.h - rows for people: columns as wide as what is in them, numbers to
 * the right, the last column cut where the terminal ends, and others where that has
 * no room for it.
 */
#ifndef IFW_TABLE_H
#define IFW_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table_column {
	const char *title;
	bool right; /* numbers */
};

enum table_style {
	TABLE_PLAIN,
	TABLE_GOOD,
	TABLE_BAD,
};

/* Where it is printed. */
struct table_look {
	bool colour;
	unsigned int width; /* columns; 0: as wide as it gets */
	unsigned int indent;
};

struct table;

/* columns must outlive the table; at most TABLE_COLUMNS_MAX. NULL: no memory. */
struct table *table_create(const struct table_column *columns, unsigned int count);
void table_destroy(struct table *table);

/*
 * The next cell, row by row. What would move a terminal's cursor becomes '?'.
 * Without memory the table remembers that, and table_print() says so.
 */
void table_cell(struct table *table, enum table_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * What stands in the last column is too much to lose: where the terminal has no room for it,
 * it goes below its row, on lines of its own.
 */
void table_keep_last(struct table *table);

/* Prints titles and rows. 0 or -ENOMEM; then nothing was printed. */
int table_print(const struct table *table, FILE *out, const struct table_look *look);

/* How to print on this stream: colour and width only where it is a terminal. */
struct table_look table_look_of(FILE *out);

static inline void free_table(struct table **table)
{
	table_destroy(*table);
}
#define auto_table __attribute__((cleanup(free_table))) struct table *

#endif /* IFW_TABLE_H */
