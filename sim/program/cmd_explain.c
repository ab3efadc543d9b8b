/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_explain.c - `ifw-sim explain`: one packet, the verdict on it and the way there.
 */
#include <string.h>

#include "cmd.h"
#include "cmd_explain.h"
#include "sim/capture/replay.h"
#include "sim/explain/subject.h"

static void destroy_world(struct sim_world **world)
{
	sim_world_destroy(*world);
}

static int check_expected(const char *word)
{
	if (cmd_expected_kind(word))
		return STATUS_DONE;
	cmd_fail(STATUS_BAD_INPUT,
		 "there is no reason '%s'; the verdicts are pass and drop, the reasons:", word);
	cmd_print_reasons(stderr);
	return STATUS_BAD_INPUT;
}

/* A capture may tell where each packet went; of others somebody has to, unless it is clear. */
static int choose_place(const struct options *options, const struct sim_world *world,
			const struct subject *subject, uint32_t ifindex,
			struct subject_place *place)
{
	const bool told = options->in || options->out;

	*place = (struct subject_place){
		.ifindex = ifindex,
		.direction = options->out ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN,
	};
	if (told)
		return STATUS_DONE;
	if (subject->kind == SUBJECT_CAPTURED)
		*place = (struct subject_place){.direction = REPLAY_EITHER_WAY};
	else if (sim_world_iface_count(world) > 1)
		return cmd_fail(STATUS_BAD_INPUT,
				"'%s' has %zu interfaces: say by which it comes in, --in IFACE (or "
				"--out)",
				options->state ? options->state : options->world,
				sim_world_iface_count(world));
	return STATUS_DONE;
}

static int print(const struct options *options, const struct explained *explained)
{
	int error = 0;

	if (options->json)
		error = cmd_print_json(explained_json(explained));
	else
		explained_print(explained);
	return cmd_finish(error ? cmd_fail(STATUS_REFUSED, "cannot print the explanation: %s",
					   strerror(-error))
				: STATUS_DONE);
}

static int compare(const struct options *options, const struct decision *d)
{
	const char *answer = options->expect ? cmd_expected_of(d, options->expect) : NULL;

	if (!answer || strcmp(answer, options->expect) == 0)
		return STATUS_DONE;
	return cmd_fail(STATUS_UNEXPECTED, "the %s is '%s', not '%s'",
			cmd_expected_kind(options->expect), answer, options->expect);
}

int cmd_explain(const struct options *options)
{
	struct sim_world *world __attribute__((cleanup(destroy_world))) = NULL;
	struct explanation explanation __attribute__((cleanup(explanation_free))) = {};
	char message[SUBJECT_MESSAGE_MAX];
	struct subject_place place;
	struct subject subject;
	uint32_t ifindex;
	int status, error;

	error = subject_from_words(options->args, options->count, &subject, message);
	if (error)
		return cmd_fail(subject_is_bad(error) ? STATUS_BAD_INPUT : STATUS_REFUSED, "%s",
				message);
	status = options->expect ? check_expected(options->expect) : STATUS_DONE;
	if (!status)
		status = cmd_load(options, &world, &ifindex);
	if (!status)
		status = choose_place(options, world, &subject, ifindex, &place);
	if (status)
		return status;
	error = subject_explain(&subject, world, &place, &explanation, message);
	if (error)
		return cmd_fail(subject_is_bad(error) ? STATUS_BAD_INPUT : STATUS_REFUSED, "%s",
				message);

	const struct explained explained = {
		.world = world,
		.ifname = sim_world_ifname(world, place.ifindex),
		.direction = (enum ifw_direction)place.direction,
		.explanation = &explanation,
	};

	status = print(options, &explained);
	if (subject_lacks_link_header(&subject, &explanation.packet))
		cmd_fail(status, "note: " SUBJECT_LACKS_LINK_HEADER);
	return status ? status : compare(options, &explanation.result.decision);
}
