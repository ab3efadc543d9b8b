/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * traffic.h - the parts of the traffic program: a sender in one network
 * namespace, a listener in another, an engine under measurement between them.
 * Functions return 0 or -errno unless they say otherwise.
 */
#ifndef IFW_BENCH_TRAFFIC_H
#define IFW_BENCH_TRAFFIC_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* Nanoseconds of CPU that this thread has used, softirqs run on its back included. */
uint64_t cpu_now(void);
/* The same of all threads of this process. */
uint64_t process_cpu_now(void);
/* Nanoseconds of a clock that only goes forward. */
uint64_t wall_now(void);

/* --- Namespaces ----------------------------------------------------------------- */

/* Makes the namespace behind a path this thread's. */
int enter_namespace(const char *path);

/* --- Datagrams (udp.c) ---------------------------------------------------------- */

#define FRAME_SIZE 60 /* bytes; the smallest Ethernet frame, checksum apart */
#define BURST 1024    /* packets that are sent before the listener is emptied */

struct target {
	struct in_addr src, dst;
	uint16_t src_port, dst_port; /* host order */
};

/* Frames to send in turn; count is at least 1. */
struct frames {
	uint8_t (*bytes)[FRAME_SIZE];
	size_t count;
};

struct sample {
	uint64_t nanoseconds; /* CPU time of sending */
	uint64_t sent;
	uint64_t received; /* by the listener */
	uint64_t dropped;  /* by its full buffer, as the kernel counts */
};

int frames_build(struct frames *frames, const struct target *targets, size_t count,
		 const uint8_t src_mac[6], const uint8_t dst_mac[6]);
void frames_free(struct frames *frames);

/* A packet socket that only sends, by the interface; negative: -errno. */
int sender_open(const char *iface);
/* A UDP listener; 127.0.0.1 as transparent proxies bind it. Negative: -errno. */
int listener_open(struct in_addr addr, uint16_t port);

/* Has the listener send a datagram to where each frame comes from, so that the frame answers it. */
int udp_ask(int listener, const struct frames *frames);

/*
 * Sends count frames in bursts and empties the listener after each; only the
 * sending is timed.
 */
int udp_sample(int sender, int listener, const struct frames *frames, uint64_t count,
	       struct sample *out);

/* Where the next datagram was sent to (from IP_RECVORIGDSTADDR); -EAGAIN: there is none. */
int original_destination(int listener, struct sockaddr_in *out);

/* --- Connections (tcp.c) -------------------------------------------------------- */

/* A TCP listener as listener_open()'s, with a thread that serves it to the end. */
int tcp_serve(struct in_addr addr, uint16_t port);
/* What both ends took together. */
struct effort {
	uint64_t wall, cpu; /* nanoseconds */
};

/* Connects, exchanges a byte and resets, count times. */
int tcp_connections(const struct sockaddr_in *to, uint64_t count, struct effort *effort);
/* Sends for so long over one connection; bytes is what the listener took. */
int tcp_stream(const struct sockaddr_in *to, uint64_t milliseconds, uint64_t *bytes,
	       struct effort *effort);

/* --- Programs (programs.c) ------------------------------------------------------ */

/* Attaches "drop" or "bare" at the interface's ingress, for as long as this process lives. */
int program_attach(const char *name, unsigned int ifindex, struct in_addr listener, uint16_t port,
		   uint32_t mark);

struct run_time {
	uint64_t nanoseconds, runs;
};
/* The kernel's run-time statistics, switched on while the descriptor is open; negative: -errno. */
int run_time_enable(void);
/* Sum over the programs at the interface's ingress (TCX). -ENOENT: there are none. */
int run_time_read(unsigned int ifindex, struct run_time *out);

#endif /* IFW_BENCH_TRAFFIC_H */
