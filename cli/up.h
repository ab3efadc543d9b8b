/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* up.h - bringing interfaces up with the way back kept. */
#ifndef IFW_UP_H
#define IFW_UP_H

#include "before.h"
#include "up_args.h"

struct up_attempt {
	struct up_request request;
	struct rule_set rules; /* of request.rules, parsed */
	struct before before;
	bool rules_replaced;	   /* before.rules are not in force any more */
	struct up_result *results; /* of each interface that came up */
	unsigned int done;
};

/* All of it, or nothing. CLI_DONE, or the status after complaining. */
int up_do(const struct cli *cli, struct up_attempt *attempt);
/* Goes back to what there was before. CLI_DONE; CLI_REFUSED after complaining. */
int up_undo(const struct cli *cli, struct up_attempt *attempt);
void up_free(struct up_attempt *attempt);

#define auto_attempt __attribute__((cleanup(up_free))) struct up_attempt

#endif /* IFW_UP_H */
