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
			 "set eth0 mark 0x100 mask 0xf00\n",
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
	cr_assert_eq(in.flags, IFW_IFACE_SSH_OFF | IFW_IFACE_ECHO | IFW_IFACE_ADDRS_RECORDED);
	cr_assert_eq(in.mark, 0x100);
	cr_assert_eq(in.mark_mask, 0xf00);
	cr_assert_eq(in.verbose, 3);
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
