/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture_ng.c - see capture_ng.h: reading. Section, block and option numbers are those
 * of the draft, chapters 4 and 3.5.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <byteswap.h>

#include "capture_ng.h"
#include "capture_ng_form.h"
#include "ruleset/room.h"

#define BLOCK_MAX (16U << 20) /* bytes; a packet has at most 256 KiB in what tcpdump writes */
#define IFACES_MAX 65536      /* in a section: what fits into an old packet block's number */
#define SECOND 1000000000ULL

__extension__ typedef unsigned __int128 wide;

struct ng_iface {
	uint64_t ticks;	   /* of its clock a second */
	int64_t offset;	   /* seconds to add to its times */
	uint32_t snaplen;  /* bytes; 0: no limit */
	uint16_t linktype; /* LINKTYPE_*, as the file has it */
	char name[CAPTURE_IFNAME_MAX];
};

struct ng_reader {
	FILE *file;
	bool begun;
	bool swapped; /* the section is of a machine with the other byte order */
	uint8_t *block;
	size_t room;
	struct ng_iface *ifaces;
	size_t count, iface_room;
};

/* What is left of a block. */
struct body {
	const uint8_t *at;
	uint32_t left;
};

bool ng_is(FILE *file)
{
	int first = getc(file);

	/* No form of pcap begins so; and more than one byte cannot be put back. */
	return first != EOF && ungetc(first, file) == NG_SECTION >> 24;
}

struct ng_reader *ng_open(FILE *file)
{
	struct ng_reader *reader = calloc(1, sizeof(*reader));

	if (reader)
		reader->file = file;
	return reader;
}

void ng_close(struct ng_reader *reader)
{
	if (!reader)
		return;
	free(reader->block);
	free(reader->ifaces);
	free(reader);
}

FILE *ng_file(const struct ng_reader *reader)
{
	return reader->file;
}

static int damaged(char message[CAPTURE_MESSAGE_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int damaged(char message[CAPTURE_MESSAGE_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, CAPTURE_MESSAGE_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

/* --- Numbers ---------------------------------------------------------------------- */

static uint32_t word32(const struct ng_reader *reader, const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return reader->swapped ? bswap_32(value) : value;
}

static uint16_t word16(const struct ng_reader *reader, const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return reader->swapped ? bswap_16(value) : value;
}

/* The next bytes of the body, padding behind them skipped; NULL: it is shorter. */
static const uint8_t *take(struct body *body, uint32_t size)
{
	const uint8_t *at = body->at;
	uint32_t padded = size + (4 - size % 4) % 4;

	if (size > body->left)
		return NULL;
	if (padded > body->left)
		padded = body->left;
	body->at += padded;
	body->left -= padded;
	return at;
}

/* The next option: its number, 0 at the end of them. */
static uint16_t take_option(const struct ng_reader *reader, struct body *body,
			    const uint8_t **value, uint16_t *size)
{
	const uint8_t *head = take(body, 4);

	if (!head)
		return 0;
	*size = word16(reader, head + 2);
	*value = take(body, *size);
	return *value ? word16(reader, head) : 0;
}

/* --- Blocks ----------------------------------------------------------------------- */

static int grow(struct ng_reader *reader, size_t size)
{
	uint8_t *larger;

	if (size <= reader->room)
		return 0;
	larger = realloc(reader->block, size);
	if (!larger)
		return -ENOMEM;
	reader->block = larger;
	reader->room = size;
	return 0;
}

static int read_bytes(struct ng_reader *reader, void *to, size_t size,
		      char message[CAPTURE_MESSAGE_MAX])
{
	if (fread(to, 1, size, reader->file) == size)
		return 0;
	if (ferror(reader->file))
		return damaged(message, "the file cannot be read: %s", strerror(errno));
	return damaged(message, "the file ends within a block");
}

/* The next block's type and body; 1, 0 at the end of the file, or an error. */
static int read_block(struct ng_reader *reader, uint32_t *type, struct body *body,
		      char message[CAPTURE_MESSAGE_MAX])
{
	uint8_t head[12] = {}; /* type, length and, of a section, the magic number */
	size_t got = fread(head, 1, 8, reader->file), begun = 8;
	uint32_t size;
	int error;

	if (got == 0 && !ferror(reader->file))
		return 0;
	if (got < 8)
		return damaged(message, "the file ends within a block");
	*type = word32(reader, head);
	if (*type == NG_SECTION) { /* the same number in either byte order */
		uint32_t magic;

		error = read_bytes(reader, head + 8, 4, message);
		if (error)
			return error;
		begun = 12;
		memcpy(&magic, head + 8, sizeof(magic));
		reader->swapped = magic == bswap_32(NG_MAGIC);
		if (magic != NG_MAGIC && !reader->swapped)
			return damaged(message, "no pcapng: the section's magic number is missing");
	} else if (!reader->begun) {
		return damaged(message, "no pcapng: it does not begin with a section");
	}
	reader->begun = true;
	size = word32(reader, head + 4);
	if (size < begun + 4 || size % 4 || size > BLOCK_MAX)
		return damaged(message, "a block of %u bytes is none", size);
	error = grow(reader, size);
	if (!error)
		error = read_bytes(reader, reader->block, size - begun, message);
	if (error) {
		if (error == -ENOMEM)
			damaged(message, "out of memory");
		return error;
	}
	if (word32(reader, reader->block + size - begun - 4) != size)
		return damaged(message, "a block's two lengths differ");
	*body = (struct body){reader->block, size - (uint32_t)begun - 4};
	return 1;
}

/* Whether such a clock can be counted with. */
static bool set_resolution(struct ng_iface *iface, uint8_t resolution)
{
	iface->ticks = 1;
	if (resolution & 0x80) {
		iface->ticks <<= resolution & 0x3f;
		return (resolution & 0x7f) < 64;
	}
	for (uint8_t i = 0; i < resolution && i < 20; i++)
		iface->ticks *= 10;
	return resolution < 20;
}

static int read_iface_options(const struct ng_reader *reader, struct body body,
			      struct ng_iface *iface, char message[CAPTURE_MESSAGE_MAX])
{
	const uint8_t *value;
	uint16_t option, size;

	while ((option = take_option(reader, &body, &value, &size)) != 0) {
		if (option == NG_IF_NAME) {
			size_t len = strnlen((const char *)value, size);

			/* A longer one is none of this system; cut, it still is none of the
			 * world's. */
			if (len >= sizeof(iface->name))
				len = sizeof(iface->name) - 1;
			for (size_t i = 0; i < len; i++) /* it will stand in messages */
				iface->name[i] =
					value[i] < ' ' || value[i] == 0x7f ? '?' : (char)value[i];
			iface->name[len] = '\0';
		} else if (option == NG_IF_TSRESOL && size == 1) {
			if (!set_resolution(iface, value[0]))
				return damaged(message, "times in units of 0x%02x are not read",
					       value[0]);
		} else if (option == NG_IF_TSOFFSET && size == 8) {
			uint64_t first = word32(reader, value), second = word32(reader, value + 4);

			iface->offset = (int64_t)(reader->swapped ? first << 32 | second
								  : second << 32 | first);
		}
	}
	return 0;
}

static int read_iface(struct ng_reader *reader, struct body *body,
		      char message[CAPTURE_MESSAGE_MAX])
{
	const uint8_t *head = take(body, 8);
	struct ng_iface iface = {.ticks = 1000000};
	int error;

	if (!head || reader->count == IFACES_MAX)
		return damaged(message, head ? "too many interfaces" : "an interface is cut");
	iface.linktype = word16(reader, head);
	iface.snaplen = word32(reader, head + 4);
	error = read_iface_options(reader, *body, &iface, message);
	if (error)
		return error;
	error = room_for_one(&reader->ifaces, reader->count, &reader->iface_room,
			     sizeof(*reader->ifaces));
	if (error) {
		damaged(message, "out of memory");
		return error;
	}
	reader->ifaces[reader->count++] = iface;
	return 0;
}

/* --- Packets ---------------------------------------------------------------------- */

static int find_link(uint16_t linktype, enum capture_link *link)
{
	static const struct {
		uint16_t linktype;
		enum capture_link link;
	} links[] = {
		{NG_LINKTYPE_ETHERNET, CAPTURE_ETHERNET}, {NG_LINKTYPE_RAW, CAPTURE_RAW_IP},
		{NG_LINKTYPE_IPV4, CAPTURE_RAW_IP},	  {NG_LINKTYPE_IPV6, CAPTURE_RAW_IP},
		{NG_LINKTYPE_SLL, CAPTURE_COOKED},	  {NG_LINKTYPE_SLL2, CAPTURE_COOKED2},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i].linktype == linktype) {
			*link = links[i].link;
			return 0;
		}
	return -EPROTONOSUPPORT;
}

static uint64_t to_ns(const struct ng_iface *iface, uint64_t time)
{
	uint64_t rest = (uint64_t)((wide)(time % iface->ticks) * SECOND / iface->ticks);

	return (time / iface->ticks + (uint64_t)iface->offset) * SECOND + rest;
}

static void read_flags(const struct ng_reader *reader, struct body body,
		       struct capture_packet *packet)
{
	const uint8_t *value;
	uint16_t option, size;

	while ((option = take_option(reader, &body, &value, &size)) != 0)
		if (option == NG_EPB_FLAGS && size == 4)
			packet->direction =
				(enum capture_direction)(word32(reader, value) & NG_DIRECTION);
	if (packet->direction > CAPTURE_OUT)
		packet->direction = CAPTURE_UNTOLD;
}

/* The packet's data and what stands behind it, by the interface that it names. */
static int finish_packet(const struct ng_reader *reader, struct body *body, uint32_t number,
			 uint64_t time, struct capture_packet *packet,
			 char message[CAPTURE_MESSAGE_MAX])
{
	const struct ng_iface *iface;

	if (number >= reader->count)
		return damaged(message, "interface %u is not described before it", number);
	iface = &reader->ifaces[number];
	if (find_link(iface->linktype, &packet->link) != 0) {
		damaged(message,
			"link type %u is not supported, only Ethernet, raw IP, LINUX_SLL and "
			"LINUX_SLL2",
			iface->linktype);
		return -EPROTONOSUPPORT;
	}
	packet->data = take(body, packet->captured);
	if (!packet->data)
		return damaged(message, "its %u bytes are more than its block has",
			       packet->captured);
	if (packet->length < packet->captured)
		packet->length = packet->captured;
	packet->time_ns = to_ns(iface, time);
	packet->ifname = iface->name;
	packet->direction = CAPTURE_UNTOLD;
	return 1;
}

static int read_packet(const struct ng_reader *reader, uint32_t type, struct body *body,
		       struct capture_packet *packet, char message[CAPTURE_MESSAGE_MAX])
{
	const uint8_t *head = take(body, 20);
	int status;

	if (!head)
		return damaged(message, "its block is cut");
	packet->captured = word32(reader, head + 12);
	packet->length = word32(reader, head + 16);
	status = finish_packet(reader, body,
			       type == NG_PACKET ? word32(reader, head) : word16(reader, head),
			       (uint64_t)word32(reader, head + 4) << 32 | word32(reader, head + 8),
			       packet, message);
	if (status == 1)
		read_flags(reader, *body, packet);
	return status;
}

static int read_simple(const struct ng_reader *reader, struct body *body,
		       struct capture_packet *packet, char message[CAPTURE_MESSAGE_MAX])
{
	const uint8_t *head = take(body, 4);

	if (!head)
		return damaged(message, "its block is cut");
	packet->length = packet->captured = word32(reader, head);
	if (reader->count && reader->ifaces[0].snaplen &&
	    packet->captured > reader->ifaces[0].snaplen)
		packet->captured = reader->ifaces[0].snaplen;
	return finish_packet(reader, body, 0, 0, packet, message);
}

int ng_next(struct ng_reader *reader, struct capture_packet *packet,
	    char message[CAPTURE_MESSAGE_MAX])
{
	uint32_t type = 0;
	struct body body = {};
	int status;

	while ((status = read_block(reader, &type, &body, message)) == 1) {
		switch (type) {
		case NG_SECTION:
			reader->count = 0;
			break;
		case NG_INTERFACE:
			status = read_iface(reader, &body, message);
			if (status)
				return status;
			break;
		case NG_PACKET:
		case NG_OLD_PACKET:
			return read_packet(reader, type, &body, packet, message);
		case NG_SIMPLE_PACKET:
			return read_simple(reader, &body, packet, message);
		default: /* names, statistics, comments: for others */
			break;
		}
	}
	return status;
}
