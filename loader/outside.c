/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * outside.c - what decides on a packet beside the program: routing, and who sees it before.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/addr.h"
#include "netlink.h"

/* --- Routing --------------------------------------------------------------------- */

static int take_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	struct route_answer *answer = arg;
	const struct nlattr *attr;

	answer->here = route->rtm_type == RTN_LOCAL || route->rtm_type == RTN_BROADCAST ||
		       route->rtm_type == RTN_ANYCAST;
	/* Of IPv6 the kernel answers with the route that refuses, of IPv4 with an error. */
	answer->error = route->rtm_type == RTN_BLACKHOLE     ? -EINVAL
			: route->rtm_type == RTN_UNREACHABLE ? -ENETUNREACH
			: route->rtm_type == RTN_PROHIBIT    ? -EACCES
							     : 0;
	answer->table = route->rtm_table;
	mnl_attr_for_each(attr, nlh, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_TABLE)
			answer->table = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

static void put_addr(struct nlmsghdr *request, uint16_t type, struct ifw_addr addr, uint8_t family)
{
	__be32 wire[4];

	if (family == IFW_FAMILY_IPV6) {
		ifw_addr_to_ipv6(addr, wire);
		mnl_attr_put(request, type, sizeof(wire), wire);
		return;
	}
	wire[0] = ifw_addr_to_ipv4(addr);
	mnl_attr_put(request, type, sizeof(wire[0]), wire);
}

/* Begins a question about the way to an address; the interface that a packet came by may follow. */
static int ask_route(struct netlink *nl, const struct routed_packet *packet, struct ifw_addr to,
		     struct rtmsg **route)
{
	int err = netlink_open(nl);

	if (err)
		return err;
	*route = netlink_request(nl, RTM_GETROUTE, NLM_F_ACK, sizeof(**route));
	(*route)->rtm_family = packet->family == IFW_FAMILY_IPV6 ? AF_INET6 : AF_INET;
	(*route)->rtm_flags = RTM_F_LOOKUP_TABLE; /* else it says main, whichever it was */
	(*route)->rtm_dst_len = ifw_addr_bits(packet->family);
	put_addr(nl->request, RTA_DST, to, packet->family);
	mnl_attr_put_u32(nl->request, RTA_MARK, packet->mark);
	/* Of IPv6 the kernel would take nobody's, where a packet that comes in has root's. */
	mnl_attr_put_u32(nl->request, RTA_UID, 0);
	return 0;
}

int loader_route(const struct routed_packet *packet, struct route_answer *answer)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	struct rtmsg *route;
	int err = ask_route(&nl, packet, packet->dst, &route), refused;

	*answer = (struct route_answer){};
	if (err)
		return err;
	route->rtm_src_len = ifw_addr_bits(packet->family);
	put_addr(nl.request, RTA_SRC, packet->src, packet->family);
	mnl_attr_put_u32(nl.request, RTA_IIF, packet->ifindex);
	/* About others the kernel refuses the question. */
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP) {
		mnl_attr_put_u8(nl.request, RTA_IP_PROTO, packet->protocol);
		mnl_attr_put_u16(nl.request, RTA_SPORT, __builtin_bswap16(packet->src_port));
		mnl_attr_put_u16(nl.request, RTA_DPORT, __builtin_bswap16(packet->dst_port));
	}
	refused = netlink_talk(&nl, take_route, answer);
	if (refused)
		answer->error = refused;
	return 0;
}

static int take_way_back(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	struct way_back *back = arg;
	const struct nlattr *attr;

	back->here = route->rtm_type == RTN_LOCAL;
	mnl_attr_for_each(attr, nlh, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			back->ifindex = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

int loader_way_back(const struct routed_packet *packet, struct way_back *back)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	struct rtmsg *route;
	int err = ask_route(&nl, packet, packet->src, &route);

	*back = (struct way_back){};
	if (!err)
		back->error = netlink_talk(&nl, take_way_back, back);
	return err;
}

int loader_policy(const struct iface_info *iface, uint8_t family, struct policy_info *policy)
{
	struct net_policy wanted = {.mark = iface->settings.mark,
				    .mark_mask = iface->settings.mark_mask,
				    .table = iface->settings.table};
	struct net_policy_found found;
	int err;

	copy_name(wanted.ifname, iface->name);
	err = net_policy_find(&wanted, family == IFW_FAMILY_IPV6 ? AF_INET6 : AF_INET, &found);
	*policy = (struct policy_info){
		.rule = found.rule,
		.route = found.route,
		.alone = found.alone,
		.alone_priority = found.alone_priority,
		.alone_table = found.alone_table,
	};
	return err;
}

/* --- Before ours ------------------------------------------------------------------ */

struct before {
	void (*each)(void *arg, const char *text);
	void *arg;
};

static void on_program(void *arg, uint32_t id, const char *name)
{
	const struct before *before = arg;
	char text[80];

	if (name[0])
		snprintf(text, sizeof(text), "TCX program '%s' (id %u)", name, id);
	else
		snprintf(text, sizeof(text), "TCX program (id %u)", id);
	before->each(before->arg, text);
}

static void on_filter(void *arg, uint32_t priority, const char *kind, const char *name)
{
	const struct before *before = arg;
	char text[160];

	snprintf(text, sizeof(text), "tc filter '%.40s%s%.64s' (priority %u)", kind,
		 name[0] ? " " : "", name, priority);
	before->each(before->arg, text);
}

int loader_before(struct loader *loader, const struct iface_info *iface,
		  enum ifw_direction direction, void (*each)(void *arg, const char *text),
		  void *arg)
{
	const struct ifw_attachment *at = &iface->settings.at[direction];
	struct before before = {each, arg};
	uint32_t xdp = 0;
	char text[40];
	int err;

	/* XDP sees frames before there is a packet at all. */
	if (direction == IFW_DIRECTION_IN && bpf_xdp_query_id((int)iface->ifindex, 0, &xdp) == 0 &&
	    xdp) {
		snprintf(text, sizeof(text), "XDP program (id %u)", xdp);
		each(arg, text);
	}
	err = tcx_before(loader, direction, &iface->settings, iface->ifindex, on_program, &before);

	/* TCX runs before every filter. */
	if (err || at->hook != IFW_HOOK_CLSACT || !at->tc_priority)
		return err;
	return net_filters_before(iface->ifindex, hook_minor(direction), at->tc_priority, on_filter,
				  &before);
}

/* --- /proc/sys/net ----------------------------------------------------------------- */

int64_t loader_sysctl(const char *path, int64_t missing)
{
	CLEANUP(cleanup_close) int fd = -1;
	char whole[PATH_MAX], text[32] = "", *end;
	ssize_t size;
	int64_t value;

	if (snprintf(whole, sizeof(whole), "/proc/sys/net/%s", path) >= (int)sizeof(whole))
		return missing;
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (size <= 0)
		return missing;
	value = strtoll(text, &end, 10);
	return end == text ? missing : value;
}
