/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bench.h - what the files of the driver share. Functions return 0 or -errno,
 * and say what went wrong in session.failure where they have one. Times are
 * nanoseconds of this thread's CPU time, so that other programs on the machine
 * disturb them little.
 */
#ifndef LOOKUP_BENCH_H
#define LOOKUP_BENCH_H

#include <jansson.h>

#include "loader/loader.h"
#include "ruleset/cleanup.h"
#include "ruleset/compile.h"
#include "shared.h"

#include "lookup.skel.h"

#define ROUNDS_MAX 64

struct options {
	bool quick;	     /* few, small cases */
	unsigned int rounds; /* at most ROUNDS_MAX */
	unsigned int repeat; /* runs that are timed together */
};

/* --- session.c: rules in force, and the programs over their maps ------------ */

/* Elements that the maps of the other structures take; 0 counts as 1. */
struct room_wanted {
	uint32_t ranges, port_hash, port_trie;
	uint32_t prefixes, blocks, edges;
};

struct session {
	struct loader *loader;
	struct lookup_bpf *skeleton;
	uint32_t generation; /* in force */
	int prefixes;	     /* its map */
	struct failure failure;
};

/* Puts the rules in force. */
int session_open(struct session *session, struct rule_set *set);
/* Loads the programs, with maps of these sizes. */
int session_load(struct session *session, const struct room_wanted *room);
void session_close(struct session *session);
/* What the kernel accounts for a map, bytes (memlock in its fdinfo). */
int map_bytes(int fd, uint64_t *bytes);
/* Says what failed; returns err. */
int session_fail(struct session *session, int err, const char *what);

/* A rule that is added to the set: TCP to dst/len, ports low to high. */
int add_rule(struct rule_set *set, uint32_t dst, uint8_t len, uint16_t low, uint16_t high);
struct rule make_rule(uint32_t dst, uint8_t len, uint16_t low, uint16_t high);

/* --- measure.c -------------------------------------------------------------- */

struct candidate {
	const char *name;
	const struct bpf_program *program;
	const struct bpf_program
		*floor; /* what is not counted; NULL: a program that looks nothing up */
	int maps[2];	/* its memory; 0: none */
	uint64_t bytes; /* and that of its part of a map which is made for all at once */
};

/* Keys that are looked up, and what must be found. */
struct mode {
	const char *name;
	const struct lookup_key *keys; /* LOOKUP_KEYS */
	const uint32_t *answers;       /* number of the rule, or 0 */
	uint32_t in_use;	       /* keys, a power of two */
};

/*
 * Runs all candidates in turn, in rounds, in every mode, and appends an object
 * each to structures: ns above a program that looks nothing up (median and
 * quartiles), bytes. -EBADMSG: a candidate found something else than it should.
 */
int measure(struct session *session, const struct options *options,
	    const struct candidate *candidates, size_t candidate_count, const struct mode *modes,
	    size_t mode_count, json_t *structures);

uint64_t cpu_ns(void);
/* {"median", "low", "high"}: median and quartiles. Sorts samples. */
json_t *summary(double *samples, unsigned int count);
/* Progress, on standard error: done of total, and what is next. */
void progress(size_t done, size_t total, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reproducible random numbers; state is not 0. */
uint64_t next_random(uint64_t *state);

/* --- calls.c ------------------------------------------------------------------ */

/* Map operations that went to the kernel since the last call, and elements written or deleted. */
struct calls {
	unsigned int calls;
	unsigned int elements;
};
struct calls calls_take(void);

/* count elements, keys and values side by side, in as few calls as may be. */
int write_batch(int fd, const void *keys, size_t key_size, const void *values, size_t value_size,
		size_t count);
int delete_batch(int fd, const void *keys, size_t key_size, size_t count);

/* --- ports.c, prefixes.c, updates.c: each appends its cases to an array -------- */

int bench_ports(const struct options *options, json_t *cases);
int bench_prefixes(const struct options *options, json_t *cases);
int bench_updates(const struct options *options, json_t *cases);

/* ranges of so many ports on 10.0.0.0/8, evenly spread; where they overlap, the first decides. */
int make_ranges(struct rule_set *set, uint32_t ports, uint32_t ranges);

/* --- port_maps.c: one run, in the forms of the other structures ----------------- */

struct port_maps {
	struct ifw_range *ranges; /* of the run, ascending */
	uint32_t count;
	struct lookup_port_key *hash_keys; /* one a member port */
	uint32_t *hash_values;
	size_t hash_count;
	struct lookup_port_trie_key *trie_keys;
	uint32_t *trie_values;
	size_t trie_count;
	struct lookup_spans *spans; /* NULL: too many ranges for one value */
	struct lookup_table *table;
};
int port_maps_make(struct port_maps *maps, const struct ifw_range *ranges, uint32_t count);
/* Of the run that these rules of one prefix come to. */
int port_maps_compile(struct port_maps *maps, const struct rule_set *set);
void port_maps_free(struct port_maps *maps);
/* Into the maps of the programs that were loaded. */
int port_maps_fill(struct session *session, const struct port_maps *maps);
/* Elements 0 to count - 1 of an array map. */
int fill_array(int fd, const void *values, size_t size, size_t count);

/* --- prefix_maps.c: prefixes of several lengths, in those forms ------------------ */

struct prefix_maps {
	const struct rule *rules;   /* by address, then by length */
	struct lookup_leaf *leaves; /* one a rule */
	size_t count;
	struct lookup_block *blocks; /* of the array trie */
	size_t block_count, block_room;
	struct lookup_edge *edges;
	size_t edge_count;
	struct lookup_bloom *bloom;
	bool used[33]; /* lengths */
};
int prefix_maps_make(struct prefix_maps *maps, const struct rule_set *set);
void prefix_maps_free(struct prefix_maps *maps);
/* Leaf of the longest prefix around the address, found by looking for each length; -1: none. */
long prefix_maps_find(const struct prefix_maps *maps, uint32_t dst);
int prefix_maps_fill(struct session *session, const struct prefix_maps *maps);
/* Blocks of the array trie that a prefix lies in or covers: numbers, room for all. */
size_t prefix_maps_blocks(const struct prefix_maps *maps, uint32_t dst, uint8_t len,
			  uint32_t *numbers);
/* What decides on the port there: the rule of the longest prefix that has it, or 0.
 */
uint32_t prefix_maps_match(const struct prefix_maps *maps, uint32_t dst, uint16_t port);
/* count different prefixes of these lengths, sorted, with one of two ranges each. */
int make_prefixes(struct rule_set *set, size_t count, const uint8_t *lengths, size_t length_count,
		  uint64_t *random);

#endif /* LOOKUP_BENCH_H */
