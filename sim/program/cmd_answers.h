/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_answers.h - answers as lines of JSON, one a packet, as `run -j` prints them: written,
 * and compared with what is answered now.
 */
#ifndef IFW_SIM_CMD_ANSWERS_H
#define IFW_SIM_CMD_ANSWERS_H

#include <jansson.h>

#include "cmd.h"
#include "sim/capture/replay.h"

/*
 * {"packet":N,"verdict":...,"reason":...,"rule":...,"assigned":...,"listener":...,"mark":...};
 * NULL: no memory.
 */
json_t *answer_json(struct sim_world *world, uint64_t number, const struct sim_result *result);

/*
 * A file of answers. Each line says of a packet, in "packet", what its "verdict" or "reason"
 * is, or both, and perhaps "assigned", "listener" and "mark"; what it does not say is not compared.
 * The "rule" is for who reads a difference: another one that does the same makes none. Other keys
 * are not looked at. Packets ascend; one without a line must be one that is not decided.
 */
struct answers;

/* Of options->expect. An enum exit_status, after saying what failed. */
int answers_open(const struct options *options, struct answers **answers);
void answers_close(struct answers *answers); /* NULL is fine */

/*
 * Each packet of a capture, in order: STATUS_DONE where its answer is the expected one, or none
 * was expected and none given; STATUS_UNEXPECTED after printing the difference;
 * STATUS_BAD_INPUT where the file is wrong.
 */
int answers_check(struct answers *answers, struct sim_world *world,
		  const struct replay_packet *packet);

/* After the last: whether more was expected. Prints how many were as expected. */
int answers_end(struct answers *answers, const char *capture);

#endif /* IFW_SIM_CMD_ANSWERS_H */
