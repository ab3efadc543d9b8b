/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zfw_options.c - see zfw_options.h. */
#include <stddef.h>

#include "zfw_options.h"

static const struct zfw_option_verb verbs[] = {
	{'I', ZFW_INSERT, "cmonplhtsNdzr", "cmplh"},
	{'D', ZFW_DELETE, "cmonplhtsNzr", "cmpl"},
	{'L', ZFW_LIST, "cmpzE", ""},
	{'F', ZFW_FLUSH, "zrj", ""},
	{'V', ZFW_VERSION, "", ""},
	{'x', ZFW_SSH, "d", ""},
	{'e', ZFW_ECHO, "d", ""},
	{'v', ZFW_VERBOSE, "d", ""},
	{'b', ZFW_OUTBOUND, "d", ""},
	{'P', ZFW_NAMED, "d", ""},
	{'q', ZFW_OTHERS, "d", ""},
	{'6', ZFW_IPV6, "d", ""},
	{'X', ZFW_ATTACH, "Ozd", "z"},
	{'H', ZFW_INIT, "", ""},
	{'Q', ZFW_DISABLE, "", ""},
	{'M', ZFW_MONITOR, "", ""},
	{'T', ZFW_TUNNEL, "d", ""},
	{'A', ZFW_USER_RULES, "", ""},
	{'B', ZFW_BIND, "m", "m"},
	{'J', ZFW_UNBIND, "m", "m"},
};

const struct option zfw_long_options[] = {
	{"insert", no_argument, NULL, 'I'},
	{"delete", no_argument, NULL, 'D'},
	{"list", no_argument, NULL, 'L'},
	{"flush", no_argument, NULL, 'F'},
	{"version", no_argument, NULL, 'V'},
	{"dcidr-block", required_argument, NULL, 'c'},
	{"dprefix-len", required_argument, NULL, 'm'},
	{"ocidr-block", required_argument, NULL, 'o'},
	{"oprefix-len", required_argument, NULL, 'n'},
	{"low-port", required_argument, NULL, 'l'},
	{"high-port", required_argument, NULL, 'h'},
	{"tproxy-port", required_argument, NULL, 't'},
	{"protocol", required_argument, NULL, 'p'},
	{"service-id", required_argument, NULL, 's'},
	{"interface", required_argument, NULL, 'N'},
	{"direction", required_argument, NULL, 'z'},
	{"disable", no_argument, NULL, 'd'},
	{"disable-ssh", required_argument, NULL, 'x'},
	{"icmp-echo", required_argument, NULL, 'e'},
	{"verbose", required_argument, NULL, 'v'},
	{"outbound-filtering", required_argument, NULL, 'b'},
	{"per-interface-rules", required_argument, NULL, 'P'},
	{"pass-non-tuple", required_argument, NULL, 'q'},
	{"ipv6-enable", required_argument, NULL, '6'},
	{"set-tc-filter", required_argument, NULL, 'X'},
	{"object-file", required_argument, NULL, 'O'},
	{"init-tc", required_argument, NULL, 'H'},
	{"disable-ebpf", no_argument, NULL, 'Q'},
	{"monitor", required_argument, NULL, 'M'},
	{"list-diag", no_argument, NULL, 'E'},
	{"route", no_argument, NULL, 'r'},
	{"set-tun-mode", required_argument, NULL, 'T'},
	{"add-user-rules", no_argument, NULL, 'A'},
	{"help", no_argument, NULL, ZFW_OPTION_HELP},
	/* Known, and not implemented. */
	{"vrrp-enable", optional_argument, NULL, 'R'},
	{"enable-eapol", optional_argument, NULL, 'w'},
	{"masquerade", optional_argument, NULL, 'k'},
	{"ddos-filter", optional_argument, NULL, 'a'},
	{"write-log", optional_argument, NULL, 'W'},
	{NULL, 0, NULL, 0},
};

static const struct {
	char option;
	const char *why;
} refused[] = {
	{'R', "use 'ifw iface set IFACE pass-protocol 112'"},
	{'w', "use 'ifw iface set IFACE pass-ethertype 0x888e'"},
	{'W', "send the output of 'ifw monitor' to a file"},
	{'k', "masquerade with nftables"},
	{'g', "masquerade with nftables"},
	{'G', "flows are forgotten by themselves; see 'ifw help flow'"},
	{'K', "see 'ifw help flow'"},
	{'a', "it filters no floods"},
	{'u', "it filters no floods"},
	{'y', "it filters no floods"},
	{'Y', "it filters no floods"},
	{'S', "it filters no floods"},
	{'U', "it filters no floods"},
	{'i', "-L lists all rules"},
	{'f', "-L lists all rules"},
};

const struct zfw_option_verb *zfw_verb_of(int option)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (verbs[i].option == option)
			return &verbs[i];
	return NULL;
}

const char *zfw_long_name(int option)
{
	for (const struct option *o = zfw_long_options; o->name; o++)
		if (o->val == option)
			return o->name;
	return "?";
}

const char *zfw_refused(int option)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i].option == option)
			return refused[i].why;
	return NULL;
}
