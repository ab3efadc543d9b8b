/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * floor.bpf.c - the least that a program at ingress can do: drop everything, or
 * hand everything to one listener. What ifw costs is told against these.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

/* Network byte order; written before loading. */
const volatile __be32 listener_address;
const volatile __be16 listener_port;
const volatile __u32 listener_mark;

SEC("tc")
int bench_drop(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_SHOT;
}

SEC("tc")
int bench_bare(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	long refused;

	tuple.ipv4.daddr = listener_address;
	tuple.ipv4.dport = listener_port;
	sk = bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_UNSPEC; /* ARP, before the listener is there */
	refused = bpf_sk_assign(skb, sk, 0);
	bpf_sk_release(sk);
	if (refused)
		return TC_ACT_SHOT;
	skb->mark = listener_mark;
	return TC_ACT_UNSPEC;
}

char bench_license[] SEC("license") = "Dual BSD/GPL";
