/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * udp.c - datagrams from a packet socket, and the listener that they end at.
 *
 * A veth hands a frame to its peer in a softirq that runs before the send
 * returns, on the sender's CPU and in the sender's time. So the sender's CPU
 * time is the cost of everything that the receiving host does up to queueing
 * the datagram at a socket, or dropping it.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

#define BUFFER_SIZE (64 << 20) /* bytes; a burst with its metadata is below 2 MB */
#define DRAIN_BATCH 256
#define STRAGGLER_TRIES 50 /* milliseconds to wait for what a kernel thread still delivers */

/* --- Frames --------------------------------------------------------------------- */

/* RFC 1071, over an IPv4 header without options. */
static uint16_t header_checksum(const struct iphdr *ip)
{
	uint16_t words[sizeof(*ip) / 2];
	uint32_t sum = 0;

	memcpy(words, ip, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void frame_build(uint8_t *frame, const struct target *target, const uint8_t src_mac[6],
			const uint8_t dst_mac[6])
{
	struct ether_header ether = {.ether_type = htons(ETHERTYPE_IP)};
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tot_len = htons(FRAME_SIZE - sizeof(ether)),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = target->src.s_addr,
		.daddr = target->dst.s_addr,
	};
	struct udphdr udp = {
		.source = htons(target->src_port),
		.dest = htons(target->dst_port),
		.len = htons(FRAME_SIZE - sizeof(ether) - sizeof(ip)),
		/* No checksum (RFC 768), so that none is verified. */
	};

	memcpy(ether.ether_dhost, dst_mac, sizeof(ether.ether_dhost));
	memcpy(ether.ether_shost, src_mac, sizeof(ether.ether_shost));
	ip.check = header_checksum(&ip);
	memset(frame, 0, FRAME_SIZE);
	memcpy(frame, &ether, sizeof(ether));
	memcpy(frame + sizeof(ether), &ip, sizeof(ip));
	memcpy(frame + sizeof(ether) + sizeof(ip), &udp, sizeof(udp));
}

int frames_build(struct frames *frames, const struct target *targets, size_t count,
		 const uint8_t src_mac[6], const uint8_t dst_mac[6])
{
	frames->bytes = calloc(count, FRAME_SIZE);
	if (!frames->bytes)
		return -ENOMEM;
	frames->count = count;
	for (size_t i = 0; i < count; i++)
		frame_build(frames->bytes[i], &targets[i], src_mac, dst_mac);
	return 0;
}

void frames_free(struct frames *frames)
{
	free(frames->bytes);
	*frames = (struct frames){};
}

/* --- Sockets -------------------------------------------------------------------- */

int sender_open(const char *iface)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET};
	int on = 1, err;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	addr.sll_ifindex = (int)if_nametoindex(iface);
	if (addr.sll_ifindex != 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int listener_open(struct in_addr addr, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = addr};
	int on = 1, size = BUFFER_SIZE / 2, err; /* the kernel doubles it */
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof(on)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0 &&
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static uint64_t drops_of(int listener)
{
	uint32_t info[SK_MEMINFO_VARS] = {};
	socklen_t size = sizeof(info);

	if (getsockopt(listener, SOL_SOCKET, SO_MEMINFO, info, &size))
		return 0;
	return info[SK_MEMINFO_DROPS];
}

/* Takes what is there; returns how many datagrams that was. */
static uint64_t drain(int listener)
{
	struct mmsghdr messages[DRAIN_BATCH] = {};
	uint64_t all = 0;
	int count;

	/* No buffers: the datagrams are counted, their bytes thrown away. */
	while ((count = recvmmsg(listener, messages, DRAIN_BATCH, MSG_DONTWAIT, NULL)) > 0)
		all += (uint64_t)count;
	return all;
}

int udp_ask(int listener, const struct frames *frames)
{
	for (size_t i = 0; i < frames->count; i++) {
		const uint8_t *frame = frames->bytes[i];
		struct sockaddr_in to = {.sin_family = AF_INET};
		struct iphdr ip;
		struct udphdr udp;

		memcpy(&ip, frame + sizeof(struct ether_header), sizeof(ip));
		memcpy(&udp, frame + sizeof(struct ether_header) + sizeof(ip), sizeof(udp));
		to.sin_addr.s_addr = ip.saddr;
		to.sin_port = udp.source;
		if (sendto(listener, "ask", 3, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
			return -errno;
	}
	return 0;
}

/* Sends a burst, from the frame at *next on; returns how many frames were taken. */
static int send_burst(int sender, const struct frames *frames, size_t *next, unsigned int count,
		      uint64_t *nanoseconds)
{
	struct mmsghdr messages[BURST] = {};
	struct iovec parts[BURST];
	uint64_t start;
	int sent;

	for (unsigned int i = 0; i < count; i++) {
		parts[i] = (struct iovec){frames->bytes[*next], FRAME_SIZE};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		*next = (*next + 1) % frames->count;
	}
	start = cpu_now();
	sent = sendmmsg(sender, messages, count, 0);
	*nanoseconds += cpu_now() - start;
	return sent < 0 ? -errno : sent;
}

int udp_sample(int sender, int listener, const struct frames *frames, uint64_t count,
	       struct sample *out)
{
	struct sample sample = {};
	uint64_t dropped;
	size_t next = 0;

	(void)drain(listener);
	dropped = drops_of(listener);
	while (sample.sent < count) {
		uint64_t left = count - sample.sent;
		int sent =
			send_burst(sender, frames, &next, left < BURST ? (unsigned int)left : BURST,
				   &sample.nanoseconds);

		if (sent < 0)
			return sent;
		sample.sent += (uint64_t)sent;
		sample.received += drain(listener);
	}
	/* Nothing comes late unless a kernel thread took over; then it is waited for. */
	for (int i = 0; i < STRAGGLER_TRIES && sample.received > 0 &&
			sample.received + drops_of(listener) - dropped < sample.sent;
	     i++) {
		usleep(1000);
		sample.received += drain(listener);
	}
	sample.dropped = drops_of(listener) - dropped;
	*out = sample;
	return 0;
}

int original_destination(int listener, struct sockaddr_in *out)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct sockaddr_in))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg;

	if (recvmsg(listener, &message, MSG_DONTWAIT) < 0)
		return -errno;
	for (cmsg = CMSG_FIRSTHDR(&message); cmsg; cmsg = CMSG_NXTHDR(&message, cmsg)) {
		if (cmsg->cmsg_level == SOL_IP && cmsg->cmsg_type == IP_RECVORIGDSTADDR) {
			memcpy(out, CMSG_DATA(cmsg), sizeof(*out));
			return 0;
		}
	}
	return -ENOMSG;
}
