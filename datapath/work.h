/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * work.h - all that is known of the packet being decided. It lies in a per-CPU
 * map and not on the stack (a packet is decided in one go, with softirqs off):
 * BPF has 512 bytes of stack for a whole chain of calls, and the verifier
 * follows every combination of values that it sees on the stack, but not in maps.
 */
#ifndef IFW_WORK_H
#define IFW_WORK_H

#include <linux/bpf.h>

#include "abi.h"

struct packet {
	struct ifw_addr src;
	struct ifw_addr dst;
	__u32 length; /* frame, bytes, link header included */
	__u32 l3_off; /* bytes from the start of the frame */
	__u32 l4_off;
	__u32 l4_length;       /* bytes that the IP header leaves for the transport */
	__u32 identification;  /* of a fragment, as on the wire */
	__u32 fragment_off;    /* bytes */
	__u32 fragment_length; /* bytes, of IPv6 with the extension headers that are in it */
	__u16 ethertype;       /* host order */
	__u16 src_port;	       /* host order; 0 where there is none */
	__u16 dst_port;
	__u8 family;	     /* enum ifw_family; NONE for neither */
	__u8 protocol;	     /* IPPROTO_*; of IPv6: the last header that was read */
	__u8 hop_limit;	     /* of IPv6 */
	__u8 fragment;	     /* 1: any fragment, the first too */
	__u8 later_fragment; /* 1: a fragment other than the first */
	__u8 tiny;	     /* 1: a first fragment without a whole transport header */
	__u8 bad_extension;  /* 1: an IPv6 extension header that is unknown, or too many */
	__u8 icmp_type;
	__u8 icmp_code;
	/* TCP, as on the wire. */
	__u8 tcp_offset; /* 32-bit words in the upper half */
	__u8 tcp_flags;
	__be16 tcp_window;
	__be32 tcp_sequence;
	__be32 tcp_acknowledgement;
	/* What tracking has found out. */
	__u16 echo_id;	 /* host order; of an ICMP echo */
	__u8 answer;	 /* 1: an answer to what left */
	__u8 for_rules;	 /* 1: an answer, unless a rule intercepts it */
	__u8 no_socket;	 /* 1: none is to be found that is connected to its sender */
	__u8 flow_known; /* 1: its flow was found, and has been told of it */
	__u32 epoch;	 /* of the rules, read before they are walked */
	__u8 rule_known; /* 1: the rule that it would meet is in ifw_found_rule() */
};

/* The interface that it came in by: settings, or the defaults. */
struct iface {
	__u32 ifindex;
	__u32 slot;
	__u32 flags; /* enum ifw_iface_flags */
	__u32 mark;
	__u32 mark_mask;
	__u32 verbose;	/* 0: no events; n: an event for every nth decision */
	__u32 stripped; /* 1: outer headers were removed */
};

/* What the whole decision came to. */
struct decision {
	__u8 verdict;  /* enum ifw_verdict */
	__u8 reason;   /* enum ifw_reason */
	__u8 assigned; /* enum ifw_assigned */
	__u8 marked;   /* 1: our bits of skb->mark were written */
	__u32 rule;    /* order number of the rule that matched; 0: none */
	__u32 counter; /* of that rule; 0: it is not counted */
};

/* The flow that the packet belongs to; the key and what is put into a map cannot lie on the stack.
 */
struct track {
	struct ifw_flow_key key;
	struct ifw_flow fresh;
	__u32 from_low; /* 1: the packet comes from the key's low end */
	/* TCP, in host order. */
	__u32 sequence;
	__u32 end; /* sequence number behind its last byte */
	__u32 acknowledgement;
	__u32 window; /* not scaled */
	__u32 flags;  /* IFW_TCP_* */
	__u32 scale;  /* of a SYN: the option, or IFW_SCALE_NONE */
	__u8 options[40];
	__u32 option_at;
};

/* The clock as it was last read on this CPU. */
struct clock {
	__u64 tick; /* jiffies */
	__u64 now_ns;
};

/* One for each direction: what leaves may be an answer to what is being let in. */
struct ifw_work {
	struct packet packet;
	struct packet quoted; /* by an ICMP error */
	struct iface in;
	struct decision decision;
	struct track track;
	struct clock clock;
	struct bpf_sock_tuple
		tuple; /* for lookups; on the stack it would count against its limit */
};

#endif /* IFW_WORK_H */
