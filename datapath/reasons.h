/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reasons.h - every reason that a verdict can have, in one table.
 *
 * X(IDENTIFIER, "name", class, "one line for people")
 *
 * Class says which verdicts the reason can come with: PASS, DROP, or EITHER
 * (the text then says on what it depends; "loopback passes" alone makes EITHER).
 * Order is ABI: counters and events carry the number. Names are stable: JSON,
 * scenarios and scripts use them.
 */
#ifndef IFW_REASONS_H
#define IFW_REASONS_H

#ifndef __bpf__
#include <string.h>
#endif

#include "abi.h"

#define IFW_REASONS(X)                                                                             \
	X(MALFORMED, "malformed", DROP, "shorter than its headers claim, or a bad header")         \
	X(ARP, "arp", PASS, "ARP")                                                                 \
	X(NON_IP, "non-ip", EITHER, "neither IPv4 nor IPv6")                                       \
	X(MARTIAN, "martian", DROP, "an address that no packet on a wire has")                     \
	X(EXTENSION_HEADER, "extension-header", EITHER,                                            \
	  "an IPv6 extension header that is not known, or too many")                               \
	X(FRAGMENT, "fragment", EITHER, "later fragment: as its first, if that passed lately")     \
	X(FRAGMENT_TINY, "fragment-tiny", EITHER,                                                  \
	  "first fragment without a whole transport header")                                       \
	X(FRAGMENT_OVERLAP, "fragment-overlap", EITHER, "fragment of bytes that came already")     \
	X(NEIGHBOR_DISCOVERY, "neighbor-discovery", PASS,                                          \
	  "IPv6 neighbour or router discovery, MLD")                                               \
	X(ICMP_ECHO, "icmp-echo", EITHER, "echo request: passes to an own address where set")      \
	X(ICMP_RELATED, "icmp-related", PASS, "ICMP error about a conversation of this host")      \
	X(PROTOCOL, "protocol", EITHER, "neither TCP nor UDP")                                     \
	X(GENEVE, "geneve", DROP, "GENEVE whose outer headers cannot be removed")                  \
	X(GENEVE_FAMILY, "geneve-family", DROP,                                                    \
	  "GENEVE with an inner packet of the other family, before kernel 6.3")                    \
	X(SSH, "ssh", PASS, "TCP port 22 of this host")                                            \
	X(DHCP, "dhcp", PASS, "DHCP answer to this host")                                          \
	X(ESTABLISHED, "established", PASS, "a socket of this host has this conversation")         \
	X(RULE_DENY, "rule-deny", DROP, "a deny rule matched")                                     \
	X(RULE_PASS, "rule-pass", PASS, "a pass rule matched")                                     \
	X(LOCAL, "local", PASS, "an intercept rule matched, but it is for this host itself")       \
	X(INTERCEPTED, "intercepted", PASS, "handed to the listener of an intercept rule")         \
	X(NO_LISTENER, "no-listener", DROP, "an intercept rule matched, but nobody listens")       \
	X(ASSIGN_FAILED, "assign-failed", EITHER, "the kernel refused to assign the listener")     \
	X(NO_RULE, "no-rule", EITHER, "no rule matched")                                           \
	X(TRACKED, "tracked", PASS, "an answer to what left")                                      \
	X(EGRESS_PASS, "egress-pass", PASS, "it may leave")                                        \
	X(EGRESS_DENY, "egress-deny", DROP, "an egress deny rule matched")                         \
	X(EGRESS_DEFAULT, "egress-default", DROP,                                                  \
	  "no egress rule lets it leave, and the interface denies the rest")

enum ifw_reason {
	IFW_REASON_NONE = 0, /* not decided yet; never leaves ifw_decide() */
#define IFW_REASON_ENUM(id, name, class, text) IFW_REASON_##id,
	IFW_REASONS(IFW_REASON_ENUM)
#undef IFW_REASON_ENUM
		IFW_REASON_END
};

_Static_assert(IFW_REASON_END <= IFW_REASONS_MAX, "counters have no room for every reason");

enum ifw_reason_class {
	IFW_CLASS_DROP = 1 << IFW_VERDICT_DROP,
	IFW_CLASS_PASS = 1 << IFW_VERDICT_PASS,
	IFW_CLASS_EITHER = IFW_CLASS_DROP | IFW_CLASS_PASS,
};

#ifndef __bpf__
struct ifw_reason_info {
	const char *name;
	const char *text;
	enum ifw_reason_class verdicts;
};

/* The row of a reason; NULL for a number that is none. */
static inline const struct ifw_reason_info *ifw_reason_info(unsigned int reason)
{
	static const struct ifw_reason_info table[] = {
#define IFW_REASON_ROW(id, name, class, text) [IFW_REASON_##id] = {name, text, IFW_CLASS_##class},
		IFW_REASONS(IFW_REASON_ROW)
#undef IFW_REASON_ROW
	};

	if (reason == IFW_REASON_NONE || reason >= IFW_REASON_END)
		return 0;
	return &table[reason];
}

/* Its number by its name; IFW_REASON_NONE: there is none of that name. */
static inline unsigned int ifw_reason_find(const char *name)
{
	for (unsigned int reason = IFW_REASON_NONE + 1; reason < IFW_REASON_END; reason++)
		if (strcmp(ifw_reason_info(reason)->name, name) == 0)
			return reason;
	return IFW_REASON_NONE;
}
#endif

#endif /* IFW_REASONS_H */
