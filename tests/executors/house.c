/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* house.c - see house.h; packets are house_packets.c's. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "aging.h"
#include "house_internal.h"
#include "made_net.h"
#include "ruleset/clock.h"
#include "ruleset/grammar.h"

static int fail(struct failure *failure, int err, const char *what)
{
	snprintf(failure->text, sizeof(failure->text), "%s: %s", what, strerror(-err));
	return err;
}

/* --- Namespaces ------------------------------------------------------------------ */

static void set_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		perror(path);
	close(fd);
}

int house_enter(struct failure *failure)
{
	if (unshare(CLONE_NEWNS))
		return fail(failure, -errno, "no namespaces of its own");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fail(failure, -errno, "no mounts of its own");
	if (mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		return fail(failure, -errno, "no BPF file system of its own");
	return 0;
}

/* --- Building ---------------------------------------------------------------------- */

/* Neighbours are neither asked for nor told of anything (IFF_NOARP): nothing leaves by itself. */
static int take_up(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_NOARP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		err = -errno;
	close(fd);
	return err;
}

static int add_address(const char *text, uint32_t ifindex)
{
	const char *slash = strchr(text, '/');
	struct net_address address;
	struct ifw_addr masked;
	bool host_bits;
	uint8_t full;

	if (!slash ||
	    grammar_parse_prefix(text, strlen(text), &address.family, &masked, &address.len,
				 &host_bits) ||
	    grammar_parse_prefix(text, (size_t)(slash - text), &address.family, &address.addr,
				 &full, &host_bits))
		return -EINVAL;
	return net_add_address(&address, ifindex);
}

static int open_packet_socket(uint32_t ifindex)
{
	const struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int build_iface(struct house *house, const struct house_iface *iface)
{
	struct room *room = &house->rooms[house->count];
	int err = 0;

	*room = (struct room){.iface = iface, .tap = -1, .packet = -1};
	room->tap = net_device(iface->name, iface->ifindex, iface->raw);
	if (room->tap < 0)
		return room->tap;
	house->count++;
	for (size_t i = 0; i < 3 && iface->addresses[i] && !err; i++)
		err = add_address(iface->addresses[i], iface->ifindex);
	if (!err)
		err = take_up(iface->name);
	if (!err) {
		room->packet = open_packet_socket(iface->ifindex);
		err = room->packet < 0 ? room->packet : 0;
	}
	return err;
}

static int filter(uint32_t ifindex, enum bpf_tc_attach_point where, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = where);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .priority = 60000);
	int err;

	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	err = bpf_tc_hook_create(&hook);
	if (err && err != -EEXIST)
		return err;
	hook.attach_point = where;
	return bpf_tc_attach(&hook, &options);
}

/* What lets packets go nowhere, behind ifw on every hook. */
static int put_after(struct house *house, const struct house_iface *iface)
{
	const int after = bpf_program__fd(house->after->progs.after_ifw);
	int err = filter(iface->ifindex, BPF_TC_INGRESS, after);

	return err ? err : filter(iface->ifindex, BPF_TC_EGRESS, after);
}

static int build_beside(struct house *house)
{
	int err;

	house->beside = net_device("beside", HOUSE_BESIDE_IFINDEX, false);
	if (house->beside < 0)
		return house->beside;
	err = take_up("beside");
	return err ? err
		   : filter(HOUSE_BESIDE_IFINDEX, BPF_TC_INGRESS,
			    bpf_program__fd(house->after->progs.after_forward));
}

static int bring_up(struct house *house, struct failure *failure)
{
	for (size_t i = 0; i < house->count; i++) {
		const struct house_iface *iface = house->rooms[i].iface;
		const struct up_options options = {
			.track = LOADER_TRACK_ON,
			.set_mark = true,
			.mark = iface->mark,
			.mark_mask = iface->mark_mask,
			.table = LOADER_TABLE_DEFAULT,
		};
		struct up_result result;
		int err = loader_up(house->loader, iface->name, &options, &result, failure);

		if (err)
			return err;
		err = put_after(house, iface);
		if (err)
			return fail(failure, err, "no filter behind ifw");
	}
	return 0;
}

static int open_pin(const struct house *house, const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", loader_pin_dir(house->loader), name);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

static int open_pins(struct house *house)
{
	static const char *const flows[IFW_FLOW_CLASSES] = {"flows_0", "flows_1", "flows_2"};
	int events;

	house->fragments = open_pin(house, "fragments");
	for (int class = 0; class < IFW_FLOW_CLASSES; class ++) {
		house->flows[class] = open_pin(house, flows[class]);
		if (house->flows[class] < 0)
			return house->flows[class];
	}
	events = open_pin(house, "events");
	if (house->fragments < 0 || events < 0)
		return -ENOENT;
	house->events = ring_buffer__new(events, house_take_event, house, NULL);
	close(events);
	house->passed = ring_buffer__new(bpf_map__fd(house->after->maps.after_passed),
					 house_take_after, house, NULL);
	return house->events && house->passed ? 0 : -ENOMEM;
}

/* Sockets of this namespace that are not freed, whether closed or not. */
static unsigned int count_sockets(void)
{
	static const char label[] = "sockets: used ";
	FILE *file = fopen("/proc/self/net/sockstat", "re");
	unsigned int used = 0;
	char line[64];

	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file) && strncmp(line, label, sizeof(label) - 1) == 0)
		used = (unsigned int)strtoul(line + sizeof(label) - 1, NULL, 10);
	fclose(file);
	return used;
}

/* Those that were closed lately are freed a little later. */
static unsigned int count_settled_sockets(void)
{
	const struct timespec moment = {.tv_nsec = 100 * 1000 * 1000};
	unsigned int before = count_sockets(), now;

	for (int i = 0; i < 20; i++) {
		nanosleep(&moment, NULL);
		now = count_sockets();
		if (now == before)
			break;
		before = now;
	}
	return before;
}

static int build_net(struct house *house, const struct house_iface *ifaces, struct failure *failure)
{
	int err = net_enter(&house->sink);

	if (err)
		return fail(failure, err, "the namespace cannot be fitted out");
	set_sysctl("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1");
	for (; ifaces->name && !err; ifaces++)
		err = house->count < HOUSE_ROOMS ? build_iface(house, ifaces) : -E2BIG;
	return err ? fail(failure, err, "an interface cannot be made") : 0;
}

static int build_all(struct house *house, struct failure *failure)
{
	char why[256];
	int err = build_net(house, house->ifaces, failure);

	house->built_ns = clock_ns();
	if (err)
		return err;
	house->after = after_bpf__open_and_load();
	if (!house->after)
		return fail(failure, -errno, "the program behind ifw cannot be loaded");
	err = build_beside(house);
	if (err)
		return fail(failure, err, "the tap beside cannot be made");
	house->sockets_before = count_settled_sockets();
	if (made_sockets_open(house->world, house->sink, &house->sockets, why, sizeof(why)))
		return fail(failure, -EIO, why);
	err = loader_open(&house->loader, LOADER_CREATE, NULL, failure);
	if (!err)
		err = bring_up(house, failure);
	if (!err && (err = open_pins(house)) != 0)
		return fail(failure, err, "the pins cannot be opened");
	return err;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A closed socket is freed after a grace period of the kernel's. */
static unsigned int sockets_left(const struct house *house)
{
	const struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};
	unsigned int left = 0;

	for (int i = 0; i < 150; i++) {
		left = count_sockets() - house->sockets_before;
		if (!left)
			break;
		nanosleep(&moment, NULL);
	}
	return left;
}

/* Everything but the memory of the house itself. */
static void take_down(struct house *house)
{
	made_sockets_close(&house->sockets);
	if (house->loader)
		house->left += sockets_left(house);
	ring_buffer__free(house->events);
	ring_buffer__free(house->passed);
	house->events = house->passed = NULL;
	if (house->loader) {
		struct failure failure;
		unsigned int interfaces;

		(void)loader_down_all(house->loader, &interfaces, &failure);
		loader_close(house->loader);
		house->loader = NULL;
	}
	for (size_t i = 0; i < house->count; i++) {
		close_fd(&house->rooms[i].tap);
		close_fd(&house->rooms[i].packet);
	}
	house->count = 0;
	close_fd(&house->sink);
	close_fd(&house->beside);
	close_fd(&house->fragments);
	for (int class = 0; class < IFW_FLOW_CLASSES; class ++)
		close_fd(&house->flows[class]);
	if (house->after)
		after_bpf__destroy(house->after);
	house->after = NULL;
}

int house_build(const struct house_iface *ifaces, const struct sim_world *world, struct house **out,
		struct failure *failure)
{
	struct house *house = calloc(1, sizeof(*house));
	int err;

	if (!house)
		return -ENOMEM;
	house->ifaces = ifaces;
	house->world = world;
	house->sink = house->beside = house->fragments = -1;
	house->flows[0] = house->flows[1] = house->flows[2] = -1;
	err = build_all(house, failure);
	if (err)
		house_leave(house, NULL);
	else
		*out = house;
	return err;
}

void house_leave(struct house *house, unsigned int *left)
{
	if (!house)
		return;
	take_down(house);
	if (left)
		*left = house->left;
	free(house->rules);
	free(house->counts);
	free(house);
}

/* Before the kernel forgets the connections in TIME_WAIT, or gives up those in SYN_SENT. */
static int keep_young(struct house *house, struct failure *failure)
{
	if (clock_ns() - house->built_ns < HOUSE_YEARS_NS)
		return 0;
	take_down(house);
	return build_all(house, failure);
}

/* --- Furnishing -------------------------------------------------------------------- */

static int set_iface(struct house *house, const struct house_iface *of,
		     const struct sim_world *world, struct failure *failure)
{
	const uint32_t chosen = IFW_IFACE_SSH_OFF | IFW_IFACE_ECHO | IFW_IFACE_GENEVE |
				IFW_IFACE_TRACK | IFW_IFACE_EGRESS_DENY | IFW_IFACE_NAMED_RULES;
	const struct sim_iface *iface = sim_world_find_iface(world, of->name);
	const uint32_t verbose = 1;
	struct iface_change change;

	if (!iface)
		return fail(failure, -ENOENT, "the world lacks an interface");
	/* The program for what leaves stays, whatever the flags say of it. */
	change = (struct iface_change){
		.set = iface->settings.flags & chosen,
		.clear = ~iface->settings.flags & chosen,
		.verbose = &verbose,
		.protocols = (const uint64_t *)iface->settings.protocols,
		.ethertypes = iface->settings.ethertypes,
		.geneve_sources = iface->settings.geneve_sources,
	};
	return loader_iface_set(house->loader, of->name, &change, failure);
}

static int compare_orders(const void *a, const void *b)
{
	const struct house_order *one = a, *other = b;

	return one->kernel < other->kernel ? -1 : one->kernel > other->kernel;
}

/* Which of the kernel's rules is which of the world's. Both lists are in order. */
static int match_rules(struct house *house, const struct rule_set *kernel,
		       const struct rule_set *world)
{
	if (kernel->count != world->count)
		return -EPROTO;
	free(house->rules);
	house->rules = calloc(world->count + 1, sizeof(*house->rules));
	if (!house->rules)
		return -ENOMEM;
	house->rule_count = world->count;
	for (size_t i = 0; i < world->count; i++) {
		char one[RULE_TEXT_MAX], other[RULE_TEXT_MAX];

		rule_print(&kernel->rules[i], &kernel->names, one, sizeof(one));
		rule_print(&world->rules[i], &world->names, other, sizeof(other));
		if (strcmp(one, other) != 0)
			return -EPROTO;
		house->rules[i].kernel = kernel->rules[i].order;
		house->rules[i].world = world->rules[i].order;
	}
	qsort(house->rules, house->rule_count, sizeof(*house->rules), compare_orders);
	return 0;
}

uint32_t house_rule(const struct house *house, uint32_t order)
{
	const struct house_order key = {.kernel = order}, *found;

	if (!order)
		return 0;
	found = bsearch(&key, house->rules, house->rule_count, sizeof(key), compare_orders);
	return found ? found->world : UINT32_MAX;
}

static int put_rules(struct house *house, const struct sim_world *world, struct failure *failure)
{
	struct rule_set set __attribute__((cleanup(rule_set_clear))) = {};
	struct rule_set there __attribute__((cleanup(rule_set_clear))) = {};
	bool changed;
	int err = 0;

	set.names = *loader_names(house->loader);
	for (size_t i = 0; i < world->rules.count && !err; i++) {
		struct rule rule;
		char text[RULE_TEXT_MAX];

		rule_print(&world->rules.rules[i], &world->rules.names, text, sizeof(text));
		err = grammar_parse_rule(text, strlen(text), 1, &set.names, &rule, NULL, NULL);
		rule.order = (uint32_t)i + 1;
		if (!err)
			err = rule_set_add(&set, &rule);
	}
	if (err)
		return fail(failure, err, "the rules cannot be read again");
	err = loader_apply(house->loader, &set, &changed, failure);
	if (!err)
		err = loader_rules(house->loader, &there, failure);
	if (!err && (err = match_rules(house, &there, &world->rules)) != 0)
		return fail(failure, err, "the rules in force are not those of the world");
	return err;
}

/* Counters cannot be taken back; so they are remembered. */
static int begin_counting(struct house *house, struct failure *failure)
{
	struct ifw_count *counts = NULL;
	int err = 0;

	free(house->counts);
	house->counts = NULL;
	for (size_t i = 0; i < house->count; i++)
		memset(&house->rooms[i].before, 0, sizeof(house->rooms[i].before));
	for (size_t i = 0; i < house->count && !err; i++)
		err = house_counters(house, house->rooms[i].iface->ifindex, &house->rooms[i].before,
				     failure);
	if (!err)
		err = house_rule_counts(house, &counts, failure);
	house->counts = counts;
	return err;
}

int house_furnish(struct house *house, const struct sim_world *world, struct failure *failure)
{
	int err = keep_young(house, failure);

	for (size_t i = 0; i < house->count && !err; i++)
		err = set_iface(house, house->rooms[i].iface, world, failure);
	if (!err)
		err = loader_track_set(house->loader, &world->track, failure);
	if (!err)
		err = put_rules(house, world, failure);
	for (int class = 0; class < IFW_FLOW_CLASSES && !err; class ++)
		err = empty_map(house->flows[class], sizeof(struct ifw_flow_key));
	if (!err)
		err = empty_map(house->fragments, sizeof(struct ifw_fragment_key));
	if (!err && (err = house_forget(house)) != 0)
		return fail(failure, err, "the events cannot be read");
	return err ? err : begin_counting(house, failure);
}

int house_age(struct house *house, uint64_t ns)
{
	int err = age_fragments(house->fragments, ns);

	for (int class = 0; class < IFW_FLOW_CLASSES && !err; class ++)
		err = age_flows(house->flows[class], ns);
	return err;
}

/* --- Counters and flows -------------------------------------------------------------- */

static void subtract(struct ifw_counters *from, const struct ifw_counters *what)
{
	const __u64 *less = (const __u64 *)what;
	__u64 *number = (__u64 *)from;

	for (size_t i = 0; i < sizeof(*from) / sizeof(__u64); i++)
		number[i] -= less[i];
}

int house_counters(struct house *house, uint32_t ifindex, struct ifw_counters *counters,
		   struct failure *failure)
{
	struct ifw_counters now = {};
	struct iface_info *infos;
	size_t count;
	int err = loader_ifaces(house->loader, &infos, &count, failure);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		if (infos[i].ifindex == ifindex)
			now = infos[i].counters;
	for (size_t i = 0; i < house->count; i++)
		if (house->rooms[i].iface->ifindex == ifindex)
			subtract(&now, &house->rooms[i].before);
	*counters = now;
	loader_ifaces_free(infos, count);
	return 0;
}

int house_rule_counts(struct house *house, struct ifw_count **counts, struct failure *failure)
{
	struct rule_set set __attribute__((cleanup(rule_set_clear))) = {};
	int err = loader_rules_counted(house->loader, &set, counts, failure);

	for (size_t i = 0; !err && house->counts && i < set.count; i++) {
		(*counts)[i].packets -= house->counts[i].packets;
		(*counts)[i].bytes -= house->counts[i].bytes;
	}
	return err;
}

int house_flow(struct house *house, uint32_t class, const struct ifw_flow_key *key,
	       struct ifw_flow *flow)
{
	return bpf_map_lookup_elem(house->flows[class], key, flow) ? -errno : 0;
}

unsigned int house_flow_count(struct house *house, uint32_t class)
{
	return count_elements(house->flows[class], sizeof(struct ifw_flow_key));
}

int house_fragment(struct house *house, const struct ifw_fragment_key *key,
		   struct ifw_fragment *fragment)
{
	return bpf_map_lookup_elem(house->fragments, key, fragment) ? -errno : 0;
}

unsigned int house_fragment_count(struct house *house)
{
	return count_elements(house->fragments, sizeof(struct ifw_fragment_key));
}
