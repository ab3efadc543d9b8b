/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* table.c - see table.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ruleset/room.h"
#include "table.h"
#include "text.h"

#define GAP 2 /* blanks between columns */
#define SHOWN_MIN                                                                                  \
	8 /* of the last column, cut; with less room the line wraps, and nothing is lost */
#define OTHERS_MIN 12 /* of another one, which is cut only where the last has no room at all */

struct cell {
	char *text;
	enum table_style style;
};

struct table {
	const struct table_column *columns;
	unsigned int column_count;
	struct cell *cells;
	size_t count, room;
	bool failed;
	bool keep_last;
};

struct table *table_create(const struct table_column *columns, unsigned int count)
{
	struct table *table;

	if (count == 0 || count > TABLE_COLUMNS_MAX)
		return NULL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->columns = columns;
	table->column_count = count;
	return table;
}

void table_destroy(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

void table_cell(struct table *table, enum table_style style, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	if (room_for_one(&table->cells, table->count, &table->room, sizeof(*table->cells))) {
		table->failed = true;
		return;
	}
	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		table->failed = true;
		return;
	}
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	table->cells[table->count].text = text;
	table->cells[table->count].style = style;
	table->count++;
}

void table_keep_last(struct table *table)
{
	table->keep_last = true;
}

static const char *style_start(const struct table_look *look, enum table_style style)
{
	if (!look->colour || style == TABLE_PLAIN)
		return "";
	return style == TABLE_GOOD ? "\033[32m" : "\033[31m";
}

/* One cell; at is how many columns of the line are used before it. Returns how many after it. */
static unsigned int print_cell(FILE *out, const struct table_look *look, const struct cell *cell,
			       unsigned int width, bool right, bool last, unsigned int at)
{
	const char *start = style_start(look, cell->style), *end = *start ? "\033[0m" : "";
	unsigned int len = strlen(cell->text), room = len;

	if (last && at + len > look->width && look->width >= at + SHOWN_MIN)
		room = look->width - at - 3;
	else if (!last && len > width)
		room = width - 3;
	if (right && width > len)
		fprintf(out, "%*s", (int)(width - len), "");
	if (room < len)
		fprintf(out, "%s%.*s...%s", start, (int)room, cell->text, end);
	else
		fprintf(out, "%s%s%s", start, cell->text, end);
	if (last)
		return 0;
	if (!right && width > len)
		fprintf(out, "%*s", (int)(width - len), "");
	fprintf(out, "%*s", GAP, "");
	return at + width + GAP;
}

/* In a row of so many columns; the one behind them, if there is one, is below. */
static void print_titles(const struct table *table, FILE *out, const struct table_look *look,
			 const unsigned int *widths, unsigned int columns)
{
	unsigned int at = look->indent;

	fprintf(out, "%*s%s", (int)look->indent, "", look->colour ? "\033[1m" : "");
	for (unsigned int i = 0; i < columns; i++) {
		struct cell title = {.text = (char *)table->columns[i].title};

		at = print_cell(out, look, &title, widths[i], table->columns[i].right,
				i + 1 == columns, at);
	}
	if (columns < table->column_count)
		fprintf(out, "\n%*s%s", (int)look->indent + GAP, "", table->columns[columns].title);
	fprintf(out, "%s\n", look->colour ? "\033[0m" : "");
}

/* Blanks behind the last word of a row would only wrap the line. */
static unsigned int last_filled(const struct table *table, size_t row, unsigned int columns)
{
	unsigned int last = columns - 1;

	while (last > 0 && !*table->cells[row + last].text)
		last--;
	return last;
}

/* The widest that is no number gives way, until the last column has some room. */
static void shrink(const struct table *table, const struct table_look *look, unsigned int *widths,
		   unsigned int columns)
{
	unsigned int last = columns - 1, used = look->indent;

	used += widths[last] < SHOWN_MIN ? widths[last] : SHOWN_MIN;
	for (unsigned int i = 0; i < last; i++)
		used += widths[i] + GAP;
	while (look->width && used > look->width) {
		unsigned int widest = last;

		for (unsigned int i = 0; i < last; i++)
			if (!table->columns[i].right && widths[i] > OTHERS_MIN &&
			    (widest == last || widths[i] > widths[widest]))
				widest = i;
		if (widest == last)
			return;
		widths[widest]--;
		used--;
	}
}

/* How many columns stand side by side: all, or all but the last. */
static unsigned int columns_of_row(const struct table *table, const struct table_look *look,
				   const unsigned int *widths)
{
	unsigned int used = look->indent, columns = table->column_count;

	for (unsigned int i = 0; i < columns; i++)
		used += widths[i] + (i ? GAP : 0);
	return table->keep_last && look->width && used > look->width && columns > 1 ? columns - 1
										    : columns;
}

static void print_row(const struct table *table, FILE *out, const struct table_look *look,
		      const unsigned int *widths, size_t row, unsigned int columns)
{
	const bool below = columns < table->column_count;
	unsigned int last = last_filled(table, row, columns), at = look->indent;

	if (!below || last || *table->cells[row].text) {
		fprintf(out, "%*s", (int)look->indent, "");
		for (unsigned int i = 0; i <= last; i++)
			at = print_cell(out, look, &table->cells[row + i], widths[i],
					table->columns[i].right, i == last, at);
		fputc('\n', out);
	}
	if (below && *table->cells[row + columns].text) {
		at = look->indent + GAP;
		fprintf(out, "%*s", (int)at, "");
		print_cell(out, look, &table->cells[row + columns], 0, false, true, at);
		fputc('\n', out);
	}
}

int table_print(const struct table *table, FILE *out, const struct table_look *look)
{
	unsigned int widths[TABLE_COLUMNS_MAX] = {0}, columns = table->column_count, side;

	if (table->failed || !columns)
		return table->failed ? -ENOMEM : 0;
	for (unsigned int i = 0; i < columns; i++)
		widths[i] = strlen(table->columns[i].title);
	for (size_t i = 0; i < table->count; i++)
		if (strlen(table->cells[i].text) > widths[i % columns])
			widths[i % columns] = strlen(table->cells[i].text);
	side = columns_of_row(table, look, widths);
	shrink(table, look, widths, side);
	print_titles(table, out, look, widths, side);
	for (size_t row = 0; row + columns <= table->count; row += columns)
		print_row(table, out, look, widths, row, side);
	return 0;
}

struct table_look table_look_of(FILE *out)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	const char *columns = getenv("COLUMNS");
	struct table_look look = {0};
	struct winsize size;
	uint64_t number;

	if (!isatty(fileno(out)))
		return look;
	look.colour = !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0);
	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
		look.width = size.ws_col;
	/* A serial line does not know how wide it is. */
	if (!look.width && columns && text_number(columns, 1, UINT16_MAX, &number) == 0)
		look.width = (unsigned int)number;
	return look;
}
