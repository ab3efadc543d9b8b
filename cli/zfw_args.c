/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zfw_args.c - see zfw_args.h. */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "datapath/addr.h"
#include "ruleset/grammar.h"
#include "zfw_args.h"
#include "zfw_options.h"

#define LOOPBACK_HI ((uint64_t)INADDR_LOOPBACK << 32)

/* The option values as given; which were, by letter. */
struct given {
	const char *value[128];
	bool present[128];
};

static int refuse(struct failure *failure, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct failure *failure, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	va_end(args);
	return -EINVAL;
}

static int parse_number(const char *what, const char *text, uint64_t max, uint64_t *number,
			struct failure *failure)
{
	switch (grammar_parse_number(text, strlen(text), max, number)) {
	case 0:
		return 0;
	case -ERANGE:
		return refuse(failure, "%s '%s' is above %ju", what, text, (uintmax_t)max);
	default:
		return refuse(failure, "%s '%s' is not a number", what, text);
	}
}

static int parse_port(const char *what, const char *text, uint16_t *port, struct failure *failure)
{
	uint64_t number;
	int err = parse_number(what, text, 65535, &number, failure);

	if (!err)
		*port = number;
	return err;
}

/* An address and a length, each an argument of its own. Host bits are masked. */
static int parse_prefix(const char *what, const char *addr_text, const char *len_text,
			uint8_t *family, struct ifw_addr *addr, uint8_t *len, bool *host_bits,
			struct failure *failure)
{
	struct ifw_addr parsed;
	uint64_t prefix_len;
	uint8_t host_len;
	bool unused;
	int err;

	if (strchr(addr_text, '/') ||
	    grammar_parse_prefix(addr_text, strlen(addr_text), family, &parsed, &host_len, &unused))
		return refuse(failure, "%s '%s' is not an IP%s address", what, addr_text,
			      strchr(addr_text, ':') ? "v6" : "v4");
	err = parse_number("prefix length", len_text, host_len, &prefix_len, failure);
	if (err)
		return err;
	*addr = ifw_addr_mask(parsed, prefix_len);
	if (!ifw_addr_equal(*addr, parsed))
		*host_bits = true;
	*len = prefix_len;
	return 0;
}

static int parse_protocol(const char *text, uint8_t *protocol, struct failure *failure)
{
	if (strcmp(text, "tcp") == 0 || strcmp(text, "TCP") == 0)
		*protocol = IPPROTO_TCP;
	else if (strcmp(text, "udp") == 0 || strcmp(text, "UDP") == 0)
		*protocol = IPPROTO_UDP;
	else
		return refuse(failure, "protocol '%s' is neither tcp nor udp", text);
	return 0;
}

static int parse_iface(struct zfw_request *request, const char *name, struct failure *failure)
{
	size_t len = strlen(name);
	/* As with labels: what cannot be written in a rule is refused where it is typed. */
	bool writable = len < IFW_NAME_MAX && rule_label_valid(name, len) && !strchr(name, ',');
	int slot = writable ? iface_names_add(&request->names, name) : -EINVAL;

	if (slot == -ENOSPC)
		return refuse(failure, "more than %d interfaces with -N", IFW_SLOTS - 1);
	if (slot < 0)
		return refuse(failure, "'%s' cannot be the name of an interface", name);
	request->rule.ifaces |= 1ULL << slot;
	return 0;
}

/* Refused here, where it is typed, rather than when `ifw apply` reads the list back. */
static int parse_label(struct rule *rule, const char *label, struct failure *failure)
{
	size_t len = strlen(label);

	if (!len)
		return 0;
	if (len >= sizeof(rule->label))
		return refuse(failure, "service id '%s' has more than %zu characters", label,
			      sizeof(rule->label) - 1);
	if (!rule_label_valid(label, len))
		return refuse(failure, "'%s' cannot be a service id", label);
	memcpy(rule->label, label, len + 1);
	return 0;
}

/* What -t says: 0 leaves the packet to the host, a port is a listener on this host. */
static void set_listener(struct rule *rule, uint16_t port)
{
	rule->action = port ? IFW_ACTION_INTERCEPT : IFW_ACTION_PASS;
	rule->listener_port = port;
	rule->listener = (struct ifw_addr){0};
	if (port && rule->family == IFW_FAMILY_IPV6)
		rule->listener.lo = 1; /* ::1 */
	else if (port)
		rule->listener.hi = LOOPBACK_HI;
}

static int bad_option(int got, char **argv, struct failure *failure)
{
	const char *word = argv[optind - 1];
	bool is_long = strncmp(word, "--", 2) == 0;

	if (got == ':')
		return refuse(failure, "option %s needs a value", word);
	if (!is_long && optopt && zfw_refused(optopt))
		return refuse(failure, "option -%c is not implemented by ifw: %s", optopt,
			      zfw_refused(optopt));
	if (!is_long && optopt)
		return refuse(failure, "unknown option -%c", optopt);
	return refuse(failure, "unknown option %s", word);
}

/* Collects the options; *verb is the one that says what to do. */
static int collect(int argc, char **argv, struct zfw_request *request, struct given *given,
		   const struct zfw_option_verb **verb, struct failure *failure)
{
	int got, index = -1, err;

	optind = 0;
	opterr = 0;
	while ((got = getopt_long(argc, argv, ZFW_LETTERS, zfw_long_options, &index)) != -1) {
		const struct zfw_option_verb *found = zfw_verb_of(got);

		if (got == ZFW_OPTION_HELP) {
			request->verb = ZFW_HELP;
			return 0;
		}
		if (got == '?' || got == ':')
			return bad_option(got, argv, failure);
		if (zfw_refused(got))
			return refuse(failure, "option --%s is not implemented by ifw: %s",
				      zfw_long_options[index].name, zfw_refused(got));
		if (found && *verb && *verb != found)
			return refuse(failure, "-%c and -%c cannot go together", (*verb)->option,
				      got);
		if (given->present[got] && got != 'N')
			return refuse(failure, "-%c is given twice", got);
		if (found)
			*verb = found;
		given->present[got] = true;
		given->value[got] = optarg;
		if (got == 'N') {
			err = parse_iface(request, optarg, failure);
			if (err)
				return err;
		}
	}
	if (optind < argc)
		return refuse(failure, "unexpected argument '%s'", argv[optind]);
	if (!*verb)
		return refuse(failure,
			      "nothing to do: give one of -I, -D, -L, -F, -V, -x, -e, -v, -b, -P, "
			      "-q, -6, -X, -H, -Q, -M, -T, -A, -B, -J");
	return 0;
}

/* These name their prefix themselves, where others have -c. */
static bool is_binding(const struct zfw_option_verb *verb)
{
	return verb->verb == ZFW_BIND || verb->verb == ZFW_UNBIND;
}

/* Nothing is dropped in silence: -F with -c would flush what was not meant. */
static int check_together(const struct given *given, const struct zfw_option_verb *verb,
			  struct failure *failure)
{
	for (int o = 0; o < 128; o++)
		if (given->present[o] && o != verb->option && !strchr(verb->with, o))
			return refuse(failure, "-%c does not go with -%c", o, verb->option);
	for (const char *o = verb->needs; *o; o++)
		if (!given->present[(int)*o])
			return refuse(failure, "-%c needs -%c, --%s", verb->option, *o,
				      zfw_long_name(*o));
	if (verb->verb == ZFW_INSERT && !given->present['t'] && !given->present['d'])
		return refuse(failure, "-I needs -t, --tproxy-port (0: pass to the host)");
	if (!is_binding(verb) && given->present['c'] != given->present['m'])
		return refuse(failure, "-c and -m go together, one is missing");
	if (given->present['o'] != given->present['n'])
		return refuse(failure, "-o and -n go together, one is missing");
	if (given->present['j'] && (given->present['z'] || given->present['r']))
		return refuse(failure,
			      "-F -j removes bindings alone, and does not go with -z or -r");
	if (verb->verb == ZFW_ATTACH && !given->present['O'] && !given->present['d'])
		return refuse(failure, "-X needs -O, --object-file, or -d");
	if (given->present['E'] && (given->present['c'] || given->present['p']))
		return refuse(failure, "-L -E lists interfaces, and does not go with -c or -p");
	if (verb->verb == ZFW_LIST && given->present['p'] && !given->present['c'])
		return refuse(failure, "-L with -p needs -c, --dcidr-block");
	if (given->present['z'] && strcmp(given->value['z'], "egress") != 0 &&
	    strcmp(given->value['z'], "ingress") != 0)
		return refuse(failure, "direction '%s' is neither ingress nor egress",
			      given->value['z']);
	return 0;
}

/*
 * Callers give -o 0.0.0.0 -n 0 beside an IPv6 destination, too, and mean any
 * source; any other source of the other family would never match.
 */
static int read_prefixes(const struct given *given, struct zfw_request *request,
			 struct failure *failure)
{
	struct rule *rule = &request->rule;
	uint8_t source = IFW_FAMILY_IPV4;
	int err = 0;

	if (given->present['c'] && given->value['m'])
		err = parse_prefix("destination", given->value['c'], given->value['m'],
				   &rule->family, &rule->dst, &rule->dst_len, &request->host_bits,
				   failure);
	if (!err && given->present['o'])
		err = parse_prefix("source", given->value['o'], given->value['n'], &source,
				   &rule->src, &rule->src_len, &request->host_bits, failure);
	if (!err && given->present['o'] && source != rule->family && rule->src_len)
		return refuse(failure, "source '%s' is not of the destination's family",
			      given->value['o']);
	request->has_prefix = given->present['c'];
	if (!err && request->verb == ZFW_BIND && !rule->dst_len)
		return refuse(failure, "-B with -m 0 would make every address one of this host");
	return err;
}

static int read_ports(const struct given *given, struct zfw_request *request,
		      struct failure *failure)
{
	struct rule *rule = &request->rule;
	uint16_t listener = 0;
	int err = 0;

	if (given->present['l'])
		err = parse_port("low port", given->value['l'], &rule->low, failure);
	rule->high = rule->low;
	if (!err && given->present['h'])
		err = parse_port("high port", given->value['h'], &rule->high, failure);
	if (!err && given->present['t'])
		err = parse_port("tproxy port", given->value['t'], &listener, failure);
	if (err)
		return err;
	if (rule->low > rule->high)
		return refuse(failure, "low port %u is above high port %u", rule->low, rule->high);
	if (rule_is_egress(rule) && listener && !request->disable && request->verb == ZFW_INSERT)
		return refuse(failure, "-z egress passes (-t 0) or denies (-d): what leaves has no "
				       "listener");
	request->has_high = given->present['h'];
	set_listener(rule, request->disable ? 0 : listener);
	if (request->disable)
		rule->action = IFW_ACTION_DENY;
	request->unused_port = request->disable && listener;
	return 0;
}

static int read_values(const struct given *given, struct zfw_request *request,
		       struct failure *failure)
{
	struct rule *rule = &request->rule;
	int err;

	request->disable = given->present['d'];
	request->interfaces = given->present['E'];
	request->route = given->present['r'];
	request->bindings = given->present['j'];
	request->object = given->value['O'];
	rule->family = IFW_FAMILY_IPV4;
	if (!given->present['N'])
		rule->ifaces = IFW_IFACES_ANY;
	err = read_prefixes(given, request, failure);
	if (!err && given->present['p']) {
		request->has_protocol = true;
		err = parse_protocol(given->value['p'], &rule->protocol, failure);
	}
	request->has_direction = given->present['z'];
	if (given->present['z'] && strcmp(given->value['z'], "egress") == 0)
		rule->protocol |= IFW_EGRESS;
	if (!err)
		err = read_ports(given, request, failure);
	if (!err && given->present['s'] && request->verb == ZFW_INSERT)
		err = parse_label(rule, given->value['s'], failure);
	return err;
}

int zfw_parse(int argc, char **argv, struct zfw_request *request, struct failure *failure)
{
	struct zfw_request read = {0};
	const struct zfw_option_verb *verb = NULL;
	struct given given = {0};
	int err;

	err = collect(argc, argv, &read, &given, &verb, failure);
	if (!err && verb && read.verb != ZFW_HELP) {
		read.verb = verb->verb;
		read.target = given.value[(int)verb->option];
		err = check_together(&given, verb, failure);
		if (is_binding(verb)) {
			given.present['c'] = true;
			given.value['c'] = read.target;
		}
		if (!err)
			err = read_values(&given, &read, failure);
	}
	if (!err)
		*request = read;
	return err;
}

/* What both positional commands have: IP LEN LOW [HIGH PORT] PROTOCOL. */
static int parse_positional(char **argv, const char *high, const char *port, const char *protocol,
			    struct zfw_request *read, struct failure *failure)
{
	struct given given = {0};
	uint64_t number;
	int err;

	given.present['c'] = given.present['m'] = given.present['l'] = true;
	given.value['c'] = argv[1];
	given.value['m'] = argv[2];
	given.value['l'] = argv[3];
	given.present['h'] = high;
	given.value['h'] = high;
	given.present['t'] = port;
	given.value['t'] = port;
	err = read_values(&given, read, failure);
	if (!err)
		err = parse_number("protocol", protocol, 255, &number, failure);
	if (err)
		return err;
	if (number != IPPROTO_TCP && number != IPPROTO_UDP)
		return refuse(failure, "protocol '%s' is neither 6 (TCP) nor 17 (UDP)", protocol);
	read->rule.protocol = number;
	read->has_protocol = true;
	return 0;
}

int map_update_parse(int argc, char **argv, struct zfw_request *request, struct failure *failure)
{
	struct zfw_request read = {.verb = ZFW_INSERT};
	int err;

	if (argc != 7)
		return -E2BIG;
	err = parse_positional(argv, argv[4], argv[5], argv[6], &read, failure);
	if (!err)
		*request = read;
	return err;
}

int map_delete_parse(int argc, char **argv, struct zfw_request *request, struct failure *failure)
{
	struct zfw_request read = {.verb = ZFW_DELETE};
	int err;

	if (argc != 5)
		return -E2BIG;
	err = parse_positional(argv, NULL, NULL, argv[4], &read, failure);
	if (!err)
		*request = read;
	return err;
}
