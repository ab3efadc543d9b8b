/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* check.c - see check.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "ruleset/clock.h"
#include "sim/phrase.h"

#define TAG_AT 12 /* bytes into the frame */
#define TAG_SIZE 4
#define DISTURBED_MAX 3 /* tries of an episode that reports of the kernel's own came into */

struct check {
	struct house *house;
	const struct episode *episode;
	struct sim_world *world;
	struct check_counts *counts;
	struct finding *finding;
	struct phrase text; /* the finding's */
	uint64_t aged_ns;
	uint32_t next;	/* packet that is handed over next */
	uint32_t first; /* of those under way */
	uint32_t under_way[HOUSE_BATCH];
	unsigned int count;
	uint8_t frame[EPISODE_FRAME_MAX];
	struct house_seen seen[HOUSE_BATCH];
};

static void differ(struct check *c, const char *what, unsigned long long simulator,
		   unsigned long long kernel)
{
	if (simulator == kernel)
		return;
	c->finding->found = true;
	phrase_add(&c->text, "  %s: simulator %llu, kernel %llu\n", what, simulator, kernel);
}

/* --- Packets ------------------------------------------------------------------------- */

static const char *outcome(uint8_t verdict, uint8_t reason, char text[64])
{
	const struct ifw_reason_info *info = ifw_reason_info(reason);
	struct phrase to = {.at = text, .size = 64};

	phrase_add(&to, "%s %s", verdict == IFW_VERDICT_PASS ? "pass" : "drop",
		   info ? info->name : "?");
	return text;
}

static void compare_event(struct check *c, const struct ifw_event *simulator,
			  const struct ifw_event *kernel)
{
	char one[64], other[64];

	if (simulator->verdict != kernel->verdict || simulator->reason != kernel->reason) {
		c->finding->found = true;
		phrase_add(&c->text, "  simulator %s, kernel %s\n",
			   outcome(simulator->verdict, simulator->reason, one),
			   outcome(kernel->verdict, kernel->reason, other));
	}
	differ(c, "rule", simulator->rule, house_rule(c->house, kernel->rule));
	differ(c, "assigned", simulator->assigned, kernel->assigned);
	differ(c, "direction", simulator->direction, kernel->direction);
	differ(c, "interface", simulator->ifindex, kernel->ifindex);
	differ(c, "slot", simulator->slot, kernel->slot);
	differ(c, "length", simulator->length, kernel->length);
	differ(c, "family", simulator->family, kernel->family);
	differ(c, "protocol", simulator->protocol, kernel->protocol);
	differ(c, "EtherType", simulator->ethertype, kernel->ethertype);
	differ(c, "source port", simulator->src_port, kernel->src_port);
	differ(c, "destination port", simulator->dst_port, kernel->dst_port);
	differ(c, "the addresses differ", 0,
	       !ifw_addr_equal(simulator->src, kernel->src) ||
		       !ifw_addr_equal(simulator->dst, kernel->dst));
}

/* Whose socket the packet must have: by its port, which no other socket here shares. */
static uint32_t assigned_port(const struct check *c, const struct sim_result *simulator)
{
	const struct rule *rule = sim_world_rule(c->world, simulator->decision.rule);

	if (simulator->decision.assigned == IFW_ASSIGNED_LISTENER)
		return rule ? rule->listener_port : UINT32_MAX;
	if (simulator->decision.assigned == IFW_ASSIGNED_ESTABLISHED)
		return sim_world_packet(c->world)->dst_port;
	return 0;
}

static void compare_passed(struct check *c, const struct sim_frame *frame,
			   const struct sim_result *simulator, const struct house_seen *seen)
{
	if (simulator->decision.verdict != IFW_VERDICT_PASS || !seen->passed)
		return;
	differ(c, "mark", simulator->mark, seen->after.mark);
	if (frame->direction == IFW_DIRECTION_OUT)
		differ(c, "it has a sender", frame->sender != SIM_SENT_BY(IFW_SENDER_NONE),
		       seen->after.owned);
	else
		differ(c, "port of the assigned socket", assigned_port(c, simulator),
		       seen->after.port);
}

static struct sim_frame frame_of(const struct check *c, uint32_t packet)
{
	const struct episode_packet *p = &c->episode->packets[packet];

	return (struct sim_frame){
		.data = c->episode->bytes + p->at,
		.length = p->length,
		.ifindex = p->ifindex,
		.direction = p->direction,
		.sender = p->sender,
	};
}

static void count_packet(struct check *c, const struct sim_frame *frame,
			 const struct sim_result *simulator)
{
	if (!c->counts)
		return;
	c->counts->packets++;
	c->counts->by_reason[simulator->decision.reason % IFW_REASON_END]
			    [simulator->decision.verdict % IFW_VERDICTS]++;
	c->counts->assigned += simulator->decision.assigned != IFW_ASSIGNED_NONE;
	c->counts->leaving += frame->direction == IFW_DIRECTION_OUT;
	c->counts->forwarded += frame->sender == SIM_SENT_BY(IFW_SENDER_NONE);
}

/* What the stack does to a frame before the hook. */
static void take_tag_off(struct check *c, struct sim_frame *frame)
{
	const uint8_t *bytes = frame->data;

	memcpy(c->frame, bytes, TAG_AT);
	memcpy(c->frame + TAG_AT, bytes + TAG_AT + TAG_SIZE, frame->length - TAG_AT - TAG_SIZE);
	frame->data = c->frame;
	frame->length -= TAG_SIZE;
	frame->tags = 1;
}

static int compare_packet(struct check *c, uint32_t packet, const struct house_seen *seen)
{
	struct sim_frame frame = frame_of(c, packet);
	struct sim_result simulator;
	int err;

	if (c->episode->packets[packet].tags)
		take_tag_off(c, &frame);
	frame.time_ns = seen->event.time_ns + c->aged_ns;
	err = sim_decide(c->world, &frame, &simulator);
	c->finding->packet = packet;
	if (err == -EPROTO) {
		c->finding->found = true;
		phrase_add(&c->text, "  the simulator fails: %s\n", simulator.violation);
		return 0;
	}
	if (err)
		return err;
	compare_event(c, &simulator.event, &seen->event);
	compare_passed(c, &frame, &simulator, seen);
	count_packet(c, &frame, &simulator);
	return 0;
}

/* What is under way is decided, and compared. */
static int look(struct check *c)
{
	int count = house_look(c->house, c->seen), err = 0;

	if (count < 0 && count != -EPROTO)
		return count;
	for (int i = 0; i < count && (unsigned int)i < c->count && !err; i++) {
		err = compare_packet(c, c->under_way[i], &c->seen[i]);
		if (c->finding->found)
			break;
	}
	if (!err && !c->finding->found && count != (int)c->count) {
		c->finding->found = true;
		c->finding->packet = c->count ? c->under_way[c->count - 1] : c->first;
		if (count < 0)
			phrase_add(&c->text, "  passed and said so: %d of difference\n",
				   house_unlike(c->house));
		else
			phrase_add(&c->text, "  %u packets were sent, %d decided\n", c->count,
				   count);
	}
	c->count = 0;
	return err;
}

static int hand_over(struct check *c)
{
	const struct episode_packet *packet = &c->episode->packets[c->next];
	const struct sim_frame frame = frame_of(c, c->next);
	int err = 0, taken;

	if (packet->wait_ns) {
		err = look(c);
		if (!err)
			err = house_age(c->house, packet->wait_ns);
		c->aged_ns += packet->wait_ns;
	}
	if (err || c->finding->found)
		return err;
	taken = house_send(c->house, &frame);
	if (taken < 0)
		return taken;
	if (taken)
		c->under_way[c->count++] = c->next;
	c->next++;
	if (c->count == HOUSE_BATCH)
		err = look(c);
	return err;
}

/* --- The end ---------------------------------------------------------------------------- */

static int compare_counters(struct check *c, struct failure *failure)
{
	int err = 0;

	for (const struct house_iface *i = episode_ifaces; i->name && !err; i++) {
		const struct ifw_counters *simulator = sim_world_counters(c->world, i->ifindex);
		struct ifw_counters kernel;

		err = house_counters(c->house, i->ifindex, &kernel, failure);
		if (err)
			break;
		for (unsigned int reason = 0; reason < IFW_REASONS_MAX; reason++) {
			for (unsigned int verdict = 0; verdict < IFW_VERDICTS; verdict++) {
				const struct ifw_count *one =
					&simulator->by_reason[reason][verdict];
				const struct ifw_count *other = &kernel.by_reason[reason][verdict];

				differ(c, "counted packets", one->packets, other->packets);
				differ(c, "counted bytes", one->bytes, other->bytes);
			}
		}
		differ(c, "decisions", simulator->decisions, kernel.decisions);
		differ(c, "events lost", simulator->events_lost, kernel.events_lost);
	}
	return err;
}

static int compare_rules(struct check *c, struct failure *failure)
{
	struct ifw_count *kernel = NULL;
	int err = house_rule_counts(c->house, &kernel, failure);

	for (size_t i = 0; i < c->world->rules.count && !err; i++) {
		const struct ifw_count *simulator =
			&c->world->rule_counts[c->world->rules.rules[i].counter];

		differ(c, "packets counted for a rule", simulator->packets, kernel[i].packets);
		differ(c, "bytes counted for a rule", simulator->bytes, kernel[i].bytes);
	}
	free(kernel);
	return err;
}

/* Its place, from 1; 0 where both are the same. */
static size_t first_other(const void *a, const void *b, size_t size)
{
	const uint8_t *one = a, *other = b;

	for (size_t i = 0; i < size; i++)
		if (one[i] != other[i])
			return i + 1;
	return 0;
}

static void compare_flow(struct check *c, const struct ifw_flow_key *key,
			 const struct ifw_flow *simulator, const struct ifw_flow *kernel)
{
	const uint8_t *one = (const uint8_t *)simulator, *other = (const uint8_t *)kernel;
	const size_t at = first_other(one, other, sizeof(*kernel));

	if (!at)
		return;
	differ(c, "byte of a flow", one[at - 1], other[at - 1]);
	phrase_add(&c->text, "  byte %zu of the flow of IPv%u, protocol %u, ports %u and %u\n",
		   at - 1, key->family, key->protocol, key->low_port, key->high_port);
}

static void compare_flows(struct check *c, uint32_t class)
{
	differ(c, "flows", HASH_COUNT(c->world->flows[class]), house_flow_count(c->house, class));
	for (const struct sim_flow *f = c->world->flows[class]; f; f = f->hh.next) {
		struct ifw_flow simulator = f->value, kernel = {};

		if (house_flow(c->house, class, &f->key, &kernel)) {
			differ(c, "a flow is not there", 1, 0);
			continue;
		}
		/* Rules are numbered otherwise there, and generations of them. */
		differ(c, "rule of a flow", simulator.rule, house_rule(c->house, kernel.rule));
		simulator.rule = kernel.rule = 0;
		simulator.counter = kernel.counter = 0;
		simulator.epoch = kernel.epoch = 0;
		simulator.expires_ns = kernel.expires_ns = 0;
		simulator.began_ns = kernel.began_ns = 0;
		differ(c, "state of a flow", simulator.state, kernel.state);
		differ(c, "packets of a flow", simulator.packets, kernel.packets);
		compare_flow(c, &f->key, &simulator, &kernel);
	}
}

static void compare_fragments(struct check *c)
{
	differ(c, "datagrams in fragments", HASH_COUNT(c->world->fragments),
	       house_fragment_count(c->house));
	for (const struct sim_fragment *f = c->world->fragments; f; f = f->hh.next) {
		struct ifw_fragment simulator = f->value, kernel = {};

		if (house_fragment(c->house, &f->key, &kernel)) {
			differ(c, "a datagram in fragments is not there", 1, 0);
			continue;
		}
		simulator.expires_ns = kernel.expires_ns = 0;
		differ(c, "rule of a datagram", simulator.rule, house_rule(c->house, kernel.rule));
		simulator.rule = kernel.rule = 0;
		simulator.counter = kernel.counter = 0;
		differ(c, "first other byte of what is known of a datagram", 0,
		       first_other(&simulator, &kernel, sizeof(kernel)));
	}
}

static int compare_end(struct check *c, struct failure *failure)
{
	int err;

	c->finding->packet = c->episode->count;
	err = compare_counters(c, failure);
	if (!err)
		err = compare_rules(c, failure);
	for (uint32_t class = 0; class < IFW_FLOW_CLASSES && !err; class ++)
		compare_flows(c, class);
	if (!err)
		compare_fragments(c);
	return err;
}

/* --- All of it ---------------------------------------------------------------------------- */

static int check_once(struct house *house, const struct episode *episode,
		      struct check_counts *counts, struct finding *finding, struct failure *failure)
{
	struct check *c = calloc(1, sizeof(*c));
	uint64_t until;
	int err;

	finding->found = false;
	finding->text[0] = '\0';
	if (!c)
		return -ENOMEM;
	c->house = house;
	c->episode = episode;
	c->counts = counts;
	c->finding = finding;
	c->text = (struct phrase){.at = finding->text, .size = sizeof(finding->text)};
	c->world = episode_world(episode);
	snprintf(failure->text, sizeof(failure->text), "a packet could not be sent or seen");
	err = c->world ? house_furnish(house, c->world, failure) : -ENOMEM;
	until = clock_ns() + EPISODE_NS;
	while (!err && !finding->found && c->next < episode->count && clock_ns() < until)
		err = hand_over(c);
	if (!err && !finding->found)
		err = look(c);
	if (!err && !finding->found)
		err = compare_end(c, failure);
	if (counts) {
		counts->episodes++;
		counts->cut += c->next < episode->count && !finding->found;
	}
	sim_world_destroy(c->world);
	free(c);
	return err;
}

int check_episode(struct house *house, const struct episode *episode, struct check_counts *counts,
		  struct finding *finding, struct failure *failure)
{
	int err = check_once(house, episode, counts, finding, failure);

	for (int i = 0; i < DISTURBED_MAX && !err && finding->found && house_reports(house); i++) {
		if (counts)
			counts->disturbed++;
		err = check_once(house, episode, counts, finding, failure);
	}
	return err;
}
