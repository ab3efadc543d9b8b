/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * json.h - what goes out with -j. The keys are stable: scripts and tests read
 * them.
 */
#ifndef IFW_JSON_H
#define IFW_JSON_H

#include <jansson.h>

#include "loader/loader.h"

/* The name of an interface, which may be any bytes; U+FFFD stands for what is no UTF-8. */
json_t *json_name(const char *name);

/* One rule and what it has decided (NULL: it is not counted). NULL: no memory. Drop with
 * json_decref.
 */
json_t *json_rule(const struct rule *rule, const struct iface_names *names,
		  const struct ifw_count *count);

/* All rules, an array in order. counts: one each, or NULL. */
json_t *json_rules(const struct rule_set *set, const struct ifw_count *counts);

/* "interfaces" of iface show, with "rules" beside them, and of stats. */
json_t *json_ifaces(const struct iface_info *ifaces, size_t count,
		    const struct loader_usage *usage);
json_t *json_stats(const struct iface_info *ifaces, size_t count);

/* Prints value, indented, with a line end, and drops it. 0, or -ENOMEM where value is NULL. */
int json_print(FILE *out, json_t *value);

#endif /* IFW_JSON_H */
