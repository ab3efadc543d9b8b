/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff_regions.c - boxes as regions, each with an example that was asked about, and
 * these by what they change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diff_parts.h"
#include "ruleset/room.h"

/* An example that no other region holds, asked about once more: what is reported was seen. */
static int find_example(const struct probe *probe, const struct diff_label *key,
			const struct cover_own *own, struct diff_region *region)
{
	const struct cell cell = {
		.family = region->family,
		.protocol = region->protocol,
		.dst = &own->to,
		.src = &own->from,
		.low = (uint16_t)own->port,
		.high = (uint16_t)own->port,
		.ifaces = own->ifaces,
	};
	int error = 0;

	region->example = probe_witness(probe, &cell);
	for (size_t world = 0; world < PROBE_WORLDS && !error; world++) {
		struct asked *asked = &region->asked[world];

		error = probe_ask(probe, world, &region->example, asked);
		if (!error &&
		    memcmp(&asked->answer, &key->answers[world], sizeof(asked->answer)) != 0)
			error = -EPROTO;
	}
	return error;
}

static void free_region(struct diff_region *region)
{
	free(region->to.holes);
	free(region->from.holes);
}

int diff_add_region(const struct probe *probe, const struct diff_label *label,
		    const struct simple_box *box, struct diff *diff)
{
	struct diff_region region = {
		.family = (uint8_t)label->family,
		.protocol = (uint8_t)label->protocol,
		.low = (uint16_t)box->low,
		.high = (uint16_t)box->high,
		.ifaces = box->ifaces,
	};
	int error;

	if (room_for_one(&diff->regions, diff->count, &diff->room, sizeof(*diff->regions)))
		return -ENOMEM;
	error = prefix_but_copy(&box->to, &region.to);
	if (!error)
		error = prefix_but_copy(&box->from, &region.from);
	if (!error)
		error = find_example(probe, label, &box->own, &region);
	if (error)
		free_region(&region);
	else
		diff->regions[diff->count++] = region;
	return error;
}

/* --- In order -------------------------------------------------------------------------- */

/* What lets less pass comes first, then what lets more; then what only has another reason. */
static int rank(const struct answer answers[PROBE_WORLDS])
{
	if (answers[0].verdict != answers[1].verdict)
		return answers[0].verdict == IFW_VERDICT_PASS ? 0 : 1;
	return 2;
}

static int compare_answers(const struct answer *a, const struct answer *b)
{
	const int ranks = rank(a) - rank(b);

	return ranks ? ranks : memcmp(a, b, PROBE_WORLDS * sizeof(*a));
}

static int compare_regions(const void *a, const void *b)
{
	const struct diff_region *one = a, *two = b;
	const struct answer answers[2][PROBE_WORLDS] = {
		{one->asked[0].answer, one->asked[1].answer},
		{two->asked[0].answer, two->asked[1].answer},
	};
	const int order = compare_answers(answers[0], answers[1]);

	if (order)
		return order;
	COMPARE(one->family, two->family);
	COMPARE(one->protocol & IFW_EGRESS, two->protocol & IFW_EGRESS);
	COMPARE(one->to.first, two->to.first);
	COMPARE(one->to.len, two->to.len);
	COMPARE(one->protocol, two->protocol);
	COMPARE(one->low, two->low);
	COMPARE(one->from.first, two->from.first);
	COMPARE(one->from.len, two->from.len);
	COMPARE(one->ifaces, two->ifaces);
	COMPARE(one->high, two->high);
	return 0;
}

int diff_group(struct diff *diff)
{
	struct diff_change *change = NULL;

	if (diff->count == 0)
		return 0;
	qsort(diff->regions, diff->count, sizeof(*diff->regions), compare_regions);
	diff->changes = calloc(diff->count, sizeof(*diff->changes));
	if (!diff->changes)
		return -ENOMEM;
	for (size_t i = 0; i < diff->count; i++) {
		struct diff_region *region = &diff->regions[i];
		const struct answer answers[PROBE_WORLDS] = {region->asked[0].answer,
							     region->asked[1].answer};

		if (!change || compare_answers(change->answers, answers) != 0) {
			change = &diff->changes[diff->change_count++];
			memcpy(change->answers, answers, sizeof(answers));
			change->first = i;
		}
		change->count++;
		region->change = diff->change_count - 1;
	}
	return 0;
}

void diff_free(struct diff *diff)
{
	for (size_t i = 0; i < diff->count; i++)
		free_region(&diff->regions[i]);
	free(diff->regions);
	free(diff->changes);
	*diff = (struct diff){};
}
