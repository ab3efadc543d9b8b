/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ssh.h - not cutting off who types the command. */
#ifndef IFW_CLI_SSH_H
#define IFW_CLI_SSH_H

#include "cli.h"

/* What is going to be attached. */
struct ssh_attach {
	/* Whether that one is; *set, *clear: enum ifw_iface_flags that are switched on, off. */
	bool (*names)(void *arg, const char *ifname, uint32_t *set, uint32_t *clear);
	void *arg;
	const char *command; /* that does it: "up " or "run" */
	bool by_name;	     /* and takes the interface's name */
};

/* Whether this was typed in an ssh session. */
bool ssh_session(void);

/*
 * Asks the decision, with the rules in force, what would become of the ssh session that this
 * was typed in ($SSH_CONNECTION) once the interfaces are up. CLI_DONE, having warned where a
 * new session would not be let in; CLI_REFUSED, with advice, where this one would be cut.
 */
int ssh_check(const struct cli *cli, struct loader *loader, const struct ssh_attach *attach);

#endif /* IFW_CLI_SSH_H */
