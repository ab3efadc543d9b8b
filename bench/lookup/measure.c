/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * measure.c - runs programs by BPF_PROG_TEST_RUN and times them. Each run
 * takes the next key by itself, so what is timed is many runs in one call.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dULL >> 16;
}

void progress(size_t done, size_t total, const char *format, ...)
{
	bool terminal = isatty(STDERR_FILENO);
	va_list args;

	fprintf(stderr, terminal ? "\r\033[K%3zu of %zu  " : "%3zu of %zu  ", done, total);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	if (!terminal || done == total)
		fputc('\n', stderr);
	fflush(stderr);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

json_t *summary(double *samples, unsigned int count)
{
	qsort(samples, count, sizeof(*samples), by_value);
	/* A tenth of a nanosecond is more than is known. */
	return json_pack("{s:f, s:f, s:f}", "median", round(samples[count / 2] * 10) / 10, "low",
			 round(samples[count / 4] * 10) / 10, "high",
			 round(samples[count - 1 - count / 4] * 10) / 10);
}

/* ns a run. */
static int run(const struct bpf_program *program, unsigned int repeat, double *ns)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = (int)repeat);
	uint64_t before = cpu_ns();

	if (bpf_prog_test_run_opts(bpf_program__fd(program), &opts))
		return -errno;
	*ns = (double)(cpu_ns() - before) / repeat;
	return 0;
}

static void use_mode(struct session *session, const struct mode *mode)
{
	memcpy(session->skeleton->bss->keys, mode->keys, LOOKUP_KEYS * sizeof(*mode->keys));
	session->skeleton->bss->key_mask = mode->in_use - 1;
}

static int verify(struct session *session, const struct candidate *candidate,
		  const struct mode *mode)
{
	uint64_t expected = 0;
	double ns;
	int err;

	for (uint32_t i = 0; i < mode->in_use; i++)
		expected += (uint64_t)mode->answers[i] * (i | 1);
	session->skeleton->bss->position = 0;
	session->skeleton->bss->sum = 0;
	err = run(candidate->program, mode->in_use, &ns);
	if (err)
		return session_fail(session, err, "cannot run a program");
	if (session->skeleton->bss->sum == expected)
		return 0;
	snprintf(session->failure.text, sizeof(session->failure.text),
		 "%s does not find what it should (%s keys)", candidate->name, mode->name);
	return session_fail(session, -EBADMSG, "");
}

static int describe(const struct candidate *candidate, json_t *structure)
{
	uint64_t total = candidate->bytes, bytes;

	for (size_t i = 0; i < sizeof(candidate->maps) / sizeof(candidate->maps[0]); i++) {
		int err;

		if (!candidate->maps[i])
			continue;
		err = map_bytes(candidate->maps[i], &bytes);
		if (err)
			return err;
		total += bytes;
	}
	if (json_object_set_new(structure, "name", json_string(candidate->name)) ||
	    json_object_set_new(structure, "bytes", json_integer((json_int_t)total)))
		return -ENOMEM;
	return 0;
}

/* One mode: samples[candidate][round], ns above the floor of the same round. */
static int measure_mode(struct session *session, const struct options *options,
			const struct candidate *candidates, size_t count, const struct mode *mode,
			double (*samples)[ROUNDS_MAX])
{
	const struct bpf_program *nothing = session->skeleton->progs.nothing;
	double nothing_ns = 0, floor = 0, ns = 0;
	int err = 0;

	use_mode(session, mode);
	for (size_t i = 0; !err && i < count; i++)
		err = verify(session, &candidates[i], mode);
	for (unsigned int round = 0; !err && round < options->rounds; round++) {
		err = run(nothing, options->repeat / 8, &ns);
		if (!err)
			err = run(nothing, options->repeat, &nothing_ns);
		for (size_t i = 0; !err && i < count; i++) {
			/* Into the caches what fits there. */
			err = run(candidates[i].program, options->repeat / 8, &ns);
			if (!err)
				err = run(candidates[i].program, options->repeat, &ns);
			floor = nothing_ns;
			if (!err && candidates[i].floor)
				err = run(candidates[i].floor, options->repeat, &floor);
			samples[i][round] = ns - floor;
		}
	}
	return err;
}

int measure(struct session *session, const struct options *options,
	    const struct candidate *candidates, size_t count, const struct mode *modes,
	    size_t mode_count, json_t *structures)
{
	auto_free double(*samples)[ROUNDS_MAX] = calloc(count, sizeof(*samples));
	size_t first = json_array_size(structures);
	int err = samples ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < count; i++) {
		json_t *structure = json_object();

		err = json_array_append_new(structures, structure) ? -ENOMEM : 0;
		if (!err)
			err = describe(&candidates[i], structure);
	}
	for (size_t m = 0; !err && m < mode_count; m++) {
		err = measure_mode(session, options, candidates, count, &modes[m], samples);
		for (size_t i = 0; !err && i < count; i++) {
			json_t *structure = json_array_get(structures, first + i);

			if (json_object_set_new(structure, modes[m].name,
						summary(samples[i], options->rounds)))
				err = -ENOMEM;
		}
	}
	return err == -EBADMSG ? err : session_fail(session, err, "cannot measure");
}
