/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nft.h - the rules of nftables, iptables-nft's among them, and what they do with a packet that
 * ifw has let in. They are read over netlink as the kernel runs them, in expressions on
 * registers, and not by libnftables: that is 0.9 MB, with 0.8 MB of libgmp, libnftnl and libxtables
 * behind it, and gives a text that has to be understood again. Where a rule asks what is not known
 * of the packet, it may hold or not.
 */
#ifndef IFW_LOADER_NFT_H
#define IFW_LOADER_NFT_H

#include "netlink.h"

#define NFT_NAME_SIZE 128 /* of tables, chains and sets; longer ones are cut, and match nothing */

enum nft_hook { /* in the order in which packets come by */
		NFT_HOOK_NONE,
		NFT_HOOK_INGRESS,
		NFT_HOOK_PREROUTING,
		NFT_HOOK_INPUT,
		NFT_HOOK_FORWARD,
};

struct nft_device {
	char name[IFW_NAME_MAX];
	bool is_prefix; /* and all that begin so */
};

/* Elements of a set, read when they were asked for first: many packets ask for the same. */
struct nft_set {
	char table[NFT_NAME_SIZE], name[NFT_NAME_SIZE];
	uint8_t family; /* NFPROTO_* */
	int err;	/* of reading it */
	char *elements; /* attributes, one behind the other */
	size_t size;
};

struct nft_sets {
	struct nft_set *all;
	size_t count, room;
};

struct nft_chain {
	struct nft_sets *sets; /* the ruleset's */
	char table[NFT_NAME_SIZE], name[NFT_NAME_SIZE];
	struct nft_device *devices; /* of an ingress chain */
	size_t device_count, device_room;
	uint8_t family;	    /* NFPROTO_* */
	enum nft_hook hook; /* of a base chain */
	int32_t priority;
	bool policy_drop;
	bool legacy; /* of iptables-legacy, see legacy.h */
	size_t first_rule, rule_count;
};

struct nft_rule {
	struct nft_chain *chain;
	uint64_t handle; /* of iptables-legacy: its number in the chain, from 1 */
	size_t size;
	void *expressions; /* NFTA_RULE_EXPRESSIONS, the attribute whole */
};

struct nft_ruleset {
	struct nft_chain *chains;
	size_t chain_count, chain_room;
	struct nft_rule *rules; /* those of a chain in their order */
	size_t rule_count, rule_room;
	struct nft_sets *sets;
};

/*
 * All chains first, then all rules, which point to them. -EOPNOTSUPP: the kernel has no nftables.
 * -EPERM: needs CAP_NET_ADMIN. Free the set in any case.
 */
int nft_read_chains(struct nft_ruleset *ruleset);
int nft_read_rules(struct nft_ruleset *ruleset);
void nft_free(struct nft_ruleset *ruleset);
/* Copies the chain. 0 or -ENOMEM. */
int nft_add_chain(struct nft_ruleset *ruleset, const struct nft_chain *chain);
/* Behind the others of its chain, whose rules come one after another. Takes its expressions. */
int nft_add_rule(struct nft_ruleset *ruleset, const struct nft_rule *rule);
struct nft_chain *nft_find_chain(const struct nft_ruleset *ruleset, const struct nft_chain *beside,
				 const char *name);

/* Elements of a set; each is handed on as its attributes. 0 or -errno. */
int nft_elements(const struct nft_chain *chain, const char *set,
		 void (*each)(void *arg, const struct nlattr *element), void *arg);

/* --- A packet, as far as it is known ------------------------------------------------------- */

#define NFT_HEADER_MAX 40

struct nft_bytes {
	uint8_t value[NFT_HEADER_MAX];
	uint8_t known[NFT_HEADER_MAX]; /* bits */
};

struct nft_packet {
	char ifname[IFW_NAME_MAX]; /* it came by */
	uint32_t ifindex;
	uint8_t nfproto, protocol; /* NFPROTO_IPV4 or _IPV6, IPPROTO_* */
	uint32_t mark, mark_known; /* bits that are known */
	bool established;	   /* not the first of its connection */
	struct nft_bytes network, transport;
};

enum nft_verdict {
	NFT_GOES_ON,
	NFT_ACCEPTS,
	NFT_DROPS, /* or refuses */
	NFT_JUMPS, /* to.. */
	NFT_GOES_TO,
	NFT_RETURNS,
};

/* One way that a rule may go; a verdict map has several. */
struct nft_way {
	enum nft_verdict verdict;
	bool certain; /* every packet like this goes it */
	char to[NFT_NAME_SIZE];
};
#define NFT_WAYS_MAX 64

struct nft_outcome {
	struct nft_way ways[NFT_WAYS_MAX];
	size_t count;
	bool mark_written, mark_certain; /* bits of mark_known have another value, or may */
	bool asks_way_back;		 /* fib saddr */
};

void nft_run_rule(const struct nft_rule *rule, const struct nft_packet *packet,
		  struct nft_outcome *outcome);

#endif /* IFW_LOADER_NFT_H */
