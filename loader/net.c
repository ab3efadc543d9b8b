/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * net.c - interfaces as rtnetlink tells of them: links and addresses.
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "datapath/addr.h"
#include "netlink.h"
#include "ruleset/room.h"

/* --- Links ------------------------------------------------------------------ */

struct link_query {
	const char *ifname;
	struct link_info *info;
	uint32_t master;
	bool found;
};

/* Kinds that take frames off the device below them before IP sees those. */
static bool takes_frames(const char *kind)
{
	static const char *const kinds[] = {"vlan",   "macvlan", "macvtap", "ipvlan",
					    "ipvtap", "macsec",	 "hsr"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return true;
	return false;
}

static const char *link_kind(const struct nlattr *linkinfo)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, linkinfo) if (mnl_attr_get_type(attr) ==
						     IFLA_INFO_KIND) return mnl_attr_get_str(attr);
	return "";
}

struct link_attrs {
	const char *name, *kind;
	uint32_t link, master;
	bool elsewhere; /* link is an index in another namespace */
};

static void read_link(const struct nlmsghdr *nlh, struct link_attrs *attrs)
{
	const struct nlattr *attr;

	*attrs = (struct link_attrs){.name = "", .kind = ""};
	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			attrs->name = mnl_attr_get_str(attr);
			break;
		case IFLA_LINK:
			attrs->link = mnl_attr_get_u32(attr);
			break;
		case IFLA_MASTER:
			attrs->master = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK_NETNSID:
			attrs->elsewhere = true;
			break;
		case IFLA_LINKINFO:
			attrs->kind = link_kind(attr);
			break;
		default:
			break;
		}
	}
}

static bool is_ip_tunnel(uint16_t type)
{
	return type == ARPHRD_TUNNEL || type == ARPHRD_TUNNEL6 || type == ARPHRD_SIT;
}

/* tun and wireguard, ppp, modems, ipip, ip6tnl, sit: frames start with the IP header. */
static bool is_raw_ip(uint16_t type)
{
	return type == ARPHRD_NONE || type == ARPHRD_PPP || type == ARPHRD_RAWIP ||
	       is_ip_tunnel(type);
}

bool kernel_is_before(unsigned long major, unsigned long minor)
{
	unsigned long running_major, running_minor;
	struct utsname about;
	char *end;

	if (uname(&about))
		return false;
	running_major = strtoul(about.release, &end, 10);
	running_minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	return running_major < major || (running_major == major && running_minor < minor);
}

static int find_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);
	struct link_query *query = arg;
	struct link_attrs attrs;

	read_link(nlh, &attrs);
	if (strcmp(attrs.name, query->ifname) != 0)
		return MNL_CB_OK;
	query->found = true;
	query->master = attrs.master;
	query->info->ifindex = (uint32_t)link->ifi_index;
	query->info->up = link->ifi_flags & IFF_UP;
	query->info->loopback = link->ifi_flags & IFF_LOOPBACK;
	query->info->ethernet = link->ifi_type == ARPHRD_ETHER || link->ifi_type == ARPHRD_LOOPBACK;
	query->info->raw_ip = is_raw_ip(link->ifi_type);
	query->info->outer_headers = is_ip_tunnel(link->ifi_type) && kernel_is_before(5, 14);
	return MNL_CB_OK;
}

static int find_upper(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);
	struct link_query *query = arg;
	struct link_attrs attrs;

	read_link(nlh, &attrs);
	if ((query->master && (uint32_t)link->ifi_index == query->master) ||
	    (attrs.link == query->info->ifindex && !attrs.elsewhere && takes_frames(attrs.kind)))
		copy_name(query->info->upper, attrs.name);
	return MNL_CB_OK;
}

static int dump_links(struct netlink *nl, mnl_cb_t each, void *arg)
{
	struct ifinfomsg *link = netlink_request(nl, RTM_GETLINK, NLM_F_DUMP, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	return netlink_talk(nl, each, arg);
}

int net_link(const char *ifname, struct link_info *info)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	struct link_query query = {.ifname = ifname, .info = info};
	int err;

	*info = (struct link_info){};
	err = netlink_open(&nl);
	if (!err)
		err = dump_links(&nl, find_link, &query);
	if (err)
		return err;
	if (!query.found)
		return -ENODEV;
	return dump_links(&nl, find_upper, &query);
}

/* --- Addresses ---------------------------------------------------------------- */

struct addr_query {
	uint32_t ifindex;
	struct iface_addr *addrs;
	size_t count, room;
};

static int add_addr(struct addr_query *query, struct ifw_addr addr, uint8_t family, uint8_t kind)
{
	int err = room_for_one(&query->addrs, query->count, &query->room, sizeof(*query->addrs));

	if (!err)
		query->addrs[query->count++] =
			(struct iface_addr){.addr = addr, .family = family, .kind = kind};
	return err;
}

/* net/ipv4/fib_frontend.c fib_add_ifaddr: the last address of a prefix below /31. */
static int add_ipv4(struct addr_query *query, const void *wire, uint8_t len)
{
	struct ifw_addr addr, last;
	__be32 raw;
	int err;

	memcpy(&raw, wire, sizeof(raw));
	addr = ifw_addr_from_ipv4(raw);
	err = add_addr(query, addr, IFW_FAMILY_IPV4, IFW_ADDR_LOCAL);
	if (err || len >= 31)
		return err;
	last = ifw_addr_mask(addr, len);
	last.hi |= (0xffffffffULL >> len) << 32;
	return add_addr(query, last, IFW_FAMILY_IPV4, IFW_ADDR_BROADCAST);
}

static int take_addr(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(nlh);
	const void *local = NULL, *address = NULL;
	struct addr_query *query = arg;
	const struct nlattr *attr;
	__be32 raw[4];
	int err = 0;

	if (message->ifa_index != query->ifindex)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*message))
	{
		size_t size = message->ifa_family == AF_INET ? 4 : 16;

		if (mnl_attr_get_payload_len(attr) != size)
			continue;
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = mnl_attr_get_payload(attr);
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			address = mnl_attr_get_payload(attr);
	}
	/* On a point-to-point link IFA_ADDRESS is the peer's. */
	if (!local)
		local = address;
	if (local && message->ifa_family == AF_INET) {
		err = add_ipv4(query, local, message->ifa_prefixlen);
	} else if (local && message->ifa_family == AF_INET6) {
		memcpy(raw, local, sizeof(raw));
		err = add_addr(query, ifw_addr_from_ipv6(raw), IFW_FAMILY_IPV6, IFW_ADDR_LOCAL);
	}
	if (err) {
		errno = -err;
		return MNL_CB_ERROR;
	}
	return MNL_CB_OK;
}

int net_addrs(uint32_t ifindex, struct iface_addr **addrs, size_t *count)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	struct addr_query query = {.ifindex = ifindex};
	struct ifaddrmsg *message;
	int err;

	err = netlink_open(&nl);
	if (!err) {
		message = netlink_request(&nl, RTM_GETADDR, NLM_F_DUMP, sizeof(*message));
		message->ifa_family = AF_UNSPEC;
		err = netlink_talk(&nl, take_addr, &query);
	}
	if (err) {
		free(query.addrs);
		return err;
	}
	*addrs = query.addrs;
	*count = query.count;
	return 0;
}
