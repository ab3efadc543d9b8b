/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_packet.c - packets into the decision, coming in and leaving, one after
 * the other in one world. An input says how to make their frames (take_frame.h).
 * A helper may fail in each.
 */
#include <errno.h>

#include "fuzz.h"
#include "take_frame.h"

#define PACKETS_MAX 24

static const char world_text[] =
	"interface eth0 index 2 address 10.0.0.1/24 address 2001:db8::1/64\n"
	"interface eth1 index 3 address 172.16.0.1/16 address fd00::1/8\n"
	"interface eth2 index 4 addresses unknown\n"
	"interface tun0 index 5 address 10.9.0.1/24 link raw\n"
	"interface eth3 index 6 no settings\n"
	"set eth0 geneve on\n"
	"set eth0 echo on\n"
	"set eth0 track on\n"
	"set eth0 verbose 2\n"
	"set eth0 mark 0x100 mask 0x300\n"
	"set eth1 track on\n"
	"set eth1 egress-default deny\n"
	"set eth1 geneve from 192.0.2.0/24,2001:db8::/32\n"
	"set eth1 pass-protocol 47,50\n"
	"set eth1 pass-ethertype 0x88cc\n"
	"set tun0 track on\n"
	"set tun0 egress-default deny\n"
	"track flows 16\n"
	"flow tcp 10.0.0.1:80 192.0.2.1:5 state established\n"
	"flow udp 192.0.2.1:7 10.0.0.1:9 came-in\n"
	"socket tcp listen 127.0.0.1:1000\n"
	"socket tcp listen [::1]:1000\n"
	"socket udp bound 127.0.0.1:1000\n"
	"socket tcp established 10.0.0.1:80 192.0.2.1:5 reuseport\n"
	"socket tcp time-wait 10.0.0.1:22 192.0.2.1:6\n"
	"socket udp connected 10.0.0.1:53 192.0.2.1:5\n"
	"socket tcp syn-sent [2001:db8::1]:80 [2001:db8:2::1]:5\n";

static const char rules_text[] =
	"intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:1000\n"
	"intercept udp to 10.0.0.0/8 port 80-443 via 127.0.0.1:1000 from 192.0.2.0/24\n"
	"deny tcp to 10.0.0.0/24 port 81 on eth0\n"
	"pass udp to 0.0.0.0/0 port 0-100\n"
	"intercept tcp to 2001:db8::/32 port 80-443 via [::1]:1000\n"
	"pass udp to ::/0 port 5-9 from 2001:db8::/32\n"
	"deny udp to 2001:db8:2::/48 port 7 on eth0,eth1\n"
	"egress deny tcp to 192.0.2.0/24 port 80\n"
	"egress pass udp to 0.0.0.0/0 port 53 on eth1\n"
	"egress pass tcp to ::/0 port 443\n";

static void decide(struct sim_world *world, struct input *in, uint64_t *now)
{
	static const char *const ifaces[] = {"eth0", "eth0", "eth1", "eth2",
					     "tun0", "eth3", "lo",   "none"};
	const uint8_t where = take(in), how = take(in);
	const char *iface = ifaces[where & 7];
	struct frame made = take_frame(in, strcmp(iface, "tun0") == 0);
	struct sim_frame frame = {
		.data = made.bytes,
		.length = made.length,
		.ifindex = sim_world_ifindex(world, iface),
		.mark = MARK_BEFORE,
		.gso_segs = how >> 4 & 1 ? 4 : 0,
		.tags = how >> 5 & 1,
		.direction = where >> 3 & 1 ? IFW_DIRECTION_OUT : IFW_DIRECTION_IN,
	};
	struct sim_result result;
	int error;

	*now += 1 + (uint64_t)(how & 15) * (how & 15) * SECOND;
	frame.time_ns = *now;
	sim_world_fail_call(world, where >> 4 == 15 ? take(in) & 63 : 0);
	error = sim_decide(world, &frame, &result);
	HOLDS(error == 0, "%s", error == -EPROTO ? result.violation : "no memory");
	HOLDS(result.decision.marked == (result.mark != MARK_BEFORE));
	HOLDS(!result.decision.assigned || result.decision.marked);
	HOLDS(!(result.mark & ~(MARK_BEFORE | 0x320U)), "mark %#x", result.mark);
	HOLDS(frame.direction == IFW_DIRECTION_IN || !result.decision.marked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct sim_world *world = world_of(world_text, rules_text);
	uint64_t now = START;

	for (int i = 0; i < PACKETS_MAX && in.size; i++)
		decide(world, &in, &now);
	sim_world_destroy(world);
	return 0;
}
