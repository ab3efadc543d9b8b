/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sim.h - the decision in user space: a world (interfaces, sockets, rules) and
 * packets in, verdicts out. The decision itself is datapath/, unchanged; what
 * is here stands in for the kernel and is as strict: packet bounds with a guard
 * page, counted socket references, the same error codes.
 *
 * A world may be used by one thread at a time; worlds do not share anything.
 * example.c shows all that a test needs: sim_world_create, _parse, _parse_rules,
 * a frame, sim_decide, sim_world_destroy.
 */
#ifndef IFW_SIM_H
#define IFW_SIM_H

#include "datapath/helpers.h"
#include "datapath/verdict.h"
#include "ruleset/rule.h"

struct sim_world;

/* 0 or -ENOMEM. Destroy with sim_world_destroy (NULL is fine). */
int sim_world_create(struct sim_world **world);
void sim_world_destroy(struct sim_world *world);

/*
 * Reads a world file (see world_parse.c for its statements) into an empty world,
 * which on failure is empty again. 0, -EINVAL after reporting, -ENOMEM.
 */
int sim_world_parse(struct sim_world *world, const char *text, size_t size, diagnose_fn diagnose,
		    void *arg);

/* The table that rules for this world must be parsed with; interfaces of the world are in it. */
struct iface_names *sim_world_names(struct sim_world *world);

/*
 * Compiles the set and puts it in force in place of the former; set->names must
 * extend sim_world_names(), which it then replaces (-EINVAL otherwise). The set is
 * copied. 0, -ENOMEM, -E2BIG (compile_set); on failure the former stays in force.
 */
int sim_world_set_rules(struct sim_world *world, const struct rule_set *set);

/* The same of rules as text: 0, -EINVAL after reporting; or as sim_world_set_rules. */
int sim_world_parse_rules(struct sim_world *world, const char *text, size_t size,
			  diagnose_fn diagnose, void *arg);

/* ifindex of an interface by name, 0 where the world has none; name of one, NULL likewise. */
uint32_t sim_world_ifindex(const struct sim_world *world, const char *name);
const char *sim_world_ifname(const struct sim_world *world, uint32_t ifindex);
uint32_t sim_world_first_ifindex(const struct sim_world *world);
size_t sim_world_iface_count(const struct sim_world *world);

/* The rule with this order number, NULL where there is none. */
const struct rule *sim_world_rule(const struct sim_world *world, uint32_t order);

/* All of them, in order, and the names of interfaces that they are printed with. */
const struct rule_set *sim_world_rules(const struct sim_world *world);

/*
 * What the rule with this order number has decided since the set was put in
 * force; NULL where there is no such rule.
 */
const struct ifw_count *sim_world_rule_count(const struct sim_world *world, uint32_t order);

/* Counters of an interface, summed; NULL where the world has no such interface. */
const struct ifw_counters *sim_world_counters(const struct sim_world *world, uint32_t ifindex);

struct sim_result {
	struct decision decision;
	uint32_t mark;	/* skb->mark afterwards */
	bool has_event; /* the interface is verbose */
	struct ifw_event event;
	const struct ifw_packet_event *packet; /* the event with its packet, until the next one;
						  NULL: without */
	const char
		*violation; /* what the decision did that the kernel would refuse; NULL: nothing */
};

/* What a frame starts with. The interface says which. */
enum sim_link {
	SIM_LINK_ETHERNET,
	SIM_LINK_RAW_IP, /* the IP header: tun, wireguard, ppp */
};

/* Which way a frame goes at the interface, by its source; in where the world tells no `mac`. */
enum ifw_direction sim_world_direction(const struct sim_world *world, uint32_t ifindex,
				       const void *frame, size_t length);

/* Ethernet too where the world has no such interface. */
enum sim_link sim_world_link(const struct sim_world *world, uint32_t ifindex);

#define SIM_SENT_BY(sender) ((uint8_t)(1 + (sender))) /* enum ifw_sender */

/* One packet as the driver handed it over. */
struct sim_frame {
	const void *data;
	size_t length; /* bytes */
	uint32_t ifindex;
	uint32_t mark;	   /* skb->mark before */
	uint32_t gso_segs; /* above 1: an aggregate */
	uint32_t tags;	   /* VLAN tags that the stack took off; the kernel takes off one */
	uint64_t time_ns;  /* CLOCK_MONOTONIC when it came; must not go back */
	enum ifw_direction direction; /* leaving: it is decided as at egress */
	uint8_t sender; /* of what leaves: SIM_SENT_BY(), 0: found among the world's sockets */
	/*
	 * Nothing is remembered of it: flows, fragments, kept listeners and counters stay as
	 * they are, and it is not reported.
	 */
	bool trial;
};

/*
 * An Ethernet frame with the first packet of a flow: protocol "tcp" (a SYN) or "udp",
 * ends as "10.0.0.1:5000" or "[2001:db8::1]:5000". Returns its bytes; 0 where these
 * are no ends of one family.
 */
#define SIM_MADE_MAX 128 /* bytes */
size_t sim_make_frame(const char *protocol, const char *src, const char *dst,
		      uint8_t frame[SIM_MADE_MAX]);

/*
 * Decides one packet. 0; -ENOMEM; -EPROTO where the decision broke the kernel's
 * rules (socket leaked or released twice, ...): result->violation says how.
 */
int sim_decide(struct sim_world *world, const struct sim_frame *frame, struct sim_result *result);

/*
 * Lets the events come about that the world file has for after this packet of a
 * capture (numbers from 1, not going back). 0; -ENOMEM; -EINVAL where one cannot, which
 * only changes made since by others can cause.
 */
int sim_world_pass_packet(struct sim_world *world, uint64_t number);

/* How much later packets come, ns, because events have waited. */
uint64_t sim_world_delay(const struct sim_world *world);

/*
 * The last packet that was decided, as the decision understood it; where outer
 * headers were removed, the inner one. Until the next.
 */
const struct packet *sim_world_packet(const struct sim_world *world);

/*
 * A lookup that the stack makes by itself (sk_lookup): for what came in by the
 * interface from src to dst. time_ns: CLOCK_MONOTONIC, family: enum ifw_family,
 * protocol: IPPROTO_TCP or IPPROTO_UDP, ports in host order. *listener: who gets it, NULL where the
 * stack goes on as if nobody had asked. 0 or -ENOMEM.
 */
int sim_lookup(struct sim_world *world, uint64_t time_ns, uint32_t ifindex, uint8_t family,
	       uint8_t protocol, struct ifw_addr src, uint16_t src_port, struct ifw_addr dst,
	       uint16_t dst_port, const struct bpf_sock **listener);

/* --- What the decision asked, for who explains it ------------------------ */

enum sim_trace_kind {
	SIM_TRACE_STEP,	      /* a step of the decision is tried */
	SIM_TRACE_LOAD,	      /* bytes were read from the frame */
	SIM_TRACE_IFACE,      /* settings of the interface */
	SIM_TRACE_ADDR,	      /* is this address own? */
	SIM_TRACE_SOCKET_TCP, /* socket lookups */
	SIM_TRACE_SOCKET_UDP,
	SIM_TRACE_ASSIGN,
	SIM_TRACE_LENGTHS,  /* a word of the lengths in use was read */
	SIM_TRACE_PREFIX,   /* a prefix was probed */
	SIM_TRACE_RANGE,    /* a range was looked at */
	SIM_TRACE_FRAGMENT, /* what is known of a datagram */
	SIM_TRACE_KEEP,	    /* a listener was kept for lookups of the stack */
	SIM_TRACE_STRIP,    /* outer headers were removed */
	SIM_TRACE_FLOW,	    /* a tracked flow was looked for */
	SIM_TRACE_PUT_FLOW, /* one was written, new or into another class */
	SIM_TRACE_SENDER,   /* who sent what leaves */
};

struct sim_trace {
	enum sim_trace_kind kind;
	enum ifw_step step;		    /* STEP */
	const struct ifw_iface *iface;	    /* IFACE: NULL where it has no settings */
	struct ifw_addr addr;		    /* ADDR */
	uint8_t family;			    /* ADDR */
	uint32_t addr_kind;		    /* ADDR: enum ifw_addr_kind, 0: not own */
	const struct bpf_sock_tuple *tuple; /* SOCKET_* */
	uint32_t tuple_size;
	const struct bpf_sock *socket;	     /* SOCKET_*, ASSIGN, KEEP: NULL where none was found */
	long error;			     /* LOAD, ASSIGN, KEEP, STRIP: 0 or -errno */
	uint32_t offset, length;	     /* LOAD, STRIP */
	const struct ifw_fragment *fragment; /* FRAGMENT: NULL where nothing is known */
	const struct ifw_prefix_key *key;    /* PREFIX */
	const struct ifw_prefix *prefix;     /* PREFIX: NULL where none was found */
	const struct ifw_range *range;	     /* RANGE */
	uint32_t index;			     /* RANGE; LENGTHS: word */
	const __u64 *lengths;		     /* LENGTHS: all words; NULL: no rules at all */
	uint8_t protocol;		     /* LENGTHS */
	const struct ifw_flow *flow;	     /* FLOW, PUT_FLOW: NULL where none was found */
	const struct ifw_flow_key *flow_key; /* FLOW, PUT_FLOW */
	uint32_t flow_class;		     /* FLOW, PUT_FLOW: enum ifw_flow_class */
	enum ifw_sender sender;		     /* SENDER; its socket: NULL where the world has none */
};

/* Called for each thing the decision asks; NULL turns it off. */
typedef void (*sim_trace_fn)(void *arg, const struct sim_trace *trace);
void sim_world_trace(struct sim_world *world, sim_trace_fn trace, void *arg);

/*
 * Lets the nth call of a helper that can fail (load of bytes, socket lookup, assignment,
 * map lookup, update and deletion, removal of headers, ring buffer) fail, counted from 1
 * within each sim_decide(); 0: none does. For tests of what the decision does then. The
 * work of a packet is always there: its map is an array that cannot lack an element.
 */
void sim_world_fail_call(struct sim_world *world, unsigned int nth);

/*
 * Answers as a program gets them in BPF_PROG_TEST_RUN (net/bpf/test_run.c): no socket can
 * be assigned (-EOPNOTSUPP), and what leaves was sent by a socket that is connected to
 * nobody, whatever sockets the world has.
 */
void sim_world_set_test_run(struct sim_world *world, bool on);

/* Events that fit into the ring buffer until somebody reads it; without this call it never fills.
 */
void sim_world_set_event_room(struct sim_world *world, uint64_t events);

/* What somebody watches (datapath/watch.h); nobody does without this call. */
void sim_world_set_watch(struct sim_world *world, const struct ifw_watch *watch);
/* As the decision has left it. */
const struct ifw_watch *sim_world_watch(const struct sim_world *world);

/* Calls of such helpers in the last sim_decide(). */
unsigned int sim_world_calls(const struct sim_world *world);

#endif /* IFW_SIM_H */
