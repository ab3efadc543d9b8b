/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules_common.h - what the tests of runs and of whole sets share: rules made
 * up at random from few values, so that they meet often, and the search that
 * the datapath does, in its plainest form.
 */
#ifndef IFW_RULES_COMMON_H
#define IFW_RULES_COMMON_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "../../ruleset/compile.h"

#define NONE 0U /* no order number */

/* Xorshift: the same numbers in each run, so that a failure comes back. */
static inline uint64_t random_number(void)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static inline unsigned int random_below(unsigned int end)
{
	return (unsigned int)(random_number() >> 20) % end;
}

/* CPU time, so that other load does not fail a test. */
static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline bool admits(uint64_t ifaces, unsigned int slot)
{
	if (slot & IFW_SLOT_NAMED)
		return ifaces != IFW_IFACES_ANY && (ifaces >> (slot - IFW_SLOT_NAMED) & 1);
	return (ifaces >> slot) & 1;
}

/* The range that holds the port and admits the slot, as the datapath finds it. */
static inline const struct ifw_range *search(const struct ifw_range *ranges, uint32_t count,
					     uint16_t port, unsigned int slot)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (port < ranges[middle].low) {
			high = middle;
		} else if (port > ranges[middle].high) {
			low = middle + 1;
		} else {
			const struct ifw_range *range = &ranges[middle];

			while (!admits(range->ifaces, slot) && range->next)
				range += range->next;
			return admits(range->ifaces, slot) ? range : NULL;
		}
	}
	return NULL;
}

static inline struct rule rule_of(uint32_t order, uint16_t low, uint16_t high, uint64_t ifaces)
{
	return (struct rule){
		.order = order,
		.low = low,
		.high = high,
		.ifaces = ifaces,
		.listener = {0x7f000001ULL << 32, order},
		.listener_port = (uint16_t)(order + 1000),
		.family = IFW_FAMILY_IPV4,
		.protocol = IPPROTO_TCP,
		.action = (uint8_t)(IFW_ACTION_INTERCEPT + order % 3),
	};
}

static const unsigned int all_slots[] = {
	0, 1, 2, 3, 4, 62, 63, IFW_SLOT_NAMED + 1, IFW_SLOT_NAMED + 2, IFW_SLOT_NAMED + 63};
#define SLOT_COUNT (sizeof(all_slots) / sizeof(all_slots[0]))
#define PLAIN_COUNT 7

static inline uint64_t random_ifaces(void)
{
	uint64_t ifaces = 0;

	if (random_below(3) == 0)
		return IFW_IFACES_ANY;
	for (unsigned int n = 1 + random_below(3); n > 0; n--)
		ifaces |= 1ULL << all_slots[1 + random_below(PLAIN_COUNT - 1)];
	return ifaces;
}

#endif /* IFW_RULES_COMMON_H */
