/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * helpers.h - the seam: the only place that names a BPF helper or a map.
 *
 * The decision sees an opaque context and the functions below. In the kernel
 * they are the helpers themselves; in user space sim/ supplies them over a
 * mocked world and holds the decision to the kernel's rules (references
 * released, packet bounds, error codes).
 *
 * Map lookups return pointers that stay valid for this packet. Sockets that a
 * lookup returned must be released exactly once.
 */
#ifndef IFW_HELPERS_H
#define IFW_HELPERS_H

#include <linux/bpf.h>

#include "abi.h"
#include "addr.h"

/* Steps of the decision, for who explains it; costs nothing in the kernel. */
#define IFW_STEPS(X)                                                                               \
	X(PARSE, "parse")                                                                          \
	X(ARP, "arp")                                                                              \
	X(NON_IP, "non-ip")                                                                        \
	X(FRAGMENT, "fragment")                                                                    \
	X(NEIGHBOR_DISCOVERY, "neighbor-discovery")                                                \
	X(IPV6, "ipv6")                                                                            \
	X(ICMP_ECHO, "icmp-echo")                                                                  \
	X(PROTOCOL, "protocol")                                                                    \
	X(SSH, "ssh")                                                                              \
	X(DHCP, "dhcp")                                                                            \
	X(ESTABLISHED, "established")                                                              \
	X(RULES, "rules")                                                                          \
	X(INTERCEPT, "intercept")

enum ifw_step {
#define IFW_STEP_ENUM(id, name) IFW_STEP_##id,
	IFW_STEPS(IFW_STEP_ENUM)
#undef IFW_STEP_ENUM
		IFW_STEP_END
};

#ifdef __bpf__

#include <bpf/bpf_helpers.h>

#include "maps.h"

typedef struct __sk_buff ifw_ctx;

/*
 * A function verified by itself, once, instead of at each call: what keeps the
 * walk within the verifier's budget. Kernel 5.10 takes only numbers as its
 * arguments (pointers came with 5.12), so the maps are reached by number too.
 */
#define IFW_GLOBAL __attribute__((noinline))
#define IFW_GLOBAL_CTX
#define IFW_GLOBAL_ARG(ctx)

#define ifw_trace(ctx, step) ((void)(ctx))

/* Frame length in bytes, link header included. */
ifw_inline __u32 ifw_frame_length(ifw_ctx *ctx)
{
	return ctx->len;
}

ifw_inline __u32 ifw_ifindex(ifw_ctx *ctx)
{
	return ctx->ifindex;
}

/* 1 where the frame stands for several packets that the stack has merged. */
ifw_inline int ifw_is_aggregate(ifw_ctx *ctx)
{
	return ctx->gso_segs > 1;
}

/* Copies len bytes at off of the frame; 0, or -EFAULT where there are fewer. */
ifw_inline long ifw_load(ifw_ctx *ctx, __u32 off, void *to, __u32 len)
{
	return bpf_skb_load_bytes(ctx, off, to, len);
}

/* Writes the bits of mask in the packet's mark; the others stay. */
ifw_inline void ifw_set_mark(ifw_ctx *ctx, __u32 mark, __u32 mask)
{
	ctx->mark = (ctx->mark & ~mask) | (mark & mask);
}

/* Full tuple or listener of this network namespace; NULL where there is none. */
ifw_inline struct bpf_sock *ifw_lookup_tcp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size)
{
	return bpf_skc_lookup_tcp(ctx, tuple, size, BPF_F_CURRENT_NETNS, 0);
}

ifw_inline struct bpf_sock *ifw_lookup_udp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size)
{
	return bpf_sk_lookup_udp(ctx, tuple, size, BPF_F_CURRENT_NETNS, 0);
}

/* 0 or -errno (net/core/filter.c bpf_sk_assign; -ESOCKTNOSUPPORT: SO_REUSEPORT before 6.6). */
ifw_inline long ifw_assign(ifw_ctx *ctx, struct bpf_sock *sk)
{
	return bpf_sk_assign(ctx, sk, 0);
}

ifw_inline void ifw_release(ifw_ctx *ctx, struct bpf_sock *sk)
{
	(void)ctx;
	bpf_sk_release(sk);
}

/* Settings of the interface that the packet came in by; NULL: it has none. */
ifw_inline const struct ifw_iface *ifw_find_iface(ifw_ctx *ctx)
{
	__u32 ifindex = ctx->ifindex;

	return bpf_map_lookup_elem(&ifw_ifaces, &ifindex);
}

/* enum ifw_addr_kind of an own address; NULL: not own. */
ifw_inline const __u32 *ifw_find_addr(const struct ifw_addr_key *key)
{
	return bpf_map_lookup_elem(&ifw_addrs, key);
}

/* Which of the two generations of the set is in force; read once a packet. */
ifw_inline __u32 ifw_read_generation(ifw_ctx *ctx)
{
	__u32 zero = 0;
	__u32 *generation = bpf_map_lookup_elem(&ifw_active, &zero);

	(void)ctx;
	return generation ? *generation : 0;
}

ifw_inline const struct ifw_prefix *ifw_find_prefix(__u32 generation,
						    const struct ifw_prefix_key *key)
{
	void *set = bpf_map_lookup_elem(&ifw_prefixes, &generation);

	return set ? bpf_map_lookup_elem(set, key) : 0;
}

ifw_inline const struct ifw_range *ifw_find_range(__u32 generation, __u32 index)
{
	void *ranges = bpf_map_lookup_elem(&ifw_ranges, &generation);

	return ranges ? bpf_map_lookup_elem(ranges, &index) : 0;
}

/* Counters of the slot on this CPU. */
ifw_inline struct ifw_counters *ifw_find_counters(ifw_ctx *ctx, __u32 slot)
{
	(void)ctx;
	return bpf_map_lookup_elem(&ifw_counters, &slot);
}

/* Room for an event, or NULL where the ring buffer is full. */
ifw_inline struct ifw_event *ifw_event_reserve(ifw_ctx *ctx)
{
	(void)ctx;
	return bpf_ringbuf_reserve(&ifw_events, sizeof(struct ifw_event), 0);
}

ifw_inline void ifw_event_submit(ifw_ctx *ctx, struct ifw_event *event)
{
	(void)ctx;
	bpf_ringbuf_submit(event, 0);
}

/* CLOCK_MONOTONIC, ns. */
ifw_inline __u64 ifw_now(ifw_ctx *ctx)
{
	(void)ctx;
	return bpf_ktime_get_ns();
}

#else /* user space: sim/ supplies these */

typedef struct sim_packet ifw_ctx;

#define IFW_GLOBAL static inline __attribute__((unused))
#define IFW_GLOBAL_CTX ifw_ctx *ctx,
#define IFW_GLOBAL_ARG(ctx) ctx,

void ifw_trace(ifw_ctx *ctx, enum ifw_step step);
__u32 ifw_frame_length(ifw_ctx *ctx);
__u32 ifw_ifindex(ifw_ctx *ctx);
int ifw_is_aggregate(ifw_ctx *ctx);
long ifw_load(ifw_ctx *ctx, __u32 off, void *to, __u32 len);
void ifw_set_mark(ifw_ctx *ctx, __u32 mark, __u32 mask);
struct bpf_sock *ifw_lookup_tcp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size);
struct bpf_sock *ifw_lookup_udp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size);
long ifw_assign(ifw_ctx *ctx, struct bpf_sock *sk);
void ifw_release(ifw_ctx *ctx, struct bpf_sock *sk);
const struct ifw_iface *ifw_find_iface(ifw_ctx *ctx);
const __u32 *ifw_find_addr(ifw_ctx *ctx, const struct ifw_addr_key *key);
__u32 ifw_read_generation(ifw_ctx *ctx);
const struct ifw_prefix *ifw_find_prefix(ifw_ctx *ctx, __u32 generation,
					 const struct ifw_prefix_key *key);
const struct ifw_range *ifw_find_range(ifw_ctx *ctx, __u32 generation, __u32 index);
struct ifw_counters *ifw_find_counters(ifw_ctx *ctx, __u32 slot);
struct ifw_event *ifw_event_reserve(ifw_ctx *ctx);
void ifw_event_submit(ifw_ctx *ctx, struct ifw_event *event);
__u64 ifw_now(ifw_ctx *ctx);

#endif

#endif /* IFW_HELPERS_H */
