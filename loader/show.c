/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* show.c - interfaces as people see them. */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "iface.h"
#include "ruleset/room.h"

struct collect {
	struct iface_info *ifaces;
	size_t count;
};

/* IPv4 first, then as numbers: the map has them in no order, and another each time. */
static int by_addr(const void *a, const void *b)
{
	const struct iface_addr *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->addr.hi != y->addr.hi)
		return x->addr.hi < y->addr.hi ? -1 : 1;
	return x->addr.lo < y->addr.lo ? -1 : x->addr.lo > y->addr.lo;
}

static int info_addrs(struct loader *loader, struct iface_info *info)
{
	struct ifw_addr_key key, *last = NULL;
	size_t room = 0;
	int more;

	for (struct ifw_addr_key next; (more = map_next(loader->addrs_fd, last, &next)) > 0;
	     last = &key) {
		uint32_t kind;

		key = next;
		if (key.slot != info->settings.slot)
			continue;
		if (bpf_map_lookup_elem(loader->addrs_fd, &key, &kind)) {
			if (errno != ENOENT)
				return -errno;
			continue;
		}
		if (room_for_one(&info->addrs, info->addr_count, &room, sizeof(*info->addrs)))
			return -ENOMEM;
		info->addrs[info->addr_count++] = (struct iface_addr){
			.addr = key.addr, .family = (uint8_t)key.family, .kind = (uint8_t)kind};
	}
	if (info->addr_count)
		qsort(info->addrs, info->addr_count, sizeof(*info->addrs), by_addr);
	return more;
}

static int info_counters(struct loader *loader, struct iface_info *info)
{
	CLEANUP(cleanup_free) struct ifw_counters *per_cpu = NULL;
	int cpus, err = slot_counters_alloc(&per_cpu, &cpus);

	if (err)
		return err;
	if (bpf_map_lookup_elem(loader->counters_fd, &info->settings.slot, per_cpu))
		return -errno;
	for (int cpu = 0; cpu < cpus; cpu++) {
		for (size_t r = 0; r < IFW_REASONS_MAX; r++) {
			for (size_t v = 0; v < IFW_VERDICTS; v++) {
				const struct ifw_count *from = &per_cpu[cpu].by_reason[r][v];
				struct ifw_count *to = &info->counters.by_reason[r][v];

				to->packets += from->packets;
				to->bytes += from->bytes;
			}
		}
		info->counters.decisions += per_cpu[cpu].decisions;
		info->counters.events_lost += per_cpu[cpu].events_lost;
	}
	return 0;
}

static int info_attached(struct loader *loader, struct iface_info *info)
{
	int err = is_attached(loader, IFW_DIRECTION_IN, &info->settings, info->ifindex,
			      &info->attached);

	return err ? err
		   : is_attached(loader, IFW_DIRECTION_OUT, &info->settings, info->ifindex,
				 &info->egress);
}

static int collect_iface(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
			 void *arg)
{
	struct collect *collect = arg;
	struct iface_info *info;
	char name[IF_NAMESIZE];
	void *grown;
	int err;

	grown = reallocarray(collect->ifaces, collect->count + 1, sizeof(*collect->ifaces));
	if (!grown)
		return -ENOMEM;
	collect->ifaces = grown;
	info = &collect->ifaces[collect->count++];
	*info = (struct iface_info){.ifindex = ifindex, .settings = *settings};
	memcpy(info->name, settings->name, sizeof(info->name));
	info->present = if_indextoname(ifindex, name) != NULL;
	info->renamed = info->present && strcmp(name, settings->name) != 0;
	err = info->present ? info_attached(loader, info) : 0;
	if (!err)
		err = info_addrs(loader, info);
	return err ? err : info_counters(loader, info);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct iface_info *)a)->name, ((const struct iface_info *)b)->name);
}

/* Where an element goes while the map is walked over, the walk begins again at the front. */
static int collect_ifaces(struct loader *loader, bool locked, void *arg)
{
	struct collect *collect = arg;
	uint64_t before;
	int err = meta_read(loader);

	before = loader->meta.ifaces_sequence;
	if (!err && (before & 1) && !locked)
		return -EAGAIN;
	if (!err)
		err = for_each_iface(loader, collect_iface, collect);
	if (!err)
		err = meta_read(loader);
	if (!err && loader->meta.ifaces_sequence != before)
		err = -EAGAIN;
	if (err) {
		loader_ifaces_free(collect->ifaces, collect->count);
		*collect = (struct collect){};
	}
	return err;
}

int loader_ifaces(struct loader *loader, struct iface_info **ifaces, size_t *count,
		  struct failure *failure)
{
	struct collect collect = {};
	int err;

	if (loader->mode != LOADER_READ) /* it holds the lock */
		err = for_each_iface(loader, collect_iface, &collect);
	else
		err = read_whole(loader, collect_ifaces, &collect);
	if (err) {
		loader_ifaces_free(collect.ifaces, collect.count);
		return fail_errno(failure, err, "cannot read the interfaces");
	}
	if (collect.count)
		qsort(collect.ifaces, collect.count, sizeof(*collect.ifaces), by_name);
	*ifaces = collect.ifaces;
	*count = collect.count;
	return 0;
}

void loader_ifaces_free(struct iface_info *ifaces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(ifaces[i].addrs);
	free(ifaces);
}
