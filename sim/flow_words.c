/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_words.c - see flow.h: a flow as somebody typed it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

#include "ruleset/grammar.h"
#include "flow.h"

/* RFC 9293 3.1 */
static const struct {
	const char *name;
	uint8_t flags;
} tcp_flags[] = {{"syn", 0x02}, {"syn-ack", 0x12}, {"ack", 0x10}, {"fin", 0x11}, {"rst", 0x04}};

#define FLAG_WORDS "[syn|syn-ack|ack|fin|rst]"

#define FAULT(message, ...) (snprintf(message, FLOW_MESSAGE_MAX, __VA_ARGS__), -EINVAL)

static int parse_flags(const char *text, struct flow *flow, char message[FLOW_MESSAGE_MAX])
{
	if (flow->protocol != IPPROTO_TCP)
		return FAULT(message, "'%.64s': only TCP has flags", text);
	for (size_t i = 0; i < sizeof(tcp_flags) / sizeof(tcp_flags[0]); i++)
		if (strcmp(text, tcp_flags[i].name) == 0) {
			flow->tcp_flags = tcp_flags[i].flags;
			return 0;
		}
	return FAULT(message, "'%.64s' is none of syn, syn-ack, ack, fin and rst", text);
}

int flow_from_words(char *const *words, int count, struct flow *flow,
		    char message[FLOW_MESSAGE_MAX])
{
	uint8_t family;

	*flow = (struct flow){.direction = IFW_DIRECTION_IN};
	if (count > 0 && strcmp(words[0], "tcp") == 0)
		flow->protocol = IPPROTO_TCP;
	else if (count > 0 && strcmp(words[0], "udp") == 0)
		flow->protocol = IPPROTO_UDP;
	else
		return FAULT(message, "'%.64s' is neither tcp nor udp", count > 0 ? words[0] : "");
	if (count < 3)
		return FAULT(message, "a flow is tcp|udp SRC:PORT DST:PORT " FLAG_WORDS);
	if (count > 4)
		return FAULT(message,
			     "'%.64s' is one word too many: a flow is tcp|udp SRC:PORT "
			     "DST:PORT " FLAG_WORDS,
			     words[4]);
	if (grammar_parse_endpoint(words[1], strlen(words[1]), &flow->family, &flow->src,
				   &flow->src_port) != 0)
		return FAULT(message, "source '%.64s' is not ADDRESS:PORT or [ADDRESS]:PORT",
			     words[1]);
	if (grammar_parse_endpoint(words[2], strlen(words[2]), &family, &flow->dst,
				   &flow->dst_port) != 0)
		return FAULT(message, "destination '%.64s' is not ADDRESS:PORT or [ADDRESS]:PORT",
			     words[2]);
	if (family != flow->family)
		return FAULT(message, "'%.64s' and '%.64s' are of different families", words[1],
			     words[2]);
	return count > 3 ? parse_flags(words[3], flow, message) : 0;
}
