/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* house_packets.c - packets into a house, and what became of them; see house.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "house_internal.h"

#define FORWARDED_MAX 1500 /* bytes; more goes by no tap a second time */
#define PATIENCE_NS 500000000LL

/* To ff02::16 and ff02::2 (RFC 3810, RFC 4861): the kernel's own reports leave when they like. */
static bool is_report(const struct ifw_event *event)
{
	return event->direction == IFW_DIRECTION_OUT && event->family == IFW_FAMILY_IPV6 &&
	       event->dst.hi == 0xff02ULL << 48 && (event->dst.lo == 0x16 || event->dst.lo == 2);
}

int house_take_event(void *arg, void *data, size_t size)
{
	struct house *house = arg;

	house->reports += size >= sizeof(struct ifw_event) && is_report(data);
	if (size >= sizeof(struct ifw_event) && house->event_count < HOUSE_BATCH)
		memcpy(&house->event_of[house->event_count], data, sizeof(struct ifw_event));
	house->event_count++;
	return 0;
}

int house_take_after(void *arg, void *data, size_t size)
{
	struct house *house = arg;

	if (size >= sizeof(struct after) && house->after_count < HOUSE_BATCH)
		memcpy(&house->after_of[house->after_count], data, sizeof(struct after));
	house->after_count++;
	return 0;
}

/* --- Handing over -------------------------------------------------------------------- */

static const struct room *room_of(const struct house *house, uint32_t ifindex)
{
	for (size_t i = 0; i < house->count; i++)
		if (house->rooms[i].iface->ifindex == ifindex)
			return &house->rooms[i];
	return NULL;
}

/* A device refuses what cannot be a frame for it. */
static int write_to(int fd, const void *data, size_t length)
{
	if (write(fd, data, length) >= 0)
		return 1;
	return errno == EINVAL ? 0 : -errno;
}

static int send_out(const struct room *room, const struct sim_frame *frame)
{
	if (send(room->packet, frame->data, frame->length, 0) >= 0)
		return 1;
	if (errno == ENOBUFS) /* so it is told of a drop */
		return 1;
	return errno == EINVAL || errno == EMSGSIZE ? 0 : -errno;
}

static int forward(struct house *house, const struct sim_frame *frame)
{
	if (frame->length > FORWARDED_MAX)
		return 0;
	house->after->bss->after_to = frame->ifindex;
	return write_to(house->beside, frame->data, frame->length);
}

int house_send(struct house *house, const struct sim_frame *frame)
{
	const struct room *room = room_of(house, frame->ifindex);
	int taken;

	if (!room)
		return -ENODEV;
	if (frame->direction == IFW_DIRECTION_IN)
		taken = write_to(room->tap, frame->data, frame->length);
	else if (frame->sender == SIM_SENT_BY(IFW_SENDER_NONE))
		taken = forward(house, frame);
	else
		taken = send_out(room, frame);
	house->sent += taken > 0;
	return taken;
}

int house_forget(struct house *house)
{
	if (ring_buffer__consume(house->events) < 0 || ring_buffer__consume(house->passed) < 0)
		return -EIO;
	house->event_count = house->after_count = house->sent = 0;
	house->reports = 0;
	return 0;
}

unsigned int house_reports(const struct house *house)
{
	return house->reports;
}

int house_unlike(const struct house *house)
{
	return house->unlike;
}

/* --- Looking -------------------------------------------------------------------------- */

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int passes(const struct house *house)
{
	int count = 0;

	for (int i = 0; i < house->event_count && i < HOUSE_BATCH; i++)
		count += house->event_of[i].verdict == IFW_VERDICT_PASS;
	return count;
}

/* All that was sent was decided by now, but for what a busy kernel put off. */
static int collect(struct house *house)
{
	const long long until = now() + PATIENCE_NS;

	for (;;) {
		if (ring_buffer__consume(house->events) < 0 ||
		    ring_buffer__consume(house->passed) < 0)
			return -EIO;
		if ((house->event_count >= house->sent && house->after_count >= passes(house)) ||
		    now() > until)
			return 0;
	}
}

int house_look(struct house *house, struct house_seen seen[HOUSE_BATCH])
{
	int err = collect(house), count, after = 0;

	count = house->event_count <= HOUSE_BATCH ? house->event_count : HOUSE_BATCH;
	house->unlike = house->after_count - passes(house);
	for (int i = 0; i < count; i++) {
		seen[i].event = house->event_of[i];
		seen[i].passed = seen[i].event.verdict == IFW_VERDICT_PASS &&
				 after < house->after_count && after < HOUSE_BATCH;
		if (seen[i].passed)
			seen[i].after = house->after_of[after++];
	}
	if (!err && after != house->after_count)
		err = -EPROTO; /* somebody passed unseen, or did not though it was said */
	house->event_count = house->after_count = house->sent = 0;
	return err ? err : count;
}
