/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * criterion.h - in the place of Criterion's where a fuzz target is built: the
 * frames that unit tests build serve here too, and what those assert ends the
 * program, which the fuzzer notices.
 */
#ifndef IFW_FUZZ_CRITERION_H
#define IFW_FUZZ_CRITERION_H

#include <stdbool.h>
#include <stdlib.h>

#define FUZZ_HOLDS(condition) ((condition) ? (void)0 : abort())

#define cr_assert(condition, ...) FUZZ_HOLDS(condition)
#define cr_assert_not_null(a, ...) FUZZ_HOLDS((a) != NULL)
#define cr_assert_eq(a, b, ...) FUZZ_HOLDS((a) == (b))
#define cr_assert_neq(a, b, ...) FUZZ_HOLDS((a) != (b))
#define cr_assert_leq(a, b, ...) FUZZ_HOLDS((a) <= (b))
#define cr_log_error(...) ((void)0)

#endif /* IFW_FUZZ_CRITERION_H */
