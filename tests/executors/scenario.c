/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* scenario.c - see scenario.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

#define PATH_SIZE 512

static FILE *open_file(struct scenario *scenario, const char *folder, const char *name)
{
	char path[PATH_SIZE];
	FILE *file = NULL;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path))
		file = fopen(path, "re");
	if (!file)
		snprintf(scenario->why, sizeof(scenario->why), "%s: %s", name, strerror(errno));
	return file;
}

/* Terminated. */
static int read_text(struct scenario *scenario, const char *folder, const char *name, char **text,
		     size_t *size)
{
	FILE *file = open_file(scenario, folder, name);
	size_t room = 0;

	*text = NULL;
	*size = 0;
	if (!file)
		return -ENOENT;
	do {
		char *grown = realloc(*text, room += 4096);

		if (!grown) {
			fclose(file);
			return -ENOMEM;
		}
		*text = grown;
		*size += fread(*text + *size, 1, room - *size - 1, file);
	} while (!feof(file) && !ferror(file));
	(*text)[*size] = '\0';
	fclose(file);
	return 0;
}

static void note(void *arg, const struct diagnostic *d)
{
	struct scenario *scenario = arg;

	if (d->severity == SEVERITY_ERROR && !scenario->why[0])
		snprintf(scenario->why, sizeof(scenario->why), "line %u: %s", d->line, d->message);
}

static int read_world(struct scenario *scenario, const char *folder)
{
	char *text;
	size_t size;
	int err = read_text(scenario, folder, "world", &text, &size);

	if (!err)
		err = sim_world_create(&scenario->world);
	if (!err)
		err = sim_world_parse(scenario->world, text, size, note, scenario);
	free(text);
	if (err)
		return err;
	err = read_text(scenario, folder, "rules", &text, &size);
	if (!err)
		err = sim_world_parse_rules(scenario->world, text, size, note, scenario);
	free(text);
	return err;
}

int scenario_open(const char *folder, struct scenario *scenario)
{
	char message[CAPTURE_MESSAGE_MAX];
	size_t size;
	FILE *file;
	int err;

	*scenario = (struct scenario){};
	err = read_world(scenario, folder);
	if (!err)
		err = read_text(scenario, folder, "expect", &scenario->expect, &size);
	scenario->rest = scenario->expect;
	if (err)
		return err;
	file = open_file(scenario, folder, "packets.pcap");
	if (!file)
		return -ENOENT;
	err = capture_open(file, &scenario->capture, message);
	if (err)
		snprintf(scenario->why, sizeof(scenario->why), "%s", message);
	return err;
}

void scenario_close(struct scenario *scenario)
{
	capture_close(scenario->capture);
	sim_world_destroy(scenario->world);
	free(scenario->expect);
	*scenario = (struct scenario){};
}

int scenario_next(struct scenario *scenario, struct sim_frame *frame)
{
	char message[CAPTURE_MESSAGE_MAX] = "the capture has fewer packets than expected";
	char *line = strsep(&scenario->rest, "\n"), *last;
	struct capture_packet packet;
	const char *iface;

	if (!line || !line[0])
		return 0;
	if (capture_next(scenario->capture, &packet, message) <= 0) {
		snprintf(scenario->why, sizeof(scenario->why), "%s", message);
		return -EINVAL;
	}
	strsep(&line, "\t"); /* its number */
	iface = strsep(&line, "\t");
	last = line ? strrchr(line, '\t') : NULL;
	if (!iface || !last) {
		snprintf(scenario->why, sizeof(scenario->why), "a line of expect is cut off");
		return -EINVAL;
	}
	*frame = (struct sim_frame){
		.data = packet.data,
		.length = packet.captured,
		.ifindex = sim_world_ifindex(scenario->world, iface),
		.time_ns = packet.time_ns,
		.direction = strcmp(last + 1, "out") == 0 ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN,
	};
	return 1;
}
