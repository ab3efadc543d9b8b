/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* monitor_rate.c - see monitor.h: the line of rates. */
#include <inttypes.h>
#include <unistd.h>

#include "monitor.h"
#include "ruleset/clock.h"
#include "table.h"
#include "text.h"

#define NS_PER_S 1000000000ULL

struct monitor_rate monitor_rate_start(void)
{
	return (struct monitor_rate){
		.on = isatty(STDERR_FILENO),
		.width = table_look_of(stderr).width,
		.since_ns = clock_ns(),
	};
}

bool monitor_rate_is_due(const struct monitor_rate *rate)
{
	return rate->on && clock_ns() - rate->since_ns >= NS_PER_S;
}

static void put(struct monitor_rate *rate)
{
	fprintf(stderr, "\r\033[K%.*s",
		rate->width > 1 ? (int)rate->width - 1 : (int)sizeof(rate->line), rate->line);
	fflush(stderr);
	rate->drawn = true;
}

void monitor_rate_again(struct monitor_rate *rate)
{
	if (rate->line[0] && !rate->drawn)
		put(rate);
}

void monitor_rate_draw(struct monitor_rate *rate, const struct monitor_seen *seen, uint64_t lost)
{
	uint64_t now = clock_ns(), took = now - rate->since_ns;
	double seconds = (double)took / (double)NS_PER_S;

	if (!rate->on || !took)
		return;
	snprintf(rate->line, sizeof(rate->line),
		 "%.0f events/s, %.0f dropped/s; %" PRIu64 " received, %" PRIu64 " shown, %" PRIu64
		 " lost",
		 (double)(seen->received - rate->received) / seconds,
		 (double)(seen->dropped - rate->dropped) / seconds, seen->received, seen->shown,
		 lost);
	put(rate);
	rate->since_ns = now;
	rate->received = seen->received;
	rate->dropped = seen->dropped;
}

void monitor_rate_erase(struct monitor_rate *rate)
{
	if (!rate->drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	rate->drawn = false;
}
