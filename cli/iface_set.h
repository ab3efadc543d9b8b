/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* iface_set.h - a setting of an interface as it is typed, or written in a file. */
#ifndef IFW_IFACE_SET_H
#define IFW_IFACE_SET_H

#include "cli.h"

/* What settings' values come to; change points into the rest, so it is not to be copied. */
struct iface_setting {
	struct iface_change change;
	uint32_t verbose;
	bool track;
	bool egress; /* one of them is about what leaves */
	uint64_t protocols[4];
	uint16_t ethertypes[IFW_ETHERTYPES_MAX];
	struct ifw_net geneve_sources[IFW_GENEVE_SOURCES_MAX];
	size_t count; /* list items taken so far */
};

/*
 * Takes one more setting, in place of an earlier one of that name. more: the word behind
 * the value, where there is one. CLI_DONE; CLI_INPUT after complaining.
 */
int iface_setting_parse(const struct cli *cli, const char *setting, const char *value,
			const char *more, struct iface_setting *parsed);

#endif /* IFW_IFACE_SET_H */
