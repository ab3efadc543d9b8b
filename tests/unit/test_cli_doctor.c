/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_cli_doctor.c - what is found on hosts that no test can be: without helpers, old, without
 * a file system for pins; and how checks are printed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "printed.h"

#include "cli/doctor.h"

static const struct host_facts good = {
	.release = "6.18.1",
	.bpffs = true,
	.bpffs_at = "/sys/fs/bpf",
	.btf = true,
	.lo_up = true,
	.helpers = 1,
	.tcx = 1,
};

static const struct doctor_check *find(const struct doctor *doctor, const char *name)
{
	for (size_t i = 0; i < doctor->count; i++)
		if (strcmp(doctor->checks[i].name, name) == 0)
			return &doctor->checks[i];
	cr_assert_fail("no check '%s'", name);
	return NULL;
}

static void expect(const struct host_facts *facts, const char *name, enum doctor_state state,
		   const char *words, const char *command)
{
	auto_doctor doctor = {.count = 0};
	const struct doctor_check *check;

	doctor_judge_host(&doctor, facts);
	check = find(&doctor, name);
	cr_expect_eq(check->state, state, "%s: %s", name, check->found);
	cr_expect_not_null(strstr(check->found, words), "%s: %s", name, check->found);
	cr_expect_str_eq(check->command, command);
	cr_expect(doctor_why(name)[0]);
	/* Nothing else is the worse for it. */
	cr_expect_eq(doctor_count(&doctor, DOCTOR_OK), doctor.count - (state != DOCTOR_OK));
}

Test(doctor, host)
{
	struct host_facts facts = good;

	expect(&facts, "kernel", DOCTOR_OK, "6.18.1", "");
	facts.before_5_17 = true;
	expect(&facts, "kernel", DOCTOR_WARNING, "before 5.17", "");
	facts.before_5_10 = true;
	expect(&facts, "kernel", DOCTOR_FAILED, "5.10", "");
	facts = good;
	facts.helpers = 0;
	facts.helper_missing = "bpf_sk_assign";
	expect(&facts, "helpers", DOCTOR_FAILED, "no bpf_sk_assign", "");
	facts.helpers = -EPERM;
	expect(&facts, "helpers", DOCTOR_UNSEEN, "not permitted", "");
	facts = good;
	facts.tcx = 0;
	expect(&facts, "hook", DOCTOR_OK, "clsact", "");
	facts.tcx = -EPERM;
	expect(&facts, "hook", DOCTOR_UNSEEN, "not permitted", "");
	facts = good;
	facts.btf = false;
	expect(&facts, "btf", DOCTOR_OK, "none is needed", "");
	facts = good;
	facts.lo_up = false;
	expect(&facts, "lo", DOCTOR_FAILED, "down", "ip link set lo up");
	facts = good;
	snprintf(facts.lacking, sizeof(facts.lacking), "CAP_BPF");
	expect(&facts, "privilege", DOCTOR_UNSEEN, "CAP_BPF missing", "sudo ifw doctor");
	facts = good;
	facts.bpffs = false;
	expect(&facts, "bpffs", DOCTOR_FAILED, "/sys/fs/bpf", "mount -t bpf bpf /sys/fs/bpf");
}

/* Only where it always is may --fix mount it. */
Test(doctor, bpffs_elsewhere)
{
	auto_doctor doctor = {.count = 0};
	struct host_facts facts = good;

	facts.bpffs = false;
	doctor_judge_host(&doctor, &facts);
	cr_expect_eq(find(&doctor, "bpffs")->fix, DOCTOR_MOUNT);
	doctor_free(&doctor);
	doctor = (struct doctor){.count = 0};
	snprintf(facts.bpffs_at, sizeof(facts.bpffs_at), "/mnt");
	doctor_judge_host(&doctor, &facts);
	cr_expect_eq(find(&doctor, "bpffs")->fix, DOCTOR_OTHERS);
	cr_expect_str_eq(find(&doctor, "bpffs")->command, "mount -t bpf bpf /mnt");
}

static char *print(const struct doctor *doctor, const struct table_look *look)
{
	struct printed printed;
	FILE *out = printed_begin(&printed);

	doctor_print(doctor, out, look);
	return printed_end(&printed);
}

Test(doctor, printed)
{
	auto_doctor doctor = {.count = 0};
	struct table_look look = {.width = 62};
	char *text;

	doctor_add(&doctor, "lo", DOCTOR_OK, "up");
	doctor_section(&doctor, "eth0");
	doctor_mend(
		doctor_add(&doctor, "link", DOCTOR_FAILED, "it is down, and so nothing comes by"),
		DOCTOR_OTHERS, "ip link set %s up", doctor.word);
	text = print(&doctor, &look);
	cr_expect_str_eq(text, "this host\n"
			       "  ok       lo                 up\n"
			       "\n"
			       "eth0\n"
			       "  FAILED   link               it is down, and so nothing comes\n"
			       "                              by\n"
			       "                              an interface that is down\n"
			       "                              receives nothing\n"
			       "                              # ip link set eth0 up\n"
			       "\n"
			       "1 ok, 0 warning, 1 failed\n");
	free(text);
	look.colour = true;
	text = print(&doctor, &look);
	cr_expect_not_null(strstr(text, "\033[31mFAILED   \033[0m"));
	cr_expect_not_null(strstr(text, "\033[32mok       \033[0m"));
	free(text);
}

/* Names may have any bytes; commands are copied into a shell, and texts go to a terminal. */
Test(doctor, odd_names)
{
	auto_doctor doctor = {.count = 0};
	struct doctor_check *check;
	json_t *json;

	doctor_section(&doctor, "a;b'c\x1b");
	check = doctor_add(&doctor, "link", DOCTOR_FAILED, "'%s'", doctor.where);
	doctor_mend(check, DOCTOR_OTHERS, "ip link set %s up", doctor.word);
	cr_expect_str_eq(check->found, "'a;b'c?'");
	cr_expect_str_eq(check->command, "ip link set 'a;b'\\''c?' up");
	doctor_section(&doctor, "\xff\xfe");
	doctor_add(&doctor, "link", DOCTOR_OK, "up");
	json = doctor_json(&doctor);
	cr_assert(json);
	cr_expect_eq(json_array_size(json_object_get(json, "checks")), 2);
	cr_expect_eq(json_integer_value(json_object_get(json, "failed")), 1);
	json_decref(json);
}
