/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * subject.c - see subject.h.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/grammar.h"
#include "sim/capture/replay.h"
#include "subject.h"

/* Says why, and is the error. */
#define FAULT(error, message, ...) (snprintf(message, SUBJECT_MESSAGE_MAX, __VA_ARGS__), (error))

/* --- Bytes --------------------------------------------------------------------------- */

struct digits {
	struct subject *subject;
	int half; /* the upper half of a byte that is not whole; -1: none */
	char *message;
};

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int add_digit(struct digits *digits, int value)
{
	struct subject *subject = digits->subject;

	if (digits->half < 0) {
		digits->half = value;
		return 0;
	}
	if (subject->size == SUBJECT_FRAME_MAX)
		return FAULT(-EINVAL, digits->message, "a frame has at most %d bytes",
			     SUBJECT_FRAME_MAX);
	subject->bytes[subject->size++] = (uint8_t)(digits->half << 4 | value);
	digits->half = -1;
	return 0;
}

/*
 * A word of digits, with 0x before it or without, and colons or commas between bytes. With
 * both, "0x0010:", it is what tcpdump -x prints in front of a line, and skipped.
 */
static int add_word(struct digits *digits, const char *word, size_t size)
{
	const bool prefixed = size > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
	int error = 0;

	if (prefixed && word[size - 1] == ':')
		return 0;
	for (size_t i = prefixed && digits->half < 0 ? 2 : 0; i < size && !error; i++) {
		const int value = digit_value(word[i]);

		if ((word[i] == ':' || word[i] == ',') && digits->half < 0)
			continue;
		error = value < 0 ? FAULT(-EINVAL, digits->message,
					  "'%.*s' is no bytes in hexadecimal digits",
					  (int)(size > 64 ? 64 : size), word)
				  : add_digit(digits, value);
	}
	return error;
}

static int add_text(struct digits *digits, const char *text)
{
	static const char blanks[] = " \t\r\n\v\f";
	int error = 0;

	for (text += strspn(text, blanks); *text && !error; text += strspn(text, blanks)) {
		const size_t size = strcspn(text, blanks);

		error = add_word(digits, text, size);
		text += size;
	}
	return error;
}

static int add_lines(struct digits *digits, FILE *file)
{
	char *line = NULL;
	size_t room = 0;
	int error = 0;

	while (!error && getline(&line, &room, file) >= 0)
		error = add_text(digits, line);
	free(line);
	if (!error && ferror(file))
		error = FAULT(-EIO, digits->message, "cannot read standard input: %s",
			      strerror(errno));
	return error;
}

static int read_bytes(char *const *words, int count, struct subject *subject,
		      char message[SUBJECT_MESSAGE_MAX])
{
	struct digits digits = {.subject = subject, .half = -1, .message = message};
	int error = 0;

	subject->kind = SUBJECT_BYTES;
	for (int i = 0; i < count && !error; i++)
		error = strcmp(words[i], "-") == 0 ? add_lines(&digits, stdin)
						   : add_text(&digits, words[i]);
	if (error)
		return error;
	if (digits.half >= 0)
		return FAULT(-EINVAL, message, "the last byte lacks a digit");
	if (subject->size == 0)
		return FAULT(-EINVAL, message,
			     "hex needs the bytes of a frame, or - for standard input");
	return 0;
}

/* --- All three ------------------------------------------------------------------------- */

static int read_captured(char *const *words, int count, struct subject *subject,
			 char message[SUBJECT_MESSAGE_MAX])
{
	const char *number = words[0];

	if (count != 2)
		return FAULT(-EINVAL, message, "packet needs NUMBER CAPTURE");
	subject->kind = SUBJECT_CAPTURED;
	subject->path = words[1];
	if (grammar_parse_number(number, strlen(number), UINT64_MAX / 16, &subject->number) != 0 &&
	    *number && number[strspn(number, "0123456789")] == '\0')
		subject->number = UINT64_MAX; /* the capture will say how many it has */
	if (subject->number == 0)
		return FAULT(-EINVAL, message, "'%.64s' is no number of a packet; the first is 1",
			     number);
	return 0;
}

int subject_from_words(char *const *words, int count, struct subject *subject,
		       char message[SUBJECT_MESSAGE_MAX])
{
	char why[FLOW_MESSAGE_MAX];

	*subject = (struct subject){.kind = SUBJECT_FLOW};
	if (count > 0 && strcmp(words[0], "hex") == 0)
		return read_bytes(words + 1, count - 1, subject, message);
	if (count > 0 && strcmp(words[0], "packet") == 0)
		return read_captured(words + 1, count - 1, subject, message);
	if (count == 0)
		return FAULT(-EINVAL, message, "explain needs a packet: tcp, udp, hex or packet");
	if (strcmp(words[0], "tcp") != 0 && strcmp(words[0], "udp") != 0)
		return FAULT(-EINVAL, message, "'%.64s' is none of tcp, udp, hex and packet",
			     words[0]);
	return flow_from_words(words, count, &subject->flow, why) == 0
		       ? 0
		       : FAULT(-EINVAL, message, "%s", why);
}

/* --- Explained --------------------------------------------------------------------------- */

struct wanted {
	const struct subject *subject;
	struct sim_world *world;
	struct subject_place *place;
	struct explanation *explanation;
	char *message;
	uint64_t seen;
};

static int on_packet(void *arg, const struct replay_packet *packet)
{
	struct wanted *wanted = arg;
	char where[REPLAY_WHERE_MAX];

	wanted->seen = packet->number;
	if (packet->number != wanted->subject->number)
		return 0;
	if (packet->fate == REPLAY_CUT)
		return FAULT(-EINVAL, wanted->message,
			     "packet %" PRIu64 ": only %" PRIu32 " of its %" PRIu32
			     " bytes were captured",
			     packet->number, packet->captured->captured, packet->captured->length);
	if (packet->fate == REPLAY_ELSEWHERE)
		return FAULT(-EINVAL, wanted->message,
			     "packet %" PRIu64 ": captured on %s, which is not known here; say "
			     "where it is to be decided, --in IFACE or --out IFACE",
			     packet->number, replay_elsewhere(packet, where));
	*wanted->place = (struct subject_place){.ifindex = packet->frame->ifindex,
						.direction = packet->frame->direction};
	return explain_frame(wanted->world, packet->frame, wanted->explanation);
}

static int explain_captured(struct wanted *wanted)
{
	const struct subject *subject = wanted->subject;
	const struct replay replay = {
		.world = wanted->world,
		.ifindex = wanted->place->ifindex,
		.direction = wanted->place->direction,
		.stop_at = subject->number,
		.each = on_packet,
		.arg = wanted,
	};
	char message[REPLAY_MESSAGE_MAX] = "";
	FILE *file = strcmp(subject->path, "-") == 0 ? stdin : fopen(subject->path, "re");
	int error = file ? replay_capture(&replay, file, message) : -errno;

	if (!file)
		return FAULT(error, wanted->message, "cannot open '%s': %s", subject->path,
			     strerror(-error));
	if (error && message[0])
		return FAULT(error, wanted->message, "%s: %s", subject->path, message);
	if (error || wanted->seen == subject->number)
		return error;
	return FAULT(-EINVAL, wanted->message, "'%s' has only %" PRIu64 " packet%s", subject->path,
		     wanted->seen, wanted->seen == 1 ? "" : "s");
}

int subject_explain(const struct subject *subject, struct sim_world *world,
		    struct subject_place *place, struct explanation *explanation,
		    char message[SUBJECT_MESSAGE_MAX])
{
	struct wanted wanted = {
		.subject = subject,
		.world = world,
		.place = place,
		.explanation = explanation,
		.message = message,
	};
	struct flow flow = subject->flow;
	const struct sim_frame frame = {
		.data = subject->bytes,
		.length = subject->size,
		.ifindex = place->ifindex,
		.time_ns = EXPLAIN_NOW,
		.direction = (enum ifw_direction)place->direction,
	};
	int error;

	message[0] = '\0';
	flow.direction = (uint8_t)place->direction;
	if (subject->kind == SUBJECT_CAPTURED)
		error = explain_captured(&wanted);
	else if (subject->kind == SUBJECT_BYTES)
		error = explain_frame(world, &frame, explanation);
	else
		error = explain_flow(world, &flow, place->ifindex, explanation);
	if (error && !message[0])
		snprintf(message, SUBJECT_MESSAGE_MAX, "%s",
			 error == -EPROTO ? explanation->result.violation : strerror(-error));
	return error;
}
