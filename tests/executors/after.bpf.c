/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * after.bpf.c - stands behind ifw on a hook: says what ifw has made of a packet that
 * passes, its mark and the socket that it was given, and drops it, so that the stack
 * does not answer and the decision is all that happens.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "after.h"

#define AF_INET 2
#define AF_INET6 10

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} after_passed SEC(".maps");

SEC("tc")
int after_ifw(struct __sk_buff *skb)
{
	struct after *after = bpf_ringbuf_reserve(&after_passed, sizeof(*after), 0);
	struct bpf_sock *sk;

	if (!after)
		return TC_ACT_SHOT;
	after->mark = skb->mark;
	after->ifindex = skb->ifindex;
	after->port = 0;
	sk = skb->sk;
	after->owned = sk != 0;
	/* Until then it is that of the tap. */
	if (sk && (sk->family == AF_INET || sk->family == AF_INET6))
		after->port = sk->src_port;
	bpf_ringbuf_submit(after, 0);
	return TC_ACT_SHOT;
}

/* Where what is forwarded leaves: written from outside. */
volatile __u32 after_to;

/*
 * On the tap "beside": what is written there leaves by another, as if forwarded: the
 * copy does not belong to the socket of the tap.
 */
SEC("tc")
int after_forward(struct __sk_buff *skb)
{
	bpf_clone_redirect(skb, after_to, 0);
	return TC_ACT_SHOT;
}

char after_license[] SEC("license") = "Dual BSD/GPL";
