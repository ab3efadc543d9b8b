/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * legacy.h - rules of iptables-legacy, as chains and rules of nft.h: what iptables-nft would make
 * of them, so that one judgement does for both. They are asked for as iptables does it, by
 * getsockopt on a socket of the family, and not by libip4tc: that loads modules and makes tables
 * that are not there, and the answer is a few structures of the kernel's
 * (linux/netfilter_ipv4/ip_tables.h).
 */
#ifndef IFW_LOADER_LEGACY_H
#define IFW_LOADER_LEGACY_H

#include <linux/netfilter_ipv4/ip_tables.h>

#include "nft.h"

#define LEGACY_TABLES_MAX 10 /* five kinds, two families */

/* A table, as the kernel answers; nothing in it is trusted. */
struct legacy_table {
	uint8_t family; /* NFPROTO_IPV4, NFPROTO_IPV6 */
	struct ipt_getinfo info;
	uint8_t *entries; /* info.size bytes; NULL: none */
	/* Filled in as it is read: where the rules of its chains begin, which are one behind the
	 * other in the ruleset from the first on.
	 */
	uint32_t *starts;
	size_t start_count, start_room, first_chain;
};

struct legacy {
	struct legacy_table tables[LEGACY_TABLES_MAX];
	size_t count;
};

/*
 * Reads the tables that there are, and makes none. 0 or -errno, -EPERM and -EACCES: needs
 * CAP_NET_ADMIN. Free it in any case.
 */
int legacy_read(struct legacy *legacy);
void legacy_free(struct legacy *legacy);

/*
 * Adds all its chains, then all their rules; there may be others' between. -EPROTO: a table is
 * not what it should be; then chains of it are left, which are to be forgotten.
 */
int legacy_add_chains(struct legacy *legacy, struct nft_ruleset *ruleset);
int legacy_add_rules(const struct legacy *legacy, struct nft_ruleset *ruleset);

/* --- One entry of a table (legacy_entry.c) --------------------------------------------------- */

/* Looked over: everything that it points at is within its table. */
struct legacy_entry {
	uint8_t family;
	const uint8_t *bytes;
	uint32_t at, next;			/* offsets in the table */
	uint32_t matches, target, size;		/* offsets in the entry; its size */
	char name[XT_EXTENSION_MAXNAMELEN + 1]; /* of its target; "": a verdict */
	uint8_t revision;
	int verdict; /* where it is one: an offset in the table, or below 0 */
	bool go;     /* goto */
};

/* Of the entry at this offset. -EPROTO: it is none. */
int legacy_entry(const struct legacy_table *table, uint32_t at, struct legacy_entry *entry);

/* The rule that an entry is; to: the chain that it jumps to, or "". 0 or -ENOMEM. */
int legacy_rule(const struct legacy_entry *entry, const char *to, struct nft_rule *rule);

#endif /* IFW_LOADER_LEGACY_H */
