/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* made_sockets.c - see made_sockets.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "made_net.h"
#include "made_sockets.h"
#include "sim/flow.h"

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

struct maker {
	struct made_sockets *made;
	int sink;
};

/* One on an IPv4-mapped address has the key of an IPv4 socket. */
static bool is_mapped(const struct sim_socket *socket)
{
	return socket->sk.family == AF_INET6 && socket->key.family == IFW_FAMILY_IPV4;
}

static socklen_t address_of(const struct sim_socket *socket, bool peer, union address *address)
{
	const struct ifw_addr addr = peer ? socket->key.peer : socket->key.local;
	const __be16 port = htons(peer ? socket->key.peer_port : socket->key.local_port);

	memset(address, 0, sizeof(*address));
	if (socket->sk.family == AF_INET) {
		address->ipv4.sin_family = AF_INET;
		address->ipv4.sin_port = port;
		address->ipv4.sin_addr.s_addr = ifw_addr_to_ipv4(addr);
		return sizeof(address->ipv4);
	}
	address->ipv6.sin6_family = AF_INET6;
	address->ipv6.sin6_port = port;
	if (is_mapped(socket)) {
		address->ipv6.sin6_addr.s6_addr32[2] = htonl(0xffff);
		address->ipv6.sin6_addr.s6_addr32[3] = ifw_addr_to_ipv4(addr);
	} else {
		ifw_addr_to_ipv6(addr, address->ipv6.sin6_addr.s6_addr32);
	}
	return sizeof(address->ipv6);
}

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/* Any address can be its own, and a listener can get what is for others. */
static int open_one(struct maker *maker, const struct sim_socket *of)
{
	const bool tcp = of->key.protocol == IPPROTO_TCP, ipv6 = of->sk.family == AF_INET6;
	int *grown, fd, err = 0;

	fd = socket(ipv6 ? AF_INET6 : AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	grown = realloc(maker->made->fds, (maker->made->count + 1) * sizeof(*grown));
	if (!grown) {
		close(fd);
		return -ENOMEM;
	}
	maker->made->fds = grown;
	grown[maker->made->count++] = fd;
	if (ipv6)
		err = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !!(of->flags & SIM_SOCKET_V6ONLY));
	if (!err)
		err = ipv6 ? set_option(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
			   : set_option(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
	if (!err && tcp)
		err = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!err && of->flags & SIM_SOCKET_REUSEPORT)
		err = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return err ? err : fd;
}

static int open_bound(struct maker *maker, const struct sim_socket *of)
{
	union address local;
	socklen_t size = address_of(of, false, &local);
	int fd = open_one(maker, of);

	if (fd >= 0 && bind(fd, &local.any, size))
		return -errno;
	return fd;
}

static int make_bound(struct maker *maker, const struct sim_socket *of)
{
	int fd = open_bound(maker, of);

	return fd < 0 ? fd : 0;
}

static int make_listener(struct maker *maker, const struct sim_socket *of)
{
	int fd = open_bound(maker, of);

	if (fd >= 0 && listen(fd, 8))
		return -errno;
	return fd < 0 ? fd : 0;
}

static int connect_to_peer(int fd, const struct sim_socket *of)
{
	union address peer;
	socklen_t size = address_of(of, true, &peer);

	return connect(fd, &peer.any, size) ? -errno : 0;
}

static int make_connected(struct maker *maker, const struct sim_socket *of)
{
	int fd = open_bound(maker, of);

	return fd < 0 ? fd : connect_to_peer(fd, of);
}

/* Connected without a packet; it stays in repair, so that it sends none either. */
static int make_established(struct maker *maker, const struct sim_socket *of)
{
	union address local;
	socklen_t size = address_of(of, false, &local);
	int fd = open_one(maker, of), err;

	if (fd < 0)
		return fd;
	err = set_option(fd, IPPROTO_TCP, TCP_REPAIR, 1);
	if (!err && bind(fd, &local.any, size))
		err = -errno;
	return err ? err : connect_to_peer(fd, of);
}

/* What goes to the peer is not answered. */
static int silence_peer(const struct sim_socket *of)
{
	const struct net_address peer = {
		.family = of->key.family,
		.len = of->key.family == IFW_FAMILY_IPV4 ? 32 : 128,
		.addr = of->key.peer,
	};

	return net_route(&peer, NET_SINK_IFINDEX);
}

static int make_syn_sent(struct maker *maker, const struct sim_socket *of)
{
	int fd = open_bound(maker, of), err;

	if (fd < 0)
		return fd;
	maker->made->lasting = true;
	err = silence_peer(of);
	if (!err && fcntl(fd, F_SETFL, O_NONBLOCK))
		err = -errno;
	if (err)
		return err;
	err = connect_to_peer(fd, of);
	return err == -EINPROGRESS ? 0 : err; /* for ever */
}

/* A SYN from the peer, whose answer ends in the sink. */
static int make_syn_recv(struct maker *maker, const struct sim_socket *of)
{
	const struct flow flow = {
		.family = of->key.family,
		.protocol = IPPROTO_TCP,
		.src = of->key.peer,
		.dst = of->key.local,
		.src_port = of->key.peer_port,
		.dst_port = of->key.local_port,
	};
	uint8_t frame[FLOW_FRAME_MAX];
	size_t length = flow_frame(&flow, frame);
	int err = make_listener(maker, of);

	maker->made->lasting = true;
	if (!err)
		err = silence_peer(of);
	if (err)
		return err;
	return write(maker->sink, frame + sizeof(struct ethhdr), length - sizeof(struct ethhdr)) < 0
		       ? -errno
		       : 0;
}

/* Closed first by the side that is to wait. */
static int make_time_wait(struct maker *maker, const struct sim_socket *of)
{
	struct sim_socket other = *of;
	int *fds, far, err;

	other.key.local = of->key.peer;
	other.key.local_port = of->key.peer_port;
	maker->made->lasting = true;
	err = make_listener(maker, &other);
	if (!err)
		err = make_connected(maker, of);
	if (err)
		return err;
	fds = maker->made->fds + maker->made->count - 2;
	far = accept4(fds[0], NULL, NULL, SOCK_CLOEXEC);
	if (far < 0)
		return -errno;
	close(fds[1]);
	close(far);
	close(fds[0]);
	maker->made->count -= 2;
	return 0;
}

void made_sockets_close(struct made_sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		close(sockets->fds[i]);
	free(sockets->fds);
	*sockets = (struct made_sockets){};
}

int made_sockets_open(const struct sim_world *world, int sink, struct made_sockets *sockets,
		      char *why, size_t why_size)
{
	/*
	 * In this order a listener finds no port taken, whatever else has its address, and
	 * no peer is silenced that has to answer.
	 */
	static const struct {
		uint8_t protocol;
		uint32_t state;
		int (*make)(struct maker *maker, const struct sim_socket *of);
		const char *name;
	} kinds[] = {
		{IPPROTO_TCP, BPF_TCP_TIME_WAIT, make_time_wait, "a connection in TIME_WAIT"},
		{IPPROTO_TCP, BPF_TCP_ESTABLISHED, make_established, "an established connection"},
		{IPPROTO_TCP, BPF_TCP_SYN_SENT, make_syn_sent, "a connection in SYN_SENT"},
		{IPPROTO_UDP, BPF_TCP_CLOSE, make_bound, "a UDP socket"},
		{IPPROTO_UDP, BPF_TCP_ESTABLISHED, make_connected, "a connected UDP socket"},
		{IPPROTO_TCP, BPF_TCP_LISTEN, make_listener, "a listener"},
		{IPPROTO_TCP, BPF_TCP_NEW_SYN_RECV, make_syn_recv, "a connection in SYN_RECV"},
	};
	struct maker maker = {.made = sockets, .sink = sink};

	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		for (const struct sim_socket *s = world->sockets; s; s = s->hh.next) {
			int err;

			if (s->key.protocol != kinds[kind].protocol ||
			    s->sk.state != kinds[kind].state)
				continue;
			/* Bound to an interface: no world file says so. */
			err = s->key.slot ? -EOPNOTSUPP : kinds[kind].make(&maker, s);
			if (!err)
				continue;
			snprintf(why, why_size, "%s at port %u cannot be made: %s",
				 kinds[kind].name, s->key.local_port, strerror(-err));
			return err;
		}
	}
	return 0;
}
