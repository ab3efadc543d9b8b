/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* doctor_host.c - what the host is like, judged from its facts alone, so that tests can make some.
 */
#include <string.h>

#include "doctor.h"

static void judge_programs(struct doctor *doctor, const struct host_facts *facts)
{
	if (facts->before_5_10)
		doctor_add(doctor, "kernel", DOCTOR_FAILED,
			   "Linux %s, and ifw needs 5.10 or later: boot a newer kernel",
			   facts->release);
	else if (facts->before_5_17)
		doctor_add(doctor, "kernel", DOCTOR_WARNING,
			   "Linux %s is before 5.17: fragmented datagrams are not intercepted",
			   facts->release);
	else
		doctor_add(doctor, "kernel", DOCTOR_OK, "Linux %s", facts->release);
	if (facts->helpers < 0)
		doctor_add(doctor, "helpers", DOCTOR_UNSEEN, "not asked: %s",
			   strerror(-facts->helpers));
	else if (!facts->helpers)
		doctor_add(doctor, "helpers", DOCTOR_FAILED,
			   "the kernel has no %s: boot a newer kernel, or one built with "
			   "CONFIG_INET and CONFIG_BPF_SYSCALL",
			   facts->helper_missing);
	else
		doctor_add(doctor, "helpers", DOCTOR_OK, "all that the programs call");
	if (facts->tcx < 0)
		doctor_add(doctor, "hook", DOCTOR_UNSEEN, "not asked: %s", strerror(-facts->tcx));
	else
		doctor_add(doctor, "hook", DOCTOR_OK,
			   facts->tcx ? "TCX" : "clsact (before 6.6 there is no TCX)");
	doctor_add(doctor, "btf", DOCTOR_OK,
		   facts->btf ? "/sys/kernel/btf/vmlinux"
			      : "none, and none is needed: the programs read no kernel structures");
}

void doctor_judge_host(struct doctor *doctor, const struct host_facts *facts)
{
	if (facts->lacking[0])
		doctor_mend(doctor_add(doctor, "privilege", DOCTOR_UNSEEN, "%s missing",
				       facts->lacking),
			    DOCTOR_OTHERS, "sudo ifw doctor");
	else
		doctor_add(doctor, "privilege", DOCTOR_OK, "CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON");
	if (facts->bpffs)
		doctor_add(doctor, "bpffs", DOCTOR_OK, "%s", facts->bpffs_at);
	else
		doctor_mend(doctor_add(doctor, "bpffs", DOCTOR_FAILED,
				       "there is no BPF file system on '%s'", facts->bpffs_at),
			    strcmp(facts->bpffs_at, "/sys/fs/bpf") == 0 ? DOCTOR_MOUNT
									: DOCTOR_OTHERS,
			    "mount -t bpf bpf %s", facts->bpffs_at);
	judge_programs(doctor, facts);
	if (facts->lo_up)
		doctor_add(doctor, "lo", DOCTOR_OK, "up");
	else
		doctor_mend(doctor_add(doctor, "lo", DOCTOR_FAILED, "lo is down"), DOCTOR_OTHERS,
			    "ip link set lo up");
}
