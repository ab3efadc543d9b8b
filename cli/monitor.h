/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* monitor.h - what was asked of ifw monitor, and the line of rates under what it shows. */
#ifndef IFW_CLI_MONITOR_H
#define IFW_CLI_MONITOR_H

#include "cli.h"
#include "event_filter.h"
#include "iface.h"

#define MONITOR_IFACES_MAX 8 /* options that name interfaces */

struct monitor_options {
	uint64_t count;	     /* end after so many; 0: never */
	const char *capture; /* --pcap: a file, or "-"; NULL: lines */
	uint32_t snaplen;    /* --pcap: bytes of each packet */
	const char *rule;    /* --rule, in words; NULL: of any */
	struct event_filter filter;
	bool filters; /* it does not let everything through */
	struct monitor_ifaces {
		const char *names; /* "eth0,eth1" */
		bool in, out;
	} ifaces[MONITOR_IFACES_MAX];
	unsigned int iface_count;
};

/* 0, or what args_status() takes, after complaining. */
int monitor_read_options(struct cli *cli, int argc, char **argv, struct monitor_options *options);

/*
 * Puts slots for names of interfaces, and the rule in force for its words. CLI_DONE;
 * CLI_INPUT, CLI_REFUSED after complaining.
 */
int monitor_bind_options(const struct cli *cli, struct loader *loader, const struct ifaces *ifaces,
			 struct monitor_options *options);

#define MONITOR_RATE_MAX 160 /* bytes, with the final NUL */

/* The last line of a terminal, on stderr. */
struct monitor_rate {
	bool on;
	bool drawn;
	unsigned int width;	     /* of the terminal; 0: unknown */
	uint64_t since_ns;	     /* CLOCK_MONOTONIC */
	uint64_t received, dropped;  /* as of then */
	char line[MONITOR_RATE_MAX]; /* as last drawn */
};

/* What has been seen so far. */
struct monitor_seen {
	uint64_t received; /* events */
	uint64_t dropped;  /* of these, with verdict drop */
	uint64_t shown;
	uint64_t cut;  /* packets that were captured in part */
	uint64_t bare; /* events without their packets, where those were wanted */
};

struct monitor_rate monitor_rate_start(void);
bool monitor_rate_is_due(const struct monitor_rate *rate);
void monitor_rate_draw(struct monitor_rate *rate, const struct monitor_seen *seen, uint64_t lost);
/* Where it was erased for other lines, and those have been printed. */
void monitor_rate_again(struct monitor_rate *rate);
/* Before anything else is printed there. */
void monitor_rate_erase(struct monitor_rate *rate);

#endif /* IFW_CLI_MONITOR_H */
