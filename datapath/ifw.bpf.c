/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ifw.bpf.c - TC ingress and egress, sk_lookup: context in, verdict out. Nothing is
 * decided here.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "decide.h"
#include "egress.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Kernel 5.17 tells the interface here; rules need it (include/uapi/linux/bpf.h). It
 * is loaded first, so that an older one says no before it has verified the others.
 */
SEC("sk_lookup")
int ifw_lookup(struct bpf_sk_lookup *lookup)
{
	const __be32 *from = lookup->remote_ip6, *to = lookup->local_ip6;
	struct ifw_listener_key key = {};
	struct ifw_addr src, dst;
	const __u32 *own;
	struct bpf_sock *sk;
	__u8 family;

	if (!ifw_may_lead(lookup->protocol))
		return SK_PASS;
	own = ifw_own_lookup();
	if (!own || *own)
		return SK_PASS;
	if (lookup->family == IFW_AF_INET) {
		family = IFW_FAMILY_IPV4;
		src = ifw_addr_from_ipv4(lookup->remote_ip4);
		dst = ifw_addr_from_ipv4(lookup->local_ip4);
	} else {
		const __be32 wire_src[4] = {from[0], from[1], from[2], from[3]};
		const __be32 wire_dst[4] = {to[0], to[1], to[2], to[3]};

		family = IFW_FAMILY_IPV6;
		src = ifw_addr_from_ipv6(wire_src);
		dst = ifw_addr_from_ipv6(wire_dst);
	}
	if (!ifw_lookup_listener(lookup->ingress_ifindex, src, dst, lookup->local_port, family,
				 lookup->protocol, &key))
		return SK_PASS;
	sk = bpf_map_lookup_elem(&ifw_listeners, &key);
	if (!sk)
		return SK_PASS;
	bpf_sk_assign(lookup, sk, 0);
	bpf_sk_release(sk);
	return SK_PASS;
}

SEC("tc")
int ifw_ingress(struct __sk_buff *skb)
{
	const struct decision *d = ifw_decide(skb);

	/* UNSPEC and not OK, so that other filters on the hook see the packet too. */
	return d && d->verdict == IFW_VERDICT_PASS ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/* Where something is amiss it leaves: the host must not fall silent. */
SEC("tc")
int ifw_egress(struct __sk_buff *skb)
{
	const struct decision *d = ifw_leave(skb);

	return d && d->verdict == IFW_VERDICT_DROP ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
