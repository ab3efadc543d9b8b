/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* program.c - loading the program over the pinned maps, which are made with it. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "ifw.skel.h"
#include "internal.h"

/* "ifw_active" is pinned as "active". */
static int set_pin_paths(struct loader *loader, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);
		char path[PATH_MAX];
		int err;

		if (bpf_map__is_internal(map) || strncmp(name, "ifw_", 4) != 0)
			continue;
		err = pin_path(loader, name + 4, path, sizeof(path));
		if (!err)
			err = bpf_map__set_pin_path(map, path);
		if (err)
			return err;
	}
	return 0;
}

static uint32_t verified_instructions(int fd)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.verified_insns;
}

/*
 * Loads with or without the program at sk_lookup, which needs 5.17 for the
 * interface, and the keeping of listeners for it, which 7.3 refuses at TC.
 */
static int load_skeleton(struct loader *loader, bool egress, bool lookup, struct ifw_bpf **out)
{
	struct ifw_bpf *skeleton = ifw_bpf__open();
	int err;

	if (!skeleton)
		return -errno;
	err = set_pin_paths(loader, skeleton->obj);
	if (!err)
		err = bpf_program__set_autoload(skeleton->progs.ifw_lookup, lookup);
	skeleton->rodata->ifw_keeps_listeners = lookup;
	if (!err)
		err = bpf_program__set_autoload(skeleton->progs.ifw_egress, egress);
	if (!err)
		err = ifw_bpf__load(skeleton);
	if (err)
		ifw_bpf__destroy(skeleton);
	else
		*out = skeleton;
	return err;
}

int program_load(struct loader *loader, bool egress, struct program *program,
		 struct failure *failure)
{
	struct ifw_bpf *skeleton = NULL;
	bool lookup = true;
	int err;

	err = load_skeleton(loader, egress, true, &skeleton);
	/* What the verifier says to a field it lacks; what else it may mean is told below. */
	if ((err == -EACCES || err == -EINVAL) &&
	    load_skeleton(loader, egress, false, &skeleton) == 0) {
		lookup = false;
		err = 0;
	}
	/* Without CAP_PERFMON the verifier follows speculative paths, and gives up with this. */
	if (err == -EFAULT)
		err = -EACCES;
	if (err)
		return fail_errno(
			failure, err,
			"cannot load the program into the kernel (IFW_DEBUG=1 shows why)");
	program->fd = dup(bpf_program__fd(skeleton->progs.ifw_ingress));
	program->lookup_fd = lookup ? dup(bpf_program__fd(skeleton->progs.ifw_lookup)) : -1;
	program->egress_fd = egress ? dup(bpf_program__fd(skeleton->progs.ifw_egress)) : -1;
	err = program->fd < 0 || (lookup && program->lookup_fd < 0) ||
			      (egress && program->egress_fd < 0)
		      ? -errno
		      : 0;
	ifw_bpf__destroy(skeleton);
	if (err) {
		program_close(program);
		return fail_errno(failure, err, "cannot keep the program");
	}
	program->verified_instructions = verified_instructions(program->fd);
	program->lookup_instructions = lookup ? verified_instructions(program->lookup_fd) : 0;
	program->egress_instructions = egress ? verified_instructions(program->egress_fd) : 0;
	return 0;
}

void program_close(struct program *program)
{
	cleanup_close(&program->fd);
	cleanup_close(&program->lookup_fd);
	cleanup_close(&program->egress_fd);
	program->fd = program->lookup_fd = program->egress_fd = -1;
}
