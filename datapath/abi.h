/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * abi.h - what the kernel program and user space share: map keys and values,
 * events, limits. Every size is asserted; changing one means raising IFW_ABI.
 *
 * Addresses are numbers here, not bytes on the wire: struct ifw_addr holds an
 * address in host order, aligned to the left, so that "the first n bits" means
 * the same for IPv4 (the top 32 bits of hi) and IPv6 (all of hi and lo), and
 * one masking routine serves both. Ports are in host order as well. Fields
 * that stay in network order are of type __be16 or __be32.
 */
#ifndef IFW_ABI_H
#define IFW_ABI_H

#include <linux/types.h>

/* Raised whenever a map's key, value or meaning changes. Pins carry it; tests build the next. */
#ifndef IFW_ABI
#define IFW_ABI 6
#endif

#define IFW_NAME_MAX 16 /* IFNAMSIZ, with the final NUL */

/*
 * Interface slots: small numbers that stand for interface names in rules.
 * Slot 0 is every interface without settings; it is never named by a rule.
 */
#define IFW_SLOTS 64
#define IFW_SLOT_NONE 0
#define IFW_IFACES_ANY (~0ULL)
/* With a slot, where rules are asked for: only those that name the interface hold there. */
#define IFW_SLOT_NAMED 0x80U
/*
 * 1 where a rule on these interfaces holds on that slot. In the mask of every interface alone is
 * bit 0. No branch: the verifier follows each.
 */
#define IFW_ADMITS(ifaces, slot)                                                                   \
	((ifaces) >> ((slot) % IFW_SLOTS) & ~((ifaces) & ((slot) / IFW_SLOT_NAMED)) & 1)

#define IFW_REASONS_MAX 32	 /* room in the counters; reasons.h must fit */
#define IFW_ETHERTYPES_MAX 8	 /* EtherTypes that an interface may pass */
#define IFW_GENEVE_SOURCES_MAX 4 /* outer source prefixes that GENEVE may come from */
#define IFW_LENGTH_MAX 128	 /* longest prefix, bits */
#define IFW_LENGTH_WORDS 3	 /* 64-bit words that hold one bit a length, 0..128 */
#define IFW_LENGTH_BIT(len) (IFW_LENGTH_MAX - (len)) /* in struct ifw_prefix.lengths */
#define IFW_RUN_MAX 65536			     /* disjoint ranges of 16-bit ports */
#define IFW_RUN_SEARCH_STEPS 17			     /* halvings that search IFW_RUN_MAX ranges */
#define IFW_LOOPBACK_IFINDEX 1			     /* include/net/flow.h LOOPBACK_IFINDEX */

/* Later fragments of a datagram are known this long: net.ipv4.ipfrag_time. */
#define IFW_FRAGMENT_NS (30ULL * 1000000000ULL)
/* How long after its first fragment a datagram may be put together: none passes after
 * IFW_FRAGMENT_NS. */
#define IFW_AWAITED_NS (2 * IFW_FRAGMENT_NS)
#define IFW_FRAGMENTS_MAX 1024	/* datagrams under way, least recently used first */
#define IFW_FRAGMENT_UNITS 8192 /* of 8 bytes: 64 KiB */
#define IFW_FRAGMENT_WORDS (IFW_FRAGMENT_UNITS / 64)

/*
 * Counters of rules are numbered from 1 and lie in chunks, so that memory grows
 * with the rules and not with their limit: counter n is element n % IFW_COUNTER_CHUNK
 * of chunk n / IFW_COUNTER_CHUNK. Number 0 is none.
 */
#define IFW_COUNTER_CHUNK 4096
#define IFW_COUNTER_CHUNKS 256

#define IFW_LISTENERS_MAX 16384 /* listeners that lookups of the stack are led to */

#define IFW_FLOWS_DEFAULT 65536 /* tracked flows, all classes together */
#define IFW_FLOW_STATES_MAX 16	/* room for timeouts; flow_states.h must fit */

/* Defaults of `ifw up`; the values in force are in struct ifw_iface. */
#define IFW_MARK_DEFAULT 0x20U
#define IFW_MARK_MASK_DEFAULT 0x20U

enum ifw_family {
	IFW_FAMILY_NONE = 0,
	IFW_FAMILY_IPV4 = 4,
	IFW_FAMILY_IPV6 = 6,
};

enum ifw_verdict {
	IFW_VERDICT_DROP = 0,
	IFW_VERDICT_PASS = 1,
	IFW_VERDICTS = 2,
};

/* Which way a packet goes, seen from this host. */
enum ifw_direction {
	IFW_DIRECTION_IN = 0,  /* at ingress */
	IFW_DIRECTION_OUT = 1, /* at egress */
	IFW_DIRECTIONS = 2,
};

enum ifw_action {
	IFW_ACTION_INTERCEPT = 1,
	IFW_ACTION_PASS = 2,
	IFW_ACTION_DENY = 3,
};

enum ifw_assigned {
	IFW_ASSIGNED_NONE = 0,
	IFW_ASSIGNED_ESTABLISHED = 1,
	IFW_ASSIGNED_LISTENER = 2,
};

/* An address in host order, left-aligned; IPv4 is the top half of hi. */
struct ifw_addr {
	__u64 hi;
	__u64 lo;
};

/* --- The set that packets are matched against ---------------------------- */

/* Elements of the map ifw_active, __u32 each. */
enum ifw_active_element {
	IFW_ACTIVE_GENERATION = 0, /* of the set in force, 0 or 1 */
	IFW_ACTIVE_EPOCH = 1,	   /* raised behind every change of the rules */
	IFW_ACTIVE_ELEMENTS = 2,
};

/*
 * Rules for what leaves lie in the same set under another protocol number: this
 * bit on top of IPPROTO_TCP or IPPROTO_UDP. They deny or pass, and never intercept.
 */
#define IFW_EGRESS 0x80

/*
 * Ranges lie in chunks, so that memory grows with them and not with their limit,
 * and so that all chunks have one size, without which the kernel does not put
 * lookups in line: range n of generation g is element n % IFW_RANGE_CHUNK of
 * chunk g * IFW_RANGE_CHUNKS + n / IFW_RANGE_CHUNK.
 */
#define IFW_RANGE_CHUNK 16384
#define IFW_RANGE_CHUNKS 256
#define IFW_RANGES_MAX (IFW_RANGE_CHUNK * IFW_RANGE_CHUNKS)

/*
 * What is asked before any prefix is: the destination lengths in use, and a
 * filter that tells of most prefixes that they are not there (filter.h). One a
 * generation, side by side in an array map of 64-bit words that user space maps
 * into its memory. Each bit means something by itself, so that a reader beside a
 * writer finds it set or not and nothing else: set before the first prefix that
 * needs it is there, cleared after the last has gone.
 */
#define IFW_FILTER_ORDER 20 /* bits of a slot's number */
#define IFW_FILTER_SLOTS (1U << IFW_FILTER_ORDER)
#define IFW_FILTER_WORDS (IFW_FILTER_SLOTS / 64)

/* TCP, UDP, and the same for what leaves (IFW_EGRESS): bits of the numbers 6 and 17. */
#define IFW_LENGTHS_PROTOCOLS 4
#define IFW_LENGTHS_OF(protocol) (((protocol) >> 4 & 1) | ((protocol) >> 6 & 2))

struct ifw_index {
	/* [IPv6][IFW_LENGTHS_OF(protocol)], bits: IFW_LENGTH_BIT */
	__u64 lengths[2][IFW_LENGTHS_PROTOCOLS][IFW_LENGTH_WORDS];
	__u64 reserved[8];
	__u64 filter[IFW_FILTER_WORDS];	 /* bit n % 64 of n / 64: slot n */
	__u8 prefixes[IFW_FILTER_SLOTS]; /* by slot, for user space; 255: that many or more */
};
#define IFW_INDEX_WORDS (sizeof(struct ifw_index) / sizeof(__u64))

enum ifw_prefix_kind {
	IFW_PREFIX_DESTINATION = 1, /* scope 0 */
	IFW_PREFIX_SOURCE = 2,	    /* scope: id of the destination it belongs to */
};

struct ifw_prefix_key {
	struct ifw_addr addr; /* masked to len */
	__u32 scope;
	__u8 len;
	__u8 family;   /* enum ifw_family */
	__u8 protocol; /* IPPROTO_TCP or IPPROTO_UDP; with IFW_EGRESS for what leaves */
	__u8 kind;     /* enum ifw_prefix_kind */
};

/*
 * One candidate rule for one disjoint port range. The first candidates of a
 * run lie side by side in ascending order, so that they can be searched by
 * halving; further candidates of a range (rules that admit other interfaces)
 * follow through next.
 */
struct ifw_range {
	__u32 owner;	     /* ifw_prefix.id that this run belongs to; 0: free */
	__u16 low;	     /* host order, inclusive */
	__u16 high;	     /* host order, inclusive */
	__u64 ifaces;	     /* bit n: holds on interface slot n */
	__u32 rule;	     /* order number of the rule as entered */
	__u32 next;	     /* ranges ahead to the next candidate; 0: last */
	__u16 listener_port; /* host order */
	__u8 action;	     /* enum ifw_action */
	__u8 reserved;
	__u32 counter;		  /* of the rule as entered; 0: it is not counted */
	struct ifw_addr listener; /* of the destination's family */
};

/*
 * Kind DESTINATION: lengths = source lengths in use below it, other than 0;
 * its run is the one for "any source", which therefore costs no second probe.
 * Kind SOURCE: no lengths.
 * Bit 128 - n of lengths (IFW_LENGTH_BIT) stands for prefix length n, so
 * that the lowest bit set is the longest prefix.
 * A run of one range, which is what most prefixes have, lies in the element
 * itself: one lookup less for the packet.
 *
 * A hash element that was deleted can hold another key before a reader on
 * another CPU is done with it. So the value repeats its key, in front, and the
 * reader compares it last; and every range of the run repeats the id.
 */
struct ifw_prefix {
	struct ifw_prefix_key self;
	__u32 id;	 /* never 0 */
	__u32 run_at;	 /* first range of the run, number of a range; 0 where it is `only` */
	__u32 run_count; /* number of disjoint ranges, ascending; 0: no run */
	__u32 run_total; /* elements of the run, further candidates included; 1: it is `only` */
	__u64 lengths[IFW_LENGTH_WORDS];
	struct ifw_range only;
};

/* --- Interfaces ---------------------------------------------------------- */

enum ifw_iface_flags {
	IFW_IFACE_SSH_OFF = 1 << 0,
	IFW_IFACE_ECHO = 1 << 1,
	IFW_IFACE_ADDRS_RECORDED = 1 << 2,
	IFW_IFACE_RAW_IP = 1 << 3,	/* frames start with the IP header (tun, wireguard, ppp) */
	IFW_IFACE_GENEVE = 1 << 4,	/* outer headers of GENEVE are removed */
	IFW_IFACE_TRACK = 1 << 5,	/* what leaves is remembered, and its answers pass */
	IFW_IFACE_EGRESS_DENY = 1 << 6, /* what no egress rule lets out does not leave */
	IFW_IFACE_NAMED_RULES = 1 << 7, /* rules that name no interface do not hold there */
	IFW_IFACE_TUNNEL = 1 << 8,	/* for who makes rules: services are behind routes */
};

/* A prefix of the family; len 0 with family NONE: unused. */
struct ifw_net {
	struct ifw_addr addr; /* masked */
	__u8 len;
	__u8 family;
	__u8 reserved[6];
};

enum ifw_hook {
	IFW_HOOK_NONE = 0,
	IFW_HOOK_TCX = 1,
	IFW_HOOK_CLSACT = 2,
};

/* Where the program for one direction is attached. */
struct ifw_attachment {
	__u32 hook;	   /* enum ifw_hook */
	__u32 tc_priority; /* clsact: where in the order of filters */
	__u32 tc_handle;
};

/* Settings of an interface, keyed by ifindex (__u32). */
struct ifw_iface {
	__u32 slot;
	__u32 flags; /* enum ifw_iface_flags */
	__u32 mark;  /* what skb->mark gets in the bits of mark_mask */
	__u32 mark_mask;
	__u32 verbose; /* 0: no events; n: an event for every nth decision */
	__u32 reserved;
	__u64 protocols[4]; /* bit n % 64 of n / 64: IP protocol n passes though not TCP or UDP */
	__u16 ethertypes[IFW_ETHERTYPES_MAX]; /* host order; these pass though not IP; 0: unused */
	struct ifw_net geneve_sources[IFW_GENEVE_SOURCES_MAX]; /* none: any source */
	/* The rest is for user space: how to take the programs off again. */
	struct ifw_attachment at[IFW_DIRECTIONS];
	__u32 made_qdisc;  /* 1: the clsact qdisc is ours */
	__u32 table;	   /* routing table of the policy rule; 0: none was made */
	__u32 wants_track; /* 1: IFW_IFACE_TRACK, once the program for what leaves is there */
	__u32 reserved_too;
	char name[IFW_NAME_MAX];
};

enum ifw_addr_kind {
	IFW_ADDR_LOCAL = 1,
	IFW_ADDR_BROADCAST = 2, /* directed broadcast of an own prefix */
};

/*
 * What each packet asks of struct ifw_iface, in an array, which is found faster
 * than a hash: element ifindex % IFW_BRIEFS. A writer makes the sequence odd, changes
 * the rest and makes it even; a reader who sees it odd, or another ifindex, reads
 * the settings themselves.
 */
#define IFW_BRIEFS 1024
struct ifw_brief {
	__u32 sequence;
	__u32 ifindex; /* 0: none */
	__u32 slot;
	__u32 flags;
	__u32 mark;
	__u32 mark_mask;
	__u32 verbose;
	__u32 reserved;
};

/* Own addresses: key of a set, value __u32 enum ifw_addr_kind. */
struct ifw_addr_key {
	struct ifw_addr addr;
	__u32 slot;
	__u32 family;
};

/* --- Fragments and listeners --------------------------------------------- */

/* A datagram under way in pieces. */
struct ifw_fragment_key {
	struct ifw_addr src;
	struct ifw_addr dst;
	__u32 identification; /* as on the wire; IPv4 uses 16 bits */
	__u32 slot; /* of the interface: another one's fragments are another's; IFW_SLOTS more at
		       egress */
	__u8 family;
	__u8 protocol;
	__u8 reserved[6];
};

/* What its first fragment was found to be, which has passed. */
struct ifw_fragment {
	__u64 expires_ns; /* CLOCK_MONOTONIC; 0: not filled yet */
	__u32 rule;	  /* order number of the rule that let it pass; 0: none */
	__u32 counter;	  /* of that rule; 0: none */
	__u8 marked;	  /* the first was marked, so the others are */
	__u8 dropped;	  /* at egress: the first was not let out, so the others are not */
	__u8 reserved[6];
	__u64 covered[IFW_FRAGMENT_WORDS]; /* bit n: bytes 8n to 8n+7 were seen */
};

/*
 * A listener, in a SOCKHASH: reassembly forgets the socket that was assigned to
 * a first fragment, and a SYN that meets TIME_WAIT is looked up again by its
 * own tuple. The sk_lookup program finds the listener here.
 */
struct ifw_listener_key {
	struct ifw_addr addr;
	__u16 port; /* host order */
	__u8 family;
	__u8 protocol;
	__u32 reserved;
};

/* --- Tracked flows --------------------------------------------------------- */

/*
 * A flow is known by its two ends, in an order that is the same for both
 * directions: low is the end with the lower (address, port). So one lookup finds
 * it whichever way a packet goes. Host-wide: answers may come by another interface.
 * ICMP echo: low_port is the identifier, and high_port is 1 where the low end asked.
 */
struct ifw_flow_key {
	struct ifw_addr low;
	struct ifw_addr high;
	__u16 low_port; /* host order */
	__u16 high_port;
	__u8 family;	  /* enum ifw_family */
	__u8 protocol;	  /* IPPROTO_TCP, _UDP, _ICMP, _ICMPV6 */
	__u8 reserved[2]; /* 0 */
};

/* Maps of their own, so that many flows of one kind push out none of another. */
enum ifw_flow_class {
	IFW_FLOWS_NEW = 0,	 /* unreplied, half-open, closing */
	IFW_FLOWS_REPLIED = 1,	 /* ICMP echo that was answered, UDP that goes on after it */
	IFW_FLOWS_CONNECTED = 2, /* TCP after its handshake */
	IFW_FLOW_CLASSES = 3,
};

/* Index of a side in a flow, and the direction of what that side sends. */
enum ifw_side {
	IFW_ORIGINAL = 0, /* who sent the first packet that was seen */
	IFW_REPLY = 1,
	IFW_SIDES = 2,
};

#define IFW_SCALE_NONE 0xff /* no window scale option came in the SYN */

enum ifw_fin {
	IFW_FIN_NONE = 0,
	IFW_FIN_SENT = 1,
	IFW_FIN_ACKED = 2,
};

/*
 * What is known of one side. Each field is written by itself, and mostly by the
 * CPU that has this side's packets: none is changed bit by bit, so that CPUs that
 * write at once lose nothing but the older of two values.
 */
struct ifw_flow_side {
	__u32 end;	  /* TCP: sequence number behind the last byte that it sent */
	__u32 max_end;	  /* up to which the other side has room */
	__u32 max_window; /* largest that it offered, bytes */
	__u8 scale;	  /* of its windows, or IFW_SCALE_NONE */
	__u8 came_in;	  /* 1: packets of it were let in at an ingress */
	__u8 left;	  /* 1: packets of it left an interface */
	__u8 fin;	  /* enum ifw_fin */
};

struct ifw_flow {
	__u64 expires_ns; /* CLOCK_MONOTONIC; past: as if it were not there */
	__u64 packets;	  /* both directions, each packet once */
	__u64 bytes;	  /* frame length, link header included */
	struct ifw_flow_side sides[IFW_SIDES];
	__u8 state;	 /* enum ifw_flow_state */
	__u8 began_high; /* 1: the original side is the high end of the key */
	__u8 forwarded;	 /* 1: it left without a socket of this host */
	__u8 liberal;	 /* 1: sequence numbers are not held against the windows */
	__u32 epoch;	 /* of the rules when one let the original side in ... */
	__u32 rule;	 /* ... its order number; 0: none did */
	__u32 counter;	 /* the rest of it, as in struct ifw_range */
	struct ifw_addr listener;
	__u16 listener_port;
	__u8 action;
	__u8 slot;	/* of the interface by which it came in, and IFW_SLOT_NAMED */
	__u8 no_peer;	/* 1: the original side is a UDP socket of this host, connected to nobody */
	__u8 crossed;	/* 1: both sides sent a SYN, and the original one answered first */
	__u8 syn_again; /* 1: syn_end is the end of a SYN that came when the flow had another one */
	__u8 reserved;
	__u64 began_ns; /* CLOCK_MONOTONIC */
	__u32 syn_end;	/* of the original side's last such SYN */
	__u32 taken_up; /* sequence number of the original side from which on a flow is taken up */
};

enum ifw_track_flags {
	IFW_TRACK_PICK_UP = 1 << 0, /* TCP connections older than the program are taken up */
	IFW_TRACK_LIBERAL = 1 << 1, /* windows are not looked at */
};

/* One for all interfaces, since flows are. Timeouts by enum ifw_flow_state. */
struct ifw_track_settings {
	__u64 timeouts_ns[IFW_FLOW_STATES_MAX];
	__u32 flags; /* enum ifw_track_flags */
	__u32 reserved;
};

/* --- Counters and events ------------------------------------------------- */

struct ifw_count {
	__u64 packets;
	__u64 bytes; /* frame length, link header included */
};

/* One a slot and CPU. */
struct ifw_counters {
	struct ifw_count by_reason[IFW_REASONS_MAX][IFW_VERDICTS];
	__u64 decisions;   /* all packets; paces the sampling of events */
	__u64 events_lost; /* the ring buffer was full */
};

struct ifw_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	struct ifw_addr src;
	struct ifw_addr dst;
	__u32 ifindex;
	__u32 slot;
	__u32 rule;	/* order number; 0: none */
	__u32 length;	/* frame length, link header included */
	__u16 src_port; /* host order; 0 where the packet has none */
	__u16 dst_port;
	__u16 ethertype; /* host order */
	__u8 family;	 /* enum ifw_family */
	__u8 protocol;
	__u8 verdict;	/* enum ifw_verdict */
	__u8 reason;	/* enum ifw_reason */
	__u8 assigned;	/* enum ifw_assigned */
	__u8 direction; /* enum ifw_direction */
	__u8 reserved[4];
};

/*
 * What somebody who watches asks for, for a while: events of interfaces that are not
 * verbose, and packets with their bytes. One, in an array. It ends by itself where
 * whoever asked does not ask again.
 */
struct ifw_watch {
	__u64 until_ns;	 /* CLOCK_MONOTONIC; past or 0: nobody watches */
	__u64 slots;	 /* bit n: each decision of slot n makes an event... */
	__u64 reasons;	 /* ... where it has reason n, by bits, too... */
	__u8 verdicts;	 /* ... and this verdict... */
	__u8 directions; /* ... and direction */
	__u8 reserved[2];
	__u32 snaplen; /* bytes of its packet that every event brings; 0: none */
};

enum ifw_packet_flags {
	IFW_PACKET_RAW_IP = 1 << 0,    /* it begins with the IP header */
	IFW_PACKET_STRIPPED = 1 << 1,  /* outer headers were removed before */
	IFW_PACKET_AGGREGATE = 1 << 2, /* several that the stack has merged */
	IFW_PACKET_TAGGED = 1 << 3,    /* a VLAN tag was taken off before: vlan_tpid, vlan_tci */
};

/* An event with its packet; by its size it is told from one without. */
struct ifw_packet_event {
	struct ifw_event event;
	__u32 captured;	 /* bytes of the packet that are here; event.length may be more */
	__u32 flags;	 /* enum ifw_packet_flags */
	__u16 vlan_tpid; /* host order */
	__u16 vlan_tci;	 /* host order */
	__u32 reserved;
	__u8 bytes[]; /* as the decision left it; what is behind captured means nothing */
};

/* Sizes of bytes[]: the kernel wants to know them beforehand. The last holds any frame
 * but those that are larger than an IP packet can be. */
#define IFW_PACKET_SMALL 256
#define IFW_PACKET_MTU 1664
#define IFW_PACKET_LARGE 16384
#define IFW_PACKET_MAX 65600

#define IFW_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
IFW_ASSERT_SIZE(struct ifw_addr, 16);
IFW_ASSERT_SIZE(struct ifw_prefix_key, 24);
IFW_ASSERT_SIZE(struct ifw_prefix, 112);
IFW_ASSERT_SIZE(struct ifw_index, 256 + IFW_FILTER_SLOTS / 8 + IFW_FILTER_SLOTS);
IFW_ASSERT_SIZE(struct ifw_brief, 32);
IFW_ASSERT_SIZE(struct ifw_range, 48);
IFW_ASSERT_SIZE(struct ifw_net, 24);
IFW_ASSERT_SIZE(struct ifw_iface, 224);
IFW_ASSERT_SIZE(struct ifw_fragment_key, 48);
IFW_ASSERT_SIZE(struct ifw_fragment, 24 + 1024);
IFW_ASSERT_SIZE(struct ifw_listener_key, 24);
IFW_ASSERT_SIZE(struct ifw_addr_key, 24);
IFW_ASSERT_SIZE(struct ifw_flow_key, 40);
IFW_ASSERT_SIZE(struct ifw_flow_side, 16);
IFW_ASSERT_SIZE(struct ifw_flow, 112);
IFW_ASSERT_SIZE(struct ifw_track_settings, 136);
IFW_ASSERT_SIZE(struct ifw_count, 16);
IFW_ASSERT_SIZE(struct ifw_counters, 1040);
IFW_ASSERT_SIZE(struct ifw_event, 72);
IFW_ASSERT_SIZE(struct ifw_watch, 32);
IFW_ASSERT_SIZE(struct ifw_packet_event, 88);

#endif /* IFW_ABI_H */
