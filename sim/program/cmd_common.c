/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_common.c - see cmd.h: files, the world, and a decision in words.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/diagnose.h"
#include "sim/compare/boundary.h"
#include "cmd.h"
#include "sim/capture/replay.h"
#include "sim/state/state.h"
#include "sim/world.h"

#define TEXT_FIRST (64UL * 1024)       /* bytes read at first; doubled as needed */
#define TEXT_MAX (256UL * 1024 * 1024) /* far above what the largest set needs */

int cmd_fail(enum exit_status status, const char *format, ...)
{
	va_list args;

	fputs(PROGRAM ": ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return (int)status;
}

int cmd_finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	return cmd_fail(STATUS_REFUSED, "cannot write to standard output: %s", strerror(errno));
}

/* --- Files ------------------------------------------------------------------ */

FILE *cmd_open(const char *path, int *status)
{
	FILE *file;

	if (strcmp(path, "-") == 0)
		return stdin;
	file = fopen(path, "re");
	if (file)
		return file;
	*status = errno == ENOENT || errno == ENOTDIR ? STATUS_BAD_INPUT : STATUS_REFUSED;
	cmd_fail(STATUS_BAD_INPUT, "cannot open '%s': %s", path, strerror(errno));
	return NULL;
}

static void close_file(FILE **file)
{
	if (*file && *file != stdin)
		fclose(*file);
}

static void free_text(char **text)
{
	free(*text);
}

int cmd_read(const char *path, char **text, size_t *size)
{
	int status = STATUS_DONE;
	FILE *file __attribute__((cleanup(close_file))) = cmd_open(path, &status);
	char *buffer __attribute__((cleanup(free_text))) = NULL;
	size_t room = 0, used = 0;

	if (!file)
		return status;
	do {
		if (used == room) {
			char *larger;

			room = room ? room * 2 : TEXT_FIRST;
			larger = room <= TEXT_MAX ? realloc(buffer, room) : NULL;
			if (!larger)
				return cmd_fail(STATUS_REFUSED, "'%s' is too large", path);
			buffer = larger;
		}
		used += fread(buffer + used, 1, room - used, file);
		if (ferror(file))
			return cmd_fail(errno == EISDIR ? STATUS_BAD_INPUT : STATUS_REFUSED,
					"cannot read '%s': %s", path, strerror(errno));
	} while (!feof(file));
	*text = buffer;
	*size = used;
	buffer = NULL;
	return STATUS_DONE;
}

/* --- The world ------------------------------------------------------------- */

static int load_world(struct sim_world *world, const char *path)
{
	struct diagnose_to to = {.stream = stderr, .program = PROGRAM, .file = path};
	char *text __attribute__((cleanup(free_text))) = NULL;
	size_t size = 0;
	int status = cmd_read(path, &text, &size), error;

	if (status)
		return status;
	error = sim_world_parse(world, text, size, diagnose_print, &to);
	if (error == -ENOMEM)
		return cmd_fail(STATUS_REFUSED, "out of memory");
	return error ? STATUS_BAD_INPUT : STATUS_DONE;
}

static int take_rules(struct sim_world *world, const char *path, const char *text, size_t size,
		      diagnose_fn diagnose)
{
	struct diagnose_to to = {.stream = stderr, .program = PROGRAM, .file = path};
	int error = sim_world_parse_rules(world, text, size, diagnose, &to);

	if (error == -EINVAL)
		return STATUS_BAD_INPUT;
	if (error == -E2BIG)
		return cmd_fail(STATUS_BAD_INPUT,
				"'%s' uses too many different pairs of prefix lengths", path);
	return error ? cmd_fail(STATUS_REFUSED, "cannot take the rules of '%s': %s", path,
				strerror(-error))
		     : STATUS_DONE;
}

static int load_rules(struct sim_world *world, const char *path)
{
	char *text __attribute__((cleanup(free_text))) = NULL;
	size_t size = 0;
	int status = cmd_read(path, &text, &size);

	return status ? status : take_rules(world, path, text, size, diagnose_print);
}

/* The rules are read once for what they name and then into the world made of that. */
static int make_world(struct sim_world *world, const char *path, char **made_up)
{
	char *text __attribute__((cleanup(free_text))) = NULL;
	size_t size = 0;
	int status = cmd_read(path, &text, &size);

	if (!status)
		status = take_rules(world, path, text, size, diagnose_print);
	if (status)
		return status;
	*made_up = boundary_world(sim_world_rules(world));
	sim_world_clear(world);
	if (!*made_up || sim_world_parse(world, *made_up, strlen(*made_up), NULL, NULL) != 0)
		return cmd_fail(STATUS_REFUSED, "no world could be made of '%s'", path);
	return take_rules(world, path, text, size, NULL); /* all has been said */
}

static int load_state(struct sim_world *world, const char *path)
{
	char *text __attribute__((cleanup(free_text))) = NULL, message[STATE_MESSAGE_MAX];
	size_t size = 0;
	int status = cmd_read(path, &text, &size), error;

	if (status)
		return status;
	error = state_read(world, text, size, message);
	if (error == -EINVAL)
		return cmd_fail(STATUS_BAD_INPUT, "'%s' is no state: %s", path, message);
	return error ? cmd_fail(STATUS_REFUSED, "cannot take the state '%s': %s", path,
				strerror(-error))
		     : STATUS_DONE;
}

int cmd_load_host(struct sim_world *world, const struct options *options)
{
	return options->state ? load_state(world, options->state)
			      : load_world(world, options->world);
}

/* Other rules than the state's: what if? */
static int load_all(struct sim_world *world, const struct options *options)
{
	int status = cmd_load_host(world, options);

	return !status && options->rules ? load_rules(world, options->rules) : status;
}

int cmd_no_interface(const struct options *options)
{
	return cmd_fail(STATUS_BAD_INPUT, "'%s' has no interface, so no packet comes",
			options->state ? options->state : options->world);
}

int cmd_find_interface(const struct sim_world *world, const struct options *options,
		       uint32_t *ifindex)
{
	const char *host = options->state ? options->state : options->world;
	const char *name = options->in ? options->in : options->out;

	*ifindex = name ? sim_world_ifindex(world, name) : sim_world_first_ifindex(world);
	if (*ifindex)
		return STATUS_DONE;
	if (name)
		return cmd_fail(STATUS_BAD_INPUT, "'%s' has no interface '%s'", host, name);
	return cmd_fail(STATUS_BAD_INPUT, "'%s' has no interface", host);
}

int cmd_load(const struct options *options, struct sim_world **out, uint32_t *ifindex)
{
	struct sim_world *world;
	int status;

	if (sim_world_create(&world) != 0)
		return cmd_fail(STATUS_REFUSED, "out of memory");
	status = load_all(world, options);
	if (!status)
		status = cmd_find_interface(world, options, ifindex);
	if (status)
		sim_world_destroy(world);
	else
		*out = world;
	return status;
}

void cmd_undecided(struct undecided *undecided, const struct replay_packet *packet)
{
	char where[REPLAY_WHERE_MAX];

	if (packet->fate == REPLAY_ELSEWHERE) {
		if (undecided->elsewhere++ == 0)
			fprintf(stderr,
				PROGRAM ": packet %" PRIu64 ": captured on %s, which the world "
					"does not have, so it is not decided (--in and --out say "
					"where packets are to be decided)\n",
				packet->number, replay_elsewhere(packet, where));
		return;
	}
	if (undecided->cut++ == 0)
		cmd_fail(STATUS_BAD_INPUT,
			 "packet %" PRIu64 ": only %" PRIu32 " of its %" PRIu32
			 " bytes were captured, so it is not decided; capture whole "
			 "packets (tcpdump -s 0)",
			 packet->number, packet->captured->captured, packet->captured->length);
}

int cmd_undecided_end(const struct undecided *undecided, uint64_t decided, const char *path)
{
	const uint64_t elsewhere = undecided->elsewhere, cut = undecided->cut;
	const bool nothing = !decided && !cut;

	if (elsewhere)
		fprintf(stderr,
			PROGRAM ": %s: %" PRIu64 " packet%s of interfaces that the world does not "
				"have %s not decided%s\n",
			path, elsewhere, elsewhere == 1 ? "" : "s", elsewhere == 1 ? "was" : "were",
			nothing ? ", and no other is there" : "");
	if (cut)
		return cmd_fail(STATUS_BAD_INPUT, "%s: %" PRIu64 " packet%s not decided", path, cut,
				cut == 1 ? " was" : "s were");
	return elsewhere && nothing ? STATUS_BAD_INPUT : STATUS_DONE;
}

int cmd_load_or_make(const struct options *options, struct sim_world **out, char **made_up)
{
	uint32_t ifindex;
	int status;

	if (options->world || options->state)
		return cmd_load(options, out, &ifindex);
	if (sim_world_create(out) != 0)
		return cmd_fail(STATUS_REFUSED, "out of memory");
	status = make_world(*out, options->rules, made_up);
	if (!status)
		return STATUS_DONE;
	sim_world_destroy(*out);
	*out = NULL;
	return status;
}
