/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * host.c - what a decision asks of the host beside ifw's own maps: its sockets, by sock_diag
 * (linux/inet_diag.h), and what interfaces are called on the wire.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "datapath/addr.h"
#include "netlink.h"

#define TIMER_TIME_WAIT 3 /* net/ipv4/inet_diag.c inet_twsk_diag_fill() */
#define ALL_STATES (~0U)  /* UDP has one, or TCP's ESTABLISHED */
#define TCP_STATES 0xfffU /* 1 to 11; a request shows as SYN_RECV */
#define STATE_SYN_RECV 3  /* include/net/tcp_states.h */

struct collect_sockets {
	socket_fn each;
	void *arg;
	uint8_t family, protocol;
	int answer; /* of each, where it stopped */
};

static struct ifw_addr addr_of(const __be32 wire[4], uint8_t family)
{
	__be32 raw[4];

	memcpy(raw, wire, sizeof(raw));
	return family == IFW_FAMILY_IPV6 ? ifw_addr_from_ipv6(raw) : ifw_addr_from_ipv4(raw[0]);
}

static uint8_t state_of(const struct inet_diag_msg *message, uint8_t protocol)
{
	if (protocol == IPPROTO_UDP)
		return message->id.idiag_dport ? BPF_TCP_ESTABLISHED : BPF_TCP_CLOSE;
	/* A TIME_WAIT socket shows the state that it stands in for. */
	if (message->idiag_timer == TIMER_TIME_WAIT)
		return BPF_TCP_TIME_WAIT;
	return message->idiag_state == STATE_SYN_RECV ? BPF_TCP_NEW_SYN_RECV : message->idiag_state;
}

static void read_options(const struct nlmsghdr *nlh, struct socket_info *info)
{
	struct inet_diag_sockopt options = {};
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct inet_diag_msg))
	{
		if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY)
			info->v6only = mnl_attr_get_u8(attr);
		if (mnl_attr_get_type(attr) != INET_DIAG_SOCKOPT ||
		    mnl_attr_get_payload_len(attr) < sizeof(options))
			continue;
		memcpy(&options, mnl_attr_get_payload(attr), sizeof(options));
		info->options_known = true;
		info->transparent = options.transparent;
	}
}

static int take_socket(const struct nlmsghdr *nlh, void *arg)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(nlh);
	struct collect_sockets *collect = arg;
	struct socket_info info = {
		.family = collect->family,
		.protocol = collect->protocol,
		.state = state_of(message, collect->protocol),
		.local = addr_of(message->id.idiag_src, collect->family),
		.peer = addr_of(message->id.idiag_dst, collect->family),
		.local_port = __builtin_bswap16(message->id.idiag_sport),
		.peer_port = __builtin_bswap16(message->id.idiag_dport),
		.ifindex = message->id.idiag_if,
	};

	/* Closed TCP sockets are in no table that a packet is looked up in. */
	if (!info.local_port || (info.protocol == IPPROTO_TCP &&
				 (info.state < BPF_TCP_ESTABLISHED || info.state == BPF_TCP_CLOSE ||
				  info.state > BPF_TCP_NEW_SYN_RECV)))
		return MNL_CB_OK;
	read_options(nlh, &info);
	collect->answer = collect->each(collect->arg, &info);
	return collect->answer ? MNL_CB_STOP : MNL_CB_OK;
}

static int dump_sockets(struct netlink *nl, struct collect_sockets *collect)
{
	struct inet_diag_req_v2 *request =
		netlink_request(nl, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sizeof(*request));

	request->sdiag_family = collect->family == IFW_FAMILY_IPV6 ? AF_INET6 : AF_INET;
	request->sdiag_protocol = collect->protocol;
	request->idiag_states = collect->protocol == IPPROTO_TCP ? TCP_STATES : ALL_STATES;
	return netlink_talk(nl, take_socket, collect);
}

int loader_sockets(socket_fn each, void *arg, struct failure *failure)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	static const uint8_t families[] = {IFW_FAMILY_IPV4, IFW_FAMILY_IPV6};
	CLEANUP(netlink_close) struct netlink nl = {};
	int err = netlink_open_bus(&nl, NETLINK_SOCK_DIAG);

	for (size_t i = 0; !err && i < 4; i++) {
		struct collect_sockets collect = {.each = each,
						  .arg = arg,
						  .family = families[i % 2],
						  .protocol = protocols[i / 2]};

		err = dump_sockets(&nl, &collect);
		if (collect.answer)
			return collect.answer;
		/* No IPv6 here, so no sockets of it. */
		if (err == -ENOENT && collect.family == IFW_FAMILY_IPV6)
			err = 0;
	}
	if (err == -ENOENT)
		return fail(failure, err,
			    "the kernel does not list sockets (modules tcp_diag and udp_diag)");
	return err ? fail_errno(failure, err, "cannot list the host's sockets") : 0;
}

/* what: SIOCGIF...; see netdevice(7) */
static int ask_device(const char *ifname, unsigned long what, struct ifreq *answer)
{
	CLEANUP(cleanup_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*answer = (struct ifreq){};
	if (fd < 0)
		return -errno;
	memcpy(answer->ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	return ioctl(fd, what, answer) ? -errno : 0;
}

int loader_is_down(uint32_t ifindex, bool *down)
{
	char name[IF_NAMESIZE] = "";
	struct ifreq request = {};
	int err = if_indextoname(ifindex, name) ? ask_device(name, SIOCGIFFLAGS, &request) : -errno;

	*down = !err && !(request.ifr_flags & IFF_UP);
	return err;
}

int loader_mac(const char *ifname, uint8_t mac[6], bool *has)
{
	struct ifreq request;
	int err = ask_device(ifname, SIOCGIFHWADDR, &request);

	*has = false;
	if (err)
		return err;
	*has = request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return 0;
}

int loader_epoch(struct loader *loader, uint32_t *epoch, struct failure *failure)
{
	uint32_t element = IFW_ACTIVE_EPOCH;

	if (bpf_map_lookup_elem(loader->active_fd, &element, epoch))
		return fail_errno(failure, -errno, "cannot read '%s/active'", loader->dir);
	return 0;
}
