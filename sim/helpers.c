/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * helpers.c - the user-space side of datapath/helpers.h: each function answers
 * as the kernel's helper does, errors included (net/core/filter.c).
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "world.h"

/* 1 where the test wants this call to fail. */
static bool fails(ifw_ctx *ctx)
{
	return ++ctx->calls == ctx->world->fail_call;
}

#define TRACE(ctx, ...)                                                                            \
	do {                                                                                       \
		const struct sim_world *world_ = (ctx)->world;                                     \
                                                                                                   \
		if (__builtin_expect(world_->trace != NULL, 0)) {                                  \
			const struct sim_trace trace_ = {__VA_ARGS__};                             \
			world_->trace(world_->trace_arg, &trace_);                                 \
		}                                                                                  \
	} while (0)

void ifw_trace(ifw_ctx *ctx, enum ifw_step step)
{
	TRACE(ctx, .kind = SIM_TRACE_STEP, .step = step);
}

/* In the kernel it holds what the packet before it left there; so here. */
struct ifw_work *ifw_work_at(ifw_ctx *ctx, __u32 direction)
{
	return direction < IFW_DIRECTIONS ? &ctx->work[direction] : NULL;
}

struct ifw_work *ifw_work_of(ifw_ctx *ctx)
{
	return ifw_work_at(ctx, IFW_DIRECTION_IN);
}

/* --- The frame -------------------------------------------------------------- */

__u32 ifw_frame_length(ifw_ctx *ctx)
{
	return (__u32)ctx->frame.length;
}

__u32 ifw_ifindex(ifw_ctx *ctx)
{
	return ctx->frame.ifindex;
}

__u32 ifw_offloaded_tags(ifw_ctx *ctx)
{
	return ctx->frame.tags;
}

int ifw_is_aggregate(ifw_ctx *ctx)
{
	return ctx->frame.gso_segs > 1;
}

/* bpf_skb_load_bytes: all or nothing, and where it fails the bytes are cleared. */
long ifw_load(ifw_ctx *ctx, __u32 off, void *to, __u32 len)
{
	long error = 0;

	if (len == 0)
		sim_packet_violation(ctx, "a load of no bytes");
	if (fails(ctx) || off > INT_MAX || (__u64)off + len > ctx->frame.length) {
		memset(to, 0, len);
		error = -EFAULT;
	} else {
		memcpy(to, ctx->data + off, len);
	}
	TRACE(ctx, .kind = SIM_TRACE_LOAD, .offset = off, .length = len, .error = error);
	return error;
}

long ifw_load_some(ifw_ctx *ctx, __u32 off, void *to, __u32 len)
{
	return ifw_load(ctx, off, to, len);
}

void ifw_set_mark(ifw_ctx *ctx, __u32 mark, __u32 mask)
{
	ctx->mark = (ctx->mark & ~mask) | (mark & mask);
}

/* --- Outer headers ----------------------------------------------------------- */

#define ENOTSUPP 524	 /* the kernel's own, which no C library names */
#define STRIP_MAX 0xfffU /* bytes, bpf_skb_adjust_room */
#define IPV4_MIN 20
#define IPV6_MIN 40

/*
 * bpf_skb_adjust_room removes behind the Ethernet header, and only from what is
 * IP for the stack, which takes off one VLAN tag: with a second one it refuses.
 */
static long strip_error(const ifw_ctx *ctx, __u32 l3_off, __u32 len, __u8 outer, __u8 inner)
{
	__u32 least = inner == IFW_FAMILY_IPV6 ? IPV6_MIN : IPV4_MIN;
	__u32 in_frame =
		l3_off > sizeof(struct ethhdr) ? (l3_off - (__u32)sizeof(struct ethhdr)) / 4 : 0;

	if (outer != inner && ctx->world->kernel < SIM_KERNEL(6, 3))
		return -EINVAL;
	if (len > STRIP_MAX)
		return -EFAULT;
	/* In a test run nothing takes a tag off before. */
	if (in_frame + ctx->frame.tags > !ctx->world->test_run ||
	    (__u64)l3_off + len + least > ctx->frame.length)
		return -ENOTSUPP;
	return 0;
}

long ifw_strip(ifw_ctx *ctx, __u32 l3_off, __u32 len, __u8 outer, __u8 inner)
{
	const __be16 ethertype =
		__builtin_bswap16(inner == IFW_FAMILY_IPV6 ? ETH_P_IPV6 : ETH_P_IP);
	long error = fails(ctx) ? -ENOMEM : strip_error(ctx, l3_off, len, outer, inner);

	TRACE(ctx, .kind = SIM_TRACE_STRIP, .offset = l3_off, .length = len, .error = error);
	if (error)
		return error;
	sim_packet_strip(ctx, l3_off, len);
	if (l3_off >= sizeof(struct ethhdr))
		memcpy(ctx->data + l3_off - sizeof(ethertype), &ethertype, sizeof(ethertype));
	return 0;
}

/* --- Sockets ---------------------------------------------------------------- */

struct bpf_sock *ifw_lookup_tcp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size)
{
	const struct sim_socket *found = NULL;

	if (!fails(ctx))
		found = sim_world_lookup_tcp(ctx->world, ctx->frame.ifindex, tuple, size);
	TRACE(ctx, .kind = SIM_TRACE_SOCKET_TCP, .tuple = tuple, .tuple_size = size,
	      .socket = found ? &found->sk : NULL);
	return found ? sim_packet_hold(ctx, found) : NULL;
}

struct bpf_sock *ifw_lookup_udp(ifw_ctx *ctx, struct bpf_sock_tuple *tuple, __u32 size)
{
	const struct sim_socket *found = NULL;

	if (!fails(ctx))
		found = sim_world_lookup_udp(ctx->world, ctx->frame.ifindex, tuple, size);
	TRACE(ctx, .kind = SIM_TRACE_SOCKET_UDP, .tuple = tuple, .tuple_size = size,
	      .socket = found ? &found->sk : NULL);
	return found ? sim_packet_hold(ctx, found) : NULL;
}

static enum ifw_sender sender_of(const struct bpf_sock *sk)
{
	if (sk->state == BPF_TCP_CLOSE && sk->dst_port == 0)
		return IFW_SENDER_NO_PEER;
	return sk->state == BPF_TCP_CLOSE || sk->state == BPF_TCP_SYN_SENT ||
			       sk->state == BPF_TCP_LISTEN
		       ? IFW_SENDER_SOCKET
		       : IFW_SENDER_TALKING;
}

/*
 * The socket of a test run is of the family that the EtherType says, where that is
 * IP's, and of none where not; its peer has no port.
 */
static enum ifw_sender test_run_sender(const ifw_ctx *ctx)
{
	const struct ethhdr *eth = (const struct ethhdr *)ctx->data;

	if (ctx->frame.length < sizeof(*eth))
		return IFW_SENDER_SOCKET;
	return eth->h_proto == __builtin_bswap16(ETH_P_IP) ||
			       eth->h_proto == __builtin_bswap16(ETH_P_IPV6)
		       ? IFW_SENDER_NO_PEER
		       : IFW_SENDER_SOCKET;
}

/* One of the world's sockets, or of those that it does not list: of an own address. */
enum ifw_sender ifw_sender(ifw_ctx *ctx)
{
	const bool told = ctx->frame.sender || ctx->world->test_run;
	const struct sim_socket *socket =
		told ? NULL
		     : sim_world_sender(ctx->world, ctx->frame.ifindex,
					&ctx->work[IFW_DIRECTION_OUT].packet);
	enum ifw_sender sender = IFW_SENDER_NONE;

	if (ctx->frame.sender) {
		sender = (enum ifw_sender)(ctx->frame.sender - 1);
	} else if (told) {
		sender = test_run_sender(ctx);
	} else if (socket) {
		sender = sender_of(&socket->sk);
	} else if (sim_world_is_own(ctx->world, ctx->work[IFW_DIRECTION_OUT].packet.src,
				    ctx->work[IFW_DIRECTION_OUT].packet.family)) {
		sender = IFW_SENDER_SOCKET;
	}
	TRACE(ctx, .kind = SIM_TRACE_SENDER, .socket = socket ? &socket->sk : NULL,
	      .sender = sender);
	return sender;
}

/*
 * Before 6.6 a full socket with SO_REUSEPORT is refused; requests and TIME_WAIT
 * sockets are none (include/net/sock.h sk_fullsock).
 */
static long assign_error(const struct sim_world *world, const struct sim_socket *socket)
{
	if (world->test_run)
		return -EOPNOTSUPP;
	if (world->kernel < SIM_KERNEL(6, 6) && (socket->flags & SIM_SOCKET_REUSEPORT) &&
	    socket->sk.state != BPF_TCP_TIME_WAIT && socket->sk.state != BPF_TCP_NEW_SYN_RECV)
		return -ESOCKTNOSUPPORT;
	return 0;
}

long ifw_assign(ifw_ctx *ctx, struct bpf_sock *sk)
{
	struct sim_handle *handle = sim_packet_handle(ctx, sk);
	bool refused = fails(ctx);
	long error;

	if (!handle)
		return -EINVAL;
	error = refused ? -EOPNOTSUPP : assign_error(ctx->world, handle->of);
	TRACE(ctx, .kind = SIM_TRACE_ASSIGN, .socket = &handle->of->sk, .error = error);
	return error;
}

void ifw_release(ifw_ctx *ctx, struct bpf_sock *sk)
{
	struct sim_handle *handle = sim_packet_handle(ctx, sk);

	if (handle)
		sim_packet_release(ctx, handle);
}

/* --- Maps --------------------------------------------------------------------- */

const struct ifw_iface *ifw_find_iface(ifw_ctx *ctx, __u32 ifindex)
{
	struct sim_iface *iface = NULL;
	const struct ifw_iface *settings;

	if (!fails(ctx))
		HASH_FIND(hh, ctx->world->ifaces_by_index, &ifindex, sizeof(ifindex), iface);
	settings = iface && iface->has_settings ? &iface->settings : NULL;
	TRACE(ctx, .kind = SIM_TRACE_IFACE, .iface = settings);
	return settings;
}

/* Where the call fails the settings are read instead, as where an element is being changed. */
const struct ifw_brief *ifw_find_brief(ifw_ctx *ctx, __u32 ifindex)
{
	struct sim_iface *iface = NULL;

	if (!fails(ctx))
		HASH_FIND(hh, ctx->world->ifaces_by_index, &ifindex, sizeof(ifindex), iface);
	if (!iface || !iface->has_settings)
		return NULL;
	TRACE(ctx, .kind = SIM_TRACE_IFACE, .iface = &iface->settings);
	iface->brief.ifindex = ifindex;
	iface->brief.slot = iface->settings.slot;
	iface->brief.flags = iface->settings.flags;
	iface->brief.mark = iface->settings.mark;
	iface->brief.mark_mask = iface->settings.mark_mask;
	iface->brief.verbose = iface->settings.verbose;
	return &iface->brief;
}

int ifw_may_be_own(ifw_ctx *ctx, __u32 slot, struct ifw_addr addr, __u32 family)
{
	if (fails(ctx) || slot >= IFW_SLOTS || (ctx->world->addr_filter[slot] & ifw_addr_bit(addr)))
		return 1;
	TRACE(ctx, .kind = SIM_TRACE_ADDR, .addr = addr, .family = (uint8_t)family);
	return 0;
}

const __u32 *ifw_find_addr(ifw_ctx *ctx, const struct ifw_addr_key *key)
{
	struct sim_addr *addr = NULL;

	if (!fails(ctx))
		HASH_FIND(hh, ctx->world->addrs, key, sizeof(*key), addr);
	TRACE(ctx, .kind = SIM_TRACE_ADDR, .addr = key->addr, .family = (uint8_t)key->family,
	      .addr_kind = addr ? addr->kind : 0);
	return addr ? &addr->kind : NULL;
}

__u32 ifw_read_generation(ifw_ctx *ctx)
{
	return fails(ctx) ? 0 : ctx->world->active;
}

__u32 ifw_read_epoch(ifw_ctx *ctx)
{
	return fails(ctx) ? 0 : ctx->world->epoch;
}

static const struct ifw_index *index_of(ifw_ctx *ctx, __u32 generation)
{
	return fails(ctx) || generation >= SIM_GENERATIONS ? NULL
							   : ctx->world->sets[generation].index;
}

__u64 ifw_read_lengths(ifw_ctx *ctx, __u32 generation, __u32 which, __u32 word)
{
	const struct ifw_index *index = index_of(ctx, generation);
	const __u64 *lengths = index && which < 2 * IFW_LENGTHS_PROTOCOLS
				       ? index->lengths[which / IFW_LENGTHS_PROTOCOLS]
						       [which % IFW_LENGTHS_PROTOCOLS]
				       : NULL;

	/* In the kernel they lie side by side with those of another family or protocol. */
	if (which >= 2 * IFW_LENGTHS_PROTOCOLS || word >= IFW_LENGTH_WORDS)
		sim_packet_violation(ctx, "lengths were read that are not of the packet's kind");
	TRACE(ctx, .kind = SIM_TRACE_LENGTHS, .lengths = lengths, .index = word,
	      .protocol = (uint8_t)((which % 2 ? IPPROTO_UDP : IPPROTO_TCP) |
				    (which & 2 ? IFW_EGRESS : 0)));
	return lengths && word < IFW_LENGTH_WORDS ? lengths[word] : 0;
}

/* For who listens, a prefix that the filter rules out was probed and not found. */
int ifw_may_have(ifw_ctx *ctx, __u32 generation, struct ifw_addr masked, __u32 word,
		 __u64 length_bit, __u64 kind)
{
	const struct ifw_index *index = index_of(ctx, generation);
	__u32 slot = ifw_filter_slot(masked, length_bit, kind);
	int may = index && index->filter[slot / 64] >> slot % 64 & 1;

	if (!may && ctx->world->trace) {
		const struct ifw_prefix_key key = {
			.addr = masked,
			.len = (__u8)IFW_LENGTH_BIT(word * 64 + (__u32)__builtin_ctzll(length_bit)),
			.family = (__u8)(kind >> 40),
			.protocol = (__u8)(kind >> 48),
			.kind = (__u8)(kind >> 56),
		};

		TRACE(ctx, .kind = SIM_TRACE_PREFIX, .key = &key);
	}
	return may;
}

const struct ifw_prefix *ifw_find_prefix(ifw_ctx *ctx, __u32 generation,
					 const struct ifw_prefix_key *key)
{
	struct sim_prefix *prefix = NULL;

	if (!fails(ctx) && generation < SIM_GENERATIONS)
		prefix = sim_set_find_prefix(&ctx->world->sets[generation], key);
	TRACE(ctx, .kind = SIM_TRACE_PREFIX, .key = key, .prefix = prefix ? &prefix->value : NULL);
	return prefix ? &prefix->value : NULL;
}

const struct ifw_range *ifw_find_range(ifw_ctx *ctx, __u32 generation, __u32 index)
{
	const struct ifw_range *range = NULL;

	if (!fails(ctx) && generation < SIM_GENERATIONS &&
	    index < ctx->world->sets[generation].range_count)
		range = &ctx->world->sets[generation].ranges[index];
	TRACE(ctx, .kind = SIM_TRACE_RANGE, .range = range, .index = index);
	return range;
}

const struct ifw_range *ifw_only_range(ifw_ctx *ctx, const struct ifw_prefix *prefix)
{
	TRACE(ctx, .kind = SIM_TRACE_RANGE, .range = &prefix->only);
	return &prefix->only;
}

struct ifw_range *ifw_found_rule(ifw_ctx *ctx)
{
	return &ctx->found;
}

/* Of a trial a copy, which it may change. */
static struct ifw_fragment *try_fragment(ifw_ctx *ctx, const struct ifw_fragment_key *key)
{
	const struct ifw_fragment *known = sim_world_peek_fragment(ctx->world, key);

	if (!known)
		return NULL;
	ctx->scratch.fragment = *known;
	return &ctx->scratch.fragment;
}

struct ifw_fragment *ifw_find_fragment(ifw_ctx *ctx, const struct ifw_fragment_key *key)
{
	struct ifw_fragment *fragment = NULL;

	if (!fails(ctx))
		fragment = ctx->frame.trial ? try_fragment(ctx, key)
					    : sim_world_find_fragment(ctx->world, key);
	TRACE(ctx, .kind = SIM_TRACE_FRAGMENT, .fragment = fragment);
	return fragment;
}

struct ifw_fragment *ifw_new_fragment(ifw_ctx *ctx, const struct ifw_fragment_key *key)
{
	if (fails(ctx))
		return NULL;
	if (!ctx->frame.trial)
		return sim_world_new_fragment(ctx->world, key);
	ctx->scratch.fragment = (struct ifw_fragment){};
	return &ctx->scratch.fragment;
}

void ifw_forget_fragment(ifw_ctx *ctx, const struct ifw_fragment_key *key)
{
	if (!fails(ctx) && !ctx->frame.trial)
		sim_world_forget_fragment(ctx->world, key);
}

/* A class is a map of its own; any other number is a defect of the decision. */
static bool is_class(ifw_ctx *ctx, __u32 class)
{
	if (class >= IFW_FLOW_CLASSES)
		sim_packet_violation(ctx, "there is no such class of flows");
	return class < IFW_FLOW_CLASSES;
}

static struct ifw_flow *try_flow(ifw_ctx *ctx, __u32 class, const struct ifw_flow_key *key)
{
	const struct ifw_flow *known = sim_world_peek_flow(ctx->world, class, key);

	if (!known)
		return NULL;
	ctx->scratch.flow[class] = *known;
	return &ctx->scratch.flow[class];
}

struct ifw_flow *ifw_find_flow(ifw_ctx *ctx, __u32 class, const struct ifw_flow_key *key)
{
	struct ifw_flow *flow = NULL;

	if (!fails(ctx) && is_class(ctx, class))
		flow = ctx->frame.trial ? try_flow(ctx, class, key)
					: sim_world_find_flow(ctx->world, class, key);
	TRACE(ctx, .kind = SIM_TRACE_FLOW, .flow = flow, .flow_key = key, .flow_class = class);
	return flow;
}

long ifw_put_flow(ifw_ctx *ctx, __u32 class, const struct ifw_flow_key *key,
		  const struct ifw_flow *flow)
{
	long error;

	if (!is_class(ctx, class))
		return -EINVAL;
	error = fails(ctx)	   ? -ENOMEM
		: ctx->frame.trial ? 0
				   : sim_world_put_flow(ctx->world, class, key, flow);
	TRACE(ctx, .kind = SIM_TRACE_PUT_FLOW, .flow = flow, .flow_key = key, .flow_class = class,
	      .error = error);
	return error;
}

void ifw_drop_flow(ifw_ctx *ctx, __u32 class, const struct ifw_flow_key *key)
{
	if (is_class(ctx, class) && !fails(ctx) && !ctx->frame.trial)
		sim_world_drop_flow(ctx->world, class, key);
}

const struct ifw_track_settings *ifw_find_track(ifw_ctx *ctx)
{
	return fails(ctx) ? NULL : &ctx->world->track;
}

/* Exact, where the kernel's is up to a jiffy behind. */
__u64 ifw_read_clock(ifw_ctx *ctx, struct clock *clock)
{
	clock->now_ns = ctx->frame.time_ns;
	clock->tick = 0;
	return clock->now_ns;
}

void ifw_keep_listener(ifw_ctx *ctx, const struct ifw_listener_key *key, struct bpf_sock *sk)
{
	struct sim_handle *handle = sim_packet_handle(ctx, sk);
	long error;

	if (!handle)
		return;
	error = fails(ctx)	   ? -ENOMEM
		: ctx->frame.trial ? 0
				   : sim_world_keep_listener(ctx->world, key, handle->of);
	TRACE(ctx, .kind = SIM_TRACE_KEEP, .socket = &handle->of->sk, .error = error);
}

__u64 *ifw_find_awaited(ifw_ctx *ctx)
{
	return fails(ctx) ? NULL : &ctx->world->awaited_ns;
}

struct ifw_counters *ifw_find_counters(ifw_ctx *ctx, __u32 slot)
{
	if (fails(ctx) || slot >= IFW_SLOTS)
		return NULL;
	return ctx->frame.trial ? &ctx->scratch.counters : &ctx->world->counters[slot];
}

struct ifw_count *ifw_find_rule_count(ifw_ctx *ctx, __u32 counter)
{
	if (fails(ctx) || counter >= ctx->world->rule_count_room)
		return NULL;
	return ctx->frame.trial ? &ctx->scratch.rule_count : &ctx->world->rule_counts[counter];
}

/* --- Events ------------------------------------------------------------------- */

/* The ring buffer's memory holds old events: what is not written must not look like zero. */
#define STALE_BYTE 0xa5

struct ifw_event *ifw_event_reserve(ifw_ctx *ctx)
{
	if (fails(ctx) || ctx->world->event_room == 0 || ctx->frame.trial)
		return NULL;
	if (ctx->event_state != SIM_EVENT_NONE) {
		sim_packet_violation(ctx, "more than one event for one packet");
		return NULL;
	}
	memset(&ctx->event, STALE_BYTE, sizeof(ctx->event));
	ctx->event_state = SIM_EVENT_RESERVED;
	return &ctx->event;
}

void ifw_event_submit(ifw_ctx *ctx, struct ifw_event *event)
{
	if (event != &ctx->event || ctx->event_state != SIM_EVENT_RESERVED) {
		sim_packet_violation(ctx, "an event that was not reserved was submitted");
		return;
	}
	ctx->event_state = SIM_EVENT_SUBMITTED;
	if (ctx->world->event_room != SIM_EVENTS_UNLIMITED)
		ctx->world->event_room--;
}

/* What was not reserved is 0, and has to stay so. */
struct ifw_packet_event *ifw_packet_reserve(ifw_ctx *ctx, __u32 room)
{
	struct sim_world *world = ctx->world;
	const size_t size = sizeof(*world->packet_event) + IFW_PACKET_MAX;

	if (room > IFW_PACKET_MAX) {
		sim_packet_violation(ctx, "an event is larger than any");
		return NULL;
	}
	if (!world->packet_event)
		world->packet_event = malloc(size);
	if (!world->packet_event || !ifw_event_reserve(ctx))
		return NULL;
	memset(world->packet_event, 0, size);
	memset(world->packet_event, STALE_BYTE, sizeof(*world->packet_event) + room);
	ctx->with_packet = true;
	return world->packet_event;
}

long ifw_load_packet(ifw_ctx *ctx, struct ifw_packet_event *event, __u32 len, __u32 room)
{
	if (len < 1 || len > room)
		return -EFAULT;
	return ifw_load_some(ctx, 0, event->bytes, len);
}

void ifw_packet_submit(ifw_ctx *ctx, struct ifw_packet_event *event)
{
	if (!ctx->with_packet || event != ctx->world->packet_event)
		sim_packet_violation(ctx, "an event that was not reserved was submitted");
	else
		ifw_event_submit(ctx, &ctx->event);
}

/* No world says what was in it. */
__u32 ifw_offloaded_tag(ifw_ctx *ctx)
{
	(void)ctx;
	return (__u32)ETH_P_8021Q << 16;
}

struct ifw_watch *ifw_find_watch(ifw_ctx *ctx)
{
	return fails(ctx) ? NULL : &ctx->world->watch;
}

__u64 ifw_now(ifw_ctx *ctx)
{
	return ctx->frame.time_ns;
}
