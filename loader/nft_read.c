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

#define DEVICE_PREFIX 2 /* NFTA_DEVICE_PREFIX of linux 6.16 */

static int add_device(struct nft_chain *chain, const struct nlattr *attr, bool is_prefix)
{
	struct nft_device *device;

	if (room_for_one(&chain->devices, chain->device_count, &chain->device_room,
			 sizeof(*device)))
		return -ENOMEM;
	device = &chain->devices[chain->device_count++];
	copy_name(device->name, mnl_attr_get_str(attr));
	device->is_prefix = is_prefix;
	return 0;
}

static int read_devices(const struct nlattr *nest, struct nft_chain *chain)
{
	const struct nlattr *attr;
	int err = 0;

	mnl_attr_for_each_nested(attr, nest) if (!err) err =
		add_device(chain, attr, mnl_attr_get_type(attr) == DEVICE_PREFIX);
	return err;
}

static int read_hook(const struct nlattr *nest, struct nft_chain *chain)
{
	const struct nlattr *attr, *one = NULL, *several = NULL;
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
			one = attr;
			break;
		case NFTA_HOOK_DEVS:
			several = attr;
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
	/* Of one device alone the kernel says it in both ways. */
	return several ? read_devices(several, chain) : one ? add_device(chain, one, false) : 0;
}

int nft_add_chain(struct nft_ruleset *ruleset, const struct nft_chain *chain)
{
	int err = room_for_one(&ruleset->chains, ruleset->chain_count, &ruleset->chain_room,
			       sizeof(*chain));

	if (!err)
		ruleset->chains[ruleset->chain_count++] = *chain;
	return err;
}

static int take_chain(const struct nlmsghdr *nlh, void *arg)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(nlh);
	struct nft_ruleset *ruleset = arg;
	struct nft_chain chain = {.family = header->nfgen_family, .sets = ruleset->sets};
	const struct nlattr *attr;
	int err = 0;

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
			err = read_hook(attr, &chain);
			break;
		case NFTA_CHAIN_POLICY:
			chain.policy_drop = ntohl(mnl_attr_get_u32(attr)) == NF_DROP;
			break;
		default:
			break;
		}
	}
	if (!err)
		err = nft_add_chain(ruleset, &chain);
	if (err)
		free(chain.devices);
	errno = -err;
	return err ? MNL_CB_ERROR : MNL_CB_OK;
}

static bool is_beside(const struct nft_chain *a, const struct nft_chain *b)
{
	return a->family == b->family && a->legacy == b->legacy && strcmp(a->table, b->table) == 0;
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

int nft_add_rule(struct nft_ruleset *ruleset, const struct nft_rule *rule)
{
	if (room_for_one(&ruleset->rules, ruleset->rule_count, &ruleset->rule_room,
			 sizeof(*rule))) {
		free(rule->expressions);
		return -ENOMEM;
	}
	if (!rule->chain->rule_count++)
		rule->chain->first_rule = ruleset->rule_count;
	ruleset->rules[ruleset->rule_count++] = *rule;
	return 0;
}

/* They are listed chain by chain, and there may be thousands of both. */
static struct nft_chain *chain_of(const struct nft_ruleset *ruleset, const struct nft_chain *of)
{
	struct nft_chain *last =
		ruleset->rule_count ? ruleset->rules[ruleset->rule_count - 1].chain : NULL;

	return last && is_beside(last, of) && strcmp(last->name, of->name) == 0
		       ? last
		       : nft_find_chain(ruleset, of, of->name);
}

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
	rule.chain = chain_of(ruleset, &of);
	if (!rule.chain || !expressions)
		return MNL_CB_OK; /* of a chain that came meanwhile, or one that does nothing */
	rule.size = mnl_attr_get_len(expressions);
	rule.expressions = malloc(rule.size);
	if (!rule.expressions) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	memcpy(rule.expressions, expressions, rule.size);
	errno = -nft_add_rule(ruleset, &rule);
	return errno ? MNL_CB_ERROR : MNL_CB_OK;
}

static int read_all(struct nft_ruleset *ruleset, uint16_t type, mnl_cb_t take)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	int err = netlink_open_bus(&nl, NETLINK_NETFILTER);

	if (!err) {
		ask(&nl, type, NFPROTO_UNSPEC);
		err = netlink_talk(&nl, take, ruleset);
	}
	return err == -EINVAL || err == -EPROTONOSUPPORT ? -EOPNOTSUPP : err;
}

int nft_read_chains(struct nft_ruleset *ruleset)
{
	*ruleset = (struct nft_ruleset){.sets = calloc(1, sizeof(*ruleset->sets))};
	if (!ruleset->sets)
		return -ENOMEM;
	return read_all(ruleset, NFT_MSG_GETCHAIN, take_chain);
}

int nft_read_rules(struct nft_ruleset *ruleset)
{
	return read_all(ruleset, NFT_MSG_GETRULE, take_rule);
}

void nft_free(struct nft_ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->rule_count; i++)
		free(ruleset->rules[i].expressions);
	free(ruleset->rules);
	for (size_t i = 0; i < ruleset->chain_count; i++)
		free(ruleset->chains[i].devices);
	free(ruleset->chains);
	for (size_t i = 0; ruleset->sets && i < ruleset->sets->count; i++)
		free(ruleset->sets->all[i].elements);
	if (ruleset->sets)
		free(ruleset->sets->all);
	free(ruleset->sets);
	*ruleset = (struct nft_ruleset){};
}

/* --- Elements -------------------------------------------------------------------------- */

static int take_elements(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr, *element;
	FILE *elements = arg;

	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(element, attr)
			fwrite(element, MNL_ALIGN(element->nla_len), 1, elements);
	}
	return MNL_CB_OK;
}

static int read_set(struct nft_set *set)
{
	CLEANUP(netlink_close) struct netlink nl = {};
	FILE *elements = open_memstream(&set->elements, &set->size);
	int err = elements ? netlink_open_bus(&nl, NETLINK_NETFILTER) : -ENOMEM;

	if (!err) {
		ask(&nl, NFT_MSG_GETSETELEM, set->family);
		mnl_attr_put_strz(nl.request, NFTA_SET_ELEM_LIST_TABLE, set->table);
		mnl_attr_put_strz(nl.request, NFTA_SET_ELEM_LIST_SET, set->name);
		err = netlink_talk(&nl, take_elements, elements);
	}
	if (elements && (ferror(elements) | fclose(elements)) && !err)
		err = -ENOMEM;
	return err;
}

/* NULL: no memory. */
static const struct nft_set *find_set(const struct nft_chain *chain, const char *name)
{
	struct nft_sets *sets = chain->sets;
	struct nft_set *set;

	for (size_t i = 0; i < sets->count; i++) {
		set = &sets->all[i];
		if (set->family == chain->family && strcmp(set->table, chain->table) == 0 &&
		    strcmp(set->name, name) == 0)
			return set;
	}
	if (room_for_one(&sets->all, sets->count, &sets->room, sizeof(*set)))
		return NULL;
	set = &sets->all[sets->count++];
	*set = (struct nft_set){.family = chain->family};
	snprintf(set->table, sizeof(set->table), "%s", chain->table);
	snprintf(set->name, sizeof(set->name), "%s", name);
	set->err = read_set(set);
	return set;
}

int nft_elements(const struct nft_chain *chain, const char *name,
		 void (*each)(void *arg, const struct nlattr *element), void *arg)
{
	const struct nft_set *set = find_set(chain, name);
	const struct nlattr *attr;

	if (!set || set->err)
		return set ? set->err : -ENOMEM;
	mnl_attr_for_each_payload((void *)set->elements, set->size) each(arg, attr);
	return 0;
}
