/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of datapath/reasons.h: names are what programs rely on, numbers are
 * what counters are indexed by.
 */
#include "sim_fixture.h"

Test(reasons, have_names_and_texts_of_their_own)
{
	for (unsigned int i = IFW_REASON_NONE + 1; i < IFW_REASON_END; i++) {
		const struct ifw_reason_info *info = ifw_reason_info(i);

		cr_assert_not_null(info);
		cr_assert_gt(strlen(info->text), 0);
		cr_assert_eq(strspn(info->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
			     strlen(info->name), "%s", info->name);
		for (unsigned int j = IFW_REASON_NONE + 1; j < i; j++)
			cr_assert_str_neq(info->name, ifw_reason_info(j)->name);
	}
}

/* By number: old readers of counters and events know no others. */
static const char *const published[] = {
	NULL,
	"malformed",
	"arp",
	"non-ip",
	"martian",
	"extension-header",
	"fragment",
	"fragment-tiny",
	"fragment-overlap",
	"neighbor-discovery",
	"icmp-echo",
	"icmp-related",
	"protocol",
	"geneve",
	"geneve-family",
	"ssh",
	"dhcp",
	"established",
	"rule-deny",
	"rule-pass",
	"local",
	"intercepted",
	"no-listener",
	"assign-failed",
	"no-rule",
	"tracked",
	"egress-pass",
	"egress-deny",
	"egress-default",
};

#define PUBLISHED (sizeof(published) / sizeof(published[0]))

Test(reasons, keep_their_numbers_and_names)
{
	cr_assert_geq(IFW_REASON_END, PUBLISHED);
	for (unsigned int i = IFW_REASON_NONE + 1; i < PUBLISHED; i++)
		cr_assert_str_eq(ifw_reason_info(i)->name, published[i]);
}

Test(reasons, end_where_the_table_ends)
{
	cr_assert_eq(IFW_REASON_NONE, 0);
	cr_assert_null(ifw_reason_info(IFW_REASON_NONE));
	cr_assert_not_null(ifw_reason_info(IFW_REASON_END - 1));
	cr_assert_null(ifw_reason_info(IFW_REASON_END));
	cr_assert_null(ifw_reason_info(UINT32_MAX));
	cr_assert_leq(IFW_REASON_END, IFW_REASONS_MAX);
}

Test(reasons, say_which_verdicts_they_come_with)
{
	cr_assert_eq(ifw_reason_info(IFW_REASON_MALFORMED)->verdicts, 1 << IFW_VERDICT_DROP);
	cr_assert_eq(ifw_reason_info(IFW_REASON_NO_LISTENER)->verdicts, 1 << IFW_VERDICT_DROP);
	cr_assert_eq(ifw_reason_info(IFW_REASON_INTERCEPTED)->verdicts, 1 << IFW_VERDICT_PASS);
	cr_assert_eq(ifw_reason_info(IFW_REASON_NO_RULE)->verdicts,
		     1 << IFW_VERDICT_PASS | 1 << IFW_VERDICT_DROP);
}

Test(reasons, share_a_number_with_their_verdict)
{
	cr_assert_eq(ifw_pass(IFW_REASON_SSH) & 0xff, IFW_REASON_SSH);
	cr_assert_eq(ifw_pass(IFW_REASON_SSH) >> 8, IFW_VERDICT_PASS);
	cr_assert_eq(ifw_drop(IFW_REASON_NO_RULE) >> 8, IFW_VERDICT_DROP);
	cr_assert_neq(ifw_drop(IFW_REASON_NO_RULE), IFW_UNDECIDED);
	cr_assert_eq(ifw_drop_unless_loopback(1, IFW_REASON_NO_RULE), ifw_pass(IFW_REASON_NO_RULE));
	cr_assert_eq(ifw_drop_unless_loopback(2, IFW_REASON_NO_RULE), ifw_drop(IFW_REASON_NO_RULE));
}
