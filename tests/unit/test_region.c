/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/explain/region.c by brute force: in small random worlds every packet of a
 * universe is decided, and the region around one of them must hold none that is
 * answered otherwise, and must not be able to hold more.
 */
#include <stdio.h>

#include "sim_fixture.h"

#include "sim/explain/region.h"

#define NOW (1ULL << 60)
#define MULTICAST 0xe0000001U /* 224.0.0.1; of IPv6 it stands for ff02::1 */
#define BESIDE 0xfffffffeU    /* 255.255.255.254; of IPv6 it stands for fe00::1 */

struct axis {
	uint32_t values[40];
	size_t count;
};

/* Addresses of IPv4, or the last 32 bits of one of 2001:db8::/96; ports. */
struct universe {
	struct axis src, dst, src_port, dst_port, flags, ifindex;
	uint8_t family, protocol;
	enum ifw_direction direction;
	struct sim_world *world;
};

static void add(struct axis *axis, uint32_t value)
{
	cr_assert_lt(axis->count, sizeof(axis->values) / sizeof(axis->values[0]));
	for (size_t i = 0; i < axis->count; i++)
		if (axis->values[i] == value)
			return;
	axis->values[axis->count++] = value;
}

#define AXES 6

struct coordinates {
	uint32_t src, dst, src_port, dst_port, flags, ifindex;
};

static struct ifw_addr addr_at(const struct universe *u, uint32_t value)
{
	if (u->family == IFW_FAMILY_IPV4)
		return ifw_addr_from_ipv4(htonl(value));
	if (value == MULTICAST)
		return (struct ifw_addr){0xff02000000000000ULL, 1};
	if (value == BESIDE)
		return (struct ifw_addr){0xfe00000000000000ULL, 1};
	if (value == 3) /* a mapped IPv4 address */
		return (struct ifw_addr){0, 0xffff01020304ULL};
	if (value == 4) /* not far behind those */
		return (struct ifw_addr){0, 1ULL << 48};
	if (value <= 2) /* ::, ::1 and the one behind */
		return (struct ifw_addr){0, value};
	return (struct ifw_addr){0x20010db800000000ULL, value};
}

static struct frame frame_at(const struct universe *u, const struct coordinates *c)
{
	struct flow flow = {
		.src = addr_at(u, c->src),
		.dst = addr_at(u, c->dst),
		.src_port = (uint16_t)c->src_port,
		.dst_port = (uint16_t)c->dst_port,
		.family = u->family,
		.protocol = u->protocol,
		.tcp_flags = (uint8_t)c->flags,
	};
	struct frame frame = {};

	frame.length = flow_frame(&flow, frame.bytes);
	return frame;
}

static struct sim_frame sim_frame_of(const struct universe *u, const struct coordinates *c,
				     const struct frame *frame)
{
	return (struct sim_frame){
		.data = frame->bytes,
		.length = frame->length,
		.ifindex = c->ifindex,
		.time_ns = NOW,
		.direction = u->direction,
		.trial = true,
	};
}

static struct sim_result decide_at(const struct universe *u, const struct coordinates *c)
{
	struct frame frame = frame_at(u, c);
	struct sim_frame in = sim_frame_of(u, c, &frame);
	struct sim_result result;

	cr_assert_eq(sim_decide(u->world, &in, &result), 0);
	return result;
}

static bool alike(const struct sim_result *a, const struct sim_result *b)
{
	return memcmp(&a->decision, &b->decision, offsetof(struct decision, counter)) == 0 &&
	       a->mark == b->mark;
}

/* --- Is it in the region? ------------------------------------------------------------- */

static bool in_ranges(const struct region_field *field, uint32_t value)
{
	for (size_t i = 0; i < field->count; i++)
		if (value >= field->ranges[i].low && value <= field->ranges[i].high)
			return true;
	return false;
}

static bool is_between(struct ifw_addr addr, const struct region_hole *hole)
{
	return (addr.hi > hole->first.hi ||
		(addr.hi == hole->first.hi && addr.lo >= hole->first.lo)) &&
	       (addr.hi < hole->last.hi || (addr.hi == hole->last.hi && addr.lo <= hole->last.lo));
}

/* Number of the hole that it is in; -1: none. */
static int in_hole(const struct region_field *field, struct ifw_addr addr)
{
	for (size_t i = 0; i < field->hole_count; i++)
		if (is_between(addr, &field->holes[i]))
			return (int)i;
	return -1;
}

/* Widened: by one prefix bit, or by the next numbers on both sides. */
static bool in_field(const struct universe *u, const struct region_field *field,
		     const struct coordinates *c, bool widened)
{
	struct ifw_addr addr;
	uint32_t value;
	uint8_t len;

	switch (field->id) {
	case REGION_SRC:
	case REGION_DST:
		addr = addr_at(u, field->id == REGION_SRC ? c->src : c->dst);
		len = field->len - (widened && field->len > 0);
		if (!widened && in_hole(field, addr) >= 0)
			return false;
		return ifw_addr_equal(ifw_addr_mask(addr, len), ifw_addr_mask(field->addr, len));
	case REGION_SRC_PORT:
	case REGION_DST_PORT:
		value = field->id == REGION_SRC_PORT ? c->src_port : c->dst_port;
		if (!widened)
			return in_ranges(field, value);
		return value + 1 >= field->ranges[0].low && value <= field->ranges[0].high + 1;
	case REGION_TCP_FLAGS:
		return widened || in_ranges(field, c->flags);
	case REGION_IFINDEX:
		return widened || in_ranges(field, c->ifindex);
	default:
		return true; /* the universe has one value */
	}
}

static bool is_exception(const struct universe *u, const struct region *region,
			 const struct coordinates *c)
{
	for (size_t i = 0; i < region->exception_count; i++) {
		const struct region_exception *e = &region->exceptions[i];

		if (ifw_addr_equal(e->src, addr_at(u, c->src)) &&
		    ifw_addr_equal(e->dst, addr_at(u, c->dst)) && e->src_port == c->src_port &&
		    e->dst_port == c->dst_port)
			return true;
	}
	return false;
}

/* --- Every packet ----------------------------------------------------------------------- */

#define AXIS_MAX (sizeof(((struct axis *)0)->values) / sizeof(uint32_t))

enum place {
	INSIDE,
	BESIDE_IT, /* of the field widened */
	OUTSIDE,
};

/* Where each value of each axis lies, seen from the region. */
struct places {
	const struct axis *axes[AXES];
	int fields[AXES]; /* of the region; -1: it has none */
	enum place at[AXES][AXIS_MAX];
};

static void set_axis(struct coordinates *c, size_t axis, uint32_t value)
{
	uint32_t *to[AXES] = {&c->src, &c->dst, &c->src_port, &c->dst_port, &c->flags, &c->ifindex};

	*to[axis] = value;
}

static void find_places(const struct universe *u, const struct region *region,
			const struct coordinates *packet, struct places *places)
{
	static const enum region_id ids[AXES] = {REGION_SRC,	  REGION_DST,	    REGION_SRC_PORT,
						 REGION_DST_PORT, REGION_TCP_FLAGS, REGION_IFINDEX};

	*places = (struct places){
		.axes = {&u->src, &u->dst, &u->src_port, &u->dst_port, &u->flags, &u->ifindex}};
	for (size_t axis = 0; axis < AXES; axis++) {
		const struct region_field *field = NULL;

		places->fields[axis] = -1;
		for (size_t i = 0; i < region->count; i++)
			if (region->fields[i].id == ids[axis])
				places->fields[axis] = (int)i;
		if (places->fields[axis] >= 0)
			field = &region->fields[places->fields[axis]];
		for (size_t i = 0; field && i < places->axes[axis]->count; i++) {
			struct coordinates c = *packet;

			set_axis(&c, axis, places->axes[axis]->values[i]);
			places->at[axis][i] = in_field(u, field, &c, false)  ? INSIDE
					      : in_field(u, field, &c, true) ? BESIDE_IT
									     : OUTSIDE;
		}
	}
}

/* Number of the field that must be widened to hold it; -1: none; -2: that is not enough. */
static int beside(const struct places *places, const size_t at[AXES])
{
	int field = -1;

	for (size_t axis = 0; axis < AXES; axis++) {
		if (places->at[axis][at[axis]] == INSIDE)
			continue;
		if (field >= 0 || places->at[axis][at[axis]] == OUTSIDE)
			return -2;
		field = places->fields[axis];
	}
	return field;
}

static bool next(const struct places *places, size_t at[AXES])
{
	for (size_t axis = 0; axis < AXES; axis++) {
		if (++at[axis] < places->axes[axis]->count)
			return true;
		at[axis] = 0;
	}
	return false;
}

/* One that is in a hole speaks for that, another for the whole field. */
static void forbid(const struct universe *u, const struct region_field *field,
		   const struct coordinates *c, bool differs, bool *forbidden, bool *holes)
{
	int hole = -1;

	if (field->kind == REGION_PREFIX)
		hole = in_hole(field, addr_at(u, field->id == REGION_SRC ? c->src : c->dst));
	if (hole >= 0)
		holes[hole] |= differs;
	else
		*forbidden |= differs;
}

/* A field that is not any and could be widened must find a packet that forbids it. */
static void check(const struct universe *u, const struct coordinates *packet)
{
	struct frame frame = frame_at(u, packet);
	struct sim_frame in = sim_frame_of(u, packet, &frame);
	struct sim_result wanted = decide_at(u, packet);
	bool forbidden[REGION_FIELDS_MAX] = {}, holes[REGION_FIELDS_MAX][REGION_HOLES_MAX] = {};
	size_t at[AXES] = {}, exceptions = 0, inside = 0;
	struct places places;
	struct region region;

	cr_assert_eq(region_find(u->world, &in, &region), 0);
	cr_assert_gt(region.count, 0);
	cr_assert_not(is_exception(u, &region, packet), "a packet is in its own region");
	find_places(u, &region, packet, &places);
	do {
		struct coordinates c = *packet;
		struct sim_result result;
		int field = beside(&places, at);

		if (field == -2)
			continue;
		for (size_t axis = 0; axis < AXES; axis++)
			set_axis(&c, axis, places.axes[axis]->values[at[axis]]);
		inside += field == -1;
		result = decide_at(u, &c);
		if (field >= 0) {
			forbid(u, &region.fields[field], &c, !alike(&result, &wanted),
			       &forbidden[field], holes[field]);
		} else if (is_exception(u, &region, &c)) {
			exceptions += !alike(&result, &wanted);
		} else {
			cr_assert(alike(&result, &wanted),
				  "%x:%u -> %x:%u %x: reason %u rule %u, around %x:%u -> %x:%u %x: "
				  "reason %u rule %u",
				  c.src, c.src_port, c.dst, c.dst_port, c.flags,
				  result.decision.reason, result.decision.rule, packet->src,
				  packet->src_port, packet->dst, packet->dst_port, packet->flags,
				  wanted.decision.reason, wanted.decision.rule);
		}
	} while (next(&places, at));
	cr_assert_gt(inside, 0, "a packet is in its own region");
	for (size_t i = 0; i < region.count && !region.narrowed; i++) {
		const struct region_field *field = &region.fields[i];

		for (size_t n = 0; n < field->hole_count; n++)
			cr_assert(holes[i][n], "hole %llx-%llx of %s around %x -> %x",
				  field->holes[n].first.hi, field->holes[n].last.hi,
				  region_name(field->id), packet->src, packet->dst);
		if (!field->any && field->id != REGION_PROTOCOL && field->id != REGION_TCP_FLAGS &&
		    (field->kind != REGION_PREFIX || field->len > 0))
			cr_assert(forbidden[i],
				  "%s could be wider around %x:%u -> %x:%u: reason %u, len %u",
				  region_name(field->id), packet->src, packet->src_port,
				  packet->dst, packet->dst_port, wanted.decision.reason,
				  field->len);
	}
	if (exceptions < region.exception_count && region.exception_count)
		cr_assert_gt(exceptions, 0);
	region_free(&region);
}

/* --- Random worlds ----------------------------------------------------------------------- */

#define TEXT_MAX 8192

struct text {
	char at[TEXT_MAX];
	size_t used;
};

static void say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text->used += (size_t)vsnprintf(text->at + text->used, TEXT_MAX - text->used, format, args);
	va_end(args);
	cr_assert_lt(text->used, TEXT_MAX);
}

static void say_addr(struct text *text, uint8_t family, uint32_t value, bool bracket)
{
	if (family == IFW_FAMILY_IPV4)
		say(text, "%u.%u.%u.%u", value >> 24, value >> 16 & 255, value >> 8 & 255,
		    value & 255);
	else
		say(text, bracket ? "[2001:db8::%x:%x]" : "2001:db8::%x:%x", value >> 16,
		    value & 0xffff);
}

#define BASE 0x0a000000U /* 10.0.0.0 */

static void say_prefix(struct text *text, uint8_t family, uint64_t *seed)
{
	static const uint8_t lengths[] = {28, 29, 30, 31, 32, 8, 0};
	uint8_t len = lengths[next_random(seed) % 7];
	uint32_t value = BASE + next_random(seed) % 16;

	if (len < 32)
		value = len ? value & ~0U << (32 - len) : 0;
	if (family == IFW_FAMILY_IPV6 && len == 0) {
		say(text, "::/0");
		return;
	}
	say_addr(text, family, value, false);
	say(text, "/%u", family == IFW_FAMILY_IPV6 ? len + 96 : len);
}

static void say_rule(struct text *text, const struct universe *u, uint64_t *seed)
{
	static const char *const actions[] = {"deny", "pass", "intercept"};
	bool out = u->direction == IFW_DIRECTION_OUT;
	uint32_t action = next_random(seed) % (out ? 2 : 3);
	uint32_t low = 1 + next_random(seed) % 12, high = low + next_random(seed) % 4;

	say(text, "%s%s %s to ", out ? "egress " : "", actions[action],
	    u->protocol == IPPROTO_TCP ? "tcp" : "udp");
	say_prefix(text, u->family, seed);
	say(text, " port %u-%u", low, high);
	if (action == 2)
		say(text, " via %u", 1000 + next_random(seed) % 2);
	if (next_random(seed) % 2) {
		say(text, " from ");
		say_prefix(text, u->family, seed);
	}
	if (next_random(seed) % 3 == 0)
		say(text, " on eth%u", next_random(seed) % 2);
	say(text, "\n");
}

static void say_end(struct text *text, const struct universe *u, uint64_t *seed)
{
	say(text, " ");
	say_addr(text, u->family, BASE + next_random(seed) % 16, true);
	say(text, ":%u", 1 + next_random(seed) % 8);
}

static bool is_valid(const struct text *rules)
{
	struct rule_set set = {};
	const bool valid = grammar_parse_set(rules->at, rules->used, &set, NULL, NULL) == 0;

	rule_set_clear(&set);
	return valid;
}

static void make_world(struct universe *u, uint64_t *seed)
{
	struct text *world = calloc(1, sizeof(*world)), *rules = calloc(1, sizeof(*rules));
	const char *protocol = u->protocol == IPPROTO_TCP ? "tcp" : "udp";

	cr_assert(world && rules);
	say(world, "interface eth0 index 2");
	if (next_random(seed) % 4) {
		say(world, " address ");
		say_addr(world, u->family, BASE + next_random(seed) % 16, false);
		say(world, "/%u", u->family == IFW_FAMILY_IPV4 ? 28 : 124);
	} else {
		say(world, " addresses unknown");
	}
	say(world, "\ninterface eth1 index 3\nsocket %s %s %s:1000\n", protocol,
	    u->protocol == IPPROTO_TCP ? "listen" : "bound",
	    u->family == IFW_FAMILY_IPV4 ? "127.0.0.1" : "[::1]");
	if (next_random(seed) % 2)
		say(world, "set eth0 track on\n");
	if (next_random(seed) % 2)
		say(world, "set eth0 egress-default deny\n");
	if (next_random(seed) % 4 == 0)
		say(world, "set eth0 named-rules on\n");
	for (uint32_t i = next_random(seed) % 3; i > 0; i--) {
		say(world, "flow %s", protocol);
		say_end(world, u, seed);
		say_end(world, u, seed);
		say(world, "%s\n", next_random(seed) % 2 ? " forwarded" : "");
	}
	for (uint32_t i = next_random(seed) % 3; i > 0; i--) {
		/* Apart by its port, since a socket may be there once only. */
		say(world, "socket %s %s ", protocol,
		    u->protocol == IPPROTO_TCP ? "established" : "connected");
		say_addr(world, u->family, BASE + next_random(seed) % 16, true);
		say(world, ":%u", 3 + i);
		say_end(world, u, seed);
		say(world, "\n");
	}
	for (uint32_t i = next_random(seed) % 8; i > 0; i--) {
		const size_t before = rules->used;

		say_rule(rules, u, seed);
		if (!is_valid(rules)) /* it is there already, with another action */
			rules->used = before;
		rules->at[rules->used] = '\0';
	}
	u->world = world_of(world->at, rules->at);
	free(world);
	free(rules);
}

static void make_axes(struct universe *u)
{
	static const uint32_t ports[] = {0, 22, 23, 67, 68, 546, 547, 6081, 40000};
	static const uint32_t odd[] = {0,	   1,	       2,	   3,	       4,
				       0x01000001, 0x0b000001, 0x7e000001, 0x7f000001, 0x80000001,
				       MULTICAST,  0xf0000001, BESIDE,	   0xffffffff};

	for (uint32_t i = 0; i < 17; i++) {
		add(&u->src, BASE + i);
		add(&u->dst, BASE + i);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		add(&u->src, odd[i]);
		add(&u->dst, odd[i]);
	}
	for (uint32_t i = 1; i < 10; i++)
		add(&u->src_port, i);
	for (uint32_t i = 1; i < 18; i++)
		add(&u->dst_port, i);
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		add(&u->src_port, ports[i]);
		add(&u->dst_port, ports[i]);
	}
	add(&u->flags, 2);
	add(&u->ifindex, 2);
	add(&u->ifindex, 3);
	if (u->protocol == IPPROTO_TCP)
		add(&u->flags, 0x10);
}

static uint32_t any_of(const struct axis *axis, uint64_t *seed)
{
	return axis->values[next_random(seed) % axis->count];
}

/* Sanitizers make it ten times as slow. */
#ifdef __SANITIZE_ADDRESS__
#define PACKETS 1
#else
#define PACKETS 3
#endif
#define WORLDS 1

static void check_worlds(uint8_t family, uint8_t protocol, enum ifw_direction direction,
			 uint64_t seed)
{
	for (int n = 0; n < WORLDS; n++) {
		struct universe u = {
			.family = family, .protocol = protocol, .direction = direction};

		make_axes(&u);
		make_world(&u, &seed);
		for (int i = PACKETS; i > 0; i--) {
			/* Mostly where rules and sockets are. */
			struct coordinates packet = {
				.src = BASE + next_random(&seed) % 16,
				.dst = BASE + next_random(&seed) % 16,
				.src_port = any_of(&u.src_port, &seed),
				.dst_port = 1 + next_random(&seed) % 12,
				.flags = any_of(&u.flags, &seed),
				.ifindex = any_of(&u.ifindex, &seed),
			};

			if (i == PACKETS && i > 1) {
				packet.src = any_of(&u.src, &seed);
				packet.dst = any_of(&u.dst, &seed);
				packet.dst_port = any_of(&u.dst_port, &seed);
			}
			check(&u, &packet);
		}
		sim_world_destroy(u.world);
	}
}

Test(region, of_ipv4_tcp)
{
	check_worlds(IFW_FAMILY_IPV4, IPPROTO_TCP, IFW_DIRECTION_IN, 1);
}

Test(region, of_ipv4_udp)
{
	check_worlds(IFW_FAMILY_IPV4, IPPROTO_UDP, IFW_DIRECTION_IN, 2);
}

Test(region, of_ipv6_tcp)
{
	check_worlds(IFW_FAMILY_IPV6, IPPROTO_TCP, IFW_DIRECTION_IN, 3);
}

Test(region, of_ipv6_udp)
{
	check_worlds(IFW_FAMILY_IPV6, IPPROTO_UDP, IFW_DIRECTION_IN, 4);
}

Test(region, of_what_leaves)
{
	check_worlds(IFW_FAMILY_IPV4, IPPROTO_TCP, IFW_DIRECTION_OUT, 5);
	check_worlds(IFW_FAMILY_IPV4, IPPROTO_UDP, IFW_DIRECTION_OUT, 6);
}

/* Of a packet of a conversation the other fields count, too: here the interface that tracks. */
Test(region, of_a_conversation)
{
	static const struct coordinates packet = {BASE + 1, BASE + 2, 5, 6, 2, 2};
	struct universe u = {.family = IFW_FAMILY_IPV4, .protocol = IPPROTO_UDP};

	make_axes(&u);
	u.world = world_of("interface eth0 index 2\ninterface eth1 index 3\nset eth0 track on\n"
			   "flow udp 10.0.0.2:6 10.0.0.1:5\n",
			   "pass udp to 10.0.0.0/28 port 6\n");
	check(&u, &packet);
	sim_world_destroy(u.world);
}

/* Many packets are tried, and none is remembered. */
Test(region, leaves_the_world_as_it_is)
{
	struct sim_world *world = world_of("interface eth0 index 2\nset eth0 track on\n"
					   "set eth0 verbose on\nsocket tcp listen 127.0.0.1:1\n",
					   "intercept tcp to 10.0.0.0/28 port 6 via 1\n");
	struct frame frame = tcp("192.0.2.1", 5, "10.0.0.1", 6);
	struct sim_frame in = {.data = frame.bytes, .length = frame.length, .ifindex = 2};
	struct region region;

	for (int n = 0; n < 2; n++) {
		cr_assert_eq(region_find(world, &in, &region), 0);
		cr_assert_gt(region.trials, 0);
		region_free(&region);
		for (int class = 0; class < IFW_FLOW_CLASSES; class ++)
			cr_assert_null(world->flows[class]);
		cr_assert_null(world->fragments);
		cr_assert_null(world->listeners);
		cr_assert_eq(sim_world_counters(world, 2)->decisions, 0);
		cr_assert_eq(sim_world_rule_count(world, 1)->packets, 0);
		frame = fragment_of(padded(frame, 64), 7, 0, 40); /* and as a first fragment */
		in.length = frame.length;
	}
	sim_world_destroy(world);
}
