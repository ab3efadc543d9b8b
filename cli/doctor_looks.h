/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * doctor_looks.h - the looks that `ifw doctor` takes at this host. Each adds to look->doctor what
 * it finds; 0, or -errno where it could not go on.
 */
#ifndef IFW_DOCTOR_LOOKS_H
#define IFW_DOCTOR_LOOKS_H

#include "cli.h"
#include "doctor.h"
#include "sim/sim.h"

struct look {
	const struct cli *cli;
	struct doctor *doctor;
	struct loader *loader;
	const struct sim_world *world;	/* sockets and interfaces of this host */
	const struct rule_set *rules;	/* in force */
	const struct iface_info *iface; /* that is looked at */
	const struct filters *filters;	/* NULL: they could not be read */
	bool ipv6;			/* lo has it, so there are policy routes of it */
};

/* Whether a rule for what comes in holds on the interface that is looked at. */
bool look_rule_holds(const struct look *look, const struct rule *rule);

/* Whether its destination is an address of that interface. */
bool look_is_own(const struct look *look, const struct rule *rule);

/* The program, its addresses, link, and what is before it. */
int look_iface(const struct look *look);
/* Policy rules and routes, and settings of the kernel that routing hangs on. */
int look_routing(const struct look *look);
/* Listeners of intercept rules, for each of these interfaces that they hold on. */
struct ifaces;
int look_listeners(const struct look *look, const struct ifaces *ifaces);
/* Rules of nftables and of both iptables that packets of the interface meet behind the program. */
void look_filters(const struct look *look);
/* Whether rules of iptables-legacy were read; filters: NULL where there was no memory. */
void look_legacy(const struct look *look, const struct filters *filters);
/* systemd-networkd */
void look_networkd(const struct look *look);

/* Mends what was found and is ours to mend, and says what. CLI_DONE, or how the last failed. */
int doctor_fix(const struct cli *cli, const struct doctor *doctor);

#endif /* IFW_DOCTOR_LOOKS_H */
