/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world.h - what a world is made of; for the files of sim/ and for tests of
 * single headers of datapath/. Others use sim.h.
 */
#ifndef IFW_SIM_WORLD_H
#define IFW_SIM_WORLD_H

#include "datapath/flow_states.h"
#include "hash.h"
#include "sim.h"

#define SIM_GENERATIONS 2
#define SIM_HANDLES 16 /* sockets that one packet may look up */
#define SIM_KERNEL(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))
#define SIM_KERNEL_DEFAULT SIM_KERNEL(6, 18)
#define SIM_EVENTS_UNLIMITED UINT64_MAX

/* An element of the ifw_ifaces map, and what a program is attached to without one. */
struct sim_iface {
	struct sim_iface *next; /* in the order of the world file */
	uint32_t ifindex;
	uint32_t slot;
	bool has_settings;
	bool raw; /* frames start with the IP header */
	bool has_mac;
	uint8_t mac[ETH_ALEN];
	struct ifw_iface settings;
	struct ifw_brief brief; /* of the settings, when asked */
	char name[IFW_NAME_MAX];
	UT_hash_handle hh; /* by ifindex */
};

struct sim_addr {
	struct ifw_addr_key key;
	__u32 kind; /* enum ifw_addr_kind */
	UT_hash_handle hh;
};

enum sim_socket_kind {
	SIM_SOCKET_UNCONNECTED = 1, /* TCP: listening; UDP: bound */
	SIM_SOCKET_CONNECTED = 2,   /* has a peer */
};

/* What the kernel's socket tables are searched by; no padding, compared as bytes. */
struct sim_socket_key {
	struct ifw_addr local;
	struct ifw_addr peer; /* zero where unconnected */
	uint16_t local_port;  /* host order */
	uint16_t peer_port;
	uint8_t family;	  /* enum ifw_family */
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t kind;	  /* enum sim_socket_kind */
	uint8_t slot;	  /* of the interface that it is bound to; 0: to none */
};

enum sim_socket_flags {
	SIM_SOCKET_REUSEPORT = 1 << 0,
	SIM_SOCKET_V6ONLY = 1 << 1, /* else one on [::] takes IPv4 as well */
};

/* One on an IPv4-mapped address has the key of an IPv4 socket. */
struct sim_socket {
	struct sim_socket_key key;
	struct bpf_sock sk; /* as the decision sees it */
	unsigned int flags; /* enum sim_socket_flags */
	UT_hash_handle hh;
};

/* An element of the ifw_fragments map; the least recently used is the first. */
struct sim_fragment {
	struct ifw_fragment_key key;
	struct ifw_fragment value;
	UT_hash_handle hh;
};

/* An element of a map of flows; the least recently used is the first. */
struct sim_flow {
	struct ifw_flow_key key;
	struct ifw_flow value;
	UT_hash_handle hh;
};

/* An element of the ifw_listeners map. */
struct sim_listener {
	struct ifw_listener_key key;
	const struct sim_socket *of;
	UT_hash_handle hh;
};

/* The key beside the value, as in the kernel: the value's own copy may say something else. */
struct sim_prefix {
	struct ifw_prefix_key key;
	struct ifw_prefix value;
};

/* Where a prefix is, by its hash: open addressing, at most half full. */
struct sim_prefix_slot {
	uint32_t hash;
	uint32_t prefix; /* number, from 1; 0: free */
};

/* One generation: the inner maps of ifw_prefixes and ifw_ranges, and its part of ifw_index. */
struct sim_set {
	struct ifw_index *index; /* NULL: everything 0 */
	struct sim_prefix_slot *slots;
	uint32_t slot_mask; /* their number, a power of 2, less 1 */
	struct sim_prefix *prefixes;
	size_t prefix_count;
	struct ifw_range *ranges;
	size_t range_count;
};

/* A statement for later, as the world file has it. */
struct sim_event {
	struct sim_event *next; /* in the order in which they come */
	uint64_t packet;	/* after this one */
	unsigned int line;
	size_t at;  /* where the statement begins, bytes into the line */
	size_t end; /* and where it ends, without a comment */
	size_t size;
	char text[]; /* the whole line */
};

/* A looked-up socket, as long as the packet lives. */
struct sim_handle {
	struct bpf_sock sk; /* a copy, so that use after release shows */
	const struct sim_socket *of;
	bool released;
};

enum sim_event_state {
	SIM_EVENT_NONE,
	SIM_EVENT_RESERVED,
	SIM_EVENT_SUBMITTED,
};

/* The opaque context of the decision (ifw_ctx). */
struct sim_packet {
	struct sim_world *world;
	uint8_t *data;
	struct sim_frame frame; /* its length changes where headers are removed */
	uint32_t mark;
	unsigned int calls; /* of helpers that can fail */
	unsigned int handle_count;
	enum sim_event_state event_state;
	const char *violation; /* the first */
	struct ifw_work work[IFW_DIRECTIONS];
	struct ifw_range found; /* by the last walk */
	struct ifw_event event;
	bool with_packet; /* the event is the world's packet_event */
	struct sim_handle handles[SIM_HANDLES];
	/* Of a trial: what the decision writes to instead of what the world remembers. */
	struct sim_scratch {
		struct ifw_fragment fragment;
		struct ifw_flow flow[IFW_FLOW_CLASSES];
		struct ifw_counters counters;
		struct ifw_count rule_count;
	} scratch;
};

struct sim_world {
	struct iface_names names;
	struct sim_iface *ifaces, *ifaces_by_index;
	struct sim_addr *addrs;
	__u64 addr_filter[IFW_SLOTS]; /* the map ifw_addr_filter */
	struct sim_socket *sockets;
	__u64 socket_ports[65536 / 64]; /* bit: a socket has, or had, this local port */
	struct sim_fragment *fragments;
	struct sim_listener *listeners;
	struct sim_flow *flows[IFW_FLOW_CLASSES];
	uint32_t flows_max[IFW_FLOW_CLASSES];
	__u64 awaited_ns; /* the map ifw_awaited */
	struct ifw_track_settings track;
	uint32_t epoch;	    /* of the rules */
	bool sockets_bound; /* some are, or were, bound to an interface */
	bool flows_waiting; /* times of flows count from the first packet, which has not come */
	uint32_t kernel;    /* SIM_KERNEL() */
	struct sim_event *events, *next_event;
	uint64_t delay_ns; /* what events have put off */
	bool rehearses;	   /* it is there to see whether all events can come about */
	struct sim_set sets[SIM_GENERATIONS];
	__u32 active;
	struct rule_set rules;
	struct ifw_counters counters[IFW_SLOTS];
	struct ifw_count *rule_counts; /* by the counter of a rule */
	size_t rule_count_room;
	uint64_t event_room;
	struct ifw_watch watch;
	struct ifw_packet_event *packet_event; /* with IFW_PACKET_MAX bytes; NULL: not needed yet */
	unsigned int fail_call;
	bool test_run; /* sim_world_set_test_run() */
	sim_trace_fn trace;
	void *trace_arg;
	uint8_t *buffer; /* frames end where it ends, at an unreadable page */
	size_t buffer_size;
	struct ifw_work stale; /* what a packet's own is before anything is written to it */
	struct sim_packet packet;
};

/* --- world.c -------------------------------------------------------------- */

/* Back to what sim_world_create gave, but for trace, failing call and counters' memory. */
void sim_world_clear(struct sim_world *world);

/* name unused in the world. NULL: no memory, or (*error -ENOSPC, -EINVAL) as iface_names_add. */
struct sim_iface *sim_world_add_iface(struct sim_world *world, const char *name, int *error);

/* NULL: it is not there. */
struct sim_prefix *sim_set_find_prefix(const struct sim_set *set, const struct ifw_prefix_key *key);

/* Gives the interface its number, not 0 and unused. 0 or -ENOMEM. */
int sim_world_index_iface(struct sim_world *world, struct sim_iface *iface, uint32_t ifindex);

struct sim_iface *sim_world_find_iface(const struct sim_world *world, const char *name);

/* 0, -ENOMEM; -EEXIST: recorded there already, a broadcast yields to an own address. */
int sim_world_add_addr(struct sim_world *world, const struct ifw_addr_key *key,
		       enum ifw_addr_kind kind);

/* Whether it has settings or not; 0: there is no such interface. */
uint8_t sim_world_iface_slot(const struct sim_world *world, uint32_t ifindex);

/* As the decision sees it: IFW_SLOT_NONE where the interface has no settings. */
uint32_t sim_world_slot(const struct sim_world *world, uint32_t ifindex);

/* That slot as rules are asked for it: with IFW_SLOT_NAMED where the interface is set so. */
uint32_t sim_world_rules_slot(const struct sim_world *world, uint32_t slot);

/* An own address of any interface, wherever that was brought up. */
bool sim_world_is_own(const struct sim_world *world, struct ifw_addr addr, uint8_t family);

/* --- sockets.c ------------------------------------------------------------ */

/* RFC 4291 2.5.5.2: an IPv6 socket that speaks IPv4 has such addresses. */
static inline bool sim_is_mapped(struct ifw_addr addr)
{
	return addr.hi == 0 && addr.lo >> 32 == 0xffff;
}

/* state: BPF_TCP_*, flags: enum sim_socket_flags. 0, -ENOMEM, -EEXIST. */
int sim_world_add_socket(struct sim_world *world, const struct sim_socket_key *key, uint32_t state,
			 unsigned int flags);

/* By the key as given to sim_world_add_socket; NULL: there is none. */
struct sim_socket *sim_world_find_socket(const struct sim_world *world,
					 const struct sim_socket_key *key);

/* Closed: gone from the tables and from the kept listeners. */
void sim_world_close_socket(struct sim_world *world, struct sim_socket *socket);
void sim_world_clear_sockets(struct sim_world *world);

/*
 * A SOCKHASH (net/core/sock_map.c). keep: 0; -EOPNOTSUPP for a socket in a state
 * that it does not take; -E2BIG; -ENOMEM. One that is kept already stays.
 */
int sim_world_keep_listener(struct sim_world *world, const struct ifw_listener_key *key,
			    const struct sim_socket *socket);
const struct sim_socket *sim_world_kept_listener(const struct sim_world *world,
						 const struct ifw_listener_key *key);

/* --- world_event.c ---------------------------------------------------------- */

/*
 * Lets all events come about in a world of the same text. 0, -EINVAL after reporting
 * which cannot, -ENOMEM.
 */
int sim_world_rehearse(struct sim_world *world, const char *text, size_t size, diagnose_fn diagnose,
		       void *arg);
void sim_world_clear_events(struct sim_world *world);

/* --- fragments.c ----------------------------------------------------------- */

/* A bounded LRU hash. NULL: not there; new: no memory. new replaces what is there. */
struct ifw_fragment *sim_world_find_fragment(struct sim_world *world,
					     const struct ifw_fragment_key *key);
/* Without using it: the order of use stays. */
const struct ifw_fragment *sim_world_peek_fragment(const struct sim_world *world,
						   const struct ifw_fragment_key *key);
struct ifw_fragment *sim_world_new_fragment(struct sim_world *world,
					    const struct ifw_fragment_key *key);
void sim_world_forget_fragment(struct sim_world *world, const struct ifw_fragment_key *key);
void sim_world_clear_fragments(struct sim_world *world);

/* --- flows.c ----------------------------------------------------------------- */

/* Bounded LRU hashes. find: NULL, not there; put replaces what is there: 0 or -ENOMEM. */
struct ifw_flow *sim_world_find_flow(struct sim_world *world, enum ifw_flow_class class,
				     const struct ifw_flow_key *key);
const struct ifw_flow *sim_world_peek_flow(const struct sim_world *world, enum ifw_flow_class class,
					   const struct ifw_flow_key *key);
int sim_world_put_flow(struct sim_world *world, enum ifw_flow_class class,
		       const struct ifw_flow_key *key, const struct ifw_flow *value);
void sim_world_drop_flow(struct sim_world *world, enum ifw_flow_class class,
			 const struct ifw_flow_key *key);
void sim_world_clear_flows(struct sim_world *world);

/* The first packet has come: times of flows that the world file told count from there. */
void sim_world_start_flows(struct sim_world *world, uint64_t now_ns);

/* Room for so many flows, all classes together. */
void sim_world_size_flows(struct sim_world *world, uint32_t total);

/* --- sockets.c ------------------------------------------------------------ */

/*
 * What the kernel's lookup of this tuple finds for a packet of the interface; size as given to
 * the helper. NULL: nothing.
 */
const struct sim_socket *sim_world_lookup_tcp(const struct sim_world *world, uint32_t ifindex,
					      const struct bpf_sock_tuple *tuple, uint32_t size);
const struct sim_socket *sim_world_lookup_udp(const struct sim_world *world, uint32_t ifindex,
					      const struct bpf_sock_tuple *tuple, uint32_t size);

/* The socket that sent the packet by the interface, of those that the world lists; NULL: none. */
const struct sim_socket *sim_world_sender(const struct sim_world *world, uint32_t ifindex,
					  const struct packet *p);

/* --- packet.c ------------------------------------------------------------- */

/*
 * Starts and ends the life of a packet; one at a time in a world. The frame is
 * copied to where one byte more cannot be read. begin: 0 or -ENOMEM. end notes
 * what was left unreleased.
 */
int sim_packet_begin(struct sim_world *world, const struct sim_frame *frame,
		     struct sim_packet **packet);
void sim_packet_end(struct sim_packet *packet);
void sim_packet_violation(struct sim_packet *packet, const char *what);

/* Removes len bytes at off of the frame; both within it. It ends at the same page. */
void sim_packet_strip(struct sim_packet *packet, uint32_t off, uint32_t len);

/* Takes a reference; NULL after noting that there are too many. */
struct bpf_sock *sim_packet_hold(struct sim_packet *packet, const struct sim_socket *socket);

/* The handle behind a pointer that the decision gave back; NULL after noting what is wrong. */
struct sim_handle *sim_packet_handle(struct sim_packet *packet, const struct bpf_sock *sk);
void sim_packet_release(struct sim_packet *packet, struct sim_handle *handle);
void sim_world_free_buffer(struct sim_world *world);

#endif /* IFW_SIM_WORLD_H */
