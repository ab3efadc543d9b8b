/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* notify.c - see notify.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"
#include "text.h"

void notify(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char message[1024];
	socklen_t size;
	va_list args;
	int fd, flags = MSG_NOSIGNAL;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path));
	if (path[0] == '@')
		to.sun_path[0] = 0; /* the abstract names begin so */
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Who does not listen is told nothing, and soon waited for no more: the firewall goes on.
	 */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = 1},
			 sizeof(struct timeval));
	if (strncmp(message, "STATUS", 6) == 0 || strncmp(message, "WATCHDOG", 8) == 0)
		flags |= MSG_DONTWAIT; /* there will be another */
	(void)sendto(fd, message, strlen(message), flags, (struct sockaddr *)&to, size);
	close(fd);
}

uint64_t notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t value, of;

	if (!usec || text_number(usec, 1, UINT64_MAX, &value))
		return 0;
	if (pid && (text_number(pid, 1, INT32_MAX, &of) || of != (uint64_t)getpid()))
		return 0;
	return value / 1000 / 2;
}
