/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenario_fixture.h - the scenarios of fixtures/, as files that the build has
 * written, for tests that put each through the simulator.
 *
 * SCENARIO_DIR in the environment names another folder of scenarios.
 */
#ifndef IFW_TESTS_SCENARIO_FIXTURE_H
#define IFW_TESTS_SCENARIO_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "ruleset/grammar.h"
#include "sim/capture/capture.h"
#include "sim/sim.h"

#define NAME_SIZE 96
#define EXPECT_FIELDS 8

static inline __attribute__((unused)) const char *scenario_dir(void)
{
	const char *dir = getenv("SCENARIO_DIR");

	return dir ? dir : SCENARIO_DIR;
}

/* --- The files of a scenario ----------------------------------------------- */

struct text {
	char *bytes; /* terminated */
	size_t size;
};

static inline __attribute__((unused)) struct text read_text(const char *scenario, const char *name)
{
	struct text text = {};
	char *path = NULL;
	size_t room = 0;
	FILE *file;

	cr_assert(asprintf(&path, "%s/%s/%s", scenario_dir(), scenario, name) > 0);
	file = fopen(path, "re");
	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	do {
		if (text.size + 1 >= room) {
			room = room ? 2 * room : 4096;
			text.bytes = realloc(text.bytes, room);
			cr_assert_not_null(text.bytes);
		}
		text.size += fread(text.bytes + text.size, 1, room - text.size - 1, file);
	} while (!feof(file) && !ferror(file));
	cr_assert(!ferror(file), "%s: cannot be read", path);
	text.bytes[text.size] = '\0';
	fclose(file);
	free(path);
	return text;
}

/* One line of "expect"; the fields point into it. */
struct expect {
	const char *number;
	const char *iface;
	const char *verdict;
	const char *reason;
	const char *assigned;
	const char *rule;
	const char *marked;
	const char *direction;
};

/* Takes the next line off *rest; false at its end. */
static inline __attribute__((unused)) bool next_expect(const char *scenario, char **rest,
						       struct expect *expect)
{
	char *line = strsep(rest, "\n"), *field[EXPECT_FIELDS];

	if (!line || !line[0])
		return false;
	for (int i = 0; i < EXPECT_FIELDS; i++) {
		field[i] = strsep(&line, "\t");
		cr_assert_not_null(field[i], "%s/expect: field %d is missing", scenario, i + 1);
	}
	cr_assert_null(line, "%s/expect: more than %d fields", scenario, EXPECT_FIELDS);
	*expect = (struct expect){field[0], field[1], field[2], field[3],
				  field[4], field[5], field[6], field[7]};
	return true;
}

static inline __attribute__((unused)) void report(void *arg, const struct diagnostic *d)
{
	/* Whether it is accepted is the return value's business; why not is said here. */
	if (d->severity == SEVERITY_ERROR)
		fprintf(stderr, "%s:%u:%u: %s\n", (const char *)arg, d->line, d->column,
			d->message);
}

static inline __attribute__((unused)) struct sim_world *read_world(const char *scenario)
{
	struct text text = read_text(scenario, "world");
	struct sim_world *world;

	cr_assert_eq(sim_world_create(&world), 0);
	cr_assert_eq(sim_world_parse(world, text.bytes, text.size, report, "world"), 0,
		     "%s: the world is refused", scenario);
	free(text.bytes);
	return world;
}

static inline __attribute__((unused)) struct rule_set
read_rules(const char *scenario, struct sim_world *world, struct text text)
{
	struct rule_set set = {.names = *sim_world_names(world)};

	cr_assert_eq(grammar_parse_set(text.bytes, text.size, &set, report, "rules"), 0,
		     "%s: the rules are refused", scenario);
	cr_assert_eq(sim_world_set_rules(world, &set), 0, "%s: the rules are not taken", scenario);
	return set;
}

static inline __attribute__((unused)) struct capture *open_packets(const char *scenario)
{
	char message[CAPTURE_MESSAGE_MAX] = "";
	struct capture *capture;
	char *path = NULL;
	FILE *file;

	cr_assert(asprintf(&path, "%s/%s/packets.pcap", scenario_dir(), scenario) > 0);
	file = fopen(path, "re");
	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	cr_assert_eq(capture_open(file, &capture, message), 0, "%s: %s", path, message);
	free(path);
	return capture;
}

static inline __attribute__((unused)) struct sim_frame frame_of(const char *scenario,
								const struct sim_world *world,
								const struct expect *expect,
								const struct capture_packet *packet)
{
	const struct sim_frame frame = {
		.data = packet->data,
		.length = packet->captured,
		.ifindex = sim_world_ifindex(world, expect->iface),
		.time_ns = packet->time_ns,
		.direction = strcmp(expect->direction, "out") == 0 ? IFW_DIRECTION_OUT
								   : IFW_DIRECTION_IN,
	};

	cr_assert_neq(frame.ifindex, 0, "%s, packet %s: no interface %s", scenario, expect->number,
		      expect->iface);
	return frame;
}

/* --- All of them ------------------------------------------------------------- */

struct scenario_name {
	char text[NAME_SIZE]; /* in place: parameters cross over into another process */
};

static inline __attribute__((unused)) int is_scenario(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Names in order; 0 where the folder is missing, too. */
static inline __attribute__((unused)) size_t list_scenarios(struct scenario_name **names)
{
	struct dirent **entries = NULL;
	int count = scandir(scenario_dir(), &entries, is_scenario, alphasort);
	size_t listed = 0;

	if (count <= 0)
		return 0;
	*names = calloc((size_t)count, sizeof(**names));
	for (int i = 0; i < count; i++) {
		size_t size = strlen(entries[i]->d_name) + 1;

		/* One that is too long would be missed; the end counts on all. */
		if (*names && size <= NAME_SIZE)
			memcpy((*names)[listed++].text, entries[i]->d_name, size);
		free(entries[i]);
	}
	free(entries);
	return listed == (size_t)count ? listed : 0;
}

/* What ParameterizedTestParameters of a test of each scenario answers. */
static inline struct criterion_test_params each_scenario(void)
{
	struct scenario_name *names = NULL, *shared;
	size_t count = list_scenarios(&names);

	/* Criterion hands its own memory to the processes that tests run in. */
	shared = cr_calloc(count ? count : 1, sizeof(*shared));
	if (!shared)
		count = 0;
	for (size_t i = 0; i < count; i++)
		shared[i] = names[i];
	free(names);
	return cr_make_param_array(struct scenario_name, shared, count);
}

#endif /* IFW_TESTS_SCENARIO_FIXTURE_H */
