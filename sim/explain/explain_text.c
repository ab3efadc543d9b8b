/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * explain_text.c - see explain_text.h.
 */
#include <stdio.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "ruleset/compile.h"
#include "explain_text.h"

void explain_end(struct ifw_addr addr, uint16_t port, uint8_t family, char text[EXPLAIN_END_MAX])
{
	char host[INET6_ADDRSTRLEN];

	rule_print_addr(addr, family, host, sizeof(host));
	if (family == IFW_FAMILY_IPV6)
		snprintf(text, EXPLAIN_END_MAX, "[%s]:%u", host, port);
	else
		snprintf(text, EXPLAIN_END_MAX, "%s:%u", host, port);
}

void explain_protocol(uint8_t protocol, char text[EXPLAIN_PROTOCOL_MAX])
{
	switch (protocol) {
	case IPPROTO_TCP:
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "tcp");
		break;
	case IPPROTO_UDP:
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "udp");
		break;
	case IPPROTO_ICMP:
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "icmp");
		break;
	case IPPROTO_ICMPV6:
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "icmpv6");
		break;
	default:
		snprintf(text, EXPLAIN_PROTOCOL_MAX, "protocol %u", protocol);
		break;
	}
}

void explain_tuple(const struct bpf_sock_tuple *tuple, uint32_t size, char text[EXPLAIN_TUPLE_MAX])
{
	char src[EXPLAIN_END_MAX], dst[EXPLAIN_END_MAX];
	uint16_t src_port;

	if (size == sizeof(tuple->ipv4)) {
		src_port = ntohs(tuple->ipv4.sport);
		explain_end(ifw_addr_from_ipv4(tuple->ipv4.saddr), src_port, IFW_FAMILY_IPV4, src);
		explain_end(ifw_addr_from_ipv4(tuple->ipv4.daddr), ntohs(tuple->ipv4.dport),
			    IFW_FAMILY_IPV4, dst);
	} else {
		src_port = ntohs(tuple->ipv6.sport);
		explain_end(ifw_addr_from_ipv6(tuple->ipv6.saddr), src_port, IFW_FAMILY_IPV6, src);
		explain_end(ifw_addr_from_ipv6(tuple->ipv6.daddr), ntohs(tuple->ipv6.dport),
			    IFW_FAMILY_IPV6, dst);
	}
	if (src_port)
		snprintf(text, EXPLAIN_TUPLE_MAX, "%s -> %s", src, dst);
	else
		snprintf(text, EXPLAIN_TUPLE_MAX, "to %s", dst);
}

void explain_socket(const struct bpf_sock *sk, char text[EXPLAIN_TUPLE_MAX])
{
	char local[EXPLAIN_END_MAX], peer[EXPLAIN_END_MAX];

	if (sk->family == AF_INET) {
		explain_end(ifw_addr_from_ipv4(sk->src_ip4), (uint16_t)sk->src_port,
			    IFW_FAMILY_IPV4, local);
		explain_end(ifw_addr_from_ipv4(sk->dst_ip4), ntohs(sk->dst_port), IFW_FAMILY_IPV4,
			    peer);
	} else {
		explain_end(ifw_addr_from_ipv6(sk->src_ip6), (uint16_t)sk->src_port,
			    IFW_FAMILY_IPV6, local);
		explain_end(ifw_addr_from_ipv6(sk->dst_ip6), ntohs(sk->dst_port), IFW_FAMILY_IPV6,
			    peer);
	}
	if (sk->dst_port)
		snprintf(text, EXPLAIN_TUPLE_MAX, "%s <-> %s", local, peer);
	else
		snprintf(text, EXPLAIN_TUPLE_MAX, "%s", local);
}

const char *explain_socket_state(const struct bpf_sock *sk, bool tcp)
{
	if (!tcp)
		return sk->dst_port ? "connected" : "bound";
	switch (sk->state) {
	case BPF_TCP_LISTEN:
		return "listening";
	case BPF_TCP_SYN_SENT:
		return "syn-sent";
	case BPF_TCP_NEW_SYN_RECV:
		return "a request (syn-recv)";
	case BPF_TCP_TIME_WAIT:
		return "time-wait";
	default:
		return "established";
	}
}

void explain_tracked(const struct ifw_flow_key *key, const struct ifw_flow *flow,
		     char text[EXPLAIN_TUPLE_MAX])
{
	const struct ifw_addr *ends[] = {&key->low, &key->high};
	const uint16_t ports[] = {key->low_port, key->high_port};
	const int from = flow->began_high, to = !from;
	char asks[INET6_ADDRSTRLEN], answers[INET6_ADDRSTRLEN];
	char src[EXPLAIN_END_MAX], dst[EXPLAIN_END_MAX];

	if (key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP) {
		explain_end(*ends[from], ports[from], key->family, src);
		explain_end(*ends[to], ports[to], key->family, dst);
		snprintf(text, EXPLAIN_TUPLE_MAX, "%s %s -> %s",
			 key->protocol == IPPROTO_TCP ? "tcp" : "udp", src, dst);
	} else {
		rule_print_addr(*ends[from], key->family, asks, sizeof(asks));
		rule_print_addr(*ends[to], key->family, answers, sizeof(answers));
		snprintf(text, EXPLAIN_TUPLE_MAX, "icmp %s -> %s id %u", asks, answers,
			 key->low_port);
	}
}

void explain_names(const struct iface_names *names, uint64_t ifaces, char text[EXPLAIN_NAMES_MAX])
{
	size_t at = 0;

	text[0] = '\0';
	if (ifaces == IFW_IFACES_ANY) {
		snprintf(text, EXPLAIN_NAMES_MAX, "every interface");
		return;
	}
	for (int slot = 1; slot < IFW_SLOTS; slot++)
		if (ifaces >> slot & 1)
			at += (size_t)snprintf(text + at, EXPLAIN_NAMES_MAX - at, "%s%s",
					       at ? "," : "", names->name[slot]);
}

void explain_lengths(const __u64 lengths[IFW_LENGTH_WORDS], char text[EXPLAIN_LENGTHS_MAX])
{
	size_t at = 0;

	text[0] = '\0';
	for (int len = IFW_LENGTH_MAX; len >= 0; len--)
		if (compile_has_length(lengths, (unsigned int)len))
			at += (size_t)snprintf(text + at, EXPLAIN_LENGTHS_MAX - at, " /%d", len);
}
