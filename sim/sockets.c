/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sockets.c - the mocked kernel's socket tables, and who is found in them for
 * a tuple: net/ipv4/inet_hashtables.c for TCP, net/ipv4/udp.c for UDP, and
 * their IPv6 twins. A socket on [::] is found for IPv4 too, unless it is
 * v6only; one on an IPv4 address never for IPv6; one that is bound to an interface
 * for packets of that alone, and before one that is not.
 */
#include <errno.h>
#include <stdlib.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "world.h"

static const struct ifw_addr any;

/* What the kernel hashes it by: the IPv4 addresses, whatever the socket's own family. */
static struct sim_socket_key as_searched(const struct sim_socket_key *key)
{
	struct sim_socket_key searched = *key;

	if (key->family != IFW_FAMILY_IPV6 || !sim_is_mapped(key->local))
		return searched;
	searched.family = IFW_FAMILY_IPV4;
	searched.local = (struct ifw_addr){key->local.lo << 32, 0};
	searched.peer = (struct ifw_addr){key->peer.lo << 32, 0};
	return searched;
}

static void fill_sock(struct bpf_sock *sk, const struct sim_socket_key *key, uint32_t state)
{
	const struct sim_socket_key searched = as_searched(key);

	sk->protocol = key->protocol;
	sk->type = key->protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	sk->state = state;
	sk->src_port = key->local_port;
	sk->dst_port = __builtin_bswap16(key->peer_port);
	sk->family = AF_INET;
	if (searched.family == IFW_FAMILY_IPV4) {
		sk->src_ip4 = ifw_addr_to_ipv4(searched.local);
		sk->dst_ip4 = ifw_addr_to_ipv4(searched.peer);
	}
	if (key->family == IFW_FAMILY_IPV6) {
		sk->family = AF_INET6;
		ifw_addr_to_ipv6(key->local, sk->src_ip6);
		ifw_addr_to_ipv6(key->peer, sk->dst_ip6);
	}
}

static const struct sim_socket *find(const struct sim_world *world,
				     const struct sim_socket_key *key)
{
	struct sim_socket *socket;

	HASH_FIND(hh, world->sockets, key, sizeof(*key), socket);
	return socket;
}

struct sim_socket *sim_world_find_socket(const struct sim_world *world,
					 const struct sim_socket_key *key)
{
	const struct sim_socket_key searched = as_searched(key);
	struct sim_socket *socket;

	HASH_FIND(hh, world->sockets, &searched, sizeof(searched), socket);
	return socket;
}

int sim_world_add_socket(struct sim_world *world, const struct sim_socket_key *key, uint32_t state,
			 unsigned int flags)
{
	const struct sim_socket_key searched = as_searched(key);
	struct sim_socket *socket;
	bool no_memory = false;

	if (find(world, &searched))
		return -EEXIST;
	socket = calloc(1, sizeof(*socket));
	if (!socket)
		return -ENOMEM;
	socket->key = searched;
	socket->flags = flags;
	fill_sock(&socket->sk, key, state);
	HASH_ADD(hh, world->sockets, key, sizeof(socket->key), socket);
	if (no_memory) {
		free(socket);
		return -ENOMEM;
	}
	world->sockets_bound |= searched.slot != 0;
	world->socket_ports[searched.local_port / 64] |= 1ULL << searched.local_port % 64;
	return 0;
}

void sim_world_close_socket(struct sim_world *world, struct sim_socket *socket)
{
	struct sim_listener *kept, *next;

	HASH_ITER(hh, world->listeners, kept, next)
	{
		if (kept->of != socket)
			continue;
		HASH_DEL(world->listeners, kept);
		free(kept);
	}
	HASH_DEL(world->sockets, socket);
	free(socket);
}

void sim_world_clear_sockets(struct sim_world *world)
{
	while (world->sockets)
		sim_world_close_socket(world, world->sockets);
	memset(world->socket_ports, 0, sizeof(world->socket_ports));
	world->sockets_bound = false;
}

/* --- Lookup ----------------------------------------------------------------- */

/* The kernel knows the family by the size; with any other size it finds nothing. */
static bool tuple_key(const struct sim_world *world, uint32_t ifindex,
		      const struct bpf_sock_tuple *tuple, uint32_t size, uint8_t protocol,
		      struct sim_socket_key *key)
{
	memset(key, 0, sizeof(*key));
	key->protocol = protocol;
	if (world->sockets_bound)
		key->slot = sim_world_iface_slot(world, ifindex);
	if (size == sizeof(tuple->ipv4)) {
		key->family = IFW_FAMILY_IPV4;
		key->local = ifw_addr_from_ipv4(tuple->ipv4.daddr);
		key->peer = ifw_addr_from_ipv4(tuple->ipv4.saddr);
		key->local_port = __builtin_bswap16(tuple->ipv4.dport);
		key->peer_port = __builtin_bswap16(tuple->ipv4.sport);
	} else if (size == sizeof(tuple->ipv6)) {
		key->family = IFW_FAMILY_IPV6;
		key->local = ifw_addr_from_ipv6(tuple->ipv6.daddr);
		key->peer = ifw_addr_from_ipv6(tuple->ipv6.saddr);
		key->local_port = __builtin_bswap16(tuple->ipv6.dport);
		key->peer_port = __builtin_bswap16(tuple->ipv6.sport);
	} else {
		return false;
	}
	return true;
}

/* Key of the tuple's socket on its address (or on every one) with its peer (or with none). slot: of
 * the packet. */
static const struct sim_socket *find_as(const struct sim_world *world, struct sim_socket_key key,
					enum sim_socket_kind kind, bool any_local)
{
	key.kind = kind;
	if (any_local)
		key.local = any;
	if (kind == SIM_SOCKET_UNCONNECTED) {
		key.peer = any;
		key.peer_port = 0;
	}
	if (key.slot) {
		const struct sim_socket *socket = find(world, &key);

		if (socket)
			return socket;
		key.slot = 0;
	}
	return find(world, &key);
}

/* Last, since it scores least: an IPv6 socket on every address, for IPv4. */
static const struct sim_socket *find_dual(const struct sim_world *world, struct sim_socket_key key)
{
	const struct sim_socket *socket;

	if (key.family != IFW_FAMILY_IPV4)
		return NULL;
	key.family = IFW_FAMILY_IPV6;
	socket = find_as(world, key, SIM_SOCKET_UNCONNECTED, true);
	return socket && !(socket->flags & SIM_SOCKET_V6ONLY) ? socket : NULL;
}

/* Whether it is worth the while to look: most packets are for ports that no socket here has. */
static bool may_have(const struct sim_world *world, uint16_t local_port)
{
	return world->socket_ports[local_port / 64] >> local_port % 64 & 1;
}

/* A conversation (TIME_WAIT and requests too), then who listens: on the address, on any. */
const struct sim_socket *sim_world_lookup_tcp(const struct sim_world *world, uint32_t ifindex,
					      const struct bpf_sock_tuple *tuple, uint32_t size)
{
	const struct sim_socket *socket;
	struct sim_socket_key key;

	if (!tuple_key(world, ifindex, tuple, size, IPPROTO_TCP, &key) ||
	    !may_have(world, key.local_port))
		return NULL;
	socket = find_as(world, key, SIM_SOCKET_CONNECTED, false);
	if (!socket)
		socket = find_as(world, key, SIM_SOCKET_UNCONNECTED, false);
	if (!socket)
		socket = find_as(world, key, SIM_SOCKET_UNCONNECTED, true);
	return socket ? socket : find_dual(world, key);
}

/* The address counts before the peer: any socket on it beats every wildcard one. */
const struct sim_socket *sim_world_lookup_udp(const struct sim_world *world, uint32_t ifindex,
					      const struct bpf_sock_tuple *tuple, uint32_t size)
{
	const struct sim_socket *socket = NULL;
	struct sim_socket_key key;

	if (!tuple_key(world, ifindex, tuple, size, IPPROTO_UDP, &key) ||
	    !may_have(world, key.local_port))
		return NULL;
	for (int any_local = 0; any_local < 2 && !socket; any_local++) {
		socket = find_as(world, key, SIM_SOCKET_CONNECTED, any_local);
		if (!socket)
			socket = find_as(world, key, SIM_SOCKET_UNCONNECTED, any_local);
	}
	return socket ? socket : find_dual(world, key);
}

/* --- Kept listeners --------------------------------------------------------- */

/* Its own end is the packet's source: as the kernel finds it for an answer. */
const struct sim_socket *sim_world_sender(const struct sim_world *world, uint32_t ifindex,
					  const struct packet *p)
{
	struct sim_socket_key key = {
		.local = p->src,
		.peer = p->dst,
		.local_port = p->src_port,
		.peer_port = p->dst_port,
		.family = p->family,
		.protocol = p->protocol,
		.slot = world->sockets_bound ? sim_world_iface_slot(world, ifindex) : 0,
	};
	const struct sim_socket *socket = find_as(world, key, SIM_SOCKET_CONNECTED, false);

	if (!socket)
		socket = find_as(world, key, SIM_SOCKET_UNCONNECTED, false);
	if (!socket && sim_world_is_own(world, p->src, p->family))
		socket = find_as(world, key, SIM_SOCKET_UNCONNECTED, true);
	return socket;
}

static struct sim_listener *find_kept(const struct sim_world *world,
				      const struct ifw_listener_key *key)
{
	struct sim_listener *kept;

	HASH_FIND(hh, world->listeners, key, sizeof(*key), kept);
	return kept;
}

int sim_world_keep_listener(struct sim_world *world, const struct ifw_listener_key *key,
			    const struct sim_socket *socket)
{
	struct sim_listener *kept;
	bool no_memory = false;

	if (find_kept(world, key))
		return 0;
	if (socket->key.protocol == IPPROTO_TCP && socket->sk.state != BPF_TCP_LISTEN &&
	    socket->sk.state != BPF_TCP_ESTABLISHED)
		return -EOPNOTSUPP;
	if (HASH_COUNT(world->listeners) >= IFW_LISTENERS_MAX)
		return -E2BIG;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	kept->key = *key;
	kept->of = socket;
	HASH_ADD(hh, world->listeners, key, sizeof(kept->key), kept);
	if (no_memory) {
		free(kept);
		return -ENOMEM;
	}
	return 0;
}

const struct sim_socket *sim_world_kept_listener(const struct sim_world *world,
						 const struct ifw_listener_key *key)
{
	const struct sim_listener *kept = find_kept(world, key);

	return kept ? kept->of : NULL;
}
