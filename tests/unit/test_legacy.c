/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_legacy.c - a table of iptables-legacy as the kernel might answer, whole, cut off and
 * spoilt: nothing beyond it is read, and what it says is what the rules of nft.h then do.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/legacy.h"

#define HEAD sizeof(struct ipt_entry)
#define VERDICT sizeof(struct xt_standard_target)
#define NAMED sizeof(struct xt_error_target)
#define PORTS (sizeof(struct xt_entry_match) + XT_ALIGN(sizeof(struct xt_tcp)))

struct made {
	struct ipt_getinfo info;
	uint32_t size;
	uint8_t bytes[1 << 17];
};

static void put_head(struct made *made, const struct ipt_ip *ip, uint32_t matches, uint32_t target)
{
	struct ipt_entry entry = {.target_offset = (uint16_t)(HEAD + matches),
				  .next_offset = (uint16_t)(HEAD + matches + target)};

	if (ip)
		entry.ip = *ip;
	memcpy(made->bytes + made->size, &entry, HEAD);
	made->size += (uint32_t)HEAD;
}

static void put_verdict(struct made *made, int verdict)
{
	struct xt_standard_target target = {.target.u.user.target_size = VERDICT,
					    .verdict = verdict};

	memcpy(made->bytes + made->size, &target, VERDICT);
	made->size += (uint32_t)VERDICT;
}

static void put_chain(struct made *made, const char *name)
{
	struct xt_error_target target = {.target.u.user.target_size = NAMED};

	put_head(made, NULL, 0, NAMED);
	snprintf(target.target.u.user.name, sizeof(target.target.u.user.name), "%s",
		 XT_ERROR_TARGET);
	snprintf(target.errorname, sizeof(target.errorname), "%s", name);
	memcpy(made->bytes + made->size, &target, NAMED);
	made->size += (uint32_t)NAMED;
}

static void put_port(struct made *made, uint16_t port)
{
	struct xt_tcp tcp = {.spts = {0, UINT16_MAX}, .dpts = {port, port}};
	struct xt_entry_match match = {.u.user.match_size = PORTS};

	snprintf(match.u.user.name, sizeof(match.u.user.name), "%s", "tcp");
	memcpy(made->bytes + made->size, &match, sizeof(match));
	memcpy(made->bytes + made->size + sizeof(match), &tcp, sizeof(tcp));
	made->size += (uint32_t)PORTS;
}

/* -P INPUT DROP; -A INPUT -i eth0 -p tcp --dport 80 -j mine; -A mine -s 10.0.0.0/8 -j ACCEPT */
static void make(struct made *made)
{
	struct ipt_ip from = {.src.s_addr = htonl(0x0a000000), .smsk.s_addr = htonl(0xff000000)};
	struct ipt_ip by = {.iniface = "eth0", .proto = IPPROTO_TCP};
	uint32_t jump;

	*made = (struct made){.info = {.name = "filter", .valid_hooks = 1 << NF_INET_LOCAL_IN}};
	memset(by.iniface_mask, 0xff, 5);
	put_head(made, &by, PORTS, VERDICT);
	put_port(made, 80);
	jump = made->size;
	put_verdict(made, 0);
	made->info.underflow[NF_INET_LOCAL_IN] = made->size;
	put_head(made, NULL, 0, VERDICT);
	put_verdict(made, -NF_DROP - 1);
	put_chain(made, "mine");
	memcpy(made->bytes + jump + offsetof(struct xt_standard_target, verdict), &made->size,
	       sizeof(made->size));
	put_head(made, &from, 0, VERDICT);
	put_verdict(made, -NF_ACCEPT - 1);
	put_head(made, NULL, 0, VERDICT);
	put_verdict(made, XT_RETURN);
	put_chain(made, XT_ERROR_TARGET);
	made->info.size = made->size;
}

/* 0 or what was wrong with it; the rules are there in any case. */
static int read_made(const struct made *made, uint8_t family, struct nft_ruleset *ruleset)
{
	struct legacy legacy = {.count = 1};
	int err;

	*ruleset = (struct nft_ruleset){.chain_count = 0};
	/* Not a byte more, for who looks after it would notice. */
	legacy.tables[0] = (struct legacy_table){
		.family = family, .info = made->info, .entries = malloc(made->info.size ?: 1)};
	memcpy(legacy.tables[0].entries, made->bytes, made->info.size);
	err = legacy_add_chains(&legacy, ruleset);
	if (!err)
		err = legacy_add_rules(&legacy, ruleset);
	legacy_free(&legacy);
	return err;
}

static const struct nft_packet web = {
	.ifname = "eth0",
	.nfproto = NFPROTO_IPV4,
	.protocol = IPPROTO_TCP,
	.transport = {.value = {0, 0, 0, 80}, .known = {0, 0, 0xff, 0xff}},
};

Test(legacy, whole)
{
	struct nft_packet other = web;
	struct nft_ruleset ruleset;
	struct nft_outcome outcome;
	struct made made;

	make(&made);
	cr_assert_eq(read_made(&made, NFPROTO_IPV4, &ruleset), 0);
	cr_assert_eq(ruleset.chain_count, 3); /* the last is where the table ends */
	cr_assert_eq(ruleset.rule_count, 3);
	cr_expect_str_eq(ruleset.chains[0].name, "INPUT");
	cr_expect_str_eq(ruleset.chains[0].table, "filter");
	cr_expect_eq(ruleset.chains[0].hook, NFT_HOOK_INPUT);
	cr_expect(ruleset.chains[0].policy_drop && ruleset.chains[0].legacy);
	cr_expect_eq(ruleset.chains[0].rule_count, 1);
	cr_expect_str_eq(ruleset.chains[1].name, "mine");
	cr_expect_eq(ruleset.chains[1].hook, NFT_HOOK_NONE);
	cr_expect_eq(ruleset.chains[1].first_rule, 1);
	cr_expect_eq(ruleset.rules[2].handle, 2);

	nft_run_rule(&ruleset.rules[0], &web, &outcome);
	cr_assert_eq(outcome.count, 1);
	cr_expect_eq(outcome.ways[0].verdict, NFT_JUMPS);
	cr_expect(outcome.ways[0].certain);
	cr_expect_str_eq(outcome.ways[0].to, "mine");
	other.transport.value[3] = 81;
	nft_run_rule(&ruleset.rules[0], &other, &outcome);
	cr_expect_eq(outcome.count, 0);
	other = web;
	snprintf(other.ifname, sizeof(other.ifname), "%s", "eth01");
	nft_run_rule(&ruleset.rules[0], &other, &outcome);
	cr_expect_eq(outcome.count, 0);
	nft_run_rule(&ruleset.rules[1], &web, &outcome);
	cr_assert_eq(outcome.count, 1);
	cr_expect_eq(outcome.ways[0].verdict, NFT_ACCEPTS);
	cr_expect_not(outcome.ways[0].certain);
	nft_run_rule(&ruleset.rules[2], &web, &outcome);
	cr_expect_eq(outcome.ways[0].verdict, NFT_RETURNS);
	nft_free(&ruleset);
}

/* What comes of it is run, too: expressions must hold together whatever they were made of. */
static void survives(const struct made *made, uint8_t family)
{
	struct nft_ruleset ruleset;
	struct nft_outcome outcome;
	int err = read_made(made, family, &ruleset);

	cr_expect(err == 0 || err == -EPROTO, "%d", err);
	for (size_t i = 0; i < ruleset.rule_count; i++)
		nft_run_rule(&ruleset.rules[i], &web, &outcome);
	nft_free(&ruleset);
}

Test(legacy, cut_off)
{
	struct made made;

	make(&made);
	for (made.info.size = 0; made.info.size < made.size; made.info.size++) {
		survives(&made, NFPROTO_IPV4);
		survives(&made, NFPROTO_IPV6);
	}
}

Test(legacy, spoilt)
{
	static const uint8_t values[] = {0, 1, 7, 0x20, 0x7f, 0x80, 0xff};
	struct made made;

	make(&made);
	for (uint32_t at = 0; at < made.size; at++) {
		const uint8_t before = made.bytes[at];

		for (size_t i = 0; i < sizeof(values); i++) {
			made.bytes[at] = values[i];
			survives(&made, NFPROTO_IPV4);
			survives(&made, NFPROTO_IPV6);
		}
		made.bytes[at] = before;
	}
	for (unsigned int hook = 0; hook < NF_INET_NUMHOOKS; hook++) {
		made.info.valid_hooks = 0xffffffff;
		made.info.hook_entry[hook] = made.size - 1;
		made.info.underflow[hook] = UINT32_MAX - hook;
		survives(&made, NFPROTO_IPV4);
	}
}

/* More matches than fit a rule of ours: it is one that says nothing. */
Test(legacy, long_entry)
{
	static const struct {
		uint32_t matches;
		size_t ways;
	} tried[] = {{3, 1}, {60, 1}, {1300, 0}};
	struct nft_ruleset ruleset;
	struct nft_outcome outcome;

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		struct made made = {
			.info = {.name = "filter", .valid_hooks = 1 << NF_INET_LOCAL_IN}};

		put_head(&made, NULL, (uint32_t)(tried[i].matches * PORTS), VERDICT);
		for (uint32_t j = 0; j < tried[i].matches; j++)
			put_port(&made, 80);
		put_verdict(&made, -NF_DROP - 1);
		made.info.underflow[NF_INET_LOCAL_IN] = made.size;
		put_head(&made, NULL, 0, VERDICT);
		put_verdict(&made, -NF_ACCEPT - 1);
		made.info.size = made.size;
		cr_assert_eq(read_made(&made, NFPROTO_IPV4, &ruleset), 0);
		cr_assert_eq(ruleset.rule_count, 1);
		nft_run_rule(&ruleset.rules[0], &web, &outcome);
		cr_expect_eq(outcome.count, tried[i].ways, "%u matches", tried[i].matches);
		nft_free(&ruleset);
	}
}
