/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world_flow.c - the world file's statements `track` and `flow`: settings of
 * tracking, and flows that it knows already.
 */
#include <errno.h>

#include <netinet/in.h>

#include "datapath/flow_table.h"
#include "ruleset/grammar.h"
#include "world_parse.h"

#define SECOND 1000000000ULL
#define SECONDS_MAX (10ULL * 366 * 24 * 3600)
#define FLOWS_MAX (1U << 24)

static uint8_t find_state(struct word word)
{
	for (unsigned int state = IFW_FLOW_NONE + 1; state < IFW_FLOW_STATE_END; state++)
		if (word_is(word, ifw_flow_state_info(state)->name))
			return (uint8_t)state;
	return IFW_FLOW_NONE;
}

static int parse_state(struct parser *p, uint8_t *state)
{
	struct word word = scan_word(&p->scan);

	*state = find_state(word);
	if (*state == IFW_FLOW_NONE)
		return scan_error(&p->scan, word,
				  "expected a state of a flow, such as established or udp-replied");
	return 0;
}

static int set_track_flag(struct parser *p, uint32_t flag)
{
	bool on;

	if (parse_on_off(p, &on) != 0)
		return -EINVAL;
	if (on)
		p->world->track.flags |= flag;
	else
		p->world->track.flags &= ~flag;
	return 0;
}

static int set_timeout(struct parser *p)
{
	uint64_t seconds = 0;
	uint8_t state;

	if (parse_state(p, &state) != 0 ||
	    parse_number(p, 1, SECONDS_MAX, "a number of seconds", &seconds) != 0)
		return -EINVAL;
	p->world->track.timeouts_ns[state] = seconds * SECOND;
	return 0;
}

static int set_room(struct parser *p)
{
	uint64_t flows = 0;

	if (parse_number(p, 1, FLOWS_MAX, "a number of flows", &flows) != 0)
		return -EINVAL;
	sim_world_size_flows(p->world, (uint32_t)flows);
	return 0;
}

int parse_track(struct parser *p)
{
	struct word word = scan_word(&p->scan);
	int error;

	if (word_is(word, "pick-up"))
		error = set_track_flag(p, IFW_TRACK_PICK_UP);
	else if (word_is(word, "liberal"))
		error = set_track_flag(p, IFW_TRACK_LIBERAL);
	else if (word_is(word, "timeout"))
		error = set_timeout(p);
	else if (word_is(word, "flows"))
		error = set_room(p);
	else
		error = scan_error(&p->scan, word, "expected pick-up, liberal, timeout or flows");
	return error ? error : parse_expect_end(p);
}

/* --- flow --------------------------------------------------------------------- */

struct parsed_flow {
	struct packet packet; /* as the original side sends it */
	struct ifw_flow flow;
	uint64_t idle; /* seconds */
};

static int parse_address(struct parser *p, uint8_t *family, struct ifw_addr *addr)
{
	struct word word = scan_word(&p->scan);
	uint8_t len;
	bool host_bits;

	if (word.len == 0 ||
	    grammar_parse_prefix(word.text, word.len, family, addr, &len, &host_bits) != 0 ||
	    len != ifw_addr_bits(*family))
		return scan_error(&p->scan, word, "expected an address");
	return 0;
}

static int parse_ports(struct parser *p, struct packet *packet)
{
	uint8_t family = 0;
	struct word word;

	if (parse_endpoint(p, "end that began", &packet->family, &packet->src, &packet->src_port) !=
	    0)
		return -EINVAL;
	word = scan_peek(&p->scan);
	if (parse_endpoint(p, "other end", &family, &packet->dst, &packet->dst_port) != 0)
		return -EINVAL;
	if (family != packet->family)
		return scan_error(&p->scan, word, "the ends are of different families");
	return 0;
}

static int parse_echo(struct parser *p, struct packet *packet)
{
	uint8_t family = 0;
	uint64_t id = 0;
	struct word word;

	if (parse_address(p, &packet->family, &packet->src) != 0)
		return -EINVAL;
	word = scan_peek(&p->scan);
	if (parse_address(p, &family, &packet->dst) != 0)
		return -EINVAL;
	if (family != packet->family)
		return scan_error(&p->scan, word, "the ends are of different families");
	word = scan_word(&p->scan);
	if (!word_is(word, "id"))
		return scan_error(&p->scan, word, "expected id");
	if (parse_number(p, 0, 65535, "an identifier", &id) != 0)
		return -EINVAL;
	packet->echo_id = (uint16_t)id;
	packet->protocol = family == IFW_FAMILY_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	packet->icmp_type = family == IFW_FAMILY_IPV6 ? IFW_ICMPV6_ECHO : IFW_ICMP_ECHO;
	return 0;
}

static int parse_ends(struct parser *p, struct parsed_flow *parsed)
{
	struct word word = scan_word(&p->scan);

	if (word_is(word, "icmp")) {
		parsed->flow.state = IFW_FLOW_ICMP_REPLIED;
		return parse_echo(p, &parsed->packet);
	}
	if (word_is(word, "tcp")) {
		parsed->packet.protocol = IPPROTO_TCP;
		parsed->flow.state = IFW_FLOW_ESTABLISHED;
		parsed->flow.liberal = 1; /* nobody says where its sequence numbers are */
	} else if (word_is(word, "udp")) {
		parsed->packet.protocol = IPPROTO_UDP;
		parsed->flow.state = IFW_FLOW_UDP_REPLIED;
	} else {
		return scan_error(&p->scan, word, "expected tcp, udp or icmp");
	}
	return parse_ports(p, &parsed->packet);
}

bool world_state_suits(unsigned int state, uint8_t protocol)
{
	if (protocol == IPPROTO_TCP)
		return state <= IFW_FLOW_CLOSED;
	if (protocol == IPPROTO_UDP)
		return state == IFW_FLOW_UDP_UNREPLIED || state == IFW_FLOW_UDP_REPLIED;
	return state == IFW_FLOW_ICMP_UNREPLIED || state == IFW_FLOW_ICMP_REPLIED;
}

static int parse_details(struct parser *p, struct parsed_flow *parsed)
{
	struct word word;

	parsed->flow.sides[IFW_ORIGINAL].left = 1;
	while ((word = scan_word(&p->scan)).len) {
		int error = 0;

		if (word_is(word, "state")) {
			word = scan_peek(&p->scan);
			error = parse_state(p, &parsed->flow.state);
			if (!error &&
			    !world_state_suits(parsed->flow.state, parsed->packet.protocol))
				error = scan_error(&p->scan, word,
						   "that is a state of another protocol");
		} else if (word_is(word, "idle")) {
			error = parse_number(p, 0, SECONDS_MAX, "a number of seconds",
					     &parsed->idle);
		} else if (word_is(word, "forwarded")) {
			parsed->flow.forwarded = 1;
		} else if (word_is(word, "no-peer")) {
			parsed->flow.no_peer = 1;
		} else if (word_is(word, "came-in")) {
			parsed->flow.sides[IFW_ORIGINAL].left = 0;
			parsed->flow.sides[IFW_ORIGINAL].came_in = 1;
		} else {
			error = scan_error(&p->scan, word,
					   "expected state, idle, forwarded, no-peer or came-in");
		}
		if (error)
			return error;
	}
	return 0;
}

int parse_flow(struct parser *p)
{
	struct parsed_flow parsed = {};
	struct track track = {};
	uint64_t timeout;

	if (parse_ends(p, &parsed) != 0 || parse_details(p, &parsed) != 0)
		return -EINVAL;
	ifw_flow_key(&parsed.packet, &track);
	parsed.flow.began_high = !track.from_low;
	parsed.flow.began_ns = parsed.idle * SECOND;
	timeout = p->world->track.timeouts_ns[parsed.flow.state];
	if (parsed.idle * SECOND >= timeout)
		return 0; /* long forgotten */
	parsed.flow.expires_ns = timeout - parsed.idle * SECOND;
	p->world->flows_waiting = true;
	return sim_world_put_flow(p->world, ifw_flow_class(parsed.flow.state), &track.key,
				  &parsed.flow);
}
