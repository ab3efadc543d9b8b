/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ssh.h - not cutting off who types the command. */
#ifndef IFW_CLI_SSH_H
#define IFW_CLI_SSH_H

#include "up_args.h"

/*
 * Asks the decision, with the rules in force, what would become of the ssh session that this
 * was typed in ($SSH_CONNECTION) once the interfaces are up. CLI_DONE, having warned where a
 * new session would not be let in; CLI_REFUSED, with advice, where this one would be cut.
 */
int ssh_check(const struct cli *cli, struct loader *loader, const struct up_request *request);

#endif /* IFW_CLI_SSH_H */
