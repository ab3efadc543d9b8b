/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules.h - which rule a packet meets: longest destination prefix first, then
 * longest source prefix, then the range around its port, then the first rule
 * there that admits the interface. Where none does, the search widens, to /0.
 *
 * Only prefix lengths that some rule uses are tried, and of these only prefixes
 * that a filter does not rule out, so the cost grows with neither the rules nor,
 * by much, the lengths. (The ancestor of this walk shortens the mask bit by bit and probes
 * all 33 lengths.)
 *
 * The four functions marked IFW_GLOBAL are verified one by one, so that the
 * verifier's work is their sum and not their product; their arguments are
 * numbers because kernel 5.10 takes nothing else there, and what they find is
 * left in ifw_found_rule().
 */
#ifndef IFW_RULES_H
#define IFW_RULES_H

#include "iface.h"
#include "packet.h"

#define IFW_NO_MATCH 0U
#define IFW_MATCH 1U /* the rule is in ifw_found_rule() */
#define IFW_STALE 2U /* the set changed underneath: walk again */
#define IFW_STALE_RETRIES 4

/*
 * What of a packet the walk needs besides its addresses, in one number: port
 * (destination, host order) in bits 0..15, generation 16..23, family 24..31,
 * protocol 32..39, interface slot with IFW_SLOT_NAMED 40..47; the destination length to try
 * 48..55.
 */
ifw_inline __u64 ifw_query(__u16 port, __u8 family, __u8 protocol, __u32 slot, __u64 generation)
{
	return port | generation << 16 | (__u64)family << 24 | (__u64)protocol << 32 |
	       (__u64)slot << 40;
}

#define IFW_QUERY_PORT(query) ((__u32)((query)&0xffff))
#define IFW_QUERY_GENERATION(query) ((__u32)((query) >> 16 & 0xff))
#define IFW_QUERY_FAMILY(query) ((__u8)((query) >> 24))
#define IFW_QUERY_PROTOCOL(query) ((__u8)((query) >> 32))
#define IFW_QUERY_SLOT(query) ((__u32)((query) >> 40 & 0xff))
#define IFW_QUERY_LENGTH(query) ((__u8)((query) >> 48))

/*
 * Which of struct ifw_index.lengths, of both indices. By bits of the numbers (4 and 6, 6 and 17)
 * and not by comparing, for the verifier would follow the rest of the walk for each outcome.
 */
ifw_inline __u32 ifw_lengths_of(__u64 query)
{
	return (IFW_QUERY_FAMILY(query) & 2) << 1 | IFW_LENGTHS_OF(IFW_QUERY_PROTOCOL(query));
}

/*
 * 1 where the element still belongs to the key. Asked after its fields were
 * read, for the reason given in abi.h. Without branches: the verifier follows
 * each.
 */
ifw_inline int ifw_still(const struct ifw_prefix *prefix, const struct ifw_prefix_key *key)
{
	const __u64 *self = (const __u64 *)&prefix->self, *wanted = (const __u64 *)key;

	asm volatile("" ::: "memory");
	return ((self[0] ^ wanted[0]) | (self[1] ^ wanted[1]) | (self[2] ^ wanted[2])) == 0;
}

/* Index of the lowest bit set; bits is not 0. No branch: the verifier follows each. */
ifw_inline __u32 ifw_lowest_bit(__u64 bits)
{
	return (__u32)__builtin_popcountll((bits & -bits) - 1);
}

/* Leaves the rule where whoever asked for the walk finds it. */
ifw_inline int ifw_take_rule(IFW_MAPS const struct ifw_range *range)
{
	struct ifw_range *to = ifw_found_rule(IFW_MAPS_ONLY_OF(ctx));

	if (!to)
		return 0;
	*to = *range;
	return 1;
}

/* A run of one range, which lies in the prefix's element. */
ifw_inline __u32 ifw_match_only(IFW_MAPS const struct ifw_prefix *prefix,
				const struct ifw_prefix_key *key, __u64 query)
{
	const struct ifw_range *only = ifw_only_range(IFW_MAPS_OF(ctx) prefix);
	__u32 answer = IFW_NO_MATCH;

	if (IFW_QUERY_PORT(query) >= only->low && IFW_QUERY_PORT(query) <= only->high) {
		only = ifw_only_range(IFW_MAPS_OF(ctx) prefix); /* again, now as a candidate */
		if (IFW_ADMITS(only->ifaces, IFW_QUERY_SLOT(query)) &&
		    ifw_take_rule(IFW_MAPS_OF(ctx) only))
			answer = IFW_MATCH;
	}
	return ifw_still(prefix, key) ? answer : IFW_STALE;
}

/*
 * The range of a run that holds the port, by halving, and of its candidates
 * the first that admits the slot.
 */
IFW_GLOBAL __u32 ifw_search_run(IFW_MAPS __u64 query, __u32 owner, __u32 run_at, __u32 run_count)
{
	__u32 low = 0, high = run_count, index = 0;
	const struct ifw_range *range = 0;
	int found = 0;

	for (int i = 0; i < IFW_RUN_SEARCH_STEPS && low < high; i++) {
		__u32 middle = low + (high - low) / 2;

		range = ifw_find_range(IFW_MAPS_OF(ctx) IFW_QUERY_GENERATION(query),
				       run_at + middle);
		if (!range || range->owner != owner)
			return IFW_STALE;
		if (IFW_QUERY_PORT(query) < range->low) {
			high = middle;
		} else if (IFW_QUERY_PORT(query) > range->high) {
			low = middle + 1;
		} else {
			index = run_at + middle;
			found = 1;
			break;
		}
	}
	if (!found)
		return IFW_NO_MATCH;

	/* Each candidate after the first adds an interface, so they are few. */
	for (int i = 0; i < IFW_SLOTS; i++) {
		__u32 next;

		range = ifw_find_range(IFW_MAPS_OF(ctx) IFW_QUERY_GENERATION(query), index);
		if (!range || range->owner != owner)
			return IFW_STALE;
		if (IFW_ADMITS(range->ifaces, IFW_QUERY_SLOT(query)))
			return ifw_take_rule(IFW_MAPS_OF(ctx) range) ? IFW_MATCH : IFW_NO_MATCH;
		next = range->next;
		if (next == 0)
			break;
		index += next;
	}
	return IFW_NO_MATCH;
}

/* The run of a source prefix or, where there is none, IFW_NO_MATCH. */
IFW_GLOBAL __u32 ifw_match_source(IFW_MAPS __u64 src_hi, __u64 src_lo, __u32 scope, __u32 len,
				  __u64 query)
{
	const struct ifw_addr src = {src_hi, src_lo};
	struct ifw_prefix_key key = {
		.addr = ifw_addr_mask(src, len),
		.scope = scope,
		.len = len,
		.family = IFW_QUERY_FAMILY(query),
		.protocol = IFW_QUERY_PROTOCOL(query),
		.kind = IFW_PREFIX_SOURCE,
	};
	const struct ifw_prefix *found;
	__u32 id, run_at, run_count;

	found = ifw_find_prefix(IFW_MAPS_OF(ctx) IFW_QUERY_GENERATION(query), &key);
	if (!found)
		return IFW_NO_MATCH;
	if (found->run_total == 1)
		return ifw_match_only(IFW_MAPS_OF(ctx) found, &key, query);
	id = found->id;
	run_at = found->run_at;
	run_count = found->run_count;
	if (!ifw_still(found, &key))
		return IFW_STALE;
	return ifw_search_run(IFW_MAPS_OF(ctx) query, id, run_at, run_count);
}

/* One destination length: its source lengths, longest first, then any source. */
IFW_GLOBAL __u32 ifw_match_destination(IFW_MAPS __u64 dst_hi, __u64 dst_lo, __u64 src_hi,
				       __u64 src_lo, __u64 query)
{
	const struct ifw_addr dst = {dst_hi, dst_lo};
	struct ifw_prefix_key key = {
		.addr = ifw_addr_mask(dst, IFW_QUERY_LENGTH(query)),
		.len = IFW_QUERY_LENGTH(query),
		.family = IFW_QUERY_FAMILY(query),
		.protocol = IFW_QUERY_PROTOCOL(query),
		.kind = IFW_PREFIX_DESTINATION,
	};
	const struct ifw_addr src = {src_hi, src_lo};
	__u32 id, run_at, run_count, answer;
	const struct ifw_prefix *found;
	__u64 kind;

	found = ifw_find_prefix(IFW_MAPS_OF(ctx) IFW_QUERY_GENERATION(query), &key);
	if (!found)
		return IFW_NO_MATCH;
	id = found->id;
	run_at = found->run_at;
	run_count = found->run_count;
	kind = ifw_filter_kind(id, key.family, key.protocol, IFW_PREFIX_SOURCE);
	for (__u32 word = 0; word < IFW_LENGTH_WORDS; word++) {
		__u64 bits = found->lengths[word];

		if (!ifw_still(found, &key))
			return IFW_STALE;
		for (int i = 0; i < 64 && bits; i++) {
			__u64 bit = bits & -bits;

			bits ^= bit;
			if (!ifw_may_have(IFW_MAPS_OF(ctx) IFW_QUERY_GENERATION(query),
					  ifw_addr_mask_bit(src, word, bit), word, bit, kind))
				continue;
			answer = ifw_match_source(IFW_MAPS_OF(ctx) src_hi, src_lo, id,
						  IFW_LENGTH_BIT(word * 64 + ifw_lowest_bit(bit)),
						  query);
			if (answer != IFW_NO_MATCH)
				return answer;
		}
	}
	if (found->run_total == 1)
		return ifw_match_only(IFW_MAPS_OF(ctx) found, &key, query);
	return ifw_search_run(IFW_MAPS_OF(ctx) query, id, run_at, run_count);
}

/*
 * All destination lengths in use for the packet's family and protocol, longest
 * first. What the filter rules out costs no call: a return from a function is
 * dear on processors where the kernel mispredicts each one on purpose (SRSO).
 */
IFW_GLOBAL __u32 ifw_walk(IFW_MAPS __u64 dst_hi, __u64 dst_lo, __u64 src_hi, __u64 src_lo,
			  __u64 query)
{
	const struct ifw_addr dst = {dst_hi, dst_lo};
	__u32 generation = IFW_QUERY_GENERATION(query), which = ifw_lengths_of(query);
	__u64 kind = ifw_filter_kind(0, IFW_QUERY_FAMILY(query), IFW_QUERY_PROTOCOL(query),
				     IFW_PREFIX_DESTINATION);

	for (__u32 word = 0; word < IFW_LENGTH_WORDS; word++) {
		__u64 bits = ifw_read_lengths(IFW_MAPS_OF(ctx) generation, which, word);

		for (int i = 0; i < 64 && bits; i++) {
			__u64 bit = bits & -bits, len;
			__u32 answer;

			bits ^= bit;
			if (!ifw_may_have(IFW_MAPS_OF(ctx) generation,
					  ifw_addr_mask_bit(dst, word, bit), word, bit, kind))
				continue;
			len = IFW_LENGTH_BIT(word * 64 + ifw_lowest_bit(bit));
			answer = ifw_match_destination(IFW_MAPS_OF(ctx) dst_hi, dst_lo, src_hi,
						       src_lo, query | len << 48);
			if (answer != IFW_NO_MATCH)
				return answer;
		}
	}
	return IFW_NO_MATCH;
}

/*
 * The rule for TCP or UDP from src to dst and port (host order) by the interface
 * with this slot (ifw_rules_slot()); NULL: none. It is good until the next walk.
 */
ifw_inline const struct ifw_range *ifw_match(IFW_MAPS struct ifw_addr src, struct ifw_addr dst,
					     __u16 port, __u8 family, __u8 protocol, __u32 slot)
{
	__u32 generation, answer, tries = 0;
	__u64 query;

	/* Counted first: the verifiers of 5.10 and 6.1 take no way back to the top but jumps. */
	do {
		tries++;
		generation = ifw_read_generation(IFW_MAPS_ONLY_OF(ctx)) & 1;
		query = ifw_query(port, family, protocol, slot, generation);
		answer = ifw_walk(IFW_MAPS_OF(ctx) dst.hi, dst.lo, src.hi, src.lo, query);
		/* Of a set that was just replaced the prefixes are gone: ask the one in force. */
	} while (tries < IFW_STALE_RETRIES &&
		 (answer == IFW_STALE ||
		  (answer == IFW_NO_MATCH &&
		   generation != (ifw_read_generation(IFW_MAPS_ONLY_OF(ctx)) & 1))));
	return answer == IFW_MATCH ? ifw_found_rule(IFW_MAPS_ONLY_OF(ctx)) : 0;
}

#endif /* IFW_RULES_H */
