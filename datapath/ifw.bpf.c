/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ifw.bpf.c - TC ingress: context in, verdict out. Nothing is decided here.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "decide.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int ifw_ingress(struct __sk_buff *skb)
{
	struct decision d = {};

	ifw_decide(skb, &d);
	/* UNSPEC and not OK, so that other filters on the hook see the packet too. */
	return d.verdict == IFW_VERDICT_PASS ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}
