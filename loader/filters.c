/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * filters.c - what is on a clsact qdisc: whether anything is, whether ours is,
 * and which filter would see packets first.
 */
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"

struct filter_query {
	uint32_t ifindex;
	uint32_t first;		   /* lowest priority of chain 0; 0: none */
	uint32_t priority, handle; /* of the one whose name is wanted */
	const char *name;
	bool found, named;
	void (*each)(void *arg, uint32_t priority, const char *kind, const char *name);
	void *arg;
	uint32_t before; /* each: of those before this priority; 0: of all */
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
	if (query->each && !chain && message->tcm_handle &&
	    (!query->before || priority < query->before))
		query->each(query->arg, priority, kind, name);
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

int net_first_priority(uint32_t ifindex, uint32_t minor, uint32_t *priority)
{
	struct filter_query query = {.ifindex = ifindex};
	int err = dump_filters(minor, &query);

	*priority = query.first;
	return err;
}

int net_filter_is(uint32_t ifindex, uint32_t minor, uint32_t priority, uint32_t handle,
		  const char *name, bool *is)
{
	struct filter_query query = {
		.ifindex = ifindex, .priority = priority, .handle = handle, .name = name};
	int err = dump_filters(minor, &query);

	*is = query.named;
	return err;
}

int net_filters_before(uint32_t ifindex, uint32_t minor, uint32_t priority,
		       void (*each)(void *arg, uint32_t priority, const char *kind,
				    const char *name),
		       void *arg)
{
	struct filter_query query = {
		.ifindex = ifindex, .each = each, .arg = arg, .before = priority};

	return dump_filters(minor, &query);
}
