/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_explain.c - `ifw-sim explain`: one packet, the verdict on it and the way
 * there. The packet is one of a flow that is made up, or bytes, or one of a capture.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "../ruleset/grammar.h"
#include "cmd.h"
#include "cmd_explain.h"
#include "replay.h"

#define FRAME_MAX 65549 /* bytes: an Ethernet header and the longest IPv4 packet */
#define REASON_WIDTH 18 /* the longest reason is neighbor-discovery */

static void destroy_world(struct sim_world **world)
{
	sim_world_destroy(*world);
}

/* --- A flow ------------------------------------------------------------------------- */

static int parse_flow(const struct options *options, struct flow *flow)
{
	char message[FLOW_MESSAGE_MAX];

	if (flow_from_words(options->args, options->count, flow, message) != 0)
		return cmd_fail(STATUS_BAD_INPUT, "%s", message);
	flow->direction = options->out ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN;
	return STATUS_DONE;
}

/* --- Bytes --------------------------------------------------------------------------- */

struct bytes {
	uint8_t at[FRAME_MAX];
	size_t count;
	int half; /* the upper half of a byte that is not whole; -1: none */
};

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A word of digits; "0x0010:" in front of a line, as tcpdump -x prints it, is skipped. */
static int add_word(struct bytes *bytes, const char *word, size_t size)
{
	if (size > 2 && word[size - 1] == ':' && word[0] == '0' && (word[1] == 'x'))
		return STATUS_DONE;
	for (size_t i = 0; i < size; i++) {
		int value = digit_value(word[i]);

		if (word[i] == ':' && bytes->half < 0)
			continue;
		if (value < 0)
			return cmd_fail(STATUS_BAD_INPUT,
					"'%.*s' is no bytes in hexadecimal digits",
					(int)(size > 64 ? 64 : size), word);
		if (bytes->half < 0) {
			bytes->half = value;
			continue;
		}
		if (bytes->count == FRAME_MAX)
			return cmd_fail(STATUS_BAD_INPUT, "a frame has at most %d bytes",
					FRAME_MAX);
		bytes->at[bytes->count++] = (uint8_t)(bytes->half << 4 | value);
		bytes->half = -1;
	}
	return STATUS_DONE;
}

static int add_text(struct bytes *bytes, const char *text)
{
	static const char blanks[] = " \t\r\n";
	int status = STATUS_DONE;

	for (text += strspn(text, blanks); *text && !status; text += strspn(text, blanks)) {
		size_t size = strcspn(text, blanks);

		status = add_word(bytes, text, size);
		text += size;
	}
	return status;
}

static int add_lines(struct bytes *bytes, FILE *file)
{
	int status = STATUS_DONE;
	char *line = NULL;
	size_t room = 0;

	while (!status && getline(&line, &room, file) >= 0)
		status = add_text(bytes, line);
	free(line);
	if (!status && ferror(file))
		status =
			cmd_fail(STATUS_REFUSED, "cannot read standard input: %s", strerror(errno));
	return status;
}

static int parse_bytes(const struct options *options, struct bytes *bytes)
{
	int status = STATUS_DONE;

	bytes->half = -1;
	for (int i = 1; i < options->count && !status; i++)
		status = strcmp(options->args[i], "-") == 0 ? add_lines(bytes, stdin)
							    : add_text(bytes, options->args[i]);
	if (status)
		return status;
	if (bytes->half >= 0)
		return cmd_fail(STATUS_BAD_INPUT, "the last byte lacks a digit");
	if (bytes->count == 0)
		return cmd_fail(STATUS_BAD_INPUT,
				"hex needs the bytes of a frame, or - for standard input");
	return STATUS_DONE;
}

/* --- A packet of a capture ---------------------------------------------------------- */

struct wanted {
	struct explained *explained;
	uint64_t number, seen;
	int status; /* of what has been said */
};

static int on_packet(void *arg, const struct replay_packet *packet)
{
	struct wanted *wanted = arg;
	struct explained *explained = wanted->explained;
	char where[CMD_WHERE_MAX];

	wanted->seen = packet->number;
	if (packet->number != wanted->number)
		return 0;
	if (packet->fate == REPLAY_CUT)
		wanted->status = cmd_fail(STATUS_BAD_INPUT,
					  "packet %" PRIu64 ": only %" PRIu32 " of its %" PRIu32
					  " bytes were captured",
					  packet->number, packet->captured->captured,
					  packet->captured->length);
	if (packet->fate == REPLAY_ELSEWHERE)
		wanted->status = cmd_fail(STATUS_BAD_INPUT,
					  "packet %" PRIu64 ": captured on %s"
					  ", which the world does not have",
					  packet->number, cmd_elsewhere(packet, where));
	if (packet->fate != REPLAY_REACHED)
		return -ECANCELED;
	explained->ifname = sim_world_ifname(explained->world, packet->frame->ifindex);
	explained->direction = packet->frame->direction;
	return explain_frame(explained->world, packet->frame, explained->explanation);
}

static int explain_captured(const struct options *options, uint32_t ifindex,
			    struct explained *explained)
{
	struct wanted wanted = {.explained = explained};
	const struct replay replay = {
		.world = explained->world,
		.ifindex = options->in || options->out ? ifindex : 0,
		.direction = options->out  ? IFW_DIRECTION_OUT
			     : options->in ? IFW_DIRECTION_IN
					   : REPLAY_EITHER_WAY,
		.each = on_packet,
		.arg = &wanted,
	};
	const char *path = options->args[2];
	char message[REPLAY_MESSAGE_MAX] = "";
	struct replay stopping = replay;
	int status = STATUS_DONE, error;
	FILE *file;

	if (grammar_parse_number(options->args[1], strlen(options->args[1]), UINT64_MAX / 16,
				 &wanted.number) != 0 ||
	    wanted.number == 0)
		return cmd_fail(STATUS_BAD_INPUT, "'%s' is no number of a packet; the first is 1",
				options->args[1]);
	stopping.stop_at = wanted.number;
	file = cmd_open(path, &status);
	if (!file)
		return status;
	error = replay_capture(&stopping, file, message);
	if (wanted.status)
		return wanted.status;
	if (error)
		return cmd_fail(error == -EINVAL || error == -EPROTONOSUPPORT ? STATUS_BAD_INPUT
									      : STATUS_REFUSED,
				"%s: %s", path, message[0] ? message : strerror(-error));
	if (wanted.seen < wanted.number)
		return cmd_fail(STATUS_BAD_INPUT, "'%s' has only %" PRIu64 " packet%s", path,
				wanted.seen, wanted.seen == 1 ? "" : "s");
	return STATUS_DONE;
}

static int say_error(int error)
{
	return error ? cmd_fail(STATUS_REFUSED, "cannot print the explanation: %s",
				strerror(-error))
		     : STATUS_DONE;
}

/* --- The command ----------------------------------------------------------------------- */

static int check_reason(const char *name)
{
	if (cmd_find_reason(name))
		return STATUS_DONE;
	cmd_fail(STATUS_BAD_INPUT, "there is no reason '%s'; the reasons are:", name);
	for (unsigned int reason = IFW_REASON_NONE + 1; reason < IFW_REASON_END; reason++)
		fprintf(stderr, "  %-*s  %s\n", REASON_WIDTH, ifw_reason_info(reason)->name,
			ifw_reason_info(reason)->text);
	return STATUS_BAD_INPUT;
}

static int explain_it(const struct options *options, const struct flow *flow,
		      const struct bytes *bytes, uint32_t ifindex, struct explained *explained)
{
	const struct sim_frame frame = {
		.data = bytes->at,
		.length = bytes->count,
		.ifindex = ifindex,
		.time_ns = EXPLAIN_NOW,
		.direction = explained->direction,
	};
	int error;

	if (strcmp(options->args[0], "packet") == 0)
		return explain_captured(options, ifindex, explained);
	if (bytes->count)
		error = explain_frame(explained->world, &frame, explained->explanation);
	else
		error = explain_flow(explained->world, flow, ifindex, explained->explanation);
	if (error)
		return cmd_fail(STATUS_REFUSED, "%s",
				error == -EPROTO ? explained->explanation->result.violation
						 : strerror(-error));
	return STATUS_DONE;
}

/* What is to be explained, of which nothing has to be loaded. */
static int parse_subject(const struct options *options, struct flow *flow, struct bytes *bytes)
{
	const bool captured = strcmp(options->args[0], "packet") == 0;

	if (!captured && !options->in && !options->out)
		return cmd_fail(STATUS_BAD_INPUT,
				"explain needs --in or --out (" PROGRAM " --help says more)");
	if (captured)
		return options->count == 3
			       ? STATUS_DONE
			       : cmd_fail(STATUS_BAD_INPUT, "packet needs NUMBER CAPTURE");
	if (strcmp(options->args[0], "hex") == 0)
		return parse_bytes(options, bytes);
	return parse_flow(options, flow);
}

int cmd_explain(const struct options *options)
{
	struct sim_world *world __attribute__((cleanup(destroy_world))) = NULL;
	struct explanation explanation __attribute__((cleanup(explanation_free))) = {};
	struct explained explained = {
		.explanation = &explanation,
		.direction = options->out ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN,
	};
	struct bytes bytes = {.half = -1};
	struct flow flow = {};
	uint32_t ifindex;
	int status;

	status = parse_subject(options, &flow, &bytes);
	if (!status && options->expect)
		status = check_reason(options->expect);
	if (!status)
		status = cmd_load(options, &world, &ifindex);
	if (status)
		return status;

	explained.world = world;
	explained.ifname = sim_world_ifname(world, ifindex);
	status = explain_it(options, &flow, &bytes, ifindex, &explained);
	if (status)
		return status;
	if (options->json)
		status = say_error(cmd_print_json(explained_json(&explained)));
	else
		explained_print(&explained);
	status = cmd_finish(status);
	if (!status && options->expect &&
	    strcmp(options->expect, cmd_reason(&explanation.result.decision)) != 0)
		return cmd_fail(STATUS_UNEXPECTED, "the reason is '%s', not '%s'",
				cmd_reason(&explanation.result.decision), options->expect);
	return status;
}
