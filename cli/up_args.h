/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* up_args.h - the options of ifw up. */
#ifndef IFW_UP_ARGS_H
#define IFW_UP_ARGS_H

#include "cli.h"

struct up_request {
	struct up_options options; /* complete where set_mark; what was not given has its default */
	struct loader_limits limits;
	bool mark_given; /* mark or, once complete, mask */
	bool mask_given;
	bool table_given;
	uint32_t confirm_s; /* seconds after which it is undone unless confirmed; 0: it is not */
	const char *rules;  /* file, "-", or NULL */
	char *const *names; /* interfaces, each once; in argv */
	unsigned int count;
};

/* 0, or an enum args_result after saying what is wrong. */
int up_parse(struct cli *cli, int argc, char **argv, struct up_request *request);

/* One option by its name without dashes. CLI_DONE; CLI_INPUT after complaining; -ENOENT: no such.
 */
int up_option(const struct cli *cli, const char *name, const char *value,
	      struct up_request *request);
/* SECONDS of --confirm. 0, or ARGS_BAD after complaining. */
int up_confirm(const struct cli *cli, const char *text, uint32_t *seconds);
/* Once all are taken: what follows from them. 0, or ARGS_BAD after complaining. */
int up_complete(const struct cli *cli, struct up_request *request);

/* Options for one interface: what was not asked for keeps what is in force there (NULL: nothing).
 */
void up_fill_options(const struct up_request *request, const struct ifw_iface *now,
		     struct up_options *filled);

#endif /* IFW_UP_ARGS_H */
