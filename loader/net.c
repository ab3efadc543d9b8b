/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * net.c - what ifw asks of rtnetlink: links, addresses, the policy rule and
 * route by which a marked packet is delivered here. Rules and routes carry
 * LOADER_RTPROT, and nothing without it is ever removed.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "datapath/addr.h"
#include "internal.h"

#define BUFFER_SIZE 32768
#define LIST_TRIES 100 /* while what is listed keeps changing */

/* Interface names fit by the kernel's own bound (IFNAMSIZ). */
static void copy_name(char to[IFW_NAME_MAX], const char *from)
{
	snprintf(to, IFW_NAME_MAX, "%s", from);
}

struct netlink {
	struct mnl_socket *socket;
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *request;
	uint32_t seq;
};

static void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
}

static int netlink_open(struct netlink *nl)
{
	nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	nl->seq = (uint32_t)time(NULL);
	return 0;
}

static void *netlink_request(struct netlink *nl, uint16_t type, uint16_t flags, size_t extra)
{
	nl->request = mnl_nlmsg_put_header(nl->buffer);
	nl->request->nlmsg_type = type;
	nl->request->nlmsg_flags = NLM_F_REQUEST | flags;
	nl->request->nlmsg_seq = ++nl->seq;
	return mnl_nlmsg_put_extra_header(nl->request, extra);
}

/* All that came back, which for a list may be several messages. */
struct answer {
	char *data;
	size_t size;
};

static void answer_free(struct answer *answer)
{
	free(answer->data);
}

static int answer_add(struct answer *answer, const char *data, size_t size)
{
	/* The next one begins where its header is aligned. */
	char *grown = realloc(answer->data, answer->size + NLMSG_ALIGN(size));

	if (!grown)
		return -ENOMEM;
	answer->data = grown;
	memcpy(grown + answer->size, data, size);
	memset(grown + answer->size + size, 0, NLMSG_ALIGN(size) - size);
	answer->size += NLMSG_ALIGN(size);
	return 0;
}

/* Whether what is listed changed meanwhile. Clears the mark, for libmnl stops at it. */
static bool take_interrupted(char *buffer, size_t size)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)buffer;
	int left = (int)size;
	bool found = false;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		found = found || nlh->nlmsg_flags & NLM_F_DUMP_INTR;
		nlh->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
	}
	return found;
}

/* One attempt; -EINTR where the answer may lack something, or have it twice. */
static int netlink_try(struct netlink *nl, const void *request, size_t size, struct answer *answer)
{
	unsigned int port = mnl_socket_get_portid(nl->socket);
	bool interrupted = false;
	int more = 1;

	answer->size = 0;
	if (mnl_socket_sendto(nl->socket, request, size) < 0)
		return -errno;
	while (more > 0) {
		ssize_t got = mnl_socket_recvfrom(nl->socket, nl->buffer, sizeof(nl->buffer));
		int err;

		if (got < 0)
			return -errno;
		if (take_interrupted(nl->buffer, (size_t)got))
			interrupted = true;
		more = mnl_cb_run(nl->buffer, (size_t)got, nl->seq, port, NULL, NULL);
		if (more < 0)
			return -errno;
		err = answer_add(answer, nl->buffer, (size_t)got);
		if (err)
			return err;
	}
	return interrupted ? -EINTR : 0;
}

/* Sends the request and hands every answer to each; 0 or -errno of the kernel. */
static int netlink_talk(struct netlink *nl, mnl_cb_t each, void *arg)
{
	CLEANUP(answer_free) struct answer answer = {};
	CLEANUP(cleanup_free) void *request = NULL;
	size_t size = nl->request->nlmsg_len;
	int err = -EINTR;

	/* Its place in the buffer is taken by the answer. */
	request = malloc(size);
	if (!request)
		return -ENOMEM;
	memcpy(request, nl->request, size);
	for (int i = 0; i < LIST_TRIES && err == -EINTR; i++)
		err = netlink_try(nl, request, size, &answer);
	if (err || !each)
		return err;
	return mnl_cb_run(answer.data, answer.size, nl->seq, mnl_socket_get_portid(nl->socket),
			  each, arg) < 0
		       ? -errno
		       : 0;
}

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

/* tun and wireguard, ppp, modems, ipip, ip6tnl, sit: frames start with the IP header. */
static bool is_raw_ip(uint16_t type)
{
	return type == ARPHRD_NONE || type == ARPHRD_PPP || type == ARPHRD_RAWIP ||
	       type == ARPHRD_TUNNEL || type == ARPHRD_TUNNEL6 || type == ARPHRD_SIT;
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
	if (query->count == query->room) {
		size_t room = query->room ? query->room * 2 : 16;
		void *grown = reallocarray(query->addrs, room, sizeof(*query->addrs));

		if (!grown)
			return -ENOMEM;
		query->addrs = grown;
		query->room = room;
	}
	query->addrs[query->count++] =
		(struct iface_addr){.addr = addr, .family = family, .kind = kind};
	return 0;
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

/* --- Policy rules -------------------------------------------------------------- */

struct policy_rule {
	char ifname[IFW_NAME_MAX];
	uint32_t mark, mask, table, priority;
};

struct policy_list {
	struct policy_rule *rules; /* ours only */
	size_t count;
};

static void policy_list_free(struct policy_list *list)
{
	free(list->rules);
}

static int take_rule(const struct nlmsghdr *nlh, void *arg)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(nlh);
	struct policy_rule rule = {.table = header->table};
	struct policy_list *list = arg;
	const struct nlattr *attr;
	bool ours = false;
	void *grown;

	mnl_attr_for_each(attr, nlh, sizeof(*header))
	{
		switch (mnl_attr_get_type(attr)) {
		case FRA_PROTOCOL:
			ours = mnl_attr_get_u8(attr) == LOADER_RTPROT;
			break;
		case FRA_IIFNAME:
			copy_name(rule.ifname, mnl_attr_get_str(attr));
			break;
		case FRA_FWMARK:
			rule.mark = mnl_attr_get_u32(attr);
			break;
		case FRA_FWMASK:
			rule.mask = mnl_attr_get_u32(attr);
			break;
		case FRA_TABLE:
			rule.table = mnl_attr_get_u32(attr);
			break;
		case FRA_PRIORITY:
			rule.priority = mnl_attr_get_u32(attr);
			break;
		default:
			break;
		}
	}
	if (!ours)
		return MNL_CB_OK;
	grown = reallocarray(list->rules, list->count + 1, sizeof(*list->rules));
	if (!grown) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	list->rules = grown;
	list->rules[list->count++] = rule;
	return MNL_CB_OK;
}

static int list_policies(struct netlink *nl, uint8_t family, struct policy_list *list)
{
	struct fib_rule_hdr *header = netlink_request(nl, RTM_GETRULE, NLM_F_DUMP, sizeof(*header));

	header->family = family;
	return netlink_talk(nl, take_rule, list);
}

static int change_rule(struct netlink *nl, uint8_t family, bool add, const struct policy_rule *rule)
{
	struct fib_rule_hdr *header =
		netlink_request(nl, add ? RTM_NEWRULE : RTM_DELRULE,
				NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0), sizeof(*header));

	header->family = family;
	header->action = FR_ACT_TO_TBL;
	header->table = RT_TABLE_UNSPEC; /* FRA_TABLE says which */
	mnl_attr_put_strz(nl->request, FRA_IIFNAME, rule->ifname);
	mnl_attr_put_u32(nl->request, FRA_FWMARK, rule->mark);
	mnl_attr_put_u32(nl->request, FRA_FWMASK, rule->mask);
	mnl_attr_put_u32(nl->request, FRA_TABLE, rule->table);
	mnl_attr_put_u32(nl->request, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(nl->request, FRA_PROTOCOL, LOADER_RTPROT);
	return netlink_talk(nl, NULL, NULL);
}

/* `local default dev lo table T`: whatever carries the mark is for this host. */
static int change_route(struct netlink *nl, uint8_t family, bool add, uint32_t table)
{
	struct rtmsg *route =
		netlink_request(nl, add ? RTM_NEWROUTE : RTM_DELROUTE,
				NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0), sizeof(*route));

	route->rtm_family = family;
	route->rtm_type = RTN_LOCAL;
	/* IPv6 has no scopes, and its routes say universe. */
	route->rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	route->rtm_protocol = LOADER_RTPROT;
	route->rtm_table = RT_TABLE_UNSPEC;
	mnl_attr_put_u32(nl->request, RTA_TABLE, table);
	mnl_attr_put_u32(nl->request, RTA_OIF, IFW_LOOPBACK_IFINDEX);
	return netlink_talk(nl, NULL, NULL);
}

/* Asked of one table alone: others may hold all of the Internet. */
struct route_query {
	uint32_t table;
	bool found;
};

static int take_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(nlh);
	uint32_t table = route->rtm_table, oif = 0;
	struct route_query *query = arg;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_TABLE)
			table = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == RTA_OIF)
			oif = mnl_attr_get_u32(attr);
	}
	if (table == query->table && !route->rtm_dst_len && route->rtm_type == RTN_LOCAL &&
	    oif == IFW_LOOPBACK_IFINDEX)
		query->found = true;
	return MNL_CB_OK;
}

/* Whether the table's default route is as change_route() would make it. */
static int has_local_route(uint8_t family, uint32_t table, bool *found)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	struct route_query query = {.table = table};
	struct rtmsg *route;
	int err, on = 1;

	err = netlink_open(&nl);
	if (err)
		return err;
	/* Without it the kernel lists every table; 4.20 and later have it. */
	(void)mnl_socket_setsockopt(nl.socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	route = netlink_request(&nl, RTM_GETROUTE, NLM_F_DUMP, sizeof(*route));
	route->rtm_family = family;
	mnl_attr_put_u32(nl.request, RTA_TABLE, table);
	err = netlink_talk(&nl, take_route, &query);
	*found = query.found;
	return err;
}

static int add_route(struct netlink *nl, uint8_t family, uint32_t table, bool *made)
{
	int err = change_route(nl, family, true, table);
	bool same = false;

	*made = !err;
	if (err != -EEXIST)
		return err;
	err = has_local_route(family, table, &same);
	return err ? err : same ? 0 : -EEXIST;
}

static bool same_policy(const struct policy_rule *a, const struct policy_rule *b)
{
	return strcmp(a->ifname, b->ifname) == 0 && a->mark == b->mark && a->mask == b->mask &&
	       a->table == b->table && a->priority == b->priority;
}

/* Whether a rule of ours stays when those of ifname go, except for keep (may be NULL). */
static bool stays(const struct policy_rule *rule, const char *ifname,
		  const struct policy_rule *keep)
{
	return strcmp(rule->ifname, ifname) != 0 || (keep && same_policy(rule, keep));
}

/* Our route of a table, if none of our rules that stay leads there. */
static int remove_route(struct netlink *nl, uint8_t family, uint32_t table,
			const struct policy_list *list, const char *ifname,
			const struct policy_rule *keep)
{
	int err;

	for (size_t i = 0; i < list->count; i++)
		if (list->rules[i].table == table && stays(&list->rules[i], ifname, keep))
			return 0;
	err = change_route(nl, family, false, table);
	return err == -ESRCH ? 0 : err; /* gone already, as with the last address of lo */
}

/*
 * Removes our rules for the interface, except one that is as wanted. A route
 * goes before its rule: whoever is killed between leaves the rule to tell.
 */
static int remove_policies(struct netlink *nl, uint8_t family, const char *ifname,
			   const struct policy_rule *keep, uint32_t table)
{
	CLEANUP(policy_list_free) struct policy_list list = {};
	int err;

	err = list_policies(nl, family, &list);
	for (size_t i = 0; !err && i < list.count; i++) {
		const struct policy_rule *rule = &list.rules[i];

		if (stays(rule, ifname, keep))
			continue;
		err = remove_route(nl, family, rule->table, &list, ifname, keep);
		if (!err)
			err = change_rule(nl, family, false, rule);
	}
	return err || !table ? err : remove_route(nl, family, table, &list, ifname, keep);
}

static int add_policy(struct netlink *nl, uint8_t family, const struct net_policy *policy,
		      bool *made)
{
	struct policy_rule rule = {
		.mark = policy->mark,
		.mask = policy->mark_mask,
		.table = policy->table,
		.priority = LOADER_RULE_PRIORITY,
	};
	bool made_route = false;
	int err;

	copy_name(rule.ifname, policy->ifname);
	err = add_route(nl, family, policy->table, &made_route);
	if (err)
		return err;
	err = change_rule(nl, family, true, &rule);
	if (err && err != -EEXIST) {
		if (made_route)
			(void)change_route(nl, family, false, policy->table);
		return err;
	}
	*made = !err;
	/* Those with an earlier mark or table go only now, so that no packet finds neither. */
	return remove_policies(nl, family, policy->ifname, &rule, 0);
}

/* What a host answers that has no IPv6, or has it turned off on lo. */
static bool is_without_ipv6(int err)
{
	return err == -EAFNOSUPPORT || err == -EOPNOTSUPP || err == -EACCES || err == -EPERM ||
	       err == -ENODEV || err == -EINVAL;
}

int net_policy_add(const struct net_policy *policy, bool *made, bool *ipv6)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	bool made_ipv6 = false;
	int err;

	*made = *ipv6 = false;
	err = netlink_open(&nl);
	if (!err)
		err = add_policy(&nl, AF_INET, policy, made);
	if (err)
		return err;
	err = add_policy(&nl, AF_INET6, policy, &made_ipv6);
	*ipv6 = !err;
	if (!err || is_without_ipv6(err))
		return 0;
	(void)remove_policies(&nl, AF_INET, policy->ifname, NULL, policy->table);
	return err;
}

int net_policy_remove(const char *ifname, uint32_t table)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	int err = netlink_open(&nl), err6;

	if (err)
		return err;
	err = remove_policies(&nl, AF_INET, ifname, NULL, table);
	err6 = remove_policies(&nl, AF_INET6, ifname, NULL, table);
	return err ? err : is_without_ipv6(err6) ? 0 : err6;
}

/* --- Queueing disciplines -------------------------------------------------------- */

struct filter_query {
	uint32_t ifindex;
	uint32_t first;		   /* lowest priority of chain 0; 0: none */
	uint32_t priority, handle; /* of the one whose name is wanted */
	const char *name;
	bool found, named;
};

static const char *bpf_name(const struct nlattr *options)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, options) if (mnl_attr_get_type(attr) ==
						    TCA_BPF_NAME) return mnl_attr_get_str(attr);
	return "";
}

static int take_filter(const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *message = mnl_nlmsg_get_payload(nlh);
	uint32_t priority = TC_H_MAJ(message->tcm_info) >> 16, chain = 0;
	struct filter_query *query = arg;
	const char *kind = "", *name = "";
	const struct nlattr *attr, *options = NULL;

	if ((uint32_t)message->tcm_ifindex != query->ifindex)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*message))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND)
			kind = mnl_attr_get_str(attr);
		if (mnl_attr_get_type(attr) == TCA_CHAIN)
			chain = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == TCA_OPTIONS)
			options = attr;
	}
	query->found = true;
	/* Chains other than 0 are reached from it alone. */
	if (!chain && (!query->first || priority < query->first))
		query->first = priority;
	if (strcmp(kind, "bpf") == 0 && options)
		name = bpf_name(options);
	if (query->name && !chain && priority == query->priority &&
	    message->tcm_handle == query->handle &&
	    strncmp(name, query->name, strlen(query->name)) == 0)
		query->named = true;
	return MNL_CB_OK;
}

/* minor: TC_H_MIN_INGRESS or TC_H_MIN_EGRESS. A hook that is not there has no filters. */
static int dump_filters(uint32_t minor, struct filter_query *query)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	int err = netlink_open(&nl);
	struct tcmsg *message;

	if (err)
		return err;
	message = netlink_request(&nl, RTM_GETTFILTER, NLM_F_DUMP, sizeof(*message));
	message->tcm_family = AF_UNSPEC;
	message->tcm_ifindex = (int)query->ifindex;
	message->tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor);
	return netlink_talk(&nl, take_filter, query);
}

struct qdisc_query {
	uint32_t ifindex;
	bool found;
};

static int take_qdisc(const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *message = mnl_nlmsg_get_payload(nlh);
	struct qdisc_query *query = arg;

	if ((uint32_t)message->tcm_ifindex == query->ifindex && message->tcm_parent == TC_H_CLSACT)
		query->found = true;
	return MNL_CB_OK;
}

int net_has_clsact(uint32_t ifindex, bool *has)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	struct qdisc_query query = {.ifindex = ifindex};
	int err = netlink_open(&nl);

	if (!err) {
		(void)netlink_request(&nl, RTM_GETQDISC, NLM_F_DUMP, sizeof(struct tcmsg));
		err = netlink_talk(&nl, take_qdisc, &query);
	}
	*has = query.found;
	return err;
}

int net_qdisc_is_empty(uint32_t ifindex, bool *empty)
{
	struct filter_query query = {.ifindex = ifindex};
	int err = dump_filters(TC_H_MIN_INGRESS, &query);

	if (!err)
		err = dump_filters(TC_H_MIN_EGRESS, &query);
	*empty = !query.found;
	return err;
}

int net_first_priority(uint32_t ifindex, uint32_t *priority)
{
	struct filter_query query = {.ifindex = ifindex};
	int err = dump_filters(TC_H_MIN_INGRESS, &query);

	*priority = query.first;
	return err;
}

int net_filter_is(uint32_t ifindex, uint32_t priority, uint32_t handle, const char *name, bool *is)
{
	struct filter_query query = {
		.ifindex = ifindex, .priority = priority, .handle = handle, .name = name};
	int err = dump_filters(TC_H_MIN_INGRESS, &query);

	*is = query.named;
	return err;
}
