/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region_text.h - a region in words.
 */
#ifndef IFW_SIM_REGION_TEXT_H
#define IFW_SIM_REGION_TEXT_H

#include "region.h"

#define REGION_TEXT_MAX 1280 /* bytes, with the final NUL: room for all interfaces */

/* "any", "10.0.0.0/8", "80-443", "tcp", "SYN,SYN-ACK", "eth0,eth1". */
void region_field_text(const struct sim_world *world, const struct region_field *field,
		       char text[REGION_TEXT_MAX]);

/* "10.1.1.1:5 -> 10.2.2.2:80" */
void region_exception_text(const struct region *region, const struct region_exception *exception,
			   char text[REGION_TEXT_MAX]);

#endif /* IFW_SIM_REGION_TEXT_H */
