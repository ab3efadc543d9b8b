/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/iface.h: settings or their defaults, own addresses.
 */
#include "sim_fixture.h"

#include "datapath/iface.h"

static struct sim_world *world;

static void setup(void)
{
	world = world_of("interface eth0 address 10.0.0.1/24\n"
			 "interface eth1 addresses unknown\n"
			 "interface eth2 no settings\n"
			 "interface eth3\n"
			 "set eth0 ssh off\nset eth0 echo on\nset eth0 verbose 3\n"
			 "set eth0 mark 0x100 mask 0xf00\n"
			 "set eth0 pass-protocol 47,128\nset eth0 pass-ethertype 0x88cc\n"
			 "set eth0 geneve from 10.0.0.0/8,2001:db8::/32\n"
			 "interface eth4\nset eth4 geneve from 2001:db8:0:88b5::/64\n"
			 "interface tun0 link raw address 2001:db8::1/64\n",
			 "");
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(iface, .init = setup, .fini = teardown);

static struct sim_packet *begin(const char *name, struct iface *in)
{
	struct sim_frame frame = {.ifindex = sim_world_ifindex(world, name)};
	struct sim_packet *ctx;

	cr_assert_eq(sim_packet_begin(world, &frame, &ctx), 0);
	memset(in, 0xff, sizeof(*in));
	ifw_read_iface(ctx, frame.ifindex, in);
	return ctx;
}

Test(iface, settings_are_read)
{
	struct iface in;

	begin("eth0", &in);
	cr_assert_eq(in.ifindex, sim_world_ifindex(world, "eth0"));
	cr_assert_eq(in.slot, 1);
	cr_assert_eq(in.flags, IFW_IFACE_SSH_OFF | IFW_IFACE_ECHO | IFW_IFACE_ADDRS_RECORDED |
				       IFW_IFACE_GENEVE);
	cr_assert_eq(in.mark, 0x100);
	cr_assert_eq(in.mark_mask, 0xf00);
	cr_assert_eq(in.verbose, 3);
	cr_assert_eq(in.stripped, 0);
	begin("tun0", &in);
	cr_assert_eq(in.flags, IFW_IFACE_RAW_IP | IFW_IFACE_ADDRS_RECORDED);
}

Test(iface, without_settings_has_the_defaults)
{
	struct iface in;

	begin("eth2", &in);
	cr_assert_eq(in.ifindex, sim_world_ifindex(world, "eth2"));
	cr_assert_eq(in.slot, IFW_SLOT_NONE);
	cr_assert_eq(in.flags, 0);
	cr_assert_eq(in.mark, IFW_MARK_DEFAULT);
	cr_assert_eq(in.mark_mask, IFW_MARK_MASK_DEFAULT);
	cr_assert_eq(in.verbose, 0);
}

Test(iface, knows_its_own_addresses_and_no_others)
{
	struct iface in;
	struct sim_packet *ctx = begin("eth0", &in);

	cr_assert(ifw_is_own(ctx, &in, addr_of("10.0.0.1"), IFW_FAMILY_IPV4));
	cr_assert_not(ifw_is_own(ctx, &in, addr_of("10.0.0.2"), IFW_FAMILY_IPV4));
	cr_assert_not(ifw_is_own(ctx, &in, addr_of("10.0.0.255"), IFW_FAMILY_IPV4));
	cr_assert_not(ifw_is_own(ctx, &in, addr_of("10.0.0.1"), IFW_FAMILY_IPV6));
	cr_assert(ifw_is_own_broadcast(ctx, &in, addr_of("10.0.0.255"), IFW_FAMILY_IPV4));
	cr_assert_not(ifw_is_own_broadcast(ctx, &in, addr_of("10.0.0.1"), IFW_FAMILY_IPV4));
}

Test(iface, never_recorded_is_not_recorded_and_none)
{
	const struct ifw_addr any = addr_of("10.0.0.1");
	struct iface in;
	struct sim_packet *ctx;

	ctx = begin("eth1", &in);
	cr_assert_not(ifw_is_own(ctx, &in, any, IFW_FAMILY_IPV4));
	cr_assert(ifw_is_own_or_unknown(ctx, &in, any, IFW_FAMILY_IPV4));
	ctx = begin("eth2", &in);
	cr_assert(ifw_is_own_or_unknown(ctx, &in, any, IFW_FAMILY_IPV4));
	ctx = begin("eth3", &in);
	cr_assert_not(ifw_is_own_or_unknown(ctx, &in, any, IFW_FAMILY_IPV4));
}

Test(iface, passes_what_is_set_and_nothing_without_settings)
{
	struct iface in;
	struct sim_packet *ctx = begin("eth0", &in);

	for (unsigned int i = 0; i < 256; i++)
		cr_assert_eq(ifw_passes_protocol(ctx, &in, (uint8_t)i), i == 47 || i == 128);
	for (unsigned int i = 0; i < 65536; i++)
		cr_assert_eq(ifw_passes_ethertype(ctx, &in, (uint16_t)i), i == 0x88cc);
	ctx = begin("eth2", &in);
	cr_assert_not(ifw_passes_protocol(ctx, &in, 47));
	cr_assert_not(ifw_passes_ethertype(ctx, &in, 0x88cc));
	cr_assert_not(ifw_is_geneve_source(ctx, &in, addr_of("10.0.0.1"), IFW_FAMILY_IPV4));
}

Test(iface, geneve_sources_are_of_their_family)
{
	struct iface in;
	struct sim_packet *ctx = begin("eth0", &in);
	const struct ifw_addr v4 = addr_of("10.9.9.9"), v6 = addr_of("2001:db8:9::9");

	cr_assert(ifw_is_geneve_source(ctx, &in, v4, IFW_FAMILY_IPV4));
	cr_assert_not(ifw_is_geneve_source(ctx, &in, v4, IFW_FAMILY_IPV6));
	cr_assert(ifw_is_geneve_source(ctx, &in, v6, IFW_FAMILY_IPV6));
	cr_assert_not(ifw_is_geneve_source(ctx, &in, v6, IFW_FAMILY_IPV4));
	cr_assert_not(ifw_is_geneve_source(ctx, &in, addr_of("11.0.0.1"), IFW_FAMILY_IPV4));
	ctx = begin("eth3", &in); /* none is set: any */
	cr_assert(ifw_is_geneve_source(ctx, &in, v4, IFW_FAMILY_IPV4));
	cr_assert(ifw_is_geneve_source(ctx, &in, v6, IFW_FAMILY_IPV6));
}

/* Behind the EtherTypes stand these sources, and behind them what user space keeps. */
Test(iface, lists_end)
{
	struct iface in;
	struct sim_packet *ctx = begin("eth4", &in);
	struct ifw_iface *set;

	for (unsigned int i = 0; i < 65536; i++)
		cr_assert_not(ifw_passes_ethertype(ctx, &in, (uint16_t)i));
	ctx = begin("eth3", &in);
	set = (struct ifw_iface *)ifw_find_iface(ctx, in.ifindex);
	cr_assert_not_null(set);
	memset(set->at, 0xff, sizeof(set->at));
	cr_assert(ifw_is_geneve_source(ctx, &in, addr_of("10.9.9.9"), IFW_FAMILY_IPV4));
}

Test(iface, own_addresses_of_ipv6)
{
	struct iface in;
	struct sim_packet *ctx = begin("tun0", &in);

	cr_assert(ifw_is_own(ctx, &in, addr_of("2001:db8::1"), IFW_FAMILY_IPV6));
	cr_assert_not(ifw_is_own(ctx, &in, addr_of("2001:db8::2"), IFW_FAMILY_IPV6));
	cr_assert_not(ifw_is_own(ctx, &in, addr_of("2001:db8::1"), IFW_FAMILY_IPV4));
	ctx = begin("eth0", &in);
	cr_assert_not(ifw_is_own(ctx, &in, addr_of("2001:db8::1"), IFW_FAMILY_IPV6));
}

/* --- Briefs: settings in an array that two writers' steps may be in between ------------- */

Test(iface, a_brief_is_believed_only_whole_and_of_this_interface)
{
	struct ifw_brief brief = {.sequence = 4, .ifindex = 7, .slot = 3, .flags = IFW_IFACE_ECHO};
	struct iface in;

	brief.mark = 0x10;
	brief.mark_mask = 0xf0;
	brief.verbose = 2;
	cr_assert(ifw_read_brief(&brief, 7, &in));
	cr_assert_eq(in.slot, 3);
	cr_assert_eq(in.flags, IFW_IFACE_ECHO);
	cr_assert_eq(in.mark, 0x10);
	cr_assert_eq(in.mark_mask, 0xf0);
	cr_assert_eq(in.verbose, 2);
	/* Another interface's, as those 1,024 apart share an element. */
	cr_assert_not(ifw_read_brief(&brief, 7 + IFW_BRIEFS, &in));
	cr_assert_not(ifw_read_brief(&brief, 6, &in));
	/* Being changed. */
	brief.sequence = 5;
	cr_assert_not(ifw_read_brief(&brief, 7, &in));
}

/* Whichever of the two reads fails, what is not known of an interface is as without settings. */
Test(iface, settings_are_read_where_the_brief_is_not)
{
	__u32 ifindex = sim_world_ifindex(world, "eth0");
	struct iface by_brief, by_settings;
	struct sim_packet *ctx = begin("eth0", &by_brief);

	cr_assert_eq(sim_world_calls(world), 1, "one lookup is enough");
	sim_world_fail_call(world, sim_world_calls(world) + 1);
	memset(&by_settings, 0xff, sizeof(by_settings));
	ifw_read_iface(ctx, ifindex, &by_settings);
	cr_assert_arr_eq(&by_brief, &by_settings, sizeof(by_brief));
	sim_world_fail_call(world, 0);
}

Test(iface, the_filter_of_addresses_has_no_false_negatives)
{
	struct iface in;
	struct sim_packet *ctx = begin("eth0", &in);
	const struct ifw_addr own = {0x0a000001ULL << 32, 0}, broadcast = {0x0a0000ffULL << 32, 0};
	unsigned int ruled_out = 0;

	cr_assert(ifw_may_be_own(ctx, in.slot, own, IFW_FAMILY_IPV4));
	cr_assert(ifw_may_be_own(ctx, in.slot, broadcast, IFW_FAMILY_IPV4));
	for (__u64 n = 2; n < 1002; n++) {
		const struct ifw_addr other = {(0x0a000000ULL + n * 7919) << 32, 0};

		ruled_out += !ifw_may_be_own(ctx, in.slot, other, IFW_FAMILY_IPV4);
		cr_assert_not(ifw_is_own(ctx, &in, other, IFW_FAMILY_IPV4));
	}
	cr_assert_gt(ruled_out, 850); /* three addresses, 64 bits */
}
