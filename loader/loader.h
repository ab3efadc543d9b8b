/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * loader.h - ifw's state in the kernel: program, pins, rules, interfaces,
 * policy routes, events. There is no daemon; every call works on the pins of
 * one network namespace, under one lock where it changes something.
 *
 * Nothing here prints. Functions return 0 or -errno and, where they fail, say
 * what, where and what to do in a struct failure.
 */
#ifndef IFW_LOADER_H
#define IFW_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "ruleset/rule.h"

#define HOST_RELEASE_MAX 65 /* bytes, with the final NUL: uname(2) */

struct loader;

struct failure {
	char text[1024]; /* without "ifw: " and without a line end */
};

enum loader_mode {
	LOADER_READ,  /* state must exist; never waits for a writer */
	LOADER_WRITE, /* state must exist; holds the lock until closed */
	LOADER_CREATE /* as WRITE, but makes the state where there is none */
};

enum loader_counting {
	LOADER_COUNTING_DEFAULT, /* on */
	LOADER_COUNTING_ON,
	LOADER_COUNTING_OFF, /* no counters of rules, and no memory for them */
};

/* Room for a set, fixed when the state is made. */
struct loader_limits {
	uint32_t ranges;   /* disjoint port ranges, and rules */
	uint32_t prefixes; /* (destination, source) prefix pairs */
	uint32_t flows;	   /* tracked, all together; the maps are made when something tracks */
	uint32_t counting; /* enum loader_counting */
};
#define LOADER_RANGES_DEFAULT 262144
#define LOADER_PREFIXES_DEFAULT 131072
#define LOADER_FLOWS_MIN 1024
#define LOADER_FLOWS_MAX (1U << 24)

struct loader_options {
	const char *pin_dir;	     /* NULL: the namespace's own, see loader_pin_dir() */
	struct loader_limits limits; /* 0: default; CREATE only */
};

/*
 * -ENOENT: not up in this namespace. -ENODEV: no BPF file
 * system here. -EPERM: a privilege is missing. -EPROTO: pins of another ABI. -EXDEV: pins of
 * another network namespace. options may be NULL.
 */
int loader_open(struct loader **loader, enum loader_mode mode, const struct loader_options *options,
		struct failure *failure);
void loader_close(struct loader *loader);

struct upgrade_result {
	bool taken;   /* false: they were ours already */
	uint32_t abi; /* of the pins before */
	unsigned int interfaces;
	unsigned int rules;
};

/*
 * Pins of an older ABI become this one's: its own maps and programs are made beside,
 * rules, settings, tracked flows and counters of interfaces are taken over, the programs
 * are changed in place, and then the directories trade names. Traffic goes on; killed
 * half-way, the next call makes it whole. Counters of rules start at 0, and datagrams
 * whose fragments are under way are lost. Where the ABI is ours already, nothing changes
 * (taken says so). -ENOENT: not up. -EPROTO: too old, or newer than this.
 */
int loader_upgrade(const struct loader_options *options, struct upgrade_result *result,
		   struct failure *failure);

/* Whether there was no state, and opening it (CREATE) has made this one. */
bool loader_made(const struct loader *loader);

/* Where the pins are, or would be: /sys/fs/bpf/ifw, or ifw-INODE in a namespace of its own. */
const char *loader_pin_dir(const struct loader *loader);
/* The same without opening it. pin_dir: as in the options. 0 or -errno. */
int loader_place(const char *pin_dir, char *text, size_t size, struct failure *failure);

/* --- Interfaces ---------------------------------------------------------- */

enum loader_track {
	LOADER_TRACK_DEFAULT, /* as it was; on where the interface was not up, lo apart */
	LOADER_TRACK_ON,
	LOADER_TRACK_OFF,
};

struct up_options {
	uint32_t track; /* enum loader_track */
	uint32_t hook;	/* enum ifw_hook; NONE: TCX where the kernel has it, else clsact */
	bool set_mark;	/* mark, mask and table are given; else defaults, or what is in force */
	uint32_t mark;
	uint32_t mark_mask;
	uint32_t table;			   /* routing table of the policy route */
	const struct iface_change *change; /* holds from the first packet on; NULL: none */
};
#define LOADER_TABLE_DEFAULT 7100
#define LOADER_RULE_PRIORITY 100  /* of the policy rule: after local, before main */
#define LOADER_RTPROT 119	  /* rtnetlink protocol of our rules and routes */
#define LOADER_RTPROT_BINDING 120 /* and of prefixes that are bound to the host (zfw -B) */

struct up_result {
	bool was_up;		/* the program was there already and was replaced in place */
	uint32_t hook;		/* enum ifw_hook */
	unsigned int addresses; /* own addresses recorded, IPv4 and IPv6 */
	uint32_t verified_instructions; /* of the program loaded; 0: the kernel does not say */
	uint32_t lookup_instructions;	/* of the one at sk_lookup, likewise */
	uint32_t egress_instructions;	/* of the one for what leaves, likewise; 0 without one */
	bool track;			/* what leaves is remembered */
	bool lookup; /* fragments and SYNs that meet TIME_WAIT reach the listener: 5.17, not 7.3 */
	struct up_policy {
		bool made; /* false on lo, which needs none */
		bool ipv6; /* for IPv6 too; false where the host has none */
		uint32_t mark, mark_mask, table;
	} policy;
};

/* Either all of it or, on failure, nothing: loads, attaches, records addresses, makes the policy
 * route. -EOPNOTSUPP: lo is not tracked. */
int loader_up(struct loader *loader, const char *ifname, const struct up_options *options,
	      struct up_result *result, struct failure *failure);

/*
 * Loading and verifying takes half a second. Who opens loaders of one state again and again
 * keeps what one has loaded, before it is closed, and gives it to the next, just opened.
 * Of another state nothing is used. *kept: NULL at first; loader_programs_free() at last.
 */
struct loader_programs;
void loader_programs_keep(struct loader *loader, struct loader_programs **kept);
void loader_programs_use(struct loader *loader, struct loader_programs **kept);
void loader_programs_free(struct loader_programs *kept);

/* Undoes loader_up(). -ENODEV: it is not up. Also for interfaces that have disappeared. */
int loader_down(struct loader *loader, const char *ifname, struct failure *failure);

/* Every interface, then all pins, rules included. The loader can only be closed afterwards. */
int loader_down_all(struct loader *loader, unsigned int *interfaces, struct failure *failure);

struct iface_addr {
	struct ifw_addr addr;
	uint8_t family;
	uint8_t kind; /* enum ifw_addr_kind */
};

struct iface_info {
	char name[IFW_NAME_MAX];
	uint32_t ifindex;
	bool present;  /* the interface still exists */
	bool renamed;  /* under another name; rules and the policy route know the former */
	bool attached; /* and the program is on its hook */
	bool egress;   /* so is the one for what leaves, where it has something to do */
	struct ifw_iface settings;
	struct iface_addr *addrs;
	size_t addr_count;
	struct ifw_counters counters; /* all CPUs */
};

/* Interfaces that are up, by name. Free with loader_ifaces_free. */
int loader_ifaces(struct loader *loader, struct iface_info **ifaces, size_t *count,
		  struct failure *failure);
void loader_ifaces_free(struct iface_info *ifaces, size_t count);

/* What is NULL stays as it is. */
struct iface_change {
	uint32_t set, clear; /* enum ifw_iface_flags */
	const uint32_t *verbose;
	const bool *track;		      /* loader_iface_set_egress() alone */
	const uint64_t *protocols;	      /* 4 words, see struct ifw_iface */
	const uint16_t *ethertypes;	      /* IFW_ETHERTYPES_MAX */
	const struct ifw_net *geneve_sources; /* IFW_GENEVE_SOURCES_MAX */
};

/* Changes settings of one interface. -ENODEV: it is not up. */
int loader_iface_set(struct loader *loader, const char *ifname, const struct iface_change *change,
		     struct failure *failure);
/*
 * The same where what leaves is concerned (track, IFW_IFACE_EGRESS_DENY): puts the
 * program for that on its hook, or takes it off. -EOPNOTSUPP: lo is not tracked.
 */
int loader_iface_set_egress(struct loader *loader, const char *ifname,
			    const struct iface_change *change, struct failure *failure);
/* Of every interface that is up. -ENODEV: there is none. */
int loader_iface_set_all(struct loader *loader, const struct iface_change *change,
			 struct failure *failure);

/*
 * How many of the interfaces that are up, and that a rule on these (struct rule.ifaces) holds
 * on, have the flag set, and how many have not.
 */
struct iface_tally {
	size_t with, without;
};
int loader_iface_tally(struct loader *loader, uint64_t ifaces, enum ifw_iface_flags flag,
		       struct iface_tally *tally, struct failure *failure);

/* --- Following the host ---------------------------------------------------- */

/* What was amended on an interface that is up; error: 0, or -errno of what could not be. */
typedef void (*followed_fn)(void *arg, const char *ifname, bool addresses, bool policy, int error);

/*
 * Looks at each interface that is up and attached: takes the name it has now, records its
 * addresses, makes its policy rule and route where they are missing. Calls each where
 * something was amended, or could not be. 0 or -errno.
 */
int loader_follow(struct loader *loader, followed_fn each, void *arg, struct failure *failure);

/*
 * A descriptor that becomes readable when links or addresses of this network namespace
 * change, and when policy rules, routes of ours, qdiscs or filters are removed; what
 * happened has to be looked for. Close it. -errno: with the reason in failure.
 */
int loader_watch(struct failure *failure);
/* Takes everything from it that has come. */
void loader_watch_drain(int fd);

/* --- Rules --------------------------------------------------------------- */

/*
 * The names and slots that rules given to this loader refer to: parse with
 * this table. New names in it become part of the state when a rule is stored.
 */
struct iface_names *loader_names(struct loader *loader);

/*
 * Where loader_names() is full: frees the slots of names that no rule in force
 * and no interface that is up uses, names added but not stored yet apart.
 * 0 or -errno.
 */
int loader_names_collect(struct loader *loader, struct failure *failure);

enum add_outcome {
	ADD_DONE,
	ADD_UNCHANGED, /* the same rule was there */
	ADD_REPLACED,  /* one of the same match was there, and was replaced */
};

struct add_result {
	enum add_outcome outcome;
	bool prefix_had_ranges;	 /* before: what zfw calls "lookup success" */
	bool shadowed;		 /* it can never match... */
	struct rule shadowed_by; /* ... because of this one (the first of them) */
	size_t shadowed_by_count;
};

/*
 * Adds one rule. -EEXIST: one of the same match has another action, listener or
 * label, and replace was not asked for (existing says which). -ENOSPC: a limit
 * is reached, named in failure; nothing changed. What replaces another counts from 0.
 */
int loader_rule_add(struct loader *loader, const struct rule *rule, bool replace,
		    struct add_result *result, struct failure *failure);

/* What to delete: the group of rule (protocol, prefixes), and of it ... */
struct delete_filter {
	struct rule rule;
	bool any_high;	 /* every range that starts at rule.low */
	bool any_ifaces; /* whatever interfaces it names */
};

struct delete_result {
	size_t removed;
	bool group_found; /* the prefix had rules */
	bool group_empty; /* and has none any more */
};

/* Removes what matches; -ENOENT where nothing did. */
int loader_rule_delete(struct loader *loader, const struct delete_filter *filter,
		       struct delete_result *result, struct failure *failure);

/* All rules in order, names included, into an empty set. A moment's whole picture. */
int loader_rules(struct loader *loader, struct rule_set *set, struct failure *failure);

/*
 * And what each has decided, on all CPUs: *counts has an element for each rule
 * and is to be freed; NULL where rules are not counted.
 */
int loader_rules_counted(struct loader *loader, struct rule_set *set, struct ifw_count **counts,
			 struct failure *failure);

/*
 * Replaces all rules at once. set->names must be loader_names() and what was
 * added to it. *changed: false where the same rules were in force already.
 * Rules that stay the same go on counting; so do those of a set that
 * loader_rules() gave of this very loader, though they were not in force meanwhile.
 */
int loader_apply(struct loader *loader, const struct rule_set *set, bool *changed,
		 struct failure *failure);

struct loader_usage {
	struct loader_limits limits;
	uint32_t rules;
	uint32_t ranges;   /* in use or not yet reusable */
	uint32_t prefixes; /* elements */
	uint32_t counters; /* bytes a CPU that the counters of rules take */
};
int loader_usage(struct loader *loader, struct loader_usage *usage, struct failure *failure);

/* --- What leaves ---------------------------------------------------------- */

/*
 * Before the first egress rule: the program for what leaves on each interface that
 * is up. After the last: off where it has nothing else to do. 0 or -errno.
 */
int loader_egress_attach(struct loader *loader, struct failure *failure);
int loader_egress_settle(struct loader *loader, struct failure *failure);
/* Whether it is on each already, for who cannot attach. -EOPNOTSUPP: not. */
int loader_egress_check(struct loader *loader, struct failure *failure);
/* Whether the program for what leaves has anything to do there. rules: some are egress rules. */
bool loader_needs_egress(const struct ifw_iface *settings, bool rules);

/* How many flows there is room for from now on; not while something is tracked. 0 or -errno. */
int loader_flows_limit(struct loader *loader, uint32_t flows, struct failure *failure);

/* Of so many flows in all, how many may be of a class. */
uint32_t loader_flows_room(uint32_t total, enum ifw_flow_class class);

/* Return other than 0 to stop, below 0 as an error. */
typedef int (*flow_fn)(void *arg, const struct ifw_flow_key *key, const struct ifw_flow *flow);

/* Hands on each flow that has not expired; what it answers at the end, 0 or -errno. */
int loader_flows(struct loader *loader, flow_fn each, void *arg, struct failure *failure);
/* Removes those for which wanted (NULL: all) answers other than 0; *removed: how many. */
int loader_flows_flush(struct loader *loader, flow_fn wanted, void *arg, uint64_t *removed,
		       struct failure *failure);

/* Of all interfaces; kept while nothing tracks, too. */
int loader_track_settings(struct loader *loader, struct ifw_track_settings *settings,
			  struct failure *failure);
int loader_track_set(struct loader *loader, const struct ifw_track_settings *settings,
		     struct failure *failure);

/* --- The host around it ------------------------------------------------------ */

/* A TCP or UDP socket, as sock_diag tells of it. */
struct socket_info {
	struct ifw_addr local, peer; /* peer: zero where it has none */
	uint16_t local_port, peer_port;
	uint8_t family;	  /* enum ifw_family */
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t state;	  /* BPF_TCP_*; UDP: CLOSE, or with a peer ESTABLISHED */
	bool v6only;
	bool options_known; /* the kernel tells of them: 5.9 */
	bool transparent;
	uint32_t ifindex; /* it is bound to; 0: to none */
};

/* Return other than 0 to stop, below 0 as an error. */
typedef int (*socket_fn)(void *arg, const struct socket_info *socket);

/* Hands on every socket of this network namespace that has a port. */
int loader_sockets(socket_fn each, void *arg, struct failure *failure);

/* Whether an interface is down, so that nothing comes or leaves by it. 0 or -errno. */
int loader_is_down(uint32_t ifindex, bool *down);

/* The Ethernet address of an interface; *has: it has one. 0 or -errno. */
int loader_mac(const char *ifname, uint8_t mac[6], bool *has);

/* A packet that came in by an interface, as routing sees it. */
struct routed_packet {
	struct ifw_addr src, dst;
	uint16_t src_port, dst_port;
	uint8_t family;	  /* enum ifw_family */
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	uint32_t ifindex;
	uint32_t mark;
};

struct route_answer {
	int error;	/* 0, or -errno: such a packet is not routed */
	bool here;	/* it is for this host */
	uint32_t table; /* that said so; 0: the kernel does not tell */
};

/* What the kernel's routing, its checks of the source included, would do. 0 or -errno. */
int loader_route(const struct routed_packet *packet, struct route_answer *answer);

/* By which interface an answer to the packet's source would leave. 0 or -errno. */
struct way_back {
	int error; /* 0, or -errno: there is none */
	bool here; /* the source is one of this host */
	uint32_t ifindex;
};
int loader_way_back(const struct routed_packet *packet, struct way_back *back);

/* The policy rule, or the route, that refuses a packet. */
struct route_refusal {
	const char *kind; /* blackhole, unreachable, prohibit; NULL: none is known to */
	bool rule;
	uint32_t priority; /* of the rule */
	uint32_t table;	   /* of the route */
	struct ifw_addr dst;
	uint8_t dst_len;
};
/* 0 or -errno. */
int loader_refusal(const struct routed_packet *packet, struct route_refusal *refusal);

/* What stands between a marked packet and this host. */
struct policy_info {
	bool rule;  /* the policy rule that `ifw up` makes is there */
	bool route; /* and the route that it leads to */
	bool alone; /* so is one by the mark alone or with `iif lo`: for the way back, too */
	uint32_t alone_priority, alone_table;
};
int loader_policy(const struct iface_info *iface, uint8_t family, struct policy_info *policy);

/* Calls each for what sees packets of an interface before ours does: "TCX program 'x' (id 7)". */
int loader_before(struct loader *loader, const struct iface_info *iface,
		  enum ifw_direction direction, void (*each)(void *arg, const char *text),
		  void *arg);

/* A number in /proc/sys/net/PATH; missing where there is no such file, or none can be read. */
int64_t loader_sysctl(const char *path, int64_t missing);

/* What a host has of what interception needs; nothing of it takes `ifw up`. */
struct host_facts {
	char release[HOST_RELEASE_MAX]; /* of the kernel: uname(2) */
	bool before_5_10, before_5_17;
	bool bpffs; /* a BPF file system is where the pins would lie: */
	char bpffs_at[512];
	bool btf; /* /sys/kernel/btf/vmlinux can be read */
	bool lo_up;
	char lacking[64];	    /* capabilities that loading takes: "CAP_BPF, CAP_PERFMON" */
	int helpers;		    /* 1: all that the programs call; 0: one is missing; -errno */
	const char *helper_missing; /* that one */
	int tcx;		    /* 1, 0, or -errno where the kernel does not tell */
};
/* pin_dir: NULL for the usual place. 0 or -errno. */
int loader_host_facts(const char *pin_dir, struct host_facts *facts);

/* Mounts the BPF file system in its usual place, where it is not there. 0 or -errno. */
int loader_mount_bpffs(struct failure *failure);

/* What an interface is like now, beside what is recorded of it. */
struct iface_facts {
	char name[IFW_NAME_MAX];   /* it has now */
	char upper[IFW_NAME_MAX];  /* a device on top that takes its packets; "": none */
	bool unrecorded, outdated; /* an address came, or one that is recorded has gone: */
	struct iface_addr odd;
};
/* -ENXIO: it has gone. */
int loader_iface_facts(const struct iface_info *iface, struct iface_facts *facts);

/* Whether the program for lookups that the stack makes itself is in force. 0 or -errno. */
int loader_lookup_attached(struct loader *loader, bool *attached);

/* --- Rules of nftables, iptables-nft's among them, and of iptables-legacy --------- */

struct filters; /* as they were when they were read */

enum filter_harm {
	FILTER_MARK,	 /* writes another value into our bits of the mark */
	FILTER_DROPS,	 /* a rule drops or rejects it */
	FILTER_POLICY,	 /* the policy of a base chain does */
	FILTER_WAY_BACK, /* a rule drops it where the way back is another one */
};

struct filter_finding {
	enum filter_harm harm;
	bool certain; /* every packet like this meets it; else some may */
	bool legacy;  /* of iptables-legacy */
	const char *family, *table, *base, *chain; /* base: chain of the hook */
	uint64_t handle; /* of the rule; of iptables-legacy its number; 0: the policy */
};

/* A packet that ifw let in; of its source nothing is known. */
struct filter_packet {
	const struct iface_info *iface;
	struct ifw_addr dst;
	uint16_t dst_port; /* host order; of TCP and UDP */
	uint8_t family;	   /* enum ifw_family */
	uint8_t protocol;  /* IPPROTO_* */
	bool forwarded;	   /* passed on; else intercepted, and so marked */
	bool established;  /* not the first packet of its connection */
};
typedef void (*filter_fn)(void *arg, const struct filter_finding *finding);

/* 0, also where the kernel has no nftables; -EPERM: needs CAP_NET_ADMIN. Close in any case. */
int loader_filters_open(struct filters **filters);
void loader_filters_close(struct filters *filters);
/* Hands on what does harm to the packet, in the order in which it meets it. */
void loader_filters_meet(const struct filters *filters, const struct filter_packet *packet,
			 filter_fn each, void *arg);
/* Whether IPv4's table has such a chain. */
bool loader_filters_have(const struct filters *filters, bool legacy, const char *table,
			 const char *chain);

struct legacy_info {
	int error; /* -errno: they were not read */
	size_t tables;
};
/* Of iptables-legacy; also where loader_filters_open() could not read the others. */
void loader_filters_legacy(const struct filters *filters, struct legacy_info *info);

/* Which of the rules a flow remembers are still in force: those of this epoch. */
int loader_epoch(struct loader *loader, uint32_t *epoch, struct failure *failure);

/* --- Events -------------------------------------------------------------- */

/* packet: the same event with its packet; NULL: without. Return other than 0 to stop. */
typedef int (*event_fn)(void *arg, const struct ifw_event *event,
			const struct ifw_packet_event *packet);

struct events_wanted {
	/* Asked for as long as they are read; until_ns is filled in. NULL: what comes anyway. */
	const struct ifw_watch *watch;
	int stop_fd; /* eventfd, signalfd, pipe; -1: none */
	event_fn callback;
	/* When nothing more is waiting, and each second. Return other than 0 to stop; may be NULL.
	 */
	int (*flush)(void *arg);
	void *arg;
};

/*
 * Hands events on until stop_fd becomes readable or the callback stops it. -EBUSY:
 * somebody reads them already.
 */
int loader_events(struct loader *loader, const struct events_wanted *wanted,
		  struct failure *failure);

#endif /* IFW_LOADER_H */
