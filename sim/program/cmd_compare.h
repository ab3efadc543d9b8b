/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_compare.h - for `ifw-sim diff` and `lint`: sets of rules, each in a world of its own
 * of the same kind.
 */
#ifndef IFW_SIM_CMD_COMPARE_H
#define IFW_SIM_CMD_COMPARE_H

#include "cmd.h"
#include "sim/compare/probe.h"

struct cmd_text {
	char *at;
	size_t size;
};

struct compared {
	struct cmd_text texts[PROBE_WORLDS]; /* of the files */
	struct rule_set sets[PROBE_WORLDS];
	struct sim_world *worlds[PROBE_WORLDS];
	int other; /* number of the interface that no rule names; -1: there is none */
};

/*
 * The rules of these files: where the first is NULL, those of the state that options name;
 * where the second is, the same again. In the world or state of options, or, where they name
 * none, in a world made for the rules. Prints what is wrong and returns an enum exit_status.
 */
int cmd_compare_load(const struct options *options, const char *const paths[PROBE_WORLDS],
		     struct compared *compared);
void cmd_compare_free(struct compared *compared);

#endif /* IFW_SIM_CMD_COMPARE_H */
