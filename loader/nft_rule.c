/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nft_rule.c - see nft.h: one rule, expression by expression, on registers of which some bits are
 * known (net/netfilter/nf_tables_core.c nft_do_chain and the expressions beside it).
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "nft_run.h"

/* --- Attributes ---------------------------------------------------------------------- */

const struct nlattr *nft_attr(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	if (nest)
		mnl_attr_for_each_nested(attr,
					 nest) if (mnl_attr_get_type(attr) == type) return attr;
	return NULL;
}

uint32_t nft_number(const struct nlattr *nest, uint16_t type, uint32_t missing)
{
	const struct nlattr *attr = nft_attr(nest, type);

	return attr && mnl_attr_get_payload_len(attr) >= 4 ? ntohl(mnl_attr_get_u32(attr))
							   : missing;
}

/* The bytes of a nested value; NULL where it has less than these. */
static const uint8_t *bytes_of(const struct nlattr *nest, uint16_t type, uint32_t len)
{
	const struct nlattr *value = nft_attr(nft_attr(nest, type), NFTA_DATA_VALUE);

	return value && mnl_attr_get_payload_len(value) >= len ? mnl_attr_get_payload(value) : NULL;
}

/* --- Registers ----------------------------------------------------------------------- */

/* Where a register begins; NFT_REGISTERS: nowhere. */
static uint32_t place_of(uint32_t reg)
{
	if (reg >= NFT_REG_1 && reg <= NFT_REG_4)
		return (reg - NFT_REG_1) * 16;
	if (reg >= NFT_REG32_00 && reg <= NFT_REG32_15)
		return (reg - NFT_REG32_00) * 4;
	return NFT_REGISTERS;
}

/* What is behind is forgotten: registers are filled from the front. */
static void load(struct nft_run *run, const struct nlattr *data, uint16_t type, const void *value,
		 const void *known, uint32_t len)
{
	uint32_t at = place_of(nft_number(data, type, 0));

	if (at + len > NFT_REGISTERS)
		return;
	memset(run->known + at, 0, NFT_REGISTERS - at);
	memcpy(run->value + at, value, len);
	if (known)
		memcpy(run->known + at, known, len);
	else
		memset(run->known + at, 0xff, len);
	/* Of a shorter value the rest of the 32 bits is cleared. */
	for (; len % 4 && at + len < NFT_REGISTERS; len++) {
		run->value[at + len] = 0;
		run->known[at + len] = 0xff;
	}
}

static void load_unknown(struct nft_run *run, const struct nlattr *data, uint16_t type)
{
	load(run, data, type, "", "", 0);
}

void nft_test(struct nft_run *run, enum nft_holds answer)
{
	if (answer < run->holds)
		run->holds = answer;
}

static enum nft_holds inverted(enum nft_holds answer)
{
	return answer == NFT_YES ? NFT_NO : answer == NFT_NO ? NFT_YES : NFT_MAYBE;
}

enum nft_holds nft_compare(const struct nft_run *run, uint32_t at, const uint8_t *with,
			   uint32_t len)
{
	enum nft_holds answer = NFT_YES;

	for (uint32_t i = 0; i < len; i++) {
		if ((run->value[at + i] ^ with[i]) & run->known[at + i])
			return NFT_NO;
		if (run->known[at + i] != 0xff)
			answer = NFT_MAYBE;
	}
	return answer;
}

/* --- Expressions --------------------------------------------------------------------- */

void nft_write_mark(struct nft_run *run, uint32_t value, uint32_t known)
{
	const uint32_t kept = known & ~(value ^ run->packet->mark);

	if (!(run->packet->mark_known & ~kept))
		return;
	run->outcome->mark_written = true;
	run->outcome->mark_certain |= run->holds == NFT_YES;
}

static void run_meta(struct nft_run *run, const struct nlattr *data)
{
	const struct nft_packet *packet = run->packet;
	const uint32_t key = nft_number(data, NFTA_META_KEY, UINT32_MAX);
	const uint32_t from = place_of(nft_number(data, NFTA_META_SREG, 0));
	uint16_t ethertype = htons(packet->nfproto == NFPROTO_IPV6 ? ETH_P_IPV6 : ETH_P_IP);
	uint32_t value, known;

	if (nft_attr(data, NFTA_META_SREG)) {
		if (key != NFT_META_MARK || from + 4 > NFT_REGISTERS)
			return;
		memcpy(&value, run->value + from, 4);
		memcpy(&known, run->known + from, 4);
		nft_write_mark(run, value, known);
		return;
	}
	if (key == NFT_META_MARK)
		load(run, data, NFTA_META_DREG, &packet->mark, &packet->mark_known, 4);
	else if (key == NFT_META_IIF)
		load(run, data, NFTA_META_DREG, &packet->ifindex, NULL, 4);
	else if (key == NFT_META_IIFNAME)
		load(run, data, NFTA_META_DREG, packet->ifname, NULL, IFW_NAME_MAX);
	else if (key == NFT_META_NFPROTO)
		load(run, data, NFTA_META_DREG, &packet->nfproto, NULL, 1);
	else if (key == NFT_META_L4PROTO)
		load(run, data, NFTA_META_DREG, &packet->protocol, NULL, 1);
	else if (key == NFT_META_PROTOCOL)
		load(run, data, NFTA_META_DREG, &ethertype, NULL, 2);
	else
		load_unknown(run, data, NFTA_META_DREG);
}

uint32_t nft_state(const struct nft_packet *packet)
{
	return packet->established ? NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
				   : NF_CT_STATE_BIT(IP_CT_NEW);
}

static void run_ct(struct nft_run *run, const struct nlattr *data)
{
	const uint32_t key = nft_number(data, NFTA_CT_KEY, UINT32_MAX), none = 0;
	const uint32_t state = nft_state(run->packet), nat = IPS_SRC_NAT | IPS_DST_NAT;

	if (nft_attr(data, NFTA_CT_SREG))
		return;
	if (key == NFT_CT_STATE)
		load(run, data, NFTA_CT_DREG, &state, NULL, 4);
	else if (key == NFT_CT_STATUS)
		load(run, data, NFTA_CT_DREG, &none, &nat, 4);
	else if (key == NFT_CT_DIRECTION)
		load(run, data, NFTA_CT_DREG, &none, NULL, 1);
	else
		load_unknown(run, data, NFTA_CT_DREG);
}

static void run_payload(struct nft_run *run, const struct nlattr *data)
{
	const uint32_t base = nft_number(data, NFTA_PAYLOAD_BASE, UINT32_MAX);
	const uint32_t offset = nft_number(data, NFTA_PAYLOAD_OFFSET, UINT32_MAX);
	const uint32_t len = nft_number(data, NFTA_PAYLOAD_LEN, 0);
	const struct nft_bytes *header = base == NFT_PAYLOAD_NETWORK_HEADER
						 ? &run->packet->network
						 : &run->packet->transport;

	if (nft_attr(data, NFTA_PAYLOAD_SREG))
		return;
	if (base != NFT_PAYLOAD_NETWORK_HEADER && base != NFT_PAYLOAD_TRANSPORT_HEADER)
		load_unknown(run, data, NFTA_PAYLOAD_DREG);
	else if (offset > NFT_HEADER_MAX || len > NFT_HEADER_MAX - offset)
		load_unknown(run, data, NFTA_PAYLOAD_DREG);
	else
		load(run, data, NFTA_PAYLOAD_DREG, header->value + offset, header->known + offset,
		     len);
}

static void run_cmp(struct nft_run *run, const struct nlattr *data)
{
	const struct nlattr *value = nft_attr(nft_attr(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);
	const uint32_t at = place_of(nft_number(data, NFTA_CMP_SREG, 0));
	const uint32_t op = nft_number(data, NFTA_CMP_OP, UINT32_MAX);
	const uint32_t len = value ? mnl_attr_get_payload_len(value) : 0;
	enum nft_holds answer = NFT_MAYBE;

	if (value && at + len <= NFT_REGISTERS && (op == NFT_CMP_EQ || op == NFT_CMP_NEQ)) {
		answer = nft_compare(run, at, mnl_attr_get_payload(value), len);
		if (op == NFT_CMP_NEQ)
			answer = inverted(answer);
	}
	nft_test(run, answer);
}

static void run_range(struct nft_run *run, const struct nlattr *data)
{
	const struct nlattr *low = nft_attr(nft_attr(data, NFTA_RANGE_FROM_DATA), NFTA_DATA_VALUE);
	const uint32_t at = place_of(nft_number(data, NFTA_RANGE_SREG, 0));
	const uint32_t len = low ? mnl_attr_get_payload_len(low) : 0;
	const uint8_t *high = bytes_of(data, NFTA_RANGE_TO_DATA, len);
	enum nft_holds answer = NFT_MAYBE;
	bool known = low && high && at + len <= NFT_REGISTERS;

	for (uint32_t i = 0; known && i < len; i++)
		known = run->known[at + i] == 0xff;
	if (known)
		answer = memcmp(run->value + at, mnl_attr_get_payload(low), len) >= 0 &&
					 memcmp(run->value + at, high, len) <= 0
				 ? NFT_YES
				 : NFT_NO;
	if (nft_number(data, NFTA_RANGE_OP, NFT_RANGE_EQ) == NFT_RANGE_NEQ)
		answer = inverted(answer);
	nft_test(run, answer);
}

static void run_bitwise(struct nft_run *run, const struct nlattr *data)
{
	const uint32_t from = place_of(nft_number(data, NFTA_BITWISE_SREG, 0));
	const uint32_t len = nft_number(data, NFTA_BITWISE_LEN, NFT_REGISTERS + 1);
	uint8_t value[NFT_REGISTERS], known[NFT_REGISTERS];
	const uint8_t *mask, *flip;

	if (len > NFT_REGISTERS || from + len > NFT_REGISTERS) {
		nft_test(run, NFT_MAYBE);
		return;
	}
	mask = bytes_of(data, NFTA_BITWISE_MASK, len);
	flip = bytes_of(data, NFTA_BITWISE_XOR, len);
	if (nft_number(data, NFTA_BITWISE_OP, NFT_BITWISE_BOOL) != NFT_BITWISE_BOOL || !mask ||
	    !flip) {
		load_unknown(run, data, NFTA_BITWISE_DREG);
		return;
	}
	for (uint32_t i = 0; i < len; i++) {
		value[i] = (uint8_t)((run->value[from + i] & mask[i]) ^ flip[i]);
		known[i] = (uint8_t)(run->known[from + i] | ~mask[i]);
	}
	load(run, data, NFTA_BITWISE_DREG, value, known, len);
}

/* --- Verdicts -------------------------------------------------------------------------- */

void nft_go(struct nft_run *run, enum nft_verdict verdict, bool certain, const char *to)
{
	struct nft_way *way = &run->outcome->ways[run->outcome->count];

	if (run->outcome->count == NFT_WAYS_MAX)
		return;
	run->outcome->count++;
	*way = (struct nft_way){.verdict = verdict, .certain = certain && run->holds == NFT_YES};
	snprintf(way->to, sizeof(way->to), "%s", to);
}

void nft_go_by(struct nft_run *run, const struct nlattr *verdict, bool certain)
{
	const struct nlattr *chain = nft_attr(verdict, NFTA_VERDICT_CHAIN);
	const char *to = chain ? mnl_attr_get_str(chain) : "";

	switch ((int32_t)nft_number(verdict, NFTA_VERDICT_CODE, (uint32_t)NFT_CONTINUE)) {
	case NF_DROP:
	case NF_STOLEN:
		nft_go(run, NFT_DROPS, certain, "");
		break;
	case NFT_JUMP:
		nft_go(run, NFT_JUMPS, certain, to);
		break;
	case NFT_GOTO:
		nft_go(run, NFT_GOES_TO, certain, to);
		break;
	case NFT_RETURN:
		nft_go(run, NFT_RETURNS, certain, "");
		break;
	case NFT_CONTINUE:
		break;
	case NFT_BREAK:
		nft_test(run, NFT_NO);
		break;
	default: /* accept; a queue to user space, which may let it go on */
		nft_go(run, NFT_ACCEPTS, certain, "");
		break;
	}
}

static void run_immediate(struct nft_run *run, const struct nlattr *data)
{
	const struct nlattr *to = nft_attr(data, NFTA_IMMEDIATE_DATA);
	const struct nlattr *verdict = nft_attr(to, NFTA_DATA_VERDICT);
	const struct nlattr *value = nft_attr(to, NFTA_DATA_VALUE);

	if (verdict)
		nft_go_by(run, verdict, true);
	else if (value)
		load(run, data, NFTA_IMMEDIATE_DREG, mnl_attr_get_payload(value), NULL,
		     mnl_attr_get_payload_len(value));
}

/* --- Elements of sets ------------------------------------------------------------------- */

struct lookup {
	struct nft_run *run;
	uint32_t at;
	bool ranges; /* elements are bounds, and are not understood */
	bool verdicts;
	enum nft_holds found;
};

static void see_ranges(void *arg, const struct nlattr *element)
{
	struct lookup *lookup = arg;

	if (nft_number(element, NFTA_SET_ELEM_FLAGS, 0) || nft_attr(element, NFTA_SET_ELEM_KEY_END))
		lookup->ranges = true;
}

static void see_element(void *arg, const struct nlattr *element)
{
	const struct nlattr *key = nft_attr(nft_attr(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
	const struct nlattr *verdict =
		nft_attr(nft_attr(element, NFTA_SET_ELEM_DATA), NFTA_DATA_VERDICT);
	const uint32_t len = key ? mnl_attr_get_payload_len(key) : 0;
	struct lookup *lookup = arg;
	enum nft_holds answer = NFT_MAYBE;

	if (!lookup->ranges && key && lookup->at + len <= NFT_REGISTERS)
		answer = nft_compare(lookup->run, lookup->at, mnl_attr_get_payload(key), len);
	if (answer == NFT_NO)
		return;
	if (answer > lookup->found)
		lookup->found = answer;
	if (lookup->verdicts && verdict)
		nft_go_by(lookup->run, verdict, answer == NFT_YES);
}

static void run_lookup(struct nft_run *run, const struct nlattr *data)
{
	const struct nlattr *set = nft_attr(data, NFTA_LOOKUP_SET);
	const struct nlattr *to = nft_attr(data, NFTA_LOOKUP_DREG);
	struct lookup lookup = {
		.run = run,
		.at = place_of(nft_number(data, NFTA_LOOKUP_SREG, 0)),
		.verdicts = to && nft_number(data, NFTA_LOOKUP_DREG, 1) == NFT_REG_VERDICT,
		.found = NFT_NO,
	};

	if (!set || nft_elements(run->rule->chain, mnl_attr_get_str(set), see_ranges, &lookup) ||
	    nft_elements(run->rule->chain, mnl_attr_get_str(set), see_element, &lookup))
		lookup.found = NFT_MAYBE;
	if (nft_number(data, NFTA_LOOKUP_FLAGS, 0) & NFT_LOOKUP_F_INV)
		lookup.found = inverted(lookup.found);
	if (to && !lookup.verdicts)
		load_unknown(run, data, NFTA_LOOKUP_DREG);
	nft_test(run, lookup.found);
}

/* --- All of a rule ------------------------------------------------------------------------ */

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static void run_expression(struct nft_run *run, const char *name, const struct nlattr *data)
{
	static const char *const idle[] = {"counter", "log",	"notrack", "objref",
					   "last",    "dynset", "dup",	   NULL};
	static const char *const ends[] = {"nat", "masq", "redir", "queue", "tproxy", NULL};
	static const struct {
		const char *name;
		void (*run)(struct nft_run *run, const struct nlattr *data);
	} known[] = {
		{"meta", run_meta},	      {"ct", run_ct},
		{"payload", run_payload},     {"cmp", run_cmp},
		{"range", run_range},	      {"bitwise", run_bitwise},
		{"immediate", run_immediate}, {"lookup", run_lookup},
		{"match", nft_run_match},     {"target", nft_run_target},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i].name) == 0) {
			known[i].run(run, data);
			return;
		}
	}
	if (strcmp(name, "reject") == 0 || strcmp(name, "fwd") == 0) {
		nft_go(run, NFT_DROPS, true, "");
	} else if (is_one_of(name, ends)) {
		nft_go(run, NFT_ACCEPTS, true, "");
	} else if (strcmp(name, "fib") == 0) {
		if (nft_number(data, NFTA_FIB_FLAGS, 0) & NFTA_FIB_F_SADDR)
			run->outcome->asks_way_back = true;
		load_unknown(run, data, NFTA_FIB_DREG);
	} else if (!is_one_of(name, idle)) {
		memset(run->known, 0, sizeof(run->known));
		nft_test(run, NFT_MAYBE);
	}
}

void nft_run_rule(const struct nft_rule *rule, const struct nft_packet *packet,
		  struct nft_outcome *outcome)
{
	struct nft_run run = {.rule = rule, .packet = packet, .outcome = outcome, .holds = NFT_YES};
	const struct nlattr *expression;

	*outcome = (struct nft_outcome){.count = 0};
	mnl_attr_for_each_nested(expression, (const struct nlattr *)rule->expressions)
	{
		const struct nlattr *name = nft_attr(expression, NFTA_EXPR_NAME);

		if (name)
			run_expression(&run, mnl_attr_get_str(name),
				       nft_attr(expression, NFTA_EXPR_DATA));
		if (run.holds == NFT_NO)
			return;
	}
}
