/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grammar.h - rules as text. One line a rule, and one parser for
 * arguments and files:
 *
 *   intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321
 *             [from 10.1.1.0/24] [on eth0,eth1] [service LABEL]
 *   pass udp to 192.168.3.0/24 port 5-7
 *   deny tcp to 10.1.0.0/16 port 443
 *   egress deny tcp to 0.0.0.0/0 port 25         for what leaves; pass or deny
 *
 * Action and protocol come first, the clauses in any order, each once. `to`
 * and `port` are required, `via` for intercept and only there. A prefix
 * without length is a host. `via PORT` alone means 127.0.0.1 (or [::1]).
 *
 * Words are set apart by spaces and tabs; a line may end in CR LF. A # where a
 * word would start begins a comment. Within a word it is refused, so that none
 * is cut short unseen; interface names with # or , cannot be written.
 */
#ifndef IFW_GRAMMAR_H
#define IFW_GRAMMAR_H

#include "rule.h"

/* Errors reported before the parser gives up on a text. */
#define GRAMMAR_ERRORS_MAX 20

/*
 * Parses one rule from len bytes of one line. Interface names that are new get
 * a slot in names. 0; -EINVAL after the error was reported; -ENOENT where the
 * line holds no rule (blank, comment). Nothing is changed on failure but names.
 */
int grammar_parse_rule(const char *line, size_t len, unsigned int line_number,
		       struct iface_names *names, struct rule *rule, diagnose_fn diagnose,
		       void *arg);

/*
 * Parses a whole text into set, which must be empty but for its names. Two
 * rules of one match: equal ones count once (a warning says so), different ones
 * are an error that names the line of the first. Orders are given from 1.
 * 0, -EINVAL after reporting, -ENOMEM. On failure set is empty.
 */
int grammar_parse_set(const char *text, size_t size, struct rule_set *set, diagnose_fn diagnose,
		      void *arg);

/* Parses "ADDR/LEN" or "ADDR"; masks it. 0, -EINVAL. *host_bits: some were set below the length. */
int grammar_parse_prefix(const char *text, size_t len, uint8_t *family, struct ifw_addr *addr,
			 uint8_t *prefix_len, bool *host_bits);

/* Parses "A.B.C.D:PORT" or "[X::Y]:PORT". 0 or -EINVAL. */
int grammar_parse_endpoint(const char *text, size_t len, uint8_t *family, struct ifw_addr *addr,
			   uint16_t *port);

/* A decimal number of digits only, at most max. 0, -EINVAL, or -ERANGE above max. */
int grammar_parse_number(const char *text, size_t len, uint64_t max, uint64_t *number);

#endif /* IFW_GRAMMAR_H */
