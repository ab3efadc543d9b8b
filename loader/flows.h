/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* flows.h - the maps of tracked flows, and the program that remembers what leaves. */
#ifndef IFW_LOADER_FLOWS_H
#define IFW_LOADER_FLOWS_H

#include "internal.h"

/* Makes the maps where they are not there yet, of meta.max_flows flows together. 0 or -errno. */
int flows_make(struct loader *loader, struct failure *failure);
/* Takes them away, and what is in them. 0 or -errno. */
int flows_remove(struct loader *loader);
/* Takes them away where no interface tracks; except (an ifindex or 0) does not count. 0 or -errno.
 */
int flows_remove_unused(struct loader *loader, uint32_t except);

/* Says why lo is not tracked; -EOPNOTSUPP. */
int fail_track_lo(struct failure *failure);

/*
 * Makes the egress hook of an interface what its settings ask for, and then the
 * settings. program: one that is loaded with its egress part where it is needed,
 * or NULL: it is loaded here.
 */
int egress_settle(struct loader *loader, uint32_t ifindex, struct ifw_iface *settings,
		  const struct program *program, bool rules, struct failure *failure);
/* After a change of settings failed half-way: as they were before. */
void egress_put_back(struct loader *loader, uint32_t ifindex, const struct ifw_iface *before,
		     const struct ifw_iface *now);

#endif /* IFW_LOADER_FLOWS_H */
