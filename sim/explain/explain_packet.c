/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_packet.c - see explain_packet.h.
 */
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "explain_packet.h"
#include "sim/phrase.h"

#define VLAN_TAG 4 /* bytes */

void explain_kind(const struct packet *p, char text[EXPLAIN_PROTOCOL_MAX])
{
	if (p->family != IFW_FAMILY_NONE)
		explain_protocol(p->protocol, text);
	else if (p->ethertype == ETH_P_ARP)
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "arp");
	else if (p->ethertype == ETH_P_IP)
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "broken IPv4");
	else if (p->ethertype == ETH_P_IPV6)
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "broken IPv6");
	else if (p->ethertype)
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "type 0x%04x", p->ethertype);
	else
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "unreadable");
}

static bool has_ports(const struct packet *p)
{
	return (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) && !p->later_fragment &&
	       !p->tiny && (p->src_port || p->dst_port || p->tcp_offset);
}

static void print_end(const struct packet *p, struct ifw_addr addr, uint16_t port,
		      char text[EXPLAIN_END_MAX])
{
	text[0] = '\0';
	if (p->family == IFW_FAMILY_NONE)
		return;
	if (has_ports(p))
		explain_end(addr, port, p->family, text);
	else
		rule_print_addr(addr, p->family, text, EXPLAIN_END_MAX);
}

void explain_source(const struct packet *p, char text[EXPLAIN_END_MAX])
{
	print_end(p, p->src, p->src_port, text);
}

void explain_destination(const struct packet *p, char text[EXPLAIN_END_MAX])
{
	print_end(p, p->dst, p->dst_port, text);
}

/* RFC 9293 3.1, RFC 3168 6.1; "SYN-ACK". */
static void add_tcp_flags(struct phrase *text, uint8_t flags)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} names[] = {
		{"SYN", 0x02}, {"FIN", 0x01}, {"RST", 0x04}, {"PSH", 0x08},
		{"ACK", 0x10}, {"URG", 0x20}, {"ECE", 0x40}, {"CWR", 0x80},
	};
	const char *before = " ";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(flags & names[i].bit))
			continue;
		phrase_add(text, "%s%s", before, names[i].name);
		before = "-";
	}
	if (!flags)
		phrase_add(text, " no flags");
}

static void add_transport(struct phrase *text, const struct packet *p)
{
	if (p->later_fragment || p->tiny)
		return;
	if (p->protocol == IPPROTO_TCP && has_ports(p))
		add_tcp_flags(text, p->tcp_flags);
	if (p->protocol == (p->family == IFW_FAMILY_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		phrase_add(text, " type %u code %u", p->icmp_type, p->icmp_code);
}

static void add_fragment(struct phrase *text, const struct packet *p)
{
	if (!p->fragment)
		return;
	if (p->later_fragment)
		phrase_add(text, ", fragment from byte %u on", p->fragment_off);
	else
		phrase_add(text, ", first fragment%s",
			   p->tiny ? " without a whole transport header" : "");
}

void explain_packet(const struct packet *p, char text[EXPLAIN_PACKET_MAX])
{
	char kind[EXPLAIN_PROTOCOL_MAX], src[EXPLAIN_END_MAX], dst[EXPLAIN_END_MAX];
	struct phrase out = {text, EXPLAIN_PACKET_MAX, 0};

	text[0] = '\0';
	explain_kind(p, kind);
	if (p->family == IFW_FAMILY_NONE) {
		phrase_add(&out, "%s", kind);
	} else {
		explain_source(p, src);
		explain_destination(p, dst);
		phrase_add(&out, "%s %s -> %s", kind, src, dst);
		add_transport(&out, p);
		phrase_add(&out, ", IPv%u", p->family);
		add_fragment(&out, p);
	}
	if (p->l3_off > sizeof(struct ethhdr)) {
		unsigned int tags = (p->l3_off - (unsigned int)sizeof(struct ethhdr)) / VLAN_TAG;

		phrase_add(&out, ", %u VLAN tag%s", tags, tags == 1 ? "" : "s");
	}
	phrase_add(&out, ", %u byte%s", p->length, p->length == 1 ? "" : "s");
}
