/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * legacy_entry.c - see legacy.h: one entry of a table, looked over, and as the expressions that
 * iptables-nft would make of it (net/ipv4/netfilter/ip_tables.c ip_packet_match, and of IPv6).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdlib.h>
#include <string.h>

#include "legacy.h"

/* --- Looked over ------------------------------------------------------------------------ */

static uint32_t head_size(uint8_t family)
{
	return family == NFPROTO_IPV6 ? sizeof(struct ip6t_entry) : sizeof(struct ipt_entry);
}

static bool is_sound(const struct legacy_entry *entry)
{
	struct xt_entry_match match;

	for (uint32_t at = entry->matches; at < entry->target; at += match.u.match_size) {
		if (entry->target - at < sizeof(match))
			return false;
		memcpy(&match, entry->bytes + at, sizeof(match));
		if (match.u.match_size < sizeof(match) || match.u.match_size > entry->target - at)
			return false;
	}
	return true;
}

static int read_target(struct legacy_entry *entry)
{
	struct xt_entry_target target;
	uint32_t room = entry->size - entry->target, need = 0;

	if (room < sizeof(target))
		return -EPROTO;
	memcpy(&target, entry->bytes + entry->target, sizeof(target));
	if (target.u.target_size < sizeof(target) || target.u.target_size > room)
		return -EPROTO;
	memcpy(entry->name, target.u.user.name, sizeof(target.u.user.name));
	entry->revision = target.u.user.revision;
	entry->size = entry->target + target.u.target_size;
	room = target.u.target_size - (uint32_t)sizeof(target);
	if (!entry->name[0])
		need = sizeof(entry->verdict);
	else if (strcmp(entry->name, XT_ERROR_TARGET) == 0)
		need = XT_FUNCTION_MAXNAMELEN;
	if (room < need)
		return -EPROTO;
	if (!entry->name[0])
		memcpy(&entry->verdict, entry->bytes + entry->target + sizeof(target), need);
	return 0;
}

int legacy_entry(const struct legacy_table *table, uint32_t at, struct legacy_entry *entry)
{
	const uint32_t head = head_size(table->family);
	uint16_t target, next;

	*entry = (struct legacy_entry){.family = table->family, .at = at, .matches = head};
	if (at >= table->info.size || table->info.size - at < head)
		return -EPROTO;
	entry->bytes = table->entries + at;
	if (table->family == NFPROTO_IPV6) {
		struct ip6t_entry ipv6;

		memcpy(&ipv6, entry->bytes, sizeof(ipv6));
		target = ipv6.target_offset;
		next = ipv6.next_offset;
		entry->go = ipv6.ipv6.flags & IP6T_F_GOTO;
	} else {
		struct ipt_entry ipv4;

		memcpy(&ipv4, entry->bytes, sizeof(ipv4));
		target = ipv4.target_offset;
		next = ipv4.next_offset;
		entry->go = ipv4.ip.flags & IPT_F_GOTO;
	}
	if (target < head || next < target || next > table->info.size - at)
		return -EPROTO;
	entry->next = at + next;
	entry->target = target;
	entry->size = next;
	return is_sound(entry) ? read_target(entry) : -EPROTO;
}

/* --- Expressions ------------------------------------------------------------------------- */

#define RULE_SIZE 16384
#define EXPRESSION_SIZE 512 /* more than any takes */
#define INFO_MAX 256	    /* of matches and targets; those that nft_xtables.c knows are smaller */

struct maker {
	union {
		struct nlmsghdr header;
		char bytes[RULE_SIZE];
	} u;
	struct nlattr *rule, *element, *data;
	bool full;
};

static void begin(struct maker *maker, const char *name)
{
	struct nlmsghdr *nlh = &maker->u.header;

	/* Where it is full, what is written last is written again, and all of it is given up. */
	if (nlh->nlmsg_len > RULE_SIZE - EXPRESSION_SIZE) {
		maker->full = true;
		nlh->nlmsg_len = RULE_SIZE - EXPRESSION_SIZE;
	}
	maker->element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, name);
	maker->data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
}

static void end(struct maker *maker)
{
	mnl_attr_nest_end(&maker->u.header, maker->data);
	mnl_attr_nest_end(&maker->u.header, maker->element);
}

static void put(struct maker *maker, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(&maker->u.header, type, htonl(value));
}

static void put_value(struct maker *maker, uint16_t type, const void *value, uint32_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(&maker->u.header, type);

	mnl_attr_put(&maker->u.header, NFTA_DATA_VALUE, len, value);
	mnl_attr_nest_end(&maker->u.header, nest);
}

static void make_meta(struct maker *maker, uint32_t key)
{
	begin(maker, "meta");
	put(maker, NFTA_META_KEY, key);
	put(maker, NFTA_META_DREG, NFT_REG_1);
	end(maker);
}

static void make_payload(struct maker *maker, uint32_t offset, uint32_t len)
{
	begin(maker, "payload");
	put(maker, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	put(maker, NFTA_PAYLOAD_OFFSET, offset);
	put(maker, NFTA_PAYLOAD_LEN, len);
	put(maker, NFTA_PAYLOAD_DREG, NFT_REG_1);
	end(maker);
}

/* Whether what was loaded, under the mask, is this; len: 16 at most. */
static void make_compare(struct maker *maker, const uint8_t *value, const uint8_t *mask,
			 uint32_t len, bool invert)
{
	static const uint8_t none[16];
	uint8_t wanted[16];

	for (uint32_t i = 0; i < len; i++)
		wanted[i] = value[i] & mask[i];
	begin(maker, "bitwise");
	put(maker, NFTA_BITWISE_SREG, NFT_REG_1);
	put(maker, NFTA_BITWISE_DREG, NFT_REG_1);
	put(maker, NFTA_BITWISE_LEN, len);
	put_value(maker, NFTA_BITWISE_MASK, mask, len);
	put_value(maker, NFTA_BITWISE_XOR, none, len);
	end(maker);
	begin(maker, "cmp");
	put(maker, NFTA_CMP_SREG, NFT_REG_1);
	put(maker, NFTA_CMP_OP, invert ? NFT_CMP_NEQ : NFT_CMP_EQ);
	put_value(maker, NFTA_CMP_DATA, wanted, len);
	end(maker);
}

static bool is_zero(const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

/* --- Conditions of every entry ------------------------------------------------------------- */

static void make_iface(struct maker *maker, uint32_t key, const char *name, const uint8_t *mask,
		       bool invert)
{
	if (is_zero(mask, IFNAMSIZ) && !invert)
		return;
	make_meta(maker, key);
	make_compare(maker, (const uint8_t *)name, mask, IFNAMSIZ, invert);
}

static void make_addr(struct maker *maker, uint32_t offset, const void *addr, const void *mask,
		      uint32_t len, bool invert)
{
	if (is_zero(mask, len) && !invert)
		return;
	make_payload(maker, offset, len);
	make_compare(maker, addr, mask, len, invert);
}

static void make_protocol(struct maker *maker, uint8_t protocol, bool invert)
{
	const uint8_t all = 0xff;

	make_meta(maker, NFT_META_L4PROTO);
	make_compare(maker, &protocol, &all, 1, invert);
}

/* Bits of the inversion are the same of both families. */
static void make_conditions4(struct maker *maker, const struct ipt_ip *ip)
{
	static const uint8_t offset[] = {0x1f, 0xff}, none[2];
	const uint8_t inverted = ip->invflags;

	make_iface(maker, NFT_META_IIFNAME, ip->iniface, ip->iniface_mask,
		   inverted & IPT_INV_VIA_IN);
	make_iface(maker, NFT_META_OIFNAME, ip->outiface, ip->outiface_mask,
		   inverted & IPT_INV_VIA_OUT);
	make_addr(maker, 12, &ip->src, &ip->smsk, sizeof(ip->src), inverted & IPT_INV_SRCIP);
	make_addr(maker, 16, &ip->dst, &ip->dmsk, sizeof(ip->dst), inverted & IPT_INV_DSTIP);
	if (ip->proto)
		make_protocol(maker, (uint8_t)ip->proto, inverted & IPT_INV_PROTO);
	/* Fragments but the first. */
	if (ip->flags & IPT_F_FRAG) {
		make_payload(maker, 6, sizeof(offset));
		make_compare(maker, none, offset, sizeof(offset), !(inverted & IPT_INV_FRAG));
	}
}

static void make_conditions6(struct maker *maker, const struct ip6t_ip6 *ip)
{
	const uint8_t inverted = ip->invflags;

	make_iface(maker, NFT_META_IIFNAME, ip->iniface, ip->iniface_mask,
		   inverted & IP6T_INV_VIA_IN);
	make_iface(maker, NFT_META_OIFNAME, ip->outiface, ip->outiface_mask,
		   inverted & IP6T_INV_VIA_OUT);
	make_addr(maker, 8, &ip->src, &ip->smsk, sizeof(ip->src), inverted & IP6T_INV_SRCIP);
	make_addr(maker, 24, &ip->dst, &ip->dmsk, sizeof(ip->dst), inverted & IP6T_INV_DSTIP);
	if (ip->flags & IP6T_F_PROTO)
		make_protocol(maker, (uint8_t)ip->proto, inverted & IP6T_INV_PROTO);
}

/* --- Matches and the target ------------------------------------------------------------------ */

struct extension {
	const char *kind, *name;
	uint16_t name_type, revision_type, info_type;
	uint8_t revision;
	const uint8_t *info;
	size_t len;
};

static void make_extension(struct maker *maker, const struct extension *extension)
{
	struct nlmsghdr *nlh = &maker->u.header;

	begin(maker, extension->kind);
	mnl_attr_put_strz(nlh, extension->name_type, extension->name);
	put(maker, extension->revision_type, extension->revision);
	if (extension->len <= INFO_MAX)
		mnl_attr_put(nlh, extension->info_type, extension->len, extension->info);
	end(maker);
}

static void make_matches(struct maker *maker, const struct legacy_entry *entry)
{
	struct xt_entry_match match;

	for (uint32_t at = entry->matches; at < entry->target; at += match.u.match_size) {
		char name[XT_EXTENSION_MAXNAMELEN + 1] = "";

		memcpy(&match, entry->bytes + at, sizeof(match));
		memcpy(name, match.u.user.name, sizeof(match.u.user.name));
		make_extension(maker, &(const struct extension){
					      .kind = "match",
					      .name = name,
					      .name_type = NFTA_MATCH_NAME,
					      .revision_type = NFTA_MATCH_REV,
					      .info_type = NFTA_MATCH_INFO,
					      .revision = match.u.user.revision,
					      .info = entry->bytes + at + sizeof(match),
					      .len = match.u.match_size - sizeof(match),
				      });
	}
}

static void make_verdict(struct maker *maker, int code, const char *to)
{
	struct nlmsghdr *nlh = &maker->u.header;
	struct nlattr *data, *verdict;

	begin(maker, "immediate");
	put(maker, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(nlh, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);
	put(maker, NFTA_VERDICT_CODE, (uint32_t)code);
	if (to[0])
		mnl_attr_put_strz(nlh, NFTA_VERDICT_CHAIN, to);
	mnl_attr_nest_end(nlh, verdict);
	mnl_attr_nest_end(nlh, data);
	end(maker);
}

static void make_target(struct maker *maker, const struct legacy_entry *entry, const char *to)
{
	const size_t head = sizeof(struct xt_entry_target);

	if (entry->name[0])
		make_extension(maker, &(const struct extension){
					      .kind = "target",
					      .name = entry->name,
					      .name_type = NFTA_TARGET_NAME,
					      .revision_type = NFTA_TARGET_REV,
					      .info_type = NFTA_TARGET_INFO,
					      .revision = entry->revision,
					      .info = entry->bytes + entry->target + head,
					      .len = entry->size - entry->target - head,
				      });
	else if (entry->verdict == XT_RETURN)
		make_verdict(maker, NFT_RETURN, "");
	else if (entry->verdict < 0)
		make_verdict(maker, -entry->verdict - 1, "");
	else if (to[0])
		make_verdict(maker, entry->go ? NFT_GOTO : NFT_JUMP, to);
	/* Else it leads to the entry behind it, as one without a target does. */
}

/* --- All of it ------------------------------------------------------------------------------- */

static void start(struct maker *maker)
{
	mnl_nlmsg_put_header(maker->u.bytes);
	maker->rule = mnl_attr_nest_start(&maker->u.header, NFTA_RULE_EXPRESSIONS);
}

int legacy_rule(const struct legacy_entry *entry, const char *to, struct nft_rule *rule)
{
	struct maker maker;

	maker.full = false;
	start(&maker);
	if (entry->family == NFPROTO_IPV6) {
		struct ip6t_entry head;

		memcpy(&head, entry->bytes, sizeof(head));
		make_conditions6(&maker, &head.ipv6);
	} else {
		struct ipt_entry head;

		memcpy(&head, entry->bytes, sizeof(head));
		make_conditions4(&maker, &head.ip);
	}
	make_matches(&maker, entry);
	make_target(&maker, entry, to);
	/* One with so many matches that it does not fit holds for some packets at most. */
	if (maker.full)
		start(&maker);
	mnl_attr_nest_end(&maker.u.header, maker.rule);
	rule->size = mnl_attr_get_len(maker.rule);
	rule->expressions = malloc(rule->size);
	if (!rule->expressions)
		return -ENOMEM;
	memcpy(rule->expressions, maker.rule, rule->size);
	return 0;
}
