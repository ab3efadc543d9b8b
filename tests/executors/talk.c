/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* talk.c - see talk.h. */
#include "tests/fuzz/take_frame.h"

#include "talk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a side says in a step: 0 is who began. */
struct step {
	uint8_t side;
	uint8_t flags;
	uint8_t data; /* at most, bytes */
};

static const struct step steps[] = {
	{0, SYN, 0},	   {1, SYN | ACK, 0}, {0, ACK, 0},	 {0, ACK, 200},
	{1, ACK, 0},	   {1, ACK, 250},     {0, ACK, 100},	 {1, ACK, 250},
	{0, FIN | ACK, 0}, {1, ACK, 0},	      {1, FIN | ACK, 0}, {0, ACK, 0},
};

static uint32_t below(uint64_t *state, uint32_t end)
{
	return next_random(state) % end;
}

static void begin(struct talk *talk, uint64_t *state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	static const uint8_t hosts[] = {0, 1, 2, 3, 0, 1}; /* who can be anybody's peer */

	*talk = (struct talk){
		.protocol = protocols[below(state, COUNT(protocols))],
		.family = (uint8_t)below(state, 2),
		.ifindex = (uint8_t)(2 + below(state, 2)),
		.ours = below(state, 4) == 0,
		.next = {next_random(state), next_random(state)},
		.scale = {(uint8_t)below(state, 15), (uint8_t)below(state, 15)},
	};
	for (int side = 0; side < 2; side++) {
		talk->address[side] = hosts[below(state, COUNT(hosts))];
		talk->port[side] = taken_ports[below(state, COUNT(taken_ports))];
	}
}

static struct frame tcp_packet(struct talk *talk, uint64_t *state, uint8_t side, struct step step)
{
	const char *src = taken_addresses[talk->family][talk->address[side]];
	const char *dst = taken_addresses[talk->family][talk->address[!side]];
	struct segment segment = {
		.flags = step.flags,
		.sequence = talk->next[side],
		.acknowledgement = step.flags & ACK ? talk->next[!side] : 0,
		.data = step.data ? below(state, step.data) : 0,
		.window = (uint16_t)(1 + below(state, 3000)),
		.scale = step.flags & SYN ? talk->scale[side] : 0,
	};

	switch (below(state, 24)) { /* as it should not be, or as it may be */
	case 0:
		segment.sequence += below(state, 70000) - 35000U;
		break;
	case 1:
		segment.acknowledgement += below(state, 70000) - 35000U;
		break;
	case 2:
		segment.flags = RST | (below(state, 2) ? ACK : 0);
		break;
	case 3:
		segment.sequence -= segment.data + 1;
		break;
	default:
		talk->next[side] += segment.data + ((step.flags & (SYN | FIN)) != 0);
		break;
	}
	return with_segment(tcp(src, talk->port[side], dst, talk->port[!side]), segment);
}

static struct frame packet_of(struct talk *talk, uint64_t *state, uint8_t side, struct step step)
{
	const char *src = taken_addresses[talk->family][talk->address[side]];
	const char *dst = taken_addresses[talk->family][talk->address[!side]];

	if (talk->protocol == IPPROTO_TCP)
		return tcp_packet(talk, state, side, step);
	if (talk->protocol == IPPROTO_UDP)
		return padded(udp(src, talk->port[side], dst, talk->port[!side]), below(state, 90));
	return echo(src, dst, side == 0, talk->port[0]);
}

struct frame talk_on(struct talks *talks, uint64_t *state, uint8_t *direction, uint32_t *ifindex)
{
	struct talk *talk = &talks->talk[below(state, TALKS)];
	struct frame frame;
	struct step step;
	uint8_t side;

	if (!talk->protocol || talk->step >= COUNT(steps) || !below(state, 40))
		begin(talk, state);
	step = steps[talk->step];
	side = below(state, 30) ? step.side : !step.side;
	if (below(state, 12)) /* else it is said again */
		talk->step++;
	*direction = side == talk->ours ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN;
	*ifindex = below(state, 20) ? talk->ifindex : 5U - talk->ifindex;
	frame = packet_of(talk, state, side, step);
	if (!below(state, 16)) { /* what somebody on the way says of it */
		*direction = !*direction;
		return icmp_error(taken_addresses[talk->family][below(state, 8)],
				  taken_addresses[talk->family][talk->address[side]],
				  talk->family ? 1 : 3, (uint8_t)below(state, 5), &frame);
	}
	return frame;
}
