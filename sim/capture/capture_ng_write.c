/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture_ng_write.c - see capture_ng.h: writing, in this machine's byte order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture_ng.h"
#include "capture_ng_form.h"
#include "ruleset/room.h"

#define NANOSECONDS 9 /* if_tsresol: 10^-9 s */
#define VERSION_MAJOR 1
#define SNAPLEN 262144 /* bytes: what tcpdump writes by default */

struct ng_iface {
	char name[CAPTURE_IFNAME_MAX];
	enum capture_link link;
};

struct ng_writer {
	FILE *file;
	int error;
	struct ng_iface *ifaces; /* those described so far */
	size_t room;
	uint32_t count;
	uint32_t last; /* most packets are of the interface of the one before */
};

static void put(struct ng_writer *writer, const void *bytes, size_t size)
{
	static const uint8_t padding[4];
	const size_t left = (4 - size % 4) % 4;

	if (!writer->error && (fwrite(bytes, 1, size, writer->file) != size ||
			       fwrite(padding, 1, left, writer->file) != left))
		writer->error = errno ? -errno : -EIO;
}

static void put32(struct ng_writer *writer, uint32_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_option(struct ng_writer *writer, uint16_t option, const void *value, uint16_t size)
{
	const uint16_t head[2] = {option, size};

	put(writer, head, sizeof(head));
	put(writer, value, size);
}

static uint32_t padded(size_t size)
{
	return (uint32_t)(size + 3) & ~3U;
}

int ng_create(FILE *file, struct ng_writer **writer)
{
	static const uint16_t version[2] = {VERSION_MAJOR, 0};
	struct ng_writer *new = calloc(1, sizeof(*new));
	const uint32_t size = 28;

	if (!new)
		return -ENOMEM;
	new->file = file;
	errno = 0;
	put32(new, NG_SECTION);
	put32(new, size);
	put32(new, NG_MAGIC);
	put(new, version, sizeof(version));
	put32(new, UINT32_MAX); /* how long the section is, is not said */
	put32(new, UINT32_MAX);
	put32(new, size);
	*writer = new;
	return 0;
}

static uint16_t linktype_of(enum capture_link link)
{
	switch (link) {
	case CAPTURE_RAW_IP:
		return NG_LINKTYPE_RAW;
	case CAPTURE_COOKED:
		return NG_LINKTYPE_SLL;
	case CAPTURE_COOKED2:
		return NG_LINKTYPE_SLL2;
	default:
		return NG_LINKTYPE_ETHERNET;
	}
}

static void put_iface(struct ng_writer *writer, const struct ng_iface *iface)
{
	const uint16_t link[2] = {linktype_of(iface->link), 0};
	const uint8_t resolution = NANOSECONDS;
	const size_t name = strlen(iface->name);
	const uint32_t size = 8 + 8 + (name ? 4 + padded(name) : 0) + 8 + 4 + 4;

	put32(writer, NG_INTERFACE);
	put32(writer, size);
	put(writer, link, sizeof(link));
	put32(writer, SNAPLEN);
	if (name)
		put_option(writer, NG_IF_NAME, iface->name, (uint16_t)name);
	put_option(writer, NG_IF_TSRESOL, &resolution, sizeof(resolution));
	put_option(writer, 0, "", 0);
	put32(writer, size);
}

static bool is_iface(const struct ng_iface *iface, const char *name, enum capture_link link)
{
	return iface->link == link && strcmp(iface->name, name) == 0;
}

/* Its number, after describing it where it is new; the writer's error is set where that fails. */
static uint32_t number_of(struct ng_writer *writer, const char *name, enum capture_link link)
{
	if (writer->last < writer->count && is_iface(&writer->ifaces[writer->last], name, link))
		return writer->last;
	for (uint32_t i = 0; i < writer->count; i++)
		if (is_iface(&writer->ifaces[i], name, link))
			return i;
	if (room_for_one(&writer->ifaces, writer->count, &writer->room, sizeof(*writer->ifaces))) {
		writer->error = -ENOMEM;
		return 0;
	}
	writer->ifaces[writer->count] = (struct ng_iface){.link = link};
	snprintf(writer->ifaces[writer->count].name, CAPTURE_IFNAME_MAX, "%s", name);
	put_iface(writer, &writer->ifaces[writer->count]);
	return writer->count++;
}

/* What is longer than an option can be is cut. */
static uint16_t comment_size(const char *comment)
{
	return (uint16_t)strnlen(comment, UINT16_MAX & ~3U);
}

void ng_write(struct ng_writer *writer, const struct capture_packet *packet)
{
	const uint32_t flags = packet->direction;
	const uint16_t comment = packet->comment ? comment_size(packet->comment) : 0;
	const uint32_t options = (comment ? 4 + padded(comment) : 0) + (flags ? 8 : 0);
	const uint32_t size = 8 + 20 + padded(packet->captured) + (options ? options + 4 : 0) + 4;

	if (writer->error)
		return;
	errno = 0;
	writer->last = number_of(writer, packet->ifname ? packet->ifname : "", packet->link);
	put32(writer, NG_PACKET);
	put32(writer, size);
	put32(writer, writer->last);
	put32(writer, (uint32_t)(packet->time_ns >> 32));
	put32(writer, (uint32_t)packet->time_ns);
	put32(writer, packet->captured);
	put32(writer, packet->length);
	put(writer, packet->data, packet->captured);
	if (comment)
		put_option(writer, NG_COMMENT, packet->comment, comment);
	if (flags)
		put_option(writer, NG_EPB_FLAGS, &flags, sizeof(flags));
	if (options)
		put_option(writer, 0, "", 0);
	put32(writer, size);
}

int ng_flush(struct ng_writer *writer)
{
	errno = 0;
	if (!writer->error && fflush(writer->file) != 0)
		writer->error = errno ? -errno : -EIO;
	return writer->error;
}

int ng_finish(struct ng_writer *writer)
{
	int error = writer->error;

	errno = 0;
	if (fclose(writer->file) != 0 && !error)
		error = errno ? -errno : -EIO;
	free(writer->ifaces);
	free(writer);
	return error;
}
