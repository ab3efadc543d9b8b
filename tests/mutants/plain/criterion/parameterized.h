/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parameterized.h - a test that is run with each element of an array.
 */
#ifndef IFW_MUTANTS_PARAMETERIZED_H
#define IFW_MUTANTS_PARAMETERIZED_H

#include "criterion.h"

struct criterion_test_params {
	size_t size;
	char *params;
	size_t length;
};

#define cr_calloc calloc
#define cr_make_param_array(type, array, count)                                                    \
	((struct criterion_test_params){sizeof(type), (char *)(array), count})

#define ParameterizedTestParameters(suite_id, id)                                                  \
	static struct criterion_test_params plain_params_##suite_id##_##id(void)

#define ParameterizedTest(param, suite_id, id, ...)                                                \
	static void plain_each_##suite_id##_##id(param);                                           \
	static void plain_run_##suite_id##_##id(void)                                              \
	{                                                                                          \
		struct criterion_test_params all = plain_params_##suite_id##_##id();               \
                                                                                                   \
		for (size_t i = 0; i < all.length; i++)                                            \
			plain_each_##suite_id##_##id((void *)(all.params + i * all.size));         \
		free(all.params);                                                                  \
	}                                                                                          \
	PLAIN_TEST(suite_id, id, __VA_ARGS__);                                                     \
	static void plain_each_##suite_id##_##id(param)

#endif /* IFW_MUTANTS_PARAMETERIZED_H */
