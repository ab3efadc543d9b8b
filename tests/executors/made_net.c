/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* made_net.c - see made_net.h. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include "datapath/addr.h"
#include "made_net.h"

/* --- rtnetlink ------------------------------------------------------------- */

struct request {
	struct nlmsghdr header;
	union {
		struct rtmsg route;
		struct ifaddrmsg address;
	};
	uint8_t attributes[128];
};

static void add_attribute(struct request *request, uint16_t type, const void *data, size_t size)
{
	struct rtattr *at = (struct rtattr *)((uint8_t *)request + request->header.nlmsg_len);

	at->rta_type = type;
	at->rta_len = (uint16_t)RTA_LENGTH(size);
	memcpy(RTA_DATA(at), data, size);
	request->header.nlmsg_len += (uint32_t)RTA_SPACE(size);
}

/* The kernel's own answer. */
static int talk(struct request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[sizeof(struct request)];
	} answer = {};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), err = 0;

	if (fd < 0)
		return -errno;
	request->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(fd, request, request->header.nlmsg_len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < 0)
		err = -errno;
	else if (answer.header.nlmsg_type == NLMSG_ERROR)
		err = answer.error.error;
	close(fd);
	return err;
}

static size_t address_bytes(const struct net_address *address, uint8_t bytes[16])
{
	__be32 words[4];

	if (address->family == IFW_FAMILY_IPV4) {
		words[0] = ifw_addr_to_ipv4(address->addr);
		memcpy(bytes, words, sizeof(words[0]));
		return sizeof(words[0]);
	}
	ifw_addr_to_ipv6(address->addr, words);
	memcpy(bytes, words, sizeof(words));
	return sizeof(words);
}

static int add_route(const struct net_address *to, uint32_t ifindex, uint8_t type)
{
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
			   .nlmsg_type = RTM_NEWROUTE,
			   .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
		.route = {.rtm_family = to->family == IFW_FAMILY_IPV4 ? AF_INET : AF_INET6,
			  .rtm_dst_len = to->len,
			  .rtm_table = RT_TABLE_MAIN,
			  .rtm_protocol = RTPROT_STATIC,
			  .rtm_scope = type == RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK,
			  .rtm_type = type},
	};
	uint8_t bytes[16];
	size_t size = address_bytes(to, bytes);

	if (to->len)
		add_attribute(&request, RTA_DST, bytes, size);
	add_attribute(&request, RTA_OIF, &ifindex, sizeof(ifindex));
	return talk(&request);
}

int net_route(const struct net_address *to, uint32_t ifindex)
{
	return add_route(to, ifindex, RTN_UNICAST);
}

int net_add_address(const struct net_address *address, uint32_t ifindex)
{
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
			   .nlmsg_type = RTM_NEWADDR,
			   .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
		.address = {.ifa_family = address->family == IFW_FAMILY_IPV4 ? AF_INET : AF_INET6,
			    .ifa_prefixlen = address->len,
			    .ifa_flags = IFA_F_PERMANENT | IFA_F_NODAD,
			    .ifa_index = ifindex},
	};
	uint8_t bytes[16];
	size_t size = address_bytes(address, bytes);

	add_attribute(&request, IFA_LOCAL, bytes, size);
	add_attribute(&request, IFA_ADDRESS, bytes, size);
	if (address->family == IFW_FAMILY_IPV4 && address->len < 31) {
		struct net_address broadcast = *address;

		broadcast.addr.hi |= (0xffffffffULL >> address->len) << 32;
		add_attribute(&request, IFA_BROADCAST, bytes, address_bytes(&broadcast, bytes));
	}
	return talk(&request);
}

/* --- Devices ---------------------------------------------------------------- */

int net_up(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	err = ioctl(fd, SIOCSIFFLAGS, &request) ? -errno : 0;
	close(fd);
	return err;
}

int net_device(const char *name, uint32_t ifindex, bool raw)
{
	struct ifreq request = {.ifr_flags = (short)((raw ? IFF_TUN : IFF_TAP) | IFF_NO_PI)};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), err = 0;

	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, TUNSETIFINDEX, &ifindex) || ioctl(fd, TUNSETIFF, &request))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* --- The namespace ------------------------------------------------------------ */

/* What is missing is of a protocol that this host has not got. */
static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
	close(fd);
}

int net_enter(int *sink)
{
	const struct net_address everywhere4 = {.family = IFW_FAMILY_IPV4};
	const struct net_address everywhere6 = {.family = IFW_FAMILY_IPV6};
	int err;

	if (unshare(CLONE_NEWNET))
		return -errno;
	set("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0");
	set("/proc/sys/net/ipv6/conf/default/disable_ipv6", "0");
	set("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	set("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
	*sink = net_device("sink", NET_SINK_IFINDEX, true);
	if (*sink < 0)
		return *sink;
	err = net_up("lo");
	if (!err)
		err = net_up("sink");
	if (!err)
		err = add_route(&everywhere4, IFW_LOOPBACK_IFINDEX, RTN_LOCAL);
	if (!err)
		err = add_route(&everywhere6, IFW_LOOPBACK_IFINDEX, RTN_LOCAL);
	return err;
}
