/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region.c - see region.h. The region is a box that grows field by field: a piece
 * more is taken in where one packet of each piece of the box, with it, is answered
 * as the first one was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "datapath/ipv6.h"
#include "region_cuts.h"

struct search {
	struct sim_world *world;
	struct sim_frame frame; /* its data is bytes */
	uint8_t *bytes;
	struct sim_result wanted;
	struct dim dims[REGION_FIELDS_MAX];
	size_t count;
	bool all_protocols;
	uint8_t address_bits;
	struct points points; /* conversations, which may be answered otherwise */
	uint64_t trials;
	bool narrowed;
	int error;
};

static void free_search(struct search *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->dims[i].cuts);
		free(s->dims[i].pieces);
	}
	free(s->points.at);
	free(s->bytes);
}

/* --- Trials ----------------------------------------------------------------------- */

static void put(struct search *s, const struct dim *dim, number value)
{
	if (dim->kind == REGION_INTERFACE) {
		s->frame.ifindex = (uint32_t)value;
		return;
	}
	for (int byte = dim->bits / 8 - 1; byte >= 0; byte--, value >>= 8)
		s->bytes[dim->offset + (uint32_t)byte] = (uint8_t)value;
}

static bool same_answer(const struct sim_result *a, const struct sim_result *b)
{
	return a->decision.verdict == b->decision.verdict &&
	       a->decision.reason == b->decision.reason && a->decision.rule == b->decision.rule &&
	       a->decision.assigned == b->decision.assigned &&
	       a->decision.marked == b->decision.marked && a->mark == b->mark;
}

static bool try_it(struct search *s)
{
	struct sim_result result;
	int error = sim_decide(s->world, &s->frame, &result);

	s->trials++;
	if (error)
		s->error = error;
	return !error && same_answer(&result, &s->wanted);
}

/*
 * Values that are no conversation's, where there are such: conversations are asked
 * one by one. Where all are, the first one stands for this piece of the box.
 */
static void choose_values(const struct search *s, const struct piece *const *pieces, number *values)
{
	for (size_t i = 0; i < s->count; i++)
		values[i] = pieces[i]->low;
	if (!points_have(&s->points, s->dims, s->count, values))
		return;
	for (size_t i = 0; i < s->count; i++) {
		const number size = pieces[i]->high - pieces[i]->low;

		if (!s->dims[i].in_points)
			continue;
		for (number step = 1; step <= s->points.count && step <= size; step++) {
			values[i] = pieces[i]->low + step;
			if (!points_have(&s->points, s->dims, s->count, values))
				return;
		}
		values[i] = pieces[i]->low;
	}
}

static bool try_pieces(struct search *s, const struct piece *const *pieces)
{
	number values[REGION_FIELDS_MAX] = {};

	choose_values(s, pieces, values);
	for (size_t i = 0; i < s->count; i++)
		put(s, &s->dims[i], values[i]);
	return try_it(s);
}

/* Whether the box with these pieces for dims[grown] would be answered alike throughout. */
static bool is_alike(struct search *s, size_t grown, const struct piece *added, size_t count)
{
	const struct piece *pieces[REGION_FIELDS_MAX];
	size_t at[REGION_FIELDS_MAX] = {};
	uint64_t trials = count;
	size_t i = 0;

	if (count == 0)
		return true; /* only of cells that were asked already */
	for (i = 0; i < s->count; i++)
		if (i != grown)
			trials *= s->dims[i].piece_count; /* each bounded far below overflow */
	if (trials > REGION_TRIALS_MAX - s->trials || s->trials > REGION_TRIALS_MAX) {
		s->narrowed = true;
		return false;
	}
	do {
		for (i = 0; i < s->count; i++)
			pieces[i] = i == grown ? &added[at[i]] : &s->dims[i].pieces[at[i]];
		if (!try_pieces(s, pieces) || s->error)
			return false;
		for (i = 0; i < s->count; i++) {
			if (++at[i] < (i == grown ? count : s->dims[i].piece_count))
				break;
			at[i] = 0;
		}
	} while (i < s->count);
	return true;
}

static bool take(struct search *s, size_t grown, const struct piece *added, size_t count)
{
	if (!is_alike(s, grown, added, count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (dim_add_piece(&s->dims[grown], added[i]) != 0)
			s->error = -ENOMEM;
	return true;
}

/* --- Growth ------------------------------------------------------------------------ */

/* The other half of the next shorter prefix, in pieces. */
static bool grow_prefix(struct search *s, size_t grown)
{
	struct dim *dim = &s->dims[grown];
	number size = (number)1 << (dim->bits - dim->len), first = dim->value / size * size;
	struct dim half = {};
	bool taken = false;

	first ^= size;
	s->error = dim_pieces_between(dim, first, first + (size - 1), &half);
	if (!s->error)
		taken = take(s, grown, half.pieces, half.piece_count);
	free(half.pieces);
	if (taken)
		dim->len--;
	return taken;
}

/* false where there is no room for it. */
static bool add_hole(struct dim *dim, struct piece piece)
{
	for (size_t i = 0; i < dim->hole_count; i++) {
		struct piece *hole = &dim->holes[i];

		if (hole->high + 1 == piece.low) {
			hole->high = piece.high;
			return true;
		}
		if (piece.high + 1 == hole->low) {
			hole->low = piece.low;
			return true;
		}
	}
	if (dim->hole_count == REGION_HOLES_MAX)
		return false;
	dim->holes[dim->hole_count++] = piece;
	return true;
}

/* The same half, of which what is not answered alike becomes holes. */
static bool grow_with_holes(struct search *s, size_t grown, bool *gained)
{
	struct dim *dim = &s->dims[grown];
	const number size = (number)1 << (dim->bits - dim->len);
	const number first = dim->value / size * size ^ size;
	number asked = 0;
	struct dim half = {};
	bool fits = true;

	*gained = false;
	s->error = dim_pieces_between(dim, first, first + (size - 1), &half);
	for (size_t i = 0; i < half.piece_count && fits && !s->error; i++) {
		asked += half.pieces[i].high - half.pieces[i].low + 1;
		if (take(s, grown, &half.pieces[i], 1))
			*gained = true;
		else
			fits = add_hole(dim, half.pieces[i]);
	}
	*gained |= asked != size; /* the rest is of cells that the box has already */
	free(half.pieces);
	dim->len--;
	return fits;
}

/* Wider still: as long as holes are few, up to where something was gained last. */
static void grow_around_holes(struct search *s, size_t grown)
{
	struct dim *dim = &s->dims[grown];
	struct dim kept = *dim;
	bool gained;

	while (dim->len > 0 && !s->error && grow_with_holes(s, grown, &gained))
		if (gained)
			kept = *dim;
	dim->len = kept.len;
	dim->piece_count = kept.piece_count;
	dim->hole_count = kept.hole_count;
	memcpy(dim->holes, kept.holes, sizeof(kept.holes));
}

static void grow_range(struct search *s, size_t grown)
{
	struct dim *dim = &s->dims[grown];
	size_t low = dim_cell(dim, dim->value), high = low;
	struct piece piece;

	while (++high < dim->cut_count) {
		piece = dim_cell_piece(dim, high);
		if (!take(s, grown, &piece, 1))
			break;
	}
	while (low-- > 0) {
		piece = dim_cell_piece(dim, low);
		if (!take(s, grown, &piece, 1))
			break;
	}
}

/* Other headers would be read there, of bytes that mean something else now. */
static bool is_extension(const struct dim *dim, number value, uint8_t address_bits)
{
	return dim->id == REGION_PROTOCOL && address_bits == 128 &&
	       ifw_is_known_extension((uint8_t)value);
}

/* Every value, or class of values, by itself. */
static void grow_set(struct search *s, size_t grown)
{
	struct dim *dim = &s->dims[grown];

	if (dim->id == REGION_PROTOCOL && !s->all_protocols)
		return;
	for (size_t cell = 0; cell < dim->cut_count && !s->error; cell++) {
		struct piece piece = dim_cell_piece(dim, cell);

		if (is_extension(dim, piece.low, s->address_bits))
			continue;
		if (dim->pieces[0].low < piece.low || dim->pieces[0].low > piece.high)
			take(s, grown, &piece, 1);
	}
}

static void grow(struct search *s, size_t grown)
{
	struct dim *dim = &s->dims[grown];

	switch (dim->kind) {
	case REGION_PREFIX:
		while (dim->len > 0 && !s->error && grow_prefix(s, grown))
			;
		grow_around_holes(s, grown);
		break;
	case REGION_RANGE:
		grow_range(s, grown);
		break;
	default:
		grow_set(s, grown);
		break;
	}
}

/* --- The result ---------------------------------------------------------------------- */

static int compare_ranges(const void *a, const void *b)
{
	const struct region_range *one = a, *two = b;

	return (one->low > two->low) - (one->low < two->low);
}

/* Pieces side by side become one range. */
static int merge(const struct dim *dim, struct region_field *field)
{
	struct region_range *ranges = calloc(dim->piece_count, sizeof(*ranges));
	uint64_t values = 0;

	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < dim->piece_count; i++) {
		ranges[i].low = (uint32_t)dim->pieces[i].low;
		ranges[i].high = (uint32_t)dim->pieces[i].high;
		values += (uint64_t)ranges[i].high - ranges[i].low + 1;
	}
	qsort(ranges, dim->piece_count, sizeof(*ranges), compare_ranges);
	field->ranges = ranges;
	for (size_t i = 0; i < dim->piece_count; i++) {
		if (field->count && dim->kind != REGION_INTERFACE &&
		    ranges[field->count - 1].high + 1 == ranges[i].low)
			ranges[field->count - 1].high = ranges[i].high;
		else
			ranges[field->count++] = ranges[i];
	}
	if (dim->kind == REGION_FLAGS || dim->kind == REGION_INTERFACE)
		field->any = dim->piece_count == dim->cut_count && dim->cut_count > 1;
	else
		field->any = values == 1ULL << dim->bits;
	return 0;
}

static int compare_holes(const void *a, const void *b)
{
	const struct piece *one = a, *two = b;

	return (one->low > two->low) - (one->low < two->low);
}

static int compare_ids(const void *a, const void *b)
{
	const struct dim *one = a, *two = b;

	return (int)one->id - (int)two->id;
}

static int put_field(struct dim *dim, const struct packet *p, struct region_field *field)
{
	*field = (struct region_field){
		.id = dim->id, .kind = dim->kind, .offset = dim->offset, .bits = dim->bits};
	if (dim->kind != REGION_PREFIX)
		return merge(dim, field);
	field->family = p->family;
	field->len = dim->len;
	field->any = dim->len == 0 && dim->hole_count == 0;
	qsort(dim->holes, dim->hole_count, sizeof(dim->holes[0]), compare_holes);
	field->hole_count = dim->hole_count;
	for (size_t i = 0; i < dim->hole_count; i++)
		field->holes[i] = (struct region_hole){
			dim_to_addr(dim->holes[i].low, dim->bits),
			dim_to_addr(dim->holes[i].high, dim->bits),
		};
	field->addr = ifw_addr_mask(dim->id == REGION_SRC ? p->src : p->dst, dim->len);
	return 0;
}

/* Conversations in the box are asked one by one: with whatever else the box holds. */
static int find_exceptions(struct search *s, struct region *region)
{
	for (size_t n = 0; n < s->points.count && !s->error; n++) {
		struct dim saved[REGION_FIELDS_MAX];
		struct piece at[REGION_FIELDS_MAX];
		const struct point *point = &s->points.at[n];
		bool alike;

		if (!points_inside(point, s->dims, s->count))
			continue;
		memcpy(saved, s->dims, sizeof(saved));
		for (size_t i = 0; i < s->count; i++) {
			if (!s->dims[i].in_points)
				continue;
			at[i].low = point_value(point, s->dims[i].id);
			if (s->dims[i].kind == REGION_PREFIX)
				at[i].low >>= 128 - s->dims[i].bits;
			at[i].high = at[i].low;
			s->dims[i].pieces = &at[i];
			s->dims[i].piece_count = 1;
		}
		s->points.off = true;
		alike = is_alike(s, 0, s->dims[0].pieces, s->dims[0].piece_count);
		s->points.off = false;
		memcpy(s->dims, saved, sizeof(saved));
		if (alike)
			continue;
		region->exceptions[region->exception_count++] = (struct region_exception){
			.src = point->src,
			.dst = point->dst,
			.src_port = point->src_port,
			.dst_port = point->dst_port,
		};
	}
	return s->error;
}

static bool tracks_echo(const struct sim_world *world)
{
	for (int class = 0; class < IFW_FLOW_CLASSES; class ++)
		for (const struct sim_flow *flow = world->flows[class]; flow; flow = flow->hh.next)
			if (flow->key.protocol != IPPROTO_TCP && flow->key.protocol != IPPROTO_UDP)
				return true;
	return false;
}

/* Ports would be read as a type of ICMP, and what leaves is answered the same for many. */
static bool is_of_one_protocol(const struct search *s, const struct packet *p)
{
	if (tracks_echo(s->world)) /* whose ends are no ports */
		return true;
	return s->frame.direction == IFW_DIRECTION_OUT &&
	       (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP ||
		p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6);
}

/*
 * Whether some other protocol would be answered alike; only then are rules and
 * conversations of all protocols of interest.
 */
static bool is_of_any_protocol(struct search *s, const struct packet *p)
{
	const uint32_t at = region_protocol_at(&s->frame, p);
	const uint8_t protocol = at ? s->bytes[at] : 0;
	bool alike = false;

	if (!at || is_of_one_protocol(s, p))
		return false;
	for (unsigned int other = 0; other < 256 && !alike && !s->error; other++) {
		s->bytes[at] = (uint8_t)other;
		alike = other != protocol && try_it(s);
	}
	s->bytes[at] = protocol;
	return alike;
}

static int search_region(struct search *s, const struct packet *p, struct region *region)
{
	int error;

	s->all_protocols = is_of_any_protocol(s, p);
	s->address_bits = ifw_addr_bits(p->family);
	error = region_cuts(s->world, &s->frame, p, s->all_protocols, s->dims, &s->count,
			    &s->points);
	for (size_t i = 0; i < s->count && !error; i++)
		error = dim_start(&s->dims[i]);
	for (size_t i = 0; i < s->count && !error && !s->error; i++)
		grow(s, i);
	if (!error)
		error = s->error;
	if (!error) {
		region->exceptions = calloc(s->points.count + 1, sizeof(*region->exceptions));
		error = region->exceptions ? find_exceptions(s, region) : -ENOMEM;
	}
	qsort(s->dims, s->count, sizeof(s->dims[0]), compare_ids);
	for (size_t i = 0; i < s->count && !error; i++)
		error = put_field(&s->dims[i], p, &region->fields[region->count++]);
	region->trials = s->trials;
	region->narrowed = s->narrowed;
	return error;
}

int region_find(struct sim_world *world, const struct sim_frame *frame, struct region *region)
{
	struct search s __attribute__((cleanup(free_search))) = {.world = world, .frame = *frame};
	struct packet p;
	int error;

	*region = (struct region){};
	s.bytes = malloc(frame->length + 1);
	if (!s.bytes)
		return -ENOMEM;
	memcpy(s.bytes, frame->data, frame->length);
	s.frame.data = s.bytes;
	s.frame.trial = true;
	error = sim_decide(world, &s.frame, &s.wanted);
	if (error)
		return error;
	p = *sim_world_packet(world);
	error = search_region(&s, &p, region);
	if (error)
		region_free(region);
	return error;
}

void region_free(struct region *region)
{
	for (size_t i = 0; i < region->count; i++)
		free(region->fields[i].ranges);
	free(region->exceptions);
	*region = (struct region){};
}

const char *region_name(enum region_id id)
{
	static const char *const names[] = {
		[REGION_SRC] = "source",	   [REGION_DST] = "destination",
		[REGION_SRC_PORT] = "source port", [REGION_DST_PORT] = "destination port",
		[REGION_PROTOCOL] = "protocol",	   [REGION_TCP_FLAGS] = "TCP flags",
		[REGION_ICMP_TYPE] = "ICMP type",  [REGION_ICMP_CODE] = "ICMP code",
		[REGION_HOP_LIMIT] = "hop limit",  [REGION_ETHERTYPE] = "EtherType",
		[REGION_IFINDEX] = "interface",
	};

	return names[id];
}
