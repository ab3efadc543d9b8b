/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * check.h - an episode through a house and the simulator, compared packet by packet:
 * verdict, reason, rule, mark, assigned socket and the rest of the event; then
 * counters, flows and fragments.
 *
 * The simulator's clock is the kernel's: it gets each packet at the time that the
 * packet's event tells. The decision may have read a clock that is up to a jiffy
 * older, so an episode is over before any timeout is near (EPISODE_NS); longer times
 * pass at once, for both, and end on fractions of a second of their own.
 */
#ifndef IFW_TESTS_CHECK_H
#define IFW_TESTS_CHECK_H

#include "episode.h"

#define EPISODE_NS 250000000ULL

struct finding {
	bool found;
	uint32_t packet; /* index; behind the last where it shows at the end only */
	char text[512];	 /* lines */
};

struct check_counts {
	uint64_t packets;
	uint64_t by_reason[IFW_REASON_END][IFW_VERDICTS];
	uint64_t assigned, leaving, forwarded;
	unsigned int episodes, cut; /* cut: the machine was too slow for all of it */
	unsigned int disturbed;	    /* tried again, for a report of the kernel's own came by */
};

/* 0 or -errno where it could not be tried; what differs is in *finding. counts may be NULL. */
int check_episode(struct house *house, const struct episode *episode, struct check_counts *counts,
		  struct finding *finding, struct failure *failure);

#endif /* IFW_TESTS_CHECK_H */
