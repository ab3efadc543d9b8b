/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * changes.h - of packets that were decided twice, under other rules, those that are
 * answered otherwise: how many, of which flows, and one of each kind.
 */
#ifndef IFW_SIM_CHANGES_H
#define IFW_SIM_CHANGES_H

#include "probe.h"

#define CHANGES_FLOWS_MAX 262144 /* that are told apart, by change and of all; 40 MB */
#define CHANGES_TOP 3		 /* flows that are named */
#define CHANGES_FLOW_MAX 144	 /* "tcp [address]:port -> [address]:port", with the final NUL */

struct changed_flow {
	char text[CHANGES_FLOW_MAX]; /* as its first packet went that changed */
	uint64_t packets;	     /* of it that changed so */
};

struct change {
	struct answer answers[PROBE_WORLDS]; /* before, after */
	uint64_t packets, bytes, flows;
	uint64_t first;			      /* number of the first packet in the capture */
	uint32_t rules[PROBE_WORLDS];	      /* that decided it, by order number; 0: none */
	char *text;			      /* what it is */
	struct changed_flow top[CHANGES_TOP]; /* after changes_finish */
	size_t top_count;
};

struct changes {
	struct change *list; /* in the order of the capture; once finished, most packets first */
	size_t count, room;
	uint64_t packets, flows; /* that change; a flow may do so in several ways */
	bool flows_lost;	 /* there were more than are told apart */
	struct flow_count *by_key;
};

/*
 * A packet that was answered otherwise: *change is its change, new is whether it is the first
 * of that; then text is to be set. 0 or -ENOMEM.
 */
int changes_add(struct changes *changes, const struct asked asked[PROBE_WORLDS],
		const struct packet *packet, uint64_t number_in_capture, struct change **change,
		bool *is_new);

/* Names the most frequent flows of each change. */
void changes_finish(struct changes *changes);
void changes_free(struct changes *changes);

#endif /* IFW_SIM_CHANGES_H */
