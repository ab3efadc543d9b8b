/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * events.c - the program's events, read from the ring buffer. It has one
 * reading end: two readers would each see a part, so a second one is refused.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "internal.h"

/*
 * A name in the abstract socket namespace, which is the network namespace's
 * own and is freed with the process, however it ends.
 */
static int claim(const struct loader *loader, int *fd)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "ifw-events%.80s",
			      loader->dir);

	*fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	if (bind(*fd, (struct sockaddr *)&name,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)))
		return errno == EADDRINUSE ? -EBUSY : -errno;
	return 0;
}

/* Events come faster than they are read when packets do; so they are counted. */
#define EVENTS_A_LOOK 64

#define TICK_NS 1000000000ULL
#define TICK_MS 1000
/* What is asked for ends this long after a reader was killed, who asks each second. */
#define WATCH_NS (3 * TICK_NS)

struct reader {
	const struct events_wanted *wanted;
	const struct loader *loader;
	uint32_t ring_id; /* of the map that is read */
	int watch_fd;	  /* -1: nothing is asked for */
	unsigned int taken;
	uint64_t since_ns; /* CLOCK_MONOTONIC: what is older was asked for by somebody else */
	uint64_t tick_ns;  /* CLOCK_MONOTONIC: of the next tick */
	uint64_t until_ns; /* CLOCK_MONOTONIC; told to stop then. 0: not yet */
	bool stopped;
	bool replaced; /* what is in the ring still is all that comes */
	int err;
};

static bool is_readable(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLIN};

	return poll(&look, 1, 0) > 0;
}

/* until_ns 0: no more. */
static int ask(const struct reader *reader, uint64_t until_ns)
{
	struct ifw_watch watch = {0};
	uint32_t zero = 0;

	if (reader->watch_fd < 0)
		return 0;
	if (until_ns)
		watch = *reader->wanted->watch;
	watch.until_ns = until_ns;
	return bpf_map_update_elem(reader->watch_fd, &zero, &watch, BPF_ANY) ? -errno : 0;
}

static void flush(struct reader *reader)
{
	if (reader->wanted->flush && reader->wanted->flush(reader->wanted->arg))
		reader->stopped = true;
}

/* 0: it cannot be told. */
static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

/* Whether programs write elsewhere by now: into a map that an upgrade made, or into none. */
static bool is_replaced(const struct reader *reader)
{
	CLEANUP(cleanup_close) int fd = -1;
	int err = pin_open(reader->loader, "events", &fd);

	return err ? err == -ENOENT : map_id(fd) != reader->ring_id;
}

static void tick_if_due(struct reader *reader)
{
	uint64_t now = clock_ns();

	if (now < reader->tick_ns)
		return;
	reader->tick_ns = now + TICK_NS;
	reader->err = ask(reader, now + WATCH_NS);
	reader->replaced = is_replaced(reader);
	flush(reader);
}

static int take_event(void *arg, void *data, size_t size)
{
	const struct ifw_packet_event *packet = data;
	const struct ifw_event *event = data;
	struct reader *reader = arg;

	if (size < sizeof(*event) || event->time_ns < reader->since_ns)
		return 0;
	if (size < sizeof(*packet) || size - sizeof(*packet) < packet->captured)
		packet = NULL;
	/*
	 * As long as there are events libbpf does not come back from here. What
	 * was there when the end was asked for is handed on, what came later not.
	 */
	if (++reader->taken % EVENTS_A_LOOK == 0) {
		if (!reader->until_ns && is_readable(reader->wanted->stop_fd))
			reader->until_ns = clock_ns();
		tick_if_due(reader);
	}
	if (reader->err || (reader->until_ns && event->time_ns > reader->until_ns) ||
	    reader->wanted->callback(reader->wanted->arg, event, packet))
		reader->stopped = true;
	return reader->stopped ? -ECANCELED : 0;
}

static int read_events(struct ring_buffer *ring, struct reader *reader)
{
	struct pollfd fds[2] = {
		{.fd = ring_buffer__epoll_fd(ring), .events = POLLIN},
		{.fd = reader->wanted->stop_fd, .events = POLLIN},
	};

	for (;;) {
		int got;

		tick_if_due(reader);
		got = reader->err ? 0 : ring_buffer__consume(ring);
		flush(reader);
		if (reader->stopped || reader->err)
			return reader->err;
		if (got < 0)
			return got;
		if (reader->replaced)
			return -ESTALE;
		if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents) {
			reader->until_ns = clock_ns();
			(void)ring_buffer__consume(ring);
			flush(reader);
			return 0;
		}
	}
}

int loader_events(struct loader *loader, const struct events_wanted *wanted,
		  struct failure *failure)
{
	CLEANUP(cleanup_close) int claim_fd = -1;
	CLEANUP(cleanup_close) int events_fd = -1;
	CLEANUP(cleanup_close) int watch_fd = -1;
	struct reader reader = {
		.wanted = wanted,
		.loader = loader,
		.since_ns = wanted->watch ? clock_ns() : 0,
	};
	struct ring_buffer *ring;
	int err;

	err = claim(loader, &claim_fd);
	if (err == -EBUSY)
		return fail(failure, err,
			    "somebody reads the events already (another ifw monitor)");
	if (!err)
		err = pin_open(loader, "events", &events_fd);
	if (!err && wanted->watch)
		err = pin_open(loader, "watch", &watch_fd);
	if (err)
		return fail_errno(failure, err, "cannot open the events");
	reader.watch_fd = watch_fd;
	reader.ring_id = map_id(events_fd);
	ring = ring_buffer__new(events_fd, take_event, &reader, NULL);
	if (!ring)
		return fail_errno(failure, -errno, "cannot read the events");
	err = read_events(ring, &reader);
	(void)ask(&reader, 0);
	ring_buffer__free(ring);
	if (err == -ESTALE)
		return fail(failure, err,
			    "the events that were read have ended: everything was taken down, or "
			    "'ifw upgrade' put another state in its place; start again");
	return err ? fail_errno(failure, err, "cannot read the events") : 0;
}
