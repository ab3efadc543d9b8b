/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_fail_nth.c - of every packet of every scenario the 1st, 2nd, 3rd ... call
 * of a helper fails, until the decision makes no more of them. Each time the world
 * is as it is when that packet comes, and the packets after it are decided, too:
 * whatever a failure leaves behind, all get a verdict with a reason that goes with
 * it, and no socket stays held (sim_decide() refuses both).
 */
#include "scenario_fixture.h"

#define MARK_BEFORE 0xf0000000U
#define CALLS_MAX 400 /* of one packet, by far */

/* The packets of a scenario, kept to be decided again and again. */
struct packets {
	struct sim_frame *frames;
	size_t count;
};

static struct packets keep_packets(const char *scenario, const struct sim_world *world)
{
	struct text text = read_text(scenario, "expect");
	struct capture *capture = open_packets(scenario);
	char *rest = text.bytes, message[CAPTURE_MESSAGE_MAX];
	struct packets packets = {};
	struct capture_packet packet;
	struct expect expect;

	while (next_expect(scenario, &rest, &expect)) {
		struct sim_frame *frame;
		void *copy;

		packets.frames =
			realloc(packets.frames, (packets.count + 1) * sizeof(*packets.frames));
		cr_assert_not_null(packets.frames);
		cr_assert_eq(capture_next(capture, &packet, message), 1);
		frame = &packets.frames[packets.count++];
		*frame = frame_of(scenario, world, &expect, &packet);
		copy = malloc(frame->length ? frame->length : 1);
		cr_assert_not_null(copy);
		memcpy(copy, packet.data, frame->length);
		frame->data = copy;
		frame->mark = MARK_BEFORE;
	}
	capture_close(capture);
	free(text.bytes);
	return packets;
}

static void free_packets(struct packets *packets)
{
	for (size_t i = 0; i < packets->count; i++)
		free((void *)packets->frames[i].data);
	free(packets->frames);
}

/* The verdict that each packet must get: a sound one. Returns the calls that it took. */
static unsigned int decide(const char *scenario, struct sim_world *world,
			   const struct packets *packets, size_t at, size_t failing,
			   unsigned int nth)
{
	const struct sim_frame *frame = &packets->frames[at];
	struct sim_result result;
	int error;

	sim_world_fail_call(world, at == failing ? nth : 0);
	error = sim_decide(world, frame, &result);
	cr_assert_eq(error, 0, "%s, packet %zu, call %u of packet %zu fails: %s", scenario, at + 1,
		     nth, failing + 1, error == -EPROTO ? result.violation : strerror(-error));
	cr_assert_eq(result.decision.marked, result.mark != MARK_BEFORE,
		     "%s, packet %zu, call %u of packet %zu fails: the mark is %#x", scenario,
		     at + 1, nth, failing + 1, result.mark);
	cr_assert(!result.decision.assigned || result.decision.marked,
		  "%s, packet %zu, call %u of packet %zu fails: assigned without a mark", scenario,
		  at + 1, nth, failing + 1);
	return sim_world_calls(world);
}

/* True where the packet made fewer calls than nth, none of which failed then. */
static bool fails_in_turn(const char *scenario, const struct text *text, size_t failing,
			  unsigned int nth, const struct packets *packets)
{
	struct sim_world *world = read_world(scenario);
	struct rule_set set = read_rules(scenario, world, *text);
	unsigned int calls = 0;

	for (size_t i = 0; i < packets->count; i++) {
		unsigned int made = decide(scenario, world, packets, i, failing, nth);

		if (i == failing)
			calls = made;
	}
	rule_set_clear(&set);
	sim_world_destroy(world);
	return nth > calls;
}

ParameterizedTestParameters(fail_nth, every_call_of_every_packet)
{
	return each_scenario();
}

ParameterizedTest(struct scenario_name *name, fail_nth, every_call_of_every_packet)
{
	struct text text = read_text(name->text, "rules");
	struct sim_world *world = read_world(name->text);
	struct packets packets = keep_packets(name->text, world);

	for (size_t i = 0; i < packets.count; i++) {
		unsigned int nth = 1;

		while (!fails_in_turn(name->text, &text, i, nth, &packets))
			cr_assert_lt(nth++, CALLS_MAX, "%s, packet %zu: no end of calls",
				     name->text, i + 1);
	}
	sim_world_destroy(world);
	free_packets(&packets);
	free(text.bytes);
}
