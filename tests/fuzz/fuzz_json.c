/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_json.c - state that is read from maps, as JSON: whatever bytes lie in
 * there (of another version, or while they are being written), what is printed
 * is JSON, and one object a line. And the JSON that is read: a host's state is refused with a
 * message, or decides packets and is written as it was.
 */
#include <errno.h>

#include "fuzz.h"

#include "cli/event.h"
#include "cli/flow_print.h"
#include "cli/json.h"
#include "sim/state/state.h"
#include "sim/world.h"

/* Counters go beyond what jansson takes for an integer. */
#define FLAGS (JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL)

/* Reads back what print() wrote; takes it over. */
static void read_back(char *text, size_t size, bool is_line)
{
	json_error_t why;
	json_t *value = json_loadb(text, size, FLAGS, &why);

	HOLDS(value, "%s at %d: %.*s", why.text, why.position, (int)size, text);
	HOLDS((size_t)why.position <= size);
	HOLDS(!is_line || !memchr(text, '\n', size - 1));
	json_decref(value);
	free(text);
}

static void flow(struct input *in)
{
	struct ifw_flow_key key;
	struct ifw_flow value;
	size_t size = 0;
	char *text = NULL;
	uint64_t now;
	FILE *out;

	take_bytes(in, &key, sizeof(key));
	take_bytes(in, &value, sizeof(value));
	take_bytes(in, &now, sizeof(now));
	out = open_memstream(&text, &size);
	HOLDS(out);
	flow_print_json(out, &key, &value, now);
	HOLDS(fclose(out) == 0);
	read_back(text, size, true);
	out = open_memstream(&text, &size);
	HOLDS(out);
	flow_print(out, &key, &value, now);
	HOLDS(fclose(out) == 0);
	free(text);
}

/* The names that the kernel gives interfaces are bytes, but never more than 15 and never empty. */
static void take_name(struct input *in, char name[IFW_NAME_MAX])
{
	take_bytes(in, name, IFW_NAME_MAX);
	name[IFW_NAME_MAX - 1] = 0;
	if (!iface_name_valid(name, strlen(name)))
		snprintf(name, IFW_NAME_MAX, "eth0");
}

static void event(struct input *in)
{
	const struct table_look look = {};
	struct ifw_event event;
	struct event_view view = {.event = &event};
	char name[IFW_NAME_MAX];
	size_t size = 0;
	char *text = NULL;
	FILE *out;

	take_bytes(in, &event, sizeof(event));
	take_name(in, name);
	view.ifname = name;
	view.rule = take(in) & 1 ? "deny udp to 10.0.0.0/8 port 5" : NULL;
	out = open_memstream(&text, &size);
	HOLDS(out);
	HOLDS(event_print_json(out, &view) == 0);
	HOLDS(fclose(out) == 0);
	read_back(text, size, true);
	out = open_memstream(&text, &size);
	HOLDS(out);
	event_print(out, &view, &look);
	HOLDS(fclose(out) == 0);
	free(text);
}

static void ifaces(struct input *in)
{
	struct iface_addr addrs[2] = {};
	struct iface_info info = {.addrs = addrs};
	struct loader_usage usage;
	size_t size = 0;
	char *text = NULL;
	FILE *out;

	take_name(in, info.name);
	info.ifindex = take16(in);
	take_bytes(in, &info.settings, sizeof(info.settings));
	take_bytes(in, &info.counters.by_reason[1], sizeof(info.counters.by_reason[1]));
	info.present = take(in) & 1;
	info.attached = take(in) & 1;
	info.addr_count = take(in) % 3;
	take_bytes(in, addrs, sizeof(addrs));
	take_bytes(in, &usage, sizeof(usage));
	for (int i = 0; i < 2; i++) {
		out = open_memstream(&text, &size);
		HOLDS(out);
		HOLDS(json_print(out, i ? json_stats(&info, 1) : json_ifaces(&info, 1, &usage)) ==
		      0);
		HOLDS(fclose(out) == 0);
		read_back(text, size, false);
	}
}

/* To be freed. */
static char *state_text(const struct sim_world *world, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	HOLDS(out);
	HOLDS(state_write(world, out) == 0);
	HOLDS(fclose(out) == 0);
	return text;
}

static void decide(struct sim_world *world)
{
	uint8_t bytes[SIM_MADE_MAX];
	struct sim_result result = {};
	struct sim_frame frame = {.data = bytes, .time_ns = 1ULL << 60};

	frame.length = sim_make_frame("tcp", "192.0.2.1:5", "10.0.0.1:80", bytes);
	for (const struct sim_iface *iface = world->ifaces; iface; iface = iface->next) {
		frame.ifindex = iface->ifindex;
		for (int out = 0; out < IFW_DIRECTIONS; out++) {
			frame.direction = (enum ifw_direction)out;
			HOLDS(sim_decide(world, &frame, &result) == 0, "%s", result.violation);
		}
	}
}

static void state(const struct input *in)
{
	char message[STATE_MESSAGE_MAX], *first, *second;
	struct sim_world *world, *again;
	size_t size = 0, same = 0;
	int error;

	HOLDS(sim_world_create(&world) == 0);
	HOLDS(sim_world_create(&again) == 0);
	error = state_read(world, (const char *)in->data, in->size, message);
	HOLDS(error == 0 || (error == -EINVAL && message[0]));
	if (!error) {
		first = state_text(world, &size);
		HOLDS(state_read(again, first, size, message) == 0, "%s", message);
		second = state_text(again, &same);
		HOLDS(size == same && memcmp(first, second, size) == 0, "%s\n%s", first, second);
		free(first);
		free(second);
		decide(world);
	}
	sim_world_destroy(world);
	sim_world_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	switch (take(&in) % 4) {
	case 0:
		flow(&in);
		break;
	case 1:
		event(&in);
		break;
	case 3:
		state(&in);
		break;
	default:
		ifaces(&in);
	}
	return 0;
}
