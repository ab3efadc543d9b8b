/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_generate.c - `ifw-sim generate`: packets at the edges of rules as a capture, and the
 * answers to them as lines.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ruleset/cleanup.h"
#include "sim/compare/boundary.h"
#include "cmd_answers.h"
#include "cmd_progress.h"

#define FIRST_NS (946684800ULL * 1000000000) /* 2000-01-01: as any, but the same in each run */
#define APART_NS 1000

struct generate {
	struct sim_world *world;
	struct capture_writer *writer;
	struct progress progress;
	uint64_t number; /* of the packet; 0: none yet */
	const char *violation;
};

static void destroy_world(struct sim_world **world)
{
	sim_world_destroy(*world);
}

/* With the packet in words, for people who read the file. */
static int print_answer(const struct generate *generate, const struct sim_frame *frame,
			const struct sim_result *result)
{
	json_t *line = answer_json(generate->world, generate->number, result);
	char text[CMD_PACKET_MAX];

	cmd_packet(generate->world, frame, text);
	json_object_set_new(line, "text", json_string(text));
	return cmd_print_json(line);
}

static void write_frame(const struct generate *generate, const struct sim_frame *frame)
{
	const struct capture_packet packet = {
		.data = frame->data,
		.ifname = sim_world_ifname(generate->world, frame->ifindex),
		.link = sim_world_link(generate->world, frame->ifindex) == SIM_LINK_RAW_IP
				? CAPTURE_RAW_IP
				: CAPTURE_ETHERNET,
		.direction = frame->direction == IFW_DIRECTION_OUT ? CAPTURE_OUT : CAPTURE_IN,
		.captured = (uint32_t)frame->length,
		.length = (uint32_t)frame->length,
		.time_ns = frame->time_ns,
	};

	capture_write(generate->writer, &packet);
}

/* Decided in the order in which `run` will decide them, with all that the world has for then. */
static int on_flow(void *arg, uint32_t ifindex, const struct flow *flow)
{
	struct generate *generate = arg;
	uint8_t bytes[FLOW_FRAME_MAX];
	struct sim_result result = {};
	struct sim_frame frame = {
		.data = bytes,
		.length = flow_frame(flow, bytes),
		.ifindex = ifindex,
		.time_ns = FIRST_NS + generate->number++ * APART_NS,
		.direction = flow->direction,
	};
	int error;

	if (sim_world_link(generate->world, ifindex) == SIM_LINK_RAW_IP) {
		frame.data = bytes + sizeof(struct ethhdr);
		frame.length -= sizeof(struct ethhdr);
	}
	write_frame(generate, &frame);
	frame.time_ns += sim_world_delay(generate->world);
	error = sim_decide(generate->world, &frame, &result);
	if (error == -EPROTO)
		generate->violation = result.violation;
	if (!error)
		error = print_answer(generate, &frame, &result);
	progress_show(&generate->progress, generate->number, generate->number);
	return error ? error : sim_world_pass_packet(generate->world, generate->number);
}

/* Kept for `run`, which needs the same. */
static int keep_world(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	bool written = file && fputs(text, file) >= 0;

	if (file && fclose(file) != 0)
		written = false;
	return written ? STATUS_DONE
		       : cmd_fail(STATUS_REFUSED, "cannot write '%s': %s", path, strerror(errno));
}

static int write_capture(struct generate *generate, const char *path)
{
	char message[CAPTURE_MESSAGE_MAX] = "";
	int error, unwritten;

	if (capture_create(NULL, path, &generate->writer, message) != 0)
		return cmd_fail(STATUS_REFUSED, "%s", message);
	progress_start(&generate->progress, false, boundary_count(generate->world));
	error = boundary_each(generate->world, on_flow, generate);
	progress_end(&generate->progress);
	unwritten = capture_finish(generate->writer);
	if (unwritten)
		return cmd_fail(STATUS_REFUSED, "cannot write '%s': %s", path,
				strerror(-unwritten));
	if (error && error != -EIO) /* which cmd_finish says */
		return cmd_fail(STATUS_REFUSED, "%s",
				generate->violation ? generate->violation : strerror(-error));
	return STATUS_DONE;
}

int cmd_generate(const struct options *options)
{
	struct sim_world *world __attribute__((cleanup(destroy_world))) = NULL;
	auto_free char *made_up = NULL;
	struct generate generate = {};
	int status;

	status = cmd_load_or_make(options, &world, &made_up);
	if (!status && options->write_world)
		status = keep_world(options->write_world, made_up);
	if (status)
		return status;
	generate.world = world;
	status = cmd_finish(write_capture(&generate, options->write));
	if (!status)
		fprintf(stderr, PROGRAM ": %" PRIu64 " packets%s\n", generate.number,
			options->world || options->state || options->write_world
				? ""
				: "; the world was made up (--write-world keeps it)");
	return status;
}
