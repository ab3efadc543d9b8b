/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * store_stress.c - many changes of rules, each as a command makes it (open,
 * lock, change, close) but without the start of a process, which would hide
 * what a change costs and make thousands of them slow.
 *
 * usage: store_stress add PIN_DIR WRITER COUNT
 *        store_stress cost REPEAT PIN_DIR...
 *
 * add: COUNT rules of one port each, on prefixes of the writer's own and, every
 * sixteenth, on one that all writers share.
 *
 * cost: in turn for each folder, a rule is added on a prefix of its own and
 * deleted; prints a line a folder: median CPU microseconds of the two.
 * CPU time, so that other load does not count.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loader/loader.h"

#define FOLDERS_MAX 8
#define REPEAT_MAX 10000

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static struct rule rule_to(uint32_t address, uint16_t port)
{
	return (struct rule){
		.dst = {(uint64_t)address << 32, 0},
		.dst_len = 32,
		.family = IFW_FAMILY_IPV4,
		.protocol = IPPROTO_UDP,
		.low = port,
		.high = port,
		.ifaces = IFW_IFACES_ANY,
		.action = IFW_ACTION_DENY,
	};
}

/* As `ifw rule add` and `ifw rule del` do it. */
static int change(const char *dir, const struct rule *rule, bool add)
{
	struct loader_options options = {.pin_dir = dir};
	struct delete_filter filter = {.rule = *rule};
	struct failure failure = {};
	struct delete_result deleted;
	struct add_result added;
	struct loader *loader;
	int err = loader_open(&loader, LOADER_WRITE, &options, &failure);

	if (!err) {
		err = add ? loader_rule_add(loader, rule, false, &added, &failure)
			  : loader_rule_delete(loader, &filter, &deleted, &failure);
		loader_close(loader);
	}
	if (err)
		fprintf(stderr, "store_stress: %s\n", failure.text);
	return err;
}

static int run_add(const char *dir, unsigned int writer, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		/* 192.0.2.1 for all of them, 10.WRITER.x.x for one. */
		uint32_t address = i % 16 ? 0x0a000000 + (writer << 16) + i : 0xc0000201;
		struct rule rule = rule_to(address, (uint16_t)(1 + writer * count + i));

		if (change(dir, &rule, true))
			return 1;
	}
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int run_cost(unsigned int repeat, char **dirs, int count)
{
	static uint64_t took[FOLDERS_MAX][2][REPEAT_MAX];

	for (unsigned int i = 0; i < repeat; i++) {
		for (int n = 0; n < count; n++) {
			struct rule rule = rule_to(0xc6336400 + i, 7);

			for (int add = 1; add >= 0; add--) {
				uint64_t begun = cpu_ns();

				if (change(dirs[n], &rule, add))
					return 1;
				took[n][add][i] = cpu_ns() - begun;
			}
		}
	}
	for (int n = 0; n < count; n++) {
		for (int add = 0; add < 2; add++)
			qsort(took[n][add], repeat, sizeof(took[n][add][0]), by_size);
		printf("%.1f %.1f\n", (double)took[n][1][repeat / 2] / 1e3,
		       (double)took[n][0][repeat / 2] / 1e3);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "add") == 0)
		return run_add(argv[2], (unsigned int)strtoul(argv[3], NULL, 10),
			       (unsigned int)strtoul(argv[4], NULL, 10));
	if (argc > 3 && argc - 3 <= FOLDERS_MAX && strcmp(argv[1], "cost") == 0) {
		unsigned long repeat = strtoul(argv[2], NULL, 10);

		if (repeat > 0 && repeat <= REPEAT_MAX)
			return run_cost((unsigned int)repeat, argv + 3, argc - 3);
	}
	fprintf(stderr, "usage: store_stress add PIN_DIR WRITER COUNT | cost REPEAT PIN_DIR...\n");
	return 2;
}
