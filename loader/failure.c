/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * failure.c - what went wrong, in words for a person.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

int fail(struct failure *failure, int error, const char *format, ...)
{
	va_list args;

	if (failure) {
		va_start(args, format);
		vsnprintf(failure->text, sizeof(failure->text), format, args);
		va_end(args);
	}
	return error;
}

int fail_errno(struct failure *failure, int error, const char *format, ...)
{
	const char *hint = "";
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (error == -EPERM || error == -EACCES)
		hint = " (needs root, or CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON)";
	return fail(failure, error, "%s: %s%s", what, strerror(-error), hint);
}
