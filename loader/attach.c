/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * attach.c - putting the programs on and off the hooks for what comes in and what
 * leaves, through TCX (6.6 and later) or a clsact filter.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* include/uapi/linux/bpf.h of 6.6; Debian 12's headers are older. */
#define TCX_INGRESS ((enum bpf_attach_type)46) /* BPF_TCX_INGRESS */
#define TCX_EGRESS ((enum bpf_attach_type)47)  /* BPF_TCX_EGRESS */
#define TCX_PROGRAMS_MAX 64		       /* kernel/bpf/mprog.c BPF_MPROG_MAX */
#define TCX_BEFORE (1U << 3)		       /* BPF_F_BEFORE */

/* What a hook is called in each of the places that have to do with it. */
static const struct place {
	enum bpf_attach_type tcx;
	enum bpf_tc_attach_point point;
	uint32_t minor;	     /* of the clsact qdisc */
	const char *pin;     /* of the TCX link, before the ifindex */
	const char *program; /* libbpf names filters after it */
} places[IFW_DIRECTIONS] = {
	[IFW_DIRECTION_IN] = {TCX_INGRESS, BPF_TC_INGRESS, TC_H_MIN_INGRESS, "link", "ifw_ingress"},
	[IFW_DIRECTION_OUT] = {TCX_EGRESS, BPF_TC_EGRESS, TC_H_MIN_EGRESS, "egress", "ifw_egress"},
};

/* --- sk_lookup ---------------------------------------------------------------- */

int lookup_attach(struct loader *loader, const struct program *program)
{
	CLEANUP(cleanup_close) int link = -1;
	CLEANUP(cleanup_close) int netns = -1;
	char path[PATH_MAX];
	int err;

	if (program->lookup_fd < 0)
		return -EOPNOTSUPP;
	err = pin_path(loader, "lookup", path, sizeof(path));
	if (err)
		return err;
	link = bpf_obj_get(path);
	if (link >= 0 && bpf_link_update(link, program->lookup_fd, NULL) == 0)
		return 0;
	netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return -errno;
	cleanup_close(&link);
	link = bpf_link_create(program->lookup_fd, netns, BPF_SK_LOOKUP, NULL);
	if (link < 0)
		return -errno;
	(void)unlink(path); /* of one that was detached by hand */
	return bpf_obj_pin(link, path) ? -errno : 0;
}

int lookup_detach(struct loader *loader)
{
	CLEANUP(cleanup_close) int link = -1;
	char path[PATH_MAX];
	int err;

	err = pin_path(loader, "lookup", path, sizeof(path));
	if (err)
		return err;
	link = bpf_obj_get(path);
	if (link < 0)
		return errno == ENOENT ? 0 : -errno;
	/* By hand first, as with TCX. */
	if (bpf_link_detach(link))
		return -errno;
	return unlink(path) ? -errno : 0;
}

int loader_lookup_attached(struct loader *loader, bool *attached)
{
	CLEANUP(cleanup_close) int link = -1;
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);
	char path[PATH_MAX];
	int err = pin_path(loader, "lookup", path, sizeof(path));

	*attached = false;
	if (err)
		return err;
	link = bpf_obj_get(path);
	if (link < 0)
		return errno == ENOENT ? 0 : -errno;
	if (bpf_obj_get_info_by_fd(link, &info, &size))
		return -errno;
	*attached = info.netns.netns_ino != 0; /* 0 once it was detached */
	return 0;
}

/* --- TCX ---------------------------------------------------------------------- */

static int link_path(const struct loader *loader, const struct place *place, uint32_t ifindex,
		     char *path, size_t size)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%u", place->pin, ifindex);
	return pin_path(loader, name, path, size);
}

/* The link of an interface that is still attached to it; -ENOENT: there is none; -errno. */
static int link_open(const struct loader *loader, const struct place *place, uint32_t ifindex)
{
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);
	char path[PATH_MAX];
	int fd, err;

	err = link_path(loader, place, ifindex, path, sizeof(path));
	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	err = bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	/* tcx.ifindex lies where xdp.ifindex does; 0 once the device is gone. */
	if (!err && info.xdp.ifindex != ifindex)
		err = -ENOENT;
	if (err)
		close(fd);
	return err ? err : fd;
}

static int link_remove(const struct loader *loader, const struct place *place, uint32_t ifindex)
{
	CLEANUP(cleanup_close) int fd = link_open(loader, place, ifindex);
	char path[PATH_MAX];
	int err;

	if (fd < 0 && fd != -ENOENT)
		return fd;
	/* Detached by hand first: removing the last reference does it only later. */
	if (fd >= 0 && bpf_link_detach(fd))
		return -errno;
	err = link_path(loader, place, ifindex, path, sizeof(path));
	if (err)
		return err;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/*
 * In front of what is there: a filter before ours that accepts would let
 * packets past the rules.
 */
static int link_create(struct loader *loader, const struct place *place, uint32_t ifindex,
		       int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = TCX_BEFORE);
	CLEANUP(cleanup_close) int fd = -1;
	char path[PATH_MAX];
	int err;

	err = link_path(loader, place, ifindex, path, sizeof(path));
	if (err)
		return err;
	fd = bpf_link_create(program, (int)ifindex, place->tcx, &opts);
	if (fd < 0)
		return -errno;
	/* Of a device that has gone, or of one who was killed before he wrote it down. */
	err = link_remove(loader, place, ifindex);
	if (err)
		return err;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

/* The id of our program there; 0: it is not on TCX. */
static uint32_t link_program(const struct loader *loader, const struct place *place,
			     uint32_t ifindex)
{
	CLEANUP(cleanup_close) int fd = link_open(loader, place, ifindex);
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.prog_id;
}

/* "" where a privilege for it is missing (CAP_SYS_ADMIN). */
static void program_name(uint32_t id, char name[BPF_OBJ_NAME_LEN])
{
	CLEANUP(cleanup_close) int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	name[0] = '\0';
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0)
		memcpy(name, info.name, BPF_OBJ_NAME_LEN);
	name[BPF_OBJ_NAME_LEN - 1] = '\0';
}

int tcx_before(struct loader *loader, enum ifw_direction direction,
	       const struct ifw_iface *settings, uint32_t ifindex,
	       void (*each)(void *arg, uint32_t id, const char *name), void *arg)
{
	const struct place *place = &places[direction];
	const uint32_t ours = settings->at[direction].hook == IFW_HOOK_TCX
				      ? link_program(loader, place, ifindex)
				      : 0;
	uint32_t ids[TCX_PROGRAMS_MAX], count = TCX_PROGRAMS_MAX;

	if (bpf_prog_query((int)ifindex, place->tcx, 0, NULL, ids, &count))
		return errno == EINVAL ? 0 : -errno; /* before 6.6: there is no TCX */
	for (uint32_t i = 0; i < count && ids[i] != ours; i++) {
		char name[BPF_OBJ_NAME_LEN];

		program_name(ids[i], name);
		each(arg, ids[i], name);
	}
	return 0;
}

int tcx_is_there(uint32_t ifindex)
{
	uint32_t ids[TCX_PROGRAMS_MAX], count = TCX_PROGRAMS_MAX;

	if (bpf_prog_query((int)ifindex, TCX_INGRESS, 0, NULL, ids, &count) == 0)
		return 1;
	return errno == EINVAL ? 0 : -errno;
}

uint32_t hook_minor(enum ifw_direction direction)
{
	return places[direction].minor;
}

/* --- clsact -------------------------------------------------------------------- */

static struct bpf_tc_hook tc_hook(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = (int)ifindex,
		.attach_point = point,
	};
}

/* By the name that libbpf gave the filter: the program itself only CAP_SYS_ADMIN may open. */
static int filter_is_ours(uint32_t ifindex, const struct place *place,
			  const struct ifw_attachment *at, bool *ours)
{
	*ours = false;
	return at->tc_handle ? net_filter_is(ifindex, place->minor, at->tc_priority, at->tc_handle,
					     place->program, ours)
			     : 0;
}

static int qdisc_remove(uint32_t ifindex)
{
	struct bpf_tc_hook both =
		tc_hook(ifindex, (enum bpf_tc_attach_point)(BPF_TC_INGRESS | BPF_TC_EGRESS));
	bool empty = false;
	int err = net_qdisc_is_empty(ifindex, &empty);

	if (err || !empty)
		return err;
	err = bpf_tc_hook_destroy(&both);
	/* Somebody took it away, or put one of another kind there. */
	return err == -ENOENT || err == -EINVAL ? 0 : err;
}

/* "ifw": not one that the kernel gives out, so nobody else's at the same priority. */
#define FILTER_HANDLE 0x696677U
#define FILTER_PRIORITY 49152U /* the kernel's own first choice */

/*
 * In front of those that are there: one before ours that accepts would let
 * packets past the rules. The kernel's own choice is only before those of the
 * upper half.
 */
static int choose_priority(uint32_t ifindex, uint32_t minor, uint32_t *priority)
{
	uint32_t first = 0;
	int err = net_first_priority(ifindex, minor, &first);

	if (err)
		return err;
	/* Nothing is before 1, but of BPF filters that share it the newest is first. */
	*priority = !first ? FILTER_PRIORITY : first > 1 ? first - 1 : first;
	return 0;
}

/* Written down before it is done, so that one who is killed between is understood. */
static int filter_plan(struct loader *loader, enum ifw_direction direction, uint32_t ifindex,
		       struct ifw_iface *settings)
{
	struct ifw_attachment *at = &settings->at[direction];
	bool has = false;
	int err = net_has_clsact(ifindex, &has);

	if (err)
		return err;
	if (!has)
		settings->made_qdisc = 1;
	err = choose_priority(ifindex, places[direction].minor, &at->tc_priority);
	if (err)
		return err;
	at->hook = IFW_HOOK_CLSACT;
	at->tc_handle = FILTER_HANDLE;
	return settings_write(loader, ifindex, settings);
}

static int filter_put(uint32_t ifindex, const struct place *place, int program,
		      const struct ifw_attachment *at, uint32_t flags)
{
	struct bpf_tc_hook hook = tc_hook(ifindex, place->point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = program, .handle = at->tc_handle,
		    .priority = at->tc_priority, .flags = flags);

	return bpf_tc_attach(&hook, &opts);
}

static int filter_create(uint32_t ifindex, const struct place *place, int program,
			 const struct ifw_attachment *at)
{
	struct bpf_tc_hook hook = tc_hook(ifindex, place->point);
	int err = bpf_tc_hook_create(&hook);

	return err && err != -EEXIST ? err : filter_put(ifindex, place, program, at, 0);
}

/* The index may be another interface's by now, with a qdisc that is not ours. */
static bool is_still(uint32_t ifindex, const struct ifw_iface *settings)
{
	char name[IF_NAMESIZE];

	return if_indextoname(ifindex, name) && strcmp(name, settings->name) == 0;
}

static int filter_remove(uint32_t ifindex, enum ifw_direction direction,
			 const struct ifw_iface *settings)
{
	const struct place *place = &places[direction];
	const struct ifw_attachment *at = &settings->at[direction];
	struct bpf_tc_hook hook = tc_hook(ifindex, place->point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = at->tc_handle, .priority = at->tc_priority);
	bool ours;
	int err = filter_is_ours(ifindex, place, at, &ours);

	if (!err && ours)
		err = bpf_tc_detach(&hook, &opts);
	/* It goes with the last filter. */
	if (!err && settings->made_qdisc && (ours || is_still(ifindex, settings)))
		err = qdisc_remove(ifindex);
	return err;
}

/* --- Either ---------------------------------------------------------------------- */

int is_attached(struct loader *loader, enum ifw_direction direction,
		const struct ifw_iface *settings, uint32_t ifindex, bool *attached)
{
	const struct ifw_attachment *at = &settings->at[direction];

	*attached = false;
	if (at->hook == IFW_HOOK_TCX) {
		CLEANUP(cleanup_close) int fd = link_open(loader, &places[direction], ifindex);

		*attached = fd >= 0;
		return fd < 0 && fd != -ENOENT ? fd : 0;
	}
	if (at->hook != IFW_HOOK_CLSACT)
		return 0;
	return filter_is_ours(ifindex, &places[direction], at, attached);
}

static int replace(struct loader *loader, enum ifw_direction direction, uint32_t ifindex,
		   int program, const struct ifw_iface *settings)
{
	const struct place *place = &places[direction];

	if (settings->at[direction].hook == IFW_HOOK_TCX) {
		CLEANUP(cleanup_close) int fd = link_open(loader, place, ifindex);

		if (fd < 0)
			return fd;
		return bpf_link_update(fd, program, NULL) ? -errno : 0;
	}
	return filter_put(ifindex, place, program, &settings->at[direction], BPF_TC_F_REPLACE);
}

int attach(struct loader *loader, enum ifw_direction direction, uint32_t ifindex, uint32_t hook,
	   int program, struct ifw_iface *settings, struct failure *failure)
{
	const struct place *place = &places[direction];
	struct ifw_attachment *at = &settings->at[direction];
	const char *ifname = settings->name;
	bool attached;
	int err = is_attached(loader, direction, settings, ifindex, &attached);

	if (err)
		return fail_errno(failure, err, "cannot tell what is attached to '%s'", ifname);
	if (attached) {
		err = replace(loader, direction, ifindex, program, settings);
		return err ? fail_errno(failure, err, "cannot replace the program on '%s'", ifname)
			   : 0;
	}
	/* A qdisc that we made, and whose filters somebody took away, is ours still. */
	if (settings->at[IFW_DIRECTION_IN].hook != IFW_HOOK_CLSACT &&
	    settings->at[IFW_DIRECTION_OUT].hook != IFW_HOOK_CLSACT)
		settings->made_qdisc = 0;
	*at = (struct ifw_attachment){};
	if (hook != IFW_HOOK_CLSACT) {
		err = link_create(loader, place, ifindex, program);
		if (!err)
			at->hook = IFW_HOOK_TCX;
		/* EINVAL is a kernel before 6.6, which does not know the hook. */
		if (err == -ENODEV)
			return fail(failure, err, "'%s' went away while it was being attached",
				    ifname);
		if (!err || err != -EINVAL || hook == IFW_HOOK_TCX)
			return err ? fail_errno(failure, err, "cannot attach to '%s' by tcx",
						ifname)
				   : 0;
	}
	err = filter_plan(loader, direction, ifindex, settings);
	if (!err)
		err = filter_create(ifindex, place, program, at);
	if (err == -EINVAL || err == -EOPNOTSUPP)
		return fail(failure, err,
			    "cannot attach to '%s' by clsact: nothing goes in front of the filter "
			    "that has priority 1 there; give that one another priority",
			    ifname);
	if (err)
		return fail_errno(failure, err, "cannot attach to '%s' by clsact", ifname);
	return 0;
}

int detach(struct loader *loader, enum ifw_direction direction, const struct ifw_iface *settings,
	   uint32_t ifindex, struct failure *failure)
{
	uint32_t hook = settings->at[direction].hook;
	int err = 0;

	/* Also where one was killed before it could be written down. */
	if (hook != IFW_HOOK_CLSACT)
		err = link_remove(loader, &places[direction], ifindex);
	else
		err = filter_remove(ifindex, direction, settings);
	if (err == -ENODEV) /* gone, and its filters with it */
		err = 0;
	return err ? fail_errno(failure, err, "cannot take the program off '%s'", settings->name)
		   : 0;
}
