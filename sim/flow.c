/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.c - see flow.h. RFC 791, RFC 8200, RFC 9293, RFC 768; checksums RFC 1071.
 */
#include <string.h>

#include <netinet/in.h>

#include "datapath/ipv6.h"
#include "flow.h"

#define TTL 64
#define WINDOW 64240
#define TCP_SYN 0x02

/* Ones' complement sum of the bytes as 16-bit words, onto sum. */
static uint32_t add_words(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *at = data;

	for (; size > 1; size -= 2, at += 2)
		sum += (uint32_t)at[0] << 8 | at[1];
	if (size)
		sum += (uint32_t)at[0] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t put_tcp(const struct flow *flow, uint32_t pseudo, uint8_t *to)
{
	struct ifw_tcp_header tcp = {
		.src_port = htons(flow->src_port),
		.dst_port = htons(flow->dst_port),
		.sequence = htonl(1),
		.data_offset = (sizeof(tcp) / 4) << 4,
		.flags = flow->tcp_flags ? flow->tcp_flags : TCP_SYN,
		.window = htons(WINDOW),
	};

	tcp.checksum = fold(add_words(pseudo + sizeof(tcp), &tcp, sizeof(tcp)));
	memcpy(to, &tcp, sizeof(tcp));
	return sizeof(tcp);
}

static size_t put_udp(const struct flow *flow, uint32_t pseudo, uint8_t *to)
{
	struct ifw_udp_header udp = {
		.src_port = htons(flow->src_port),
		.dst_port = htons(flow->dst_port),
		.length = htons(sizeof(udp)),
	};

	udp.checksum = fold(add_words(pseudo + sizeof(udp), &udp, sizeof(udp)));
	if (udp.checksum == 0) /* which would mean: none */
		udp.checksum = 0xffff;
	memcpy(to, &udp, sizeof(udp));
	return sizeof(udp);
}

static size_t put_transport(const struct flow *flow, uint32_t pseudo, uint8_t *to)
{
	pseudo += flow->protocol;
	return flow->protocol == IPPROTO_TCP ? put_tcp(flow, pseudo, to)
					     : put_udp(flow, pseudo, to);
}

static size_t put_ipv4(const struct flow *flow, uint8_t *to)
{
	struct ifw_ipv4_header ip = {
		.version_length = 4 << 4 | sizeof(ip) / 4,
		.ttl = TTL,
		.protocol = flow->protocol,
		.src = ifw_addr_to_ipv4(flow->src),
		.dst = ifw_addr_to_ipv4(flow->dst),
	};
	uint32_t pseudo = add_words(0, &ip.src, sizeof(ip.src) + sizeof(ip.dst));
	size_t total = sizeof(ip) + put_transport(flow, pseudo, to + sizeof(ip));

	ip.total_length = htons((uint16_t)total);
	ip.checksum = fold(add_words(0, &ip, sizeof(ip)));
	memcpy(to, &ip, sizeof(ip));
	return total;
}

static size_t put_ipv6(const struct flow *flow, uint8_t *to)
{
	struct ifw_ipv6_header ip = {
		.version_class_flow = htonl(6U << 28),
		.next_header = flow->protocol,
		.hop_limit = TTL,
	};
	uint32_t pseudo;
	size_t payload;

	ifw_addr_to_ipv6(flow->src, ip.src);
	ifw_addr_to_ipv6(flow->dst, ip.dst);
	pseudo = add_words(0, ip.src, sizeof(ip.src) + sizeof(ip.dst));
	payload = put_transport(flow, pseudo, to + sizeof(ip));
	ip.payload_length = htons((uint16_t)payload);
	memcpy(to, &ip, sizeof(ip));
	return sizeof(ip) + payload;
}

size_t flow_frame(const struct flow *flow, uint8_t frame[FLOW_FRAME_MAX])
{
	/* Locally administered addresses: these are nobody's. */
	struct ethhdr eth = {
		.h_dest = {2, 0, 0, 0, 0, 1},
		.h_source = {2, 0, 0, 0, 0, 2},
	};

	if (flow->family == IFW_FAMILY_IPV4) {
		eth.h_proto = htons(ETH_P_IP);
		memcpy(frame, &eth, sizeof(eth));
		return sizeof(eth) + put_ipv4(flow, frame + sizeof(eth));
	}
	eth.h_proto = htons(ETH_P_IPV6);
	memcpy(frame, &eth, sizeof(eth));
	return sizeof(eth) + put_ipv6(flow, frame + sizeof(eth));
}
