/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_run.c - every scenario through the shipped object, by BPF_PROG_TEST_RUN in a
 * network namespace of its own with real sockets, beside the simulator: verdict,
 * reason, rule, mark, event, frame and counters of each packet, flows and fragments
 * at the end. No assignment happens in a test run, so the simulator answers likewise.
 *
 *   test-run [-v] [--object FILE] SCENARIOS [NAME...]
 *
 * 0: they agree; 1: usage; 2: the system refused; 3: they do not; 77: not allowed here.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "made_net.h"
#include "made_sockets.h"
#include "mirror.h"
#include "scenario.h"
#include "sim/world.h"

#define DEVICES_MAX 64
#define SECOND 1000000000ULL

enum {
	EXIT_DIFFERENT = 3,
	EXIT_SKIPPED = 77,
};

struct run {
	struct mirror *mirror;
	uint32_t kernel; /* SIM_KERNEL() of this one */
	bool verbose;
	int sink;
	int devices[DEVICES_MAX]; /* by ifindex; -1: not made */
	const char *name;	  /* of the scenario */
	unsigned int packet;
	uint64_t aged_ns;
	unsigned int scenarios, packets, differences, refused;
	unsigned int no_scenarios, no_packets; /* not possible */
};

static void say_difference(void *arg, const char *line)
{
	const struct run *run = arg;

	if (run->packet)
		printf("%s, packet %u: %s\n", run->name, run->packet, line);
	else
		printf("%s: %s\n", run->name, line);
}

static void say_impossible(const struct run *run, const char *why)
{
	if (run->packet)
		printf("      %s, packet %u: not possible here: %s\n", run->name, run->packet, why);
	else
		printf("      %s: not possible here: %s\n", run->name, why);
}

/* --- The namespace ------------------------------------------------------------ */

static void leave_net(struct run *run)
{
	for (int i = 0; i < DEVICES_MAX; i++) {
		if (run->devices[i] >= 0)
			close(run->devices[i]);
		run->devices[i] = -1;
	}
	if (run->sink >= 0)
		close(run->sink);
	run->sink = -1;
}

/* The interfaces of the world, by their numbers. */
static int make_devices(struct run *run, const struct sim_world *world)
{
	for (const struct sim_iface *i = world->ifaces; i; i = i->next) {
		char name[IFW_NAME_MAX];

		if (i->ifindex == IFW_LOOPBACK_IFINDEX)
			continue;
		if (i->ifindex >= DEVICES_MAX)
			return -ERANGE;
		if (run->devices[i->ifindex] >= 0)
			continue;
		snprintf(name, sizeof(name), "made%u", i->ifindex);
		run->devices[i->ifindex] = net_device(name, i->ifindex, false);
		if (run->devices[i->ifindex] < 0)
			return run->devices[i->ifindex];
	}
	return 0;
}

/* --- Packets --------------------------------------------------------------------- */

/* A test run wants an Ethernet header and, on newer kernels, the whole header that this promises.
 */
static bool is_too_short(const struct sim_frame *frame)
{
	const struct ethhdr *eth = frame->data;

	if (frame->length <= sizeof(*eth))
		return true;
	if (eth->h_proto == htons(ETH_P_IP))
		return frame->length < sizeof(*eth) + sizeof(struct iphdr);
	return eth->h_proto == htons(ETH_P_IPV6) &&
	       frame->length < sizeof(*eth) + sizeof(struct ipv6hdr);
}

static int decide(struct run *run, struct sim_world *world, struct sim_frame *frame)
{
	struct sim_result simulator;
	struct mirror_result kernel;
	struct mirror_expected expected = {.result = &simulator};
	int err;

	frame->time_ns = mirror_now() + run->aged_ns;
	err = mirror_run(run->mirror, frame, &kernel);
	if (err == -EINVAL && is_too_short(frame)) {
		say_impossible(run, "a test run takes no frame that ends within its first headers");
		run->no_packets++;
		return 0;
	}
	if (err) {
		printf("%s, packet %u: the test run is refused: %s\n", run->name, run->packet,
		       strerror(-err));
		run->differences++;
		return 0;
	}
	err = sim_decide(world, frame, &simulator);
	if (err) {
		printf("%s, packet %u: the simulator fails: %s\n", run->name, run->packet,
		       err == -EPROTO ? simulator.violation : strerror(-err));
		run->differences++;
		return 0;
	}
	expected.data = world->packet.data;
	expected.length = world->packet.frame.length;
	run->packets++;
	run->refused += simulator.decision.reason == IFW_REASON_ASSIGN_FAILED;
	run->differences += mirror_compare_packet(run->mirror, world, frame, &expected, &kernel,
						  say_difference, run) != 0;
	return 0;
}

/* Time between packets is made to pass, where it is more than there always is. */
static int pass_time(struct run *run, uint64_t *last, uint64_t now)
{
	uint64_t passed = *last ? now - *last : 0;

	*last = now;
	if (passed < SECOND / 10)
		return 0;
	run->aged_ns += passed;
	return mirror_age(run->mirror, passed);
}

static int decide_all(struct run *run, struct scenario *scenario)
{
	struct sim_frame frame;
	uint64_t last = 0;
	int more, err = 0;

	while (!err && (more = scenario_next(scenario, &frame)) > 0) {
		run->packet++;
		err = pass_time(run, &last, frame.time_ns);
		if (!err)
			err = decide(run, scenario->world, &frame);
	}
	run->packet = 0;
	if (!err && more < 0) {
		printf("%s: %s\n", run->name, scenario->why);
		run->differences++;
	} else if (!err) {
		run->differences +=
			mirror_compare_rest(run->mirror, scenario->world, say_difference, run) != 0;
	}
	return err;
}

/* --- Scenarios ------------------------------------------------------------------- */

/* As this kernel is, and each packet reported. */
static void adapt(const struct run *run, struct sim_world *world)
{
	world->kernel = run->kernel;
	sim_world_set_test_run(world, true);
	for (struct sim_iface *i = world->ifaces; i; i = i->next)
		if (i->has_settings && !i->settings.verbose)
			i->settings.verbose = 1;
}

/* 0 also where it is not possible here; -errno ends the run. */
static int run_scenario(struct run *run, struct scenario *scenario)
{
	struct made_sockets sockets = {};
	char why[MIRROR_WHY_MAX];
	int err = 0;

	run->scenarios++;
	if (scenario->world->events) {
		run->no_scenarios++;
		say_impossible(run, "its world changes between packets");
		return 0;
	}
	adapt(run, scenario->world);
	if (run->sink < 0)
		err = net_enter(&run->sink);
	if (!err)
		err = make_devices(run, scenario->world);
	if (err) {
		fprintf(stderr, "test-run: no network namespace with tap devices: %s\n",
			strerror(-err));
		return err;
	}
	if (made_sockets_open(scenario->world, run->sink, &sockets, why, sizeof(why))) {
		run->no_scenarios++;
		say_impossible(run, why);
		goto out;
	}
	run->aged_ns = 0;
	sim_world_start_flows(scenario->world, mirror_now());
	err = mirror_fill(run->mirror, scenario->world);
	if (err)
		fprintf(stderr, "test-run: %s: the maps cannot be filled: %s\n", run->name,
			strerror(-err));
	else
		err = decide_all(run, scenario);
out:
	if (sockets.lasting)
		leave_net(run);
	made_sockets_close(&sockets);
	return err;
}

static int run_named(struct run *run, const char *scenarios, const char *name)
{
	struct scenario scenario;
	char folder[512];
	int err;

	run->name = name;
	run->packet = 0;
	if (snprintf(folder, sizeof(folder), "%s/%s", scenarios, name) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	err = scenario_open(folder, &scenario);
	if (err)
		fprintf(stderr, "test-run: %s: %s\n", name, scenario.why);
	else
		err = run_scenario(run, &scenario);
	scenario_close(&scenario);
	if (!err && run->verbose)
		printf("      %s: done\n", name);
	return err;
}

static int is_scenario(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int run_all(struct run *run, const char *scenarios)
{
	struct dirent **entries = NULL;
	int count = scandir(scenarios, &entries, is_scenario, alphasort), err = 0;

	if (count <= 0) {
		fprintf(stderr, "test-run: no scenarios in %s\n", scenarios);
		return -ENOENT;
	}
	for (int i = 0; i < count; i++) {
		if (!err)
			err = run_named(run, scenarios, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return err;
}

/* --- Arguments -------------------------------------------------------------------- */

static uint32_t running_kernel(void)
{
	struct utsname about;
	char *end = NULL;
	unsigned long major, minor = 0;

	if (uname(&about))
		return SIM_KERNEL_DEFAULT;
	major = strtoul(about.release, &end, 10);
	if (end && *end == '.')
		minor = strtoul(end + 1, NULL, 10);
	return SIM_KERNEL(major, minor);
}

static int summarize(const struct run *run)
{
	printf("%u scenarios, %u packets on kernel %u.%u: %u differences (assignment refused, as "
	       "expected of a test run: %u; not possible here: %u scenarios, %u packets)\n",
	       run->scenarios, run->packets, run->kernel >> 16, run->kernel & 0xffff,
	       run->differences, run->refused, run->no_scenarios, run->no_packets);
	return run->differences || !run->packets ? EXIT_DIFFERENT : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"object", required_argument, NULL, 'o'},
		{"verbose", no_argument, NULL, 'v'},
		{},
	};
	struct run run = {.kernel = running_kernel(), .sink = -1};
	const char *object = NULL, *scenarios;
	char why[MIRROR_WHY_MAX] = "";
	int option, err;

	memset(run.devices, -1, sizeof(run.devices));
	while ((option = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		if (option == 'o')
			object = optarg;
		else if (option == 'v')
			run.verbose = true;
		else
			return 1;
	}
	if (optind == argc) {
		fprintf(stderr, "usage: test-run [-v] [--object FILE] SCENARIOS [NAME...]\n");
		return 1;
	}
	scenarios = argv[optind++];
	err = mirror_open(object, &run.mirror, why);
	if (err) {
		printf("%s: %s\n", err == -EPERM ? "skipped" : "test-run", why);
		return err == -EPERM ? EXIT_SKIPPED : 2;
	}
	if (optind == argc)
		err = run_all(&run, scenarios);
	for (; optind < argc && !err; optind++)
		err = run_named(&run, scenarios, argv[optind]);
	leave_net(&run);
	mirror_close(run.mirror);
	return err ? 2 : summarize(&run);
}
