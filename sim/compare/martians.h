/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * martians.h - addresses that no packet on a wire has, as the datapath knows them. A packet
 * with such drops where it comes in, on every interface but loopback, whatever the rules say.
 */
#ifndef IFW_SIM_MARTIANS_H
#define IFW_SIM_MARTIANS_H

#include "datapath/addr.h"
#include "spans.h"

bool is_martian(struct ifw_addr src, struct ifw_addr dst, uint8_t family);

/* The addresses that make a packet one by themselves, whatever its other end is. */
bool is_martian_end(number addr, bool is_src, uint8_t family);

/* All of these, into an empty set. 0 or -ENOMEM. */
int martian_spans(bool is_src, uint8_t family, struct spans *spans);

#endif /* IFW_SIM_MARTIANS_H */
