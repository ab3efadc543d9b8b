/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* up_args.h - the options of ifw up. */
#ifndef IFW_UP_ARGS_H
#define IFW_UP_ARGS_H

#include "cli.h"

struct up_request {
	struct up_options options; /* complete where set_mark; what was not given has its default */
	struct loader_limits limits;
	bool mark_given; /* mark or mask */
	bool table_given;
	const char *rules;  /* file, "-", or NULL */
	char *const *names; /* interfaces, each once; in argv */
	unsigned int count;
};

/* 0, or an enum args_result after saying what is wrong. */
int up_parse(struct cli *cli, int argc, char **argv, struct up_request *request);

#endif /* IFW_UP_ARGS_H */
