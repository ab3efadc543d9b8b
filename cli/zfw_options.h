/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * zfw_options.h - the options of the older zfw: which there are, what goes with
 * what, and which are refused, with the reason.
 */
#ifndef IFW_ZFW_OPTIONS_H
#define IFW_ZFW_OPTIONS_H

#include <getopt.h>

#include "zfw_args.h"

/* For getopt_long(); refused ones are in the long options alone. */
#define ZFW_LETTERS ":IDLFVc:m:o:n:l:h:t:p:s:N:z:dx:e:v:b:P:q:6:X:O:H:QM:ErT:AB:J:j"
#define ZFW_OPTION_HELP ('?' + 256) /* --help; -h is the high port */

extern const struct option zfw_long_options[];

/* What to do, and the options that go with it, its own letter left out. */
struct zfw_option_verb {
	char option;
	enum zfw_verb verb;
	const char *with;
	const char *needs;
};

/* NULL: the option says not what to do. */
const struct zfw_option_verb *zfw_verb_of(int option);

const char *zfw_long_name(int option);

/* Why ifw does not implement it, or what does it instead; NULL: it does, or nobody knows it. */
const char *zfw_refused(int option);

#endif /* IFW_ZFW_OPTIONS_H */
