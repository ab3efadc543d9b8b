/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * criterion.h - as much of Criterion as the tests of the decision use, for programs
 * that are built for each of a thousand mutants: no process a test, nothing printed
 * but where the first failure is, with which the program ends.
 */
#ifndef IFW_MUTANTS_CRITERION_H
#define IFW_MUTANTS_CRITERION_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct plain_options {
	void (*init)(void);
	void (*fini)(void);
};

struct plain_suite {
	const char *file;
	const char *name;
	struct plain_options options;
};

struct plain_test {
	const char *file;
	const char *suite;
	void (*run)(void);
	struct plain_options options;
};

/* Found by the linker: main.c runs what stands in these sections, of whatever files. */
#define PLAIN_LISTED(list) __attribute__((section(list), used))

#define TestSuite(id, ...)                                                                         \
	static const struct plain_suite plain_suite_##id = {__FILE__, #id, {__VA_ARGS__}};         \
	static const struct plain_suite *const plain_listed_##id PLAIN_LISTED("plain_suites") =    \
		&plain_suite_##id

#define PLAIN_TEST(suite_id, id, ...)                                                              \
	static const struct plain_test plain_test_##suite_id##_##id = {                            \
		__FILE__, #suite_id, plain_run_##suite_id##_##id, {__VA_ARGS__}};                  \
	static const struct plain_test *const plain_listed_##suite_id##_##id PLAIN_LISTED(         \
		"plain_tests") = &plain_test_##suite_id##_##id

#define Test(suite_id, id, ...)                                                                    \
	static void plain_run_##suite_id##_##id(void);                                             \
	PLAIN_TEST(suite_id, id, __VA_ARGS__);                                                     \
	static void plain_run_##suite_id##_##id(void)

/* --- Checks: a message would be read by nobody ------------------------------- */

#define PLAIN_CHECK(condition)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

#define cr_assert(condition, ...) PLAIN_CHECK(condition)
#define cr_assert_not(condition, ...) PLAIN_CHECK(!(condition))
#define cr_assert_eq(a, b, ...) PLAIN_CHECK((a) == (b))
#define cr_assert_neq(a, b, ...) PLAIN_CHECK((a) != (b))
#define cr_assert_lt(a, b, ...) PLAIN_CHECK((a) < (b))
#define cr_assert_leq(a, b, ...) PLAIN_CHECK((a) <= (b))
#define cr_assert_gt(a, b, ...) PLAIN_CHECK((a) > (b))
#define cr_assert_geq(a, b, ...) PLAIN_CHECK((a) >= (b))
#define cr_assert_null(a, ...) PLAIN_CHECK(!(a))
#define cr_assert_not_null(a, ...) PLAIN_CHECK(a)
#define cr_assert_str_eq(a, b, ...) PLAIN_CHECK(strcmp(a, b) == 0)
#define cr_assert_str_neq(a, b, ...) PLAIN_CHECK(strcmp(a, b) != 0)
#define cr_assert_arr_eq(a, b, size, ...) PLAIN_CHECK(memcmp(a, b, size) == 0)
#define cr_assert_fail(...) PLAIN_CHECK(!"reached")

#define cr_expect cr_assert
#define cr_expect_not cr_assert_not
#define cr_expect_eq cr_assert_eq
#define cr_expect_neq cr_assert_neq
#define cr_expect_gt cr_assert_gt
#define cr_expect_null cr_assert_null
#define cr_expect_not_null cr_assert_not_null
#define cr_expect_str_eq cr_assert_str_eq
#define cr_log_error(...) ((void)0)

#endif /* IFW_MUTANTS_CRITERION_H */
