/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of sim/state*.c: a world that is written and read back is the same, and what is wrong
 * with a state is said with its place.
 */
#include <errno.h>
#include <stdio.h>

#include "printed.h"
#include "sim_fixture.h"

#include "datapath/flow_table.h"
#include "sim/compare/boundary.h"
#include "sim/state/state.h"

static char message[STATE_MESSAGE_MAX];

/* To be freed. */
static char *text_of(const struct sim_world *world)
{
	struct printed printed;
	FILE *out = printed_begin(&printed);

	cr_assert_eq(state_write(world, out), 0);
	return printed_end(&printed);
}

static struct sim_world *read_back(const char *text)
{
	struct sim_world *world;

	cr_assert_eq(sim_world_create(&world), 0);
	cr_assert_eq(state_read(world, text, strlen(text), message), 0, "%s\n%s", message, text);
	return world;
}

static const char all[] =
	"interface eth0 index 7 address 10.0.0.1/24 address 2001:db8::1/64 mac 02:00:00:00:00:aB\n"
	"interface eth1 addresses unknown\ninterface eth2 no settings\ninterface eth3\n"
	"interface tun0 link raw address 10.9.0.1/32\ninterface lo address 127.0.0.1/8\n"
	"set eth0 ssh off\nset eth0 echo on\nset eth0 verbose 3\nset eth0 mark 0x40 mask 0xf0\n"
	"set eth0 geneve from 10.0.0.0/8,2001:db8::/32\nset eth0 pass-protocol 1,47,255\n"
	"set eth0 pass-ethertype 0x88cc,0x8863\nset eth0 track on\nset eth1 egress-default deny\n"
	"set eth1 geneve on\nset eth1 named-rules on\n"
	"socket tcp listen 127.0.0.1:1000 reuseport\nsocket tcp listen [::]:80 v6only\n"
	"socket tcp established 10.0.0.1:22 192.0.2.1:5\nsocket tcp syn-sent 10.0.0.1:23 "
	"192.0.2.1:5\n"
	"socket tcp syn-recv 10.0.0.1:24 192.0.2.1:5\nsocket tcp time-wait 10.0.0.1:25 "
	"192.0.2.1:5\n"
	"socket tcp established [::ffff:10.0.0.1]:26 [::ffff:192.0.2.1]:5\n"
	"socket udp bound [::]:53\nsocket udp bound [::ffff:10.0.0.1]:54\n"
	"socket udp connected [2001:db8::1]:55 [2001:db8::2]:5\n"
	"track pick-up off\ntrack liberal on\ntrack timeout established 7\ntrack flows 4000\n"
	"flow tcp 10.0.0.1:1 192.0.2.1:2 state fin-wait idle 3 forwarded\n"
	"flow udp 192.0.2.1:4 10.0.0.1:3 no-peer came-in\n"
	"flow udp [2001:db8::1]:3 [2001:db8::2]:4 state udp-unreplied\n"
	"flow icmp 10.0.0.1 192.0.2.1 id 77\nflow icmp 2001:db8::1 2001:db8::2 id 78\n"
	"kernel 6.1\n";
static const char rules[] =
	"intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:1000 on eth0,eth9 service a\"b\\\n"
	"deny udp to 2001:db8::/32 port 5 from 2001:db8:1::/48\n"
	"egress deny tcp to 0.0.0.0/0 port 25\n";

Test(state, room_for_flows_reads_back_as_the_same_shares)
{
	for (uint32_t room = 1; room < 20; room++) {
		char text[64];
		struct sim_world *world, *again;
		char *first;

		snprintf(text, sizeof(text), "track flows %u\n", room);
		world = world_of(text, "");
		first = text_of(world);
		again = read_back(first);
		for (int class = 0; class < IFW_FLOW_CLASSES; class ++)
			cr_expect_eq(again->flows_max[class], world->flows_max[class],
				     "%u, class %d", room, class);
		free(first);
		sim_world_destroy(again);
		sim_world_destroy(world);
	}
}

Test(state, what_is_written_reads_back_word_for_word)
{
	struct sim_world *world = world_of(all, rules);
	const struct sim_socket_key bound = {.local_port = 9,
					     .family = IFW_FAMILY_IPV4,
					     .protocol = IPPROTO_UDP,
					     .kind = SIM_SOCKET_UNCONNECTED,
					     .slot = 2};
	struct sim_world *again;
	char *first, *second;

	cr_assert_eq(sim_world_add_socket(world, &bound, BPF_TCP_CLOSE, 0), 0);
	first = text_of(world);
	again = read_back(first);
	cr_assert_not_null(sim_world_find_socket(again, &bound));
	second = text_of(again);
	cr_assert_str_eq(first, second);
	cr_assert_eq(again->kernel, SIM_KERNEL(6, 1));
	cr_assert_eq(HASH_COUNT(again->sockets), 11);
	cr_assert_eq(HASH_COUNT(again->addrs), HASH_COUNT(world->addrs));
	free(first);
	free(second);
	sim_world_destroy(world);
	sim_world_destroy(again);
}

/* Each setting that the decision sees, and the flow's each number, by giving all of them values. */
Test(state, every_number_of_a_flow_comes_back)
{
	struct sim_world *world = world_of("interface eth0\ninterface eth1\n",
					   "deny tcp to 10.0.0.0/8 port 1\n"
					   "intercept tcp to 10.0.0.0/8 port 80 via 1000\n");
	const struct rule *rule = sim_world_rule(world, 2);
	struct ifw_flow_key key = {.low = addr_of("10.0.0.1"),
				   .high = addr_of("10.0.0.2"),
				   .low_port = 1,
				   .high_port = 2,
				   .family = IFW_FAMILY_IPV4,
				   .protocol = IPPROTO_TCP};
	struct ifw_flow flow = {
		.expires_ns = 1000,
		.packets = 2,
		.bytes = 3,
		.sides = {{4, 5, 6, 7, 1, 0, IFW_FIN_ACKED}, {8, 9, 10, 255, 0, 1, IFW_FIN_SENT}},
		.state = IFW_FLOW_LAST_ACK,
		.began_high = 1,
		.forwarded = 1,
		.liberal = 1,
		.epoch = world->epoch,
		.rule = 2,
		.counter = rule->counter,
		.listener = rule->listener,
		.listener_port = 1000,
		.action = rule->action,
		.slot = 2,
		.no_peer = 1,
		.crossed = 1,
		.syn_again = 1,
		.began_ns = 11,
		.syn_end = 12,
		.taken_up = 13};
	const struct ifw_flow *got;
	struct sim_world *again;
	char *text;

	cr_assert_eq(sim_world_put_flow(world, IFW_FLOWS_CONNECTED, &key, &flow), 0);
	text = text_of(world);
	again = read_back(text);
	got = sim_world_peek_flow(again, IFW_FLOWS_CONNECTED, &key);
	cr_assert_not_null(got);
	flow.epoch = again->epoch;
	cr_assert_eq(memcmp(got, &flow, sizeof(flow)), 0, "%s", text);
	free(text);
	sim_world_destroy(world);
	sim_world_destroy(again);
}

/* --- The same answers ---------------------------------------------------------------- */

struct both {
	struct sim_world *one, *other;
	uint64_t packets;
};

static int compare(void *arg, uint32_t ifindex, const struct flow *flow)
{
	struct both *both = arg;
	struct sim_result one, other;
	uint8_t bytes[FLOW_FRAME_MAX];
	struct sim_frame frame =
		frame_of_flow(flow, ifindex, bytes, 1000000000ULL * ++both->packets);

	if (sim_world_link(both->one, ifindex) == SIM_LINK_RAW_IP) {
		frame.data = bytes + L3;
		frame.length -= L3;
	}
	cr_assert_eq(sim_decide(both->one, &frame, &one), 0);
	cr_assert_eq(sim_decide(both->other, &frame, &other), 0);
	cr_assert_eq(memcmp(&one.decision, &other.decision, sizeof(one.decision)), 0);
	cr_assert_eq(one.mark, other.mark);
	return 0;
}

Test(state, both_answer_alike)
{
	struct both both = {.one = world_of(all, rules)};
	char *text = text_of(both.one);

	both.other = read_back(text);
	cr_assert_eq(boundary_each(both.one, compare, &both), 0);
	cr_assert_gt(both.packets, 500);
	free(text);
	sim_world_destroy(both.one);
	sim_world_destroy(both.other);
}

/* --- Faults ---------------------------------------------------------------------------- */

/* The text with the first `from` in it replaced. To be freed. */
static char *changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out = NULL;

	cr_assert_not_null(at, "no '%s' in %s", from, text);
	cr_assert_geq(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), 0);
	return out;
}

/* A key that came later: in files without it nothing was set. */
Test(state, without_named_rules_none_are)
{
	struct sim_world *world = world_of("interface eth0\nset eth0 named-rules on\n", "");
	char *text = text_of(world), *key = strstr(text, "\"named_rules\":true,");
	struct sim_world *again;

	cr_assert_not_null(key);
	memset(key, ' ', strlen("\"named_rules\":true,"));
	again = read_back(text);
	cr_assert_eq(sim_world_find_iface(again, "eth0")->settings.flags & IFW_IFACE_NAMED_RULES,
		     0);
	sim_world_destroy(again);
	sim_world_destroy(world);
	free(text);
}

Test(state, what_is_wrong_is_said_with_its_place)
{
	static const struct {
		const char *from, *to, *says;
	} cases[] = {
		{"\"ifw_state\": 1", "\"ifw_state\": 2",
		 "ifw_state: this is version 2, and only 1 is read"},
		{"\"ifw_state\": 1", "\"ifw\": 1", "ifw_state is missing"},
		{"{\n", "[\n", "line 2, column 14: "},
		{"\"6.1\"", "\"6\"", "kernel: '6' is no version such as 6.1"},
		{"\"6.1\"", "6.1", "kernel is no text"},
		{"\"ifindex\":7", "\"ifindex\":0",
		 "interfaces[0].ifindex: 0 is not from 1 to 2147483647"},
		{"\"ifindex\":7", "\"ifindex\":\"7\"", "interfaces[0].ifindex is no whole number"},
		{"\"ifindex\":7", "\"ifindex\":2", "interfaces[1].ifindex: 2 is that of 'eth0'"},
		{"\"name\":\"eth1\"", "\"name\":\"eth0\"", "interfaces[1].name: 'eth0' is there"},
		{"\"name\":\"eth1\"", "\"name\":\"a/b\"", "interfaces[1].name: 'a/b' cannot be"},
		{"\"link\":\"raw\"", "\"link\":\"rare\"", "interfaces[4].link: 'rare' is none"},
		{"02:00:00", "2:000:00", "interfaces[0].mac: "},
		{"\"ssh\":false", "\"ssh\":0", "interfaces[0].settings.ssh is no true or false"},
		{"\"named_rules\":true", "\"named_rules\":1",
		 "interfaces[1].settings.named_rules is no true or false"},
		{"\"mask\":240", "\"mask\":15", "interfaces[0].settings.mark: has bits outside"},
		{"\"pass_protocols\":[1", "\"pass_protocols\":[256",
		 "interfaces[0].settings.pass_protocols[0]: 256 is not from 0 to 255"},
		{"35020", "1535", "settings.pass_ethertypes[0]: 1535 is not from 1536"},
		{"\"10.0.0.0/8\"", "\"10.0.0.0/33\"", "geneve_sources[0]: '10.0.0.0/33' is no"},
		{"\"address\":\"10.0.0.1\"", "\"address\":\"10.0.0.1/24\"",
		 "interfaces[0].addresses[0].address: an address has no length"},
		{"\"kind\":\"own\"", "\"kind\":\"his\"",
		 "interfaces[0].addresses[0].kind: 'his' is none"},
		{"80-443", "443-80", "rules[0]: column "},
		{"deny udp", "deny\\nudp", "rules[1] is more than one line"},
		{"\"state\":\"listen\"", "\"state\":\"lost\"",
		 "sockets[0].state: no socket of 'tcp' is 'lost'"},
		{"127.0.0.1:1000\",\"remote", "127.0.0.1\",\"remote",
		 "sockets[0].local: '127.0.0.1' is not ADDRESS:PORT"},
		{"\"192.0.2.1:5\"", "null", "sockets[2].remote is no text"},
		{"\"192.0.2.1:5\"", "\"[2001:db8::2]:5\"", "sockets[2]: local and remote are of"},
		{"10.0.0.1:23", "10.0.0.1:22", "sockets[3] is there already"},
		{"\"max_flows\":4000", "\"max_flows\":0", "track.max_flows: 0 is not from 1"},
		{"\"established\":7000000000", "\"extinguished\":7",
		 "track.timeouts_ns.established is missing"},
		{"\"state\":\"fin-wait\"", "\"state\":\"udp-replied\"",
		 "].state: 'udp-replied' is no state of such a flow"},
		{"\"scale\":0", "\"scale\":256", "].sides[0].scale: 256 is not from 0 to 255"},
		{"\"sides\":[{", "\"sides\":[{},{", "].sides: are not two"},
		{"\"rule\":null", "\"rule\":9", "flows[0].rule: there is no such rule"},
		{"\"interface\":null", "\"interface\":\"eth7\"",
		 "sockets[0].interface: there is no interface 'eth7'"},
		{"\"rule\":null,\"interface\":null", "\"rule\":null,\"interface\":7",
		 "flows[0].interface is no text"},
	};
	struct sim_world *world = world_of(all, rules), *other;
	char *text = text_of(world);

	cr_assert_eq(sim_world_create(&other), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *bad = changed(text, cases[i].from, cases[i].to);

		cr_assert_eq(state_read(other, bad, strlen(bad), message), -EINVAL, "%s",
			     cases[i].to);
		cr_assert_not_null(strstr(message, cases[i].says), "%s: %s", cases[i].to, message);
		cr_assert_null(other->ifaces, "what was begun is taken back");
		free(bad);
	}
	free(text);
	sim_world_destroy(world);
	sim_world_destroy(other);
}

Test(state, cut_anywhere_it_is_refused_with_the_line)
{
	struct sim_world *world = world_of(all, rules), *other;
	char *text = text_of(world);
	const size_t whole = strlen(text);

	cr_assert_eq(sim_world_create(&other), 0);
	for (size_t size = 0; size + 1 < whole; size += 7) {
		cr_assert_eq(state_read(other, text, size, message), -EINVAL, "%zu", size);
		cr_assert_eq(strncmp(message, "line ", 5), 0, "%zu: %s", size, message);
	}
	free(text);
	sim_world_destroy(world);
	sim_world_destroy(other);
}
