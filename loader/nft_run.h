/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* nft_run.h - a rule while it runs: what nft_rule.c and nft_xtables.c share. */
#ifndef IFW_LOADER_NFT_RUN_H
#define IFW_LOADER_NFT_RUN_H

#include <linux/netfilter/nf_conntrack_common.h>

#include "nft.h"

#define NFT_REGISTERS 64 /* bytes */

enum nft_holds { NFT_NO, NFT_MAYBE, NFT_YES };

struct nft_run {
	const struct nft_rule *rule;
	const struct nft_packet *packet;
	struct nft_outcome *outcome;
	uint8_t value[NFT_REGISTERS], known[NFT_REGISTERS];
	enum nft_holds holds;
};

const struct nlattr *nft_attr(const struct nlattr *nest, uint16_t type); /* NULL: it has none */
uint32_t nft_number(const struct nlattr *nest, uint16_t type, uint32_t missing);
void nft_test(struct nft_run *run, enum nft_holds answer);
enum nft_holds nft_compare(const struct nft_run *run, uint32_t at, const uint8_t *with,
			   uint32_t len);
void nft_write_mark(struct nft_run *run, uint32_t value, uint32_t known);
uint32_t nft_state(const struct nft_packet *packet); /* as NFT_CT_STATE has it */
void nft_go(struct nft_run *run, enum nft_verdict verdict, bool certain, const char *to);
void nft_go_by(struct nft_run *run, const struct nlattr *verdict, bool certain);

/* Matches and targets of iptables, which iptables-nft puts into its rules as they are. */
void nft_run_match(struct nft_run *run, const struct nlattr *data);
void nft_run_target(struct nft_run *run, const struct nlattr *data);

#endif /* IFW_LOADER_NFT_RUN_H */
