/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mirror.h - the shipped object with a simulated world in its maps, and single
 * packets through it by BPF_PROG_TEST_RUN. Nothing is attached or pinned.
 */
#ifndef IFW_TESTS_MIRROR_H
#define IFW_TESTS_MIRROR_H

#include "sim/world.h"

#define MIRROR_WHY_MAX 512 /* bytes */

struct mirror;

/*
 * Loads the object: what is linked in, or a file. 0 or -errno, and why. The
 * process stays on one CPU from then on. *lookup: listeners are kept for sk_lookup.
 */
int mirror_open(const char *object, struct mirror **mirror, char why[MIRROR_WHY_MAX]);
void mirror_close(struct mirror *mirror);

/* The world's interfaces, addresses, rules, settings and flows, and nothing else. 0 or -errno. */
int mirror_fill(struct mirror *mirror, const struct sim_world *world);

/* What is remembered gets so much older. 0 or -errno. */
int mirror_age(struct mirror *mirror, uint64_t ns);

struct mirror_result {
	uint32_t answer; /* TC_ACT_* */
	uint32_t mark;
	unsigned int events; /* 0, or 1 with it */
	struct ifw_event event;
	const uint8_t *data; /* the frame afterwards, until the next call */
	uint32_t length;
};

/* The frame by the program of its direction. 0; -errno as the kernel refuses it. */
int mirror_run(struct mirror *mirror, const struct sim_frame *frame, struct mirror_result *result);

/* CLOCK_MONOTONIC, ns. */
uint64_t mirror_now(void);

/* --- mirror_compare.c ------------------------------------------------------- */

/* Called with a line a difference, without its end. */
typedef void (*mirror_say)(void *arg, const char *line);

/* What the simulator made of it; data and length: the frame afterwards. */
struct mirror_expected {
	const struct sim_result *result;
	const uint8_t *data;
	size_t length;
};

/* Both return how many differences there are. */
unsigned int mirror_compare_packet(struct mirror *mirror, const struct sim_world *world,
				   const struct sim_frame *frame,
				   const struct mirror_expected *expected,
				   const struct mirror_result *result, mirror_say say, void *arg);
/* Counters of all rules, flows and fragments, but for their times. */
unsigned int mirror_compare_rest(struct mirror *mirror, const struct sim_world *world,
				 mirror_say say, void *arg);

/* --- Between the two ---------------------------------------------------------- */

struct ifw_bpf;
struct ifw_bpf *mirror_skeleton(const struct mirror *mirror);
int mirror_counters(const struct mirror *mirror, uint32_t slot, struct ifw_counters *sum);
int mirror_rule_count(const struct mirror *mirror, uint32_t counter, struct ifw_count *sum);
/* -1: there is no such map. */
int mirror_flows_fd(const struct mirror *mirror, uint32_t class);

#endif /* IFW_TESTS_MIRROR_H */
