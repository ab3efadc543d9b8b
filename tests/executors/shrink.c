/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* shrink.c - see shrink.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shrink.h"

#define TRIES_MAX 600

struct shrink {
	struct house *house;
	struct episode *episode;
	struct finding *finding;
	struct failure *failure;
	unsigned int tries;
	int err;
};

/* Of the same kind: it begins with the same words. */
static bool is_like(const struct finding *one, const struct finding *other)
{
	const size_t words = strcspn(one->text, ":0123456789");

	return strncmp(one->text, other->text, words) == 0;
}

static bool still_differs(struct shrink *s)
{
	struct finding finding;

	if (s->err || ++s->tries > TRIES_MAX)
		return false;
	s->err = check_episode(s->house, s->episode, NULL, &finding, s->failure);
	if (s->err || !finding.found || !is_like(&finding, s->finding))
		return false;
	*s->finding = finding;
	return true;
}

/* --- Packets ------------------------------------------------------------------------------ */

/* Without count packets from first on; what time passes before them passes all the same. */
static bool try_without(struct shrink *s, uint32_t first, uint32_t count)
{
	struct episode *e = s->episode;
	const size_t size = e->count * sizeof(*e->packets);
	struct episode_packet *before = malloc(size + 1);
	const uint32_t number = e->count;
	uint64_t wait = 0;

	if (!before)
		return false;
	memcpy(before, e->packets, size);
	for (uint32_t i = first; i < first + count; i++)
		wait += e->packets[i].wait_ns;
	memmove(e->packets + first, e->packets + first + count,
		(e->count - first - count) * sizeof(*e->packets));
	e->count -= count;
	if (first < e->count && first > 0)
		e->packets[first].wait_ns += wait;
	if (!still_differs(s)) {
		memcpy(e->packets, before, size);
		e->count = number;
		free(before);
		return false;
	}
	free(before);
	return true;
}

static void drop_packets(struct shrink *s)
{
	struct episode *e = s->episode;

	if (s->finding->packet + 1 < e->count)
		(void)try_without(s, s->finding->packet + 1, e->count - s->finding->packet - 1);
	for (uint32_t chunk = (e->count + 1) / 2; chunk; chunk /= 2) {
		for (uint32_t end = e->count; end > 0;) {
			const uint32_t size = end < chunk ? end : chunk;

			end -= size;
			if (size < e->count)
				(void)try_without(s, end, size);
		}
	}
	for (uint32_t i = 0; i < e->count; i++) {
		const uint64_t wait = e->packets[i].wait_ns;

		e->packets[i].wait_ns = 0;
		if (wait && !still_differs(s))
			e->packets[i].wait_ns = wait;
	}
}

/* --- Rules and settings --------------------------------------------------------------------- */

/* Each line that starts with one of the words (NULL: each) goes, if nothing depends on it. */
static void drop_lines(struct shrink *s, char *text, const char *word, const char *other)
{
	char *line = text;

	while (*line) {
		char *end = strchr(line, '\n'), kept[EPISODE_TEXT_MAX];

		end = end ? end + 1 : line + strlen(line);
		if (word && strncmp(line, word, strlen(word)) != 0 &&
		    strncmp(line, other, strlen(other)) != 0) {
			line = end;
			continue;
		}
		memcpy(kept, text, strlen(text) + 1);
		memmove(line, end, strlen(end) + 1);
		if (still_differs(s))
			continue;
		memcpy(text, kept, strlen(kept) + 1);
		line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n');
	}
}

/* --- Bytes ------------------------------------------------------------------------------------ */

/* Payload off the end, by halves. */
static void cut_frames(struct shrink *s)
{
	struct episode *e = s->episode;

	for (uint32_t i = 0; i < e->count; i++) {
		for (uint32_t less = e->packets[i].length / 2; less; less /= 2) {
			while (e->packets[i].length > less + 20) {
				e->packets[i].length -= less;
				if (still_differs(s))
					continue;
				e->packets[i].length += less;
				break;
			}
		}
	}
}

int shrink_episode(struct house *house, struct episode *episode, struct finding *finding,
		   struct failure *failure)
{
	struct shrink s = {
		.house = house, .episode = episode, .finding = finding, .failure = failure};

	if (!still_differs(&s)) {
		if (!s.err)
			printf("  it does not show a second time; all of it is kept\n");
		return s.err;
	}
	drop_packets(&s);
	drop_lines(&s, episode->rules, NULL, NULL);
	drop_lines(&s, episode->world, "set ", "track ");
	drop_packets(&s);
	cut_frames(&s);
	if (!s.err) /* the last try may have been one that did not differ */
		s.tries = 0;
	(void)still_differs(&s);
	return s.err;
}
