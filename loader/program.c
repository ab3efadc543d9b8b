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
 * By its name a filter is known for ours. Where the kernel's first answer about names was
 * an error, libbpf loads without them, though every kernel that ifw runs on takes them.
 */
static bool is_unnamed(int fd)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && !info.name[0];
}

/* Which of the programs are loaded; the maps always are. */
enum parts {
	PART_INGRESS = 1 << 0,
	PART_LOOKUP =
		1 << 1, /* needs 5.17 for the interface; and 7.3 lets no TC program write its map */
	PART_EGRESS = 1 << 2,
};

static int load_skeleton(struct loader *loader, uint32_t parts, struct ifw_bpf **out)
{
	struct ifw_bpf *skeleton = ifw_bpf__open();
	int err;

	if (!skeleton)
		return -errno;
	err = set_pin_paths(loader, skeleton->obj);
	if (!err)
		err = bpf_program__set_autoload(skeleton->progs.ifw_ingress, parts & PART_INGRESS);
	if (!err)
		err = bpf_program__set_autoload(skeleton->progs.ifw_lookup, parts & PART_LOOKUP);
	if (!err)
		err = bpf_program__set_autoload(skeleton->progs.ifw_egress, parts & PART_EGRESS);
	skeleton->rodata->ifw_keeps_listeners = !!(parts & PART_LOOKUP);
	if (!err)
		err = ifw_bpf__load(skeleton);
	if (err)
		ifw_bpf__destroy(skeleton);
	else
		*out = skeleton;
	return err;
}

static int refuse_load(int err, struct failure *failure)
{
	/* Without CAP_PERFMON the verifier follows speculative paths, and gives up with this. */
	return fail_errno(failure, err == -EFAULT ? -EACCES : err,
			  "cannot load the program into the kernel (IFW_DEBUG=1 shows why)");
}

int maps_make(struct loader *loader, struct failure *failure)
{
	struct ifw_bpf *skeleton = NULL;
	int err = load_skeleton(loader, 0, &skeleton);

	if (err)
		return refuse_load(err, failure);
	ifw_bpf__destroy(skeleton);
	return 0;
}

static int keep_programs(struct ifw_bpf *skeleton, uint32_t parts, struct program *program)
{
	const bool lookup = parts & PART_LOOKUP, egress = parts & PART_EGRESS;

	program->fd = dup(bpf_program__fd(skeleton->progs.ifw_ingress));
	program->lookup_fd = lookup ? dup(bpf_program__fd(skeleton->progs.ifw_lookup)) : -1;
	program->egress_fd = egress ? dup(bpf_program__fd(skeleton->progs.ifw_egress)) : -1;
	if (program->fd < 0 || (lookup && program->lookup_fd < 0) ||
	    (egress && program->egress_fd < 0))
		return -errno;
	if (is_unnamed(program->fd) || (egress && is_unnamed(program->egress_fd)))
		return -EAGAIN;
	program->verified_instructions = verified_instructions(program->fd);
	program->lookup_instructions = lookup ? verified_instructions(program->lookup_fd) : 0;
	program->egress_instructions = egress ? verified_instructions(program->egress_fd) : 0;
	return 0;
}

int program_load(struct loader *loader, bool egress, const struct program **program,
		 struct failure *failure)
{
	uint32_t parts = PART_INGRESS | PART_LOOKUP | (egress ? PART_EGRESS : 0);
	struct ifw_bpf *skeleton = NULL;
	int err;

	*program = &loader->program;
	if (loader->program.fd >= 0 && (!egress || loader->program.egress_fd >= 0))
		return 0;
	program_close(&loader->program);
	err = load_skeleton(loader, parts, &skeleton);
	/* What the verifier says to a field it lacks; what else it may mean is told below. */
	if ((err == -EACCES || err == -EINVAL) &&
	    load_skeleton(loader, parts & ~(uint32_t)PART_LOOKUP, &skeleton) == 0) {
		parts &= ~(uint32_t)PART_LOOKUP;
		err = 0;
	}
	if (err)
		return refuse_load(err, failure);
	err = keep_programs(skeleton, parts, &loader->program);
	ifw_bpf__destroy(skeleton);
	if (err) {
		program_close(&loader->program);
		return fail_errno(failure, err, "cannot keep the program");
	}
	return 0;
}

void program_close(struct program *program)
{
	cleanup_close(&program->fd);
	cleanup_close(&program->lookup_fd);
	cleanup_close(&program->egress_fd);
	program->fd = program->lookup_fd = program->egress_fd = -1;
}

/* --- Kept across loaders ---------------------------------------------------------- */

struct loader_programs {
	struct program program;
	uint32_t state; /* id of the map that each state has one of */
};

static uint32_t state_id(const struct loader *loader)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(loader->meta_fd, &info, &size) ? 0 : info.id;
}

void loader_programs_keep(struct loader *loader, struct loader_programs **kept)
{
	if (loader->program.fd < 0)
		return;
	loader_programs_free(*kept);
	*kept = calloc(1, sizeof(**kept));
	if (!*kept)
		return;
	(*kept)->program = loader->program;
	(*kept)->state = state_id(loader);
	loader->program = PROGRAM_CLOSED;
}

void loader_programs_use(struct loader *loader, struct loader_programs **kept)
{
	/* Those of a state that is gone write into maps that nobody reads. */
	if (*kept && (*kept)->state && (*kept)->state == state_id(loader)) {
		program_close(&loader->program);
		loader->program = (*kept)->program;
		(*kept)->program = PROGRAM_CLOSED;
	}
	loader_programs_free(*kept);
	*kept = NULL;
}

void loader_programs_free(struct loader_programs *kept)
{
	if (kept)
		program_close(&kept->program);
	free(kept);
}
