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
#include <linux/if_ether.h>

#include "abi.h"
#include "addr.h"
#include "filter.h"
#include "work.h"

/* Steps of the decision, for who explains it; costs nothing in the kernel. */
#define IFW_STEPS(X)                                                                               \
	X(PARSE, "parse")                                                                          \
	X(ARP, "arp")                                                                              \
	X(NON_IP, "non-ip")                                                                        \
	X(MARTIAN, "martian")                                                                      \
	X(EXTENSION_HEADER, "extension-header")                                                    \
	X(FRAGMENT, "fragment")                                                                    \
	X(NEIGHBOR_DISCOVERY, "neighbor-discovery")                                                \
	X(ICMP_ECHO, "icmp-echo")                                                                  \
	X(ICMP_RELATED, "icmp-related")                                                            \
	X(PROTOCOL, "protocol")                                                                    \
	X(GENEVE, "geneve")                                                                        \
	X(SSH, "ssh")                                                                              \
	X(DHCP, "dhcp")                                                                            \
	X(TRACKED, "tracked")                                                                      \
	X(ESTABLISHED, "established")                                                              \
	X(RULES, "rules")                                                                          \
	X(INTERCEPT, "intercept")                                                                  \
	X(EGRESS_EXEMPT, "egress-exempt")                                                          \
	X(EGRESS_FLOW, "egress-flow")                                                              \
	X(EGRESS_RULES, "egress-rules")                                                            \
	X(REMEMBER, "remember")

enum ifw_step {
#define IFW_STEP_ENUM(id, name) IFW_STEP_##id,
	IFW_STEPS(IFW_STEP_ENUM)
#undef IFW_STEP_ENUM
		IFW_STEP_END
};

/* Who sent what leaves. */
enum ifw_sender {
	IFW_SENDER_NONE = 0,   /* no socket of this host: it is forwarded */
	IFW_SENDER_SOCKET = 1, /* some socket */
	IFW_SENDER_TALKING =
		2, /* a TCP socket that has got past its first SYN, or one of UDP with a peer */
	IFW_SENDER_NO_PEER = 3, /* a socket of UDP, or a raw one, that is connected to nobody */
};

#ifdef __bpf__

#include <stddef.h>

#include <bpf/bpf_helpers.h>

#include "maps.h"

/* include/uapi/linux/bpf.h of 6.3: BPF_F_ADJ_ROOM_DECAP_L3_IPV4, _IPV6 */
#define IFW_F_DECAP_L3_IPV4 (1ULL << 7)
#define IFW_F_DECAP_L3_IPV6 (1ULL << 8)

/* Headers farther behind are read by the helper; a bound that the verifier wants. */
#define IFW_LINEAR_MAX 2048

typedef struct __sk_buff ifw_ctx;

/*
 * A function verified by itself, once, instead of at each call: what keeps the
 * walk within the verifier's budget. Kernel 5.10 takes only numbers as its
 * arguments (pointers came with 5.12), so the maps are reached by number too.
 */
#define IFW_GLOBAL __attribute__((noinline))

/* A step verified by itself; it takes the context alone and finds its work there. */
#define IFW_STEP __attribute__((noinline))

/*
 * Parameter and argument of what reads maps: nothing here, where maps are
 * global, and the context in user space, where they belong to a world. So the
 * sk_lookup program, whose context is another, shares these functions.
 */
#define IFW_MAPS
#define IFW_MAPS_OF(ctx)
#define IFW_MAPS_ONLY void
#define IFW_MAPS_ONLY_OF(ctx)

/* include/linux/socket.h */
#define IFW_AF_INET 2
#define IFW_AF_INET6 10

#define ifw_trace(ctx, step) ((void)(ctx))

/*
 * What is known so far of the packet that goes this way (enum ifw_direction);
 * never NULL, but the verifier wants it asked.
 */
ifw_inline struct ifw_work *ifw_work_at(ifw_ctx *ctx, __u32 direction)
{
	/* A step that does not look at its context must be handed it all the same. */
	asm volatile("" : : "r"(ctx));
	return bpf_map_lookup_elem(&work, &direction);
}

/* The same at ingress. */
ifw_inline struct ifw_work *ifw_work_of(ifw_ctx *ctx)
{
	return ifw_work_at(ctx, IFW_DIRECTION_IN);
}

/* Frame length in bytes, link header included. */
ifw_inline __u32 ifw_frame_length(ifw_ctx *ctx)
{
	return ctx->len;
}

ifw_inline __u32 ifw_ifindex(ifw_ctx *ctx)
{
	return ctx->ifindex;
}

/* VLAN tags that the driver or the stack took off the frame. */
ifw_inline __u32 ifw_offloaded_tags(ifw_ctx *ctx)
{
	return ctx->vlan_present != 0;
}

/* 1 where the frame stands for several packets that the stack has merged. */
ifw_inline int ifw_is_aggregate(ifw_ctx *ctx)
{
	return ctx->gso_segs > 1;
}

/*
 * Copies len bytes at off of the frame; 0, or -EFAULT where there are fewer. len
 * is a constant. Where they lie in the linear part they are read in place,
 * which is several times as fast as the helper; that reads the rest, too.
 * The alignment is a promise that need not hold: without it clang copies single
 * bytes, and where words at odd addresses are slow the kernel refuses the program
 * (kernel/bpf/verifier.c check_pkt_ptr_alignment).
 */
ifw_inline long ifw_load(ifw_ctx *ctx, __u32 off, void *to, __u32 len)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;

	if (off < IFW_LINEAR_MAX && data + off + len <= end) {
		__builtin_memcpy(to, __builtin_assume_aligned(data + off, 4), len);
		return 0;
	}
	return bpf_skb_load_bytes(ctx, off, to, len);
}

/* The same for a len that is no constant; 1 at least. */
ifw_inline long ifw_load_some(ifw_ctx *ctx, __u32 off, void *to, __u32 len)
{
	return bpf_skb_load_bytes(ctx, off, to, len);
}

/* Writes the bits of mask in the packet's mark; the others stay. */
ifw_inline void ifw_set_mark(ifw_ctx *ctx, __u32 mark, __u32 mask)
{
	ctx->mark = (ctx->mark & ~mask) | (mark & mask);
}

/* At egress only. */
ifw_inline enum ifw_sender ifw_sender(ifw_ctx *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	__u32 state;

	if (!sk)
		return IFW_SENDER_NONE;
	state = sk->state;
	/* Packet sockets have no peer either, but may speak for another that has. */
	if (state == BPF_TCP_CLOSE && sk->dst_port == 0 &&
	    (sk->family == IFW_AF_INET || sk->family == IFW_AF_INET6))
		return IFW_SENDER_NO_PEER;
	return state == BPF_TCP_CLOSE || state == BPF_TCP_SYN_SENT || state == BPF_TCP_LISTEN
		       ? IFW_SENDER_SOCKET
		       : IFW_SENDER_TALKING;
}

/*
 * The kernel's lookups ask the sk_lookup program, too, before they say that no
 * socket or only a listener fits. It is there for lookups of the stack: of ours
 * it knows by this flag.
 */
ifw_inline __u32 *ifw_own_lookup(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ifw_looking_up, &zero);
}

/* Full tuple or listener of this network namespace; NULL where there is none. */
ifw_inline struct bpf_sock *ifw_lookup_tcp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size)
{
	__u32 *own = ifw_own_lookup();
	struct bpf_sock *sk;

	if (!own)
		return 0;
	*own = 1;
	sk = bpf_skc_lookup_tcp(ctx, tuple, size, BPF_F_CURRENT_NETNS, 0);
	*own = 0;
	return sk;
}

ifw_inline struct bpf_sock *ifw_lookup_udp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size)
{
	__u32 *own = ifw_own_lookup();
	struct bpf_sock *sk;

	if (!own)
		return 0;
	*own = 1;
	sk = bpf_sk_lookup_udp(ctx, tuple, size, BPF_F_CURRENT_NETNS, 0);
	*own = 0;
	return sk;
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

/*
 * Removes len bytes in front of the inner IP header and gives the frame the
 * inner family's EtherType. l3_off: where the outer IP header starts. 0 or
 * -errno; -EINVAL for another family before 6.3 (net/core/filter.c
 * bpf_skb_adjust_room).
 */
ifw_inline long ifw_strip(ifw_ctx *ctx, __u32 l3_off, __u32 len, __u8 outer, __u8 inner)
{
	__be16 ethertype = __builtin_bswap16(inner == IFW_FAMILY_IPV6 ? ETH_P_IPV6 : ETH_P_IP);
	__u64 flags = 0;
	long err;

	if (inner != outer)
		flags = inner == IFW_FAMILY_IPV6 ? IFW_F_DECAP_L3_IPV6 : IFW_F_DECAP_L3_IPV4;
	err = bpf_skb_adjust_room(ctx, -(__s32)len, BPF_ADJ_ROOM_MAC, flags);
	if (!err && inner != outer && l3_off >= sizeof(ethertype))
		err = bpf_skb_store_bytes(ctx, l3_off - sizeof(ethertype), &ethertype,
					  sizeof(ethertype), 0);
	return err;
}

/* Settings of an interface; NULL: it has none. */
ifw_inline const struct ifw_iface *ifw_find_iface(__u32 ifindex)
{
	return bpf_map_lookup_elem(&ifw_ifaces, &ifindex);
}

/* What every packet asks of them; maybe another interface's, maybe being changed. */
ifw_inline const struct ifw_brief *ifw_find_brief(__u32 ifindex)
{
	__u32 at = ifindex % IFW_BRIEFS;

	return bpf_map_lookup_elem(&ifw_briefs, &at);
}

/* 0: no own address of the slot; 1: it may be one (filter.h). */
ifw_inline int ifw_may_be_own(__u32 slot, struct ifw_addr addr, __u32 family)
{
	const __u64 *bits = bpf_map_lookup_elem(&ifw_addr_filter, &slot);

	(void)family;
	return !bits || (*bits & ifw_addr_bit(addr));
}

/* enum ifw_addr_kind of an own address; NULL: not own. */
ifw_inline const __u32 *ifw_find_addr(const struct ifw_addr_key *key)
{
	return bpf_map_lookup_elem(&ifw_addrs, key);
}

/* Which of the two generations of the set is in force; read once a packet. */
ifw_inline __u32 ifw_read_generation(void)
{
	__u32 element = IFW_ACTIVE_GENERATION;
	__u32 *generation = bpf_map_lookup_elem(&ifw_active, &element);

	return generation ? *generation : 0;
}

/* A number that every change of the rules raises; to be read before the generation. */
ifw_inline __u32 ifw_read_epoch(void)
{
	__u32 element = IFW_ACTIVE_EPOCH;
	__u32 *epoch = bpf_map_lookup_elem(&ifw_active, &element);
	__u32 value = epoch ? *(volatile __u32 *)epoch : 0;

	asm volatile("" ::: "memory");
	return value;
}

ifw_inline __u64 ifw_index_word(__u32 generation, __u32 word)
{
	__u32 at = generation * (__u32)IFW_INDEX_WORDS + word;
	const __u64 *found = bpf_map_lookup_elem(&ifw_index, &at);

	return found ? *found : 0;
}

/* A word of the destination lengths in use, by IFW_LENGTH_BIT; which: ifw_lengths_of(). */
ifw_inline __u64 ifw_read_lengths(__u32 generation, __u32 which, __u32 word)
{
	return ifw_index_word(generation, which * IFW_LENGTH_WORDS + word);
}

/* 0: there is no prefix of this length and kind (filter.h); 1: there may be one. */
ifw_inline int ifw_may_have(__u32 generation, struct ifw_addr masked, __u32 word, __u64 length_bit,
			    __u64 kind)
{
	__u32 slot = ifw_filter_slot(masked, length_bit, kind);
	__u32 first = offsetof(struct ifw_index, filter) / sizeof(__u64);

	(void)word;
	return ifw_index_word(generation, first + slot / 64) >> slot % 64 & 1;
}

ifw_inline const struct ifw_prefix *ifw_find_prefix(__u32 generation,
						    const struct ifw_prefix_key *key)
{
	void *set = bpf_map_lookup_elem(&ifw_prefixes, &generation);

	return set ? bpf_map_lookup_elem(set, key) : 0;
}

ifw_inline const struct ifw_range *ifw_find_range(__u32 generation, __u32 index)
{
	__u32 chunk = generation * IFW_RANGE_CHUNKS + index / IFW_RANGE_CHUNK;
	__u32 at = index % IFW_RANGE_CHUNK;
	void *ranges = bpf_map_lookup_elem(&ifw_ranges, &chunk);

	return ranges ? bpf_map_lookup_elem(ranges, &at) : 0;
}

/* The range of a run of one, in the prefix's element. */
ifw_inline const struct ifw_range *ifw_only_range(const struct ifw_prefix *prefix)
{
	return &prefix->only;
}

/* Where a walk puts the rule that it finds; NULL never, but the verifier wants it asked. */
ifw_inline struct ifw_range *ifw_found_rule(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&found, &zero);
}

/* What is known of a datagram whose first fragment passed; NULL: nothing. */
ifw_inline struct ifw_fragment *ifw_find_fragment(const struct ifw_fragment_key *key)
{
	return bpf_map_lookup_elem(&ifw_fragments, key);
}

/* An element with everything 0 for the key, in place of one that is there; NULL: no room. */
ifw_inline struct ifw_fragment *ifw_new_fragment(const struct ifw_fragment_key *key)
{
	__u32 zero = 0;
	void *empty = bpf_map_lookup_elem(&blank, &zero);

	if (!empty || bpf_map_update_elem(&ifw_fragments, key, empty, BPF_ANY))
		return 0;
	return bpf_map_lookup_elem(&ifw_fragments, key);
}

ifw_inline void ifw_forget_fragment(const struct ifw_fragment_key *key)
{
	bpf_map_delete_elem(&ifw_fragments, key);
}

/*
 * Keeps a listener for lookups that the stack makes by itself; one that is kept
 * already stays. The map drops it when it is closed.
 */
ifw_inline void ifw_keep_listener(ifw_ctx *ctx, const struct ifw_listener_key *key,
				  struct bpf_sock *sk)
{
	struct bpf_sock *kept;

	(void)ctx;
	if (!ifw_keeps_listeners)
		return;
	kept = bpf_map_lookup_elem(&ifw_listeners, key);
	if (kept)
		bpf_sk_release(kept);
	else
		bpf_map_update_elem(&ifw_listeners, key, sk, BPF_ANY);
}

/* Until when a datagram in fragments is awaited (lookup.h), CLOCK_MONOTONIC, ns. */
ifw_inline __u64 *ifw_find_awaited(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ifw_awaited, &zero);
}

/* A flow of the class (enum ifw_flow_class); NULL: not there. It may have expired. */
ifw_inline struct ifw_flow *ifw_find_flow(__u32 class, const struct ifw_flow_key *key)
{
	void *flows = bpf_map_lookup_elem(&ifw_flows, &class);

	return flows ? bpf_map_lookup_elem(flows, key) : 0;
}

/* In place of one that is there; the least recently used one makes room. 0 or -errno. */
ifw_inline long ifw_put_flow(__u32 class, const struct ifw_flow_key *key,
			     const struct ifw_flow *flow)
{
	void *flows = bpf_map_lookup_elem(&ifw_flows, &class);

	return flows ? bpf_map_update_elem(flows, key, flow, BPF_ANY) : -1;
}

ifw_inline void ifw_drop_flow(__u32 class, const struct ifw_flow_key *key)
{
	void *flows = bpf_map_lookup_elem(&ifw_flows, &class);

	if (flows)
		bpf_map_delete_elem(flows, key);
}

/* Settings of tracking; never NULL. */
ifw_inline const struct ifw_track_settings *ifw_find_track(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ifw_track, &zero);
}

/*
 * CLOCK_MONOTONIC in ns, at most a jiffy old: the clock itself is read when a new
 * jiffy has begun, and a packet in between pays for a look at the counter alone.
 */
ifw_inline __u64 ifw_read_clock(struct clock *clock)
{
	__u64 tick = bpf_jiffies64();

	if (tick != clock->tick) {
		clock->now_ns = bpf_ktime_get_ns();
		clock->tick = tick;
	}
	return clock->now_ns;
}

/* Counters of the slot on this CPU. */
ifw_inline struct ifw_counters *ifw_find_counters(__u32 slot)
{
	return bpf_map_lookup_elem(&ifw_counters, &slot);
}

/* The rule counter with this number, on this CPU; NULL: its chunk has not been made. */
ifw_inline struct ifw_count *ifw_find_rule_count(__u32 counter)
{
	__u32 chunk = counter / IFW_COUNTER_CHUNK, index = counter % IFW_COUNTER_CHUNK;
	void *counts = bpf_map_lookup_elem(&ifw_rule_counts, &chunk);

	return counts ? bpf_map_lookup_elem(counts, &index) : 0;
}

/* Room for an event, or NULL where the ring buffer is full. */
ifw_inline struct ifw_event *ifw_event_reserve(void)
{
	return bpf_ringbuf_reserve(&ifw_events, sizeof(struct ifw_event), 0);
}

ifw_inline void ifw_event_submit(ifw_ctx *ctx, struct ifw_event *event)
{
	(void)ctx;
	bpf_ringbuf_submit(event, 0);
}

/* The same for an event with a packet of up to room bytes, a constant: IFW_PACKET_*. */
ifw_inline struct ifw_packet_event *ifw_packet_reserve(__u32 room)
{
	return bpf_ringbuf_reserve(&ifw_events, sizeof(struct ifw_packet_event) + room, 0);
}

/* The first len bytes of the frame, at most room. 0, or below it. */
ifw_inline long ifw_load_packet(ifw_ctx *ctx, struct ifw_packet_event *event, __u32 len, __u32 room)
{
	__u64 last = (__u64)len - 1;

	/*
	 * What is compared is what is used: a copy would have no bounds for the verifier.
	 * By the last byte, since "not 0" is no lower bound to that of 5.10.
	 */
	asm volatile("" : "+r"(last));
	if (last >= room)
		return -1;
	return bpf_skb_load_bytes(ctx, 0, event->bytes, last + 1);
}

ifw_inline void ifw_packet_submit(ifw_ctx *ctx, struct ifw_packet_event *event)
{
	(void)ctx;
	bpf_ringbuf_submit(event, 0);
}

/* The VLAN tag of ifw_offloaded_tags(): TPID in the upper half, TCI in the lower, host order. */
ifw_inline __u32 ifw_offloaded_tag(ifw_ctx *ctx)
{
	return (__u32)__builtin_bswap16(ctx->vlan_proto) << 16 | (ctx->vlan_tci & 0xffff);
}

/* What is asked for by who watches; never NULL. */
ifw_inline struct ifw_watch *ifw_find_watch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ifw_watch, &zero);
}

/* CLOCK_MONOTONIC, ns. */
ifw_inline __u64 ifw_now(void)
{
	return bpf_ktime_get_ns();
}

#else /* user space: sim/ supplies these */

typedef struct sim_packet ifw_ctx;

#define IFW_GLOBAL static inline __attribute__((unused))
#define IFW_STEP static inline __attribute__((unused))
#define IFW_MAPS ifw_ctx *ctx,
#define IFW_MAPS_OF(ctx) ctx,
#define IFW_MAPS_ONLY ifw_ctx *ctx
#define IFW_MAPS_ONLY_OF(ctx) ctx

void ifw_trace(ifw_ctx *ctx, enum ifw_step step);
struct ifw_work *ifw_work_at(ifw_ctx *ctx, __u32 direction);
struct ifw_work *ifw_work_of(ifw_ctx *ctx);
__u32 ifw_frame_length(ifw_ctx *ctx);
__u32 ifw_ifindex(ifw_ctx *ctx);
__u32 ifw_offloaded_tags(ifw_ctx *ctx);
int ifw_is_aggregate(ifw_ctx *ctx);
long ifw_load(ifw_ctx *ctx, __u32 off, void *to, __u32 len);
long ifw_load_some(ifw_ctx *ctx, __u32 off, void *to, __u32 len);
void ifw_set_mark(ifw_ctx *ctx, __u32 mark, __u32 mask);
enum ifw_sender ifw_sender(ifw_ctx *ctx);
struct bpf_sock *ifw_lookup_tcp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size);
struct bpf_sock *ifw_lookup_udp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size);
long ifw_assign(ifw_ctx *ctx, struct bpf_sock *sk);
void ifw_release(ifw_ctx *ctx, struct bpf_sock *sk);
long ifw_strip(ifw_ctx *ctx, __u32 l3_off, __u32 len, __u8 outer, __u8 inner);
const struct ifw_iface *ifw_find_iface(ifw_ctx *ctx, __u32 ifindex);
const struct ifw_brief *ifw_find_brief(ifw_ctx *ctx, __u32 ifindex);
int ifw_may_be_own(ifw_ctx *ctx, __u32 slot, struct ifw_addr addr, __u32 family);
const __u32 *ifw_find_addr(ifw_ctx *ctx, const struct ifw_addr_key *key);
__u32 ifw_read_generation(ifw_ctx *ctx);
__u32 ifw_read_epoch(ifw_ctx *ctx);
__u64 ifw_read_lengths(ifw_ctx *ctx, __u32 generation, __u32 which, __u32 word);
int ifw_may_have(ifw_ctx *ctx, __u32 generation, struct ifw_addr masked, __u32 word,
		 __u64 length_bit, __u64 kind);
const struct ifw_prefix *ifw_find_prefix(ifw_ctx *ctx, __u32 generation,
					 const struct ifw_prefix_key *key);
const struct ifw_range *ifw_find_range(ifw_ctx *ctx, __u32 generation, __u32 index);
const struct ifw_range *ifw_only_range(ifw_ctx *ctx, const struct ifw_prefix *prefix);
struct ifw_range *ifw_found_rule(ifw_ctx *ctx);
struct ifw_fragment *ifw_find_fragment(ifw_ctx *ctx, const struct ifw_fragment_key *key);
struct ifw_fragment *ifw_new_fragment(ifw_ctx *ctx, const struct ifw_fragment_key *key);
void ifw_forget_fragment(ifw_ctx *ctx, const struct ifw_fragment_key *key);
void ifw_keep_listener(ifw_ctx *ctx, const struct ifw_listener_key *key, struct bpf_sock *sk);
__u64 *ifw_find_awaited(ifw_ctx *ctx);
struct ifw_flow *ifw_find_flow(ifw_ctx *ctx, __u32 class, const struct ifw_flow_key *key);
long ifw_put_flow(ifw_ctx *ctx, __u32 class, const struct ifw_flow_key *key,
		  const struct ifw_flow *flow);
void ifw_drop_flow(ifw_ctx *ctx, __u32 class, const struct ifw_flow_key *key);
const struct ifw_track_settings *ifw_find_track(ifw_ctx *ctx);
__u64 ifw_read_clock(ifw_ctx *ctx, struct clock *clock);
struct ifw_counters *ifw_find_counters(ifw_ctx *ctx, __u32 slot);
struct ifw_count *ifw_find_rule_count(ifw_ctx *ctx, __u32 counter);
struct ifw_event *ifw_event_reserve(ifw_ctx *ctx);
void ifw_event_submit(ifw_ctx *ctx, struct ifw_event *event);
struct ifw_packet_event *ifw_packet_reserve(ifw_ctx *ctx, __u32 room);
long ifw_load_packet(ifw_ctx *ctx, struct ifw_packet_event *event, __u32 len, __u32 room);
void ifw_packet_submit(ifw_ctx *ctx, struct ifw_packet_event *event);
__u32 ifw_offloaded_tag(ifw_ctx *ctx);
struct ifw_watch *ifw_find_watch(ifw_ctx *ctx);
__u64 ifw_now(ifw_ctx *ctx);

#endif

#endif /* IFW_HELPERS_H */
