/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_explain.h - what is explained by `ifw-sim explain` and `ifw explain`, and how it is
 * printed.
 */
#ifndef IFW_SIM_CMD_EXPLAIN_H
#define IFW_SIM_CMD_EXPLAIN_H

#include <jansson.h>

#include "sim/explain/explain.h"

struct explained {
	struct sim_world *world;
	const char *ifname;
	enum ifw_direction direction;
	struct explanation *explanation;
};

void explained_print(const struct explained *explained);

/* NULL: no memory. */
json_t *explained_json(const struct explained *explained);

#endif /* IFW_SIM_CMD_EXPLAIN_H */
