/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * outside_filters.c - see outside.h: the rules of nftables that a packet meets after it was
 * intercepted, or where it is passed on. Only what every packet like it meets is told: of its
 * source the chains are not asked.
 */
#include <netinet/in.h>
#include <string.h>

#include "outside.h"
#include "text.h"

#define TCP_SYN_ACK 0x12 /* RFC 9293 3.1 */
#define TCP_SYN 0x02

static void free_filters(struct filters **filters)
{
	loader_filters_close(*filters);
}

struct meeting {
	struct findings *findings;
	bool forwarded;
};

void outside_rule_text(const struct filter_finding *finding, char text[OUTSIDE_RULE_MAX])
{
	char rule[64] = "";

	if (finding->handle)
		snprintf(rule, sizeof(rule), ", rule %s%llu,", finding->legacy ? "" : "handle ",
			 (unsigned long long)finding->handle);
	snprintf(text, OUTSIDE_RULE_MAX, "chain %s %s %s%s%s", finding->family, finding->table,
		 finding->chain, finding->legacy ? " of iptables-legacy" : "", rule);
}

static const char *word_for(const struct meeting *meeting, const struct filter_finding *met)
{
	return meeting->forwarded	  ? "forward-rules"
	       : met->harm == FILTER_MARK ? "mark-rules"
					  : "input-rules";
}

static void on_finding(void *arg, const struct filter_finding *met)
{
	static const char *const does[] = {
		[FILTER_MARK] = "writes over the mark, so the kernel does not deliver the packet",
		[FILTER_DROPS] = "drops the packet",
		[FILTER_POLICY] = "drops the packet, by its policy",
	};
	const struct meeting *meeting = arg;
	struct findings *findings = meeting->findings;
	struct finding *finding;
	char rule[OUTSIDE_RULE_MAX];

	if (!met->certain || met->harm == FILTER_WAY_BACK || findings->count == FINDINGS_MAX)
		return;
	outside_rule_text(met, rule);
	finding = &findings->list[findings->count++];
	finding->what = word_for(meeting, met);
	snprintf(finding->text, sizeof(finding->text),
		 "%s %s; 'ifw doctor' has the command that lets it %s", rule, does[met->harm],
		 meeting->forwarded ? "through" : "in");
	text_tame(finding->text);
}

void outside_find_filters(const struct cli *cli, const struct iface_info *iface,
			  const struct explanation *explanation, struct findings *findings)
{
	struct filters *filters __attribute__((cleanup(free_filters))) = NULL;
	const struct packet *p = &explanation->packet;
	struct meeting meeting = {.findings = findings, .forwarded = findings->passed_on};
	const struct filter_packet packet = {
		.iface = iface,
		.dst = p->dst,
		.dst_port = p->dst_port,
		.family = p->family,
		.protocol = p->protocol,
		.forwarded = meeting.forwarded,
		.established =
			p->protocol == IPPROTO_TCP && (p->tcp_flags & TCP_SYN_ACK) != TCP_SYN,
	};
	struct legacy_info legacy;
	int err;

	if (explanation->result.decision.verdict != IFW_VERDICT_PASS ||
	    (!explanation->result.decision.marked && !meeting.forwarded))
		return;
	err = loader_filters_open(&filters);
	if (err) {
		complain(cli, "note: rules of nftables were not read: %s", strerror(-err));
		return;
	}
	loader_filters_meet(filters, &packet, on_finding, &meeting);
	loader_filters_legacy(filters, &legacy);
	if (legacy.error)
		complain(cli, "note: rules of iptables-legacy were not read: %s",
			 strerror(-legacy.error));
}
