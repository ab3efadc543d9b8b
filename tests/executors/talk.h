/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * talk.h - conversations whose packets follow each other as those of hosts do, most of
 * the time: handshakes, data, ends; questions and answers; pings.
 */
#ifndef IFW_TESTS_TALK_H
#define IFW_TESTS_TALK_H

#include "tests/unit/track_fixture.h"

#define TALKS 24

struct talk {
	uint8_t protocol; /* 0: there is none yet */
	uint8_t family;	  /* [IPv6] */
	uint8_t ifindex;
	uint8_t ours; /* index of the side that is behind this host */
	uint8_t step;
	uint8_t address[2]; /* in taken_addresses */
	uint16_t port[2];
	uint32_t next[2]; /* sequence numbers */
	uint8_t scale[2];
};

struct talks {
	struct talk talk[TALKS];
};

/* The next packet of one of them, which way it goes, and by which interface. */
struct frame talk_on(struct talks *talks, uint64_t *state, uint8_t *direction, uint32_t *ifindex);

#endif /* IFW_TESTS_TALK_H */
