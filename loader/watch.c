/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * watch.c - being told that the host around us has changed. Only that: what came of
 * it is asked for afterwards, so that nothing is lost with a message that is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

static const int groups[] = {
	RTNLGRP_LINK,	   RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_ROUTE,	RTNLGRP_IPV6_ROUTE,  RTNLGRP_TC,
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TYPE_AT offsetof(struct nlmsghdr, nlmsg_type)
#define ROUTE_PROTOCOL_AT (NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_protocol))
/* The filter's loads take the bytes as the network has them. */
#define IF_TYPE(type, then) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), then, 0)

/*
 * A router that takes part in routing hears of many routes a second, of which none is
 * ours: the kernel is told which messages wake us.
 */
static int subscribe(int fd)
{
	struct sock_filter wanted[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, TYPE_AT),
		IF_TYPE(RTM_NEWLINK, 10),
		IF_TYPE(RTM_DELLINK, 9),
		IF_TYPE(RTM_NEWADDR, 8),
		IF_TYPE(RTM_DELADDR, 7),
		IF_TYPE(RTM_DELRULE, 6),
		IF_TYPE(RTM_DELQDISC, 5),
		IF_TYPE(RTM_DELTFILTER, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ROUTE_PROTOCOL_AT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOADER_RTPROT, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {
		.len = COUNT(wanted),
		.filter = wanted,
	};

	/* Before the groups: what came unfiltered would only wake us in vain. */
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
		return -errno;
	for (size_t i = 0; i < COUNT(groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])))
			return -errno;
	return 0;
}

int loader_watch(struct failure *failure)
{
	const struct sockaddr_nl here = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int err = fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof(here)) ? -errno
										   : subscribe(fd);

	if (!err)
		return fd;
	cleanup_close(&fd);
	return fail_errno(failure, err, "cannot be told of changes by rtnetlink");
}

void loader_watch_drain(int fd)
{
	char byte;

	/* ENOBUFS, too, says only that there was more. */
	while (recv(fd, &byte, sizeof(byte), MSG_TRUNC) >= 0 || errno == ENOBUFS || errno == EINTR)
		;
}
