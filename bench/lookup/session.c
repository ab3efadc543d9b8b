/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session.c - rules in force by way of ifw's own loader, in a BPF file system
 * that only this process sees, and the measured programs over those maps.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PIN_DIR "/sys/fs/bpf/lookup"

struct rule make_rule(uint32_t dst, uint8_t len, uint16_t low, uint16_t high)
{
	return (struct rule){
		.dst = {(uint64_t)dst << 32, 0},
		.dst_len = len,
		.ifaces = IFW_IFACES_ANY,
		.low = low,
		.high = high,
		.family = IFW_FAMILY_IPV4,
		.protocol = IPPROTO_TCP,
		.action = IFW_ACTION_DENY,
	};
}

int add_rule(struct rule_set *set, uint32_t dst, uint8_t len, uint16_t low, uint16_t high)
{
	struct rule rule = make_rule(dst, len, low, high);

	rule.order = (uint32_t)set->count + 1;
	return rule_set_add(set, &rule);
}

int session_fail(struct session *session, int err, const char *what)
{
	if (err && !session->failure.text[0])
		snprintf(session->failure.text, sizeof(session->failure.text), "%s: %s", what,
			 strerror(-err));
	if (err)
		fprintf(stderr, "\nlookup_bench: %s\n", session->failure.text);
	session->failure.text[0] = 0;
	return err;
}

static int open_pin(const char *name, int number, int *fd)
{
	char path[128];

	snprintf(path, sizeof(path), number < 0 ? PIN_DIR "/%s" : PIN_DIR "/%s_%d", name, number);
	*fd = bpf_obj_get(path);
	return *fd < 0 ? -errno : 0;
}

static int read_generation(struct session *session)
{
	uint32_t zero = 0;
	int active, err;

	err = open_pin("active", -1, &active);
	if (err)
		return err;
	if (bpf_map_lookup_elem(active, &zero, &session->generation))
		err = -errno;
	close(active);
	if (!err)
		err = open_pin("prefixes", (int)session->generation, &session->prefixes);
	return err;
}

int session_open(struct session *session, struct rule_set *set)
{
	const struct loader_options options = {.pin_dir = PIN_DIR};
	bool changed;
	int err;

	*session = (struct session){.prefixes = -1};
	err = loader_open(&session->loader, LOADER_CREATE, &options, &session->failure);
	if (err)
		return session_fail(session, err, "cannot make the maps");
	set->names = *loader_names(session->loader);
	err = loader_apply(session->loader, set, &changed, &session->failure);
	if (!err)
		err = read_generation(session);
	return session_fail(session, err, "cannot put the rules in force");
}

/* The maps of ifw that the programs use; of its others none is made. */
static int use_maps(struct lookup_bpf *skeleton)
{
	const struct {
		struct bpf_map *map;
		const char *name;
	} shared[] = {
		{skeleton->maps.ifw_active, "active"},
		{skeleton->maps.ifw_prefixes, "prefixes"},
		{skeleton->maps.ifw_ranges, "ranges"},
		{skeleton->maps.ifw_index, "index"},
	};
	struct bpf_map *map;
	int err = 0, fd;

	bpf_object__for_each_map(map, skeleton->obj)
	{
		/* What a walk finds lies in a map that is not pinned. */
		if (!bpf_map__is_internal(map) && strncmp(bpf_map__name(map), "bench_", 6) != 0 &&
		    strcmp(bpf_map__name(map), "found") != 0)
			err = err ? err : bpf_map__set_autocreate(map, false);
	}
	for (size_t i = 0; !err && i < sizeof(shared) / sizeof(shared[0]); i++) {
		err = open_pin(shared[i].name, -1, &fd);
		if (err)
			break;
		err = bpf_map__set_autocreate(shared[i].map, true);
		if (!err)
			err = bpf_map__reuse_fd(shared[i].map, fd);
		close(fd);
	}
	return err;
}

static int resize_all(const struct lookup_bpf *skeleton, const struct room_wanted *room)
{
	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
		{skeleton->maps.bench_ranges, room->ranges},
		{skeleton->maps.bench_port_hash, room->port_hash},
		{skeleton->maps.bench_port_trie, room->port_trie},
		{skeleton->maps.bench_prefix_trie, room->prefixes},
		{skeleton->maps.bench_short, room->prefixes},
		{skeleton->maps.bench_leaves, room->prefixes},
		{skeleton->maps.bench_blocks, room->blocks},
		{skeleton->maps.bench_edges, room->edges},
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		err = bpf_map__set_max_entries(sizes[i].map,
					       sizes[i].entries ? sizes[i].entries : 1);
	return err;
}

int session_load(struct session *session, const struct room_wanted *room)
{
	struct lookup_bpf *skeleton = lookup_bpf__open();
	int err;

	if (!skeleton)
		return session_fail(session, -errno, "cannot open the programs");
	session->skeleton = skeleton;
	err = use_maps(skeleton);
	if (!err)
		err = resize_all(skeleton, room);
	if (!err)
		err = lookup_bpf__load(skeleton);
	if (err)
		return session_fail(session, err, "cannot load the programs");
	skeleton->bss->generation = session->generation;
	return 0;
}

void session_close(struct session *session)
{
	lookup_bpf__destroy(session->skeleton);
	if (session->prefixes >= 0)
		close(session->prefixes);
	loader_close(session->loader); /* takes the pins away, since nothing was brought up */
	*session = (struct session){.prefixes = -1};
}

int map_bytes(int fd, uint64_t *bytes)
{
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	*bytes = 0;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "memlock:", 8) == 0)
			*bytes = strtoull(line + 8, NULL, 10);
	fclose(file);
	return *bytes ? 0 : -ENODATA;
}
