/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* nearest.c - see nearest.h. */
#include <stdio.h>
#include <string.h>

#include "nearest.h"

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Letters to put in, take out or change, or neighbours to change over (Damerau, Levenshtein). */
static unsigned int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int rows[NEAREST_LENGTH_MAX + 1][NEAREST_LENGTH_MAX + 1];

	for (size_t i = 0; i <= a_len; i++) {
		for (size_t j = 0; j <= b_len; j++) {
			if (!i || !j) {
				rows[i][j] = (unsigned int)(i + j);
				continue;
			}
			rows[i][j] = least(rows[i - 1][j], rows[i][j - 1]) + 1;
			rows[i][j] = least(rows[i][j], rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
		}
	}
	return rows[a_len][b_len];
}

void nearest_try(struct nearest *nearest, const char *word)
{
	size_t typed = strlen(nearest->typed), len = strlen(word);
	unsigned int away;

	if (!typed || typed > NEAREST_LENGTH_MAX || len > NEAREST_LENGTH_MAX)
		return;
	away = distance(nearest->typed, typed, word, len);
	if (away > (typed + 2) / 3 || away >= len || (nearest->found && away >= nearest->distance))
		return;
	nearest->found = word;
	nearest->distance = away;
}

const char *nearest_text(const struct nearest *nearest, const char *dashes, char *text)
{
	*text = '\0';
	if (nearest->found)
		snprintf(text, NEAREST_TEXT_MAX, ": did you mean '%s%s'?", dashes, nearest->found);
	return text;
}
