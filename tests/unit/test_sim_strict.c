/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of the simulator's strictness: what the verifier would refuse in a
 * program is noticed here, and the helpers fail as the kernel's do.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <sys/wait.h>

#include "sim_fixture.h"

static struct sim_world *world;
static struct sim_packet *ctx;
static struct frame frame;

static void setup(void)
{
	struct sim_frame in = {.data = frame.bytes, .length = 60, .ifindex = 2};

	for (size_t i = 0; i < in.length; i++)
		frame.bytes[i] = (uint8_t)i;
	world = world_of("interface eth0 index 2\n"
			 "socket tcp listen 10.0.0.1:80\n"
			 "socket udp bound 10.0.0.1:80\n",
			 "");
	cr_assert_eq(sim_packet_begin(world, &in, &ctx), 0);
}

static void teardown(void)
{
	sim_world_destroy(world);
}

TestSuite(sim_strict, .init = setup, .fini = teardown);

static struct bpf_sock *look_up(void)
{
	struct bpf_sock_tuple tuple = {
		.ipv4 = {.daddr = inet_addr("10.0.0.1"), .dport = htons(80)}};
	struct bpf_sock *sk = ifw_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4));

	cr_assert_not_null(sk);
	return sk;
}

#define VIOLATES(text)                                                                             \
	do {                                                                                       \
		sim_packet_end(ctx);                                                               \
		cr_assert_str_eq(ctx->violation, text);                                            \
	} while (0)

Test(sim_strict, a_fine_packet_is_fine)
{
	struct bpf_sock *sk = look_up(), *again = look_up();

	cr_assert_eq(sk->state, BPF_TCP_LISTEN);
	cr_assert_eq(ifw_assign(ctx, sk), 0);
	ifw_release(ctx, sk);
	ifw_release(ctx, again);
	ifw_event_submit(ctx, ifw_event_reserve(ctx));
	sim_packet_end(ctx);
	cr_assert_null(ctx->violation);
}

Test(sim_strict, a_leak_is_noticed)
{
	ifw_release(ctx, look_up());
	look_up();
	VIOLATES("a socket was not released");
}

Test(sim_strict, a_second_release_is_noticed)
{
	struct bpf_sock *sk = look_up();

	ifw_release(ctx, sk);
	ifw_release(ctx, sk);
	VIOLATES("a socket was used after its release");
}

Test(sim_strict, assigning_after_release_is_noticed)
{
	struct bpf_sock *sk = look_up();

	ifw_release(ctx, sk);
	cr_assert_neq(ifw_assign(ctx, sk), 0);
	VIOLATES("a socket was used after its release");
}

Test(sim_strict, no_socket_and_foreign_sockets_are_noticed)
{
	struct bpf_sock foreign = {};

	ifw_release(ctx, NULL);
	VIOLATES("a socket that no lookup returned was used");
	ctx->violation = NULL;
	cr_assert_neq(ifw_assign(ctx, &foreign), 0);
	VIOLATES("a socket that no lookup returned was used");
}

Test(sim_strict, too_many_sockets_are_noticed)
{
	for (int i = 0; i < SIM_HANDLES; i++)
		ifw_release(ctx, look_up());
	cr_assert_null(ctx->violation);
	{
		struct bpf_sock_tuple tuple = {
			.ipv4 = {.daddr = inet_addr("10.0.0.1"), .dport = htons(80)}};

		cr_assert_null(ifw_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4)));
	}
	VIOLATES("too many sockets were looked up");
}

Test(sim_strict, events_are_submitted_once)
{
	struct ifw_event *event = ifw_event_reserve(ctx);

	VIOLATES("an event was reserved and not submitted");
	ctx->violation = NULL;
	ifw_event_submit(ctx, event);
	ifw_event_submit(ctx, event);
	VIOLATES("an event that was not reserved was submitted");
	ctx->violation = NULL;
	cr_assert_null(ifw_event_reserve(ctx));
	VIOLATES("more than one event for one packet");
}

Test(sim_strict, a_violation_fails_the_decision_of_others)
{
	/* And it says so to who called, and is gone with the next packet. */
	struct sim_frame in = {.data = frame.bytes, .length = 60, .ifindex = 2};
	struct sim_result result;

	ifw_release(ctx, NULL);
	cr_assert_eq(sim_decide(world, &in, &result), 0);
	cr_assert_null(result.violation);
}

/* --- Loads --------------------------------------------------------------------- */

Test(sim_strict, loads_all_or_nothing)
{
	uint8_t to[8];

	cr_assert_eq(ifw_load(ctx, 52, to, 8), 0);
	cr_assert_eq(to[0], 52);
	cr_assert_eq(to[7], 59);
	memset(to, 0xff, sizeof(to));
	cr_assert_eq(ifw_load(ctx, 53, to, 8), -EFAULT);
	for (size_t i = 0; i < sizeof(to); i++)
		cr_assert_eq(to[i], 0);
	cr_assert_eq(ifw_load(ctx, 60, to, 1), -EFAULT);
	cr_assert_eq(ifw_load(ctx, 0xffffffff, to, 8), -EFAULT);
	cr_assert_eq(ifw_load(ctx, 0x7fffffff, to, 8), -EFAULT);
	cr_assert_null(ctx->violation);
	ifw_load(ctx, 0, to, 0);
	VIOLATES("a load of no bytes");
}

/* In a child, which may die: under ASan too, whose handler is taken off. */
static int read_in_child(size_t at)
{
	pid_t child = fork();
	int status;

	cr_assert_geq(child, 0);
	if (child == 0) {
		const volatile uint8_t *data = ctx->data;

		signal(SIGSEGV, SIG_DFL);
		_exit(data[at] == (uint8_t)at ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

Test(sim_strict, the_byte_behind_the_frame_cannot_be_read)
{
	int status = read_in_child(59);

	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = read_in_child(60);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

Test(sim_strict, large_frames_end_at_the_page_too)
{
	const size_t size = 300000;
	uint8_t *large = malloc(size);
	struct sim_frame in = {.data = large, .length = size, .ifindex = 2};
	int status;

	cr_assert_not_null(large);
	for (size_t i = 0; i < size; i++)
		large[i] = (uint8_t)i;
	cr_assert_eq(sim_packet_begin(world, &in, &ctx), 0);
	free(large);
	status = read_in_child(size - 1);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = read_in_child(size);
	cr_assert(WIFSIGNALED(status));
	in.length = SIZE_MAX / 2;
	cr_assert_eq(sim_packet_begin(world, &in, &ctx), -ENOMEM);
}

/* --- Maps ----------------------------------------------------------------------- */

Test(sim_strict, maps_have_ends)
{
	const struct ifw_prefix_key key = {};

	cr_assert_null(ifw_find_counters(ctx, IFW_SLOTS));
	cr_assert_not_null(ifw_find_counters(ctx, IFW_SLOTS - 1));
	cr_assert_null(ifw_find_range(ctx, 0, 0));
	cr_assert_null(ifw_find_range(ctx, SIM_GENERATIONS, 0));
	cr_assert_null(ifw_find_prefix(ctx, SIM_GENERATIONS, &key));
}

/* The words of all kinds lie in one array of the kernel, which would answer with another's. */
Test(sim_strict, lengths_have_ends)
{
	ifw_read_lengths(ctx, 0, 2 * IFW_LENGTHS_PROTOCOLS - 1, IFW_LENGTH_WORDS - 1);
	cr_assert_null(ctx->violation);
	cr_assert_eq(ifw_read_lengths(ctx, 0, 0, IFW_LENGTH_WORDS), 0);
	VIOLATES("lengths were read that are not of the packet's kind");
	ctx->violation = NULL;
	cr_assert_eq(ifw_read_lengths(ctx, 0, 2 * IFW_LENGTHS_PROTOCOLS, 0), 0);
	VIOLATES("lengths were read that are not of the packet's kind");
}

Test(sim_strict, rules_are_replaced_by_the_other_generation)
{
	const char *text = "pass tcp to 10.0.0.0/8 port 1-9\npass tcp to 10.0.0.0/8 port 11\n";
	struct rule_set set = {.names = *sim_world_names(world)};
	__u32 before = ifw_read_generation(ctx);
	const struct rule *rule;

	cr_assert_eq(grammar_parse_set(text, strlen(text), &set, NULL, NULL), 0);
	cr_assert_eq(sim_world_set_rules(world, &set), 0);
	cr_assert_neq(ifw_read_generation(ctx), before);
	cr_assert_not_null(ifw_find_range(ctx, ifw_read_generation(ctx), 0));
	cr_assert_null(ifw_find_range(ctx, before, 0));
	rule = sim_world_rule(world, 1);
	cr_assert_not_null(rule);
	cr_assert(rule_equal(rule, &set.rules[0]));
	cr_assert_null(sim_world_rule(world, 3));
	cr_assert_null(sim_world_rule(world, 0));
	/* Other interface names would mean other interfaces: refused, and the former stay. */
	memcpy(set.names.name[1], "eth9", sizeof("eth9"));
	cr_assert_eq(sim_world_set_rules(world, &set), -EINVAL);
	cr_assert_not_null(sim_world_rule(world, 1));
	rule_set_clear(&set);
}

Test(sim_strict, failing_calls_are_counted_from_one)
{
	sim_world_fail_call(world, 2);
	cr_assert_not_null(ifw_find_iface(ctx, 2));
	cr_assert_null(ifw_find_iface(ctx, 2));
	cr_assert_not_null(ifw_find_iface(ctx, 2));
	cr_assert_eq(sim_world_calls(world), 3);
}

/* --- Removal of headers ------------------------------------------------------------ */

#define ENOTSUPP 524

Test(sim_strict, removal_shifts_the_link_header_up_to_the_rest)
{
	uint8_t to[16];

	cr_assert_eq(ifw_strip(ctx, 14, 10, IFW_FAMILY_IPV4, IFW_FAMILY_IPV4), 0);
	cr_assert_eq(ifw_frame_length(ctx), 50);
	cr_assert_eq(ifw_load(ctx, 0, to, 16), 0);
	cr_assert_eq(to[0], 0);
	cr_assert_eq(to[11], 11);
	cr_assert_eq(to[12] << 8 | to[13], ETH_P_IP);
	cr_assert_eq(to[14], 24);
	cr_assert_eq(ifw_load(ctx, 49, to, 1), 0);
	cr_assert_eq(to[0], 59);
	cr_assert_eq(ifw_load(ctx, 50, to, 1), -EFAULT);
	cr_assert(WIFEXITED(read_in_child(0)));
	cr_assert(WIFSIGNALED(read_in_child(50)));
	cr_assert_eq(ifw_strip(ctx, 14, 1, IFW_FAMILY_IPV4, IFW_FAMILY_IPV4), 0);
	cr_assert_eq(ifw_frame_length(ctx), 49);
	cr_assert_null(ctx->violation);
}

Test(sim_strict, removal_fails_as_in_the_kernel)
{
	const uint8_t v4 = IFW_FAMILY_IPV4, v6 = IFW_FAMILY_IPV6;

	/* 60 bytes: at least an inner header must stay. */
	cr_assert_eq(ifw_strip(ctx, 14, 27, v4, v4), -ENOTSUPP);
	cr_assert_eq(ifw_strip(ctx, 14, 7, v6, v6), -ENOTSUPP);
	cr_assert_eq(ifw_strip(ctx, 14, 7, v4, v6), -ENOTSUPP);
	cr_assert_eq(ifw_strip(ctx, 14, 0x1000, v4, v4), -EFAULT);
	cr_assert_eq(ifw_strip(ctx, 14, 0xffffffff, v4, v4), -EFAULT);
	cr_assert_eq(ifw_strip(ctx, 22, 1, v4, v4), -ENOTSUPP); /* two tags in the frame */
	ctx->frame.tags = 1;
	cr_assert_eq(ifw_strip(ctx, 18, 1, v4, v4), -ENOTSUPP); /* one there, one taken off */
	ctx->frame.tags = 0;
	world->kernel = SIM_KERNEL(6, 2);
	cr_assert_eq(ifw_strip(ctx, 14, 1, v4, v6), -EINVAL);
	cr_assert_eq(ifw_strip(ctx, 14, 1, v6, v4), -EINVAL);
	cr_assert_eq(ifw_frame_length(ctx), 60);
	world->kernel = SIM_KERNEL(6, 3);
	cr_assert_eq(ifw_strip(ctx, 14, 6, v4, v6), 0);
	cr_assert_eq(ctx->data[12] << 8 | ctx->data[13], ETH_P_IPV6);
	sim_world_fail_call(world, ctx->calls + 1);
	cr_assert_neq(ifw_strip(ctx, 14, 1, v6, v6), 0);
	cr_assert_null(ctx->violation);
}

/* --- Listeners and fragments ------------------------------------------------------- */

Test(sim_strict, listeners_are_kept_while_held)
{
	const struct ifw_listener_key key = {.port = 1}, other = {.port = 2};
	struct bpf_sock *sk = look_up();

	ifw_keep_listener(ctx, &key, sk);
	cr_assert_not_null(sim_world_kept_listener(world, &key));
	cr_assert_null(sim_world_kept_listener(world, &other));
	ifw_release(ctx, sk);
	cr_assert_not_null(sim_world_kept_listener(world, &key));
	cr_assert_null(ctx->violation);
	ifw_keep_listener(ctx, &other, sk);
	cr_assert_null(sim_world_kept_listener(world, &other));
	VIOLATES("a socket was used after its release");
}

Test(sim_strict, keeping_is_no_release)
{
	const struct ifw_listener_key key = {.port = 1};

	ifw_keep_listener(ctx, &key, look_up());
	VIOLATES("a socket was not released");
}

Test(sim_strict, a_sockhash_takes_no_closed_sockets)
{
	struct ifw_listener_key key = {.port = 1};
	struct sim_socket closing = {.key = {.protocol = IPPROTO_TCP}};

	closing.sk.state = BPF_TCP_TIME_WAIT;
	cr_assert_eq(sim_world_keep_listener(world, &key, &closing), -EOPNOTSUPP);
	closing.sk.state = BPF_TCP_LISTEN;
	for (key.addr.lo = 0; key.addr.lo < IFW_LISTENERS_MAX; key.addr.lo++)
		cr_assert_eq(sim_world_keep_listener(world, &key, &closing), 0);
	cr_assert_eq(sim_world_keep_listener(world, &key, &closing), -E2BIG);
	key.addr.lo = 0; /* there already */
	cr_assert_eq(sim_world_keep_listener(world, &key, &closing), 0);
	while (world->listeners) {
		struct sim_listener *kept = world->listeners;

		HASH_DEL(world->listeners, kept);
		free(kept);
	}
}

Test(sim_strict, a_new_fragment_is_blank)
{
	const struct ifw_fragment_key key = {.identification = 1};
	struct ifw_fragment *fragment = ifw_new_fragment(ctx, &key);

	cr_assert_not_null(fragment);
	cr_assert_eq(fragment->expires_ns, 0);
	fragment->expires_ns = 5;
	fragment->covered[IFW_FRAGMENT_WORDS - 1] = 5;
	cr_assert_eq(ifw_find_fragment(ctx, &key)->expires_ns, 5);
	fragment = ifw_new_fragment(ctx, &key);
	cr_assert_eq(fragment->expires_ns, 0);
	cr_assert_eq(fragment->covered[IFW_FRAGMENT_WORDS - 1], 0);
	ifw_forget_fragment(ctx, &key);
	cr_assert_null(ifw_find_fragment(ctx, &key));
	ifw_forget_fragment(ctx, &key);
	cr_assert_eq(HASH_COUNT(world->fragments), 0);
}

/* The memory between two packets is not cleared: what is not written must not look like zero. */
Test(sim_strict, work_holds_what_was_left)
{
	const uint8_t *work = (const uint8_t *)ifw_work_of(ctx);

	for (size_t i = 0; i < sizeof(struct ifw_work); i++)
		cr_assert_neq(work[i], 0);
}
