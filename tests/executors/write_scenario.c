/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* write_scenario.c - an episode as the files of a scenario; see shrink.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shrink.h"

#define PCAP_MAGIC 0xa1b2c3d4U /* microseconds */
#define LINKTYPE_ETHERNET 1
#define LINKTYPE_RAW 101
#define FIRST_PACKET 1000000000ULL /* seconds; as in fixtures/generate.py */
#define STEP_NS 1000000ULL

struct files {
	FILE *world, *rules, *pcap, *expect, *json;
};

static FILE *create(const char *folder, const char *file)
{
	char path[512];

	if (snprintf(path, sizeof(path), "%s/%s", folder, file) >= (int)sizeof(path))
		return NULL;
	return fopen(path, "we");
}

static int close_file(FILE *file)
{
	if (!file)
		return -EIO;
	if (ferror(file)) {
		fclose(file);
		return -EIO;
	}
	return fclose(file) ? -errno : 0;
}

static void write_pcap_header(FILE *file, bool raw)
{
	const uint32_t header[] = {
		PCAP_MAGIC, 4U << 16 | 2, 0, 0, 65535, raw ? LINKTYPE_RAW : LINKTYPE_ETHERNET};

	fwrite(header, sizeof(header), 1, file);
}

static void write_frame(FILE *file, uint64_t time_ns, const void *data, uint32_t length)
{
	const uint32_t header[] = {(uint32_t)(time_ns / 1000000000ULL),
				   (uint32_t)(time_ns / 1000 % 1000000), length, length};

	fwrite(header, sizeof(header), 1, file);
	fwrite(data, 1, length, file);
}

static const char *const assigned_names[] = {"-", "established", "listener"};

/* What the files of a scenario do not say: they find the sender among the world's sockets. */
static const char *sender_note(const struct episode_packet *packet)
{
	if (packet->direction == IFW_DIRECTION_IN)
		return "";
	return packet->sender == SIM_SENT_BY(IFW_SENDER_NONE) ? "forwarded"
							      : "from a packet socket";
}

static void write_expected(struct files *files, const struct sim_world *world, uint32_t number,
			   const struct episode_packet *packet, const struct sim_result *result)
{
	const struct ifw_reason_info *reason = ifw_reason_info(result->decision.reason);
	const struct rule *rule = sim_world_rule(world, result->decision.rule);
	const char *assigned = assigned_names[result->decision.assigned % 3];
	const char *iface = sim_world_ifname(world, packet->ifindex);
	const char *verdict = result->decision.verdict == IFW_VERDICT_PASS ? "pass" : "drop";
	const bool leaves = packet->direction == IFW_DIRECTION_OUT;
	char text[RULE_TEXT_MAX] = "-";

	if (rule)
		rule_print(rule, &world->rules.names, text, sizeof(text));
	fprintf(files->expect, "%u\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", number, iface, verdict,
		reason->name, assigned, text, result->decision.marked ? "marked" : "-",
		leaves ? "out" : "in");
	fprintf(files->json,
		"%s{\"packet\": %u, \"iface\": \"%s\", \"verdict\": \"%s\", \"reason\": \"%s\", "
		"\"rule\": %s%s%s, \"assigned\": %s%s%s, \"note\": \"%s\", \"sim_only\": null, "
		"\"stripped\": 0, \"leaves\": %s, \"wait\": %llu.%03llu}",
		number > 1 ? ",\n" : "", number, iface, verdict, reason->name, rule ? "\"" : "",
		rule ? text : "null", rule ? "\"" : "", result->decision.assigned ? "\"" : "",
		result->decision.assigned ? assigned : "null",
		result->decision.assigned ? "\"" : "", sender_note(packet),
		leaves ? "true" : "false", (unsigned long long)(packet->wait_ns / 1000000000ULL),
		(unsigned long long)(packet->wait_ns / 1000000 % 1000));
}

static int write_packets(struct files *files, const struct episode *episode)
{
	struct sim_world *world = episode_world(episode);
	uint64_t time_ns = FIRST_PACKET * 1000000000ULL;
	int err = world ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < episode->count && !err; i++) {
		const struct episode_packet *packet = &episode->packets[i];
		struct sim_frame frame = {
			.data = episode->bytes + packet->at,
			.length = packet->length,
			.ifindex = packet->ifindex,
			.direction = packet->direction,
			.sender = packet->sender,
			.time_ns = time_ns += STEP_NS + packet->wait_ns,
		};
		struct sim_result result;

		err = sim_decide(world, &frame, &result);
		write_frame(files->pcap, time_ns, frame.data, packet->length);
		if (!err)
			write_expected(files, world, i + 1, packet, &result);
	}
	sim_world_destroy(world);
	return err;
}

int write_scenario(const struct episode *episode, const char *folder, const char *name)
{
	struct files files;
	char path[512];
	int err = 0, one;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if ((mkdir(folder, 0777) && errno != EEXIST) || mkdir(path, 0777))
		return -errno;
	files = (struct files){create(path, "world"), create(path, "rules"),
			       create(path, "packets.pcap"), create(path, "expect"),
			       create(path, "expect.json")};
	if (!files.world || !files.rules || !files.pcap || !files.expect || !files.json) {
		err = -EIO;
	} else {
		fprintf(files.world, "# Seed %llu: simulator and kernel do not agree.\n%s",
			(unsigned long long)episode->seed, episode->world);
		fputs(episode->rules, files.rules);
		write_pcap_header(files.pcap, episode->raw);
		fprintf(files.json,
			"{\"name\": \"%s\", \"description\": \"seed %llu\", "
			"\"sim_only\": null, \"packets\": [\n",
			name, (unsigned long long)episode->seed);
		err = write_packets(&files, episode);
		fputs("\n]}\n", files.json);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(FILE *); i++) {
		one = close_file(((FILE **)&files)[i]);
		err = err ? err : one;
	}
	return err;
}
