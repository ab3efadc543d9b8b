/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * iface.h - recorded interfaces: reading, walking over and finding them.
 */
#ifndef IFW_LOADER_IFACE_H
#define IFW_LOADER_IFACE_H

#include "internal.h"

int settings_read(struct loader *loader, uint32_t ifindex, struct ifw_iface *settings);
int settings_delete(struct loader *loader, uint32_t ifindex);

/* Calls each for every interface with settings; it may delete that one. */
int for_each_iface(struct loader *loader,
		   int (*each)(struct loader *loader, uint32_t ifindex,
			       const struct ifw_iface *settings, void *arg),
		   void *arg);

struct name_query {
	const char *name;
	uint32_t ifindex; /* 0: not found */
	uint32_t not_this;
	struct ifw_iface settings;
};

/* For for_each_iface(), with a struct name_query. */
int match_name(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
	       void *arg);

/* The settings with the change. */
void iface_apply(const struct iface_change *change, struct ifw_iface *settings);

/* The slot of a name, a new one where it has none; -ENOSPC: all are in use. */
int slot_for(struct loader *loader, const char *name, struct failure *failure);

/* Whether the recorded addresses of a slot are others than these: 0, 1, or -errno. */
int addrs_differ(struct loader *loader, uint32_t slot, const struct iface_addr *addrs,
		 size_t count);

/* Where the program is still attached but the name is another: what is recorded takes it. */
int follow_names(struct loader *loader, struct failure *failure);

/* The interface of that name; -ENODEV where it is not up. */
int find_up(struct loader *loader, const char *ifname, struct name_query *query,
	    struct failure *failure);

#endif /* IFW_LOADER_IFACE_H */
