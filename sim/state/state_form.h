/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state_form.h - what the writer and the reader of a state have in common: the words for
 * sockets, and the numbers of a flow by name.
 */
#ifndef IFW_SIM_STATE_FORM_H
#define IFW_SIM_STATE_FORM_H

#include <stddef.h>

#include "sim/world.h"

struct state_number {
	const char *name;
	uint16_t offset;
	uint8_t size; /* bytes */
	uint64_t max;
};

#define STATE_NUMBER(type, member, most)                                                           \
	{                                                                                          \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member), most   \
	}

static const struct state_number state_flow_numbers[] = {
	STATE_NUMBER(ifw_flow, packets, INT64_MAX),  STATE_NUMBER(ifw_flow, bytes, INT64_MAX),
	STATE_NUMBER(ifw_flow, began_high, 1),	     STATE_NUMBER(ifw_flow, forwarded, 1),
	STATE_NUMBER(ifw_flow, liberal, 1),	     STATE_NUMBER(ifw_flow, no_peer, 1),
	STATE_NUMBER(ifw_flow, crossed, 1),	     STATE_NUMBER(ifw_flow, syn_again, 1),
	STATE_NUMBER(ifw_flow, syn_end, UINT32_MAX), STATE_NUMBER(ifw_flow, taken_up, UINT32_MAX),
};
#define STATE_FLOW_NUMBERS (sizeof(state_flow_numbers) / sizeof(state_flow_numbers[0]))

static const struct state_number state_side_numbers[] = {
	STATE_NUMBER(ifw_flow_side, end, UINT32_MAX),
	STATE_NUMBER(ifw_flow_side, max_end, UINT32_MAX),
	STATE_NUMBER(ifw_flow_side, max_window, UINT32_MAX),
	STATE_NUMBER(ifw_flow_side, scale, IFW_SCALE_NONE),
	STATE_NUMBER(ifw_flow_side, came_in, 1),
	STATE_NUMBER(ifw_flow_side, left, 1),
	STATE_NUMBER(ifw_flow_side, fin, IFW_FIN_ACKED),
};
#define STATE_SIDE_NUMBERS (sizeof(state_side_numbers) / sizeof(state_side_numbers[0]))

static inline uint64_t state_number_of(const void *from, const struct state_number *number)
{
	const void *at = (const uint8_t *)from + number->offset;

	switch (number->size) {
	case 1:
		return *(const uint8_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static inline void state_set_number(void *to, const struct state_number *number, uint64_t value)
{
	void *at = (uint8_t *)to + number->offset;

	switch (number->size) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)value;
		break;
	default:
		*(uint64_t *)at = value;
		break;
	}
}

#endif /* IFW_SIM_STATE_FORM_H */
