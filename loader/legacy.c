/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* legacy.c - see legacy.h: tables, asked for and divided into chains. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "legacy.h"
#include "ruleset/room.h"

#define SIZE_MAX_TABLE (256U << 20) /* bytes; some million rules */
#define TRIES 5			    /* while others change a table */
#define NAMES "/proc/self/net/"

_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo) &&
		       sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries),
	       "both families are asked alike");

/* --- Asked for ------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int32_t priority; /* NF_IP6_PRI_* are the same */
} kinds[] = {
	{"raw", NF_IP_PRI_RAW},	      {"mangle", NF_IP_PRI_MANGLE},	{"nat", NF_IP_PRI_NAT_DST},
	{"filter", NF_IP_PRI_FILTER}, {"security", NF_IP_PRI_SECURITY},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int32_t priority_of(const char *name, unsigned int hook)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].priority == NF_IP_PRI_NAT_DST && hook != NF_INET_PRE_ROUTING
				       ? NF_IP_PRI_NAT_SRC
				       : kinds[i].priority;
	return 0;
}

static int ask(int fd, uint8_t family, struct legacy_table *table)
{
	const int level = family == NFPROTO_IPV6 ? IPPROTO_IPV6 : IPPROTO_IP;
	CLEANUP(cleanup_free) struct ipt_get_entries *answer = NULL;
	socklen_t len = sizeof(table->info);

	if (getsockopt(fd, level, IPT_SO_GET_INFO, &table->info, &len))
		return -errno;
	if (table->info.size > SIZE_MAX_TABLE)
		return -EFBIG;
	len = (socklen_t)(sizeof(*answer) + table->info.size);
	answer = calloc(1, len);
	table->entries = malloc(table->info.size + 1);
	if (!answer || !table->entries)
		return -ENOMEM;
	memcpy(answer->name, table->info.name, sizeof(answer->name));
	answer->size = table->info.size;
	if (getsockopt(fd, level, IPT_SO_GET_ENTRIES, answer, &len))
		return -errno;
	memcpy(table->entries, answer->entrytable, table->info.size);
	return 0;
}

static int read_table(struct legacy *legacy, int fd, uint8_t family, const char *name)
{
	int err = -EAGAIN;

	for (int i = 0; i < TRIES && err == -EAGAIN; i++) {
		struct legacy_table table = {.family = family};

		snprintf(table.info.name, sizeof(table.info.name), "%s", name);
		err = ask(fd, family, &table);
		table.info.name[sizeof(table.info.name) - 1] = '\0';
		if (err)
			free(table.entries);
		else
			legacy->tables[legacy->count++] = table;
	}
	return err == -ENOENT ? 0 : err; /* gone meanwhile */
}

static bool is_kind(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return true;
	return false;
}

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* The kernel lists tables that were used; to ask for another would make it. */
static int read_family(struct legacy *legacy, uint8_t family)
{
	const bool ipv6 = family == NFPROTO_IPV6;
	CLEANUP(close_file)
	FILE *names = fopen(ipv6 ? NAMES "ip6_tables_names" : NAMES "ip_tables_names", "re");
	CLEANUP(cleanup_close) int fd = -1;
	char line[XT_TABLE_MAXNAMELEN];
	int err = 0;

	if (!names)
		return errno == ENOENT ? 0 : -errno;
	while (!err && legacy->count < LEGACY_TABLES_MAX && fgets(line, sizeof(line), names)) {
		line[strcspn(line, "\n")] = '\0';
		if (!is_kind(line))
			continue;
		if (fd < 0)
			fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		err = fd < 0 ? -errno : read_table(legacy, fd, family, line);
	}
	return err;
}

int legacy_read(struct legacy *legacy)
{
	int err;

	*legacy = (struct legacy){.count = 0};
	err = read_family(legacy, NFPROTO_IPV4);
	return err ? err : read_family(legacy, NFPROTO_IPV6);
}

void legacy_free(struct legacy *legacy)
{
	for (size_t i = 0; i < legacy->count; i++) {
		free(legacy->tables[i].entries);
		free(legacy->tables[i].starts);
	}
	legacy->count = 0;
}

/* --- Divided into chains --------------------------------------------------------------- */

#define NO_HOOK NF_INET_NUMHOOKS

/* The hook whose chain begins at this offset. */
static unsigned int hook_at(const struct legacy_table *table, uint32_t at)
{
	for (unsigned int hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		if (table->info.valid_hooks >> hook & 1 && table->info.hook_entry[hook] == at)
			return hook;
	return NO_HOOK;
}

static bool drops_by_policy(const struct legacy_table *table, unsigned int hook)
{
	struct legacy_entry entry;

	return legacy_entry(table, table->info.underflow[hook], &entry) == 0 && !entry.name[0] &&
	       entry.verdict == -NF_DROP - 1;
}

/* A chain whose rules begin at start; hook: that it is called by. */
static int add_chain(struct legacy_table *table, struct nft_ruleset *ruleset, uint32_t start,
		     unsigned int hook, const char *name)
{
	static const char *const names[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
					    "POSTROUTING"};
	static const enum nft_hook hooks[] = {NFT_HOOK_PREROUTING, NFT_HOOK_INPUT, NFT_HOOK_FORWARD,
					      NFT_HOOK_NONE, NFT_HOOK_NONE};
	struct nft_chain chain = {.family = table->family, .legacy = true};

	if (room_for_one(&table->starts, table->start_count, &table->start_room, sizeof(start)))
		return -ENOMEM;
	table->starts[table->start_count++] = start;
	snprintf(chain.table, sizeof(chain.table), "%s", table->info.name);
	snprintf(chain.name, sizeof(chain.name), "%s", hook < NO_HOOK ? names[hook] : name);
	if (hook < NO_HOOK) {
		chain.hook = hooks[hook];
		chain.priority = priority_of(table->info.name, hook);
		chain.policy_drop = drops_by_policy(table, hook);
	}
	return nft_add_chain(ruleset, &chain);
}

/* An entry that begins a chain of its own has its name in its target, which is no rule. */
static bool is_head(const struct legacy_entry *entry)
{
	return strcmp(entry->name, XT_ERROR_TARGET) == 0;
}

static int add_chains(struct legacy_table *table, struct nft_ruleset *ruleset)
{
	struct legacy_entry entry;
	int err = 0;

	table->first_chain = ruleset->chain_count;
	for (uint32_t at = 0; at < table->info.size && !err; at = entry.next) {
		unsigned int hook = hook_at(table, at);
		char name[XT_FUNCTION_MAXNAMELEN + 1] = "";

		err = legacy_entry(table, at, &entry);
		if (err)
			return err;
		if (hook < NO_HOOK) {
			err = add_chain(table, ruleset, at, hook, "");
		} else if (is_head(&entry)) {
			memcpy(name, entry.bytes + entry.target + sizeof(struct xt_entry_target),
			       XT_FUNCTION_MAXNAMELEN);
			err = add_chain(table, ruleset, entry.next, NO_HOOK, name);
		} else if (!table->start_count) {
			err = -EPROTO;
		}
	}
	return err;
}

int legacy_add_chains(struct legacy *legacy, struct nft_ruleset *ruleset)
{
	int err = 0;

	for (size_t i = 0; i < legacy->count && !err; i++)
		err = add_chains(&legacy->tables[i], ruleset);
	return err;
}

/* --- Their rules ----------------------------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The name of the chain that a verdict leads to; "": to none. */
static const char *leads_to(const struct legacy_table *table, const struct nft_ruleset *ruleset,
			    const struct legacy_entry *entry)
{
	const uint32_t to = (uint32_t)entry->verdict;
	const uint32_t *start;

	if (entry->name[0] || entry->verdict < 0)
		return "";
	start = bsearch(&to, table->starts, table->start_count, sizeof(*start), by_offset);
	return start ? ruleset->chains[table->first_chain + (size_t)(start - table->starts)].name
		     : "";
}

static bool is_policy(const struct legacy_table *table, uint32_t at)
{
	for (unsigned int hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		if (table->info.valid_hooks >> hook & 1 && table->info.underflow[hook] == at)
			return true;
	return false;
}

static int add_rules(const struct legacy_table *table, struct nft_ruleset *ruleset)
{
	struct legacy_entry entry;
	size_t chain = 0;
	int err = 0;

	for (uint32_t at = 0; at < table->info.size && !err; at = entry.next) {
		struct nft_rule rule = {.handle = 0};

		err = legacy_entry(table, at, &entry);
		if (err)
			return err;
		while (chain + 1 < table->start_count && table->starts[chain + 1] <= at)
			chain++;
		if (is_head(&entry) || is_policy(table, at))
			continue;
		rule.chain = &ruleset->chains[table->first_chain + chain];
		rule.handle = rule.chain->rule_count + 1;
		err = legacy_rule(&entry, leads_to(table, ruleset, &entry), &rule);
		if (!err)
			err = nft_add_rule(ruleset, &rule);
	}
	return err;
}

int legacy_add_rules(const struct legacy *legacy, struct nft_ruleset *ruleset)
{
	int err = 0;

	for (size_t i = 0; i < legacy->count && !err; i++)
		err = add_rules(&legacy->tables[i], ruleset);
	return err;
}
