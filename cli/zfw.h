/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zfw.h - what the older front ends share: adding and removing as they print it. */
#ifndef IFW_ZFW_H
#define IFW_ZFW_H

#include "cli.h"
#include "zfw_args.h"

/* Exit statuses: 0, or 1 after complaining. */
int zfw_insert(const struct cli *cli, const struct zfw_request *request);
int zfw_delete(const struct cli *cli, const struct zfw_request *request);

/* cli_finish() with the older tools' exit status. */
int zfw_finish(const struct cli *cli, int status);

#endif /* IFW_ZFW_H */
