/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * answers.c - the simulator for the oracle's questions: one process for many
 * worlds, packets of several interfaces in both directions, rules that change
 * on the way. Lines on stdin:
 *
 *   world BYTES            a new world; that many bytes follow
 *   rules BYTES            its rules, in place of the former
 *   packet IFACE in|out NANOSECONDS MARK SEGMENTS TAGS HEX
 *   end
 *
 * On stdout a line for each packet: VERDICT REASON RULE ASSIGNED MARK (RULE is its
 * order number, 0: none; ASSIGNED - for nothing), or `fault TEXT`; and `end` for
 * `end`, after which what was said is written out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/grammar.h"
#include "sim/sim.h"

#define FRAME_MAX 65536

struct answers {
	struct sim_world *world;
	char *line;
	size_t room;
	uint8_t frame[FRAME_MAX];
};

static void finish(struct answers *a)
{
	sim_world_destroy(a->world);
	free(a->line);
}

static void free_text(char **text)
{
	free(*text);
}

static int fail(const char *what)
{
	fprintf(stderr, "answers: %s\n", what);
	return -EINVAL;
}

static void diagnose(void *arg, const struct diagnostic *d)
{
	(void)arg;
	if (d->severity == SEVERITY_ERROR)
		fprintf(stderr, "answers: %u:%u: %s\n", d->line, d->column, d->message);
}

/* The bytes that a line announces; to be freed. NULL: they are not there. */
static char *read_text(const char *number, size_t *size)
{
	char *end, *text;

	*size = strtoul(number, &end, 10);
	if (*end || end == number || *size > 1U << 24)
		return NULL;
	text = malloc(*size + 1);
	if (text && fread(text, 1, *size, stdin) != *size) {
		free(text);
		return NULL;
	}
	return text;
}

static int read_world(struct answers *a, const char *number)
{
	char *text __attribute__((cleanup(free_text))) = NULL;
	size_t size;

	text = read_text(number, &size);
	if (!text)
		return fail("the world is cut short");
	sim_world_destroy(a->world);
	a->world = NULL;
	if (sim_world_create(&a->world) != 0)
		return fail("out of memory");
	if (sim_world_parse(a->world, text, size, diagnose, NULL) != 0)
		return fail("the world is refused");
	return 0;
}

static int read_rules(struct answers *a, const char *number)
{
	struct rule_set set __attribute__((cleanup(rule_set_clear))) = {};
	char *text __attribute__((cleanup(free_text))) = NULL;
	size_t size;

	text = read_text(number, &size);
	if (!text || !a->world)
		return fail("the rules are cut short, or before their world");
	set.names = *sim_world_names(a->world);
	if (grammar_parse_set(text, size, &set, diagnose, NULL) != 0)
		return fail("the rules are refused");
	if (sim_world_set_rules(a->world, &set) != 0)
		return fail("the rules are not taken");
	return 0;
}

static int read_hex(struct answers *a, const char *hex, size_t *length)
{
	static const char digits[] = "0123456789abcdef";

	for (*length = 0; hex[0]; hex += 2) {
		const char *high = strchr(digits, hex[0]), *low = strchr(digits, hex[1]);

		if (!hex[1] || !high || !low || *length == FRAME_MAX)
			return fail("the frame is no hex, or too long");
		a->frame[(*length)++] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return 0;
}

static const char *assigned_name(uint8_t assigned)
{
	if (assigned == IFW_ASSIGNED_NONE)
		return "-";
	return assigned == IFW_ASSIGNED_LISTENER ? "listener" : "established";
}

static int decide(struct answers *a, char *rest)
{
	const char *iface = strsep(&rest, " "), *direction = strsep(&rest, " ");
	const char *time = strsep(&rest, " "), *mark = strsep(&rest, " ");
	const char *segments = strsep(&rest, " "), *tags = strsep(&rest, " ");
	struct sim_frame frame = {.data = a->frame};
	struct sim_result result;
	int error;

	if (!rest || !a->world)
		return fail("packet: IFACE in|out NANOSECONDS MARK SEGMENTS TAGS HEX, in a world");
	frame.ifindex = sim_world_ifindex(a->world, iface);
	frame.time_ns = strtoull(time, NULL, 10);
	frame.mark = (uint32_t)strtoul(mark, NULL, 10);
	frame.gso_segs = (uint32_t)strtoul(segments, NULL, 10);
	frame.tags = (uint32_t)strtoul(tags, NULL, 10);
	if (strcmp(direction, "out") == 0)
		frame.direction = IFW_DIRECTION_OUT;
	if (!frame.ifindex)
		return fail("the world has no such interface");
	if (read_hex(a, rest, &frame.length) != 0)
		return -EINVAL;
	error = sim_decide(a->world, &frame, &result);
	if (error)
		printf("fault %s\n", error == -EPROTO ? result.violation : strerror(-error));
	else
		printf("%s %s %" PRIu32 " %s %#" PRIx32 "\n",
		       result.decision.verdict == IFW_VERDICT_PASS ? "pass" : "drop",
		       ifw_reason_info(result.decision.reason)->name, result.decision.rule,
		       assigned_name(result.decision.assigned), result.mark);
	return 0;
}

static int answer(struct answers *a, char *line)
{
	const char *what = strsep(&line, " ");

	if (strcmp(what, "end") == 0) {
		puts("end");
		return fflush(stdout) == 0 ? 0 : -errno;
	}
	if (!line)
		return fail("a line without its words");
	if (strcmp(what, "packet") == 0)
		return decide(a, line);
	if (strcmp(what, "world") == 0)
		return read_world(a, line);
	if (strcmp(what, "rules") == 0)
		return read_rules(a, line);
	return fail("an unknown line");
}

int main(void)
{
	static struct answers a;
	int error = 0;
	ssize_t size;

	while (!error && (size = getline(&a.line, &a.room, stdin)) > 0) {
		if (a.line[size - 1] == '\n')
			a.line[size - 1] = '\0';
		error = answer(&a, a.line);
	}
	finish(&a);
	return error ? 1 : 0;
}
