/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * traffic - sends to a listener through whatever stands between, and says what
 * it cost. One process serves one engine; it reads commands from stdin, a line
 * each, and answers each with a line "ok ..." or "error ...":
 *
 *   attach drop|bare ADDR PORT MARK   a program of floor.bpf.c, to that listener
 *   listen ADDR PORT                  a UDP listener
 *   targets NAME FILE                 lines "SRC SPORT DST DPORT", sent to in turn
 *   ask NAME                          the listener sends a datagram back to each source; ok COUNT
 *   send NAME COUNT                   ok NANOSECONDS SENT RECEIVED DROPPED
 *   where NAME                        one packet: ok ADDR PORT (its original destination) or ok -
 *   runtime NAME COUNT                ok NANOSECONDS RUNS, by the kernel's statistics
 *   serve ADDR PORT                   a TCP listener
 *   connect ADDR PORT COUNT           ok NANOSECONDS CPU_NANOSECONDS
 *   stream ADDR PORT MILLISECONDS     ok BYTES NANOSECONDS CPU_NANOSECONDS
 *
 * usage: traffic CPU CLIENT_NETNS CLIENT_IFACE ROUTER_NETNS ROUTER_IFACE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ruleset/cleanup.h"
#include "traffic.h"

#define WORDS_MAX 6
#define KINDS_MAX 8
#define TARGETS_MAX (1U << 20)

struct kind {
	char name[16];
	struct frames frames;
};

struct bench {
	const char *client_netns, *router_netns;
	uint8_t client_mac[6], router_mac[6];
	unsigned int ifindex; /* of the router's interface */
	int sender, listener; /* -1: not there */
	struct kind kinds[KINDS_MAX];
};

struct words {
	const char *word[WORDS_MAX];
	int count;
};

/* --- Words ---------------------------------------------------------------------- */

static int read_number(const char *word, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(word, &end, 10);
	return errno || end == word || *end || *word == '-' || *out > max ? -EINVAL : 0;
}

static int read_endpoint(const char *addr, const char *port, struct sockaddr_in *out)
{
	uint64_t number;

	*out = (struct sockaddr_in){.sin_family = AF_INET};
	if (inet_pton(AF_INET, addr, &out->sin_addr) != 1 || read_number(port, 65535, &number))
		return -EINVAL;
	out->sin_port = htons((uint16_t)number);
	return 0;
}

static struct words split(char *line)
{
	struct words words = {};
	char *rest = line, *word;

	while (words.count < WORDS_MAX && (word = strtok_r(rest, " \n", &rest)))
		words.word[words.count++] = word;
	return words;
}

/* --- Namespaces ----------------------------------------------------------------- */

int enter_namespace(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return err;
}

static int read_mac(const char *iface, uint8_t mac[6])
{
	struct ifreq request = {};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", iface);
	err = ioctl(fd, SIOCGIFHWADDR, &request) ? -errno : 0;
	close(fd);
	if (!err)
		memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return err;
}

/* Runs on one CPU, looks around in both namespaces, stays in the router's. */
static int bench_open(struct bench *bench, char **argv)
{
	cpu_set_t cpus;
	uint64_t cpu;
	int err;

	if (read_number(argv[0], CPU_SETSIZE - 1, &cpu))
		return -EINVAL;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return -errno;
	bench->client_netns = argv[1];
	bench->router_netns = argv[3];
	err = enter_namespace(bench->client_netns);
	if (!err)
		err = read_mac(argv[2], bench->client_mac);
	if (!err)
		err = bench->sender = sender_open(argv[2]);
	if (err >= 0)
		err = enter_namespace(bench->router_netns);
	if (!err)
		err = read_mac(argv[4], bench->router_mac);
	if (!err) {
		bench->ifindex = if_nametoindex(argv[4]);
		err = bench->ifindex ? 0 : -errno;
	}
	return err;
}

/* --- Commands ------------------------------------------------------------------- */

static int do_attach(struct bench *bench, const struct words *words)
{
	struct sockaddr_in to;
	uint64_t mark;
	int err;

	if (words->count != 5 || read_endpoint(words->word[2], words->word[3], &to) ||
	    read_number(words->word[4], UINT32_MAX, &mark))
		return -EINVAL;
	err = program_attach(words->word[1], bench->ifindex, to.sin_addr, ntohs(to.sin_port),
			     (uint32_t)mark);
	return err ? err : puts("ok") < 0;
}

static int do_listen(struct bench *bench, const struct words *words)
{
	struct sockaddr_in to;
	int fd;

	if (words->count != 3 || read_endpoint(words->word[1], words->word[2], &to))
		return -EINVAL;
	fd = listener_open(to.sin_addr, ntohs(to.sin_port));
	if (fd < 0)
		return fd;
	if (bench->listener >= 0)
		close(bench->listener);
	bench->listener = fd;
	return puts("ok") < 0;
}

/* The kind of that name or, where there is none, a free one; NULL: full. */
static struct kind *find_kind(struct bench *bench, const char *name)
{
	for (size_t i = 0; i < KINDS_MAX; i++) {
		struct kind *kind = &bench->kinds[i];

		if (!kind->name[0] || strcmp(kind->name, name) == 0)
			return kind;
	}
	return NULL;
}

static int read_target(char *line, struct target *out)
{
	struct sockaddr_in from, to;
	const struct words words = split(line);

	if (words.count != 4 || read_endpoint(words.word[0], words.word[1], &from) ||
	    read_endpoint(words.word[2], words.word[3], &to))
		return -EINVAL;
	*out = (struct target){from.sin_addr, to.sin_addr, ntohs(from.sin_port),
			       ntohs(to.sin_port)};
	return 0;
}

static int read_targets(const char *path, struct target *targets, size_t *count)
{
	FILE *file = fopen(path, "re");
	char line[128];
	int err = 0;

	if (!file)
		return -errno;
	*count = 0;
	while (!err && fgets(line, sizeof(line), file))
		err = *count == TARGETS_MAX ? -E2BIG : read_target(line, &targets[(*count)++]);
	(void)fclose(file);
	return err ? err : *count == 0 ? -ENODATA : 0;
}

static int do_targets(struct bench *bench, const struct words *words)
{
	auto_free struct target *targets = calloc(TARGETS_MAX, sizeof(*targets));
	struct kind *kind;
	size_t count = 0;
	int err;

	if (!targets)
		return -ENOMEM;
	if (words->count != 3 || strlen(words->word[1]) >= sizeof(kind->name))
		return -EINVAL;
	kind = find_kind(bench, words->word[1]);
	if (!kind)
		return -ENOSPC;
	err = read_targets(words->word[2], targets, &count);
	if (err)
		return err;
	frames_free(&kind->frames);
	err = frames_build(&kind->frames, targets, count, bench->client_mac, bench->router_mac);
	if (err)
		return err;
	(void)snprintf(kind->name, sizeof(kind->name), "%s", words->word[1]);
	return printf("ok %zu\n", count) < 0;
}

static const struct frames *frames_of(struct bench *bench, const char *name)
{
	struct kind *kind = find_kind(bench, name);

	return kind && kind->name[0] ? &kind->frames : NULL;
}

static int do_ask(struct bench *bench, const struct words *words)
{
	const struct frames *frames;
	int err;

	if (words->count != 2 || !(frames = frames_of(bench, words->word[1])))
		return -EINVAL;
	err = udp_ask(bench->listener, frames);
	return err ? err : printf("ok %zu\n", frames->count) < 0;
}

static int do_send(struct bench *bench, const struct words *words)
{
	const struct frames *frames;
	struct sample sample;
	uint64_t count;
	int err;

	if (words->count != 3 || read_number(words->word[2], UINT32_MAX, &count) ||
	    !(frames = frames_of(bench, words->word[1])))
		return -EINVAL;
	err = udp_sample(bench->sender, bench->listener, frames, count, &sample);
	if (err)
		return err;
	return printf("ok %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sample.nanoseconds,
		      sample.sent, sample.received, sample.dropped) < 0;
}

static int do_where(struct bench *bench, const struct words *words)
{
	const struct frames *frames;
	struct sockaddr_in to;
	char text[INET_ADDRSTRLEN];
	int err, on = 1;

	if (words->count != 2 || !(frames = frames_of(bench, words->word[1])))
		return -EINVAL;
	if (setsockopt(bench->listener, SOL_IP, IP_RECVORIGDSTADDR, &on, sizeof(on)))
		return -errno;
	if (send(bench->sender, frames->bytes[0], FRAME_SIZE, 0) < 0)
		return -errno;
	err = original_destination(bench->listener, &to);
	on = 0;
	(void)setsockopt(bench->listener, SOL_IP, IP_RECVORIGDSTADDR, &on, sizeof(on));
	if (err == -EAGAIN)
		return puts("ok -") < 0;
	if (err || !inet_ntop(AF_INET, &to.sin_addr, text, sizeof(text)))
		return err ? err : -errno;
	return printf("ok %s %u\n", text, ntohs(to.sin_port)) < 0;
}

static int do_runtime(struct bench *bench, const struct words *words)
{
	struct run_time before = {}, after = {};
	const struct frames *frames;
	struct sample sample;
	uint64_t count;
	int stats, err;

	if (words->count != 3 || read_number(words->word[2], UINT32_MAX, &count) ||
	    !(frames = frames_of(bench, words->word[1])))
		return -EINVAL;
	stats = run_time_enable();
	if (stats < 0)
		return stats;
	err = run_time_read(bench->ifindex, &before);
	if (!err)
		err = udp_sample(bench->sender, bench->listener, frames, count, &sample);
	if (!err)
		err = run_time_read(bench->ifindex, &after);
	close(stats);
	if (err)
		return err;
	return printf("ok %" PRIu64 " %" PRIu64 "\n", after.nanoseconds - before.nanoseconds,
		      after.runs - before.runs) < 0;
}

static int do_serve(struct bench *bench, const struct words *words)
{
	struct sockaddr_in to;
	int err;

	(void)bench; /* its thread is in the router's namespace already */
	if (words->count != 3 || read_endpoint(words->word[1], words->word[2], &to))
		return -EINVAL;
	err = tcp_serve(to.sin_addr, ntohs(to.sin_port));
	return err ? err : puts("ok") < 0;
}

/* As a client: sockets made meanwhile are of the client's namespace. */
static int do_connections(struct bench *bench, const struct words *words)
{
	struct effort effort;
	struct sockaddr_in to;
	uint64_t number, bytes;
	int err, back;

	if (words->count != 4 || read_endpoint(words->word[1], words->word[2], &to) ||
	    read_number(words->word[3], UINT32_MAX, &number))
		return -EINVAL;
	err = enter_namespace(bench->client_netns);
	if (err)
		return err;
	if (strcmp(words->word[0], "connect") == 0) {
		err = tcp_connections(&to, number, &effort);
		if (!err)
			err = printf("ok %" PRIu64 " %" PRIu64 "\n", effort.wall, effort.cpu) < 0;
	} else {
		err = tcp_stream(&to, number, &bytes, &effort);
		if (!err)
			err = printf("ok %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", bytes, effort.wall,
				     effort.cpu) < 0;
	}
	back = enter_namespace(bench->router_netns);
	return err ? err : back;
}

static int obey(struct bench *bench, const struct words *words)
{
	static const struct {
		const char *name;
		int (*function)(struct bench *, const struct words *);
	} commands[] = {
		{"attach", do_attach},	     {"listen", do_listen},
		{"targets", do_targets},     {"ask", do_ask},
		{"send", do_send},	     {"where", do_where},
		{"runtime", do_runtime},     {"serve", do_serve},
		{"connect", do_connections}, {"stream", do_connections},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (words->count > 0 && strcmp(words->word[0], commands[i].name) == 0)
			return commands[i].function(bench, words);
	}
	return -ENOSYS;
}

int main(int argc, char **argv)
{
	struct bench bench = {.sender = -1, .listener = -1};
	char line[4096];
	int err;

	if (argc != 6) {
		(void)fputs(
			"usage: traffic CPU CLIENT_NETNS CLIENT_IFACE ROUTER_NETNS ROUTER_IFACE\n",
			stderr);
		return 1;
	}
	err = bench_open(&bench, argv + 1);
	if (err) {
		(void)fprintf(stderr, "traffic: cannot prepare the interfaces: %s\n",
			      strerror(-err));
		return 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		const struct words words = split(line);

		err = obey(&bench, &words);
		if (err < 0)
			(void)printf("error %s: %s\n", words.count ? words.word[0] : "",
				     strerror(-err));
	}
	for (size_t i = 0; i < KINDS_MAX; i++)
		frames_free(&bench.kinds[i].frames);
	return 0;
}
