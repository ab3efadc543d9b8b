/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* iface.h - the interfaces that are up, all or the one that was asked for. */
#ifndef IFW_CLI_IFACE_H
#define IFW_CLI_IFACE_H

#include "cli.h"

struct ifaces {
	struct iface_info *shown; /* part of all */
	size_t count;
	struct iface_info *all;
	size_t all_count;
};

/* only: a name, or NULL for all. CLI_DONE; CLI_REFUSED after complaining. */
int ifaces_load(const struct cli *cli, struct loader *loader, const char *only,
		struct ifaces *ifaces);
/* How many of those shown track what leaves. */
size_t ifaces_tracked(const struct ifaces *ifaces);
/* Warns of each of these that drops by default what leaves, and does not track. */
void ifaces_warn_unanswered(const struct cli *cli, struct loader *loader, char *const *names,
			    size_t count);
void ifaces_free(struct ifaces *ifaces);

#define auto_ifaces __attribute__((cleanup(ifaces_free))) struct ifaces

#endif /* IFW_CLI_IFACE_H */
