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

/* Bytes of text that say a frame: a digit takes at most three, "0x00, ", and headings some. */
#define TEXT_MAX (8 * SUBJECT_FRAME_MAX)

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

static const char blanks[] = " \t\r\n\v\f";

/* "0x0010:", which tcpdump prints in front of a line. */
static bool is_offset(const char *word, size_t size)
{
	return size > 3 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X') &&
	       word[size - 1] == ':';
}

/* A word of digits, with 0x before it or without, and colons or commas between bytes. */
static int add_word(struct digits *digits, const char *word, size_t size)
{
	const bool prefixed = size > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
	int error = 0;

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

/* A line of tcpdump: behind the offset are digits and, after a wider gap, characters (-XX). */
static int add_dumped(struct digits *digits, const char *line)
{
	const size_t size = strcspn(line, blanks);
	int error = 0;

	if (digits->subject->size > 0 && strtoull(line, NULL, 16) == 0)
		return FAULT(-EINVAL, digits->message,
			     "these are more packets than one (a second one begins at '%.*s')",
			     (int)(size > 64 ? 64 : size), line);
	for (line += size, line += strspn(line, blanks); *line && !error;) {
		const size_t word = strcspn(line, blanks);

		error = add_word(digits, line, word);
		line += word;
		if (strspn(line, blanks) > 1)
			break;
		line += strspn(line, blanks);
	}
	return error;
}

static int add_line(struct digits *digits, const char *line)
{
	int error = 0;

	for (line += strspn(line, blanks); *line && !error; line += strspn(line, blanks)) {
		const size_t size = strcspn(line, blanks);

		error = add_word(digits, line, size);
		line += size;
	}
	return error;
}

/* The line that begins here, without the blanks before it, ended; *next is behind it. */
static char *cut_line(char *text, char **next)
{
	char *end = text + strcspn(text, "\n");

	*next = *end ? end + 1 : end;
	*end = '\0';
	return text + strspn(text, blanks);
}

/* Where lines begin with offsets, as tcpdump prints them, these alone: others are headings. */
static int add_text(struct digits *digits, char *text)
{
	bool dumped = false;
	int error = 0;

	for (char *at = text; *at && !dumped; at += strcspn(at, "\n"), at += *at == '\n') {
		at += strspn(at, blanks);
		dumped = is_offset(at, strcspn(at, blanks));
	}
	for (char *next = text; *next && !error;) {
		const char *line = cut_line(next, &next);

		if (!dumped)
			error = add_line(digits, line);
		else if (is_offset(line, strcspn(line, blanks)))
			error = add_dumped(digits, line);
	}
	return error;
}

static int add_stdin(struct digits *digits)
{
	char *text = malloc(TEXT_MAX + 1);
	size_t size;
	int error = 0;

	if (!text)
		return -ENOMEM;
	size = fread(text, 1, TEXT_MAX, stdin);
	text[size] = '\0';
	if (ferror(stdin))
		error = FAULT(-EIO, digits->message, "cannot read standard input: %s",
			      strerror(errno));
	else if (size == TEXT_MAX)
		error = FAULT(-EINVAL, digits->message,
			      "standard input is no frame: it has more than %d bytes of text",
			      TEXT_MAX - 1);
	else if (text[strspn(text, blanks)] == '\0' && strlen(text) == size)
		error = FAULT(-EINVAL, digits->message, "standard input was empty: no frame");
	else if (strlen(text) != size)
		error = FAULT(-EINVAL, digits->message,
			      "standard input is no text of hexadecimal digits");
	else
		error = add_text(digits, text);
	free(text);
	return error;
}

static int add_argument(struct digits *digits, const char *argument)
{
	char *text = strdup(argument);
	const int error = text ? add_text(digits, text) : -ENOMEM;

	free(text);
	return error;
}

static int read_bytes(char *const *words, int count, struct subject *subject,
		      char message[SUBJECT_MESSAGE_MAX])
{
	struct digits digits = {.subject = subject, .half = -1, .message = message};
	int error = 0;

	subject->kind = SUBJECT_BYTES;
	for (int i = 0; i < count && !error; i++)
		error = strcmp(words[i], "-") == 0 ? add_stdin(&digits)
						   : add_argument(&digits, words[i]);
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

/* RFC 791 3.1, RFC 8200 3 */
bool subject_lacks_link_header(const struct subject *subject, const struct packet *packet)
{
	const uint8_t *at = subject->bytes;
	const bool known = packet->family != IFW_FAMILY_NONE || packet->ethertype == ETH_P_IP ||
			   packet->ethertype == ETH_P_IPV6 || packet->ethertype == ETH_P_ARP;

	if (subject->kind != SUBJECT_BYTES || known || subject->size < 20)
		return false;
	if (at[0] >> 4 == 4) {
		const size_t header = (at[0] & 15) * 4U, whole = (size_t)at[2] << 8 | at[3];

		return header >= 20 && whole >= header && whole <= subject->size;
	}
	return at[0] >> 4 == 6 && subject->size >= 40 &&
	       40 + ((size_t)at[4] << 8 | at[5]) <= subject->size;
}
