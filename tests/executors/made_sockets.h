/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * made_sockets.h - the sockets of a simulated world, made real in a namespace that
 * net_enter() made. TCP gets into its states by what a peer here sends, or without
 * a packet (TCP_REPAIR).
 */
#ifndef IFW_TESTS_MADE_SOCKETS_H
#define IFW_TESTS_MADE_SOCKETS_H

#include "sim/world.h"

struct made_sockets {
	int *fds;
	size_t count;
	bool lasting; /* something of them is left in the namespace when they are closed */
};

/*
 * 0 or -errno, and what could not be made. sink: the device of net_enter(). Close
 * them with made_sockets_close() in either case.
 */
int made_sockets_open(const struct sim_world *world, int sink, struct made_sockets *sockets,
		      char *why, size_t why_size);
void made_sockets_close(struct made_sockets *sockets);

#endif /* IFW_TESTS_MADE_SOCKETS_H */
