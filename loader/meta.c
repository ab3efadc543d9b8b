/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * meta.c - what the state says of itself: of which version and network namespace it is, whether
 * somebody is changing it, and which interface has which slot.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

int meta_write(struct loader *loader, struct failure *failure)
{
	uint32_t zero = 0;

	if (bpf_map_update_elem(loader->meta_fd, &zero, &loader->meta, BPF_ANY))
		return fail_errno(failure, -errno, "cannot write '%s/meta'", loader->dir);
	return 0;
}

int meta_read(struct loader *loader)
{
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(loader->meta_fd, &zero, &loader->meta) ||
	    bpf_map_lookup_elem(loader->active_fd, &zero, &loader->active))
		return -errno;
	return 0;
}

int ifaces_begin(struct loader *loader)
{
	loader->meta.ifaces_sequence |= 1;
	return meta_write(loader, NULL);
}

int ifaces_end(struct loader *loader, int err)
{
	int end;

	loader->meta.ifaces_sequence = (loader->meta.ifaces_sequence | 1) + 1;
	end = meta_write(loader, NULL);
	return err ? err : end;
}

/* --- Whose it is ------------------------------------------------------------------- */

/* Reads as much as any version has: its number; and all of it where it is as large as ours. */
int meta_abi(struct loader *loader, uint32_t *abi, bool *whole, struct failure *failure)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info), zero = 0;
	CLEANUP(cleanup_free) char *value = NULL;

	if (bpf_obj_get_info_by_fd(loader->meta_fd, &info, &size))
		return fail_errno(failure, -errno, "cannot read '%s/meta'", loader->dir);
	if (info.key_size != sizeof(zero) || info.value_size < sizeof(*abi))
		return fail(failure, -EPROTO, "'%s/meta' is not ifw's", loader->dir);
	value = malloc(info.value_size);
	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(loader->meta_fd, &zero, value))
		return fail_errno(failure, -errno, "cannot read '%s/meta'", loader->dir);
	memcpy(abi, value, sizeof(*abi));
	*whole = info.value_size == sizeof(loader->meta);
	if (*whole)
		memcpy(&loader->meta, value, sizeof(loader->meta));
	return 0;
}

int refuse_abi(const struct loader *loader, uint32_t abi, bool whole, struct failure *failure)
{
	if (whole && abi >= IFW_ABI_KEPT && abi < IFW_ABI)
		return fail(failure, -EPROTO,
			    "the pins in '%s' are of ABI %u, this ifw has ABI %u; to take them "
			    "over, rules and traffic kept: ifw upgrade",
			    loader->dir, abi, IFW_ABI);
	return fail(failure, -EPROTO,
		    "the pins in '%s' are of ABI %u, this ifw has ABI %u; use the ifw that "
		    "made them, or take them down with it (ifw down --all)",
		    loader->dir, abi, IFW_ABI);
}

int check_netns(const struct loader *loader, struct failure *failure)
{
	if (loader->meta.netns_dev == loader->netns_dev &&
	    loader->meta.netns_ino == loader->netns_ino)
		return 0;
	return fail(failure, -EXDEV,
		    "the pins in '%s' belong to another network namespace (net:[%llu])",
		    loader->dir, (unsigned long long)loader->meta.netns_ino);
}

int check_meta(struct loader *loader, struct failure *failure)
{
	uint32_t abi = 0;
	bool whole = false;
	int err = meta_abi(loader, &abi, &whole, failure);

	if (err)
		return err;
	if (abi != IFW_ABI || !whole)
		return refuse_abi(loader, abi, whole, failure);
	err = check_netns(loader, failure);
	if (err)
		return err;
	loader->limits.ranges = loader->meta.max_ranges;
	loader->limits.prefixes = loader->meta.max_prefixes;
	loader->limits.flows = loader->meta.max_flows;
	loader->limits.counting =
		loader->meta.rule_counters ? LOADER_COUNTING_ON : LOADER_COUNTING_OFF;
	return 0;
}

/* --- Slots ------------------------------------------------------------------------- */

int slot_counters_alloc(struct ifw_counters **by_cpu, int *cpus)
{
	*cpus = libbpf_num_possible_cpus();
	if (*cpus < 1)
		return -EINVAL;
	*by_cpu = calloc((size_t)*cpus, sizeof(**by_cpu));
	return *by_cpu ? 0 : -ENOMEM;
}

int slot_reset(struct loader *loader, uint32_t slot)
{
	CLEANUP(cleanup_free) struct ifw_counters *zero = NULL;
	int cpus, err = slot_counters_alloc(&zero, &cpus);

	if (err)
		return err;
	if (bpf_map_update_elem(loader->counters_fd, &slot, zero, BPF_ANY))
		return -errno;
	return addrs_sync(loader, slot, NULL, 0);
}

/* Only what changed, so that names which no stored rule uses yet cost nothing. */
int names_write(struct loader *loader, struct failure *failure)
{
	int err;

	for (uint32_t slot = 1; slot < IFW_SLOTS; slot++) {
		if (memcmp(loader->names.name[slot], loader->names_stored.name[slot],
			   IFW_NAME_MAX) == 0)
			continue;
		err = slot_reset(loader, slot);
		if (err)
			return fail_errno(failure, err, "cannot write '%s/counters'", loader->dir);
		if (bpf_map_update_elem(loader->names_fd, &slot, loader->names.name[slot], BPF_ANY))
			return fail_errno(failure, -errno, "cannot write '%s/names'", loader->dir);
		memcpy(loader->names_stored.name[slot], loader->names.name[slot], IFW_NAME_MAX);
	}
	return 0;
}

/* All at once: a call a slot would be most of what adding a rule costs. */
int names_read(struct loader *loader)
{
	uint32_t slots[IFW_SLOTS], count = IFW_SLOTS, next;

	if (bpf_map_lookup_batch(loader->names_fd, NULL, &next, slots, loader->names.name, &count,
				 NULL))
		return -errno;
	if (count != IFW_SLOTS)
		return -EIO;
	for (uint32_t slot = 0; slot < IFW_SLOTS; slot++)
		loader->names.name[slot][IFW_NAME_MAX - 1] = 0;
	loader->names_stored = loader->names;
	return 0;
}
