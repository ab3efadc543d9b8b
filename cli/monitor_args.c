/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* monitor_args.c - see monitor.h: the options of ifw monitor. */
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "datapath/reasons.h"
#include "monitor.h"
#include "text.h"

#define SNAPLEN_MIN 14 /* an Ethernet header */

enum {
	OPTION_COUNT = ARGS_COMMAND,
	OPTION_REASON,
	OPTION_VERDICT,
	OPTION_IFACE,
	OPTION_IN,
	OPTION_OUT,
	OPTION_RULE,
	OPTION_SERVICE,
	OPTION_PCAP,
	OPTION_SNAPLEN,
};

static const struct option options_taken[] = {
	ARGS_COMMON,
	{"count", required_argument, NULL, OPTION_COUNT},
	{"reason", required_argument, NULL, OPTION_REASON},
	{"verdict", required_argument, NULL, OPTION_VERDICT},
	{"iface", required_argument, NULL, OPTION_IFACE},
	{"in", required_argument, NULL, OPTION_IN},
	{"out", required_argument, NULL, OPTION_OUT},
	{"rule", required_argument, NULL, OPTION_RULE},
	{"service", required_argument, NULL, OPTION_SERVICE},
	{"pcap", required_argument, NULL, OPTION_PCAP},
	{"snaplen", required_argument, NULL, OPTION_SNAPLEN},
	ARGS_END,
};

static int take_reasons(const struct cli *cli, struct monitor_options *options)
{
	const char *bad;
	size_t len;

	if (!event_filter_reasons(&options->filter, optarg, &bad, &len))
		return CLI_DONE;
	complain(cli, "there is no reason '%.*s'; there are:", (int)len, bad);
	for (unsigned int reason = 1; reason < IFW_REASON_END; reason++)
		fprintf(stderr, "  %s\n", text_reason(reason));
	return CLI_INPUT;
}

static int take_ifaces(const struct cli *cli, int got, struct monitor_options *options)
{
	if (options->iface_count == MONITOR_IFACES_MAX) {
		complain(cli, "more than %d options that name interfaces; give names as A,B,C",
			 MONITOR_IFACES_MAX);
		return CLI_INPUT;
	}
	options->ifaces[options->iface_count++] = (struct monitor_ifaces){
		.names = optarg,
		.in = got != OPTION_OUT,
		.out = got != OPTION_IN,
	};
	return CLI_DONE;
}

static int take_number(const struct cli *cli, const char *option, uint64_t min, uint64_t max,
		       uint64_t *number)
{
	if (!text_number(optarg, min, max, number))
		return CLI_DONE;
	if (max == UINT64_MAX)
		complain(cli, "--%s takes a number from %llu, not '%s'", option,
			 (unsigned long long)min, optarg);
	else
		complain(cli, "--%s takes a number from %llu to %llu, not '%s'", option,
			 (unsigned long long)min, (unsigned long long)max, optarg);
	return CLI_INPUT;
}

static int take_option(const struct cli *cli, int got, struct monitor_options *options)
{
	uint64_t snaplen = 0;
	int status;

	options->filters |= got >= OPTION_REASON && got <= OPTION_SERVICE;
	switch (got) {
	case OPTION_COUNT:
		return take_number(cli, "count", 1, UINT64_MAX, &options->count);
	case OPTION_REASON:
		return take_reasons(cli, options);
	case OPTION_VERDICT:
		if (!event_filter_verdict(&options->filter, optarg))
			return CLI_DONE;
		complain(cli, "--verdict takes pass or drop, not '%s'", optarg);
		return CLI_INPUT;
	case OPTION_RULE:
		options->rule = optarg;
		return CLI_DONE;
	case OPTION_SERVICE:
		options->filter.service = optarg;
		return CLI_DONE;
	case OPTION_PCAP:
		options->capture = optarg;
		return CLI_DONE;
	case OPTION_SNAPLEN:
		status = take_number(cli, "snaplen", SNAPLEN_MIN, IFW_PACKET_MAX, &snaplen);
		options->snaplen = (uint32_t)snaplen;
		return status;
	default:
		return take_ifaces(cli, got, options);
	}
}

/* What does not go together. */
static int check(const struct cli *cli, struct monitor_options *options)
{
	if (options->snaplen && !options->capture) {
		complain(cli, "--snaplen is about packets: it wants --pcap FILE");
		return CLI_INPUT;
	}
	if (options->capture && cli->json) {
		complain(cli, "--pcap writes packets in place of lines: leave -j away");
		return CLI_INPUT;
	}
	if (options->capture && strcmp(options->capture, "-") == 0 && isatty(STDOUT_FILENO)) {
		complain(cli, "a terminal shows no packets; use: ifw monitor --pcap - | tcpdump "
			      "-nr -");
		return CLI_INPUT;
	}
	if (options->capture && !options->snaplen)
		options->snaplen = IFW_PACKET_MAX;
	return CLI_DONE;
}

int monitor_read_options(struct cli *cli, int argc, char **argv, struct monitor_options *options)
{
	int got, status;

	*options = (struct monitor_options){.filter = event_filter_all()};
	optind = 0;
	while ((got = args_next(cli, argc, argv, options_taken)) >= 0)
		if (take_option(cli, got, options))
			return ARGS_BAD;
	if (got != ARGS_END_OF_OPTIONS)
		return got;
	options->filters |= optind < argc;
	status = cli_flow_filter(cli, argc - optind, argv + optind, &options->filter.ends);
	if (status) {
		complain(cli, "see 'ifw help monitor'");
		return ARGS_BAD;
	}
	return check(cli, options) ? ARGS_BAD : 0;
}

/* --- With the state at hand -------------------------------------------------- */

static const struct iface_info *find_iface(const struct ifaces *ifaces, const char *name,
					   size_t len)
{
	for (size_t i = 0; i < ifaces->all_count; i++)
		if (strlen(ifaces->all[i].name) == len &&
		    memcmp(ifaces->all[i].name, name, len) == 0)
			return &ifaces->all[i];
	return NULL;
}

static int bind_ifaces(const struct cli *cli, const struct ifaces *ifaces,
		       const struct monitor_ifaces *named, struct event_filter *filter)
{
	const char *at = named->names;
	size_t len;

	for (;; at += len + 1) {
		const struct iface_info *iface;
		uint64_t slot;

		len = strcspn(at, ",");
		iface = find_iface(ifaces, at, len);
		if (!iface) {
			complain(cli, "'%.*s' is not up (see 'ifw iface show')", (int)len, at);
			return CLI_REFUSED;
		}
		slot = 1ULL << (iface->settings.slot % IFW_SLOTS);
		filter->in |= named->in ? slot : 0;
		filter->out |= named->out ? slot : 0;
		if (!at[len])
			return CLI_DONE;
	}
}

/* The one in force of that match; one that is not there would never be seen. */
static int bind_rule(const struct cli *cli, struct loader *loader, struct monitor_options *options)
{
	char *words[] = {(char *)options->rule};
	struct iface_names names = {0};
	struct failure failure = {0};
	auto_set set = {0};
	int status = cli_parse_rule(cli, words, 1, &names, &options->filter.rule);

	if (!status)
		status = cli_bind_rule(cli, &options->filter.rule, &names, loader);
	if (status)
		return status;
	if (loader_rules(loader, &set, &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	options->filter.by_rule = true;
	for (size_t i = 0; i < set.count; i++)
		if (rule_same_match(&set.rules[i], &options->filter.rule))
			return CLI_DONE;
	complain(cli, "no rule in force has this match; take one from 'ifw rule list'");
	return CLI_INPUT;
}

/* A label that no rule has: likewise. */
static int check_service(const struct cli *cli, struct loader *loader, const char *service)
{
	struct failure failure = {0};
	auto_set set = {0};

	if (loader_rules(loader, &set, &failure)) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	for (size_t i = 0; i < set.count; i++)
		if (strcmp(set.rules[i].label, service) == 0)
			return CLI_DONE;
	complain(cli, "no rule in force has the service '%s' (see 'ifw rule list')", service);
	return CLI_INPUT;
}

int monitor_bind_options(const struct cli *cli, struct loader *loader, const struct ifaces *ifaces,
			 struct monitor_options *options)
{
	int status = CLI_DONE;

	if (options->iface_count)
		options->filter.in = options->filter.out = 0;
	for (unsigned int i = 0; i < options->iface_count && !status; i++)
		status = bind_ifaces(cli, ifaces, &options->ifaces[i], &options->filter);
	if (!status && options->rule)
		status = bind_rule(cli, loader, options);
	if (!status && options->filter.service)
		status = check_service(cli, loader, options->filter.service);
	return status;
}
