/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_tcp.h - TCP as somebody in the middle sees it (RFC 9293; windows after
 * G. van Rooij, Real Stateful TCP Packet Filtering in IP Filter, 2001): does a
 * segment fit its flow, and what does it do to it.
 */
#ifndef IFW_FLOW_TCP_H
#define IFW_FLOW_TCP_H

#include "flow_table.h"

/* RFC 9293 3.1 */
#define IFW_TCP_FIN 0x01U
#define IFW_TCP_SYN 0x02U
#define IFW_TCP_RST 0x04U
#define IFW_TCP_ACK 0x10U

#define IFW_TCP_HEADER 20
#define IFW_TCP_OPTIONS_MAX 40 /* bytes */
#define IFW_TCP_OPTION_END 0
#define IFW_TCP_OPTION_NOP 1
#define IFW_TCP_OPTION_SCALE 3 /* RFC 7323 2.2: three bytes, the last is the shift */
#define IFW_TCP_SCALE_MAX 14

/* How far back an acknowledgement may lie: a window without scaling, and some. */
#define IFW_TCP_BACK_MAX 66000

/* a before b, in the 32 bits of sequence space. */
ifw_inline int ifw_tcp_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/*
 * The window scale option of a SYN; IFW_SCALE_NONE where there is none. Where in
 * the options it stands is kept in a map, so that the verifier, which follows
 * every value on the stack, sees each step alike.
 */
ifw_inline __u32 ifw_tcp_scale(ifw_ctx *ctx, const struct packet *p, struct track *t)
{
	/*
	 * Never 0, which the verifiers before 6.8 do not take from a comparison with 0:
	 * without options, or with a header that is too short, it is above the maximum.
	 */
	__u32 size = (((p->tcp_offset >> 4) * 4U - IFW_TCP_HEADER - 1) & 63) + 1;
	volatile __u32 *at = &t->option_at;

	if (size > IFW_TCP_OPTIONS_MAX ||
	    ifw_load_some(ctx, p->l4_off + IFW_TCP_HEADER, t->options, size))
		return IFW_SCALE_NONE;
	*at = 0;
	/* Each step takes one byte at least; all but the no-operation hold their length. */
	for (int i = 0; i < IFW_TCP_OPTIONS_MAX; i++) {
		__u32 here = *at, kind, length;

		if (here + 2 >= size || here > IFW_TCP_OPTIONS_MAX - 3)
			return IFW_SCALE_NONE;
		kind = t->options[here];
		length = kind == IFW_TCP_OPTION_NOP ? 1 : t->options[here + 1];
		if (kind == IFW_TCP_OPTION_SCALE && length == 3)
			return t->options[here + 2];
		if (kind == IFW_TCP_OPTION_END || length < (kind == IFW_TCP_OPTION_NOP ? 1 : 2))
			return IFW_SCALE_NONE;
		*at = here + length;
	}
	return IFW_SCALE_NONE;
}

/* What of the segment the flow is told, in host order. */
IFW_STEP int ifw_read_segment(ifw_ctx *ctx, __u32 direction)
{
	struct ifw_work *w = ifw_work_at(ctx, direction);
	const struct packet *p;
	struct track *t;

	if (!w)
		return -1;
	p = &w->packet;
	t = &w->track;
	t->flags = p->tcp_flags & (IFW_TCP_FIN | IFW_TCP_SYN | IFW_TCP_RST | IFW_TCP_ACK);
	t->sequence = __builtin_bswap32(p->tcp_sequence);
	t->acknowledgement = __builtin_bswap32(p->tcp_acknowledgement);
	t->window = __builtin_bswap16(p->tcp_window);
	t->end = t->sequence + p->l4_length - (p->tcp_offset >> 4) * 4U;
	t->scale = IFW_SCALE_NONE;
	if (t->flags & IFW_TCP_SYN) {
		t->end++;
		t->scale = ifw_tcp_scale(ctx, p, t);
		if (t->scale != IFW_SCALE_NONE && t->scale > IFW_TCP_SCALE_MAX)
			t->scale = IFW_TCP_SCALE_MAX;
	}
	if (t->flags & IFW_TCP_FIN)
		t->end++;
	return 0;
}

/* end: of a SYN. Its answer acknowledges it, and data that came with it at most. */
ifw_inline int ifw_tcp_answers(__u32 end, const struct track *t)
{
	return (t->flags & IFW_TCP_ACK) && end - t->acknowledgement <= 0xffff;
}

ifw_inline int ifw_tcp_answers_syn(const struct ifw_flow_side *to, const struct track *t)
{
	return ifw_tcp_answers(to->end, t);
}

/* The answer to a SYN that came when the flow had another one: a connection begins anew. */
ifw_inline int ifw_tcp_answers_again(const struct ifw_flow *flow, __u32 side, const struct track *t)
{
	return flow->syn_again && side == IFW_REPLY && (t->flags & IFW_TCP_SYN) &&
	       ifw_tcp_answers(flow->syn_end, t);
}

/* Within what the other side said it has room for, and not long past. */
ifw_inline int ifw_tcp_in_window(const struct ifw_flow_side *from, const struct ifw_flow_side *to,
				 const struct track *t)
{
	__u32 back = from->max_window > IFW_TCP_BACK_MAX ? from->max_window : IFW_TCP_BACK_MAX;

	if (ifw_tcp_before(from->max_end, t->sequence) ||
	    ifw_tcp_before(t->end, from->end - to->max_window))
		return 0;
	/* A reset need not acknowledge anything that makes sense; all else here has an ACK. */
	if (t->flags & IFW_TCP_RST)
		return 1;
	return !ifw_tcp_before(to->end, t->acknowledgement) &&
	       !ifw_tcp_before(t->acknowledgement, to->end - back);
}

/*
 * A SYN that both handshake and crossing SYNs know: repeated, or the other side's. Of
 * the side that began also one of a new connection from the port of an old one: whether
 * it is, the answer shows.
 */
ifw_inline int ifw_tcp_syn_fits(const struct ifw_flow *flow, __u32 side)
{
	if (flow->state == IFW_FLOW_SYN_SENT || flow->state == IFW_FLOW_SYN_CROSSED)
		return 1;
	if (side == IFW_ORIGINAL)
		return flow->state != IFW_FLOW_TIME_WAIT && flow->state != IFW_FLOW_CLOSED;
	return flow->state == IFW_FLOW_SYN_RECEIVED && flow->crossed;
}

/* 1 where the segment may belong to the flow, as far as can be told. */
ifw_inline int ifw_tcp_fits(const struct ifw_flow *flow, __u32 side, const struct track *t,
			    __u32 liberal)
{
	const struct ifw_flow_side *from = &flow->sides[side & 1], *to = &flow->sides[~side & 1];
	__u32 state = flow->state, flags = t->flags;

	/* Neither of these, or two at once, is no segment of TCP. */
	if (!(flags & (IFW_TCP_SYN | IFW_TCP_RST | IFW_TCP_ACK)) ||
	    ((flags & IFW_TCP_SYN) && (flags & (IFW_TCP_RST | IFW_TCP_FIN))))
		return 0;
	if ((flags & IFW_TCP_SYN) && !(flags & IFW_TCP_ACK))
		return ifw_tcp_syn_fits(flow, side);
	if (ifw_tcp_answers_again(flow, side, t))
		return 1;
	if (state == IFW_FLOW_SYN_SENT) {
		/*
		 * The answer. A plain ACK is one from a connection that the other side
		 * still believes in (RFC 9293 3.5.1); it makes this side send a RST.
		 */
		if (side == IFW_ORIGINAL)
			return !(flags & IFW_TCP_SYN);
		return !(flags & (IFW_TCP_SYN | IFW_TCP_RST)) || ifw_tcp_answers_syn(to, t);
	}
	if (state == IFW_FLOW_SYN_CROSSED)
		return ifw_tcp_answers_syn(to, t);
	if (flow->liberal || liberal)
		return 1;
	return ifw_tcp_in_window(from, to, t);
}

/* Where the sender of a first SYN or its answer stands. */
ifw_inline void ifw_tcp_begin_side(struct ifw_flow_side *from, const struct track *t, __u32 room)
{
	from->end = t->end;
	from->max_end = t->end + room;
	from->max_window = t->window ? t->window : 1;
	from->scale = (__u8)t->scale;
}

/*
 * Whether an acknowledgement from this side is the last that was wanting: of two SYNs
 * that crossed, the one who answers last; a repeated answer shows nothing.
 */
ifw_inline int ifw_tcp_ends_handshake(const struct ifw_flow *flow, __u32 side,
				      const struct track *t)
{
	return flow->state == IFW_FLOW_SYN_RECEIVED &&
	       side == (flow->crossed ? IFW_REPLY : IFW_ORIGINAL) &&
	       ifw_tcp_answers_syn(&flow->sides[~side & 1], t);
}

/*
 * Whether a flow that was taken up is confirmed: the other side has sent data, or has
 * acknowledged some that came since. An acknowledgement alone may be a challenge (RFC
 * 5961) to numbers that somebody has guessed.
 */
ifw_inline int ifw_tcp_confirms(const struct ifw_flow *flow, __u32 side, const struct track *t)
{
	if (flow->state != IFW_FLOW_ONE_SIDED || side != IFW_REPLY)
		return 0;
	return t->end != t->sequence ||
	       (ifw_tcp_before(flow->taken_up, t->acknowledgement) &&
		!ifw_tcp_before(flow->sides[IFW_ORIGINAL].end, t->acknowledgement));
}

/* From the SYN on that came when the flow had another one; its windows are not known. */
ifw_inline void ifw_tcp_begin_anew(struct ifw_flow *flow)
{
	flow->sides[IFW_ORIGINAL].end = flow->syn_end;
	flow->sides[IFW_ORIGINAL].fin = flow->sides[IFW_REPLY].fin = IFW_FIN_NONE;
	flow->syn_again = 0;
	flow->liberal = 1;
	flow->state = IFW_FLOW_SYN_SENT;
}

/* SYN, and SYN with ACK. */
ifw_inline void ifw_tcp_handshake(struct ifw_flow *flow, __u32 side, const struct track *t)
{
	struct ifw_flow_side *from = &flow->sides[side & 1], *to = &flow->sides[~side & 1];
	__u32 state, end = from->end;

	if (ifw_tcp_answers_again(flow, side, t))
		ifw_tcp_begin_anew(flow);
	state = flow->state;
	if (state != IFW_FLOW_SYN_SENT && state != IFW_FLOW_SYN_CROSSED) {
		if (ifw_tcp_ends_handshake(flow, side, t)) {
			flow->state = IFW_FLOW_ESTABLISHED;
		} else if (side == IFW_ORIGINAL && !(t->flags & IFW_TCP_ACK)) {
			flow->syn_again = 1;
			flow->syn_end = t->end;
		}
		return;
	}
	ifw_tcp_begin_side(from, t, to->max_window ? to->max_window : 1);
	/* Said again without the data that came with it (RFC 7413), all of which may be
	 * acknowledged. */
	if (side == IFW_ORIGINAL && end - t->end <= 0xffff)
		from->end = end;
	if (t->flags & IFW_TCP_ACK) {
		to->max_end = t->acknowledgement + from->max_window;
		flow->crossed = state == IFW_FLOW_SYN_CROSSED && side == IFW_ORIGINAL;
		flow->state = IFW_FLOW_SYN_RECEIVED;
	} else if (side == IFW_REPLY) {
		flow->state = IFW_FLOW_SYN_CROSSED;
	}
}

/* What both sides have finished, and know of each other. */
ifw_inline __u8 ifw_tcp_ending(const struct ifw_flow *flow)
{
	__u8 a = flow->sides[IFW_ORIGINAL].fin, b = flow->sides[IFW_REPLY].fin;

	if (a == IFW_FIN_NONE && b == IFW_FIN_NONE)
		return flow->state;
	if (a == IFW_FIN_ACKED && b == IFW_FIN_ACKED)
		return IFW_FLOW_TIME_WAIT;
	if (a != IFW_FIN_NONE && b != IFW_FIN_NONE)
		return IFW_FLOW_LAST_ACK;
	return a == IFW_FIN_ACKED || b == IFW_FIN_ACKED ? IFW_FLOW_CLOSE_WAIT : IFW_FLOW_FIN_WAIT;
}

/* Everything behind the handshake: sequence space, windows, FINs. */
ifw_inline void ifw_tcp_progress(struct ifw_flow *flow, __u32 side, const struct track *t)
{
	struct ifw_flow_side *from = &flow->sides[side & 1], *to = &flow->sides[~side & 1];
	__u32 window = t->window;

	if (from->scale != IFW_SCALE_NONE && to->scale != IFW_SCALE_NONE)
		window <<= from->scale & 0xf;
	if (ifw_tcp_before(from->end, t->end))
		from->end = t->end;
	if (window > from->max_window)
		from->max_window = window;
	if (ifw_tcp_before(to->max_end, t->acknowledgement + window))
		to->max_end = t->acknowledgement + window;
	if (to->fin == IFW_FIN_SENT && !ifw_tcp_before(t->acknowledgement, to->end))
		to->fin = IFW_FIN_ACKED;
	if ((t->flags & IFW_TCP_FIN) && from->fin == IFW_FIN_NONE)
		from->fin = IFW_FIN_SENT;

	if (ifw_tcp_ends_handshake(flow, side, t) || ifw_tcp_confirms(flow, side, t))
		flow->state = IFW_FLOW_ESTABLISHED;
	if (flow->state >= IFW_FLOW_ESTABLISHED && flow->state <= IFW_FLOW_LAST_ACK)
		flow->state = ifw_tcp_ending(flow);
}

/*
 * From here on without the handshake: the other side is where it is said to be. What
 * it must acknowledge to confirm that lies behind the SYN, if one was seen.
 */
ifw_inline void ifw_tcp_take_up(struct ifw_flow *flow, const struct track *t, __u32 from)
{
	flow->state = IFW_FLOW_ONE_SIDED;
	flow->liberal = 1;
	flow->taken_up = from;
	flow->sides[IFW_REPLY].end = t->acknowledgement;
}

/*
 * A reset ends the flow where the receiver would take it: at the byte that is next (RFC
 * 5961 3.2); and a handshake, which it fits only if it acknowledges the SYN. From the
 * side that began it is then about an older connection.
 */
ifw_inline void ifw_tcp_reset(struct ifw_flow *flow, __u32 side, const struct track *t)
{
	if (flow->state == IFW_FLOW_SYN_SENT && side == IFW_ORIGINAL)
		return;
	if (flow->state <= IFW_FLOW_SYN_RECEIVED || t->sequence == flow->sides[side & 1].end)
		flow->state = IFW_FLOW_CLOSED;
}

/* Tells the flow of a segment that fits it. */
ifw_inline void ifw_tcp_advance(struct ifw_flow *flow, __u32 side, const struct packet *p,
				const struct track *t, __u32 pick_up)
{
	__u32 end;

	if (t->flags & IFW_TCP_RST) {
		ifw_tcp_reset(flow, side, t);
		return;
	}
	if (t->flags & IFW_TCP_SYN) {
		/* What nothing vouches for, a SYN from the other side, may be anybody's. */
		if (p->fragment && (side == IFW_ORIGINAL || t->flags & IFW_TCP_ACK))
			flow->liberal = 1;
		ifw_tcp_handshake(flow, side, t);
		return;
	}
	if (flow->state == IFW_FLOW_SYN_SENT || flow->state == IFW_FLOW_SYN_CROSSED) {
		/* Its answer has gone another way: from here on, as if picked up. */
		if (side != IFW_ORIGINAL || !pick_up)
			return;
		end = flow->sides[IFW_ORIGINAL].end;
		ifw_tcp_take_up(flow, t, ifw_tcp_before(end, t->sequence) ? t->sequence : end);
	}
	if (p->fragment)
		flow->liberal = 1; /* its length is that of a part */
	ifw_tcp_progress(flow, side, t);
}

/* 1 where a segment may begin a flow. */
ifw_inline int ifw_tcp_begins(const struct track *t, __u32 pick_up)
{
	if (t->flags & (IFW_TCP_RST | IFW_TCP_FIN))
		return 0;
	if (t->flags & IFW_TCP_SYN)
		return !(t->flags & IFW_TCP_ACK);
	return pick_up && (t->flags & IFW_TCP_ACK);
}

/* The first that was seen of a connection; it may be under way for long. */
ifw_inline void ifw_tcp_begin(struct ifw_flow *flow, const struct packet *p, const struct track *t)
{
	ifw_tcp_begin_side(&flow->sides[IFW_ORIGINAL], t, 0);
	flow->state = IFW_FLOW_SYN_SENT;
	flow->liberal = p->fragment;
	if (t->flags & IFW_TCP_SYN)
		return;
	ifw_tcp_take_up(flow, t, t->sequence);
}

#endif /* IFW_FLOW_TCP_H */
