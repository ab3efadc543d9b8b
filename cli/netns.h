/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* netns.h - the network namespace that a command is about (-n). */
#ifndef IFW_CLI_NETNS_H
#define IFW_CLI_NETNS_H

#include "cli.h"

/* Where it lies, for nsenter(1). 0 or -ENAMETOOLONG. */
int netns_path(const char *which, char *path, size_t size);

/*
 * Enters the one of that name (/run/netns/NAME, as iproute2 keeps them), path or
 * process, for good; the pins are then those of this one. CLI_DONE; else CLI_INPUT or
 * CLI_REFUSED after complaining.
 */
int netns_enter(const struct cli *cli, const char *which);

#endif /* IFW_CLI_NETNS_H */
