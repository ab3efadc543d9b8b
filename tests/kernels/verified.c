/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verified.c - how many instructions the verifier goes through, as `ifw up` says it,
 * where the kernel tells it in its log alone (before 5.16).
 *
 *   verified [--without-lookup]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "ifw.skel.h"

#define LOG_STATISTICS 4 /* BPF_LOG_STATS of include/linux/bpf_verifier.h */
#define LOG_SIZE 4096	 /* bytes; statistics alone are a few lines */

enum {
	INGRESS,
	LOOKUP,
	EGRESS,
	PROGRAMS,
};

/* "processed N insns (limit ...)" */
static unsigned long processed(const char *log)
{
	static const char word[] = "processed ";
	const char *at = strstr(log, word);

	return at ? strtoul(at + strlen(word), NULL, 10) : 0;
}

static int load(struct ifw_bpf *skeleton, char logs[PROGRAMS][LOG_SIZE], bool lookup)
{
	struct bpf_program *programs[PROGRAMS] = {
		[INGRESS] = skeleton->progs.ifw_ingress,
		[LOOKUP] = skeleton->progs.ifw_lookup,
		[EGRESS] = skeleton->progs.ifw_egress,
	};

	for (int i = 0; i < PROGRAMS; i++) {
		bpf_program__set_log_buf(programs[i], logs[i], LOG_SIZE);
		bpf_program__set_log_level(programs[i], LOG_STATISTICS);
	}
	bpf_program__set_autoload(programs[LOOKUP], lookup);
	skeleton->rodata->ifw_keeps_listeners = lookup;
	return ifw_bpf__load(skeleton);
}

int main(int argc, char **argv)
{
	bool lookup = argc < 2 || strcmp(argv[1], "--without-lookup") != 0;
	struct ifw_bpf *skeleton = ifw_bpf__open();
	char logs[PROGRAMS][LOG_SIZE] = {};
	int err;

	if (!skeleton) {
		perror("verified: cannot open the object");
		return 2;
	}
	err = load(skeleton, logs, lookup);
	ifw_bpf__destroy(skeleton);
	if (err) {
		fprintf(stderr, "verified: cannot load the programs: %s\n", strerror(-err));
		return 2;
	}
	printf("%lu verified instructions at ingress, %lu at socket lookup, %lu at egress\n",
	       processed(logs[INGRESS]), processed(logs[LOOKUP]), processed(logs[EGRESS]));
	return 0;
}
