/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay.c - see replay.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

/* pcap-linktype(7); LINKTYPE_LINUX_SLL(7), LINKTYPE_LINUX_SLL2(7). Numbers as on the wire. */
struct cooked {
	__be16 packet_type;
	__be16 hardware;
	__be16 address_length;
	__u8 address[8];
	__be16 protocol;
} __attribute__((packed));

struct cooked2 {
	__be16 protocol;
	__be16 reserved;
	__be32 ifindex;
	__be16 hardware;
	__u8 packet_type;
	__u8 address_length;
	__u8 address[8];
} __attribute__((packed));

#define COOKED_OUTGOING 4 /* PACKET_OUTGOING of packet(7) */

/* One replay under way. */
struct player {
	const struct replay *replay;
	struct capture *capture;
	uint8_t *buffer; /* for frames that the capture has in another form */
	size_t room;
};

static void close_player(struct player *player)
{
	capture_close(player->capture);
	free(player->buffer);
}

/* --- Cooked captures --------------------------------------------------------- */

/* What stands before the packet in a cooked capture, in words of our own. */
struct origin {
	size_t size; /* of the header; 0: it is not all there */
	__be16 ethertype;
	uint32_t ifindex; /* 0: not told */
	bool outgoing;
};

static struct origin read_origin(const struct capture_packet *packet)
{
	struct cooked2 two;
	struct cooked one;

	if (packet->link == CAPTURE_COOKED) {
		if (packet->captured < sizeof(one))
			return (struct origin){};
		memcpy(&one, packet->data, sizeof(one));
		return (struct origin){
			.size = sizeof(one),
			.ethertype = one.protocol,
			.outgoing = __builtin_bswap16(one.packet_type) == COOKED_OUTGOING,
		};
	}
	if (packet->captured < sizeof(two))
		return (struct origin){};
	memcpy(&two, packet->data, sizeof(two));
	return (struct origin){
		.size = sizeof(two),
		.ethertype = two.protocol,
		.ifindex = __builtin_bswap32(two.ifindex),
		.outgoing = two.packet_type == COOKED_OUTGOING,
	};
}

static int grow(struct player *player, size_t size)
{
	uint8_t *larger;

	if (size <= player->room)
		return 0;
	larger = realloc(player->buffer, size);
	if (!larger)
		return -ENOMEM;
	player->buffer = larger;
	player->room = size;
	return 0;
}

/* The frame as the interface had it; its Ethernet addresses are not known. */
static int put_frame(struct player *player, const struct capture_packet *packet,
		     const struct origin *origin, struct sim_frame *frame)
{
	const size_t size = packet->captured - origin->size;
	const uint8_t *payload = (const uint8_t *)packet->data + origin->size;
	struct ethhdr eth = {.h_proto = origin->ethertype};
	int error;

	frame->data = payload;
	frame->length = size;
	if (sim_world_link(player->replay->world, frame->ifindex) == SIM_LINK_RAW_IP)
		return 0;
	error = grow(player, sizeof(eth) + size);
	if (error)
		return error;
	memcpy(player->buffer, &eth, sizeof(eth));
	memcpy(player->buffer + sizeof(eth), payload, size);
	frame->data = player->buffer;
	frame->length = sizeof(eth) + size;
	return 0;
}

static int uncook(struct player *player, const struct capture_packet *packet,
		  struct replay_packet *replayed, struct sim_frame *frame)
{
	const struct replay *replay = player->replay;
	const struct origin origin = read_origin(packet);

	if (!origin.size) {
		replayed->fate = REPLAY_CUT;
		return 0;
	}
	if (!replay->ifindex && origin.ifindex) {
		frame->ifindex = origin.ifindex;
		if (!sim_world_ifname(replay->world, origin.ifindex)) {
			replayed->fate = REPLAY_ELSEWHERE;
			replayed->ifname = "";
			replayed->ifindex = origin.ifindex;
			return 0;
		}
	}
	if (replay->direction == REPLAY_EITHER_WAY)
		frame->direction = origin.outgoing ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN;
	return put_frame(player, packet, &origin, frame);
}

/* --- Packet by packet -------------------------------------------------------- */

static bool is_cooked(const struct capture_packet *packet)
{
	return packet->link == CAPTURE_COOKED || packet->link == CAPTURE_COOKED2;
}

/* A verdict on bytes that the interface cannot bring would be one on another packet. */
static int check_link(const struct replay *replay, enum capture_link link, const char *name,
		      uint32_t ifindex, char *message, size_t size)
{
	const char *ifname = sim_world_ifname(replay->world, ifindex);
	bool raw = sim_world_link(replay->world, ifindex) == SIM_LINK_RAW_IP;

	if (link != CAPTURE_ETHERNET && link != CAPTURE_RAW_IP)
		return 0; /* says of each packet what it is */
	if ((link == CAPTURE_RAW_IP) == raw)
		return 0;
	snprintf(message, size,
		 raw ? "link type %s, but frames on '%s' are raw IP (link raw in the world)"
		     : "link type %s is raw IP, but frames on '%s' are Ethernet (the world has no "
		       "'link raw' there)",
		 name, ifname ? ifname : "the interface");
	return -EPROTONOSUPPORT;
}

/* Where it went, and which way, of one that is not cooked. */
static int locate(const struct player *player, const struct capture_packet *packet,
		  struct replay_packet *replayed, struct sim_frame *frame,
		  char why[CAPTURE_MESSAGE_MAX])
{
	const struct replay *replay = player->replay;

	if (!replay->ifindex && packet->ifname[0]) {
		frame->ifindex = sim_world_ifindex(replay->world, packet->ifname);
		if (!frame->ifindex) {
			replayed->fate = REPLAY_ELSEWHERE;
			replayed->ifname = packet->ifname;
			return 0;
		}
	}
	if (replay->direction == REPLAY_EITHER_WAY)
		frame->direction = packet->direction
					   ? (packet->direction == CAPTURE_OUT ? IFW_DIRECTION_OUT
									       : IFW_DIRECTION_IN)
					   : sim_world_direction(replay->world, frame->ifindex,
								 packet->data, packet->captured);
	if (!capture_is_mixed(player->capture))
		return 0; /* and looked at already */
	return check_link(replay, packet->link, packet->link == CAPTURE_RAW_IP ? "RAW" : "EN10MB",
			  frame->ifindex, why, CAPTURE_MESSAGE_MAX);
}

/* Fills the frame, or says why there is none. */
static int prepare(struct player *player, const struct capture_packet *packet,
		   struct replay_packet *replayed, struct sim_frame *frame,
		   char why[CAPTURE_MESSAGE_MAX])
{
	const struct replay *replay = player->replay;

	*frame = (struct sim_frame){
		.data = packet->data,
		.length = packet->length,
		.ifindex =
			replay->ifindex ? replay->ifindex : sim_world_first_ifindex(replay->world),
		.time_ns = packet->time_ns + sim_world_delay(replay->world),
	};
	replayed->fate = packet->captured < packet->length ? REPLAY_CUT : REPLAY_DECIDED;
	if (replayed->fate != REPLAY_DECIDED)
		return 0;
	if (replay->direction != REPLAY_EITHER_WAY)
		frame->direction = (enum ifw_direction)replay->direction;
	return is_cooked(packet) ? uncook(player, packet, replayed, frame)
				 : locate(player, packet, replayed, frame, why);
}

static int play(struct player *player, uint64_t number, const struct capture_packet *packet,
		char why[CAPTURE_MESSAGE_MAX])
{
	const struct replay *replay = player->replay;
	struct sim_result result = {};
	struct sim_frame frame;
	struct replay_packet replayed = {
		.number = number, .frame = &frame, .captured = packet, .position = -1};
	int error = prepare(player, packet, &replayed, &frame, why);

	if (!error && replayed.fate == REPLAY_DECIDED) {
		if (number == replay->stop_at) {
			replayed.fate = REPLAY_REACHED;
		} else {
			replayed.result = &result;
			error = sim_decide(replay->world, &frame, &result);
		}
	}
	if (error == -EPROTONOSUPPORT)
		return error; /* and said */
	if (error) {
		snprintf(why, CAPTURE_MESSAGE_MAX, "%s",
			 error == -EPROTO ? result.violation : "out of memory");
		return error;
	}
	if (number % REPLAY_POSITION_EVERY == 0)
		replayed.position = capture_position(player->capture);
	error = replay->each(replay->arg, &replayed);
	return error ? error : sim_world_pass_packet(replay->world, number);
}

/* Of captures in which all packets are of one link. */
static int check_file(const struct player *player, char message[REPLAY_MESSAGE_MAX])
{
	const struct replay *replay = player->replay;

	if (capture_is_mixed(player->capture))
		return 0;
	return check_link(replay, capture_link(player->capture), capture_link_name(player->capture),
			  replay->ifindex ? replay->ifindex
					  : sim_world_first_ifindex(replay->world),
			  message, REPLAY_MESSAGE_MAX);
}

int replay_capture(const struct replay *replay, FILE *file, char message[REPLAY_MESSAGE_MAX])
{
	struct player player __attribute__((cleanup(close_player))) = {.replay = replay};
	char why[CAPTURE_MESSAGE_MAX] = "";
	struct capture_packet packet;
	uint64_t number = 0;
	int error, status;

	error = capture_open(file, &player.capture, why);
	if (error) {
		snprintf(message, REPLAY_MESSAGE_MAX, "%s", why);
		return error;
	}
	error = check_file(&player, message);
	if (!error && replay->open)
		error = replay->open(replay->arg, player.capture);
	while (!error && (status = capture_next(player.capture, &packet, why)) != 0) {
		number++;
		error = status < 0 ? status : play(&player, number, &packet, why);
		if (error && why[0])
			snprintf(message, REPLAY_MESSAGE_MAX, "packet %llu: %s",
				 (unsigned long long)number, why);
		if (number == replay->stop_at)
			break;
	}
	return error;
}

const char *replay_elsewhere(const struct replay_packet *packet, char where[REPLAY_WHERE_MAX])
{
	if (packet->ifname[0])
		snprintf(where, REPLAY_WHERE_MAX, "'%s'", packet->ifname);
	else
		snprintf(where, REPLAY_WHERE_MAX, "interface %u (the world has no such index)",
			 packet->ifindex);
	return where;
}
