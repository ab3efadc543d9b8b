/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * zfw_host.h - what the older zfw does to interfaces and routes. ifw does it, run as a
 * program of its own: zfw is linked without what that takes, so that it starts fast.
 */
#ifndef IFW_ZFW_HOST_H
#define IFW_ZFW_HOST_H

#include <jansson.h>

#include "cli.h"
#include "zfw_args.h"

/* Exit statuses: 0, or 1 after complaining. */
int zfw_attach(const struct cli *cli, const struct zfw_request *request);  /* -X */
int zfw_init(const struct cli *cli, const struct zfw_request *request);	   /* -H */
int zfw_disable(const struct cli *cli);					   /* -Q */
int zfw_monitor(const struct cli *cli, const struct zfw_request *request); /* -M */
int zfw_interfaces(const struct cli *cli);				   /* -L -E */

int zfw_user_rules(const struct cli *cli);				/* -A */
int zfw_bind(const struct cli *cli, const struct zfw_request *request); /* -B, -J */
int zfw_bindings_flush(const struct cli *cli);				/* -F -j */
/* Before -T: whether the host passes on what is to reach a tunnel. */
int zfw_forwarding(const struct cli *cli, const struct zfw_request *request);

/* What `ifw iface show -j` says; NULL: nothing is up, or it failed. */
json_t *zfw_read_ifaces(const struct cli *cli);

/* -r: a local route for the rule's destination, so that the host itself takes it; ours are marked.
 */
int zfw_route(const struct cli *cli, const struct rule *rule, bool add);
int zfw_routes_flush(const struct cli *cli);

#endif /* IFW_ZFW_HOST_H */
