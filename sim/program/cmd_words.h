/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_words.h - a packet and what was decided of it in words, and how JSON is printed, for
 * ifw-sim and `ifw explain`.
 */
#ifndef IFW_SIM_CMD_WORDS_H
#define IFW_SIM_CMD_WORDS_H

#include <stdio.h>

#include <jansson.h>

#include "sim/sim.h"

/* The packet that was decided last, which frame is, and where it went: "tcp ..., in by eth0". */
#define CMD_PACKET_MAX 320 /* bytes, with the final NUL */
void cmd_packet(const struct sim_world *world, const struct sim_frame *frame,
		char text[CMD_PACKET_MAX]);

/* The rule in print, into text of RULE_TEXT_MAX bytes; NULL where no rule decided. */
const char *cmd_rule_text(struct sim_world *world, const struct decision *d, char *text);
const char *cmd_verdict(const struct decision *d);
const char *cmd_assigned(const struct decision *d); /* NULL: nothing */
const char *cmd_reason(const struct decision *d);

/* The row of a reason by its name; NULL: there is none of that name. */
const struct ifw_reason_info *cmd_find_reason(const char *name);

/*
 * What of the decision the word of an --expect is about, in its words: what it is ("verdict",
 * "reason"; NULL: there is neither of that name), and which one the decision has.
 */
const char *cmd_expected_kind(const char *word);
const char *cmd_expected_of(const struct decision *d, const char *word);

/* All there are, one a line, for who has named none of them. */
void cmd_print_reasons(FILE *out);

/* A line on stdout, then freed. 0, -EIO; -ENOMEM where it is NULL. */
int cmd_print_json(json_t *root);

#endif /* IFW_SIM_CMD_WORDS_H */
