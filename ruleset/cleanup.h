/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cleanup.h - memory that is freed where its name goes out of scope, so that
 * no path out of a function forgets it.
 */
#ifndef IFW_CLEANUP_H
#define IFW_CLEANUP_H

#include <stdlib.h>

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

/* Declares a pointer from malloc() or NULL; set it to NULL to give it away. */
#define auto_free __attribute__((cleanup(cleanup_free)))

#endif /* IFW_CLEANUP_H */
