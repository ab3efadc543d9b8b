/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cmd_run.c - `ifw-sim run`: a line for each packet of a capture. What sums
 * up goes to stderr, so that stdout is only the lines.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "cmd.h"
#include "replay.h"

struct run {
	struct sim_world *world;
	bool json;
	uint64_t packets; /* decided */
	uint64_t cut;	  /* not decided, since captured in part only */
	uint64_t by_reason[IFW_REASON_END][IFW_VERDICTS];
};

static void destroy_world(struct sim_world **world)
{
	sim_world_destroy(*world);
}

static int print_json(const struct run *run, uint64_t number, const struct decision *d)
{
	char text[RULE_TEXT_MAX];
	json_t *line = json_pack("{s:I, s:s, s:s, s:s?, s:s?}", "packet", (json_int_t)number,
				 "verdict", cmd_verdict(d), "reason", cmd_reason(d), "rule",
				 cmd_rule_text(run->world, d, text), "assigned", cmd_assigned(d));
	int error;

	if (!line)
		return -ENOMEM;
	error = json_dumpf(line, stdout, JSON_COMPACT) ? -EIO : 0;
	json_decref(line);
	putchar('\n');
	return error;
}

static void print_line(const struct run *run, uint64_t number, const struct decision *d)
{
	char text[RULE_TEXT_MAX];
	const char *rule = cmd_rule_text(run->world, d, text), *assigned = cmd_assigned(d);

	printf("%6" PRIu64 "  %s  %-18s  %-11s  %s\n", number, cmd_verdict(d), cmd_reason(d),
	       assigned ? assigned : "-", rule ? rule : "-");
}

static int on_packet(void *arg, const struct replay_packet *packet)
{
	struct run *run = arg;
	const struct decision *d;

	if (!packet->result) {
		if (run->cut++ == 0)
			cmd_fail(STATUS_BAD_INPUT,
				 "packet %" PRIu64 ": only %" PRIu32 " of its %" PRIu32
				 " bytes were captured, so it is not decided; capture whole "
				 "packets (tcpdump -s 0)",
				 packet->number, packet->captured, packet->length);
		return 0;
	}
	d = &packet->result->decision;
	run->packets++;
	run->by_reason[d->reason][d->verdict]++;
	if (run->json)
		return print_json(run, packet->number, d);
	print_line(run, packet->number, d);
	return ferror(stdout) ? -EIO : 0;
}

static void print_summary(const struct run *run)
{
	fprintf(stderr, "%" PRIu64 " packet%s\n", run->packets, run->packets == 1 ? "" : "s");
	for (unsigned int reason = IFW_REASON_NONE + 1; reason < IFW_REASON_END; reason++)
		for (int verdict = IFW_VERDICTS - 1; verdict >= 0; verdict--)
			if (run->by_reason[reason][verdict])
				fprintf(stderr, "%8" PRIu64 "  %s  %-18s  %s\n",
					run->by_reason[reason][verdict],
					verdict == IFW_VERDICT_PASS ? "pass" : "drop",
					ifw_reason_info(reason)->name,
					ifw_reason_info(reason)->text);
}

int cmd_run(const struct options *options)
{
	struct sim_world *world __attribute__((cleanup(destroy_world))) = NULL;
	const char *path = options->args[0];
	char message[REPLAY_MESSAGE_MAX] = "";
	struct run run = {.json = options->json};
	int status, error;
	uint32_t ifindex;
	FILE *file;

	status = cmd_load(options, &world, &ifindex);
	if (status)
		return status;
	run.world = world;
	file = cmd_open(path, &status);
	if (!file)
		return status;

	error = replay_capture(world, file, ifindex,
			       options->out  ? IFW_DIRECTION_OUT
			       : options->in ? IFW_DIRECTION_IN
					     : REPLAY_EITHER_WAY,
			       on_packet, &run, message);
	/* The lines first: both may go to one terminal. */
	if (fflush(stdout) != 0 || error == -EIO)
		return cmd_fail(STATUS_REFUSED, "cannot write to standard output: %s",
				strerror(errno));
	if (!run.json && run.packets)
		print_summary(&run);
	if (error)
		return cmd_fail(error == -EINVAL || error == -EPROTONOSUPPORT ? STATUS_BAD_INPUT
									      : STATUS_REFUSED,
				"%s: %s", path, message[0] ? message : strerror(-error));
	if (run.cut)
		return cmd_fail(STATUS_BAD_INPUT, "%s: %" PRIu64 " packets were not decided", path,
				run.cut);
	return STATUS_DONE;
}
