/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* episode.c - see episode.h. */
#include <errno.h>

#include "episode.h"
#include "sim/phrase.h"
#include "talk.h"
#include "tests/fuzz/take_frame.h"

#define INPUT_SIZE 96 /* bytes that a frame is made from */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Addresses as in take_frame.h. */
const struct house_iface episode_ifaces[] = {
	{.name = "eth0",
	 .ifindex = 2,
	 .mark = 0x20,
	 .mark_mask = 0x20,
	 .addresses = {"10.0.0.1/24", "2001:db8::1/64"}},
	{.name = "eth1",
	 .ifindex = 3,
	 .mark = 0x100,
	 .mark_mask = 0x300,
	 .addresses = {"172.16.0.1/16", "fd00::1/8"}},
	{.name = "tun0",
	 .ifindex = 5,
	 .raw = true,
	 .mark = 0x20,
	 .mark_mask = 0x20,
	 .addresses = {"10.9.0.1/24", "2001:db8:9::1/64"}},
	{},
};

static const char house_text[] =
	"interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"
	"interface eth1 index 3 address 172.16.0.1/16 address fd00::1/8\n"
	"interface tun0 index 5 address 10.9.0.1/24 address 2001:db8:9::1/64 link raw\n"
	"set eth1 mark 0x100 mask 0x300\n"
	"socket tcp listen 127.0.0.1:1000\n"
	"socket tcp listen [::1]:1000\n"
	"socket tcp listen 10.0.0.1:443\n"
	"socket tcp listen [::]:2000\n"
	"socket udp bound 127.0.0.1:1000\n"
	"socket udp bound [::1]:1000\n"
	"socket udp bound [::]:2000\n"
	"socket udp bound 0.0.0.0:7\n"
	"socket udp bound 10.0.0.1:80 reuseport\n"
	"socket tcp established 10.0.0.1:80 192.0.2.1:5\n"
	"socket tcp established 10.0.0.1:5 10.0.0.9:443 reuseport\n"
	"socket tcp established [2001:db8::1]:80 [2001:db8:2::1]:7\n"
	"socket tcp time-wait 10.0.0.1:22 192.0.2.1:53\n"
	"socket tcp time-wait 172.16.0.1:80 192.0.2.1:443\n"
	"socket udp connected 10.0.0.1:53 192.0.2.1:5\n"
	"socket udp connected [fd00::1]:53 [2001:db8:2::1]:5\n"
	"socket tcp syn-sent [2001:db8::1]:81 [2001:db8:2::1]:5\n";

static uint32_t below(uint64_t *state, uint32_t end)
{
	return next_random(state) % end;
}

/* --- Settings ------------------------------------------------------------------------ */

static void set_one(struct phrase *to, uint64_t *state, const char *name)
{
	static const char *const sources[] = {"on", "off", "from 192.0.2.0/24,2001:db8::/32",
					      "from 10.0.0.9/32"};
	static const char *const protocols[] = {"none", "47,50", "1,58", "2,132"};
	static const char *const ethertypes[] = {"none", "0x88cc", "0x8801,0x8803"};

	phrase_add(to, "set %s ssh %s\n", name, below(state, 4) ? "on" : "off");
	phrase_add(to, "set %s echo %s\n", name, below(state, 2) ? "on" : "off");
	phrase_add(to, "set %s geneve %s\n", name, sources[below(state, COUNT(sources))]);
	phrase_add(to, "set %s pass-protocol %s\n", name,
		   protocols[below(state, COUNT(protocols))]);
	phrase_add(to, "set %s pass-ethertype %s\n", name,
		   ethertypes[below(state, COUNT(ethertypes))]);
	phrase_add(to, "set %s track %s\n", name, below(state, 4) ? "on" : "off");
	phrase_add(to, "set %s named-rules %s\n", name, below(state, 4) ? "off" : "on");
	phrase_add(to, "set %s egress-default %s\n", name, below(state, 3) ? "pass" : "deny");
}

static void make_world(struct episode *episode, uint64_t *state)
{
	struct phrase to = {.at = episode->world, .size = sizeof(episode->world)};

	phrase_add(&to, "%s", house_text);
	for (const struct house_iface *i = episode_ifaces; i->name; i++)
		set_one(&to, state, i->name);
	phrase_add(&to, "track liberal %s\n", below(state, 4) ? "off" : "on");
	phrase_add(&to, "track pick-up %s\n", below(state, 2) ? "on" : "off");
}

/* --- Rules ----------------------------------------------------------------------------- */

static void add_prefix(struct phrase *to, uint64_t *state, int ipv6)
{
	static const uint8_t lengths[2][10] = {
		{0, 0, 0, 1, 8, 9, 16, 24, 31, 32},
		{0, 0, 0, 1, 32, 47, 48, 64, 127, 128},
	};

	phrase_add(to, "%s/%u", taken_addresses[ipv6][below(state, 8)],
		   lengths[ipv6][below(state, 10)]);
}

static void add_ports(struct phrase *to, uint64_t *state)
{
	uint32_t low = taken_ports[below(state, COUNT(taken_ports))] + below(state, 3);
	uint32_t high = taken_ports[below(state, COUNT(taken_ports))] + below(state, 2);

	low = low ? low - 1 : 0;
	if (low > 65535)
		low = 65535;
	if (high > 65535)
		high = 65535;
	if (high < low || !below(state, 4))
		high = low;
	if (!below(state, 3)) {
		low = below(state, 4);
		high = 65535 - below(state, 4);
	}
	phrase_add(to, " port %u-%u", low, high);
}

static void add_rule(struct phrase *to, uint64_t *state)
{
	static const char *const listeners[2][5] = {
		{"127.0.0.1:1000", "127.0.0.1:1000", "127.0.0.1:1001", "127.0.0.1:2000",
		 "10.0.0.1:443"},
		{"[::1]:1000", "[::1]:1000", "[::1]:1001", "[::1]:2000", "[2001:db8::1]:80"},
	};
	static const char *const actions[] = {"intercept", "intercept",	  "intercept",	"pass",
					      "deny",	   "egress pass", "egress deny"};
	const uint32_t action = below(state, COUNT(actions));
	const int ipv6 = below(state, 2) != 0;

	phrase_add(to, "%s %s to ", actions[action], below(state, 2) ? "tcp" : "udp");
	add_prefix(to, state, ipv6);
	add_ports(to, state);
	if (action < 3)
		phrase_add(to, " via %s", listeners[ipv6][below(state, 5)]);
	if (!below(state, 3)) {
		phrase_add(to, " from ");
		add_prefix(to, state, ipv6);
	}
	if (!below(state, 4))
		phrase_add(to, " on %s",
			   below(state, 2)   ? "eth0"
			   : below(state, 2) ? "eth1,tun0"
					     : "tun0");
	phrase_add(to, "\n");
}

/* Two of one match that do different things are no set; then it is made without the last. */
static void make_rules(struct episode *episode, uint64_t *state)
{
	const uint32_t wanted = below(state, 4) ? 1 + below(state, 24) : below(state, 3);

	episode->rules[0] = '\0';
	for (uint32_t i = 0; i < wanted; i++) {
		const size_t before = strlen(episode->rules);
		struct phrase to = {.at = episode->rules, .size = sizeof(episode->rules)};
		struct sim_world *world;

		to.used = before;
		add_rule(&to, state);
		world = episode_world(episode);
		if (!world)
			episode->rules[before] = '\0';
		sim_world_destroy(world);
	}
}

/* --- Packets ----------------------------------------------------------------------------- */

static struct frame take_random(uint64_t *state, bool raw)
{
	uint8_t bytes[INPUT_SIZE];
	struct input in = {bytes, sizeof(bytes)};

	for (size_t i = 0; i + 4 <= sizeof(bytes); i += 4) {
		const uint32_t word = next_random(state);

		memcpy(bytes + i, &word, sizeof(word));
	}
	return take_frame(&in, raw);
}

/* Whom the sockets of the world talk to: their side of it, and the peer's. */
struct known {
	const char *peer, *own;
	uint16_t peer_port, own_port;
	bool tcp;
};

static const struct known known[] = {
	{"192.0.2.1", "10.0.0.1", 5, 80, true},
	{"10.0.0.9", "10.0.0.1", 443, 5, true},
	{"2001:db8:2::1", "2001:db8::1", 7, 80, true},
	{"192.0.2.1", "10.0.0.1", 53, 22, true},
	{"192.0.2.1", "172.16.0.1", 443, 80, true},
	{"2001:db8:2::1", "2001:db8::1", 5, 81, true},
	{"192.0.2.1", "10.0.0.1", 5, 53, false},
	{"2001:db8:2::1", "fd00::1", 5, 53, false},
	{"192.0.2.1", "10.0.0.1", 9, 80, false},
	{"192.0.2.1", "10.0.0.1", 9, 443, true},
};

/* Of such a conversation, or nearly; from the peer, or an answer to it. */
static struct frame take_known(uint64_t *state, bool answer)
{
	static const uint8_t flags[] = {SYN, ACK, ACK, SYN | ACK, FIN | ACK, RST};
	struct known k = known[below(state, COUNT(known))];
	struct frame frame;

	if (!below(state, 8))
		k.peer_port = (uint16_t)(k.peer_port + below(state, 3) - 1);
	if (!below(state, 8))
		k.own_port = (uint16_t)(k.own_port + below(state, 3) - 1);
	if (answer)
		k = (struct known){k.own, k.peer, k.own_port, k.peer_port, k.tcp};
	if (!k.tcp)
		return padded(udp(k.peer, k.peer_port, k.own, k.own_port), below(state, 40));
	frame = tcp(k.peer, k.peer_port, k.own, k.own_port);
	return with_segment(frame, (struct segment){.flags = flags[below(state, COUNT(flags))],
						    .sequence = next_random(state),
						    .data = below(state, 40)});
}

/* Two or more pieces of a datagram follow each other, mostly in order. */
static struct frame take_piece(uint64_t *state, uint32_t piece)
{
	const int ipv6 = (int)(piece / 4 % 2);
	const uint32_t which = piece / 8;
	const char *src = taken_addresses[ipv6][1 + which % 2];
	const char *dst = taken_addresses[ipv6][which / 2 % 4];
	const uint16_t port = taken_ports[which % COUNT(taken_ports)];
	struct frame whole =
		padded(which % 3 ? udp(src, 5, dst, port) : tcp(src, 5, dst, port), 88);

	/* Its place is as likely as not the one that comes next. */
	return fragment_of(whole, which, (below(state, 6) ? piece % 4 : below(state, 4)) * 24UL,
			   24);
}

static bool is_tagged(const struct frame *frame)
{
	return frame->length >= 14 &&
	       (get16(frame, 12) == ETH_P_8021Q || get16(frame, 12) == ETH_P_8021AD);
}

/*
 * Whether a device takes it and hands it to the hook (drivers/net/tun.c
 * tun_get_user, net/core/skbuff.c skb_vlan_untag, net/packet/af_packet.c packet_snd).
 */
static bool is_possible(const struct frame *frame, bool raw, const struct episode_packet *packet)
{
	if (raw)
		return frame->length >= 20 &&
		       (frame->bytes[0] >> 4 == 4 || frame->bytes[0] >> 4 == 6);
	if (frame->length < 15 || frame->length > 1500)
		return false;
	if (is_tagged(frame))
		return frame->length >= 20 && packet->sender != SIM_SENT_BY(IFW_SENDER_NONE);
	return true;
}

static void choose_way(struct episode_packet *packet, uint64_t *state, bool raw)
{
	packet->ifindex = raw ? 5 : 2 + below(state, 2);
	packet->direction = below(state, 3) ? IFW_DIRECTION_IN : IFW_DIRECTION_OUT;
	if (packet->direction == IFW_DIRECTION_OUT)
		packet->sender =
			SIM_SENT_BY(!raw && !below(state, 8) ? IFW_SENDER_NONE : IFW_SENDER_SOCKET);
}

/* A number of seconds, and then some, so that no timeout lies where the clocks may differ. */
static uint64_t choose_wait(uint64_t *state)
{
	static const uint64_t seconds[] = {2, 7, 11, 31, 45, 61, 121, 301};

	return seconds[below(state, COUNT(seconds))] * SECOND + SECOND * 3 / 10;
}

static void add_packet(struct episode *episode, struct episode_packet packet,
		       const struct frame *frame, uint32_t *used)
{
	packet.at = *used;
	packet.length = (uint32_t)frame->length;
	memcpy(episode->bytes + *used, frame->bytes, frame->length);
	if (packet.direction == IFW_DIRECTION_IN && !episode->raw && is_tagged(frame))
		packet.tags = 1;
	*used += packet.length;
	episode->packets[episode->count++] = packet;
}

int episode_make(uint64_t seed, uint32_t packets, struct episode *episode)
{
	uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	struct episode_packet before = {.ifindex = 2};
	struct talks talks = {};
	uint32_t used = 0, piece = 0;

	*episode = (struct episode){.seed = seed};
	for (int i = 0; i < 8; i++)
		next_random(&state);
	episode->raw = !below(&state, 5);
	before.ifindex = episode->raw ? 5 : 2;
	make_world(episode, &state);
	make_rules(episode, &state);
	episode->packets = calloc(packets + 1, sizeof(*episode->packets));
	episode->bytes = malloc((size_t)packets * EPISODE_FRAME_MAX + 1);
	if (!episode->packets || !episode->bytes)
		return -ENOMEM;
	while (episode->count < packets) {
		struct episode_packet packet = {};
		bool made_raw = false;
		struct frame frame;

		choose_way(&packet, &state, episode->raw);
		if (!below(&state, 8)) {
			frame = take_known(&state, packet.direction == IFW_DIRECTION_OUT);
		} else if (!below(&state, 8)) {
			frame = take_piece(&state, piece++);
			if (below(&state, 3)) /* the same way as the one before */
				packet = before;
			before = packet;
		} else if (below(&state, 2)) {
			frame = talk_on(&talks, &state, &packet.direction, &packet.ifindex);
			if (packet.direction == IFW_DIRECTION_OUT && !packet.sender)
				packet.sender = SIM_SENT_BY(IFW_SENDER_SOCKET);
			if (packet.direction == IFW_DIRECTION_IN)
				packet.sender = 0;
			if (episode->raw)
				packet.ifindex = 5;
		} else {
			frame = take_random(&state, episode->raw);
			made_raw = episode->raw;
		}
		if (episode->raw && !made_raw)
			frame = without_ethernet(frame);
		if (!is_possible(&frame, episode->raw, &packet))
			continue;
		/* Twice: their fractions of a second must not add up to whole ones. */
		if (episode->count &&
		    (episode->count == packets / 3 || episode->count == packets * 2 / 3))
			packet.wait_ns = choose_wait(&state);
		add_packet(episode, packet, &frame, &used);
	}
	return 0;
}

void episode_free(struct episode *episode)
{
	free(episode->packets);
	free(episode->bytes);
	episode->packets = NULL;
	episode->bytes = NULL;
}

/* --- Worlds --------------------------------------------------------------------------------- */

static struct sim_world *world_from(const char *text, const char *rules)
{
	struct sim_world *world;

	if (sim_world_create(&world))
		return NULL;
	if (sim_world_parse(world, text, strlen(text), NULL, NULL) == 0 &&
	    sim_world_parse_rules(world, rules, strlen(rules), NULL, NULL) == 0)
		return world;
	sim_world_destroy(world);
	return NULL;
}

struct sim_world *episode_house(void)
{
	return world_from(house_text, "");
}

struct sim_world *episode_world(const struct episode *episode)
{
	struct sim_world *world = world_from(episode->world, episode->rules);

	for (struct sim_iface *i = world ? world->ifaces : NULL; i; i = i->next)
		i->settings.verbose = 1;
	return world;
}
