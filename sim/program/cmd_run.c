/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_run.c - `ifw-sim run`: a line for each packet of a capture, or with --summary
 * none. With lines, what sums up goes to stderr, so that stdout is only the lines.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cmd_answers.h"
#include "cmd_progress.h"
#include "cmd_run.h"
#include "sim/capture/replay.h"

struct run {
	const struct options *options;
	struct sim_world *world;
	const char *path;
	struct run_summary summary;
	struct capture_writer *passed, *dropped;
	struct progress progress;
	struct answers *answers; /* that are expected; NULL: none are */
	int failed;		 /* enum exit_status of what has been said already */
};

static void destroy_world(struct sim_world **world)
{
	sim_world_destroy(*world);
}

/* --- A line a packet -------------------------------------------------------------- */

static int print_json(const struct run *run, uint64_t number, const struct sim_result *result)
{
	return cmd_print_json(answer_json(run->world, number, result));
}

static int print_line(const struct run *run, uint64_t number, const struct decision *d)
{
	char text[RULE_TEXT_MAX];
	const char *rule = cmd_rule_text(run->world, d, text), *assigned = cmd_assigned(d);

	printf("%6" PRIu64 "  %s  %-18s  %-11s  %s\n", number, cmd_verdict(d), cmd_reason(d),
	       assigned ? assigned : "-", rule ? rule : "-");
	return ferror(stdout) ? -EIO : 0;
}

static int on_packet(void *arg, const struct replay_packet *packet)
{
	struct run *run = arg;
	const struct decision *d;
	struct capture_writer *writer;

	if (packet->position >= 0)
		progress_show(&run->progress, packet->number, (uint64_t)packet->position);
	if (run->answers) {
		run->failed = answers_check(run->answers, run->world, packet);
		if (run->failed)
			return -ECANCELED;
	}
	if (packet->fate != REPLAY_DECIDED) {
		cmd_undecided(&run->summary.undecided, packet);
		return 0;
	}
	d = &packet->result->decision;
	run_summary_add(&run->summary, run->world, packet->result);
	writer = d->verdict == IFW_VERDICT_PASS ? run->passed : run->dropped;
	if (writer)
		capture_write(writer, packet->captured);
	if (run->options->summary || run->answers)
		return 0;
	return run->options->json ? print_json(run, packet->number, packet->result)
				  : print_line(run, packet->number, d);
}

/* --- What is written -------------------------------------------------------------- */

static int create(struct run *run, const struct capture *like, const char *path,
		  struct capture_writer **writer)
{
	char message[CAPTURE_MESSAGE_MAX] = "";

	if (!path || capture_create(like, path, writer, message) == 0)
		return 0;
	run->failed = cmd_fail(STATUS_REFUSED, "%s", message);
	return -ECANCELED;
}

static int on_open(void *arg, const struct capture *capture)
{
	struct run *run = arg;
	int error = create(run, capture, run->options->write, &run->passed);

	return error ? error : create(run, capture, run->options->write_dropped, &run->dropped);
}

static void finish(struct run *run, const char *path, struct capture_writer *writer)
{
	int error = capture_finish(writer);

	if (error && !run->failed)
		run->failed =
			cmd_fail(STATUS_REFUSED, "cannot write '%s': %s", path, strerror(-error));
}

/* --- The command ------------------------------------------------------------------ */

static int print_summary(struct run *run)
{
	if (run->answers && !run->options->summary)
		return 0;
	if (run->options->json)
		return run->options->summary ? run_summary_json(&run->summary, run->world) : 0;
	run_summary_print(&run->summary, run->world, run->options->summary ? stdout : stderr);
	return 0;
}

static int conclude(struct run *run, int error, const char *message)
{
	/* The lines first: both may go to one terminal. */
	if (fflush(stdout) != 0 || error == -EIO)
		return cmd_fail(STATUS_REFUSED, "cannot write to standard output: %s",
				strerror(errno));
	/* What could not even be begun has nothing to sum up. */
	if ((!error || run->summary.packets) && print_summary(run) != 0)
		return cmd_fail(STATUS_REFUSED, "the summary could not be written");
	if (error)
		return cmd_fail(error == -EINVAL || error == -EPROTONOSUPPORT ? STATUS_BAD_INPUT
									      : STATUS_REFUSED,
				"%s: %s", run->path, message[0] ? message : strerror(-error));
	return cmd_finish(
		cmd_undecided_end(&run->summary.undecided, run->summary.packets, run->path));
}

static int play(struct run *run, FILE *file, uint32_t ifindex)
{
	const struct options *options = run->options;
	const struct replay replay = {
		.world = run->world,
		.ifindex = options->in || options->out ? ifindex : 0,
		.direction = options->out  ? IFW_DIRECTION_OUT
			     : options->in ? IFW_DIRECTION_IN
					   : REPLAY_EITHER_WAY,
		.open = on_open,
		.each = on_packet,
		.arg = run,
	};
	char message[REPLAY_MESSAGE_MAX] = "";
	int error, status;

	progress_start_file(&run->progress, options->summary || run->answers, file);
	error = replay_capture(&replay, file, message);
	progress_end(&run->progress);
	finish(run, options->write, run->passed);
	finish(run, options->write_dropped, run->dropped);
	if (error == -ECANCELED)
		return run->failed;
	status = conclude(run, error, message);
	if (!status && run->answers)
		status = cmd_finish(answers_end(run->answers, run->path));
	return status ? status : run->failed;
}

int cmd_run(const struct options *options)
{
	struct sim_world *world __attribute__((cleanup(destroy_world))) = NULL;
	struct run run = {.options = options, .path = options->args[0]};
	uint32_t ifindex;
	int status;
	FILE *file;

	status = cmd_load(options, &world, &ifindex);
	if (status)
		return status;
	run.world = world;
	if (top_create(&run.summary.dropped) != 0)
		return cmd_fail(STATUS_REFUSED, "out of memory");
	if (options->expect)
		status = answers_open(options, &run.answers);
	file = status ? NULL : cmd_open(run.path, &status);
	if (file)
		status = play(&run, file, ifindex);
	answers_close(run.answers);
	top_destroy(run.summary.dropped);
	return status;
}
