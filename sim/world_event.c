/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world_event.c - the world file's statement `after`, and what comes about by it.
 * Events are kept as text and read by the parser when they are due. That they can
 * be is found out at once, in a rehearsal.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "world_parse.h"

#define SECOND 1000000000ULL
#define SECONDS_MAX (10ULL * 366 * 24 * 3600)

void sim_world_clear_events(struct sim_world *world)
{
	while (world->events) {
		struct sim_event *next = world->events->next;

		free(world->events);
		world->events = next;
	}
	world->next_event = NULL;
	world->delay_ns = 0;
}

static int parse_wait(struct parser *p)
{
	uint64_t seconds = 0;

	if (parse_number(p, 1, SECONDS_MAX, "a number of seconds", &seconds) != 0)
		return -EINVAL;
	p->world->delay_ns += seconds * SECOND;
	return parse_expect_end(p);
}

static int parse_event(struct parser *p)
{
	struct word word = scan_word(&p->scan);

	if (word_is(word, "socket"))
		return parse_socket(p);
	if (word_is(word, "close"))
		return parse_close(p);
	if (word_is(word, "set"))
		return parse_set(p);
	if (word_is(word, "track"))
		return parse_track(p);
	if (word_is(word, "wait"))
		return parse_wait(p);
	return scan_error(&p->scan, word,
			  word.len ? WORD_FORMAT " cannot come later (socket, close, set, track or "
						 "wait can)"
				   : "what comes then is missing%.*s (socket, close, set, track or "
				     "wait)",
			  WORD_ARG(word));
}

static int come_about(struct sim_world *world, const struct sim_event *event, diagnose_fn diagnose,
		      void *arg)
{
	struct parser p = {
		.scan = {.line = event->text,
			 .line_end = event->text + event->end,
			 .source_end = event->text + event->size,
			 .at = event->text + event->at,
			 .number = event->line,
			 .diagnose = diagnose,
			 .arg = arg},
		.world = world,
		.event = true,
	};

	return parse_event(&p);
}

int sim_world_rehearse(struct sim_world *world, const char *text, size_t size, diagnose_fn diagnose,
		       void *arg)
{
	struct sim_world *other;
	int error, failed = 0;

	world->next_event = world->events;
	if (sim_world_create(&other) != 0)
		return -ENOMEM;
	other->rehearses = true;
	error = sim_world_parse(other, text, size, NULL, NULL);
	for (const struct sim_event *e = other->events; e && !error; e = e->next) {
		int one = come_about(other, e, diagnose, arg);

		if (one == -EINVAL)
			failed = one; /* the others may be wrong, too */
		else
			error = one;
	}
	sim_world_destroy(other);
	return error ? error : failed;
}

int sim_world_pass_packet(struct sim_world *world, uint64_t number)
{
	int error = 0;

	while (!error && world->next_event && world->next_event->packet <= number) {
		error = come_about(world, world->next_event, NULL, NULL);
		world->next_event = world->next_event->next;
	}
	return error;
}

uint64_t sim_world_delay(const struct sim_world *world)
{
	return world->delay_ns;
}

/* "3" or "3:". */
static int parse_place(struct parser *p, uint64_t *packet)
{
	struct word word = scan_word(&p->scan);

	if (!word_is(word, "packet"))
		return scan_error(&p->scan, word, "expected packet");
	word = scan_word(&p->scan);
	if (word.len && word.text[word.len - 1] == ':')
		word.len--;
	return parse_number_word(p, word, 1, INT64_MAX, "the number of a packet", packet);
}

int parse_after(struct parser *p)
{
	const size_t size = (size_t)(p->scan.source_end - p->scan.line);
	struct sim_event *event, **last = &p->world->events;
	struct word word;
	uint64_t packet = 0;

	word = scan_peek(&p->scan);
	if (parse_place(p, &packet) != 0)
		return -EINVAL;
	while (*last && (*last)->next)
		last = &(*last)->next;
	if (*last && (*last)->packet > packet)
		return scan_error(&p->scan, word, "what comes after packet %llu stands above",
				  (unsigned long long)(*last)->packet);
	if (*last)
		last = &(*last)->next;
	event = calloc(1, sizeof(*event) + size + 1);
	if (!event)
		return -ENOMEM;
	event->packet = packet;
	event->line = p->scan.number;
	event->at = (size_t)(p->scan.at - p->scan.line);
	event->end = (size_t)(p->scan.line_end - p->scan.line);
	event->size = size;
	memcpy(event->text, p->scan.line, size);
	*last = event;
	return 0;
}
