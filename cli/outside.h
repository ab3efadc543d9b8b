/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * outside.h - what would defeat a decision outside the program: who sees the packet before,
 * and what the kernel does with it behind.
 */
#ifndef IFW_OUTSIDE_H
#define IFW_OUTSIDE_H

#include "cli.h"
#include "sim/explain/explain.h"
#include "sim/world.h"

#define FINDINGS_MAX 16
#define FINDING_MAX 512 /* bytes, with the final NUL */

struct finding {
	const char *what; /* a stable word for programs, see outside.c */
	char text[FINDING_MAX];
};

struct findings {
	struct finding list[FINDINGS_MAX];
	size_t count;
	bool passed_on; /* as far as routing goes, the packet is passed on to another host */
};

/* The listener of an intercept rule, as the decision looks it up; NULL: there is none. */
const struct sim_socket *outside_listener(const struct sim_world *world, uint32_t ifindex,
					  const struct rule *rule);

/* Whether a socket of the host is the one that the world has under that key. */
bool outside_is_listener(const struct sim_world *world, const struct socket_info *socket,
			 const struct sim_socket_key *key);

/* What is in force of a setting of net.ipv4.conf that the larger of 'all' and its own decides. */
int64_t outside_larger_conf(const char *ifname, const char *name);
/* Whether the kernel drops every packet of IPv6 that comes in by the interface. */
bool outside_ipv6_off(const char *ifname);
/* Whether packets that come in by the interface are passed on. */
bool outside_forwards(const char *ifname, uint8_t family);

/* Of the packet that was explained, at the interface. CLI_DONE; CLI_REFUSED after complaining. */
int outside_find(const struct cli *cli, struct loader *loader, const struct iface_info *iface,
		 const struct sim_world *world, enum ifw_direction direction,
		 const struct explanation *explanation, struct findings *findings);

/*
 * The same of routing alone, of a packet that comes in by an interface that is up: route, source,
 * and what else keeps it from coming to this host. 0 or -errno.
 */
int outside_find_route(const struct iface_info *iface, const struct explanation *explanation,
		       struct findings *findings);

/*
 * Adds the rules of nftables and iptables that would defeat the packet where it was
 * intercepted (mark-rules, input-rules), or where outside_find() found that it is passed on
 * (forward-rules), as far as they do not ask for its source. Says on standard error where they
 * cannot be read.
 */
void outside_find_filters(const struct cli *cli, const struct iface_info *iface,
			  const struct explanation *explanation, struct findings *findings);

/* Which rule it is, or which chain's policy: "chain inet filter input, rule handle 7,". */
#define OUTSIDE_RULE_MAX 384 /* bytes, with the final NUL */
void outside_rule_text(const struct filter_finding *finding, char text[OUTSIDE_RULE_MAX]);

#endif /* IFW_OUTSIDE_H */
