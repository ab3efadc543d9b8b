/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* nft_read.c - see nft.h: chains, rules and elements of sets, as the kernel lists them. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "nft.h"
#include "ruleset/room.h"

static void *ask(struct netlink *nl, uint16_t type, uint8_t family)
{
	struct nfgenmsg *header = netlink_request(nl, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
						  NLM_F_DUMP, sizeof(*header));

	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	return header;
}

static void copy_text(char to[NFT_NAME_SIZE], const struct nlattr *attr)
{
	snprintf(to, NFT_NAME_SIZE, "%s", mnl_attr_get_str(attr));
}

/* --- Chains ------------------------------------------------------------------------- */

static void read_hook(const struct nlattr *nest, struct nft_chain *chain)
{
	const struct nlattr *attr, *device;
	uint32_t number = 0;

	mnl_attr_for_each_nested(attr, nest)
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_HOOK_HOOKNUM:
			number = ntohl(mnl_attr_get_u32(attr));
			break;
		case NFTA_HOOK_PRIORITY:
			chain->priority = (int32_t)ntohl(mnl_attr_get_u32(attr));
			break;
		case NFTA_HOOK_DEV:
			copy_name(chain->device, mnl_attr_get_str(attr));
			break;
		case NFTA_HOOK_DEVS:
			mnl_attr_for_each_nested(device, attr) if (!chain->device[0])
				copy_name(chain->device, mnl_attr_get_str(device));
			break;
		default:
			break;
		}
	}
	if (chain->family == NFPROTO_NETDEV)
		chain->hook = number == NF_NETDEV_INGRESS ? NFT_HOOK_INGRESS : NFT_HOOK_NONE;
	else if (chain->family == NFPROTO_INET && number == NF_INET_INGRESS)
		chain->hook = NFT_HOOK_INGRESS;
	else if (chain->family == NFPROTO_INET || chain->family == NFPROTO_IPV4 ||
		 chain->family == NFPROTO_IPV6)
		chain->hook = number == NF_INET_PRE_ROUTING ? NFT_HOOK_PREROUTING
			      : number == NF_INET_LOCAL_IN  ? NFT_HOOK_INPUT
			      : number == NF_INET_FORWARD   ? NFT_HOOK_FORWARD
							    : NFT_HOOK_NONE;
}

static int take_chain(const struct nlmsghdr *nlh, void *arg)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(nlh);
	struct nft_chain chain = {.family = header->nfgen_family};
	struct nft_ruleset *ruleset = arg;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(*header))
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_CHAIN_TABLE:
			copy_text(chain.table, attr);
			break;
		case NFTA_CHAIN_NAME:
			copy_text(chain.name, attr);
			break;
		case NFTA_CHAIN_HOOK:
			read_hook(attr, &chain);
			break;
		case NFTA_CHAIN_POLICY:
			chain.policy_drop = ntohl(mnl_attr_get_u32(attr)) == NF_DROP;
			break;
		default:
			break;
		}
	}
	if (room_for_one(&ruleset->chains, ruleset->chain_count, &ruleset->chain_room,
			 sizeof(chain))) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	ruleset->chains[ruleset->chain_count++] = chain;
	return MNL_CB_OK;
}

static bool is_beside(const struct nft_chain *a, const struct nft_chain *b)
{
	return a->family == b->family && strcmp(a->table, b->table) == 0;
}

struct nft_chain *nft_find_chain(const struct nft_ruleset *ruleset, const struct nft_chain *beside,
				 const char *name)
{
	for (size_t i = 0; i < ruleset->chain_count; i++)
		if (is_beside(&ruleset->chains[i], beside) &&
		    strcmp(ruleset->chains[i].name, name) == 0)
			return &ruleset->chains[i];
	return NULL;
}

/* --- Rules --------------------------------------------------------------------------- */

static int take_rule(const struct nlmsghdr *nlh, void *arg)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(nlh);
	struct nft_chain of = {.family = header->nfgen_family};
	struct nft_ruleset *ruleset = arg;
	const struct nlattr *attr, *expressions = NULL;
	struct nft_rule rule = {.handle = 0};

	mnl_attr_for_each(attr, nlh, sizeof(*header))
	{
		if (mnl_attr_get_type(attr) == NFTA_RULE_TABLE)
			copy_text(of.table, attr);
		if (mnl_attr_get_type(attr) == NFTA_RULE_CHAIN)
			copy_text(of.name, attr);
		if (mnl_attr_get_type(attr) == NFTA_RULE_HANDLE)
			rule.handle = be64toh(mnl_attr_get_u64(attr));
		if (mnl_attr_get_type(attr) == NFTA_RULE_EXPRESSIONS)
			expressions = attr;
	}
	rule.chain = nft_find_chain(ruleset, &of, of.name);
	if (!rule.chain || !expressions)
		return MNL_CB_OK; /* of a chain that came meanwhile, or one that does nothing */
	rule.size = mnl_attr_get_len(expressions);
	rule.expressions = malloc(rule.size);
	if (!rule.expressions ||
	    room_for_one(&ruleset->rules, ruleset->rule_count, &ruleset->rule_room, sizeof(rule))) {
		free(rule.expressions);
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	memcpy(rule.expressions, expressions, rule.size);
	/* They are listed chain by chain. */
	if (!rule.chain->rule_count++)
		rule.chain->first_rule = ruleset->rule_count;
	ruleset->rules[ruleset->rule_count++] = rule;
	return MNL_CB_OK;
}

int nft_read(struct nft_ruleset *ruleset)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	int err = netlink_open_bus(&nl, NETLINK_NETFILTER);

	*ruleset = (struct nft_ruleset){};
	if (!err) {
		ask(&nl, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC);
		err = netlink_talk(&nl, take_chain, ruleset);
	}
	if (!err && ruleset->chain_count) {
		ask(&nl, NFT_MSG_GETRULE, NFPROTO_UNSPEC);
		err = netlink_talk(&nl, take_rule, ruleset);
	}
	return err == -EINVAL || err == -EPROTONOSUPPORT ? -EOPNOTSUPP : err;
}

void nft_free(struct nft_ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->rule_count; i++)
		free(ruleset->rules[i].expressions);
	free(ruleset->rules);
	free(ruleset->chains);
	*ruleset = (struct nft_ruleset){};
}

/* --- Elements -------------------------------------------------------------------------- */

struct element_query {
	void (*each)(void *arg, const struct nlattr *element);
	void *arg;
};

static int take_elements(const struct nlmsghdr *nlh, void *arg)
{
	const struct element_query *query = arg;
	const struct nlattr *attr, *element;

	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(element, attr) query->each(query->arg, element);
	}
	return MNL_CB_OK;
}

int nft_elements(const struct nft_chain *chain, const char *set,
		 void (*each)(void *arg, const struct nlattr *element), void *arg)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	struct element_query query = {each, arg};
	int err = netlink_open_bus(&nl, NETLINK_NETFILTER);

	if (err)
		return err;
	ask(&nl, NFT_MSG_GETSETELEM, chain->family);
	mnl_attr_put_strz(nl.request, NFTA_SET_ELEM_LIST_TABLE, chain->table);
	mnl_attr_put_strz(nl.request, NFTA_SET_ELEM_LIST_SET, set);
	return netlink_talk(&nl, take_elements, &query);
}
