/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lookup_bench - how rules could be looked up: port ranges and prefixes in ifw's
 * structures and in others, in BPF programs run by BPF_PROG_TEST_RUN. Writes
 * JSON; report.py makes tables and a plot of it. Works in namespaces of its own.
 *
 * usage: lookup_bench [--quick] [--rounds N] [--repeat N] [--output FILE]
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "ruleset/grammar.h"

enum {
	DONE = 0,
	USAGE = 1,
	REFUSED = 2,
	UNEXPECTED = 3,
	SKIPPED = 77 /* what ctest takes for skipped */
};

static const char usage[] = "usage: lookup_bench [--quick] [--rounds N] [--repeat N] "
			    "[--output FILE]\n"
			    "  --quick        few, small cases\n"
			    "  --rounds N     times each is measured, 3 to 64 (7)\n"
			    "  --repeat N     lookups timed together (65536)\n"
			    "  --output FILE  JSON goes there (standard output)\n";

static int parse_number(const char *text, unsigned int least, unsigned int most,
			unsigned int *number)
{
	uint64_t value;

	if (grammar_parse_number(text, strlen(text), most, &value) || value < least)
		return -EINVAL;
	*number = (unsigned int)value;
	return 0;
}

static int parse(int argc, char **argv, struct options *options, const char **output)
{
	const struct option known[] = {
		{"quick", no_argument, NULL, 'q'},
		{"rounds", required_argument, NULL, 'n'},
		{"repeat", required_argument, NULL, 'r'},
		{"output", required_argument, NULL, 'o'},
		{},
	};
	int option, err = 0;

	while (!err && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'q')
			options->quick = true;
		else if (option == 'n')
			err = parse_number(optarg, 3, ROUNDS_MAX, &options->rounds);
		else if (option == 'r')
			err = parse_number(optarg, 16, 1U << 24, &options->repeat);
		else if (option == 'o')
			*output = optarg;
		else
			err = -EINVAL;
	}
	return err || optind != argc ? -EINVAL : 0;
}

/* A place of its own for pins, which ends with this process; 0 or -errno. */
static int go_private(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		return -errno;
	return 0;
}

/* Timings of one CPU are not those of another. */
static int stay_here(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static int write_result(const json_t *result, const char *output)
{
	const size_t flags = JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6);
	int err =
		output ? json_dump_file(result, output, flags) : json_dumpf(result, stdout, flags);

	if (err)
		fprintf(stderr, "lookup_bench: cannot write %s\n", output ? output : "the result");
	return err ? -EIO : 0;
}

static int measure_all(const struct options *options, json_t *result)
{
	struct utsname host;
	json_t *ports = json_array(), *prefixes = json_array(), *updates = json_array();
	int err;

	uname(&host);
	if (json_object_set_new(result, "kernel", json_string(host.release)) ||
	    json_object_set_new(result, "rounds", json_integer(options->rounds)) ||
	    json_object_set_new(result, "repeat", json_integer(options->repeat)) ||
	    json_object_set_new(result, "ports", ports) ||
	    json_object_set_new(result, "prefixes", prefixes) ||
	    json_object_set_new(result, "updates", updates))
		return -ENOMEM;
	err = bench_ports(options, ports);
	if (!err)
		err = bench_prefixes(options, prefixes);
	if (!err)
		err = bench_updates(options, updates);
	return err;
}

int main(int argc, char **argv)
{
	struct options options = {.rounds = 7, .repeat = LOOKUP_KEYS};
	const char *output = NULL;
	json_t *result;
	int err;

	if (parse(argc, argv, &options, &output)) {
		fputs(usage, stderr);
		return USAGE;
	}
	err = go_private();
	if (err == -EPERM || err == -ENODEV || err == -ENOENT) {
		fprintf(stderr, "lookup_bench: no namespaces and BPF file system of its own: %s\n",
			strerror(-err));
		return SKIPPED;
	}
	if (!err)
		err = stay_here();
	if (err) {
		fprintf(stderr, "lookup_bench: cannot go into namespaces of its own: %s\n",
			strerror(-err));
		return REFUSED;
	}
	result = json_object();
	err = measure_all(&options, result);
	if (!err)
		err = write_result(result, output);
	json_decref(result);
	return err == -EBADMSG ? UNEXPECTED : err ? REFUSED : DONE;
}
