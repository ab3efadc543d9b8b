/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/capture_ng*.c: pcapng says of each packet by which interface and which way
 * it went, in either byte order, and what is damaged is refused.
 */
#include <byteswap.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sim_fixture.h"

#include "sim/capture/replay.h"

#define ETHERNET 1
#define RAW_IP 101
#define NULL_LINK 0

static bool swapped; /* written as by a machine of the other byte order */

struct ng {
	uint8_t bytes[8192];
	size_t size;
};

static void add32(struct ng *ng, uint32_t value)
{
	if (swapped)
		value = bswap_32(value);
	memcpy(ng->bytes + ng->size, &value, sizeof(value));
	ng->size += sizeof(value);
}

static void add16(struct ng *ng, uint16_t value)
{
	if (swapped)
		value = bswap_16(value);
	memcpy(ng->bytes + ng->size, &value, sizeof(value));
	ng->size += sizeof(value);
}

static void add_bytes(struct ng *ng, const void *bytes, size_t size)
{
	memcpy(ng->bytes + ng->size, bytes, size);
	ng->size += (size + 3) & ~(size_t)3;
}

/* Where a block's length stands, which end_block() fills in. */
static size_t begin_block(struct ng *ng, uint32_t type)
{
	add32(ng, type);
	add32(ng, 0);
	return ng->size - 4;
}

static void end_block(struct ng *ng, size_t at)
{
	uint32_t size = (uint32_t)(ng->size - at + 8);
	size_t end = ng->size;

	ng->size = at;
	add32(ng, size);
	ng->size = end;
	add32(ng, size);
}

static void add_section(struct ng *ng)
{
	size_t at = begin_block(ng, 0x0a0d0d0a);

	add32(ng, 0x1a2b3c4d);
	add16(ng, 1);
	add16(ng, 0);
	add32(ng, UINT32_MAX);
	add32(ng, UINT32_MAX);
	end_block(ng, at);
}

/* resolution: if_tsresol; 0: none is given. */
static void add_iface(struct ng *ng, uint16_t link, const char *name, uint8_t resolution)
{
	size_t at = begin_block(ng, 1);

	add16(ng, link);
	add16(ng, 0);
	add32(ng, 0);
	if (name) {
		add16(ng, 2);
		add16(ng, (uint16_t)strlen(name));
		add_bytes(ng, name, strlen(name));
	}
	if (resolution) {
		add16(ng, 9);
		add16(ng, 1);
		add_bytes(ng, &resolution, 1);
	}
	add32(ng, 0);
	end_block(ng, at);
}

/* flags: epb_flags; 0: none are given. */
static void add_packet(struct ng *ng, uint32_t iface, uint64_t time, uint32_t flags,
		       const struct frame *frame)
{
	size_t at = begin_block(ng, 6);

	add32(ng, iface);
	add32(ng, (uint32_t)(time >> 32));
	add32(ng, (uint32_t)time);
	add32(ng, (uint32_t)frame->length);
	add32(ng, (uint32_t)frame->length);
	add_bytes(ng, frame->bytes, frame->length);
	if (flags) {
		add16(ng, 2);
		add16(ng, 4);
		add32(ng, flags);
		add32(ng, 0);
	}
	end_block(ng, at);
}

struct seen {
	unsigned int packets, undecided;
	struct sim_frame frames[8];
	uint8_t reasons[8];
	char elsewhere[CAPTURE_IFNAME_MAX];
	struct capture_writer *writer;
};

static int see(void *arg, const struct replay_packet *packet)
{
	struct seen *seen = arg;

	if (packet->fate == REPLAY_ELSEWHERE) {
		snprintf(seen->elsewhere, sizeof(seen->elsewhere), "%s", packet->ifname);
		seen->undecided++;
	} else if (packet->fate == REPLAY_CUT) {
		seen->undecided++;
	} else {
		seen->frames[seen->packets % 8] = *packet->frame;
		seen->reasons[seen->packets++ % 8] = packet->result->decision.reason;
	}
	if (seen->writer)
		capture_write(seen->writer, packet->captured);
	return 0;
}

static struct sim_world *world;
static char message[REPLAY_MESSAGE_MAX];

static void setup(void)
{
	swapped = false;
	world = world_of("interface eth0 index 2 address 10.0.0.1/24\n"
			 "interface eth1 index 7\n"
			 "interface tun0 index 3 link raw address 10.0.0.1/24\n",
			 "pass tcp to 198.51.100.0/24 port 80 on eth1\n");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(sim_pcapng, .init = setup, .fini = teardown);

static int replay_by(uint32_t ifindex, struct ng *ng, struct seen *seen)
{
	FILE *file = fmemopen(ng->bytes, ng->size, "r");

	cr_assert_not_null(file);
	message[0] = '\0';
	return replay_capture(
		&(struct replay){
			.world = world,
			.ifindex = ifindex,
			.direction = ifindex ? IFW_DIRECTION_IN : REPLAY_EITHER_WAY,
			.each = see,
			.arg = seen,
		},
		file, message);
}

static int replay(struct ng *ng, struct seen *seen)
{
	return replay_by(0, ng, seen);
}

/* Two interfaces, of which the rule names one; the third of another link type. */
static struct ng three_interfaces(void)
{
	struct frame web = tcp("192.0.2.1", 5, "198.51.100.1", 80);
	struct frame raw = {.length = web.length - L3};
	struct ng ng = {};

	memcpy(raw.bytes, web.bytes + L3, raw.length);
	add_section(&ng);
	add_iface(&ng, ETHERNET, "eth0", 0);
	add_iface(&ng, ETHERNET, "eth1", 9);
	add_iface(&ng, RAW_IP, "tun0", 0);
	add_packet(&ng, 0, 1000001, 0, &web);
	add_packet(&ng, 1, 1000000002, 1, &web);
	add_packet(&ng, 2, 1000003, 0, &raw);
	add_packet(&ng, 1, 1000000004, 2, &web);
	return ng;
}

static void check_three_interfaces(void)
{
	static const uint32_t ifindexes[] = {2, 7, 3, 7};
	static const uint64_t times[] = {1000001000, 1000000002, 1000003000, 1000000004};
	static const uint8_t reasons[] = {IFW_REASON_NO_RULE, IFW_REASON_RULE_PASS,
					  IFW_REASON_NO_RULE, IFW_REASON_EGRESS_PASS};
	struct ng ng = three_interfaces();
	struct seen seen = {};

	cr_assert_eq(replay(&ng, &seen), 0, "%s", message);
	cr_assert_eq(seen.packets, 4);
	for (size_t i = 0; i < 4; i++) {
		cr_assert_eq(seen.frames[i].ifindex, ifindexes[i], "%zu", i);
		cr_assert_eq(seen.frames[i].time_ns, times[i], "%zu", i);
		cr_assert_eq(seen.reasons[i], reasons[i], "%zu", i);
	}
	cr_assert_eq(seen.frames[1].direction, IFW_DIRECTION_IN);
	cr_assert_eq(seen.frames[3].direction, IFW_DIRECTION_OUT);
}

Test(sim_pcapng, interfaces_and_ways_are_those_of_the_capture)
{
	check_three_interfaces();
}

Test(sim_pcapng, the_other_byte_order_reads_alike)
{
	swapped = true;
	check_three_interfaces();
}

Test(sim_pcapng, an_interface_that_the_caller_gives_holds_for_all)
{
	struct frame web = tcp("192.0.2.1", 5, "198.51.100.1", 80);
	struct seen seen = {};
	struct ng ng = {};

	add_section(&ng);
	add_iface(&ng, ETHERNET, "nowhere", 0);
	add_packet(&ng, 0, 0, 2, &web);
	cr_assert_eq(replay_by(7, &ng, &seen), 0, "%s", message);
	cr_assert_eq(seen.reasons[0], IFW_REASON_RULE_PASS);
	cr_assert_eq(seen.frames[0].direction, IFW_DIRECTION_IN);
}

Test(sim_pcapng, a_name_that_the_world_lacks_is_elsewhere)
{
	struct frame web = tcp("192.0.2.1", 5, "198.51.100.1", 80);
	struct seen seen = {};
	struct ng ng = {};

	add_section(&ng);
	add_iface(&ng, ETHERNET, "wan\0330", 0);
	add_iface(&ng, ETHERNET, NULL, 0);
	add_packet(&ng, 0, 0, 0, &web);
	add_packet(&ng, 1, 0, 0, &web);
	cr_assert_eq(replay(&ng, &seen), 0, "%s", message);
	cr_assert_eq(seen.undecided, 1);
	cr_assert_str_eq(seen.elsewhere, "wan?0", "what would colour a terminal is not kept");
	/* Without a name it is the first interface's. */
	cr_assert_eq(seen.packets, 1);
	cr_assert_eq(seen.frames[0].ifindex, 2);
}

Test(sim_pcapng, links_are_those_of_the_world)
{
	struct frame web = tcp("192.0.2.1", 5, "198.51.100.1", 80);
	struct seen seen = {};
	struct ng ng = {};

	add_section(&ng);
	add_iface(&ng, RAW_IP, "eth0", 0);
	add_iface(&ng, ETHERNET, "tun0", 0);
	add_iface(&ng, NULL_LINK, "eth1", 0);
	size_t described = ng.size;

	add_packet(&ng, 0, 0, 0, &web);
	cr_assert_eq(replay(&ng, &seen), -EPROTONOSUPPORT);
	cr_assert_not_null(strstr(message, "packet 1: link type RAW is raw IP, but frames on "
					   "'eth0' are Ethernet"),
			   "%s", message);
	ng.size = described;
	add_packet(&ng, 1, 0, 0, &web);
	cr_assert_eq(replay(&ng, &seen), -EPROTONOSUPPORT);
	cr_assert_not_null(strstr(message, "EN10MB, but frames on 'tun0' are raw IP"), "%s",
			   message);
	ng.size = described;
	add_packet(&ng, 2, 0, 0, &web);
	cr_assert_eq(replay(&ng, &seen), -EPROTONOSUPPORT);
	cr_assert_not_null(strstr(message, "link type 0 is not supported"), "%s", message);
	ng.size = described;
	add_packet(&ng, 3, 0, 0, &web);
	cr_assert_eq(replay(&ng, &seen), -EINVAL);
	cr_assert_not_null(strstr(message, "interface 3 is not described"), "%s", message);
}

/* Sections start anew; blocks for others are skipped; an old and a simple packet read, too. */
Test(sim_pcapng, sections_and_older_blocks)
{
	struct frame web = tcp("192.0.2.1", 5, "198.51.100.1", 80);
	struct seen seen = {};
	struct ng ng = {};
	size_t at;

	add_section(&ng);
	add_iface(&ng, ETHERNET, "eth0", 0);
	at = begin_block(&ng, 5);
	add32(&ng, 0);
	end_block(&ng, at);
	add_section(&ng);
	add_iface(&ng, ETHERNET, "eth1", 0x80 | 10);
	at = begin_block(&ng, 3);
	add32(&ng, (uint32_t)web.length);
	add_bytes(&ng, web.bytes, web.length);
	end_block(&ng, at);
	at = begin_block(&ng, 2);
	add16(&ng, 0);
	add16(&ng, 0);
	add32(&ng, 0);
	add32(&ng, 3 * 1024 + 512);
	add32(&ng, (uint32_t)web.length);
	add32(&ng, (uint32_t)web.length);
	add_bytes(&ng, web.bytes, web.length);
	end_block(&ng, at);
	cr_assert_eq(replay(&ng, &seen), 0, "%s", message);
	cr_assert_eq(seen.packets, 2);
	cr_assert_eq(seen.reasons[0], IFW_REASON_RULE_PASS);
	cr_assert_eq(seen.reasons[1], IFW_REASON_RULE_PASS);
	cr_assert_eq(seen.frames[1].time_ns, 3500000000);
}

Test(sim_pcapng, cut_anywhere_is_an_error_but_between_blocks)
{
	struct ng ng = three_interfaces();
	const size_t whole = ng.size;
	unsigned int fine = 0;

	for (size_t size = 1; size < whole; size++) {
		struct seen seen = {};
		int error;

		ng.size = size;
		error = replay(&ng, &seen);
		cr_assert(error == 0 || (error == -EINVAL && message[0]), "%zu: %d", size, error);
		fine += error == 0;
	}
	cr_assert_eq(fine, 7 - 0, "after the section, 3 interfaces and 3 packets");
}

Test(sim_pcapng, damaged_blocks_are_refused)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *says;
	} cases[] = {
		{8, 0x1a2b3c4e, "magic number"},	{4, 8, "a block of 8 bytes is none"},
		{4, 30, "a block of 30 bytes is none"}, {4, 0x7ffffffc, "is none"},
		{24, 32, "two lengths differ"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ng ng = three_interfaces();
		struct seen seen = {};

		memcpy(ng.bytes + cases[i].at, &cases[i].value, 4);
		cr_assert_eq(replay(&ng, &seen), -EINVAL, "%zu", i);
		cr_assert_not_null(strstr(message, cases[i].says), "%zu: %s", i, message);
	}
}

/* What is written of it reads as it did: names, ways, links and times. */
Test(sim_pcapng, what_is_written_reads_back)
{
	struct ng ng = three_interfaces();
	char path[] = P_tmpdir "/ifw-pcapng-XXXXXX", why[CAPTURE_MESSAGE_MAX];
	struct seen first = {}, again = {};
	struct ng copy = {};
	FILE *file;
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(capture_create(NULL, path, &first.writer, why), 0, "%s", why);
	cr_assert_eq(replay(&ng, &first), 0, "%s", message);
	cr_assert_eq(capture_finish(first.writer), 0);
	file = fdopen(fd, "r");
	copy.size = fread(copy.bytes, 1, sizeof(copy.bytes), file);
	fclose(file);
	unlink(path);
	cr_assert_eq(replay(&copy, &again), 0, "%s", message);
	cr_assert_eq(again.packets, 4);
	for (size_t i = 0; i < 4; i++) {
		cr_assert_eq(first.frames[i].ifindex, again.frames[i].ifindex);
		cr_assert_eq(first.frames[i].time_ns, again.frames[i].time_ns);
		cr_assert_eq(first.frames[i].direction, again.frames[i].direction);
		cr_assert_eq(first.frames[i].length, again.frames[i].length);
		cr_assert_eq(first.reasons[i], again.reasons[i]);
	}
}
