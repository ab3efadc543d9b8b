/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * changes.c - see changes.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "changes.h"
#include "sim/explain/explain_text.h"
#include "sim/hash.h"
#include "ruleset/room.h"

#define ANY_CHANGE UINT32_MAX

/* Both ways are one flow. No padding: compared as bytes. */
struct flow_key {
	struct ifw_addr low, high;
	uint16_t low_port, high_port; /* 0 where the protocol has none */
	uint8_t family, protocol;
	uint16_t reserved;
	uint32_t change; /* number, or ANY_CHANGE */
	uint32_t reserved_too;
};

struct flow_count {
	struct flow_key key;
	uint64_t packets;
	bool turned; /* the first packet went from high to low */
	UT_hash_handle hh;
};

static bool is_below(struct ifw_addr a, uint16_t a_port, struct ifw_addr b, uint16_t b_port)
{
	if (!ifw_addr_equal(a, b))
		return number_of_addr(a) < number_of_addr(b);
	return a_port <= b_port;
}

static struct flow_key key_of(const struct packet *p, uint32_t change, bool *turned)
{
	struct flow_key key = {.family = p->family, .protocol = p->protocol, .change = change};

	*turned = !is_below(IFW_ADDR(p->src), p->src_port, IFW_ADDR(p->dst), p->dst_port);
	key.low = *turned ? IFW_ADDR(p->dst) : IFW_ADDR(p->src);
	key.low_port = *turned ? p->dst_port : p->src_port;
	key.high = *turned ? IFW_ADDR(p->src) : IFW_ADDR(p->dst);
	key.high_port = *turned ? p->src_port : p->dst_port;
	return key;
}

/* Counts the packet for its flow; *flows where that is new. 0 or -ENOMEM. */
static int count_flow(struct changes *changes, const struct packet *p, uint32_t change,
		      uint64_t *flows)
{
	bool turned, no_memory = false;
	const struct flow_key key = key_of(p, change, &turned);
	struct flow_count *flow;

	HASH_FIND(hh, changes->by_key, &key, sizeof(key), flow);
	if (flow) {
		flow->packets++;
		return 0;
	}
	if (HASH_COUNT(changes->by_key) >= CHANGES_FLOWS_MAX) {
		changes->flows_lost = true;
		return 0;
	}
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	flow->key = key;
	flow->turned = turned;
	flow->packets = 1;
	HASH_ADD(hh, changes->by_key, key, sizeof(key), flow);
	if (no_memory) {
		free(flow);
		return -ENOMEM;
	}
	(*flows)++;
	return 0;
}

/* Kinds of change are few. */
static struct change *find(struct changes *changes, const struct asked asked[PROBE_WORLDS])
{
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->list[i];

		if (memcmp(&change->answers[0], &asked[0].answer, sizeof(struct answer)) == 0 &&
		    memcmp(&change->answers[1], &asked[1].answer, sizeof(struct answer)) == 0)
			return change;
	}
	return NULL;
}

static struct change *add(struct changes *changes, const struct asked asked[PROBE_WORLDS])
{
	struct change *change;

	if (room_for_one(&changes->list, changes->count, &changes->room, sizeof(*changes->list)) !=
	    0)
		return NULL;
	change = &changes->list[changes->count++];
	*change = (struct change){
		.answers = {asked[0].answer, asked[1].answer},
		.rules = {asked[0].rule, asked[1].rule},
	};
	return change;
}

int changes_add(struct changes *changes, const struct asked asked[PROBE_WORLDS],
		const struct packet *packet, uint64_t number_in_capture, struct change **out,
		bool *is_new)
{
	struct change *change = find(changes, asked);
	int error = 0;

	*is_new = !change;
	if (!change)
		change = add(changes, asked);
	if (!change)
		return -ENOMEM;
	if (*is_new)
		change->first = number_in_capture;
	change->packets++;
	change->bytes += packet->length;
	changes->packets++;
	if (packet->family != IFW_FAMILY_NONE)
		error = count_flow(changes, packet, (uint32_t)(change - changes->list),
				   &change->flows);
	if (packet->family != IFW_FAMILY_NONE && !error)
		error = count_flow(changes, packet, ANY_CHANGE, &changes->flows);
	*out = change;
	return error;
}

static void put_text(const struct flow_count *flow, char text[CHANGES_FLOW_MAX])
{
	const struct flow_key *key = &flow->key;
	char protocol[EXPLAIN_PROTOCOL_MAX], low[EXPLAIN_END_MAX], high[EXPLAIN_END_MAX];

	explain_protocol(key->protocol, protocol);
	explain_end(key->low, key->low_port, key->family, low);
	explain_end(key->high, key->high_port, key->family, high);
	snprintf(text, CHANGES_FLOW_MAX, "%s %s -> %s", protocol, flow->turned ? high : low,
		 flow->turned ? low : high);
}

/* The list of the change is short: a flow takes the place behind those with no fewer packets. */
static void rank(struct change *change, const struct flow_count *flow)
{
	size_t at = change->top_count;

	while (at > 0 && change->top[at - 1].packets < flow->packets)
		at--;
	if (at == CHANGES_TOP)
		return;
	if (change->top_count < CHANGES_TOP)
		change->top_count++;
	memmove(&change->top[at + 1], &change->top[at],
		(change->top_count - at - 1) * sizeof(change->top[0]));
	change->top[at].packets = flow->packets;
	put_text(flow, change->top[at].text);
}

static int compare(const void *a, const void *b)
{
	const struct change *one = a, *two = b;

	if (one->packets != two->packets)
		return one->packets < two->packets ? 1 : -1;
	return one->first < two->first ? -1 : 1;
}

void changes_finish(struct changes *changes)
{
	for (const struct flow_count *flow = changes->by_key; flow; flow = flow->hh.next)
		if (flow->key.change != ANY_CHANGE)
			rank(&changes->list[flow->key.change], flow);
	if (changes->count)
		qsort(changes->list, changes->count, sizeof(*changes->list), compare);
}

void changes_free(struct changes *changes)
{
	struct flow_count *flow, *next;

	HASH_ITER(hh, changes->by_key, flow, next)
	{
		HASH_DEL(changes->by_key, flow);
		free(flow);
	}
	for (size_t i = 0; i < changes->count; i++)
		free(changes->list[i].text);
	free(changes->list);
	*changes = (struct changes){};
}
