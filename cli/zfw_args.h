/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * zfw_args.h - the command line of the older zfw, read into a request. Its
 * callers are programs: what it means is fixed, and what it cannot mean here is
 * refused by name.
 */
#ifndef IFW_ZFW_ARGS_H
#define IFW_ZFW_ARGS_H

#include "loader/loader.h"

enum zfw_verb {
	ZFW_NONE,
	ZFW_INSERT,
	ZFW_DELETE,
	ZFW_LIST,
	ZFW_FLUSH,
	ZFW_VERSION,
	ZFW_SSH,	/* -x */
	ZFW_ECHO,	/* -e */
	ZFW_VERBOSE,	/* -v */
	ZFW_OUTBOUND,	/* -b */
	ZFW_NAMED,	/* -P */
	ZFW_OTHERS,	/* -q */
	ZFW_IPV6,	/* -6 */
	ZFW_ATTACH,	/* -X */
	ZFW_INIT,	/* -H */
	ZFW_DISABLE,	/* -Q */
	ZFW_MONITOR,	/* -M */
	ZFW_TUNNEL,	/* -T */
	ZFW_USER_RULES, /* -A */
	ZFW_BIND,	/* -B; the prefix: rule.dst */
	ZFW_UNBIND,	/* -J */
	ZFW_HELP,
};

struct zfw_request {
	enum zfw_verb verb;
	struct rule rule;	  /* what is given of it; ifaces refers to names */
	struct iface_names names; /* given with -N */
	const char *target; /* of -x, -e and their like: an interface, or "all"; points into argv */
	bool disable;	    /* -d */
	bool has_prefix;    /* -c and -m */
	bool has_protocol;
	bool has_high;
	bool has_direction; /* -z; egress: in rule.protocol */
	bool host_bits;	    /* -c or -o had some, which were masked */
	const char *object; /* -O: points into argv */
	bool interfaces;    /* -E: not rules are listed */
	bool route;	    /* -r */
	bool bindings;	    /* -j */
	bool unused_port;   /* -t goes with a deny rule, which has no listener */
};

/* 0; -EINVAL with the reason in failure. Moves the words of argv (getopt does). */
int zfw_parse(int argc, char **argv, struct zfw_request *request, struct failure *failure);

/*
 * The same for the first generation's commands: argv without options, by
 * position. -E2BIG: too few or too many arguments.
 */
int map_update_parse(int argc, char **argv, struct zfw_request *request, struct failure *failure);
int map_delete_parse(int argc, char **argv, struct zfw_request *request, struct failure *failure);

#endif /* IFW_ZFW_ARGS_H */
