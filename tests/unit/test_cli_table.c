/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_cli_table.c - columns, cuts, colour and what must not reach a terminal. */
#include <criterion/criterion.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "printed.h"

#include "cli/table.h"

static const struct table_column columns[] = {{"NAME", false}, {"N", true}, {"TEXT", false}};

static struct table *sample(void)
{
	struct table *table = table_create(columns, 3);

	cr_assert(table);
	table_cell(table, TABLE_PLAIN, "eth0");
	table_cell(table, TABLE_PLAIN, "%d", 7);
	table_cell(table, TABLE_GOOD, "short");
	table_cell(table, TABLE_PLAIN, "longest-name");
	table_cell(table, TABLE_PLAIN, "%d", 12345);
	table_cell(table, TABLE_BAD, "%s", "a longer text");
	return table;
}

static char *print(const struct table *table, const struct table_look *look)
{
	struct printed printed;
	FILE *out = printed_begin(&printed);

	cr_assert_eq(table_print(table, out, look), 0);
	return printed_end(&printed);
}

static void expect(const struct table_look *look, const char *wanted)
{
	struct table *table = sample();
	char *text = print(table, look);

	cr_expect_str_eq(text, wanted);
	free(text);
	table_destroy(table);
}

Test(table, aligned)
{
	struct table_look look = {0};

	expect(&look, "NAME              N  TEXT\n"
		      "eth0              7  short\n"
		      "longest-name  12345  a longer text\n");
}

Test(table, indented_and_cut_at_the_terminal)
{
	struct table_look look = {.width = 34, .indent = 2};

	expect(&look, "  NAME              N  TEXT\n"
		      "  eth0              7  short\n"
		      "  longest-name  12345  a longer...\n");
}

Test(table, wraps_where_a_cut_would_leave_nothing)
{
	struct table_look look = {.width = 28};

	expect(&look, "NAME              N  TEXT\n"
		      "eth0              7  short\n"
		      "longest-name  12345  a longer text\n");
	look.width = 29;
	expect(&look, "NAME              N  TEXT\n"
		      "eth0              7  short\n"
		      "longest-name  12345  a lon...\n");
}

/* Numbers stay whole, and so does what is short. */
Test(table, other_columns_give_way_where_the_last_has_no_room)
{
	static const struct table_column flow[] = {
		{"FROM", false}, {"N", true}, {"TO", false}, {"LEFT", true}};
	struct table *table = table_create(flow, 4);
	struct table_look look = {.width = 50};
	char *text;

	cr_assert(table);
	table_cell(table, TABLE_PLAIN, "[2001:db8:1234:5678::1]:49152");
	table_cell(table, TABLE_PLAIN, "12345678");
	table_cell(table, TABLE_PLAIN, "[2001:db8::2]:443");
	table_cell(table, TABLE_PLAIN, "120 s");
	text = print(table, &look);
	cr_expect_str_eq(text, "FROM                    N  TO                 LEFT\n"
			       "[2001:db8:12...  12345678  [2001:db8::2]...  120 s\n");
	free(text);
	look.width = 0;
	text = print(table, &look);
	cr_expect(
		strstr(text, "[2001:db8:1234:5678::1]:49152  12345678  [2001:db8::2]:443  120 s"));
	free(text);
	table_destroy(table);
}

Test(table, what_is_to_be_kept_goes_below)
{
	struct table_look look = {.width = 33};
	struct table *table = sample();
	char *text;

	table_keep_last(table);
	for (int i = 0; i < 2; i++)
		table_cell(table, TABLE_PLAIN, "%s", "");
	table_cell(table, TABLE_PLAIN, "more of it");
	text = print(table, &look);
	cr_expect_str_eq(text, "NAME              N\n"
			       "  TEXT\n"
			       "eth0              7\n"
			       "  short\n"
			       "longest-name  12345\n"
			       "  a longer text\n"
			       "  more of it\n");
	free(text);
	look.width = 34;
	text = print(table, &look);
	cr_expect_str_eq(text, "NAME              N  TEXT\n"
			       "eth0              7  short\n"
			       "longest-name  12345  a longer text\n"
			       "                     more of it\n");
	free(text);
	table_destroy(table);
}

Test(table, fits_exactly)
{
	struct table_look look = {.width = 34};

	expect(&look, "NAME              N  TEXT\n"
		      "eth0              7  short\n"
		      "longest-name  12345  a longer text\n");
}

Test(table, coloured)
{
	struct table_look look = {.colour = true};

	expect(&look, "\033[1mNAME              N  TEXT\033[0m\n"
		      "eth0              7  \033[32mshort\033[0m\n"
		      "longest-name  12345  \033[31ma longer text\033[0m\n");
}

Test(table, no_cursor_moves_and_no_blanks_at_the_end)
{
	struct table *table = table_create(columns, 3);
	struct table_look look = {0};
	char *text;

	table_cell(table, TABLE_PLAIN, "a\033[2Jb\n");
	table_cell(table, TABLE_PLAIN, "%s", "");
	table_cell(table, TABLE_PLAIN, "%s", "");
	text = print(table, &look);
	cr_expect_str_eq(text, "NAME     N  TEXT\na?[2Jb?\n");
	free(text);
	table_destroy(table);
}

Test(table, refuses_no_columns_and_too_many)
{
	cr_expect_null(table_create(columns, 0));
	cr_expect_null(table_create(columns, TABLE_COLUMNS_MAX + 1));
}

Test(table, as_wide_as_the_terminal_says_and_else_the_environment)
{
	int terminal = -1, inside = -1;
	struct winsize size = {.ws_row = 24, .ws_col = 61};
	FILE *out;

	cr_assert_eq(openpty(&terminal, &inside, NULL, NULL, &size), 0);
	out = fdopen(inside, "w");
	cr_assert(out);
	setenv("COLUMNS", "99", 1);
	cr_expect_eq(table_look_of(out).width, 61);
	size.ws_col = 0;
	cr_assert_eq(ioctl(terminal, TIOCSWINSZ, &size), 0);
	cr_expect_eq(table_look_of(out).width, 99);
	setenv("COLUMNS", "wide", 1);
	cr_expect_eq(table_look_of(out).width, 0);
	unsetenv("COLUMNS");
	fclose(out);
	close(terminal);
}

Test(table, plain_where_there_is_no_terminal)
{
	FILE *out = tmpfile();
	struct table_look look;

	cr_assert(out);
	look = table_look_of(out);
	cr_expect_not(look.colour);
	cr_expect_eq(look.width, 0);
	fclose(out);
}
