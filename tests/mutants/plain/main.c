// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c - runs the tests that were linked with it, each in a process of its own, until
 * one fails. Prints the file whose turn it is, so that the last line says where it
 * ended, however it did.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "criterion/criterion.h"

/* A mutant may never end, or never have enough. */
#define MEMORY_MAX (4ULL << 30) /* bytes */
#define SECONDS_MAX 20		/* of processor time, a test */

/* Weak: there may be no suite with options. */
extern const struct plain_suite *const __start_plain_suites[] __attribute__((weak));
extern const struct plain_suite *const __stop_plain_suites[] __attribute__((weak));
extern const struct plain_test *const __start_plain_tests[], *const __stop_plain_tests[];

static struct plain_options options_of(const struct plain_test *test)
{
	for (const struct plain_suite *const *suite = __start_plain_suites;
	     suite < __stop_plain_suites; suite++)
		if (strcmp((*suite)->file, test->file) == 0 &&
		    strcmp((*suite)->name, test->suite) == 0)
			return (*suite)->options;
	return (struct plain_options){};
}

static void run(const struct plain_test *test)
{
	const struct plain_options of_all = options_of(test), *own = &test->options;

	if (of_all.init)
		of_all.init();
	if (own->init)
		own->init();
	test->run();
	if (own->fini)
		own->fini();
	if (of_all.fini)
		of_all.fini();
}

/* Whether it passed; what it leaves in static variables goes with its process. */
static int passes(const struct plain_test *test)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		run(test);
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(void)
{
	const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX}, seconds = {SECONDS_MAX, SECONDS_MAX};
	const struct rlimit core = {};
	const char *file = "";

	if (setrlimit(RLIMIT_AS, &memory) || setrlimit(RLIMIT_CPU, &seconds) ||
	    setrlimit(RLIMIT_CORE, &core))
		return 2;
	for (const struct plain_test *const *test = __start_plain_tests; test < __stop_plain_tests;
	     test++) {
		if (strcmp((*test)->file, file) != 0) {
			file = (*test)->file;
			puts(file);
			fflush(stdout);
		}
		if (!passes(*test))
			return 1;
	}
	return 0;
}
