/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * episode.h - a random world with random rules and the packets for it, all out of
 * one number: the same on every machine. Interfaces and sockets are those of every
 * episode, settings and rules its own.
 */
#ifndef IFW_TESTS_EPISODE_H
#define IFW_TESTS_EPISODE_H

#include "house.h"

#define EPISODE_TEXT_MAX 8192
#define EPISODE_FRAME_MAX 2048 /* bytes */

struct episode_packet {
	uint32_t at, length; /* in episode.bytes */
	uint32_t ifindex;
	uint8_t direction;
	uint8_t sender; /* as in struct sim_frame */
	uint8_t tags;	/* VLAN tags that the stack takes off before: 1 more than are in bytes */
	uint8_t reserved;
	uint64_t wait_ns; /* of time that passes before it */
};

struct episode {
	uint64_t seed;
	bool raw; /* all of it on the device without Ethernet */
	char world[EPISODE_TEXT_MAX];
	char rules[EPISODE_TEXT_MAX];
	struct episode_packet *packets;
	uint32_t count;
	uint8_t *bytes;
};

extern const struct house_iface episode_ifaces[];

/* A world with the interfaces and sockets of all episodes. NULL: no memory. */
struct sim_world *episode_house(void);

/* 0 or -ENOMEM. Free with episode_free() in either case. */
int episode_make(uint64_t seed, uint32_t packets, struct episode *episode);
void episode_free(struct episode *episode);

/* Its world with rules in force; NULL: no memory, or (never) not understood. */
struct sim_world *episode_world(const struct episode *episode);

#endif /* IFW_TESTS_EPISODE_H */
