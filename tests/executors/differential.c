/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * differential.c - random packets, many of them, through real interfaces with the
 * shipped program and through the simulator, in worlds with random rules. A difference
 * is made small and written down as a scenario.
 *
 *   differential [--packets N] [--seed N] [--write FOLDER]
 *   IFW_SCALE_PACKETS   in place of --packets
 *
 * 0: not one difference; 1: usage; 2: the system refused; 3: differences; 77: not
 * allowed here. Episode N of seed S is made from the number S + N alone, so the seed
 * that is printed with a difference shows it again at once: --seed THAT --packets 1.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ruleset/clock.h"
#include "ruleset/grammar.h"
#include "shrink.h"

#define PACKETS_DEFAULT 200000
#define EPISODE_PACKETS 4000
#define PROGRESS_NS 3000000000ULL

enum {
	EXIT_DIFFERENT = 3,
	EXIT_SKIPPED = 77,
};

struct options {
	uint64_t packets, seed;
	const char *write;
};

static int show_difference(struct house *house, struct episode *episode, struct finding *finding,
			   const struct options *options, struct failure *failure)
{
	char name[64];
	int err;

	printf("seed %llu, packet %u: simulator and kernel differ\n%s",
	       (unsigned long long)episode->seed, finding->packet + 1, finding->text);
	fflush(stdout);
	err = shrink_episode(house, episode, finding, failure);
	if (err)
		return err;
	snprintf(name, sizeof(name), "differs-%llu", (unsigned long long)episode->seed);
	err = write_scenario(episode, options->write, name);
	if (err) {
		snprintf(failure->text, sizeof(failure->text), "%s/%s cannot be written: %s",
			 options->write, name, strerror(-err));
		return err;
	}
	printf("%u packets are enough, and these rules; %s/%s is the scenario:\n%s%s",
	       episode->count, options->write, name, episode->rules, finding->text);
	return 0;
}

/* 1 where a difference was found. */
static int run_episode(struct house *house, uint64_t seed, const struct options *options,
		       struct check_counts *counts, struct failure *failure)
{
	struct finding finding;
	struct episode episode;
	int err = episode_make(seed, EPISODE_PACKETS, &episode);

	if (!err)
		err = check_episode(house, &episode, counts, &finding, failure);
	if (!err && finding.found) {
		err = show_difference(house, &episode, &finding, options, failure);
		err = err ? err : 1;
	}
	episode_free(&episode);
	return err;
}

static void say_progress(const struct check_counts *counts, uint64_t wanted, uint64_t *last)
{
	const uint64_t now = clock_ns();

	if (now - *last < PROGRESS_NS)
		return;
	*last = now;
	fprintf(stderr, "%llu of %llu packets\n", (unsigned long long)counts->packets,
		(unsigned long long)wanted);
}

static int run(struct house *house, const struct options *options, struct check_counts *counts,
	       struct failure *failure)
{
	uint64_t last = clock_ns(), seed = options->seed;
	int status = 0;

	while (status == 0 && counts->packets < options->packets) {
		status = run_episode(house, seed++, options, counts, failure);
		say_progress(counts, options->packets, &last);
	}
	return status;
}

static void summarize(const struct check_counts *counts, uint64_t ns)
{
	for (unsigned int reason = 1; reason < IFW_REASON_END; reason++)
		for (unsigned int verdict = 0; verdict < IFW_VERDICTS; verdict++)
			if (counts->by_reason[reason][verdict])
				printf("  %-20s %s %12llu\n", ifw_reason_info(reason)->name,
				       verdict ? "pass" : "drop",
				       (unsigned long long)counts->by_reason[reason][verdict]);
	printf("%llu packets in %.1f s (%.0f a second), %u worlds (%u cut short, %u disturbed), "
	       "%llu left, %llu "
	       "of them forwarded, %llu sockets assigned\n",
	       (unsigned long long)counts->packets, (double)ns / 1e9,
	       (double)counts->packets * 1e9 / (double)ns, counts->episodes, counts->cut,
	       counts->disturbed, (unsigned long long)counts->leaving,
	       (unsigned long long)counts->forwarded, (unsigned long long)counts->assigned);
}

/* --- Arguments ------------------------------------------------------------------------------- */

static int parse_number(const char *text, const char *what, uint64_t *number)
{
	if (grammar_parse_number(text, strlen(text), UINT64_MAX >> 1, number) == 0)
		return 0;
	fprintf(stderr, "differential: '%s' is no number of %s\n", text, what);
	return -EINVAL;
}

static int parse_arguments(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"packets", required_argument, NULL, 'p'},
		{"seed", required_argument, NULL, 's'},
		{"write", required_argument, NULL, 'w'},
		{},
	};
	const char *packets = getenv("IFW_SCALE_PACKETS");
	int option, err = 0;

	while (!err && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'p')
			err = parse_number(optarg, "packets", &options->packets);
		else if (option == 's')
			err = parse_number(optarg, "seed", &options->seed);
		else if (option == 'w')
			options->write = optarg;
		else
			err = -EINVAL;
	}
	if (!err && optind < argc)
		err = -EINVAL;
	if (!err && packets)
		err = parse_number(packets, "packets", &options->packets);
	return err;
}

int main(int argc, char **argv)
{
	struct options options = {.packets = PACKETS_DEFAULT,
				  .seed = (uint64_t)time(NULL) * 1000,
				  .write = "differences"};
	struct check_counts counts = {};
	struct failure failure = {};
	struct house *house = NULL;
	struct sim_world *world;
	unsigned int left = 0;
	uint64_t start;
	int status;

	if (parse_arguments(argc, argv, &options)) {
		fprintf(stderr, "usage: differential [--packets N] [--seed N] [--write FOLDER]\n");
		return 1;
	}
	status = house_enter(&failure);
	world = episode_house();
	if (!status)
		status = world ? house_build(episode_ifaces, world, &house, &failure) : -ENOMEM;
	if (status == -EPERM) {
		printf("skipped: %s\n", failure.text);
		sim_world_destroy(world);
		return EXIT_SKIPPED;
	}
	printf("seed %llu\n", (unsigned long long)options.seed);
	fflush(stdout);
	start = clock_ns();
	if (!status)
		status = run(house, &options, &counts, &failure);
	if (status >= 0)
		summarize(&counts, clock_ns() - start);
	else
		fprintf(stderr, "differential: %s (%s)\n", failure.text, strerror(-status));
	house_leave(house, &left);
	sim_world_destroy(world);
	if (left)
		printf("%u sockets are not freed: references to them have leaked\n", left);
	if (status < 0)
		return 2;
	return status || left ? EXIT_DIFFERENT : 0;
}
