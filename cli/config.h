/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * config.h - the configuration of `ifw run`. A line a setting, in the words of the
 * commands:
 *
 *   interface eth0 ssh off echo on     settings of 'ifw iface set', as many as wanted
 *   interface wg*                      a name, or a pattern as in file names
 *   rules /etc/ifw/ifw.rules           and every other long option of 'ifw up', once
 *   saved /var/lib/ifw/saved.rules     where 'ifw save' puts rules
 *   boot closed|open                   what holds while no valid rules are in force
 *   stop keep|down                     what becomes of it all when the supervisor ends
 *
 * Of several interface lines that fit a name each holds, later ones before earlier.
 */
#ifndef IFW_CONFIG_H
#define IFW_CONFIG_H

#include "iface_set.h"
#include "up_args.h"

#define CONFIG_FILE "/etc/ifw/ifw.conf"
#define CONFIG_RULES "/etc/ifw/ifw.rules"
#define CONFIG_SAVED "/var/lib/ifw/saved.rules"

struct config_line {
	unsigned int number; /* in the file, from 1 */
	char **words;
	int count;
};

struct config {
	struct config_line *lines; /* all that say something; words live here */
	size_t count;
	struct up_request request; /* without interfaces; rules is never NULL */
	const char *saved;
	bool boot_open;
	bool stop_down;
};

/* Reads FILE. CLI_DONE; CLI_INPUT or CLI_REFUSED after complaining, with nothing in config. */
int config_read(const struct cli *cli, const char *file, struct config *config);
void config_free(struct config *config);

/* Whether a line names the interface. exactly: by its name and not by a pattern (may be NULL). */
bool config_names(const struct config *config, const char *ifname, bool *exactly);

/*
 * What the lines set for an interface. before: of an earlier configuration, whose settings
 * go back to their defaults where they are not set any more; NULL: none.
 */
void config_setting(const struct cli *cli, const struct config *config, const struct config *before,
		    const char *ifname, struct iface_setting *setting);

#define auto_config __attribute__((cleanup(config_free))) struct config

#endif /* IFW_CONFIG_H */
