/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* rule_list.c - see rule_list.h. */
#include <inttypes.h>
#include <stdbool.h>

#include "rule_list.h"

#define COLUMN_MAX 100 /* a few long rules are not to push the comments of all aside */

struct widths {
	int column; /* where comments start */
	int packets, bytes;
	bool plural; /* somewhere it is "packets" */
};

static int digits(uint64_t number)
{
	int count = 1;

	while (number /= 10)
		count++;
	return count;
}

static void widen(int *width, size_t needed)
{
	if (needed <= COLUMN_MAX && (int)needed > *width)
		*width = (int)needed;
}

/* Of the rules with a comment; the others do not matter. */
static struct widths measure(const struct rule_set *set, const struct ifw_count *counts)
{
	struct widths widths = {0};
	char text[RULE_TEXT_MAX];

	for (size_t i = 0; counts && i < set->count; i++) {
		if (!counts[i].packets)
			continue;
		widen(&widths.column, rule_print(&set->rules[i], &set->names, text, sizeof(text)));
		widths.plural |= counts[i].packets != 1;
		widen(&widths.packets, (size_t)digits(counts[i].packets));
		widen(&widths.bytes, (size_t)digits(counts[i].bytes));
	}
	return widths;
}

void rule_list_print(FILE *out, const struct rule_set *set, const struct ifw_count *counts)
{
	const struct widths widths = measure(set, counts);
	char text[RULE_TEXT_MAX];

	for (size_t i = 0; i < set->count; i++) {
		uint64_t packets = counts ? counts[i].packets : 0;

		rule_print(&set->rules[i], &set->names, text, sizeof(text));
		if (packets)
			fprintf(out, "%-*s  # %*" PRIu64 " packet%s %*" PRIu64 " bytes\n",
				widths.column, text, widths.packets, packets,
				packets != 1	? "s,"
				: widths.plural ? ", "
						: ",",
				widths.bytes, (uint64_t)counts[i].bytes);
		else
			fprintf(out, "%s\n", text);
	}
}
