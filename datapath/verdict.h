/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verdict.h - how a step of the decision answers: a verdict with its reason in
 * one number, or IFW_UNDECIDED, which hands the packet to the next step.
 */
#ifndef IFW_VERDICT_H
#define IFW_VERDICT_H

#include "addr.h"
#include "reasons.h"
#include "work.h"

typedef __u32 ifw_answer; /* reason in the low byte, enum ifw_verdict above it */

#define IFW_UNDECIDED 0U
#define IFW_AGAIN 0xffffU /* outer headers were removed: decide what is left */

ifw_inline ifw_answer ifw_pass(enum ifw_reason reason)
{
	return (IFW_VERDICT_PASS << 8) | reason;
}

ifw_inline ifw_answer ifw_drop(enum ifw_reason reason)
{
	return (IFW_VERDICT_DROP << 8) | reason;
}

/* Nothing on loopback came from outside: cutting it would only break the host. */
ifw_inline ifw_answer ifw_drop_unless_loopback(__u32 ifindex, enum ifw_reason reason)
{
	return ifindex == IFW_LOOPBACK_IFINDEX ? ifw_pass(reason) : ifw_drop(reason);
}

#endif /* IFW_VERDICT_H */
