/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_diff_capture.c - `ifw-sim diff --rules OLD --rules NEW CAPTURE`: the packets of a
 * capture in two worlds side by side, each with its own memory of what came before.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "sim/compare/changes.h"
#include "cmd_compare.h"
#include "cmd_diff.h"
#include "cmd_progress.h"
#include "sim/capture/replay.h"

struct compare {
	const struct options *options;
	const char *path;
	struct compared compared;
	struct changes changes;
	struct progress progress;
	uint64_t packets; /* decided */
	struct undecided undecided;
};

/* --- Packet by packet -------------------------------------------------------------------- */

static int note_change(struct compare *compare, const struct asked asked[PROBE_WORLDS],
		       const struct replay_packet *packet)
{
	struct sim_world *world = compare->compared.worlds[0];
	char text[CMD_PACKET_MAX];
	struct change *change;
	bool is_new;
	int error = changes_add(&compare->changes, asked, sim_world_packet(world), packet->number,
				&change, &is_new);

	if (error || !is_new)
		return error;
	cmd_packet(world, packet->frame, text);
	change->text = strdup(text);
	return change->text ? 0 : -ENOMEM;
}

/* The first world has decided it already. */
static int decide_again(struct compare *compare, const struct replay_packet *packet)
{
	struct sim_result result;
	struct asked asked[PROBE_WORLDS] = {};
	int error = sim_decide(compare->compared.worlds[1], packet->frame, &result);

	if (error)
		return error;
	compare->packets++;
	asked[0] = asked_of(compare->compared.worlds[0], packet->result);
	asked[1] = asked_of(compare->compared.worlds[1], &result);
	if (memcmp(&asked[0].answer, &asked[1].answer, sizeof(asked[0].answer)) == 0)
		return 0;
	return note_change(compare, asked, packet);
}

static int on_packet(void *arg, const struct replay_packet *packet)
{
	struct compare *compare = arg;
	int error = 0;

	if (packet->position >= 0)
		progress_show(&compare->progress, packet->number, (uint64_t)packet->position);
	if (packet->fate == REPLAY_DECIDED)
		error = decide_again(compare, packet);
	else
		cmd_undecided(&compare->undecided, packet);
	return error ? error : sim_world_pass_packet(compare->compared.worlds[1], packet->number);
}

/* --- What came out ------------------------------------------------------------------------- */

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void print_change(const struct compare *compare, const struct change *change)
{
	char before[ANSWER_TEXT_MAX], after[ANSWER_TEXT_MAX];

	answer_text(&change->answers[0], before);
	answer_text(&change->answers[1], after);
	printf("\n%s -> %s: %" PRIu64 " packet%s", before, after, change->packets,
	       plural(change->packets));
	if (change->flows)
		printf(" of %" PRIu64 " flow%s", change->flows, plural(change->flows));
	printf("\n      %-8s packet %" PRIu64 ": %s\n", "example", change->first, change->text);
	for (size_t side = 0; side < PROBE_WORLDS; side++)
		cmd_diff_print_rule(&compare->compared, change->rules[side], side);
	for (size_t i = 0; i < change->top_count && change->flows > 1; i++)
		printf("      %-8s %s: %" PRIu64 " packet%s\n", i ? "" : "flows",
		       change->top[i].text, change->top[i].packets, plural(change->top[i].packets));
	if (change->flows > CHANGES_TOP)
		printf("      %-8s and %" PRIu64 " more\n", "", change->flows - CHANGES_TOP);
}

static void print_changes(const struct compare *compare)
{
	const struct changes *changes = &compare->changes;

	printf("%" PRIu64 " packet%s, %" PRIu64 " answered otherwise", compare->packets,
	       plural(compare->packets), changes->packets);
	if (changes->flows)
		printf(", of %s%" PRIu64 " flow%s", changes->flows_lost ? "more than " : "",
		       changes->flows, plural(changes->flows));
	putchar('\n');
	for (size_t i = 0; i < changes->count; i++)
		print_change(compare, &changes->list[i]);
}

static json_t *change_json(const struct compare *compare, const struct change *change)
{
	json_t *top = json_array();

	for (size_t i = 0; i < change->top_count; i++)
		json_array_append_new(top,
				      json_pack("{s:s, s:I}", "flow", change->top[i].text,
						"packets", (json_int_t)change->top[i].packets));
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o}", "packets", (json_int_t)change->packets,
		"bytes", (json_int_t)change->bytes, "flows", (json_int_t)change->flows, "packet",
		(json_int_t)change->first, "text", change->text, "before",
		cmd_diff_side_json(&compare->compared, &change->answers[0], change->rules[0], 0),
		"after",
		cmd_diff_side_json(&compare->compared, &change->answers[1], change->rules[1], 1),
		"top", top);
}

static int print_json(const struct compare *compare)
{
	const struct changes *changes = &compare->changes;
	json_t *list = json_array();

	for (size_t i = 0; i < changes->count; i++)
		json_array_append_new(list, change_json(compare, &changes->list[i]));
	return cmd_print_json(json_pack(
		"{s:b, s:I, s:I, s:I, s:b, s:I, s:I, s:o}", "changes", changes->count != 0,
		"packets", (json_int_t)compare->packets, "changed", (json_int_t)changes->packets,
		"flows", (json_int_t)changes->flows, "flows_lost", changes->flows_lost, "cut",
		(json_int_t)compare->undecided.cut, "elsewhere",
		(json_int_t)compare->undecided.elsewhere, "by", list));
}

static int conclude(struct compare *compare, int error, const char *message)
{
	int status;

	if (error)
		return cmd_fail(error == -EINVAL || error == -EPROTONOSUPPORT ? STATUS_BAD_INPUT
									      : STATUS_REFUSED,
				"%s: %s", compare->path, message[0] ? message : strerror(-error));
	changes_finish(&compare->changes);
	if (!compare->options->json)
		print_changes(compare);
	else if (print_json(compare) != 0)
		return cmd_fail(STATUS_REFUSED, "the changes could not be written");
	fflush(stdout);
	status = cmd_undecided_end(&compare->undecided, compare->packets, compare->path);
	if (!status)
		status = cmd_diff_expected(compare->options, compare->changes.count != 0);
	return cmd_finish(status);
}

static int play(struct compare *compare, FILE *file)
{
	const struct options *options = compare->options;
	const char *name = options->in ? options->in : options->out;
	const struct replay replay = {
		.world = compare->compared.worlds[0],
		.ifindex = name ? sim_world_ifindex(compare->compared.worlds[0], name) : 0,
		.direction = options->out  ? IFW_DIRECTION_OUT
			     : options->in ? IFW_DIRECTION_IN
					   : REPLAY_EITHER_WAY,
		.each = on_packet,
		.arg = compare,
	};
	char message[REPLAY_MESSAGE_MAX] = "";
	int error;

	progress_start_file(&compare->progress, true, file);
	error = replay_capture(&replay, file, message);
	progress_end(&compare->progress);
	return conclude(compare, error, message);
}

int cmd_diff_capture(const struct options *options)
{
	/* Of a state the old ones may be its own. */
	const char *const paths[PROBE_WORLDS] = {options->rules_after ? options->rules : NULL,
						 options->rules_after ? options->rules_after
								      : options->rules};
	struct compare compare = {.options = options, .path = options->args[0]};
	uint32_t ifindex;
	int status = cmd_compare_load(options, paths, &compare.compared);
	FILE *file;

	if (status)
		return status;
	status = cmd_find_interface(compare.compared.worlds[0], options, &ifindex);
	file = status ? NULL : cmd_open(compare.path, &status);
	if (file)
		status = play(&compare, file);
	changes_free(&compare.changes);
	cmd_compare_free(&compare.compared);
	return status;
}
