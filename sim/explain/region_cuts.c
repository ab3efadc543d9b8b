/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region_cuts.c - see region_cuts.h: what of the world, and which constants of the
 * protocols, an answer may hang on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "datapath/exceptions.h"
#include "datapath/flow_tcp.h"
#include "datapath/geneve.h"
#include "region_cuts.h"
#include "ruleset/room.h"

#define IPV4_PROTOCOL 9 /* bytes into the header */
#define IPV4_SRC 12
#define IPV6_PROTOCOL 6
#define IPV6_HOP_LIMIT 7
#define IPV6_SRC 8
#define IPV6_HEADER 40
#define TCP_FLAGS 13
#define PORTS 4 /* bytes */

#define IFW_TCP_TELLING (IFW_TCP_FIN | IFW_TCP_SYN | IFW_TCP_RST | IFW_TCP_ACK)

struct cutter {
	const struct sim_world *world;
	const struct sim_frame *frame;
	const struct packet *p;
	bool all_protocols;
	struct dim *dims;
	size_t count;
	struct points *points;
	bool no_memory;
};

static struct dim *find_dim(struct cutter *c, enum region_id id)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->dims[i].id == id)
			return &c->dims[i];
	return NULL;
}

static void cut(struct cutter *c, enum region_id id, number at)
{
	struct dim *dim = find_dim(c, id);

	if (!dim || (dim->bits < 128 && at >> dim->bits))
		return;
	if (room_for_one(&dim->cuts, dim->cut_count, &dim->cut_room, sizeof(*dim->cuts)) != 0) {
		c->no_memory = true;
		return;
	}
	dim->cuts[dim->cut_count++] = at;
}

/* The value by itself. */
static void cut_out(struct cutter *c, enum region_id id, number value)
{
	cut(c, id, value);
	if (value + 1) /* 0: it was the last IPv6 address */
		cut(c, id, value + 1);
}

static number number_of(const struct cutter *c, struct ifw_addr addr)
{
	return ((number)addr.hi << 64 | addr.lo) >> (128 - ifw_addr_bits(c->p->family));
}

static void cut_prefix(struct cutter *c, enum region_id id, struct ifw_addr addr, uint8_t len)
{
	const uint8_t host = (uint8_t)(ifw_addr_bits(c->p->family) - len);
	const number first = number_of(c, ifw_addr_mask(addr, len));

	cut(c, id, first);
	if (host < 128 && first + ((number)1 << host))
		cut(c, id, first + ((number)1 << host));
}

static void cut_both(struct cutter *c, struct ifw_addr addr, uint8_t len)
{
	cut_prefix(c, REGION_SRC, addr, len);
	cut_prefix(c, REGION_DST, addr, len);
}

/* --- Fields ------------------------------------------------------------------------- */

static uint32_t at(const struct cutter *c, uint32_t off)
{
	/* Where outer headers were removed, the packet stands that much farther behind. */
	return off + ((uint32_t)c->frame->length - c->p->length);
}

static number read_number(const struct cutter *c, uint32_t offset, uint8_t bits)
{
	const uint8_t *bytes = (const uint8_t *)c->frame->data + offset;
	number value = 0;

	for (int i = 0; i < bits / 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* Where the frame has it; else there is no such field. */
static void add_dim(struct cutter *c, enum region_id id, enum region_kind kind, uint32_t off,
		    uint8_t bits)
{
	struct dim *dim = &c->dims[c->count];

	if (c->no_memory || (size_t)at(c, off) + bits / 8 > c->frame->length)
		return;
	*dim = (struct dim){.id = id, .kind = kind, .bits = bits, .offset = at(c, off)};
	dim->value = read_number(c, dim->offset, bits);
	dim->in_points = id <= REGION_DST_PORT;
	c->count++;
	cut(c, id, 0);
}

static void add_every_value(struct cutter *c, enum region_id id)
{
	for (number value = 1; value < 256; value++)
		cut(c, id, value);
}

/* One value stands for all with the same of the flags that are looked at. */
static void add_flags(struct cutter *c, uint32_t off)
{
	const size_t before = c->count;
	struct dim *dim = &c->dims[before];
	uint8_t rest;

	add_dim(c, REGION_TCP_FLAGS, REGION_FLAGS, off, 8);
	if (c->count == before)
		return;
	rest = (uint8_t)dim->value & (uint8_t)~IFW_TCP_TELLING;
	dim->cut_count = 0;
	for (number value = 0; value < 256; value++)
		if ((value & (uint8_t)~IFW_TCP_TELLING) == rest)
			cut(c, REGION_TCP_FLAGS, value);
}

static void add_interfaces(struct cutter *c)
{
	const enum sim_link link = sim_world_link(c->world, c->frame->ifindex);

	c->dims[c->count++] = (struct dim){
		.id = REGION_IFINDEX,
		.kind = REGION_INTERFACE,
		.bits = 32,
		.value = c->frame->ifindex,
	};
	if (!sim_world_ifname(c->world, c->frame->ifindex))
		cut(c, REGION_IFINDEX, c->frame->ifindex);
	for (const struct sim_iface *iface = c->world->ifaces; iface; iface = iface->next)
		if (sim_world_link(c->world, iface->ifindex) == link)
			cut(c, REGION_IFINDEX, iface->ifindex);
}

static void add_transport(struct cutter *c)
{
	const struct packet *p = c->p;
	const uint32_t off = p->l4_off;

	if (p->later_fragment || p->bad_extension || !off)
		return;
	if ((p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) &&
	    off + PORTS <= p->length) {
		add_dim(c, REGION_DST_PORT, REGION_RANGE, off + PORTS / 2, 16);
		if (p->protocol == IPPROTO_TCP)
			add_flags(c, off + TCP_FLAGS);
	} else if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6) {
		add_dim(c, REGION_ICMP_TYPE, REGION_SET, off, 8);
		add_every_value(c, REGION_ICMP_TYPE);
		add_dim(c, REGION_ICMP_CODE, REGION_RANGE, off + 1, 8);
		cut_out(c, REGION_ICMP_CODE, 0);
	}
}

uint32_t region_protocol_at(const struct sim_frame *frame, const struct packet *p)
{
	uint32_t off = p->l3_off + ((uint32_t)frame->length - p->length);

	if (p->family == IFW_FAMILY_IPV4)
		return off + IPV4_PROTOCOL;
	/* Behind extension headers it is another byte, which is not told. */
	if (p->family == IFW_FAMILY_IPV6 && p->l4_off == p->l3_off + IPV6_HEADER)
		return off + IPV6_PROTOCOL;
	return 0;
}

/* In the order in which they grow: what hardly ever counts, first. */
static void add_fields(struct cutter *c)
{
	const struct packet *p = c->p;
	const uint8_t bits = ifw_addr_bits(p->family);
	const uint32_t src = p->l3_off + (bits == 128 ? IPV6_SRC : IPV4_SRC);

	if (p->family == IFW_FAMILY_NONE) {
		if (p->l3_off >= sizeof(struct ethhdr))
			add_dim(c, REGION_ETHERTYPE, REGION_RANGE, p->l3_off - 2, 16);
		return;
	}
	if ((p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) && !p->later_fragment &&
	    !p->bad_extension && p->l4_off && p->l4_off + PORTS <= p->length)
		add_dim(c, REGION_SRC_PORT, REGION_RANGE, p->l4_off, 16);
	add_dim(c, REGION_SRC, REGION_PREFIX, src, bits);
	add_dim(c, REGION_DST, REGION_PREFIX, src + bits / 8, bits);
	add_transport(c);
	if (p->protocol == IPPROTO_ICMPV6 && bits == 128)
		add_dim(c, REGION_HOP_LIMIT, REGION_RANGE, p->l3_off + IPV6_HOP_LIMIT, 8);
	if (region_protocol_at(c->frame, p)) {
		add_dim(c, REGION_PROTOCOL, REGION_SET,
			p->l3_off + (bits == 128 ? IPV6_PROTOCOL : IPV4_PROTOCOL), 8);
		cut_out(c, REGION_PROTOCOL, p->protocol);
	}
}

/* --- Constants ---------------------------------------------------------------------- */

static void cut_ports(struct cutter *c)
{
	const bool ipv6 = c->p->family == IFW_FAMILY_IPV6;
	const uint16_t client = ipv6 ? IFW_PORT_DHCPV6_CLIENT : IFW_PORT_DHCP_CLIENT;
	const uint16_t server = ipv6 ? IFW_PORT_DHCPV6_SERVER : IFW_PORT_DHCP_SERVER;

	if (c->p->protocol == IPPROTO_TCP || c->all_protocols)
		cut_out(c, REGION_DST_PORT, IFW_PORT_SSH);
	if (c->p->protocol == IPPROTO_TCP && !c->all_protocols)
		return;
	cut_out(c, REGION_SRC_PORT, client);
	cut_out(c, REGION_SRC_PORT, server);
	cut_out(c, REGION_DST_PORT, client);
	cut_out(c, REGION_DST_PORT, server);
	cut_out(c, REGION_DST_PORT, IFW_PORT_GENEVE);
}

/* Those that are read behind, and those that nobody reads behind (ipv6.h). */
static void cut_protocols(struct cutter *c)
{
	static const uint8_t protocols[] = {IFW_IPPROTO_HOPOPTS,
					    IPPROTO_ICMP,
					    IPPROTO_TCP,
					    IPPROTO_UDP,
					    IFW_IPPROTO_ROUTING,
					    IFW_IPPROTO_FRAGMENT,
					    IFW_IPPROTO_AH,
					    IFW_IPPROTO_ICMPV6,
					    IFW_IPPROTO_DSTOPTS,
					    135,
					    139,
					    140,
					    253,
					    254};

	for (size_t i = 0; i < sizeof(protocols); i++)
		cut_out(c, REGION_PROTOCOL, protocols[i]);
	for (const struct sim_iface *iface = c->world->ifaces; iface; iface = iface->next)
		for (unsigned int n = 0; n < 256; n++)
			if (iface->settings.protocols[n / 64] >> n % 64 & 1)
				cut_out(c, REGION_PROTOCOL, n);
}

static void cut_constants(struct cutter *c)
{
	/* Those of ifw_is_martian4, multicast, limited broadcast. */
	static const uint32_t starts[] = {0,	      1,	  0x01000000, 0x7f000000,
					  0x80000000, 0xe0000000, 0xf0000000, 0xffffffff};
	/* ::, ::1, mapped IPv4, link-local, multicast: address and length. */
	static const struct {
		struct ifw_addr addr;
		uint8_t len;
	} prefixes[] = {
		{{0, 0}, 128},
		{{0, 1}, 128},
		{{0, 0xffff00000000ULL}, 96},
		{{0xfe80000000000000ULL, 0}, 10},
		{{0xff00000000000000ULL, 0}, 8},
	};
	static const uint16_t ethertypes[] = {ETH_P_IP, ETH_P_ARP, ETH_P_8021Q, ETH_P_IPV6,
					      ETH_P_8021AD};

	cut_ports(c);
	cut_protocols(c);
	for (size_t i = 0; i < sizeof(ethertypes) / sizeof(ethertypes[0]); i++)
		cut_out(c, REGION_ETHERTYPE, ethertypes[i]);
	cut_out(c, REGION_HOP_LIMIT, 1);
	cut_out(c, REGION_HOP_LIMIT, 255);
	if (c->p->family == IFW_FAMILY_IPV4) {
		for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
			cut(c, REGION_SRC, starts[i]);
			cut(c, REGION_DST, starts[i]);
		}
	} else {
		for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
			cut_both(c, prefixes[i].addr, prefixes[i].len);
	}
}

/* --- The world ---------------------------------------------------------------------- */

static void cut_rules(struct cutter *c)
{
	const bool egress = c->frame->direction == IFW_DIRECTION_OUT;

	for (size_t i = 0; i < c->world->rules.count; i++) {
		const struct rule *rule = &c->world->rules.rules[i];

		if (rule->family != c->p->family || rule_is_egress(rule) != egress ||
		    (rule_protocol(rule) != c->p->protocol && !c->all_protocols))
			continue;
		cut_prefix(c, REGION_DST, rule->dst, rule->dst_len);
		cut_prefix(c, REGION_SRC, rule->src, rule->src_len);
		cut(c, REGION_DST_PORT, rule->low);
		cut(c, REGION_DST_PORT, rule->high + 1U);
	}
}

static void cut_interfaces(struct cutter *c)
{
	const uint8_t bits = ifw_addr_bits(c->p->family);

	for (const struct sim_addr *addr = c->world->addrs; addr; addr = addr->hh.next)
		if (addr->key.family == c->p->family)
			cut_both(c, addr->key.addr, bits);
	for (const struct sim_iface *iface = c->world->ifaces; iface; iface = iface->next) {
		const struct ifw_iface *set = &iface->settings;

		for (size_t i = 0; i < IFW_GENEVE_SOURCES_MAX; i++)
			if (set->geneve_sources[i].family == c->p->family)
				cut_prefix(c, REGION_SRC, set->geneve_sources[i].addr,
					   set->geneve_sources[i].len);
		for (size_t i = 0; i < IFW_ETHERTYPES_MAX; i++)
			cut_out(c, REGION_ETHERTYPE, set->ethertypes[i]);
	}
}

static void cut_fragments(struct cutter *c)
{
	if (!c->p->fragment)
		return;
	for (const struct sim_fragment *f = c->world->fragments; f; f = f->hh.next) {
		if (f->key.family != c->p->family)
			continue;
		cut_both(c, f->key.src, ifw_addr_bits(c->p->family));
		cut_both(c, f->key.dst, ifw_addr_bits(c->p->family));
	}
}

/* --- Conversations ------------------------------------------------------------------- */

static void add_point(struct cutter *c, const struct point *point)
{
	struct points *points = c->points;

	if (room_for_one(&points->at, points->count, &points->room, sizeof(*points->at)) != 0) {
		c->no_memory = true;
		return;
	}
	points->at[points->count++] = *point;
}

static void add_sockets(struct cutter *c)
{
	const bool out = c->frame->direction == IFW_DIRECTION_OUT;
	struct sim_socket *socket, *next;

	HASH_ITER(hh, c->world->sockets, socket, next)
	{
		const struct sim_socket_key *key = &socket->key;
		const struct point in = {.src = key->peer,
					 .dst = key->local,
					 .src_port = key->peer_port,
					 .dst_port = key->local_port};
		const struct point leaving = {.src = key->local,
					      .dst = key->peer,
					      .src_port = key->local_port,
					      .dst_port = key->peer_port};

		if (key->family != c->p->family ||
		    (key->protocol != c->p->protocol && !c->all_protocols))
			continue;
		if (key->kind == SIM_SOCKET_CONNECTED) {
			add_point(c, out ? &leaving : &in);
		} else if (out) {
			cut_prefix(c, REGION_SRC, key->local, ifw_addr_bits(key->family));
			cut_out(c, REGION_SRC_PORT, key->local_port);
		}
	}
}

static void add_flows(struct cutter *c)
{
	const bool echo = c->p->protocol == IPPROTO_ICMP || c->p->protocol == IPPROTO_ICMPV6;

	for (int class = 0; class < IFW_FLOW_CLASSES; class ++) {
		for (const struct sim_flow *f = c->world->flows[class]; f; f = f->hh.next) {
			const struct ifw_flow_key *key = &f->key;
			struct point point = {.src = key->low, .dst = key->high};

			if (key->family != c->p->family ||
			    (key->protocol != c->p->protocol && !c->all_protocols))
				continue;
			point.src_port = echo ? 0 : key->low_port;
			point.dst_port = echo ? 0 : key->high_port;
			add_point(c, &point);
			point.src = key->high;
			point.dst = key->low;
			point.src_port = echo ? 0 : key->high_port;
			point.dst_port = echo ? 0 : key->low_port;
			add_point(c, &point);
		}
	}
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct point));
}

static void sort_points(struct cutter *c)
{
	struct points *points = c->points;
	size_t count = 0;

	if (points->count == 0)
		return;
	qsort(points->at, points->count, sizeof(*points->at), compare);
	for (size_t i = 0; i < points->count; i++)
		if (i == 0 || compare(&points->at[i], &points->at[count - 1]) != 0)
			points->at[count++] = points->at[i];
	points->count = count;
}

/* A packet of a conversation stands for that alone. */
static void cut_own(struct cutter *c)
{
	number values[REGION_FIELDS_MAX] = {};

	for (size_t i = 0; i < c->count; i++)
		values[i] = c->dims[i].value;
	if (!points_have(c->points, c->dims, c->count, values))
		return;
	for (size_t i = 0; i < c->count; i++)
		if (c->dims[i].in_points)
			cut_out(c, c->dims[i].id, values[i]);
}

int region_cuts(const struct sim_world *world, const struct sim_frame *frame,
		const struct packet *p, bool all_protocols, struct dim dims[REGION_FIELDS_MAX],
		size_t *count, struct points *points)
{
	struct cutter c = {
		.world = world,
		.frame = frame,
		.p = p,
		.all_protocols = all_protocols,
		.dims = dims,
		.points = points,
	};

	add_fields(&c);
	add_interfaces(&c);
	cut_constants(&c);
	cut_interfaces(&c);
	if (p->family != IFW_FAMILY_NONE) {
		cut_rules(&c);
		cut_fragments(&c);
		add_sockets(&c);
		add_flows(&c);
		sort_points(&c);
		cut_own(&c);
	}
	*count = c.count;
	return c.no_memory ? -ENOMEM : 0;
}
