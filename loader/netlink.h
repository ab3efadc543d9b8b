/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * netlink.h - one question over netlink and its whole answer, over libmnl.
 */
#ifndef IFW_LOADER_NETLINK_H
#define IFW_LOADER_NETLINK_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "internal.h"

#define NETLINK_BUFFER 32768

struct netlink {
	struct mnl_socket *socket;
	char buffer[NETLINK_BUFFER];
	struct nlmsghdr *request;
	uint32_t seq;
};

int netlink_open(struct netlink *nl);		   /* to rtnetlink */
int netlink_open_bus(struct netlink *nl, int bus); /* NETLINK_* */
void netlink_close(struct netlink *nl);

/* Begins a request; returns its extra header of that size, zeroed. */
void *netlink_request(struct netlink *nl, uint16_t type, uint16_t flags, size_t extra);

/* Sends the request and hands every answer to each (may be NULL); 0 or -errno of the kernel. */
int netlink_talk(struct netlink *nl, mnl_cb_t each, void *arg);

/* Interface names fit by the kernel's own bound (IFNAMSIZ). */
static inline void copy_name(char to[IFW_NAME_MAX], const char *from)
{
	snprintf(to, IFW_NAME_MAX, "%s", from);
}

#endif /* IFW_LOADER_NETLINK_H */
