/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * doctor_filters.c - see doctor_looks.h: packets made up of the rules, through the chains of
 * nftables. Something is mended by letting the packet out of the chain at its beginning, which
 * takes nothing from anybody else.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "doctor_looks.h"
#include "outside.h"
#include "text.h"

#define TRIED_MAX 16 /* rules of each kind, an interface */
#define MET_MAX 32

struct met {
	struct filter_finding finding;
	bool forwarded;
};

struct meeting {
	const struct look *look;
	struct met met[MET_MAX];
	size_t count;
	bool forwarded;
};

static bool is_same(const struct met *a, const struct filter_finding *b, bool forwarded)
{
	return a->forwarded == forwarded && a->finding.harm == b->harm &&
	       a->finding.legacy == b->legacy && a->finding.handle == b->handle &&
	       strcmp(a->finding.family, b->family) == 0 &&
	       strcmp(a->finding.table, b->table) == 0 && strcmp(a->finding.base, b->base) == 0 &&
	       strcmp(a->finding.chain, b->chain) == 0;
}

static void on_finding(void *arg, const struct filter_finding *finding)
{
	struct meeting *meeting = arg;

	for (size_t i = 0; i < meeting->count; i++) {
		if (!is_same(&meeting->met[i], finding, meeting->forwarded))
			continue;
		meeting->met[i].finding.certain |= finding->certain;
		return;
	}
	if (meeting->count < MET_MAX)
		meeting->met[meeting->count++] = (struct met){*finding, meeting->forwarded};
}

/* --- Packets ---------------------------------------------------------------------------- */

static void try_rule(struct meeting *meeting, const struct rule *rule)
{
	struct filter_packet packet = {
		.iface = meeting->look->iface,
		.dst = rule->dst,
		.dst_port = rule->low,
		.family = rule->family,
		.protocol = rule_protocol(rule),
		.forwarded = rule->action == IFW_ACTION_PASS,
	};

	meeting->forwarded = packet.forwarded;
	loader_filters_meet(meeting->look->filters, &packet, on_finding, meeting);
	/* Interception needs every packet, where the first is enough for what is passed on. */
	packet.established = true;
	if (!packet.forwarded)
		loader_filters_meet(meeting->look->filters, &packet, on_finding, meeting);
}

static void try_rules(struct meeting *meeting, enum ifw_action action)
{
	const struct look *look = meeting->look;
	unsigned int tried = 0;

	for (size_t i = 0; i < look->rules->count && tried < TRIED_MAX; i++) {
		const struct rule *rule = &look->rules->rules[i];

		if (rule->action != action || !look_rule_holds(look, rule) ||
		    (action == IFW_ACTION_PASS && look_is_own(look, rule)))
			continue;
		tried++;
		try_rule(meeting, rule);
	}
}

/* --- Words ------------------------------------------------------------------------------- */

/* Made by iptables, whose tables nft is not to touch, or cannot. */
static bool is_iptables(const struct filter_finding *finding)
{
	static const char *const tables[] = {"filter", "mangle", "nat", "raw", "security"};
	static const char *const chains[] = {"PREROUTING", "INPUT", "FORWARD"};
	bool table = false, chain = false;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		table |= strcmp(finding->table, tables[i]) == 0;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		chain |= strcmp(finding->base, chains[i]) == 0;
	return finding->legacy || (table && chain && strncmp(finding->family, "ip", 2) == 0);
}

static const char *iptables_of(const struct filter_finding *finding)
{
	const bool ipv6 = strcmp(finding->family, "ip6") == 0;

	if (finding->legacy)
		return ipv6 ? "ip6tables-legacy" : "iptables-legacy";
	return ipv6 ? "ip6tables-nft" : "iptables-nft";
}

static void mend_forward(const struct look *look, const struct filter_finding *finding,
			 struct doctor_check *check)
{
	const char *in = look->doctor->word, *chain = finding->base;

	if (!is_iptables(finding)) {
		doctor_mend(
			check, DOCTOR_OTHERS,
			"nft insert rule %s %s %s iifname %s accept && nft insert rule %s %s %s "
			"oifname %s ct state established,related accept",
			finding->family, finding->table, chain, in, finding->family, finding->table,
			chain, in);
		return;
	}
	/* Docker leaves that one to the administrator, and asks it first. */
	if (strcmp(finding->family, "ip") == 0 &&
	    loader_filters_have(look->filters, finding->legacy, "filter", "DOCKER-USER"))
		chain = "DOCKER-USER";
	doctor_mend(check, DOCTOR_OTHERS,
		    "%s -t %s -I %s -i %s -j ACCEPT && %s -t %s -I %s -o %s -m conntrack --ctstate "
		    "ESTABLISHED,RELATED -j ACCEPT",
		    iptables_of(finding), finding->table, chain, in, iptables_of(finding),
		    finding->table, chain, in);
}

static void mend_marked(const struct look *look, const struct filter_finding *finding,
			struct doctor_check *check)
{
	const struct ifw_iface *set = &look->iface->settings;

	if (is_iptables(finding))
		doctor_mend(check, DOCTOR_OTHERS, "%s -t %s -I %s -m mark --mark %#x/%#x -j ACCEPT",
			    iptables_of(finding), finding->table, finding->base, set->mark,
			    set->mark_mask);
	else
		doctor_mend(check, DOCTOR_OTHERS,
			    "nft insert rule %s %s %s meta mark and %#x == %#x accept",
			    finding->family, finding->table, finding->base, set->mark_mask,
			    set->mark);
}

static void tell(const struct look *look, const struct met *met)
{
	static const char *const does[] = {
		[FILTER_MARK] = "writes over the mark of what is intercepted",
		[FILTER_DROPS] = "drops what is intercepted",
		[FILTER_POLICY] = "drops what is intercepted, by its policy",
		[FILTER_WAY_BACK] = "drops what is intercepted where the way back to the source "
				    "is another one",
	};
	const struct filter_finding *finding = &met->finding;
	const bool mark = finding->harm == FILTER_MARK;
	char rule[OUTSIDE_RULE_MAX];
	struct doctor_check *check;

	outside_rule_text(finding, rule);
	check = doctor_add(look->doctor,
			   met->forwarded ? "forward-rules"
			   : mark	  ? "mark-rules"
					  : "input-rules",
			   finding->certain && !met->forwarded ? DOCTOR_FAILED : DOCTOR_WARNING,
			   "%s %s%s%s", rule,
			   met->forwarded ? "drops what is passed on" : does[finding->harm],
			   finding->certain ? "" : ", though not each packet",
			   strcmp(finding->table, "firewalld") == 0
				   ? " (lasting: firewall-cmd --permanent --zone=trusted "
				     "--change-interface)"
				   : "");
	/* nft itself takes only such names. */
	if (!doctor_is_plain(finding->table) || !doctor_is_plain(finding->base))
		return;
	if (met->forwarded)
		mend_forward(look, finding, check);
	else
		mend_marked(look, finding, check);
}

void look_filters(const struct look *look)
{
	struct meeting meeting = {.look = look};
	bool marks = false, input = false, forward = false;

	if (!look->filters)
		return;
	try_rules(&meeting, IFW_ACTION_INTERCEPT);
	try_rules(&meeting, IFW_ACTION_PASS);
	for (size_t i = 0; i < meeting.count; i++) {
		const struct met *met = &meeting.met[i];

		tell(look, met);
		forward |= met->forwarded;
		marks |= !met->forwarded && met->finding.harm == FILTER_MARK;
		input |= !met->forwarded && met->finding.harm != FILTER_MARK;
	}
	if (!marks)
		doctor_add(look->doctor, "mark-rules", DOCTOR_OK, "none writes over the mark");
	if (!input)
		doctor_add(look->doctor, "input-rules", DOCTOR_OK,
			   "none is known to drop what is intercepted");
	if (!forward)
		doctor_add(look->doctor, "forward-rules", DOCTOR_OK,
			   "none is known to drop what is passed on");
}

void look_legacy(const struct look *look, const struct filters *filters)
{
	struct legacy_info info = {.error = -ENOMEM};

	if (filters)
		loader_filters_legacy(filters, &info);
	if (info.error)
		doctor_mend(doctor_add(look->doctor, "iptables-legacy", DOCTOR_UNSEEN,
				       "its rules were not read: %s", strerror(-info.error)),
			    DOCTOR_OTHERS, "sudo ifw doctor");
	else if (!info.tables)
		doctor_add(look->doctor, "iptables-legacy", DOCTOR_OK, "no rules");
	else
		doctor_add(look->doctor, "iptables-legacy", DOCTOR_OK,
			   "%zu table%s, whose rules are looked at as those of nftables",
			   info.tables, text_s(info.tables));
}
