/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* mirror_compare.c - what the kernel made of it beside what the simulator did; see mirror.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "aging.h"
#include "ifw.skel.h"
#include "mirror.h"

struct comparison {
	struct mirror *mirror;
	const struct sim_world *world;
	mirror_say say;
	void *arg;
	unsigned int differences;
};

static void differ(struct comparison *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void differ(struct comparison *c, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	c->say(c->arg, line);
	c->differences++;
}

static const char *reason_name(uint8_t reason)
{
	const struct ifw_reason_info *info = ifw_reason_info(reason);

	return info ? info->name : "no reason";
}

static const char *verdict_name(uint32_t verdict)
{
	return verdict == IFW_VERDICT_PASS ? "pass" : verdict == IFW_VERDICT_DROP ? "drop" : "?";
}

static void compare_number(struct comparison *c, const char *what, uint64_t simulator,
			   uint64_t kernel)
{
	if (simulator != kernel)
		differ(c, "%s: simulator %llu, kernel %llu", what, (unsigned long long)simulator,
		       (unsigned long long)kernel);
}

/* All that an event says, but for its time. */
static void compare_event(struct comparison *c, const struct ifw_event *simulator,
			  const struct ifw_event *kernel)
{
	struct ifw_event one = *simulator, other = *kernel;

	one.time_ns = other.time_ns = 0;
	if (memcmp(&one, &other, sizeof(one)) == 0)
		return;
	if (one.verdict != other.verdict || one.reason != other.reason)
		differ(c, "simulator %s %s, kernel %s %s", verdict_name(one.verdict),
		       reason_name(one.reason), verdict_name(other.verdict),
		       reason_name(other.reason));
	compare_number(c, "rule", one.rule, other.rule);
	compare_number(c, "assigned", one.assigned, other.assigned);
	compare_number(c, "length", one.length, other.length);
	compare_number(c, "direction", one.direction, other.direction);
	compare_number(c, "interface", one.ifindex, other.ifindex);
	compare_number(c, "protocol", one.protocol, other.protocol);
	if (!c->differences)
		differ(c, "the events have other ends");
}

static void compare_counters(struct comparison *c, uint32_t slot)
{
	const struct ifw_counters *simulator = &c->world->counters[slot];
	struct ifw_counters kernel;

	if (mirror_counters(c->mirror, slot, &kernel)) {
		differ(c, "the counters cannot be read");
		return;
	}
	for (unsigned int reason = 0; reason < IFW_REASONS_MAX; reason++) {
		for (unsigned int verdict = 0; verdict < IFW_VERDICTS; verdict++) {
			const struct ifw_count *one = &simulator->by_reason[reason][verdict];
			const struct ifw_count *other = &kernel.by_reason[reason][verdict];

			if (one->packets == other->packets && one->bytes == other->bytes)
				continue;
			differ(c,
			       "counter of %s %s: simulator %llu packets, %llu bytes, kernel %llu, "
			       "%llu",
			       verdict_name(verdict), reason_name((uint8_t)reason), one->packets,
			       one->bytes, other->packets, other->bytes);
		}
	}
	compare_number(c, "decisions", simulator->decisions, kernel.decisions);
	compare_number(c, "events lost", simulator->events_lost, kernel.events_lost);
}

static void compare_rule_count(struct comparison *c, uint32_t counter)
{
	const struct ifw_count *simulator = &c->world->rule_counts[counter];
	struct ifw_count kernel;

	if (mirror_rule_count(c->mirror, counter, &kernel))
		differ(c, "the counter of a rule cannot be read");
	else if (simulator->packets != kernel.packets || simulator->bytes != kernel.bytes)
		differ(c,
		       "counter %u of a rule: simulator %llu packets, %llu bytes, kernel %llu, "
		       "%llu",
		       counter, simulator->packets, simulator->bytes, kernel.packets, kernel.bytes);
}

unsigned int mirror_compare_packet(struct mirror *mirror, const struct sim_world *world,
				   const struct sim_frame *frame,
				   const struct mirror_expected *expected,
				   const struct mirror_result *result, mirror_say say, void *arg)
{
	struct comparison c = {.mirror = mirror, .world = world, .say = say, .arg = arg};
	const struct sim_result *simulator = expected->result;
	const uint32_t answer = simulator->decision.verdict == IFW_VERDICT_PASS
					? (uint32_t)TC_ACT_UNSPEC
					: TC_ACT_SHOT;

	if (answer != result->answer)
		differ(&c, "simulator says %s, the program answers %d",
		       verdict_name(simulator->decision.verdict), (int)result->answer);
	compare_number(&c, "events", simulator->has_event, result->events);
	if (simulator->has_event && result->events)
		compare_event(&c, &simulator->event, &result->event);
	if (simulator->mark != result->mark)
		differ(&c, "mark: simulator %#x, kernel %#x", simulator->mark, result->mark);
	compare_counters(&c, sim_world_slot(world, frame->ifindex));
	if (simulator->decision.counter)
		compare_rule_count(&c, simulator->decision.counter);
	if (expected->length != result->length ||
	    memcmp(expected->data, result->data, expected->length) != 0)
		differ(&c, "the frame afterwards: simulator %zu bytes, kernel %u%s",
		       expected->length, result->length,
		       expected->length == result->length ? ", and others" : "");
	return c.differences;
}

/* --- What is remembered -------------------------------------------------------- */

static void compare_flows(struct comparison *c, uint32_t class)
{
	const int fd = mirror_flows_fd(c->mirror, class);

	if (fd < 0)
		return;
	compare_number(c, "flows", HASH_COUNT(c->world->flows[class]),
		       count_elements(fd, sizeof(struct ifw_flow_key)));
	for (const struct sim_flow *f = c->world->flows[class]; f; f = f->hh.next) {
		struct ifw_flow kernel, simulator = f->value;

		if (bpf_map_lookup_elem(fd, &f->key, &kernel)) {
			differ(c,
			       "a flow of class %u, protocol %u, ports %u and %u, is not in the "
			       "kernel",
			       class, f->key.protocol, f->key.low_port, f->key.high_port);
			continue;
		}
		kernel.expires_ns = simulator.expires_ns = 0;
		kernel.began_ns = simulator.began_ns = 0;
		if (memcmp(&kernel, &simulator, sizeof(kernel)) != 0)
			differ(c,
			       "the flow of protocol %u, ports %u and %u, is another: states %u "
			       "and %u, packets %llu and %llu",
			       f->key.protocol, f->key.low_port, f->key.high_port, simulator.state,
			       kernel.state, simulator.packets, kernel.packets);
	}
}

static void compare_fragments(struct comparison *c)
{
	const int fd = bpf_map__fd(mirror_skeleton(c->mirror)->maps.ifw_fragments);

	compare_number(c, "datagrams in fragments", HASH_COUNT(c->world->fragments),
		       count_elements(fd, sizeof(struct ifw_fragment_key)));
	for (const struct sim_fragment *f = c->world->fragments; f; f = f->hh.next) {
		struct ifw_fragment kernel, simulator = f->value;

		if (bpf_map_lookup_elem(fd, &f->key, &kernel)) {
			differ(c, "a datagram in fragments is not in the kernel");
			continue;
		}
		kernel.expires_ns = simulator.expires_ns = 0;
		if (memcmp(&kernel, &simulator, sizeof(kernel)) != 0)
			differ(c, "what is known of a datagram in fragments is not the same");
	}
}

unsigned int mirror_compare_rest(struct mirror *mirror, const struct sim_world *world,
				 mirror_say say, void *arg)
{
	struct comparison c = {.mirror = mirror, .world = world, .say = say, .arg = arg};

	for (size_t i = 0; i < world->rules.count; i++)
		compare_rule_count(&c, world->rules.rules[i].counter);
	for (uint32_t class = 0; class < IFW_FLOW_CLASSES; class ++)
		compare_flows(&c, class);
	compare_fragments(&c);
	return c.differences;
}
