/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tcp.c - connections to a listener in the same process, both ends on one CPU,
 * so that what counts is the work for a connection or a byte and not who waits
 * for whom.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

#define CHUNK (256 << 10)  /* bytes a write or read */
#define PATIENCE_SECONDS 5 /* then a connection has failed */
#define BACKLOG 128

/* One connection: a first byte is answered; then all is read to its end and counted. */
static void serve_connection(int fd, char *buffer)
{
	uint64_t bytes = 0;
	ssize_t got;

	if (recv(fd, buffer, 1, 0) != 1 || send(fd, buffer, 1, MSG_NOSIGNAL) != 1)
		return;
	while ((got = recv(fd, buffer, CHUNK, 0)) > 0)
		bytes += (uint64_t)got;
	if (got == 0)
		(void)!send(fd, &bytes, sizeof(bytes), MSG_NOSIGNAL);
}

static void *serve(void *argument)
{
	int listener = (int)(intptr_t)argument;
	char *buffer = malloc(CHUNK);
	int fd;

	while (buffer && (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve_connection(fd, buffer);
		close(fd);
	}
	free(buffer);
	return NULL;
}

int tcp_serve(struct in_addr addr, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = addr};
	int on = 1, err;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) || listen(fd, BACKLOG)) {
		err = -errno;
		close(fd);
		return err;
	}
	/* The thread's own from here on; it ends with the process. */
	err = pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
	if (err) {
		close(fd);
		return -err;
	}
	(void)pthread_detach(thread);
	return 0;
}

/* A connection that has exchanged its first byte; negative: -errno. */
static int open_connection(const struct sockaddr_in *to)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte = 'x';
	int err;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 &&
	    send(fd, &byte, 1, MSG_NOSIGNAL) == 1) {
		errno = ECONNRESET; /* what an end of the stream means here */
		if (recv(fd, &byte, 1, 0) == 1)
			return fd;
	}
	err = -errno;
	close(fd);
	return err;
}

static struct effort effort_now(void)
{
	return (struct effort){.wall = wall_now(), .cpu = process_cpu_now()};
}

static struct effort effort_since(struct effort start)
{
	const struct effort now = effort_now();

	return (struct effort){.wall = now.wall - start.wall, .cpu = now.cpu - start.cpu};
}

int tcp_connections(const struct sockaddr_in *to, uint64_t count, struct effort *effort)
{
	/* Ended by a reset: no TIME_WAIT uses up the client's ports. */
	const struct linger reset = {.l_onoff = 1};
	const struct effort start = effort_now();

	for (uint64_t i = 0; i < count; i++) {
		int fd = open_connection(to);

		if (fd < 0)
			return fd;
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	*effort = effort_since(start);
	return 0;
}

static int stream(int fd, char *buffer, uint64_t milliseconds, uint64_t *bytes,
		  struct effort *effort)
{
	const struct effort start = effort_now();

	while (wall_now() - start.wall < milliseconds * 1000000U) {
		if (send(fd, buffer, CHUNK, MSG_NOSIGNAL) < 0)
			return -errno;
	}
	if (shutdown(fd, SHUT_WR))
		return -errno;
	/* The listener's count comes when it has everything. */
	if (recv(fd, bytes, sizeof(*bytes), MSG_WAITALL) != sizeof(*bytes))
		return -EIO;
	*effort = effort_since(start);
	return 0;
}

int tcp_stream(const struct sockaddr_in *to, uint64_t milliseconds, uint64_t *bytes,
	       struct effort *effort)
{
	char *buffer = calloc(1, CHUNK);
	int fd = -1, err = -ENOMEM;

	if (buffer)
		err = fd = open_connection(to);
	if (fd >= 0) {
		err = stream(fd, buffer, milliseconds, bytes, effort);
		close(fd);
	}
	free(buffer);
	return err;
}
