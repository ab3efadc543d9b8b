/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flows.c - the maps that tracked flows lie in, which are made with the first
 * interface that tracks and go with the last; and what is in them.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/flow_states.h"
#include "flows.h"
#include "iface.h"

#define BATCH 4096

uint32_t loader_flows_room(uint32_t total, enum ifw_flow_class class)
{
	return class == IFW_FLOWS_CONNECTED ? total - 2 * (total / 4) : total / 4;
}

/* --- Making and taking away --------------------------------------------------- */

/* Opened where it is pinned already, be it by a killed command; else made. */
static int class_open(struct loader *loader, uint32_t class, int *fd, bool *made)
{
	uint32_t room = loader_flows_room(loader->meta.max_flows, class);
	char name[32], path[PATH_MAX];
	int err;

	pin_generation("flows", class, name, sizeof(name));
	err = pin_path(loader, name, path, sizeof(path));
	if (err)
		return err;
	*fd = bpf_obj_get(path);
	*made = *fd < 0;
	if (!*made)
		return 0;
	if (errno != ENOENT)
		return -errno;
	*fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "ifw_flow_set", sizeof(struct ifw_flow_key),
			     sizeof(struct ifw_flow), room, NULL);
	if (*fd < 0)
		return -errno;
	return bpf_obj_pin(*fd, path) ? -errno : 0;
}

static int class_make(struct loader *loader, int outer, uint32_t class)
{
	CLEANUP(cleanup_close) int fd = -1;
	uint32_t there;
	bool made;
	int err;

	err = class_open(loader, class, &fd, &made);
	if (err)
		return err;
	if (!made && bpf_map_lookup_elem(outer, &class, &there) == 0)
		return 0;
	return bpf_map_update_elem(outer, &class, &fd, BPF_ANY) ? -errno : 0;
}

int flows_make(struct loader *loader, struct failure *failure)
{
	CLEANUP(cleanup_close) int outer = -1;
	int err = pin_open(loader, "flows", &outer);

	for (uint32_t class = 0; !err && class < IFW_FLOW_CLASSES; class ++)
		err = class_make(loader, outer, class);
	if (!err)
		return 0;
	/* Those of interfaces that track already stay. */
	(void)flows_remove_unused(loader, 0);
	return fail_errno(failure, err, "cannot make room for %u tracked flows (--max-flows)",
			  loader->meta.max_flows);
}

int flows_remove(struct loader *loader)
{
	CLEANUP(cleanup_close) int outer = -1;
	int err = pin_open(loader, "flows", &outer);

	for (uint32_t class = 0; !err && class < IFW_FLOW_CLASSES; class ++) {
		uint32_t there;
		char name[32];

		pin_generation("flows", class, name, sizeof(name));
		if (bpf_map_lookup_elem(outer, &class, &there))
			err = errno == ENOENT ? 0 : -errno;
		else if (bpf_map_delete_elem(outer, &class))
			err = -errno;
		if (!err && unlinkat(loader->dir_fd, name, 0) && errno != ENOENT)
			err = -errno;
	}
	return err;
}

static int is_tracking(struct loader *loader, uint32_t ifindex, const struct ifw_iface *settings,
		       void *arg)
{
	const uint32_t *except = arg;

	(void)loader;
	return ifindex != *except && settings->flags & IFW_IFACE_TRACK;
}

int flows_remove_unused(struct loader *loader, uint32_t except)
{
	int used = for_each_iface(loader, is_tracking, &except);

	return used < 0 ? used : used ? 0 : flows_remove(loader);
}

int loader_flows_limit(struct loader *loader, uint32_t flows, struct failure *failure)
{
	int err;

	if (flows == loader->meta.max_flows)
		return 0;
	err = flows_remove(loader); /* what a killed command left, of another size */
	if (err)
		return fail_errno(failure, err, "cannot make room for %u tracked flows", flows);
	loader->meta.max_flows = loader->limits.flows = flows;
	return meta_write(loader, failure);
}

/* --- What is in them ------------------------------------------------------------ */

struct batch {
	struct ifw_flow_key keys[BATCH];
	struct ifw_flow flows[BATCH];
};

/* 0, or what each answered. A class that is not there has no flows. */
static int walk_class(struct loader *loader, uint32_t class, struct batch *batch, uint64_t now,
		      int (*each)(int fd, const struct ifw_flow_key *key,
				  const struct ifw_flow *flow, void *arg),
		      void *arg)
{
	CLEANUP(cleanup_close) int fd = -1;
	uint32_t at = 0, count;
	bool more = true, first = true;
	char name[32];
	int err;

	pin_generation("flows", class, name, sizeof(name));
	err = pin_open(loader, name, &fd);
	if (err)
		return err == -ENOENT ? 0 : err;
	while (more) {
		count = BATCH;
		if (bpf_map_lookup_batch(fd, first ? NULL : &at, &at, batch->keys, batch->flows,
					 &count, NULL)) {
			if (errno != ENOENT)
				return -errno;
			more = false; /* the last ones */
		}
		first = false;
		for (uint32_t i = 0; i < count; i++) {
			if (batch->flows[i].expires_ns <= now)
				continue;
			err = each(fd, &batch->keys[i], &batch->flows[i], arg);
			if (err)
				return err;
		}
	}
	return 0;
}

static int walk(struct loader *loader,
		int (*each)(int fd, const struct ifw_flow_key *key, const struct ifw_flow *flow,
			    void *arg),
		void *arg)
{
	CLEANUP(cleanup_free) struct batch *batch = malloc(sizeof(*batch));
	uint64_t now = clock_ns();
	int err = batch ? 0 : -ENOMEM;

	/* The settled ones first: what moves on meanwhile is then met twice rather than never. */
	for (uint32_t class = IFW_FLOW_CLASSES; !err && class -- > 0;)
		err = walk_class(loader, class, batch, now, each, arg);
	return err;
}

struct handing_on {
	flow_fn each;
	void *arg;
	uint64_t removed;
};

static int hand_on(int fd, const struct ifw_flow_key *key, const struct ifw_flow *flow, void *arg)
{
	const struct handing_on *to = arg;

	(void)fd;
	return to->each(to->arg, key, flow);
}

int loader_flows(struct loader *loader, flow_fn each, void *arg, struct failure *failure)
{
	struct handing_on to = {.each = each, .arg = arg};
	int err = walk(loader, hand_on, &to);

	return err < 0 ? fail_errno(failure, err, "cannot read the tracked flows") : err;
}

static int remove_wanted(int fd, const struct ifw_flow_key *key, const struct ifw_flow *flow,
			 void *arg)
{
	struct handing_on *to = arg;

	if (to->each && !to->each(to->arg, key, flow))
		return 0;
	if (bpf_map_delete_elem(fd, key) == 0)
		to->removed++;
	else if (errno != ENOENT)
		return -errno;
	return 0;
}

int loader_flows_flush(struct loader *loader, flow_fn wanted, void *arg, uint64_t *removed,
		       struct failure *failure)
{
	struct handing_on to = {.each = wanted, .arg = arg};
	int err = walk(loader, remove_wanted, &to);

	*removed = to.removed;
	return err ? fail_errno(failure, err, "cannot remove tracked flows") : 0;
}

/* --- Settings of all of them ------------------------------------------------------ */

int loader_track_settings(struct loader *loader, struct ifw_track_settings *settings,
			  struct failure *failure)
{
	CLEANUP(cleanup_close) int fd = -1;
	uint32_t zero = 0;
	int err = pin_open(loader, "track", &fd);

	if (!err && bpf_map_lookup_elem(fd, &zero, settings))
		err = -errno;
	return err ? fail_errno(failure, err, "cannot read '%s/track'", loader->dir) : 0;
}

int loader_track_set(struct loader *loader, const struct ifw_track_settings *settings,
		     struct failure *failure)
{
	CLEANUP(cleanup_close) int fd = -1;
	uint32_t zero = 0;
	int err = pin_open(loader, "track", &fd);

	if (!err && bpf_map_update_elem(fd, &zero, settings, BPF_ANY))
		err = -errno;
	return err ? fail_errno(failure, err, "cannot write '%s/track'", loader->dir) : 0;
}
