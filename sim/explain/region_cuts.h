/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region_cuts.h - for region.c: the fields of a packet as numbers, and at which of
 * them an answer may change. Nothing here says what the answer is.
 */
#ifndef IFW_SIM_REGION_CUTS_H
#define IFW_SIM_REGION_CUTS_H

#include "sim/number.h"
#include "region.h"
#include "sim/world.h"

struct piece {
	number low, high; /* both included */
};

/*
 * A field. Its values fall into cells, each of which begins at a cut and ends
 * before the next: within one, and with all else the same, every value but those of
 * conversations is answered alike. The pieces are what the box holds of it, one
 * for each cell that it touches. FLAGS and INTERFACE: each cut is a value by itself.
 */
struct dim {
	number value; /* of the packet */
	number *cuts; /* ascending, the first is 0 */
	size_t cut_count, cut_room;
	struct piece *pieces;
	size_t piece_count, piece_room;
	struct piece holes[REGION_HOLES_MAX]; /* PREFIX: what it does not hold of that */
	size_t hole_count;
	enum region_id id;
	enum region_kind kind;
	uint32_t offset; /* in the frame, bytes */
	uint8_t bits;
	uint8_t len;	/* PREFIX: of the box */
	bool in_points; /* a field that a conversation is known by */
};

/* A conversation: a socket with a peer, or a flow, as one of its packets shows it. */
struct point {
	struct ifw_addr src, dst;
	uint16_t src_port, dst_port;
	uint32_t reserved;
};

struct points {
	struct point *at; /* ascending, compared as bytes */
	size_t count, room;
	bool off; /* none, for now */
};

/* Fields, cuts and points for this packet, which frame is. 0 or -ENOMEM. */
int region_cuts(const struct sim_world *world, const struct sim_frame *frame,
		const struct packet *p, bool all_protocols, struct dim dims[REGION_FIELDS_MAX],
		size_t *count, struct points *points);

/* Where the frame has its protocol, where that can be changed by itself; 0: nowhere. */
uint32_t region_protocol_at(const struct sim_frame *frame, const struct packet *p);

/* The box of the packet alone: for an address itself, else its cell. 0 or -ENOMEM. */
int dim_start(struct dim *dim);
int dim_add_piece(struct dim *dim, struct piece piece);

/* Number of the cell that holds the value, and the cell. */
size_t dim_cell(const struct dim *dim, number value);
struct piece dim_cell_piece(const struct dim *dim, size_t cell);

/* Pieces from first to last in cells of which the box holds nothing, added to those of `to`. */
int dim_pieces_between(const struct dim *dim, number first, number last, struct dim *to);

/* A number of so many bits as an address. */
struct ifw_addr dim_to_addr(number value, uint8_t bits);

/* Whether these values are a conversation's; whether one lies in the box. */
bool points_have(const struct points *points, const struct dim *dims, size_t count,
		 const number *values);
bool points_inside(const struct point *point, const struct dim *dims, size_t count);
number point_value(const struct point *point, enum region_id id);

#endif /* IFW_SIM_REGION_CUTS_H */
