/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zfw_list.h - rules in the columns that readers of zfw -L know. */
#ifndef IFW_ZFW_LIST_H
#define IFW_ZFW_LIST_H

#include <stdio.h>

#include "zfw_args.h"

/*
 * Prints the rules of set that the request asks for, titles before and counts
 * behind them. 0 or -ENOMEM.
 */
int zfw_list_print(FILE *out, const struct rule_set *set, const struct zfw_request *request,
		   const struct loader_limits *limits);

#endif /* IFW_ZFW_LIST_H */
