/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* files.h - files that are ifw's own: what it knows until the next boot, and what outlives that. */
#ifndef IFW_FILES_H
#define IFW_FILES_H

#include <limits.h>
#include <sys/types.h>

#include "cli.h"

#define FILES_RUNTIME "/run/ifw"

/*
 * FILES_RUNTIME/ID.WHAT, where ID stands for the state that the commands work on (a network
 * namespace's own); makes the folder. CLI_DONE; CLI_REFUSED after complaining.
 */
int files_runtime(const struct cli *cli, const char *what, char path[PATH_MAX]);

/* Removes such a file, if it is there. CLI_DONE; CLI_REFUSED after complaining. */
int files_forget(const struct cli *cli, const char *what);

/*
 * Writes a file as a whole: whoever reads it, after a crash too, finds what was there or
 * all of this. Makes the folder that it lies in. 0 or -errno.
 */
int files_write(const char *path, const char *text, size_t size);
/* The same of a file that everybody may read, in a folder that is there. 0 or -errno. */
int files_publish(const char *path, const char *text, size_t size);

/*
 * Locks a file, which is made, for as long as this process lives. *fd, or -EBUSY with the
 * holder's *pid (0: in another process namespace), or -errno.
 */
int files_lock(const char *path, int *fd, pid_t *pid);

#endif /* IFW_FILES_H */
