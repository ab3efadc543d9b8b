/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* iface_set.c - ifw iface set: one setting of one interface. */
#include <errno.h>
#include <string.h>

#include "args.h"
#include "cli.h"
#include "datapath/addr.h"
#include "iface.h"
#include "iface_set.h"
#include "ruleset/grammar.h"
#include "text.h"

static void put_flag(struct iface_setting *parsed, uint32_t flag, bool on)
{
	parsed->change.set &= ~flag;
	parsed->change.clear &= ~flag;
	*(on ? &parsed->change.set : &parsed->change.clear) |= flag;
}

static int set_flag(const struct cli *cli, const char *setting, const char *value, uint32_t flag,
		    struct iface_setting *parsed)
{
	bool on;

	if (text_switch(value, &on)) {
		complain(cli, "%s is on or off, not '%s'", setting, value);
		return CLI_INPUT;
	}
	put_flag(parsed, flag, on);
	return CLI_DONE;
}

static int set_verbose(const struct cli *cli, const char *value, struct iface_setting *parsed)
{
	uint64_t every;
	bool on = false;

	parsed->change.verbose = &parsed->verbose;
	if (text_switch(value, &on) == 0) {
		parsed->verbose = on;
		return CLI_DONE;
	}
	if (text_number(value, 1, UINT32_MAX, &every)) {
		complain(cli, "verbose is on, off, or a number from 1, not '%s'", value);
		return CLI_INPUT;
	}
	parsed->verbose = every;
	return CLI_DONE;
}

/* ITEM[,ITEM...], each handed to take; "none" is no item. */
static int for_each_item(const struct cli *cli, const char *list,
			 int (*take)(const struct cli *cli, const char *item, size_t len,
				     struct iface_setting *parsed),
			 struct iface_setting *parsed)
{
	parsed->count = 0;
	if (strcmp(list, "none") == 0)
		return CLI_DONE;
	for (const char *at = list;; at++) {
		size_t len = strcspn(at, ",");
		int status = take(cli, at, len, parsed);

		if (status)
			return status;
		at += len;
		if (!*at)
			return CLI_DONE;
	}
}

static int take_protocol(const struct cli *cli, const char *item, size_t len,
			 struct iface_setting *parsed)
{
	uint64_t number;

	if (grammar_parse_number(item, len, 255, &number)) {
		complain(cli, "'%.*s' is not the number of an IP protocol (0 to 255)", (int)len,
			 item);
		return CLI_INPUT;
	}
	parsed->protocols[number / 64] |= 1ULL << (number % 64);
	return CLI_DONE;
}

static int take_ethertype(const struct cli *cli, const char *item, size_t len,
			  struct iface_setting *parsed)
{
	char text[16] = "";
	uint64_t number;

	if (len < sizeof(text))
		memcpy(text, item, len);
	/* IEEE 802.3 3.2.6: below 0x600 the field is a length. */
	if (text_number(text, 0x600, 0xffff, &number)) {
		complain(cli, "'%.*s' is not an EtherType (0x600 to 0xffff)", (int)len, item);
		return CLI_INPUT;
	}
	if (parsed->count == IFW_ETHERTYPES_MAX) {
		complain(cli, "an interface passes at most %d EtherTypes", IFW_ETHERTYPES_MAX);
		return CLI_INPUT;
	}
	parsed->ethertypes[parsed->count++] = number;
	return CLI_DONE;
}

static int take_geneve_source(const struct cli *cli, const char *item, size_t len,
			      struct iface_setting *parsed)
{
	struct ifw_net net = {};
	bool host_bits;

	if (grammar_parse_prefix(item, len, &net.family, &net.addr, &net.len, &host_bits)) {
		complain(cli, "'%.*s' is not a prefix", (int)len, item);
		return CLI_INPUT;
	}
	if (parsed->count == IFW_GENEVE_SOURCES_MAX) {
		complain(cli, "GENEVE is limited to at most %d sources", IFW_GENEVE_SOURCES_MAX);
		return CLI_INPUT;
	}
	parsed->geneve_sources[parsed->count++] = net;
	return CLI_DONE;
}

/* geneve on|off, or geneve from PREFIX,...: on, and from there alone. */
static int set_geneve(const struct cli *cli, const char *value, const char *sources,
		      struct iface_setting *parsed)
{
	parsed->change.geneve_sources = parsed->geneve_sources;
	memset(parsed->geneve_sources, 0, sizeof(parsed->geneve_sources));
	if (!sources)
		return set_flag(cli, "geneve", value, IFW_IFACE_GENEVE, parsed);
	if (strcmp(value, "from") != 0) {
		complain(cli, "geneve is on, off, or from PREFIX,..., not '%s'", value);
		return CLI_INPUT;
	}
	put_flag(parsed, IFW_IFACE_GENEVE, true);
	return for_each_item(cli, sources, take_geneve_source, parsed);
}

static int set_track(const struct cli *cli, const char *value, struct iface_setting *parsed)
{
	parsed->egress = true;
	parsed->change.track = &parsed->track;
	if (text_switch(value, &parsed->track) == 0)
		return CLI_DONE;
	complain(cli, "track is on or off, not '%s'", value);
	return CLI_INPUT;
}

static int set_egress_default(const struct cli *cli, const char *value,
			      struct iface_setting *parsed)
{
	bool pass = strcmp(value, "pass") == 0;

	if (!pass && strcmp(value, "deny") != 0) {
		complain(cli, "egress-default is pass or deny, not '%s'", value);
		return CLI_INPUT;
	}
	parsed->egress = true;
	put_flag(parsed, IFW_IFACE_EGRESS_DENY, !pass);
	return CLI_DONE;
}

int iface_setting_parse(const struct cli *cli, const char *setting, const char *value,
			const char *more, struct iface_setting *parsed)
{
	if (more && strcmp(setting, "geneve") != 0) {
		complain(cli, "unexpected '%s' behind the value of %s", more, setting);
		return CLI_INPUT;
	}
	if (strcmp(setting, "ssh") == 0) {
		int status = set_flag(cli, setting, value, IFW_IFACE_SSH_OFF, parsed);

		/* The flag says that it is off. */
		if (!status)
			put_flag(parsed, IFW_IFACE_SSH_OFF,
				 !(parsed->change.set & IFW_IFACE_SSH_OFF));
		return status;
	}
	if (strcmp(setting, "echo") == 0)
		return set_flag(cli, setting, value, IFW_IFACE_ECHO, parsed);
	if (strcmp(setting, "named-rules") == 0)
		return set_flag(cli, setting, value, IFW_IFACE_NAMED_RULES, parsed);
	if (strcmp(setting, "verbose") == 0)
		return set_verbose(cli, value, parsed);
	if (strcmp(setting, "geneve") == 0)
		return set_geneve(cli, value, more, parsed);
	if (strcmp(setting, "pass-protocol") == 0) {
		parsed->change.protocols = parsed->protocols;
		if (strcmp(value, "all") == 0) {
			memcpy(parsed->protocols, text_all_protocols, sizeof(parsed->protocols));
			return CLI_DONE;
		}
		memset(parsed->protocols, 0, sizeof(parsed->protocols));
		return for_each_item(cli, value, take_protocol, parsed);
	}
	if (strcmp(setting, "pass-ethertype") == 0) {
		parsed->change.ethertypes = parsed->ethertypes;
		memset(parsed->ethertypes, 0, sizeof(parsed->ethertypes));
		return for_each_item(cli, value, take_ethertype, parsed);
	}
	if (strcmp(setting, "track") == 0)
		return set_track(cli, value, parsed);
	if (strcmp(setting, "egress-default") == 0)
		return set_egress_default(cli, value, parsed);
	complain(cli,
		 "unknown setting '%s': there are ssh, echo, verbose, named-rules, geneve, "
		 "pass-protocol, pass-ethertype, track and egress-default",
		 setting);
	return CLI_INPUT;
}

int cmd_iface_set(struct cli *cli, int argc, char **argv)
{
	int result = args_operands(cli, argc, argv, 3, 4, "IFACE, a setting, and its value");
	struct failure failure = {0};
	struct iface_setting parsed = {0};
	auto_loader loader = NULL;
	int status, err;

	if (result)
		return args_status(result);
	status = iface_setting_parse(cli, argv[optind + 1], argv[optind + 2],
				     argc - optind > 3 ? argv[optind + 3] : NULL, &parsed);
	if (!status)
		status = cli_open(cli, LOADER_WRITE, NULL, &loader);
	if (status)
		return status;
	if (parsed.egress)
		err = loader_iface_set_egress(loader, argv[optind], &parsed.change, &failure);
	else
		err = loader_iface_set(loader, argv[optind], &parsed.change, &failure);
	if (err) {
		complain(cli, "%s", failure.text);
		return CLI_REFUSED;
	}
	if (parsed.egress)
		ifaces_warn_unanswered(cli, loader, &argv[optind], 1);
	return CLI_DONE;
}
