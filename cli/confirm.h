/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * confirm.h - trying it, and going back unless somebody says that it is good. Whoever waits
 * for that is a process of its own, which the end of a session or terminal does not reach.
 */
#ifndef IFW_CONFIRM_H
#define IFW_CONFIRM_H

#include "up.h"

/*
 * Does it, and undoes it after attempt->request.confirm_s seconds unless confirmed by Enter
 * here or `ifw confirm` anywhere; SIGINT undoes it at once. CLI_DONE where it was confirmed,
 * CLI_UNEXPECTED where it was undone, else as up_do().
 */
int confirm_attempt(const struct cli *cli, struct up_attempt *attempt);

#endif /* IFW_CONFIRM_H */
