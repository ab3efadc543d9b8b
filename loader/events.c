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

struct reader {
	event_fn callback;
	void *arg;
	int stop_fd;
	unsigned int taken;
	uint64_t until_ns; /* CLOCK_MONOTONIC; told to stop then. 0: not yet */
	bool stopped;
};

static bool is_readable(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLIN};

	return poll(&look, 1, 0) > 0;
}

static int take_event(void *arg, void *data, size_t size)
{
	const struct ifw_event *event = data;
	struct reader *reader = arg;

	if (size < sizeof(*event))
		return 0;
	/*
	 * As long as there are events libbpf does not come back from here. What
	 * was there when the end was asked for is handed on, what came later not.
	 */
	if (!reader->until_ns && ++reader->taken % EVENTS_A_LOOK == 0 &&
	    is_readable(reader->stop_fd))
		reader->until_ns = now_ns();
	reader->stopped = (reader->until_ns && event->time_ns > reader->until_ns) ||
			  reader->callback(reader->arg, event) != 0;
	return reader->stopped ? -ECANCELED : 0;
}

static int read_events(struct ring_buffer *ring, struct reader *reader, void (*flush)(void *arg))
{
	struct pollfd fds[2] = {
		{.fd = ring_buffer__epoll_fd(ring), .events = POLLIN},
		{.fd = reader->stop_fd, .events = POLLIN},
	};

	for (;;) {
		int got = ring_buffer__consume(ring);

		if (flush)
			flush(reader->arg);
		if (reader->stopped)
			return 0;
		if (got < 0)
			return got;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents) {
			reader->until_ns = now_ns();
			(void)ring_buffer__consume(ring);
			if (flush)
				flush(reader->arg);
			return 0;
		}
	}
}

int loader_events(struct loader *loader, int stop_fd, event_fn callback, void (*flush)(void *arg),
		  void *arg, struct failure *failure)
{
	struct reader reader = {.callback = callback, .arg = arg, .stop_fd = stop_fd};
	CLEANUP(cleanup_close) int claim_fd = -1;
	CLEANUP(cleanup_close) int events_fd = -1;
	struct ring_buffer *ring;
	char path[PATH_MAX];
	int err;

	err = claim(loader, &claim_fd);
	if (err == -EBUSY)
		return fail(failure, err,
			    "somebody reads the events already (another ifw monitor)");
	if (!err)
		err = pin_path(loader, "events", path, sizeof(path));
	if (!err) {
		events_fd = bpf_obj_get(path);
		err = events_fd < 0 ? -errno : 0;
	}
	if (err)
		return fail_errno(failure, err, "cannot open the events");
	ring = ring_buffer__new(events_fd, take_event, &reader, NULL);
	if (!ring)
		return fail_errno(failure, -errno, "cannot read the events");
	err = read_events(ring, &reader, flush);
	ring_buffer__free(ring);
	return err ? fail_errno(failure, err, "cannot read the events") : 0;
}
