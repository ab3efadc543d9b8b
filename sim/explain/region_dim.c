/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region_dim.c - see region_cuts.h: cells, pieces and points.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "region_cuts.h"
#include "ruleset/room.h"

size_t dim_cell(const struct dim *dim, number value)
{
	size_t low = 0, high = dim->cut_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (dim->cuts[middle] <= value)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static number last_of(const struct dim *dim)
{
	return dim->bits == 128 ? ~(number)0 : ((number)1 << dim->bits) - 1;
}

struct piece dim_cell_piece(const struct dim *dim, size_t cell)
{
	const bool last = cell + 1 == dim->cut_count;

	if (dim->kind == REGION_FLAGS || dim->kind == REGION_INTERFACE)
		return (struct piece){dim->cuts[cell], dim->cuts[cell]};
	return (struct piece){dim->cuts[cell], last ? last_of(dim) : dim->cuts[cell + 1] - 1};
}

int dim_add_piece(struct dim *dim, struct piece piece)
{
	if (room_for_one(&dim->pieces, dim->piece_count, &dim->piece_room, sizeof(*dim->pieces)) !=
	    0)
		return -ENOMEM;
	dim->pieces[dim->piece_count++] = piece;
	return 0;
}

static int compare_cuts(const void *a, const void *b)
{
	const number one = *(const number *)a, two = *(const number *)b;

	return (one > two) - (one < two);
}

static void sort_cuts(struct dim *dim)
{
	size_t count = 0;

	qsort(dim->cuts, dim->cut_count, sizeof(*dim->cuts), compare_cuts);
	for (size_t i = 0; i < dim->cut_count; i++)
		if (i == 0 || dim->cuts[i] != dim->cuts[count - 1])
			dim->cuts[count++] = dim->cuts[i];
	dim->cut_count = count;
}

int dim_start(struct dim *dim)
{
	struct piece piece;

	sort_cuts(dim);
	piece = dim_cell_piece(dim, dim_cell(dim, dim->value));
	if (dim->kind == REGION_PREFIX) {
		piece.low = piece.high = dim->value;
		dim->len = dim->bits;
	}
	return dim_add_piece(dim, piece);
}

static bool is_hole(const struct dim *dim, struct piece piece)
{
	for (size_t i = 0; i < dim->hole_count; i++)
		if (dim->holes[i].low <= piece.high && dim->holes[i].high >= piece.low)
			return true;
	return false;
}

int dim_pieces_between(const struct dim *dim, number first, number last, struct dim *to)
{
	const number size = last - first + 1, begin = dim->value - dim->value % size;
	const size_t low = dim_cell(dim, begin), high = dim_cell(dim, begin + (size - 1));

	for (size_t cell = dim_cell(dim, first); cell < dim->cut_count; cell++) {
		struct piece piece = dim_cell_piece(dim, cell);

		if (piece.low > last)
			break;
		if (cell >= low && cell <= high && !is_hole(dim, piece))
			continue;
		if (piece.low < first)
			piece.low = first;
		if (piece.high > last)
			piece.high = last;
		if (dim_add_piece(to, piece) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* --- Points ------------------------------------------------------------------------ */

static int compare_points(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct point));
}

struct ifw_addr dim_to_addr(number value, uint8_t bits)
{
	value <<= 128 - bits;
	return (struct ifw_addr){(__u64)(value >> 64), (__u64)value};
}

bool points_have(const struct points *points, const struct dim *dims, size_t count,
		 const number *values)
{
	struct point point = {};

	if (points->count == 0 || points->off)
		return false;
	for (size_t i = 0; i < count; i++) {
		switch (dims[i].id) {
		case REGION_SRC:
			point.src = dim_to_addr(values[i], dims[i].bits);
			break;
		case REGION_DST:
			point.dst = dim_to_addr(values[i], dims[i].bits);
			break;
		case REGION_SRC_PORT:
			point.src_port = (uint16_t)values[i];
			break;
		case REGION_DST_PORT:
			point.dst_port = (uint16_t)values[i];
			break;
		default:
			break;
		}
	}
	return bsearch(&point, points->at, points->count, sizeof(point), compare_points) != NULL;
}

static number from_addr(struct ifw_addr addr)
{
	return (number)addr.hi << 64 | addr.lo;
}

number point_value(const struct point *point, enum region_id id)
{
	switch (id) {
	case REGION_SRC:
		return from_addr(point->src);
	case REGION_DST:
		return from_addr(point->dst);
	case REGION_SRC_PORT:
		return point->src_port;
	default:
		return point->dst_port;
	}
}

bool points_inside(const struct point *point, const struct dim *dims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct dim *dim = &dims[i];
		number value = point_value(point, dim->id);
		bool inside = false;

		if (!dim->in_points)
			continue;
		if (dim->kind == REGION_PREFIX) {
			value >>= 128 - dim->bits;
			inside = dim->len == 0 || value >> (dim->bits - dim->len) ==
							  dim->value >> (dim->bits - dim->len);
		}
		for (size_t n = 0; n < dim->hole_count; n++)
			inside &= value < dim->holes[n].low || value > dim->holes[n].high;
		for (size_t n = 0; dim->kind != REGION_PREFIX && n < dim->piece_count; n++)
			inside |= value >= dim->pieces[n].low && value <= dim->pieces[n].high;
		if (!inside)
			return false;
	}
	return true;
}
