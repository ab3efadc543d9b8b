/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* after.h - what after.bpf.c says of a packet that passed. */
#ifndef IFW_TESTS_AFTER_H
#define IFW_TESTS_AFTER_H

#include <linux/types.h>

struct after {
	__u32 mark;
	__u32 ifindex;
	__u32 owned; /* 1: it has a socket, if only that of a tap */
	__u32 port;  /* host order, of the socket that it has; 0: none of TCP or UDP */
};

#endif /* IFW_TESTS_AFTER_H */
