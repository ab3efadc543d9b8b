/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * clock.c - CPU time of a thread and of the process, and time that only goes forward.
 */
#include <stdlib.h>
#include <time.h>

#include "traffic.h"

static uint64_t clock_read(clockid_t id)
{
	struct timespec now;

	if (clock_gettime(id, &now))
		abort();
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t cpu_now(void)
{
	return clock_read(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t process_cpu_now(void)
{
	return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t wall_now(void)
{
	return clock_read(CLOCK_MONOTONIC);
}
