/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* nft_xtables.c - see nft_run.h: linux/netfilter/xt_*.h. */
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <string.h>

#include "nft_run.h"

/* The extension's own structure; NULL where it is smaller than that. */
static const void *info_of(const struct nlattr *data, uint16_t type, size_t size)
{
	const struct nlattr *info = nft_attr(data, type);

	return info && mnl_attr_get_payload_len(info) >= size ? mnl_attr_get_payload(info) : NULL;
}

static enum nft_holds not_if(bool invert, bool holds)
{
	return holds != invert ? NFT_YES : NFT_NO;
}

static enum nft_holds match_mark(const struct nft_run *run, const struct nlattr *data)
{
	const struct xt_mark_mtinfo1 *info =
		info_of(data, NFTA_MATCH_INFO, sizeof(struct xt_mark_mtinfo1));
	uint32_t unknown;

	if (!info)
		return NFT_MAYBE;
	unknown = info->mask & ~run->packet->mark_known;
	if ((run->packet->mark ^ info->mark) & info->mask & ~unknown)
		return not_if(info->invert, false);
	return unknown ? NFT_MAYBE : not_if(info->invert, true);
}

static enum nft_holds match_state(const struct nft_run *run, const struct nlattr *data,
				  bool conntrack)
{
	const struct xt_conntrack_mtinfo3 *all =
		info_of(data, NFTA_MATCH_INFO, sizeof(struct xt_conntrack_mtinfo3));
	const struct xt_state_info *state =
		info_of(data, NFTA_MATCH_INFO, sizeof(struct xt_state_info));

	if (!conntrack)
		return state ? not_if(false, state->statemask & nft_state(run->packet)) : NFT_MAYBE;
	if (!all || (all->match_flags & ~XT_CONNTRACK_STATE_ALIAS) != XT_CONNTRACK_STATE)
		return NFT_MAYBE;
	return not_if(all->invert_flags & XT_CONNTRACK_STATE,
		      all->state_mask & nft_state(run->packet));
}

/* By the destination's port alone; it comes second in either header. */
static enum nft_holds match_port(const struct nft_run *run, uint16_t low, uint16_t high, bool more)
{
	const struct nft_bytes *transport = &run->packet->transport;
	const uint16_t port = (uint16_t)(transport->value[2] << 8 | transport->value[3]);

	if (transport->known[2] != 0xff || transport->known[3] != 0xff)
		return NFT_MAYBE;
	return port < low || port > high ? NFT_NO : more ? NFT_MAYBE : NFT_YES;
}

static enum nft_holds match_tcp(const struct nft_run *run, const struct nlattr *data)
{
	const struct xt_tcp *info = info_of(data, NFTA_MATCH_INFO, sizeof(struct xt_tcp));

	if (!info || info->invflags)
		return NFT_MAYBE;
	return match_port(run, info->dpts[0], info->dpts[1],
			  info->spts[0] || info->spts[1] != UINT16_MAX || info->option ||
				  info->flg_mask);
}

static enum nft_holds match_udp(const struct nft_run *run, const struct nlattr *data)
{
	const struct xt_udp *info = info_of(data, NFTA_MATCH_INFO, sizeof(struct xt_udp));

	if (!info || info->invflags)
		return NFT_MAYBE;
	return match_port(run, info->dpts[0], info->dpts[1],
			  info->spts[0] || info->spts[1] != UINT16_MAX);
}

void nft_run_match(struct nft_run *run, const struct nlattr *data)
{
	const struct nlattr *attr = nft_attr(data, NFTA_MATCH_NAME);
	const char *name = attr ? mnl_attr_get_str(attr) : "";
	const uint32_t revision = nft_number(data, NFTA_MATCH_REV, 0);
	enum nft_holds answer = NFT_MAYBE;

	if (strcmp(name, "comment") == 0)
		answer = NFT_YES;
	else if (strcmp(name, "mark") == 0 && revision == 1)
		answer = match_mark(run, data);
	else if (strcmp(name, "state") == 0)
		answer = match_state(run, data, false);
	else if (strcmp(name, "conntrack") == 0 && revision == 3)
		answer = match_state(run, data, true);
	else if (strcmp(name, "tcp") == 0)
		answer = match_tcp(run, data);
	else if (strcmp(name, "udp") == 0)
		answer = match_udp(run, data);
	nft_test(run, answer);
}

static void target_mark(struct nft_run *run, const struct nlattr *data)
{
	const struct xt_mark_tginfo2 *info =
		info_of(data, NFTA_TARGET_INFO, sizeof(struct xt_mark_tginfo2));

	if (info)
		nft_write_mark(run, (run->packet->mark & ~info->mask) ^ info->mark,
			       run->packet->mark_known | info->mask);
}

/* The connection's mark is not known. */
static void target_connmark(struct nft_run *run, const struct nlattr *data)
{
	const struct xt_connmark_tginfo2 *second =
		info_of(data, NFTA_TARGET_INFO, sizeof(struct xt_connmark_tginfo2));
	const struct xt_connmark_tginfo1 *first =
		info_of(data, NFTA_TARGET_INFO, sizeof(struct xt_connmark_tginfo1));
	const bool is_second = nft_number(data, NFTA_TARGET_REV, 0) >= 2;

	if (!first || (is_second && !second) ||
	    (is_second ? second->mode : first->mode) != XT_CONNMARK_RESTORE)
		return;
	nft_write_mark(run, run->packet->mark,
		       run->packet->mark_known & ~(first->nfmask | first->ctmask));
}

void nft_run_target(struct nft_run *run, const struct nlattr *data)
{
	static const char *const ends[] = {"DNAT",   "SNAT",	"REDIRECT", "MASQUERADE",
					   "ACCEPT", "NFQUEUE", "TPROXY",   NULL};
	const struct nlattr *attr = nft_attr(data, NFTA_TARGET_NAME);
	const char *name = attr ? mnl_attr_get_str(attr) : "";

	if (strcmp(name, "MARK") == 0)
		target_mark(run, data);
	else if (strcmp(name, "CONNMARK") == 0)
		target_connmark(run, data);
	else if (strcmp(name, "REJECT") == 0 || strcmp(name, "DROP") == 0)
		nft_go(run, NFT_DROPS, true, "");
	for (const char *const *end = ends; *end; end++)
		if (strcmp(name, *end) == 0)
			nft_go(run, NFT_ACCEPTS, true, "");
}
