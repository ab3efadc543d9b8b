/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/world_parse.c: what each statement makes, and where each error
 * points to.
 */
#include <errno.h>
#include <stdio.h>

#include <sys/socket.h>

#include "sim_fixture.h"

/* --- What is accepted ---------------------------------------------------------- */

static uint32_t kind_of(const struct sim_world *world, uint32_t slot, const char *text)
{
	struct ifw_addr_key key = {
		.addr = addr_of(text),
		.slot = slot,
		.family = strchr(text, ':') ? IFW_FAMILY_IPV6 : IFW_FAMILY_IPV4,
	};
	struct sim_addr *addr;

	HASH_FIND(hh, world->addrs, &key, sizeof(key), addr);
	return addr ? addr->kind : 0;
}

Test(sim_world, interfaces_are_numbered)
{
	struct sim_world *world = world_of("interface a\ninterface lo\ninterface b index 2\n"
					   "interface c\ninterface d index 4 addresses unknown\n"
					   "interface lo2 # comment\n\n   \n#\n",
					   "");

	cr_assert_eq(sim_world_ifindex(world, "a"), 3);
	cr_assert_eq(sim_world_ifindex(world, "lo"), 1);
	cr_assert_eq(sim_world_ifindex(world, "b"), 2);
	cr_assert_eq(sim_world_ifindex(world, "c"), 5);
	cr_assert_eq(sim_world_ifindex(world, "d"), 4);
	cr_assert_eq(sim_world_ifindex(world, "lo2"), 6);
	cr_assert_eq(sim_world_ifindex(world, "e"), 0);
	cr_assert_eq(sim_world_first_ifindex(world), 3);
	cr_assert_str_eq(sim_world_ifname(world, 5), "c");
	cr_assert_null(sim_world_ifname(world, 7));
	sim_world_destroy(world);
}

Test(sim_world, addresses_and_their_broadcasts)
{
	struct sim_world *world = world_of("interface a address 10.0.0.1/24 address 10.0.0.255/25 "
					   "address 10.1.0.0/31 address 10.2.0.1 "
					   "address 2001:db8::1/64 address 10.3.0.1/30\n"
					   "interface b address 10.0.0.1/8\n",
					   "");

	cr_assert_eq(kind_of(world, 1, "10.0.0.1"), IFW_ADDR_LOCAL);
	cr_assert_eq(kind_of(world, 1, "10.0.0.0"), 0);
	/* Broadcast of the first, but an own address as well: that counts. */
	cr_assert_eq(kind_of(world, 1, "10.0.0.255"), IFW_ADDR_LOCAL);
	cr_assert_eq(kind_of(world, 1, "10.1.0.1"), 0);
	cr_assert_eq(kind_of(world, 1, "10.2.0.1"), IFW_ADDR_LOCAL);
	cr_assert_eq(kind_of(world, 1, "10.3.0.3"), IFW_ADDR_BROADCAST);
	cr_assert_eq(kind_of(world, 1, "10.3.0.2"), 0);
	cr_assert_eq(kind_of(world, 1, "2001:db8::1"), IFW_ADDR_LOCAL);
	cr_assert_eq(kind_of(world, 2, "10.255.255.255"), IFW_ADDR_BROADCAST);
	cr_assert_eq(kind_of(world, 2, "10.3.0.3"), 0);
	sim_world_destroy(world);
}

Test(sim_world, settings)
{
	struct sim_world *world = world_of("interface a\ninterface b addresses unknown\n"
					   "interface c no settings\n"
					   "set a ssh off\nset a echo on\nset b ssh off\n"
					   "set b ssh on\nset a verbose 7\nset b verbose on\n"
					   "set a mark 0x1F00 mask 0xff00\nkernel 5.10\n",
					   "");
	const struct ifw_iface *a = &sim_world_find_iface(world, "a")->settings;
	const struct ifw_iface *b = &sim_world_find_iface(world, "b")->settings;

	cr_assert_eq(a->flags, IFW_IFACE_SSH_OFF | IFW_IFACE_ECHO | IFW_IFACE_ADDRS_RECORDED);
	cr_assert_eq(b->flags, 0);
	cr_assert_eq(a->verbose, 7);
	cr_assert_eq(b->verbose, 1);
	cr_assert_eq(a->mark, 0x1f00);
	cr_assert_eq(a->mark_mask, 0xff00);
	cr_assert_eq(b->mark, IFW_MARK_DEFAULT);
	cr_assert_str_eq(a->name, "a");
	cr_assert_not(sim_world_find_iface(world, "c")->has_settings);
	cr_assert_eq(world->kernel, SIM_KERNEL(5, 10));
	sim_world_destroy(world);
}

Test(sim_world, settings_of_few)
{
	struct sim_world *world = world_of(
		"interface a\ninterface b\ninterface c\n"
		"interface t link raw index 7 address 10.0.0.1/24\n"
		"interface u addresses unknown link raw\n"
		"set a geneve on\nset b geneve from 10.0.0.1/8,2001:db8::/32,1.2.3.4,::/0\n"
		"set c geneve from 10.0.0.0/8\nset c geneve off\n"
		"set a pass-protocol 0,47,64,255\nset b pass-protocol 1\nset b pass-protocol none\n"
		"set a pass-ethertype 0x88cc,34958\nset b pass-ethertype 0x600\n"
		"set b pass-ethertype none\n",
		"");
	const struct ifw_iface *a = &sim_world_find_iface(world, "a")->settings;
	const struct ifw_iface *b = &sim_world_find_iface(world, "b")->settings;
	const struct ifw_iface *c = &sim_world_find_iface(world, "c")->settings;
	const struct ifw_net *nets = b->geneve_sources;

	cr_assert(a->flags & IFW_IFACE_GENEVE);
	cr_assert_eq(a->geneve_sources[0].family, IFW_FAMILY_NONE);
	cr_assert(b->flags & IFW_IFACE_GENEVE);
	cr_assert(ifw_addr_equal(nets[0].addr, addr_of("10.0.0.0")));
	cr_assert_eq(nets[0].len, 8);
	cr_assert_eq(nets[0].family, IFW_FAMILY_IPV4);
	cr_assert_eq(nets[1].family, IFW_FAMILY_IPV6);
	cr_assert_eq(nets[2].len, 32);
	cr_assert_eq(nets[3].len, 0);
	cr_assert_not(c->flags & IFW_IFACE_GENEVE);
	cr_assert_eq(c->geneve_sources[0].family, IFW_FAMILY_NONE);
	cr_assert_eq(a->protocols[0], 1 | 1ULL << 47);
	cr_assert_eq(a->protocols[1], 1);
	cr_assert_eq(a->protocols[3], 1ULL << 63);
	cr_assert_eq(b->protocols[0], 0);
	cr_assert_eq(a->ethertypes[0], 0x88cc);
	cr_assert_eq(a->ethertypes[1], 0x888e);
	cr_assert_eq(a->ethertypes[2], 0);
	cr_assert_eq(b->ethertypes[0], 0);

	cr_assert_eq(sim_world_find_iface(world, "t")->settings.flags,
		     IFW_IFACE_RAW_IP | IFW_IFACE_ADDRS_RECORDED);
	cr_assert_eq(sim_world_find_iface(world, "u")->settings.flags, IFW_IFACE_RAW_IP);
	cr_assert_eq(sim_world_link(world, 7), SIM_LINK_RAW_IP);
	cr_assert_eq(sim_world_link(world, sim_world_ifindex(world, "a")), SIM_LINK_ETHERNET);
	cr_assert_eq(sim_world_link(world, 99), SIM_LINK_ETHERNET);
	sim_world_destroy(world);
}

Test(sim_world, sockets_of_both_families)
{
	struct sim_world *world = world_of("socket tcp listen [::]:1 v6only reuseport\n"
					   "socket tcp listen [::]:2 reuseport v6only\n"
					   "socket tcp listen [::1]:3\n"
					   "socket udp connected [2001:db8::1]:4 [2001:db8::2]:5\n"
					   "socket tcp established [::ffff:1.2.3.4]:6 "
					   "[::ffff:1.2.3.5]:7\n",
					   "");
	const struct sim_socket *socket;

	cr_assert_eq(HASH_COUNT(world->sockets), 5);
	for (socket = world->sockets; socket; socket = socket->hh.next) {
		cr_assert_eq(socket->sk.family, AF_INET6);
		cr_assert_eq(socket->flags, socket->key.local_port <= 2
						    ? SIM_SOCKET_V6ONLY | SIM_SOCKET_REUSEPORT
						    : 0);
		cr_assert_eq(socket->key.family,
			     socket->key.local_port == 6 ? IFW_FAMILY_IPV4 : IFW_FAMILY_IPV6);
	}
	sim_world_destroy(world);
}

/* --- What is refused ------------------------------------------------------------ */

struct said {
	unsigned int count, line, column, width;
	char message[256];
};

static void note(void *arg, const struct diagnostic *d)
{
	struct said *said = arg;

	if (said->count++)
		return;
	said->line = d->line;
	said->column = d->column;
	said->width = d->width;
	snprintf(said->message, sizeof(said->message), "%s", d->message);
}

struct bad {
	const char *text;
	unsigned int line, column, width;
};

static const struct bad bad[] = {
	{"foo", 1, 1, 3},
	{"\n  foo bar # x", 2, 3, 3},
	{"interface", 1, 10, 1},
	{"interface a\ninterface a", 2, 11, 1},
	{"interface abcdefghijklmnop", 1, 11, 16},
	{"interface a/b", 1, 11, 3},
	{"interface a foo", 1, 13, 3},
	{"interface a index", 1, 18, 1},
	{"interface a index 0", 1, 19, 1},
	{"interface a index x", 1, 19, 1},
	{"interface a index 1", 1, 19, 1},
	{"interface lo index 2", 1, 20, 1},
	{"interface a index 2147483648", 1, 19, 10},
	{"interface a index 2 index 3", 1, 27, 1},
	{"interface a index 2\ninterface b index 2", 2, 19, 1},
	{"interface a address", 1, 20, 1},
	{"interface a address 10.0.0.1/33", 1, 21, 11},
	{"interface a address 10.0.0/8", 1, 21, 8},
	{"interface a address 10.0.0.1/", 1, 21, 9},
	{"interface a address 10.0.0.1/8 address 10.0.0.1/9", 1, 40, 10},
	{"interface a addresses known", 1, 23, 5},
	{"interface a addresses unknown address 10.0.0.1/8", 1, 31, 7},
	{"interface a address 10.0.0.1/8 addresses unknown", 1, 32, 9},
	{"interface a no", 1, 15, 1},
	{"interface a no settings addresses unknown", 1, 25, 9},
	{"interface a mac", 1, 16, 1},
	{"interface a mac 02:00:00:00:00", 1, 17, 14},
	{"interface a mac 02:00:00:00:00:0g", 1, 17, 17},
	{"interface a mac 02:00:00:00:00:01 mac 02:00:00:00:00:02", 1, 35, 3},
	{"interface a\nset a track maybe", 2, 13, 5},
	{"interface a\nset a egress-default drop", 2, 22, 4},
	{"interface a\nset a named-rules yes", 2, 19, 3},
	{"track", 1, 6, 1},
	{"track foo on", 1, 7, 3},
	{"track pick-up maybe", 1, 15, 5},
	{"track timeout foo 1", 1, 15, 3},
	{"track timeout udp-replied 0", 1, 27, 1},
	{"track flows 0", 1, 13, 1},
	{"track flows 5 6", 1, 15, 1},
	{"flow", 1, 5, 1},
	{"flow sctp 10.0.0.1:1 10.0.0.2:2", 1, 6, 4},
	{"flow tcp 10.0.0.1:1", 1, 20, 1},
	{"flow tcp 10.0.0.1:1 [::1]:2", 1, 21, 7},
	{"flow tcp 10.0.0.1:1 10.0.0.2:2 foo", 1, 32, 3},
	{"flow tcp 10.0.0.1:1 10.0.0.2:2 state foo", 1, 38, 3},
	{"flow tcp 10.0.0.1:1 10.0.0.2:2 state udp-replied", 1, 38, 11},
	{"flow udp 10.0.0.1:1 10.0.0.2:2 idle x", 1, 37, 1},
	{"flow icmp 10.0.0.0/8 10.0.0.2 id 1", 1, 11, 10},
	{"flow icmp 10.0.0.1 ::1 id 1", 1, 20, 3},
	{"flow icmp 10.0.0.1 10.0.0.2 1", 1, 29, 1},
	{"flow icmp 10.0.0.1 10.0.0.2 id 65536", 1, 32, 5},
	{"set", 1, 4, 1},
	{"set b ssh on", 1, 5, 1},
	{"set abcdefghijklmnopq ssh on", 1, 5, 17},
	{"interface a no settings\nset a ssh on", 2, 5, 1},
	{"interface a\nset a", 2, 6, 1},
	{"interface a\nset a foo on", 2, 7, 3},
	{"interface a\nset a ssh maybe", 2, 11, 5},
	{"interface a\nset a ssh on on", 2, 14, 2},
	{"interface a\nset a verbose 0", 2, 15, 1},
	{"interface a\nset a verbose 4294967296", 2, 15, 10},
	{"interface a\nset a mark 1", 2, 13, 1},
	{"interface a\nset a mark 0x mask 1", 2, 12, 2},
	{"interface a\nset a mark 0x1g mask 1", 2, 12, 4},
	{"interface a\nset a mark 0x11111111111111111 mask 1", 2, 12, 19},
	{"interface a\nset a mark 0x100000000 mask 1", 2, 12, 11},
	{"interface a\nset a mark 1 mask 0", 2, 19, 1},
	{"interface a\nset a mark 3 mask 1", 2, 12, 1},
	{"interface a\nset a mark 1 mask -1", 2, 19, 2},
	{"interface a link", 1, 17, 1},
	{"interface a link ethernet", 1, 18, 8},
	{"interface a link raw link raw", 1, 22, 4},
	{"interface a\nset a geneve", 2, 13, 1},
	{"interface a\nset a geneve yes", 2, 14, 3},
	{"interface a\nset a geneve on off", 2, 17, 3},
	{"interface a\nset a geneve from", 2, 18, 1},
	{"interface a\nset a geneve from 10.0.0.0/33", 2, 19, 11},
	{"interface a\nset a geneve from 10.0.0.0/8,", 2, 30, 1},
	{"interface a\nset a geneve from 1.1.1.1,,2.2.2.2", 2, 27, 1},
	{"interface a\nset a geneve from ::1,::2,::3,::4,::5", 2, 35, 3},
	{"interface a\nset a pass-protocol", 2, 20, 1},
	{"interface a\nset a pass-protocol gre", 2, 21, 3},
	{"interface a\nset a pass-protocol 47,256", 2, 24, 3},
	{"interface a\nset a pass-protocol 47,", 2, 24, 1},
	{"interface a\nset a pass-protocol none,47", 2, 21, 4},
	{"interface a\nset a pass-protocol 47 48", 2, 24, 2},
	{"interface a\nset a pass-ethertype", 2, 21, 1},
	{"interface a\nset a pass-ethertype 0x5ff", 2, 22, 5},
	{"interface a\nset a pass-ethertype 0x88cc,0x10000", 2, 29, 7},
	{"interface a\nset a pass-ethertype 1536,1537,1538,1539,1540,1541,1542,1543,1544", 2, 62,
	 4},
	{"socket", 1, 7, 1},
	{"socket tcp listen 10.0.0.1:1 v6only", 1, 30, 6},
	{"socket tcp listen [::ffff:10.0.0.1]:1 v6only", 1, 39, 6},
	{"socket tcp listen [::]:1 v6only v6only", 1, 33, 6},
	{"socket udp connected [::1]:1 [::2]:2 v6only", 1, 38, 6},
	{"socket tcp listen [::]:1 reuseport reuseport", 1, 36, 9},
	{"socket tcp listen ::1:1", 1, 19, 5},
	{"socket tcp listen [::]:0", 1, 19, 6},
	{"socket udp connected [::]:1 [::2]:2", 1, 22, 6},
	{"socket udp connected [::1]:1 10.0.0.1:2", 1, 30, 10},
	{"socket udp connected [::ffff:10.0.0.1]:1 [::2]:2", 1, 42, 7},
	{"socket tcp listen [::]:1\nsocket tcp listen [::]:1 v6only", 2, 19, 6},
	{"socket tcp listen 1.2.3.4:1\nsocket tcp listen [::ffff:1.2.3.4]:1", 2, 19, 18},
	{"socket sctp listen 10.0.0.1:1", 1, 8, 4},
	{"socket tcp bound 10.0.0.1:1", 1, 12, 5},
	{"socket udp listen 10.0.0.1:1", 1, 12, 6},
	{"socket tcp listen", 1, 18, 1},
	{"socket tcp listen 10.0.0.1", 1, 19, 8},
	{"socket tcp listen 10.0.0.1:65536", 1, 19, 14},
	{"socket tcp listen 10.0.0.1:0", 1, 19, 10},
	{"socket tcp listen 10.0.0.1:1 10.0.0.2:2", 1, 30, 10},
	{"socket tcp listen 10.0.0.1:1 reuse", 1, 30, 5},
	{"socket tcp established 10.0.0.1:1", 1, 34, 1},
	{"socket tcp established 10.0.0.1:1 10.0.0.2:0", 1, 35, 10},
	{"socket tcp established 0.0.0.0:1 10.0.0.2:2", 1, 24, 9},
	{"socket udp connected 10.0.0.1:1 0.0.0.0:2", 1, 33, 9},
	{"socket udp connected 10.0.0.1:1 [::1]:2", 1, 33, 7},
	{"socket tcp listen 10.0.0.1:1\nsocket tcp listen 10.0.0.1:1 reuseport", 2, 19, 10},
	{"kernel", 1, 7, 1},
	{"kernel 6", 1, 8, 1},
	{"kernel 6.x", 1, 8, 3},
	{"kernel .1", 1, 8, 2},
	{"kernel 6.1.2", 1, 8, 5},
	{"kernel 6.1 rc1", 1, 12, 3},
	{"kernel 6.1\nkernel 6.6", 2, 8, 3},
};

Test(sim_world, errors_point_to_the_place)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sim_world *world;
		struct said said = {};

		cr_assert_eq(sim_world_create(&world), 0);
		cr_expect_eq(sim_world_parse(world, bad[i].text, strlen(bad[i].text), note, &said),
			     -EINVAL, "accepted: %s", bad[i].text);
		cr_expect(said.line == bad[i].line && said.column == bad[i].column &&
				  said.width == bad[i].width,
			  "%s: %u:%u:%u %s", bad[i].text, said.line, said.column, said.width,
			  said.message);
		cr_expect_eq(said.count, 1, "%s: %u errors", bad[i].text, said.count);
		cr_expect_eq(sim_world_first_ifindex(world), 0);
		sim_world_destroy(world);
	}
}

Test(sim_world, all_errors_are_said_up_to_a_limit)
{
	char text[GRAMMAR_ERRORS_MAX * 8 + 64] = "";
	struct sim_world *world;
	struct said said = {};

	cr_assert_eq(sim_world_create(&world), 0);
	for (int i = 0; i < GRAMMAR_ERRORS_MAX + 5; i++)
		strncat(text, "foo\n", sizeof(text) - strlen(text) - 1);
	cr_assert_eq(sim_world_parse(world, text, 3 * 4, note, &said), -EINVAL);
	cr_assert_eq(said.count, 3);
	said.count = 0;
	cr_assert_eq(sim_world_parse(world, text, strlen(text), note, &said), -EINVAL);
	cr_assert_eq(said.count, GRAMMAR_ERRORS_MAX);
	cr_assert_eq(sim_world_parse(world, text, strlen(text), NULL, NULL), -EINVAL);
	sim_world_destroy(world);
}

Test(sim_world, bytes_that_are_no_text)
{
	static const char nul[] = "interface a\0b\n";
	struct sim_world *world;
	struct said said = {};
	uint64_t seed = 99;

	cr_assert_eq(sim_world_create(&world), 0);
	cr_assert_eq(sim_world_parse(world, nul, sizeof(nul) - 1, note, &said), -EINVAL);
	cr_assert_eq(sim_world_parse(world, NULL, 0, note, &said), 0);
	for (int i = 0; i < 2000; i++) {
		char bytes[64] = "socket tcp listen ";

		for (size_t at = next_random(&seed) % 20; at < sizeof(bytes); at++)
			bytes[at] = (char)next_random(&seed);
		sim_world_parse(world, bytes, sizeof(bytes), note, &said);
		sim_world_clear(world);
	}
	sim_world_destroy(world);
}

Test(sim_world, has_room_for_all_slots)
{
	char text[4096] = "";
	struct sim_world *world;
	struct said said = {};

	for (int i = 1; i < IFW_SLOTS; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "interface e%d\n", i);
	cr_assert_eq(sim_world_create(&world), 0);
	cr_assert_eq(sim_world_parse(world, text, strlen(text), note, &said), 0);
	cr_assert_eq(sim_world_ifindex(world, "e63"), 64);
	sim_world_clear(world);
	strncat(text, "interface e64\n", sizeof(text) - strlen(text) - 1);
	cr_assert_eq(sim_world_parse(world, text, strlen(text), note, &said), -EINVAL);
	cr_assert_eq(said.line, 64);
	sim_world_destroy(world);
}
