/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world_socket.c - the world file's statements `socket` and `close`.
 */
#include <errno.h>

#include <netinet/in.h>

#include "world_parse.h"
#include "world_socket.h"

static const struct socket_word socket_words[] = {
	{"tcp", "listen", IPPROTO_TCP, SIM_SOCKET_UNCONNECTED, BPF_TCP_LISTEN},
	{"tcp", "established", IPPROTO_TCP, SIM_SOCKET_CONNECTED, BPF_TCP_ESTABLISHED},
	{"tcp", "syn-sent", IPPROTO_TCP, SIM_SOCKET_CONNECTED, BPF_TCP_SYN_SENT},
	/* What a SYN made at a listener: a request, in a state of its own. */
	{"tcp", "syn-recv", IPPROTO_TCP, SIM_SOCKET_CONNECTED, BPF_TCP_NEW_SYN_RECV},
	{"tcp", "time-wait", IPPROTO_TCP, SIM_SOCKET_CONNECTED, BPF_TCP_TIME_WAIT},
	/* The kernel shows UDP sockets in TCP's states: CLOSE, or with a peer ESTABLISHED. */
	{"udp", "bound", IPPROTO_UDP, SIM_SOCKET_UNCONNECTED, BPF_TCP_CLOSE},
	{"udp", "connected", IPPROTO_UDP, SIM_SOCKET_CONNECTED, BPF_TCP_ESTABLISHED},
};

#define SOCKET_WORDS (sizeof(socket_words) / sizeof(socket_words[0]))

const struct socket_word *socket_word_find(const char *protocol, size_t protocol_len,
					   const char *state, size_t state_len)
{
	const struct word first = {protocol, protocol_len}, second = {state, state_len};

	for (size_t i = 0; i < SOCKET_WORDS; i++)
		if (word_is(first, socket_words[i].protocol) &&
		    word_is(second, socket_words[i].word))
			return &socket_words[i];
	return NULL;
}

const struct socket_word *socket_word_of(uint8_t protocol, uint8_t kind, uint32_t state)
{
	const struct socket_word *alike = NULL;

	for (size_t i = 0; i < SOCKET_WORDS; i++) {
		const struct socket_word *word = &socket_words[i];

		if (word->number != protocol || word->kind != kind)
			continue;
		if (word->state == state)
			return word;
		if (!alike)
			alike = word;
	}
	return alike;
}

static bool is_wildcard(struct ifw_addr addr)
{
	return addr.hi == 0 && addr.lo == 0;
}

const char *socket_fault(const struct sim_socket_key *key, uint8_t family_of_peer,
			 unsigned int flags)
{
	if (key->local_port == 0)
		return "no socket has port 0";
	if (flags & SIM_SOCKET_V6ONLY &&
	    (key->kind != SIM_SOCKET_UNCONNECTED || key->family != IFW_FAMILY_IPV6 ||
	     sim_is_mapped(key->local)))
		return "only a socket on an IPv6 address without peer is v6only";
	if (key->kind == SIM_SOCKET_UNCONNECTED)
		return NULL;
	if (is_wildcard(key->local))
		return "a socket with a peer has a local address";
	if (is_wildcard(key->peer) || key->peer_port == 0)
		return "a peer has an address and a port";
	if (family_of_peer != key->family || sim_is_mapped(key->local) != sim_is_mapped(key->peer))
		return "local and remote are of different families";
	return NULL;
}

static int parse_ends(struct parser *p, struct sim_socket_key *key)
{
	struct word word = scan_peek(&p->scan);
	uint8_t family = 0;

	if (parse_endpoint(p, "local address", &key->family, &key->local, &key->local_port) != 0)
		return -EINVAL;
	if (key->kind == SIM_SOCKET_UNCONNECTED)
		return 0;
	if (is_wildcard(key->local))
		return scan_error(&p->scan, word, "a socket with a peer has a local address");
	word = scan_peek(&p->scan);
	if (parse_endpoint(p, "remote address", &family, &key->peer, &key->peer_port) != 0)
		return -EINVAL;
	if (family != key->family)
		return scan_error(&p->scan, word, "local and remote are of different families");
	if (is_wildcard(key->peer))
		return scan_error(&p->scan, word, "a peer has an address");
	if (sim_is_mapped(key->local) != sim_is_mapped(key->peer))
		return scan_error(&p->scan, word, "local and remote are of different families");
	return 0;
}

/* Any order; each once. */
static int parse_flags(struct parser *p, const struct sim_socket_key *key, unsigned int *flags)
{
	struct word word;

	while ((word = scan_peek(&p->scan)).len) {
		unsigned int flag;

		if (word_is(word, "reuseport"))
			flag = SIM_SOCKET_REUSEPORT;
		else if (word_is(word, "v6only"))
			flag = SIM_SOCKET_V6ONLY;
		else
			break;
		if (*flags & flag)
			break;
		if (flag == SIM_SOCKET_V6ONLY &&
		    (key->kind != SIM_SOCKET_UNCONNECTED || key->family != IFW_FAMILY_IPV6 ||
		     sim_is_mapped(key->local)))
			return scan_error(
				&p->scan, word,
				"only a socket on an IPv6 address without peer is v6only");
		*flags |= flag;
		scan_word(&p->scan);
	}
	return parse_expect_end(p);
}

int parse_socket(struct parser *p)
{
	struct word protocol = scan_word(&p->scan), state = scan_word(&p->scan), word;
	const struct socket_word *type =
		socket_word_find(protocol.text, protocol.len, state.text, state.len);
	struct sim_socket_key key = {};
	struct sim_socket *there;
	unsigned int flags = 0;
	int error;

	if (!word_is(protocol, "tcp") && !word_is(protocol, "udp"))
		return scan_error(&p->scan, protocol, "expected tcp or udp");
	if (!type)
		return scan_error(&p->scan, state,
				  word_is(protocol, "tcp") ? "expected listen, established, "
							     "syn-sent, syn-recv or time-wait"
							   : "expected bound or connected");
	key.protocol = type->number;
	key.kind = type->kind;
	word = scan_peek(&p->scan);
	if (parse_ends(p, &key) != 0)
		return -EINVAL;
	if (parse_flags(p, &key, &flags) != 0)
		return -EINVAL;
	if (p->event && (there = sim_world_find_socket(p->world, &key)) != NULL)
		sim_world_close_socket(p->world, there); /* this is its state from now on */
	error = sim_world_add_socket(p->world, &key, type->state, flags);
	if (error == -EEXIST)
		return scan_error(&p->scan, word, "this socket is already there");
	return error;
}

int parse_close(struct parser *p)
{
	struct word protocol = scan_word(&p->scan), word = scan_peek(&p->scan);
	struct sim_socket_key key = {.kind = SIM_SOCKET_UNCONNECTED};
	struct sim_socket *socket;

	if (word_is(protocol, "tcp"))
		key.protocol = IPPROTO_TCP;
	else if (word_is(protocol, "udp"))
		key.protocol = IPPROTO_UDP;
	else
		return scan_error(&p->scan, protocol, "expected tcp or udp");
	if (parse_ends(p, &key) != 0)
		return -EINVAL;
	if (scan_peek(&p->scan).len) {
		uint8_t family = 0;

		key.kind = SIM_SOCKET_CONNECTED;
		if (parse_endpoint(p, "remote address", &family, &key.peer, &key.peer_port) != 0)
			return -EINVAL;
	}
	socket = sim_world_find_socket(p->world, &key);
	if (!socket)
		return scan_error(&p->scan, word, "there is no such socket then");
	sim_world_close_socket(p->world, socket);
	return parse_expect_end(p);
}
