/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * intercept.h - what the matching rule does: deny, pass, or hand the packet to
 * the listener that the rule names.
 */
#ifndef IFW_INTERCEPT_H
#define IFW_INTERCEPT_H

#include "flow.h"
#include "lookup.h"

/* What lookup.h will be asked for: TCP, whose SYN may meet TIME_WAIT, and fragments. */
ifw_inline void ifw_keep_for_lookup(ifw_ctx *ctx, const struct packet *p,
				    const struct ifw_range *rule, struct bpf_sock *sk)
{
	struct ifw_listener_key key = {};

	__u64 *until;

	if (p->protocol != IPPROTO_TCP) {
		until = p->fragment ? ifw_find_awaited(IFW_MAPS_ONLY_OF(ctx)) : 0;
		if (!until)
			return;
		*until = ifw_now(IFW_MAPS_ONLY_OF(ctx)) + IFW_AWAITED_NS;
	}
	ifw_listener_key(rule, p->family, p->protocol, &key);
	ifw_keep_listener(ctx, &key, sk);
}

/* Rows 16 and 18: mark, assign, pass. */
ifw_inline ifw_answer ifw_to_listener(ifw_ctx *ctx, const struct packet *p, const struct iface *in,
				      const struct ifw_range *rule, struct bpf_sock *sk,
				      struct decision *d)
{
	if (ifw_assign(ctx, sk) != 0)
		return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_ASSIGN_FAILED);
	ifw_keep_for_lookup(ctx, p, rule, sk);
	ifw_set_mark(ctx, in->mark, in->mark_mask);
	d->marked = 1;
	d->assigned = IFW_ASSIGNED_LISTENER;
	return ifw_pass(IFW_REASON_INTERCEPTED);
}

/* Row 17 where nobody listens: a connection to the port is no listener. */
ifw_inline ifw_answer ifw_intercept_tcp(ifw_ctx *ctx, const struct packet *p,
					const struct iface *in, const struct ifw_range *rule,
					struct bpf_sock_tuple *tuple, __u32 size,
					struct decision *d)
{
	ifw_answer answer = ifw_drop(IFW_REASON_NO_LISTENER);
	struct bpf_sock *sk = ifw_lookup_tcp(ctx, tuple, size);

	if (!sk)
		return answer;
	if (sk->state == BPF_TCP_LISTEN)
		answer = ifw_to_listener(ctx, p, in, rule, sk, d);
	ifw_release(ctx, sk);
	return answer;
}

ifw_inline ifw_answer ifw_intercept_udp(ifw_ctx *ctx, const struct packet *p,
					const struct iface *in, const struct ifw_range *rule,
					struct bpf_sock_tuple *tuple, __u32 size,
					struct decision *d)
{
	struct bpf_sock *sk = ifw_lookup_udp(ctx, tuple, size);
	ifw_answer answer;

	if (!sk)
		return ifw_drop(IFW_REASON_NO_LISTENER);
	answer = ifw_to_listener(ctx, p, in, rule, sk, d);
	ifw_release(ctx, sk);
	return answer;
}

/*
 * Only the destination is set in the tuple: with the client's address the
 * lookup could find a conversation that it has with the listener itself.
 */
ifw_inline ifw_answer ifw_intercept(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	const struct ifw_addr none = {};
	const struct ifw_range *rule;
	const struct packet *p;
	__u32 size;

	if (!w)
		return ifw_drop(IFW_REASON_NO_LISTENER);
	p = &w->packet;
	rule = ifw_found_rule(IFW_MAPS_ONLY_OF(ctx));
	if (!rule)
		return ifw_drop(IFW_REASON_NO_LISTENER);
	if (ifw_is_own(IFW_MAPS_OF(ctx) & w->in, IFW_ADDR(p->dst), p->family))
		return ifw_pass(IFW_REASON_LOCAL);
	size = ifw_tuple(&w->tuple, p->family, none, 0, IFW_ADDR(rule->listener),
			 rule->listener_port);
	if (p->protocol == IPPROTO_TCP)
		return ifw_intercept_tcp(ctx, p, &w->in, rule, &w->tuple, size, &w->decision);
	return ifw_intercept_udp(ctx, p, &w->in, rule, &w->tuple, size, &w->decision);
}

/* Rows 13, 14 and 19; 15 to 18 are the interception's. */
ifw_inline ifw_answer ifw_apply_rules(ifw_ctx *ctx)
{
	struct ifw_work *w = ifw_work_of(ctx);
	const struct ifw_range *rule;
	const struct packet *p;

	if (!w)
		return ifw_drop(IFW_REASON_NO_RULE);
	p = &w->packet;
	/* Of a tracked flow the rule may be known. */
	rule = p->rule_known
		       ? ifw_found_rule(IFW_MAPS_ONLY_OF(ctx))
		       : ifw_match(IFW_MAPS_OF(ctx) IFW_ADDR(p->src), IFW_ADDR(p->dst), p->dst_port,
				   p->family, p->protocol, ifw_rules_slot(&w->in));
	if (p->for_rules && (!rule || rule->action != IFW_ACTION_INTERCEPT))
		return ifw_pass(IFW_REASON_TRACKED);
	if (!rule)
		return ifw_drop_unless_loopback(w->in.ifindex, IFW_REASON_NO_RULE);
	w->decision.rule = rule->rule;
	w->decision.counter = rule->counter;
	if (rule->action == IFW_ACTION_DENY)
		return ifw_drop(IFW_REASON_RULE_DENY);
	if (rule->action == IFW_ACTION_PASS)
		return ifw_pass(IFW_REASON_RULE_PASS);
	ifw_trace(ctx, IFW_STEP_INTERCEPT);
	return ifw_intercept(ctx);
}

#endif /* IFW_INTERCEPT_H */
