/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/flow_states.h: numbers are what flows and settings carry, names
 * are what world files and JSON do, and seconds are what people read in the manual.
 */
#include "sim_fixture.h"

/* By number. */
static const struct ifw_flow_state_info published[] = {
	{},
	{.name = "syn-sent", .seconds = 120},
	{.name = "syn-crossed", .seconds = 120},
	{.name = "syn-received", .seconds = 60},
	{.name = "one-sided", .seconds = 300},
	{.name = "established", .seconds = 432000},
	{.name = "fin-wait", .seconds = 120},
	{.name = "close-wait", .seconds = 60},
	{.name = "last-ack", .seconds = 30},
	{.name = "time-wait", .seconds = 120},
	{.name = "closed", .seconds = 10},
	{.name = "udp-unreplied", .seconds = 30},
	{.name = "udp-replied", .seconds = 120},
	{.name = "icmp-unreplied", .seconds = 30},
	{.name = "icmp-replied", .seconds = 30},
};

#define PUBLISHED (sizeof(published) / sizeof(published[0]))

Test(flow_states, keep_their_numbers_names_and_timeouts)
{
	cr_assert_eq(IFW_FLOW_STATE_END, PUBLISHED);
	for (unsigned int state = IFW_FLOW_NONE + 1; state < PUBLISHED; state++) {
		const struct ifw_flow_state_info *info = ifw_flow_state_info(state);

		cr_assert_not_null(info);
		cr_assert_str_eq(info->name, published[state].name);
		cr_assert_eq(info->seconds, published[state].seconds, "%s", info->name);
		cr_assert_gt(strlen(info->text), 0);
	}
}

Test(flow_states, end_where_the_table_ends)
{
	cr_assert_eq(IFW_FLOW_NONE, 0);
	cr_assert_null(ifw_flow_state_info(IFW_FLOW_NONE));
	cr_assert_not_null(ifw_flow_state_info(IFW_FLOW_STATE_END - 1));
	cr_assert_null(ifw_flow_state_info(IFW_FLOW_STATE_END));
	cr_assert_null(ifw_flow_state_info(UINT32_MAX));
}

Test(flow_states, default_to_their_timeouts_and_to_picking_up)
{
	const struct ifw_track_settings settings = ifw_track_defaults();

	cr_assert_eq(settings.flags, IFW_TRACK_PICK_UP);
	cr_assert_eq(settings.timeouts_ns[IFW_FLOW_NONE], 0);
	for (unsigned int state = IFW_FLOW_NONE + 1; state < PUBLISHED; state++)
		cr_assert_eq(settings.timeouts_ns[state],
			     published[state].seconds * UINT64_C(1000000000));
	for (unsigned int state = PUBLISHED; state < IFW_FLOW_STATES_MAX; state++)
		cr_assert_eq(settings.timeouts_ns[state], 0);
}
