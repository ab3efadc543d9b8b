/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* mirror.c - see mirror.h. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "aging.h"
#include "ifw.skel.h"
#include "mirror.h"

#define FRAME_MAX 65536 /* bytes */

struct mirror {
	struct ifw_bpf *skeleton;
	struct ring_buffer *ring;
	uint8_t *index; /* both generations, in memory */
	size_t index_size;
	int flows[IFW_FLOW_CLASSES]; /* -1: not made */
	uint32_t flows_max[IFW_FLOW_CLASSES];
	int prefixes, ranges, counts;
	uint32_t counted; /* rules whose counters were in use */
	int cpus;
	struct ifw_counters *by_cpu;
	unsigned int events;
	struct ifw_event event;
	uint8_t frame[FRAME_MAX];
};

struct ifw_bpf *mirror_skeleton(const struct mirror *mirror)
{
	return mirror->skeleton;
}

int mirror_flows_fd(const struct mirror *mirror, uint32_t class)
{
	return mirror->flows[class];
}

uint64_t mirror_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

/* --- Loading ---------------------------------------------------------------- */

static int read_file(const char *path, void **data, size_t *size)
{
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &about))
		err = -errno;
	*data = err ? NULL : malloc((size_t)about.st_size + 1);
	if (!err && !*data)
		err = -ENOMEM;
	*size = err ? 0 : (size_t)about.st_size;
	if (!err && read(fd, *data, *size) != (ssize_t)*size)
		err = -EIO;
	close(fd);
	return err;
}

/* As ifw_bpf__open_and_load, but of another file's object where one is named. */
static int load(struct mirror *mirror, const char *object, bool keeps_listeners)
{
	struct ifw_bpf *skeleton = calloc(1, sizeof(*skeleton));
	void *data = NULL;
	size_t size = 0;
	int err;

	if (!skeleton)
		return -ENOMEM;
	err = ifw_bpf__create_skeleton(skeleton);
	if (!err && object) {
		err = read_file(object, &data, &size);
		skeleton->skeleton->data = data;
		skeleton->skeleton->data_sz = size;
	}
	if (!err)
		err = bpf_object__open_skeleton(skeleton->skeleton, NULL);
	if (!err) {
		skeleton->rodata->ifw_keeps_listeners = keeps_listeners;
		err = bpf_program__set_autoload(skeleton->progs.ifw_lookup, false);
	}
	if (!err)
		err = ifw_bpf__load(skeleton);
	free(data);
	if (err)
		ifw_bpf__destroy(skeleton);
	else
		mirror->skeleton = skeleton;
	return err;
}

static int take_event(void *arg, void *data, size_t size)
{
	struct mirror *mirror = arg;

	mirror->events++;
	if (size >= sizeof(mirror->event))
		memcpy(&mirror->event, data, sizeof(mirror->event));
	return 0;
}

static int map_of(const struct bpf_map *map)
{
	return bpf_map__fd(map);
}

static int put(int fd, const void *key, const void *value)
{
	return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
}

/* Slow: the kernel then waits until no program runs any more. So it is done once. */
static int put_inner(const struct bpf_map *outer, uint32_t at, int inner)
{
	return put(map_of(outer), &at, &inner);
}

/* Those of a size that worlds choose are made when needed. */
static int make_inner(struct mirror *mirror)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);

	mirror->prefixes =
		bpf_map_create(BPF_MAP_TYPE_HASH, "test_prefixes", sizeof(struct ifw_prefix_key),
			       sizeof(struct ifw_prefix), 2 * IFW_RANGE_CHUNK, &options);
	mirror->ranges = bpf_map_create(BPF_MAP_TYPE_ARRAY, "test_ranges", sizeof(__u32),
					sizeof(struct ifw_range), IFW_RANGE_CHUNK, NULL);
	mirror->counts = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "test_counts", sizeof(__u32),
					sizeof(struct ifw_count), IFW_COUNTER_CHUNK, NULL);
	if (mirror->prefixes < 0 || mirror->ranges < 0 || mirror->counts < 0)
		return -errno;
	for (uint32_t generation = 0; generation < SIM_GENERATIONS; generation++) {
		int err = put_inner(mirror->skeleton->maps.ifw_ranges,
				    generation * IFW_RANGE_CHUNKS, mirror->ranges);

		if (!err)
			err = put_inner(mirror->skeleton->maps.ifw_prefixes, generation,
					mirror->prefixes);
		if (err)
			return err;
	}
	return put_inner(mirror->skeleton->maps.ifw_rule_counts, 0, mirror->counts);
}

static int prepare(struct mirror *mirror)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = SIM_GENERATIONS * sizeof(struct ifw_index);
	void *index;

	mirror->cpus = libbpf_num_possible_cpus();
	if (mirror->cpus < 0)
		return mirror->cpus;
	mirror->by_cpu = calloc((size_t)mirror->cpus, sizeof(*mirror->by_cpu));
	if (!mirror->by_cpu)
		return -ENOMEM;
	size = (size + page - 1) / page * page;
	index = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		     map_of(mirror->skeleton->maps.ifw_index), 0);
	if (index == MAP_FAILED)
		return -errno;
	mirror->index = index;
	mirror->index_size = size;
	mirror->ring = ring_buffer__new(map_of(mirror->skeleton->maps.ifw_events), take_event,
					mirror, NULL);
	return mirror->ring ? make_inner(mirror) : -errno;
}

/* A packet's counters and its work are found on one CPU. */
static int stay(void)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
}

int mirror_open(const char *object, struct mirror **out, char why[MIRROR_WHY_MAX])
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct mirror *mirror = calloc(1, sizeof(*mirror));
	int err;

	if (!mirror)
		return -ENOMEM;
	mirror->prefixes = mirror->ranges = mirror->counts = -1;
	for (int class = 0; class < IFW_FLOW_CLASSES; class ++)
		mirror->flows[class] = -1;
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited); /* before 5.11 maps count against it */
	err = load(mirror, object, true);
	if (err == -EACCES || err == -EINVAL) /* as the loader does (loader/program.c) */
		err = load(mirror, object, false);
	if (err) {
		snprintf(why, MIRROR_WHY_MAX, "the object cannot be loaded: %s", strerror(-err));
	} else {
		err = stay();
		if (!err)
			err = prepare(mirror);
		if (err)
			snprintf(why, MIRROR_WHY_MAX, "the maps cannot be made: %s",
				 strerror(-err));
	}
	if (err)
		mirror_close(mirror);
	else
		*out = mirror;
	return err;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void mirror_close(struct mirror *mirror)
{
	if (!mirror)
		return;
	ring_buffer__free(mirror->ring);
	if (mirror->index)
		munmap(mirror->index, mirror->index_size);
	for (int class = 0; class < IFW_FLOW_CLASSES; class ++)
		close_fd(&mirror->flows[class]);
	close_fd(&mirror->prefixes);
	close_fd(&mirror->ranges);
	close_fd(&mirror->counts);
	if (mirror->skeleton)
		ifw_bpf__destroy(mirror->skeleton);
	free(mirror->by_cpu);
	free(mirror);
}

/* --- Filling ------------------------------------------------------------------ */

static int clear(struct mirror *mirror)
{
	struct ifw_bpf *s = mirror->skeleton;
	int err;

	err = empty_map(map_of(s->maps.ifw_ifaces), sizeof(__u32));
	if (!err)
		err = empty_map(map_of(s->maps.ifw_addrs), sizeof(struct ifw_addr_key));
	if (!err)
		err = empty_map(map_of(s->maps.ifw_fragments), sizeof(struct ifw_fragment_key));
	if (!err)
		err = empty_map(mirror->prefixes, sizeof(struct ifw_prefix_key));
	for (uint32_t class = 0; class < IFW_FLOW_CLASSES && !err; class ++)
		if (mirror->flows[class] >= 0)
			err = empty_map(mirror->flows[class], sizeof(struct ifw_flow_key));
	memset(mirror->by_cpu, 0, (size_t)mirror->cpus * sizeof(*mirror->by_cpu));
	for (uint32_t slot = 0; slot < IFW_SLOTS && !err; slot++)
		err = put(map_of(s->maps.ifw_counters), &slot, mirror->by_cpu);
	for (uint32_t n = 0; n < mirror->counted && !err; n++)
		err = put(mirror->counts, &n, mirror->by_cpu);
	memset(mirror->index, 0, mirror->index_size);
	return err;
}

static int fill_ifaces(struct mirror *mirror, const struct sim_world *world)
{
	struct ifw_bpf *s = mirror->skeleton;
	int err = 0;

	for (uint32_t slot = 0; slot < IFW_SLOTS && !err; slot++)
		err = put(map_of(s->maps.ifw_addr_filter), &slot, &world->addr_filter[slot]);
	for (const struct sim_addr *a = world->addrs; a && !err; a = a->hh.next)
		err = put(map_of(s->maps.ifw_addrs), &a->key, &a->kind);
	for (const struct sim_iface *i = world->ifaces; i && !err; i = i->next) {
		const struct ifw_brief brief = {
			.ifindex = i->has_settings ? i->ifindex : 0,
			.slot = i->settings.slot,
			.flags = i->settings.flags,
			.mark = i->settings.mark,
			.mark_mask = i->settings.mark_mask,
			.verbose = i->settings.verbose,
		};
		const uint32_t at = i->ifindex % IFW_BRIEFS;

		err = put(map_of(s->maps.ifw_briefs), &at, &brief);
		if (!err && i->has_settings)
			err = put(map_of(s->maps.ifw_ifaces), &i->ifindex, &i->settings);
	}
	return err;
}

static int fill_rules(struct mirror *mirror, const struct sim_world *world)
{
	const struct sim_set *set = &world->sets[world->active];
	const uint32_t active[IFW_ACTIVE_ELEMENTS] = {
		[IFW_ACTIVE_GENERATION] = world->active,
		[IFW_ACTIVE_EPOCH] = world->epoch,
	};
	int err = 0;

	for (size_t i = 0; i < set->prefix_count && !err; i++)
		err = put(mirror->prefixes, &set->prefixes[i].key, &set->prefixes[i].value);
	if (set->index)
		memcpy(mirror->index + world->active * sizeof(*set->index), set->index,
		       sizeof(*set->index));
	if (set->range_count > IFW_RANGE_CHUNK || world->rules.count >= IFW_COUNTER_CHUNK)
		return -E2BIG;
	for (uint32_t n = 0; n < set->range_count && !err; n++)
		err = put(mirror->ranges, &n, &set->ranges[n]);
	mirror->counted = (uint32_t)world->rules.count + 1;
	for (uint32_t n = 0; n < IFW_ACTIVE_ELEMENTS && !err; n++)
		err = put(map_of(mirror->skeleton->maps.ifw_active), &n, &active[n]);
	return err;
}

static int make_flows(struct mirror *mirror, uint32_t class, uint32_t max)
{
	if (mirror->flows[class] >= 0 && mirror->flows_max[class] == max)
		return 0;
	close_fd(&mirror->flows[class]);
	mirror->flows_max[class] = max;
	mirror->flows[class] =
		bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "test_flows", sizeof(struct ifw_flow_key),
			       sizeof(struct ifw_flow), max, NULL);
	if (mirror->flows[class] < 0)
		return -errno;
	return put_inner(mirror->skeleton->maps.ifw_flows, class, mirror->flows[class]);
}

static int fill_flows(struct mirror *mirror, const struct sim_world *world)
{
	const uint32_t zero = 0;
	int err = put(map_of(mirror->skeleton->maps.ifw_track), &zero, &world->track);

	if (!err)
		err = put(map_of(mirror->skeleton->maps.ifw_awaited), &zero, &world->awaited_ns);
	for (uint32_t class = 0; class < IFW_FLOW_CLASSES && !err; class ++) {
		err = make_flows(mirror, class, world->flows_max[class]);
		for (const struct sim_flow *f = world->flows[class]; f && !err; f = f->hh.next)
			err = put(mirror->flows[class], &f->key, &f->value);
	}
	return err;
}

int mirror_fill(struct mirror *mirror, const struct sim_world *world)
{
	int err = clear(mirror);

	if (!err)
		err = fill_ifaces(mirror, world);
	if (!err)
		err = fill_rules(mirror, world);
	if (!err)
		err = fill_flows(mirror, world);
	return err;
}

/* --- Time ----------------------------------------------------------------------- */

int mirror_age(struct mirror *mirror, uint64_t ns)
{
	const uint32_t zero = 0;
	int fd = map_of(mirror->skeleton->maps.ifw_awaited), err = 0;
	__u64 awaited;

	if (bpf_map_lookup_elem(fd, &zero, &awaited))
		return -errno;
	awaited = awaited > ns ? awaited - ns : 0;
	err = put(fd, &zero, &awaited);
	if (!err)
		err = age_fragments(map_of(mirror->skeleton->maps.ifw_fragments), ns);
	for (uint32_t class = 0; class < IFW_FLOW_CLASSES && !err; class ++)
		err = age_flows(mirror->flows[class], ns);
	return err;
}

/* --- Packets ------------------------------------------------------------------- */

int mirror_run(struct mirror *mirror, const struct sim_frame *frame, struct mirror_result *result)
{
	struct __sk_buff before = {.mark = frame->mark, .ifindex = frame->ifindex}, after = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame->data,
		    .data_size_in = (uint32_t)frame->length, .data_out = mirror->frame,
		    .data_size_out = sizeof(mirror->frame), .ctx_in = &before,
		    .ctx_size_in = sizeof(before), .ctx_out = &after, .ctx_size_out = sizeof(after),
		    .repeat = 1);
	const struct bpf_program *program = frame->direction == IFW_DIRECTION_OUT
						    ? mirror->skeleton->progs.ifw_egress
						    : mirror->skeleton->progs.ifw_ingress;

	mirror->events = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &run))
		return -errno;
	if (ring_buffer__consume(mirror->ring) < 0)
		return -EIO;
	*result = (struct mirror_result){
		.answer = run.retval,
		.mark = after.mark,
		.events = mirror->events,
		.event = mirror->event,
		.data = mirror->frame,
		.length = run.data_size_out,
	};
	return 0;
}

/* --- Counters --------------------------------------------------------------------- */

int mirror_counters(const struct mirror *mirror, uint32_t slot, struct ifw_counters *sum)
{
	const __u64 *from;
	__u64 *to = (__u64 *)sum;

	if (bpf_map_lookup_elem(map_of(mirror->skeleton->maps.ifw_counters), &slot, mirror->by_cpu))
		return -errno;
	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < mirror->cpus; cpu++) {
		from = (const __u64 *)&mirror->by_cpu[cpu];
		for (size_t i = 0; i < sizeof(*sum) / sizeof(__u64); i++)
			to[i] += from[i];
	}
	return 0;
}

int mirror_rule_count(const struct mirror *mirror, uint32_t counter, struct ifw_count *sum)
{
	const struct ifw_count *from = (const struct ifw_count *)mirror->by_cpu;

	if (bpf_map_lookup_elem(mirror->counts, &counter, mirror->by_cpu))
		return -errno;
	*sum = (struct ifw_count){};
	for (int cpu = 0; cpu < mirror->cpus; cpu++) {
		sum->packets += from[cpu].packets;
		sum->bytes += from[cpu].bytes;
	}
	return 0;
}
