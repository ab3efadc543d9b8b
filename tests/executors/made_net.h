/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * made_net.h - a network namespace of this process's own, and devices and routes
 * in it. It is gone with the process. By system calls alone, so that programs with
 * it run where there is nothing else, on a kernel that was booted for them.
 */
#ifndef IFW_TESTS_MADE_NET_H
#define IFW_TESTS_MADE_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/abi.h"

#define NET_SINK_IFINDEX 30000 /* of the device "sink", whose packets nobody reads */

struct net_address {
	uint8_t family; /* enum ifw_family */
	uint8_t len;	/* bits */
	struct ifw_addr addr;
};

/*
 * Each returns 0 or -errno, devices their descriptor: they last until it is closed.
 * Enters a new namespace: lo is up, and every address is its own and by lo, so that
 * sockets can have any. *sink: the device "sink".
 */
int net_enter(int *sink);

/* A tap or (raw) tun device with this index, down. */
int net_device(const char *name, uint32_t ifindex, bool raw);
int net_up(const char *name);

/* What goes to the address goes by the device from now on. */
int net_route(const struct net_address *to, uint32_t ifindex);
/* Of IPv4 with the prefix's broadcast address. */
int net_add_address(const struct net_address *address, uint32_t ifindex);

#endif /* IFW_TESTS_MADE_NET_H */
