/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * facts.c - what a host and an interface are like, as far as interception depends on it.
 * Nothing is judged here.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "datapath/addr.h"
#include "netlink.h"

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

/* Those without which the programs are refused; libbpf would say only that they were. */
static const struct {
	enum bpf_func_id id;
	const char *name;
} helpers[] = {
	{BPF_FUNC_sk_assign, "bpf_sk_assign"},
	{BPF_FUNC_skc_lookup_tcp, "bpf_skc_lookup_tcp"},
	{BPF_FUNC_sk_lookup_udp, "bpf_sk_lookup_udp"},
	{BPF_FUNC_sk_release, "bpf_sk_release"},
	{BPF_FUNC_ringbuf_reserve, "bpf_ringbuf_reserve"},
	{BPF_FUNC_jiffies64, "bpf_jiffies64"},
	{BPF_FUNC_skb_adjust_room, "bpf_skb_adjust_room"},
};

static bool has_capability(const struct __user_cap_data_struct *data, unsigned int capability)
{
	return data[capability / 32].effective >> (capability % 32) & 1;
}

static void find_lacking(char *text, size_t size)
{
	static const struct {
		unsigned int capability;
		const char *name;
		bool admin_has_it; /* CAP_SYS_ADMIN does as well: capabilities(7) */
	} needed[] = {
		{CAP_NET_ADMIN, "CAP_NET_ADMIN", false},
		{CAP_BPF, "CAP_BPF", true},
		{CAP_PERFMON, "CAP_PERFMON", true},
	};
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
	size_t used = 0;

	text[0] = '\0';
	/* The C library has no call for it; where it fails, none is taken to be there. */
	(void)syscall(SYS_capget, &header, data);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (has_capability(data, needed[i].capability) ||
		    (needed[i].admin_has_it && has_capability(data, CAP_SYS_ADMIN)))
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
					 needed[i].name);
	}
}

static void probe_helpers(struct host_facts *facts)
{
	/* libbpf takes a refusal for lack of privilege as a helper that is there. */
	facts->helpers = facts->lacking[0] ? -EPERM : 1;
	for (size_t i = 0; facts->helpers == 1 && i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		facts->helpers =
			libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, helpers[i].id, NULL);
		facts->helper_missing = helpers[i].name;
	}
}

int loader_host_facts(const char *pin_dir, struct host_facts *facts)
{
	struct link_info lo;
	struct utsname names;
	int err;

	*facts = (struct host_facts){};
	find_lacking(facts->lacking, sizeof(facts->lacking));
	if (uname(&names) == 0)
		snprintf(facts->release, sizeof(facts->release), "%s", names.release);
	facts->before_5_10 = kernel_is_before(5, 10);
	facts->before_5_17 = kernel_is_before(5, 17);
	facts->bpffs = pins_have_bpffs(pin_dir, facts->bpffs_at, sizeof(facts->bpffs_at));
	facts->btf = access(VMLINUX_BTF, R_OK) == 0;
	libbpf_set_print(NULL);
	probe_helpers(facts);
	facts->tcx = tcx_is_there(IFW_LOOPBACK_IFINDEX);
	err = net_link("lo", &lo);
	facts->lo_up = !err && lo.up;
	return err == -ENODEV ? 0 : err;
}

/* --- An interface ------------------------------------------------------------------ */

static bool has_addr(const struct iface_addr *addrs, size_t count, const struct iface_addr *wanted)
{
	for (size_t i = 0; i < count; i++)
		if (addrs[i].family == wanted->family &&
		    ifw_addr_equal(addrs[i].addr, wanted->addr))
			return true;
	return false;
}

/* The first of these that those lack; NULL: they have all. */
static const struct iface_addr *lacking(const struct iface_addr *these, size_t count,
					const struct iface_addr *those, size_t those_count)
{
	for (size_t i = 0; i < count; i++)
		if (!has_addr(those, those_count, &these[i]))
			return &these[i];
	return NULL;
}

int loader_iface_facts(const struct iface_info *iface, struct iface_facts *facts)
{
	CLEANUP(cleanup_free) struct iface_addr *addrs = NULL;
	const struct iface_addr *odd;
	struct link_info link;
	char now[IF_NAMESIZE];
	size_t count = 0;
	int err;

	*facts = (struct iface_facts){};
	/* Under the name that it has now, where it was renamed. */
	if (!if_indextoname(iface->ifindex, now))
		return -errno;
	copy_name(facts->name, now);
	err = net_link(now, &link);
	if (!err)
		err = net_addrs(iface->ifindex, &addrs, &count);
	if (err)
		return err;
	copy_name(facts->upper, link.upper);
	odd = lacking(addrs, count, iface->addrs, iface->addr_count);
	if (odd) {
		facts->unrecorded = true;
		facts->odd = *odd;
		return 0;
	}
	odd = lacking(iface->addrs, iface->addr_count, addrs, count);
	if (odd) {
		facts->outdated = true;
		facts->odd = *odd;
	}
	return 0;
}
