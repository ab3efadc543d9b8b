/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world_socket.h - sockets in words, as world files and states have them.
 */
#ifndef IFW_SIM_WORLD_SOCKET_H
#define IFW_SIM_WORLD_SOCKET_H

#include "world.h"

struct socket_word {
	const char *protocol;
	const char *word;
	uint8_t number; /* IPPROTO_* */
	uint8_t kind;	/* enum sim_socket_kind */
	uint32_t state; /* BPF_TCP_* */
};

/* By both words; NULL: there is none. */
const struct socket_word *socket_word_find(const char *protocol, size_t protocol_len,
					   const char *state, size_t state_len);

/* That of a socket in this state; any other of one with a peer is "established". Never NULL. */
const struct socket_word *socket_word_of(uint8_t protocol, uint8_t kind, uint32_t state);

/* What is wrong with such a socket; NULL: nothing. family_of_peer: of the peer as it was given. */
const char *socket_fault(const struct sim_socket_key *key, uint8_t family_of_peer,
			 unsigned int flags);

#endif /* IFW_SIM_WORLD_SOCKET_H */
