/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * grammar.c - one line to one rule. First the words are sorted into clauses,
 * because they may come in any order; then each value is read, the destination
 * before those that must be of its family. The first error ends the line.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "../datapath/addr.h"
#include "grammar.h"
#include "line.h"

#define EXPECTED_CLAUSES "to, port, via, from, on or service"

enum clause {
	CLAUSE_TO,
	CLAUSE_PORT,
	CLAUSE_VIA,
	CLAUSE_FROM,
	CLAUSE_ON,
	CLAUSE_SERVICE,
	CLAUSES,
};

static const struct {
	const char *word;
	const char *value;
} clauses[CLAUSES] = {
	[CLAUSE_TO] = {"to", "ADDRESS/LENGTH"}, [CLAUSE_PORT] = {"port", "PORT or LOW-HIGH"},
	[CLAUSE_VIA] = {"via", "ADDRESS:PORT"}, [CLAUSE_FROM] = {"from", "ADDRESS/LENGTH"},
	[CLAUSE_ON] = {"on", "INTERFACE,..."},	[CLAUSE_SERVICE] = {"service", "LABEL"},
};

static const struct {
	const char *word;
	uint8_t action;
} actions[] = {
	{"intercept", IFW_ACTION_INTERCEPT},
	{"pass", IFW_ACTION_PASS},
	{"deny", IFW_ACTION_DENY},
};

/* A line taken apart; a clause that is absent has no text. */
struct sentence {
	struct span keyword[CLAUSES];
	struct span value[CLAUSES];
};

#define refuse(line, where, ...) (line_say(line, SEVERITY_ERROR, where, __VA_ARGS__), -EINVAL)

static int refuse_value(const struct line *line, struct span value, const struct fault *fault)
{
	struct span where = {value.text + fault->at, fault->width};

	return refuse(line, where, "%s", fault->message);
}

/* Where a missing word would stand: behind the last one. */
static struct span end_of_rule(const struct line *line)
{
	return (struct span){line->rule.text + line->rule.len, 0};
}

static bool is(struct span word, const char *text)
{
	return word.len == strlen(text) && memcmp(word.text, text, word.len) == 0;
}

static int read_action(struct line *line, struct rule *rule)
{
	struct span word;
	int err = line_word(line, &word);

	if (!err && is(word, "egress")) {
		rule->protocol = IFW_EGRESS;
		err = line_word(line, &word);
		if (err == -ENOENT)
			return refuse(line, end_of_rule(line), "missing action: pass or deny");
	}
	if (err)
		return err;
	if (rule_is_egress(rule) && is(word, "intercept"))
		return refuse(line, word,
			      "what leaves cannot be intercepted; expected pass or deny");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (is(word, actions[i].word)) {
			rule->action = actions[i].action;
			return 0;
		}
	}
	return refuse(line, word, "unknown action %s; expected intercept, pass, deny or egress",
		      quote(word).text);
}

static int read_protocol(struct line *line, struct rule *rule)
{
	struct span word;
	int err = line_word(line, &word);

	if (err == -ENOENT)
		return refuse(line, end_of_rule(line), "missing protocol: tcp or udp");
	if (err)
		return err;
	if (is(word, "tcp"))
		rule->protocol |= IPPROTO_TCP;
	else if (is(word, "udp"))
		rule->protocol |= IPPROTO_UDP;
	else
		return refuse(line, word, "unknown protocol %s; expected tcp or udp",
			      quote(word).text);
	return 0;
}

static int read_clause(struct line *line, struct span word, struct sentence *sentence)
{
	enum clause clause = 0;
	int err;

	while (clause < CLAUSES && !is(word, clauses[clause].word))
		clause++;
	if (clause == CLAUSES)
		return refuse(line, word, "unknown word %s; expected " EXPECTED_CLAUSES,
			      quote(word).text);
	if (sentence->keyword[clause].text)
		return refuse(line, word, "'%s' is given twice", clauses[clause].word);
	sentence->keyword[clause] = word;
	err = line_word(line, &sentence->value[clause]);
	if (err == -ENOENT)
		return refuse(line, end_of_rule(line), "missing %s after '%s'",
			      clauses[clause].value, clauses[clause].word);
	return err;
}

static int read_clauses(struct line *line, struct sentence *sentence)
{
	struct span word;
	int err;

	while ((err = line_word(line, &word)) == 0) {
		err = read_clause(line, word, sentence);
		if (err)
			return err;
	}
	return err == -ENOENT ? 0 : err;
}

static int check_clauses(const struct line *line, const struct sentence *sentence,
			 const struct rule *rule)
{
	if (!sentence->keyword[CLAUSE_TO].text)
		return refuse(line, end_of_rule(line), "missing 'to ADDRESS/LENGTH'");
	if (!sentence->keyword[CLAUSE_PORT].text)
		return refuse(line, end_of_rule(line), "missing 'port PORT' or 'port LOW-HIGH'");
	if (rule->action == IFW_ACTION_INTERCEPT) {
		if (!sentence->keyword[CLAUSE_VIA].text)
			return refuse(line, end_of_rule(line),
				      "missing 'via ADDRESS:PORT': "
				      "an intercept rule needs a listener");
	} else if (sentence->keyword[CLAUSE_VIA].text) {
		return refuse(line, sentence->keyword[CLAUSE_VIA],
			      "'via' has no meaning in a %s rule",
			      rule->action == IFW_ACTION_PASS ? "pass" : "deny");
	}
	return 0;
}

static void note_host_bits(const struct line *line, struct span text, const struct prefix *prefix)
{
	char print[INET6_ADDRSTRLEN];

	line_say(line, SEVERITY_NOTE, text, "%.*s has host bits set; taken as %s/%u", (int)text.len,
		 text.text, rule_print_addr(prefix->addr, prefix->family, print, sizeof(print)),
		 prefix->len);
}

static const char *family_name(uint8_t family)
{
	return family == IFW_FAMILY_IPV6 ? "IPv6" : "IPv4";
}

static int take_to(const struct line *line, struct span value, struct rule *rule)
{
	struct prefix prefix;
	struct fault fault;

	if (value_prefix(value, &prefix, &fault))
		return refuse_value(line, value, &fault);
	if (prefix.host_bits)
		note_host_bits(line, value, &prefix);
	rule->family = prefix.family;
	rule->dst = prefix.addr;
	rule->dst_len = prefix.len;
	return 0;
}

static int take_from(const struct line *line, struct span value, struct rule *rule)
{
	struct prefix prefix;
	struct fault fault;

	if (value_prefix(value, &prefix, &fault))
		return refuse_value(line, value, &fault);
	if (prefix.family != rule->family)
		return refuse(line, value, "'from' is %s, but 'to' is %s",
			      family_name(prefix.family), family_name(rule->family));
	if (prefix.host_bits)
		note_host_bits(line, value, &prefix);
	rule->src = prefix.addr;
	rule->src_len = prefix.len;
	return 0;
}

static int take_port(const struct line *line, struct span value, struct rule *rule)
{
	struct fault fault;

	if (value_ports(value, &rule->low, &rule->high, &fault))
		return refuse_value(line, value, &fault);
	return 0;
}

/* A port alone is a listener on the loopback address of the destination's family. */
static int parse_listener(struct span value, uint8_t family, struct endpoint *listener,
			  struct fault *fault)
{
	if (value.text[0] < '0' || value.text[0] > '9' || memchr(value.text, ':', value.len) ||
	    memchr(value.text, '.', value.len))
		return value_endpoint(value, listener, fault);
	if (value_port(value, &listener->port, fault))
		return -EINVAL;
	listener->family = family;
	listener->addr = family == IFW_FAMILY_IPV6 ? (struct ifw_addr){0, 1}
						   : ifw_addr_from_ipv4(htonl(INADDR_LOOPBACK));
	return 0;
}

static int take_via(const struct line *line, struct span value, struct rule *rule)
{
	struct endpoint listener;
	struct fault fault;

	if (parse_listener(value, rule->family, &listener, &fault))
		return refuse_value(line, value, &fault);
	if (listener.family != rule->family)
		return refuse(line, value, "'via' is %s, but 'to' is %s",
			      family_name(listener.family), family_name(rule->family));
	if (listener.port == 0)
		return refuse(line, value, "port 0 cannot be listened on; expected 1 to 65535");
	rule->listener = listener.addr;
	rule->listener_port = listener.port;
	return 0;
}

static int take_service(const struct line *line, struct span value, struct rule *rule)
{
	if (value.len >= RULE_LABEL_MAX)
		return refuse(line, value, "label of %zu bytes is too long; at most %d", value.len,
			      RULE_LABEL_MAX - 1);
	if (!rule_label_valid(value.text, value.len))
		return refuse(line, value, "'#' cannot be part of a label");
	memcpy(rule->label, value.text, value.len);
	return 0;
}

static int take_iface(const struct line *line, struct span name, struct iface_names *names,
		      uint64_t *ifaces)
{
	char copy[IFW_NAME_MAX] = "";
	int slot;

	if (name.len == 0)
		return refuse(line, name,
			      "empty interface name; names are separated by ',' without spaces");
	if (!iface_name_valid(name.text, name.len) || memchr(name.text, '#', name.len))
		return refuse(line, name,
			      "%s is not an interface name; expected 1 to %d bytes without "
			      "'/', ':' or '#'",
			      quote(name).text, IFW_NAME_MAX - 1);
	memcpy(copy, name.text, name.len);
	slot = iface_names_add(names, copy);
	if (slot < 0)
		return refuse(line, name, "no room for interface '%s': rules already name %d", copy,
			      IFW_SLOTS - 1);
	if ((*ifaces >> slot) & 1)
		line_say(line, SEVERITY_NOTE, name, "interface '%s' is named twice; counts once",
			 copy);
	*ifaces |= 1ULL << slot;
	return 0;
}

static int take_on(const struct line *line, struct span value, struct iface_names *names,
		   struct rule *rule)
{
	struct span rest = value;

	rule->ifaces = 0;
	for (;;) {
		const char *comma = memchr(rest.text, ',', rest.len);
		struct span name = {rest.text, comma ? (size_t)(comma - rest.text) : rest.len};
		int err = take_iface(line, name, names, &rule->ifaces);

		if (err || !comma)
			return err;
		rest.text = comma + 1;
		rest.len -= name.len + 1;
	}
}

static int take_values(const struct line *line, const struct sentence *sentence,
		       struct iface_names *names, struct rule *rule)
{
	const struct span *value = sentence->value;
	int err = take_to(line, value[CLAUSE_TO], rule);

	if (!err)
		err = take_port(line, value[CLAUSE_PORT], rule);
	if (!err && value[CLAUSE_FROM].text)
		err = take_from(line, value[CLAUSE_FROM], rule);
	if (!err && value[CLAUSE_VIA].text)
		err = take_via(line, value[CLAUSE_VIA], rule);
	if (!err && value[CLAUSE_SERVICE].text)
		err = take_service(line, value[CLAUSE_SERVICE], rule);
	/* Last, so that a rule that is refused has taken no slot for a name. */
	if (!err && value[CLAUSE_ON].text)
		err = take_on(line, value[CLAUSE_ON], names, rule);
	return err;
}

int line_parse(struct line *line, struct iface_names *names, struct rule *rule)
{
	struct rule found = {.ifaces = IFW_IFACES_ANY};
	struct sentence sentence = {0};
	int err;

	err = line_begin(line);
	if (!err)
		err = read_action(line, &found);
	if (!err)
		err = read_protocol(line, &found);
	if (!err)
		err = read_clauses(line, &sentence);
	if (!err)
		err = check_clauses(line, &sentence, &found);
	if (!err)
		err = take_values(line, &sentence, names, &found);
	if (!err)
		*rule = found;
	return err;
}

int grammar_parse_rule(const char *text, size_t len, unsigned int line_number,
		       struct iface_names *names, struct rule *rule, diagnose_fn diagnose,
		       void *arg)
{
	struct line line = {
		.text = {text, len}, .number = line_number, .diagnose = diagnose, .arg = arg};

	return line_parse(&line, names, rule);
}
