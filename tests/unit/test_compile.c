/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_compile.c - the image of a whole set: its elements, and that a walk over
 * them answers as all rules sorted do.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../datapath/addr.h"
#include "rules_common.h"

/* --- Keys and lengths ----------------------------------------------------- */

Test(keys, as_the_walk_asks_for_them)
{
	struct rule rule = rule_of(1, 1, 2, IFW_IFACES_ANY);
	struct ifw_prefix_key key;

	rule.dst = (struct ifw_addr){0x0a000000ULL << 32, 0};
	rule.dst_len = 8;
	rule.src = (struct ifw_addr){0x0b000000ULL << 32, 0};
	rule.src_len = 9;
	key = compile_destination_key(&rule);
	cr_assert(ifw_addr_equal(key.addr, rule.dst));
	cr_assert_eq(key.len, 8);
	cr_assert_eq(key.scope, 0);
	cr_assert_eq(key.kind, IFW_PREFIX_DESTINATION);
	cr_assert_eq(key.family, IFW_FAMILY_IPV4);
	cr_assert_eq(key.protocol, IPPROTO_TCP);
	key = compile_source_key(&rule, 77);
	cr_assert(ifw_addr_equal(key.addr, rule.src));
	cr_assert_eq(key.len, 9);
	cr_assert_eq(key.scope, 77);
	cr_assert_eq(key.kind, IFW_PREFIX_SOURCE);
}

Test(keys, each_length_has_its_bit)
{
	for (unsigned int len = 0; len <= IFW_LENGTH_MAX; len++) {
		__u64 lengths[IFW_LENGTH_WORDS] = {0};

		compile_set_length(lengths, len, true);
		for (unsigned int other = 0; other <= IFW_LENGTH_MAX; other++)
			cr_assert_eq(compile_has_length(lengths, other), other == len);
		/* The longest has the lowest bit. */
		cr_assert_eq(lengths[(128 - len) / 64], 1ULL << (128 - len) % 64);
		compile_set_length(lengths, len, false);
		cr_assert_not(compile_has_length(lengths, len));
	}
}

/* --- Whole sets ----------------------------------------------------------- */

#define SET_MAX 60

static const struct ifw_prefix *find_prefix(const struct image *image, struct ifw_prefix_key key)
{
	for (size_t i = 0; i < image->prefix_count; i++)
		if (memcmp(&image->prefixes[i].self, &key, sizeof(key)) == 0)
			return &image->prefixes[i];
	return NULL;
}

static uint32_t search_image(const struct image *image, const struct ifw_prefix *prefix,
			     uint16_t port, unsigned int slot)
{
	const struct ifw_range *range =
		search(prefix->run_total == 1 ? &prefix->only : image->ranges + prefix->run_at,
		       prefix->run_count, port, slot);

	return range ? range->rule : NONE;
}

struct question {
	struct ifw_addr dst, src;
	uint16_t port;
	uint8_t family, protocol;
	unsigned int slot;
};

static uint32_t ask_destination(const struct image *image, const struct question *q,
				const struct ifw_prefix *destination)
{
	struct rule probe = {.family = q->family, .protocol = q->protocol};
	uint32_t order;

	for (int len = 128; len > 0; len--) {
		const struct ifw_prefix *source;

		if (!compile_has_length(destination->lengths, (unsigned int)len))
			continue;
		probe.src = ifw_addr_mask(q->src, (uint32_t)len);
		probe.src_len = (uint8_t)len;
		source = find_prefix(image, compile_source_key(&probe, destination->id));
		order = source ? search_image(image, source, q->port, q->slot) : NONE;
		if (order)
			return order;
	}
	return search_image(image, destination, q->port, q->slot);
}

/* The walk of the datapath, told by abi.h's words. */
static uint32_t ask_image(const struct image *image, const struct question *q)
{
	struct rule probe = {.family = q->family, .protocol = q->protocol};
	const __u64 *lengths =
		image->lengths[q->family == IFW_FAMILY_IPV6][IFW_LENGTHS_OF(q->protocol)];

	for (int len = 128; len >= 0; len--) {
		const struct ifw_prefix *destination;
		uint32_t order;

		if (!compile_has_length(lengths, (unsigned int)len))
			continue;
		probe.dst = ifw_addr_mask(q->dst, (uint32_t)len);
		probe.dst_len = (uint8_t)len;
		destination = find_prefix(image, compile_destination_key(&probe));
		order = destination ? ask_destination(image, q, destination) : NONE;
		if (order)
			return order;
	}
	return NONE;
}

static bool covers(struct ifw_addr prefix, uint8_t len, struct ifw_addr addr)
{
	for (unsigned int bit = 0; bit < len; bit++) {
		uint64_t a = bit < 64 ? prefix.hi : prefix.lo, b = bit < 64 ? addr.hi : addr.lo;

		if (((a ^ b) >> (63 - bit % 64)) & 1)
			return false;
	}
	return true;
}

/* Of all rules that match, the one with the longest prefixes and the lowest order. */
static uint32_t ask_rules(const struct rule_set *set, const struct question *q)
{
	const struct rule *best = NULL;

	for (size_t i = 0; i < set->count; i++) {
		const struct rule *r = &set->rules[i];

		if (r->family != q->family || r->protocol != q->protocol || q->port < r->low ||
		    q->port > r->high || !admits(r->ifaces, q->slot) ||
		    !covers(r->dst, r->dst_len, q->dst) || !covers(r->src, r->src_len, q->src))
			continue;
		if (!best || r->dst_len > best->dst_len ||
		    (r->dst_len == best->dst_len && r->src_len > best->src_len))
			best = r;
	}
	return best ? best->order : NONE;
}

/* Few different addresses, so that prefixes nest and meet. */
static struct ifw_addr random_addr(uint8_t family)
{
	static const uint64_t tops[] = {0x0a000000, 0x0a010000, 0x0a010100, 0x0a010103, 0x0b000001};
	struct ifw_addr addr = {tops[random_below(5)] << 32, 0};

	if (family == IFW_FAMILY_IPV6) {
		addr.hi |= random_below(3);
		addr.lo = (uint64_t)random_below(3) << 63 | random_below(2);
	}
	return addr;
}

static uint8_t random_length(uint8_t family)
{
	static const uint8_t lengths[] = {0, 8, 15, 16, 24, 31, 32, 63, 64, 65, 127, 128};

	return lengths[random_below(family == IFW_FAMILY_IPV6 ? 12 : 7)];
}

static uint8_t random_family(void)
{
	return random_below(3) ? IFW_FAMILY_IPV4 : IFW_FAMILY_IPV6;
}

static struct rule random_rule(uint32_t order)
{
	uint16_t low = (uint16_t)random_below(6), high = (uint16_t)(low + random_below(6));
	struct rule rule = rule_of(order, low, high, random_ifaces());

	rule.family = random_family();
	rule.protocol = random_below(4) ? IPPROTO_TCP : IPPROTO_UDP;
	rule.dst_len = random_length(rule.family);
	rule.dst = ifw_addr_mask(random_addr(rule.family), rule.dst_len);
	rule.src_len = random_below(2) ? random_length(rule.family) : 0;
	rule.src = ifw_addr_mask(random_addr(rule.family), rule.src_len);
	return rule;
}

static const struct ifw_prefix *prefix_with_id(const struct image *image, uint32_t id)
{
	for (size_t i = 0; i < image->prefix_count; i++)
		if (image->prefixes[i].id == id)
			return &image->prefixes[i];
	return NULL;
}

static void count_length(uint64_t expected[IFW_LENGTH_WORDS], const struct ifw_prefix_key *key)
{
	expected[(128 - key->len) / 64] |= 1ULL << (128 - key->len) % 64;
}

/* Every bit of a destination's lengths has a source, every source its bit. */
static void check_lengths(const struct image *image, const struct ifw_prefix *prefix)
{
	uint64_t expected[IFW_LENGTH_WORDS] = {0};

	for (size_t i = 0; i < image->prefix_count; i++) {
		const struct ifw_prefix_key *key = &image->prefixes[i].self;

		if (key->kind == IFW_PREFIX_SOURCE && key->scope == prefix->id)
			count_length(expected, key);
	}
	cr_assert_arr_eq(prefix->lengths, expected, sizeof(expected));
}

/* Likewise the lengths of a family and protocol, and the destinations. */
static void check_walk(const struct image *image, bool ipv6, bool udp)
{
	uint64_t expected[IFW_LENGTH_WORDS] = {0};

	for (size_t i = 0; i < image->prefix_count; i++) {
		const struct ifw_prefix_key *key = &image->prefixes[i].self;

		if (key->kind == IFW_PREFIX_DESTINATION &&
		    (key->family == IFW_FAMILY_IPV6) == ipv6 &&
		    (key->protocol == IPPROTO_UDP) == udp)
			count_length(expected, key);
	}
	cr_assert_arr_eq(image->lengths[ipv6][udp], expected, sizeof(expected));
}

static void check_image(const struct image *image)
{
	size_t ranges = 0;

	for (size_t i = 0; i < image->prefix_count; i++) {
		const struct ifw_prefix *prefix = &image->prefixes[i];

		cr_assert_neq(prefix->id, 0);
		cr_assert_lt(prefix->id, image->next_id);
		cr_assert_eq(prefix_with_id(image, prefix->id), prefix, "id given twice");
		cr_assert_eq(find_prefix(image, prefix->self), prefix, "key given twice");
		check_lengths(image, prefix);
		if (prefix->self.kind == IFW_PREFIX_SOURCE) {
			cr_assert_gt(prefix->run_count, 0);
			cr_assert_gt(prefix->self.len, 0);
			cr_assert_eq(prefix_with_id(image, prefix->self.scope)->self.kind,
				     IFW_PREFIX_DESTINATION);
		}
		/* A run of one element is in its prefix and nowhere else. */
		if (prefix->run_total == 1)
			cr_assert_eq(prefix->only.owner, prefix->id);
		else
			cr_assert_eq(prefix->only.owner, 0);
		for (uint32_t n = 0; prefix->run_total > 1 && n < prefix->run_count; n++)
			cr_assert_eq(image->ranges[prefix->run_at + n].owner, prefix->id);
	}
	for (int i = 0; i < 4; i++)
		check_walk(image, i / 2, i % 2);
	/* Runs lie one behind the other; each belongs to an element. */
	while (ranges < image->range_count) {
		const struct ifw_prefix *owner = prefix_with_id(image, image->ranges[ranges].owner);

		cr_assert_not_null(owner);
		cr_assert_eq(owner->run_at, ranges);
		while (ranges < image->range_count && image->ranges[ranges].owner == owner->id)
			ranges++;
	}
}

static void check_live(const struct rule_set *set, const bool *live)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = &set->rules[i];
		bool naive = false;

		for (unsigned int port = rule->low; port <= rule->high; port++) {
			uint64_t left = rule->ifaces;

			for (size_t n = 0; n < i; n++)
				if (rule_same_group(&set->rules[n], rule) &&
				    port >= set->rules[n].low && port <= set->rules[n].high)
					left &= ~set->rules[n].ifaces;
			naive = naive || left;
		}
		cr_assert_eq(live[i], naive, "rule %zu", i);
	}
}

Test(set, against_all_rules_sorted)
{
	unsigned int found = 0;

	for (unsigned int round = 0; round < 300; round++) {
		struct rule_set set = {0};
		struct image image;
		bool live[SET_MAX];

		for (uint32_t n = 1 + random_below(SET_MAX), i = 1; i <= n; i++) {
			struct rule rule = random_rule(i);

			cr_assert_eq(rule_set_add(&set, &rule), 0);
		}
		memset(live, 0x55, sizeof(live));
		cr_assert_eq(compile_set(&set, &image, live), 0);
		check_image(&image);
		check_live(&set, live);
		for (unsigned int n = 0; n < 400; n++) {
			struct question q = {
				.family = random_family(),
				.protocol = random_below(4) ? IPPROTO_TCP : IPPROTO_UDP,
				.port = (uint16_t)random_below(12),
				.slot = all_slots[random_below(SLOT_COUNT)],
			};
			uint32_t expected;

			q.dst = random_addr(q.family);
			q.src = random_addr(q.family);
			expected = ask_rules(&set, &q);
			cr_assert_eq(ask_image(&image, &q), expected);
			found += expected != NONE;
		}
		image_free(&image);
		rule_set_clear(&set);
	}
	cr_assert_gt(found, 10000, "hardly any rule was asked for: %u", found);
}

Test(set, empty)
{
	struct rule_set set = {0};
	struct image image;

	cr_assert_eq(compile_set(&set, &image, NULL), 0);
	cr_assert_eq(image.prefix_count, 0);
	cr_assert_eq(image.range_count, 0);
	cr_assert_eq(image.next_id, 1);
	image_free(&image);
}

Test(set, only_a_source_specific_rule)
{
	struct rule_set set = {0};
	struct rule rule = rule_of(1, 1, 2, IFW_IFACES_ANY);
	const struct ifw_prefix *destination;
	struct image image;

	rule.dst = (struct ifw_addr){0x0a000000ULL << 32, 0};
	rule.dst_len = 8;
	rule.src = (struct ifw_addr){0x0b000000ULL << 32, 0};
	rule.src_len = 24;
	cr_assert_eq(rule_set_add(&set, &rule), 0);
	cr_assert_eq(compile_set(&set, &image, NULL), 0);
	cr_assert_eq(image.prefix_count, 2);
	destination = find_prefix(&image, compile_destination_key(&rule));
	cr_assert_not_null(destination);
	cr_assert_eq(destination->run_count, 0);
	cr_assert(compile_has_length(destination->lengths, 24));
	cr_assert_not_null(find_prefix(&image, compile_source_key(&rule, destination->id)));
	cr_assert_eq(image.range_count, 0);
	image_free(&image);
	rule_set_clear(&set);
}

/* n different pairs of lengths in one family. */
static void add_pairs(struct rule_set *set, uint8_t family, unsigned int n)
{
	unsigned int lengths = ifw_addr_bits(family) + 1U;

	for (unsigned int i = 0; i < n; i++) {
		struct rule rule = rule_of((uint32_t)set->count + 1, 1, 1, IFW_IFACES_ANY);

		rule.family = family;
		rule.dst_len = (uint8_t)(i / lengths);
		rule.src_len = (uint8_t)(i % lengths);
		cr_assert_eq(rule_set_add(set, &rule), 0);
	}
}

Test(set, pairs_of_lengths_are_limited)
{
	struct image image, before;
	struct rule_set set = {0};

	add_pairs(&set, IFW_FAMILY_IPV6, COMPILE_PAIRS_MAX);
	add_pairs(&set, IFW_FAMILY_IPV4, COMPILE_PAIRS_MAX); /* a count of their own */
	cr_assert_eq(compile_set(&set, &image, NULL), 0);
	image_free(&image);

	/* Both protocols count together. */
	struct rule more = rule_of((uint32_t)set.count + 1, 1, 1, IFW_IFACES_ANY);

	more.family = IFW_FAMILY_IPV6;
	more.protocol = IPPROTO_UDP;
	more.dst_len = 128;
	cr_assert_eq(rule_set_add(&set, &more), 0);
	memset(&image, 0x5a, sizeof(image));
	before = image;
	cr_assert_eq(compile_set(&set, &image, NULL), -E2BIG);
	cr_assert_arr_eq(&image, &before, sizeof(image));
	set.count--;

	/* The same pairs again, in the other protocol, are no new ones. */
	for (size_t i = 0, count = set.count; i < count; i++) {
		struct rule rule = set.rules[i];

		rule.protocol = IPPROTO_UDP;
		cr_assert_eq(rule_set_add(&set, &rule), 0);
	}
	cr_assert_eq(compile_set(&set, &image, NULL), 0);
	image_free(&image);
	rule_set_clear(&set);
}

#define MANY 250000

/* Quadratic work would take minutes; the bound leaves room for sanitizers. */
Test(set, a_quarter_million_rules)
{
	struct rule_set set = {0};
	bool *live = malloc(MANY);
	struct image image;
	double start;

	cr_assert_not_null(live);
	for (uint32_t i = 0; i < MANY; i++) {
		struct rule rule = rule_of(i + 1, (uint16_t)(i % 3), 443, IFW_IFACES_ANY);

		rule.dst_len = (uint8_t)(24 + i % 9);
		rule.dst.hi = (uint64_t)((i / 5) * 2654435761U) << 32;
		rule.dst = ifw_addr_mask(rule.dst, rule.dst_len);
		rule.src_len = i % 7 ? 0 : 16;
		cr_assert_eq(rule_set_add(&set, &rule), 0);
	}
	start = seconds();
	cr_assert_eq(compile_set(&set, &image, live), 0);
	cr_assert_lt(seconds() - start, 10);
	cr_assert_gt(image.prefix_count, MANY / 4);
	cr_assert_eq(image.next_id, image.prefix_count + 1);
	image_free(&image);
	rule_set_clear(&set);
	free(live);
}

Test(set, who_shadows)
{
	struct rule_set set = {0};
	struct rule rules[] = {
		rule_of(1, 1, 5, 1 << 1),	   /* its first port */
		rule_of(2, 1, 9, 1 << 3),	   /* another interface */
		rule_of(3, 10, 20, 1 << 1),	   /* other ports */
		rule_of(4, 9, 30, 1 << 2),	   /* its last port */
		rule_of(5, 5, 9, IFW_IFACES_ANY),  /* another protocol, see below */
		rule_of(6, 1, 4, IFW_IFACES_ANY),  /* other ports */
		rule_of(7, 1, 30, IFW_IFACES_ANY), /* around it */
		rule_of(8, 5, 9, 1 << 1 | 1 << 2), /* the one asked for */
		rule_of(9, 1, 9, IFW_IFACES_ANY),  /* after it */
	};
	size_t by[3] = {99, 99, 99};

	rules[4].protocol = IPPROTO_UDP;
	for (size_t i = 0; i < 9; i++)
		cr_assert_eq(rule_set_add(&set, &rules[i]), 0);
	cr_assert_eq(compile_shadowed_by(&set, 7, by, 3), 3);
	cr_assert_eq(by[0], 0);
	cr_assert_eq(by[1], 3);
	cr_assert_eq(by[2], 6);
	by[1] = 99;
	cr_assert_eq(compile_shadowed_by(&set, 7, by, 1), 3);
	cr_assert_eq(by[1], 99);
	cr_assert_eq(compile_shadowed_by(&set, 0, NULL, 0), 0);
	rule_set_clear(&set);
}
