/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* bind.h - interface slots of one table of names as slots of another. */
#ifndef IFW_BIND_H
#define IFW_BIND_H

#include "ruleset/rule.h"

struct bind_map {
	uint8_t slot[IFW_SLOTS]; /* new slot by old one */
};

/* Adds to names what of from they lack. 0; -ENOSPC: all slots taken; -EINVAL: not a name. */
int bind_names(const struct iface_names *from, struct iface_names *names, struct bind_map *map);

/* What rule.ifaces becomes. */
uint64_t bind_ifaces(const struct bind_map *map, uint64_t ifaces);

#endif /* IFW_BIND_H */
