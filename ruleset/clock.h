/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* clock.h - the time that does not jump. */
#ifndef IFW_RULESET_CLOCK_H
#define IFW_RULESET_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, which the kernel's times of packets and flows are of, too. */
static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif /* IFW_RULESET_CLOCK_H */
