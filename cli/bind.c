/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* bind.c - see bind.h. */
#include "bind.h"

int bind_names(const struct iface_names *from, struct iface_names *names, struct bind_map *map)
{
	struct bind_map made = {0};

	for (unsigned int slot = 1; slot < IFW_SLOTS; slot++) {
		int at;

		if (!*from->name[slot])
			continue;
		at = iface_names_add(names, from->name[slot]);
		if (at < 0)
			return at;
		made.slot[slot] = at;
	}
	*map = made;
	return 0;
}

uint64_t bind_ifaces(const struct bind_map *map, uint64_t ifaces)
{
	uint64_t bound = 0;

	if (ifaces == IFW_IFACES_ANY)
		return ifaces;
	for (unsigned int slot = 1; slot < IFW_SLOTS; slot++)
		if (ifaces >> slot & 1)
			bound |= 1ULL << map->slot[slot];
	return bound;
}
