/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fragment.h - later fragments follow their first. A first fragment is decided
 * as usual; where it passes, its datagram is remembered for a while, with the
 * bytes that came, and later fragments get its verdict and mark. They are never
 * read as ports, and bytes that come twice end the datagram (RFC 5722, and for
 * IPv4 RFC 1858 4), so that no part can be put over another that was checked.
 */
#ifndef IFW_FRAGMENT_H
#define IFW_FRAGMENT_H

#include "iface.h"
#include "packet.h"

ifw_inline void ifw_fragment_key(const struct packet *p, const struct iface *in,
				 struct ifw_fragment_key *key)
{
	key->src = p->src;
	key->dst = p->dst;
	key->identification = p->identification;
	key->slot = in->slot;
	key->family = p->family;
	/* RFC 8200 4.5: protocol is no part of what identifies an IPv6 datagram. */
	key->protocol = p->family == IFW_FAMILY_IPV4 ? p->protocol : 0;
}

/* Bits of a word of 64 units that a run of units from first to last (inclusive) covers. */
ifw_inline __u64 ifw_cover_mask(__u32 word, __u32 first, __u32 last)
{
	__u64 mask = ~0ULL;

	if (word == first / 64)
		mask &= ~0ULL << (first % 64);
	if (word == last / 64)
		mask &= ~0ULL >> (63 - last % 64);
	return mask;
}

enum ifw_cover {
	IFW_COVER_NEW,	    /* none of its bytes came before; they have come now */
	IFW_COVER_REPEATS,  /* all of them came: the network has doubled it */
	IFW_COVER_OVERLAPS, /* some of them came */
};

ifw_inline enum ifw_cover ifw_cover(struct ifw_fragment *datagram, __u32 offset, __u32 length)
{
	__u32 first = offset / 8, last = (offset + length - 1) / 8;
	__u64 seen = 0, unseen = 0;

	for (__u32 i = 0; i < IFW_FRAGMENT_WORDS && i <= last / 64 - first / 64; i++) {
		/* Never cuts anything off; the verifier wants to see that. */
		__u32 word = (first / 64 + i) % IFW_FRAGMENT_WORDS;
		__u64 mask = ifw_cover_mask(word, first, last);

		seen |= datagram->covered[word] & mask;
		unseen |= ~datagram->covered[word] & mask;
		datagram->covered[word] |= mask;
	}
	if (!seen)
		return IFW_COVER_NEW;
	return unseen ? IFW_COVER_OVERLAPS : IFW_COVER_REPEATS;
}

/* Row 4: a later fragment. */
IFW_STEP ifw_answer ifw_later_fragment(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	struct ifw_fragment_key key = {};
	struct ifw_fragment *datagram;
	enum ifw_cover cover;

	if (!w)
		return ifw_drop(IFW_REASON_FRAGMENT);
	ifw_fragment_key(&w->packet, &w->in, &key);
	datagram = ifw_find_fragment(IFW_MAPS_OF(ctx) & key);
	if (!datagram || datagram->expires_ns < ifw_now(IFW_MAPS_ONLY_OF(ctx)))
		return ifw_drop_unless_loopback(w->in.ifindex, IFW_REASON_FRAGMENT);
	cover = ifw_cover(datagram, w->packet.fragment_off, w->packet.fragment_length);
	if (cover != IFW_COVER_NEW) {
		/* RFC 8200 4.5: one that the network doubled is dropped alone. */
		if (cover == IFW_COVER_OVERLAPS)
			ifw_forget_fragment(IFW_MAPS_OF(ctx) & key);
		return ifw_drop_unless_loopback(w->in.ifindex, IFW_REASON_FRAGMENT_OVERLAP);
	}
	w->decision.rule = datagram->rule;
	w->decision.counter = datagram->counter;
	if (datagram->marked) {
		ifw_set_mark(ctx, w->in.mark, w->in.mark_mask);
		w->decision.marked = 1;
	}
	return ifw_pass(IFW_REASON_FRAGMENT);
}

ifw_inline ifw_answer ifw_fragment(ifw_ctx *ctx, const struct packet *p, const struct iface *in)
{
	if (p->later_fragment)
		return ifw_later_fragment(ctx);
	if (p->tiny)
		return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_FRAGMENT_TINY);
	return IFW_UNDECIDED;
}

/*
 * After a first fragment was decided. It begins its datagram anew: identifications
 * come round again within seconds. A dropped one takes earlier memory with it.
 */
IFW_STEP ifw_answer ifw_remember_fragment(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	struct ifw_fragment_key key = {};
	struct ifw_fragment *datagram;

	if (!w)
		return IFW_UNDECIDED;
	ifw_fragment_key(&w->packet, &w->in, &key);
	if (w->decision.verdict != IFW_VERDICT_PASS) {
		ifw_forget_fragment(IFW_MAPS_OF(ctx) & key);
		return IFW_UNDECIDED;
	}
	datagram = ifw_new_fragment(IFW_MAPS_OF(ctx) & key);
	if (!datagram)
		return IFW_UNDECIDED;
	datagram->rule = w->decision.rule;
	datagram->counter = w->decision.counter;
	datagram->marked = w->decision.marked;
	ifw_cover(datagram, 0, w->packet.fragment_length);
	datagram->expires_ns = ifw_now(IFW_MAPS_ONLY_OF(ctx)) + IFW_FRAGMENT_NS;
	return IFW_UNDECIDED;
}

#endif /* IFW_FRAGMENT_H */
