/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_cli_nearest.c - what somebody meant who typed something else. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/nearest.h"

static const char *meant(const char *typed)
{
	static const char *const words[] = {"up",    "down",	"rule", "run",
					    "iface", "explain", "check"};
	struct nearest nearest = {.typed = typed};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		nearest_try(&nearest, words[i]);
	return nearest.found ? nearest.found : "";
}

Test(nearest, one_letter_in_three)
{
	cr_expect_str_eq(meant("rul"), "rule");
	cr_expect_str_eq(meant("rlue"), "rule");
	cr_expect_str_eq(meant("rules"), "rule");
	cr_expect_str_eq(meant("ifcae"), "iface");
	cr_expect_str_eq(meant("explian"), "explain");
	cr_expect_str_eq(meant("expalin"), "explain");
	cr_expect_str_eq(meant("donw"), "down");
	cr_expect_str_eq(meant("upp"), "up");
}

Test(nearest, nothing_where_nothing_is_near)
{
	cr_expect_str_eq(meant(""), "");
	cr_expect_str_eq(meant("x"), "");
	cr_expect_str_eq(meant("monitor"), "");
	cr_expect_str_eq(meant("explainexplainexplainexplainexplain"), "");
}

Test(nearest, in_words)
{
	struct nearest nearest = {.typed = "hok"};
	char text[NEAREST_TEXT_MAX];

	cr_expect_str_eq(nearest_text(&nearest, "--", text), "");
	nearest_try(&nearest, "hook");
	cr_expect_str_eq(nearest_text(&nearest, "--", text), ": did you mean '--hook'?");
}
