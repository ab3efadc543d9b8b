/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * group.h - the rules of one group (same protocol and prefixes), and the map
 * elements that are derived from them.
 */
#ifndef IFW_LOADER_GROUP_H
#define IFW_LOADER_GROUP_H

#include "internal.h"

struct group {
	struct rule *rules; /* as stored: rules[i] has index i + 1 */
	size_t count;
};

void group_free(struct group *group);

/* The group that member is of; with one place more than there are rules, to add one. 0 or -errno.
 */
int group_read(struct loader *loader, const struct rule *member, struct group *group);

/* The group's run; live, if given, in the order of group->rules. 0 or -ENOMEM. */
int group_compile(const struct group *group, uint32_t owner, uint64_t named, struct run *run,
		  bool *live);

/* Makes the derived elements agree with the rules. -ENOSPC: no room for the run; then nothing was
 * linked. */
int group_link(struct loader *loader, const struct rule *rule, const struct group *group);

/* Groups that use the rule's pair of lengths, as value->count. */
int pair_read(struct loader *loader, const struct rule *rule, struct group_value *value);

#endif /* IFW_LOADER_GROUP_H */
