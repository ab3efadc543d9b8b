/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * policy.c - the policy rule and route by which a marked packet is delivered
 * here, for both families. They carry LOADER_RTPROT, and nothing without it is
 * ever removed.
 */
#include <errno.h>
#include <linux/fib_rules.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"

struct policy_rule {
	char ifname[IFW_NAME_MAX]; /* "": of every interface */
	uint32_t mark, mask, table, priority;
};

struct policy_list {
	struct policy_rule *rules;
	size_t count;
	bool all; /* else ours only */
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
	if (!ours && !list->all)
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

int net_policy_find(const struct net_policy *policy, uint8_t family, struct net_policy_found *found)
{
	CLEANUP(policy_list_free) struct policy_list list = {.all = true};
	CLEANUP(netlink_close) struct netlink nl = {};
	int err;

	*found = (struct net_policy_found){};
	err = netlink_open(&nl);
	if (!err)
		err = list_policies(&nl, family, &list);
	for (size_t i = 0; !err && i < list.count; i++) {
		const struct policy_rule *rule = &list.rules[i];
		bool local = false;

		/* As the kernel compares it: what the rule says of the mark, of a packet with ours.
		 */
		if (!rule->mask || (policy->mark & rule->mask) != rule->mark)
			continue;
		if (strcmp(rule->ifname, policy->ifname) == 0 && rule->table == policy->table)
			found->rule = true;
		/* What this host sends, and what it looks for the way back with, comes in by lo. */
		if ((rule->ifname[0] && strcmp(rule->ifname, "lo") != 0) || found->alone)
			continue;
		err = has_local_route(family, rule->table, &local);
		if (!err && local) {
			found->alone = true;
			found->alone_priority = rule->priority;
			found->alone_table = rule->table;
		}
	}
	return err ? err : has_local_route(family, policy->table, &found->route);
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
	*made = *made || made_route || !err;
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
	int err;

	*made = *ipv6 = false;
	err = netlink_open(&nl);
	if (!err)
		err = add_policy(&nl, AF_INET, policy, made);
	if (err)
		return err;
	err = add_policy(&nl, AF_INET6, policy, made);
	*ipv6 = !err;
	/* What IPv4 has stays: it may have been there before. */
	return is_without_ipv6(err) ? 0 : err;
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
