/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * programs.c - BPF programs at ingress: those of floor.bpf.c are attached, and
 * the run time of whatever is attached is read.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "floor.skel.h"
#include "traffic.h"

/* include/uapi/linux/bpf.h of 6.6; Debian 12's headers are older. */
#define TCX_INGRESS ((enum bpf_attach_type)46) /* BPF_TCX_INGRESS */

#define PROGRAMS_MAX 8

int program_attach(const char *name, unsigned int ifindex, struct in_addr listener, uint16_t port,
		   uint32_t mark)
{
	struct floor_bpf *skeleton = floor_bpf__open();
	int link;
	int err;

	if (!skeleton)
		return -errno;
	skeleton->rodata->listener_address = listener.s_addr;
	skeleton->rodata->listener_port = htons(port);
	skeleton->rodata->listener_mark = mark;
	err = floor_bpf__load(skeleton);
	if (!err) {
		struct bpf_program *program = strcmp(name, "drop") == 0
						      ? skeleton->progs.bench_drop
						      : skeleton->progs.bench_bare;

		/* The link stays open, and with it the program in place. */
		link = bpf_link_create(bpf_program__fd(program), (int)ifindex, TCX_INGRESS, NULL);
		err = link < 0 ? -errno : 0;
	}
	floor_bpf__destroy(skeleton);
	return err;
}

int run_time_enable(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

static int add_run_time(uint32_t id, struct run_time *out)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);
	int err;

	if (fd < 0)
		return -errno;
	err = bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	close(fd);
	if (err)
		return err;
	out->nanoseconds += info.run_time_ns;
	out->runs += info.run_cnt;
	return 0;
}

int run_time_read(unsigned int ifindex, struct run_time *out)
{
	uint32_t ids[PROGRAMS_MAX] = {}, count = PROGRAMS_MAX;
	struct run_time sum = {};

	if (bpf_prog_query((int)ifindex, TCX_INGRESS, 0, NULL, ids, &count))
		return -errno;
	if (count == 0)
		return -ENOENT;
	for (uint32_t i = 0; i < count; i++) {
		int err = add_run_time(ids[i], &sum);

		if (err)
			return err;
	}
	*out = sum;
	return 0;
}
