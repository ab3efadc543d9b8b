/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * store_model.c - random rules are added, replaced, deleted and applied through
 * the loader; after each change the pinned maps are walked by the datapath's
 * own rules.h, through a seam that reads them by system call, and each answer
 * is compared with a plain scan over a list that this program keeps itself.
 * Also: what the loader lists is that list, the walk tries the lengths of its
 * rules and no others, and what it says it uses is freed
 * again. Runs in a namespace of its own, see test_store.py.
 *
 * usage: store_model IFACE STEPS SEED
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datapath/rules.h"
#include "loader/loader.h"
#include "ruleset/compile.h"

#define PROBES 40
#define MODEL_MAX 400
#define FOUND_MAX 2048 /* above all pairs of lengths */

/* --- The seam, over pinned maps -------------------------------------------- */

struct sim_packet {
	int prefixes[2], active, index;
	char dir[256];
	/* As in the kernel, what a lookup returned stays valid until the walk is over. */
	struct ifw_prefix found[FOUND_MAX];
	size_t found_count;
	struct ifw_range range;
	struct ifw_range rule; /* that the walk found */
};

__u32 ifw_read_generation(ifw_ctx *ctx)
{
	__u32 zero = 0, generation = 0;

	if (bpf_map_lookup_elem(ctx->active, &zero, &generation))
		abort();
	return generation;
}

const struct ifw_prefix *ifw_find_prefix(ifw_ctx *ctx, __u32 generation,
					 const struct ifw_prefix_key *key)
{
	struct ifw_prefix *to = &ctx->found[ctx->found_count];

	if (ctx->found_count == FOUND_MAX ||
	    bpf_map_lookup_elem(ctx->prefixes[generation], key, to))
		return NULL;
	ctx->found_count++;
	return to;
}

static int open_pin(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_obj_get(path);
}

const struct ifw_range *ifw_find_range(ifw_ctx *ctx, __u32 generation, __u32 index)
{
	__u32 element = index % IFW_RANGE_CHUNK;
	char name[32];
	int fd, err;

	snprintf(name, sizeof(name), "ranges_%u_%u", generation, index / IFW_RANGE_CHUNK);
	fd = open_pin(ctx->dir, name);
	if (fd < 0)
		return NULL;
	err = bpf_map_lookup_elem(fd, &element, &ctx->range);
	close(fd);
	return err ? NULL : &ctx->range;
}

const struct ifw_range *ifw_only_range(ifw_ctx *ctx, const struct ifw_prefix *prefix)
{
	(void)ctx;
	return &prefix->only;
}

struct ifw_range *ifw_found_rule(ifw_ctx *ctx)
{
	return &ctx->rule;
}

static __u64 index_word(ifw_ctx *ctx, __u32 generation, size_t word)
{
	__u32 at = generation * (__u32)IFW_INDEX_WORDS + (__u32)word;
	__u64 value;

	if (bpf_map_lookup_elem(ctx->index, &at, &value))
		abort();
	return value;
}

__u64 ifw_read_lengths(ifw_ctx *ctx, __u32 generation, __u32 which, __u32 word)
{
	return index_word(ctx, generation, (size_t)which * IFW_LENGTH_WORDS + word);
}

int ifw_may_have(ifw_ctx *ctx, __u32 generation, struct ifw_addr masked, __u32 word,
		 __u64 length_bit, __u64 kind)
{
	__u32 slot = ifw_filter_slot(masked, length_bit, kind);

	(void)word;
	return index_word(ctx, generation,
			  offsetof(struct ifw_index, filter) / sizeof(__u64) + slot / 64) >>
		       slot % 64 &
	       1;
}

static void open_maps(ifw_ctx *ctx, const char *dir)
{
	snprintf(ctx->dir, sizeof(ctx->dir), "%s", dir);
	ctx->active = open_pin(dir, "active");
	ctx->index = open_pin(dir, "index");
	ctx->prefixes[0] = open_pin(dir, "prefixes_0");
	ctx->prefixes[1] = open_pin(dir, "prefixes_1");
}

static void close_maps(ifw_ctx *ctx)
{
	for (int i = 0; i < 2; i++) {
		if (ctx->prefixes[i] >= 0)
			close(ctx->prefixes[i]);
	}
	close(ctx->index);
	close(ctx->active);
}

/* --- The model: a list, scanned --------------------------------------------- */

struct model {
	struct rule rules[MODEL_MAX];
	size_t count;
	uint32_t order;
};

static bool covers(struct ifw_addr prefix, unsigned int len, struct ifw_addr addr)
{
	/* Bit by bit on purpose: not the mask that is under test. */
	for (unsigned int bit = 0; bit < len; bit++) {
		uint64_t a = bit < 64 ? addr.hi >> (63 - bit) : addr.lo >> (127 - bit);
		uint64_t p = bit < 64 ? prefix.hi >> (63 - bit) : prefix.lo >> (127 - bit);

		if ((a ^ p) & 1)
			return false;
	}
	return true;
}

static const struct rule *model_find(const struct model *model, const struct packet *p,
				     unsigned int slot)
{
	const struct rule *best = NULL;

	for (size_t i = 0; i < model->count; i++) {
		const struct rule *r = &model->rules[i];

		if (r->protocol != p->protocol || r->family != p->family || p->dst_port < r->low ||
		    p->dst_port > r->high || !(r->ifaces >> slot & 1) ||
		    !covers(r->dst, r->dst_len, p->dst) || !covers(r->src, r->src_len, p->src))
			continue;
		if (!best || r->dst_len > best->dst_len ||
		    (r->dst_len == best->dst_len && r->src_len > best->src_len) ||
		    (r->dst_len == best->dst_len && r->src_len == best->src_len &&
		     r->order < best->order))
			best = r;
	}
	return best;
}

static size_t model_match(const struct model *model, const struct rule *rule)
{
	size_t i;

	for (i = 0; i < model->count; i++)
		if (rule_same_match(&model->rules[i], rule))
			break;
	return i;
}

/* --- Random rules in a small universe, so that they meet --------------------- */

static uint32_t pick(uint32_t bound)
{
	return (uint32_t)random() % bound;
}

static struct ifw_addr random_addr(uint8_t family)
{
	static const uint32_t bases[] = {0x0a000000, 0x0a800000, 0x0a010000, 0xc0a80100};
	struct ifw_addr addr = {(uint64_t)(bases[pick(4)] + pick(4)) << 32, 0};

	if (family == IFW_FAMILY_IPV6) {
		addr.hi |= pick(2);
		addr.lo = (uint64_t)pick(2) << 63 | pick(3);
	}
	return addr;
}

static uint8_t random_length(uint8_t family)
{
	static const uint8_t ipv4[] = {0, 1, 8, 9, 16, 24, 30, 31, 32};
	static const uint8_t ipv6[] = {0, 1, 8, 16, 63, 64, 65, 127, 128};

	return family == IFW_FAMILY_IPV6 ? ipv6[pick(sizeof(ipv6))] : ipv4[pick(sizeof(ipv4))];
}

static struct rule random_rule(void)
{
	struct rule rule = {.family = pick(3) ? IFW_FAMILY_IPV4 : IFW_FAMILY_IPV6};

	rule.protocol = pick(2) ? IPPROTO_TCP : IPPROTO_UDP;
	rule.dst_len = random_length(rule.family);
	rule.dst = ifw_addr_mask(random_addr(rule.family), rule.dst_len);
	rule.src_len = pick(2) ? 0 : random_length(rule.family);
	rule.src = ifw_addr_mask(random_addr(rule.family), rule.src_len);
	rule.low = (uint16_t)(80 + pick(8));
	rule.high = (uint16_t)(rule.low + pick(4));
	rule.ifaces = pick(3) ? IFW_IFACES_ANY : 1ULL << (1 + pick(3));
	rule.action = (uint8_t)(1 + pick(3));
	if (rule.action == IFW_ACTION_INTERCEPT) {
		rule.listener = (struct ifw_addr){0x7f000001ULL << 32, 0};
		if (rule.family == IFW_FAMILY_IPV6)
			rule.listener = (struct ifw_addr){0, 1};
		rule.listener_port = (uint16_t)(40000 + pick(3));
	}
	return rule;
}

/* --- Steps --------------------------------------------------------------------- */

static struct failure failure;
static int failed(const char *what)
{
	fprintf(stderr, "store_model: %s: %s\n", what, failure.text);
	return 1;
}

static int step_add(struct loader *loader, struct model *model)
{
	struct rule rule = random_rule();
	size_t at = model_match(model, &rule);
	bool known = at < model->count, replace = pick(2);
	bool same = known && rule_equal(&model->rules[at], &rule);
	enum add_outcome expected = same ? ADD_UNCHANGED : known ? ADD_REPLACED : ADD_DONE;
	struct add_result result;
	int err = loader_rule_add(loader, &rule, replace, &result, &failure);

	if (known && !same && !replace)
		return err == -EEXIST ? 0 : failed("a changed rule was taken without replace");
	if (err)
		return failed("add");
	rule.order = known ? model->rules[at].order : ++model->order;
	model->rules[at] = rule;
	model->count += !known;
	return result.outcome == expected ? 0 : failed("outcome of add");
}

static int step_delete(struct loader *loader, struct model *model)
{
	struct delete_filter filter = {.any_high = pick(2), .any_ifaces = pick(2)};
	struct delete_result result;
	size_t kept = 0, expected = 0;
	int err;

	filter.rule = model->count && pick(4) ? model->rules[pick((uint32_t)model->count)]
					      : random_rule();
	for (size_t i = 0; i < model->count; i++) {
		const struct rule *r = &model->rules[i];

		if (rule_same_group(r, &filter.rule) && r->low == filter.rule.low &&
		    (filter.any_high || r->high == filter.rule.high) &&
		    (filter.any_ifaces || r->ifaces == filter.rule.ifaces))
			expected++;
		else
			model->rules[kept++] = *r;
	}
	model->count = kept;
	err = loader_rule_delete(loader, &filter, &result, &failure);
	if (err != (expected ? 0 : -ENOENT) || result.removed != expected)
		return failed("delete");
	return 0;
}

static int step_apply(struct loader *loader, struct model *model)
{
	struct rule_set set = {.names = *loader_names(loader)};
	size_t count = pick(60);
	bool changed;
	int err = 0;

	model->count = 0;
	model->order = 0;
	for (size_t i = 0; i < count && !err; i++) {
		struct rule rule = random_rule();

		if (model_match(model, &rule) < model->count)
			continue;
		rule.order = ++model->order;
		model->rules[model->count++] = rule;
		err = rule_set_add(&set, &rule);
	}
	if (!err)
		err = loader_apply(loader, &set, &changed, &failure);
	rule_set_clear(&set);
	return err ? failed("apply") : 0;
}

static int compare_list(struct loader *loader, const struct model *model)
{
	struct rule_set set = {};
	int bad = 0;

	if (loader_rules(loader, &set, &failure))
		return failed("list");
	if (set.count != model->count)
		bad = 1;
	for (size_t i = 0; i < set.count && !bad; i++)
		bad = !rule_equal(&set.rules[i], &model->rules[i]);
	rule_set_clear(&set);
	return bad ? failed("the list differs from the model") : 0;
}

static int compare_walks(ifw_ctx *ctx, const struct model *model)
{
	for (int i = 0; i < PROBES; i++) {
		uint8_t family = pick(3) ? IFW_FAMILY_IPV4 : IFW_FAMILY_IPV6;
		struct packet p = {
			.src = random_addr(family),
			.dst = random_addr(family),
			.dst_port = (uint16_t)(78 + pick(16)),
			.family = family,
			.protocol = pick(2) ? IPPROTO_TCP : IPPROTO_UDP,
		};
		unsigned int slot = 1 + pick(4);
		const struct rule *expected = model_find(model, &p, slot);
		const struct ifw_range *found;

		ctx->found_count = 0;
		found = ifw_match(ctx, p.src, p.dst, p.dst_port, p.family, p.protocol, slot);
		if (!expected != !found || (found && (found->rule != expected->order ||
						      found->action != expected->action))) {
			fprintf(stderr,
				"store_model: dst %llx:%llx src %llx:%llx port %u proto %u slot "
				"%u: "
				"walk says rule %u, model %u\n",
				(unsigned long long)p.dst.hi, (unsigned long long)p.dst.lo,
				(unsigned long long)p.src.hi, (unsigned long long)p.src.lo,
				p.dst_port, p.protocol, slot, found ? found->rule : 0,
				expected ? expected->order : 0);
			return 1;
		}
	}
	return 0;
}

/* The walk tries the destination lengths that rules have, and no others. */
static int compare_lengths(ifw_ctx *ctx, const struct model *model)
{
	__u64 wanted[2][IFW_LENGTHS_PROTOCOLS][IFW_LENGTH_WORDS] = {};
	__u32 generation = ifw_read_generation(ctx);

	for (size_t i = 0; i < model->count; i++) {
		const struct rule *r = &model->rules[i];

		compile_set_length(
			wanted[r->family == IFW_FAMILY_IPV6][IFW_LENGTHS_OF(r->protocol)],
			r->dst_len, true);
	}
	for (__u32 which = 0; which < 2 * IFW_LENGTHS_PROTOCOLS; which++) {
		for (__u32 word = 0; word < IFW_LENGTH_WORDS; word++) {
			if (ifw_read_lengths(ctx, generation, which, word) ==
			    wanted[which / IFW_LENGTHS_PROTOCOLS][which % IFW_LENGTHS_PROTOCOLS]
				  [word])
				continue;
			fprintf(stderr, "store_model: the walk tries other lengths than rules\n");
			return 1;
		}
	}
	return 0;
}

/* The filter lets through what a rule's prefix needs, and with the last rule all of it is clear. */
static int compare_filter(ifw_ctx *ctx, const struct model *model)
{
	__u32 generation = ifw_read_generation(ctx), set = 0, prefixes = 0;

	for (size_t word = 0; word < IFW_FILTER_WORDS; word++)
		set += (__u32)__builtin_popcountll(
			index_word(ctx, generation, offsetof(struct ifw_index, filter) / 8 + word));
	for (size_t i = 0; i < model->count; i++)
		prefixes += model->rules[i].src_len ? 2 : 1;
	if (set <= prefixes && !set == !prefixes)
		return 0;
	fprintf(stderr, "store_model: %u slots of the filter for at most %u prefixes\n", set,
		prefixes);
	return 1;
}

static int one_step(ifw_ctx *ctx, struct model *model)
{
	struct loader *loader;
	char dir[256];
	int bad;

	if (loader_open(&loader, LOADER_WRITE, NULL, &failure))
		return failed("open");
	snprintf(dir, sizeof(dir), "%s", loader_pin_dir(loader));
	if (pick(100) == 0)
		bad = step_apply(loader, model);
	else if (model->count < MODEL_MAX - 1 && pick(100) < 55)
		bad = step_add(loader, model);
	else
		bad = step_delete(loader, model);
	if (!bad)
		bad = compare_list(loader, model);
	loader_close(loader);
	if (bad)
		return bad;
	open_maps(ctx, dir);
	bad = compare_walks(ctx, model) || compare_lengths(ctx, model) ||
	      (pick(20) == 0 && compare_filter(ctx, model));
	close_maps(ctx);
	return bad;
}

/* Everything is deleted: what was taken must be free or waiting to be. */
static int compare_empty(ifw_ctx *ctx, struct model *model)
{
	char dir[256];
	struct loader_usage usage;
	struct rule_set none = {};
	struct loader *loader;
	bool changed;
	int bad = 0;

	if (loader_open(&loader, LOADER_WRITE, NULL, &failure))
		return failed("open");
	while (model->count && !bad) {
		struct delete_filter filter = {.rule = model->rules[--model->count]};
		struct delete_result result;

		bad = loader_rule_delete(loader, &filter, &result, &failure);
	}
	if (!bad && loader_usage(loader, &usage, &failure) == 0)
		bad = usage.rules || usage.prefixes;
	if (!bad)
		bad = loader_apply(loader, &none, &changed, &failure) || changed;
	snprintf(dir, sizeof(dir), "%s", loader_pin_dir(loader));
	loader_close(loader);
	if (bad)
		return failed("something is left after the last rule");
	open_maps(ctx, dir);
	bad = compare_filter(ctx, model);
	close_maps(ctx);
	return bad;
}

int main(int argc, char **argv)
{
	static struct model model;
	struct loader_options options = {.limits = {.ranges = 2048, .prefixes = 1024}};
	struct up_options up = {};
	struct up_result result;
	struct loader *loader;
	static ifw_ctx ctx;
	long steps;

	if (argc != 4)
		return 1;
	steps = strtol(argv[2], NULL, 10);
	srandom((unsigned int)strtoul(argv[3], NULL, 10));
	if (loader_open(&loader, LOADER_CREATE, &options, &failure))
		return failed("open");
	if (loader_up(loader, argv[1], &up, &result, &failure))
		return failed("up");
	loader_close(loader);
	for (long i = 0; i < steps; i++) {
		if (one_step(&ctx, &model)) {
			fprintf(stderr, "store_model: at step %ld of seed %s\n", i, argv[3]);
			return 1;
		}
	}
	if (compare_empty(&ctx, &model))
		return 1;
	printf("%ld changes, each followed by %d lookups: kernel maps and model agree\n", steps,
	       PROBES);
	return 0;
}
