/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * intercept.h - what the matching rule does: deny, pass, or hand the packet to
 * the listener that the rule names.
 */
#ifndef IFW_INTERCEPT_H
#define IFW_INTERCEPT_H

#include "flow.h"
#include "rules.h"

/* Rows 16 and 18: mark, assign, pass. */
ifw_inline ifw_answer ifw_to_listener(ifw_ctx *ctx, const struct iface *in, struct bpf_sock *sk,
				      struct decision *d)
{
	if (ifw_assign(ctx, sk) != 0)
		return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_ASSIGN_FAILED);
	ifw_set_mark(ctx, in->mark, in->mark_mask);
	d->marked = 1;
	d->assigned = IFW_ASSIGNED_LISTENER;
	return ifw_pass(IFW_REASON_INTERCEPTED);
}

/* Row 17 where nobody listens: a connection to the port is no listener. */
ifw_inline ifw_answer ifw_intercept_tcp(ifw_ctx *ctx, const struct iface *in,
					struct bpf_sock_tuple *tuple, __u32 size,
					struct decision *d)
{
	ifw_answer answer = ifw_drop(IFW_REASON_NO_LISTENER);
	struct bpf_sock *sk = ifw_lookup_tcp(ctx, tuple, size);

	if (!sk)
		return answer;
	if (sk->state == BPF_TCP_LISTEN)
		answer = ifw_to_listener(ctx, in, sk, d);
	ifw_release(ctx, sk);
	return answer;
}

ifw_inline ifw_answer ifw_intercept_udp(ifw_ctx *ctx, const struct iface *in,
					struct bpf_sock_tuple *tuple, __u32 size,
					struct decision *d)
{
	struct bpf_sock *sk = ifw_lookup_udp(ctx, tuple, size);
	ifw_answer answer;

	if (!sk)
		return ifw_drop(IFW_REASON_NO_LISTENER);
	answer = ifw_to_listener(ctx, in, sk, d);
	ifw_release(ctx, sk);
	return answer;
}

/*
 * Only the destination is set in the tuple: with the client's address the
 * lookup could find a conversation that it has with the listener itself.
 */
ifw_frame ifw_answer ifw_intercept(ifw_ctx *ctx, const struct packet *p, const struct iface *in,
				   const struct ifw_range *rule, struct decision *d)
{
	const struct ifw_addr none = {};
	struct bpf_sock_tuple tuple = {};
	__u32 size;

	size = ifw_tuple(&tuple, p->family, none, 0, rule->listener, rule->listener_port);
	if (p->protocol == IPPROTO_TCP)
		return ifw_intercept_tcp(ctx, in, &tuple, size, d);
	return ifw_intercept_udp(ctx, in, &tuple, size, d);
}

/* Rows 13 to 19. */
ifw_inline ifw_answer ifw_apply_rules(ifw_ctx *ctx, const struct packet *p, const struct iface *in,
				      struct decision *d)
{
	const struct ifw_range *rule = ifw_match(ctx, p, in);

	if (!rule)
		return ifw_drop_unless_loopback(in->ifindex, IFW_REASON_NO_RULE);
	d->rule = rule->rule;
	if (rule->action == IFW_ACTION_DENY)
		return ifw_drop(IFW_REASON_RULE_DENY);
	if (rule->action == IFW_ACTION_PASS)
		return ifw_pass(IFW_REASON_RULE_PASS);
	ifw_trace(ctx, IFW_STEP_INTERCEPT);
	if (ifw_is_own(ctx, in, p->dst, p->family))
		return ifw_pass(IFW_REASON_LOCAL);
	return ifw_intercept(ctx, p, in, rule, d);
}

#endif /* IFW_INTERCEPT_H */
