/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * disturb.c - preloaded into ifw, it makes moments happen that chance would
 * hardly ever hit, for they are microseconds long:
 * KILL_AT=N kills the command right before the Nth step that changes something
 * outside (a BPF system call that writes, a pin that goes, a netlink message);
 * FAIL_CREATE=NAME lets the making of maps of that name fail with ENOMEM;
 * FAIL_AT=N makes the Nth of the system calls that make a map or fill one in
 * batches fail, as where memory runs out;
 * FAIL_CALL=N makes the Nth of all calls of the kernel's BPF and netlink fail
 * (opening a netlink socket, sending and receiving count, too), with FAIL_WITH=ERRNO
 * (ENOMEM unless given), and says on a line of the file FAIL_REPORT which it was; 0
 * makes none fail, and how many there were is said there in the end;
 * DELAY_CHANGES=MICROSECONDS makes it pause before each such step, so that what
 * is between two of them meets packets;
 * NO_HELPER=NUMBER lets programs that call nothing but this helper call one that
 * no kernel has, as on a kernel without it;
 * NO_EXCHANGE=1 lets two names not be exchanged, as before 5.16;
 * DELAY_READS=MICROSECONDS makes it pause between two elements of a map, or
 * batches of them, so that others can change them meanwhile.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is declared here takes the place of the libraries' own. */
static void *next_of(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

static void step(void)
{
	static long left; /* a preloaded library has nobody to hand it a parameter */
	const char *at = getenv("KILL_AT"), *delay = getenv("DELAY_CHANGES");

	if (delay)
		usleep((useconds_t)strtoul(delay, NULL, 10));
	if (!at)
		return;
	if (!left)
		left = strtol(at, NULL, 10);
	if (--left == 0)
		raise(SIGKILL);
}

/* True at the Nth time. */
static bool is_nth(long command)
{
	static long left;
	const char *at = getenv("FAIL_AT");

	if (!at || (command != BPF_MAP_CREATE && command != BPF_MAP_UPDATE_BATCH))
		return false;
	if (!left)
		left = strtol(at, NULL, 10);
	return --left == 0;
}

static void report(const char *call, long detail)
{
	const char *path = getenv("FAIL_REPORT");
	int file = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (file < 0)
		return;
	dprintf(file, "%s %ld\n", call, detail);
	close(file);
}

static long *calls_made(void)
{
	static long made;

	return &made;
}

/* True, and errno set, where this is the call that is to fail. */
static bool fails(const char *call, long detail)
{
	const char *at = getenv("FAIL_CALL"), *with = getenv("FAIL_WITH");

	if (!at || ++*calls_made() != strtol(at, NULL, 10))
		return false;
	report(call, detail);
	errno = with ? (int)strtol(with, NULL, 10) : ENOMEM;
	return true;
}

__attribute__((destructor)) static void report_calls(void)
{
	const char *at = getenv("FAIL_CALL");

	if (at && strtol(at, NULL, 10) == 0)
		report("calls", *calls_made());
}

static void pause_if_asked(void)
{
	const char *delay = getenv("DELAY_READS");

	if (delay)
		usleep((useconds_t)strtoul(delay, NULL, 10));
}

static bool is_to_fail(long command, const union bpf_attr *attr)
{
	const char *name = getenv("FAIL_CREATE");

	return is_nth(command) ||
	       (name && command == BPF_MAP_CREATE && strcmp(name, attr->map_name) == 0);
}

/* Tried by libbpf: two instructions, of which the first calls the helper. */
static void take_helper(long command, const union bpf_attr *attr)
{
	const char *helper = getenv("NO_HELPER");
	struct bpf_insn *first;

	if (!helper || command != BPF_PROG_LOAD || attr->insn_cnt != 2)
		return;
	first = (struct bpf_insn *)(uintptr_t)attr->insns;
	if (first->code == (BPF_JMP | BPF_CALL) && first->imm == strtol(helper, NULL, 10))
		first->imm = 1 << 20;
}

static bool changes(long command)
{
	switch (command) {
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_OBJ_PIN:
	case BPF_LINK_CREATE:
	case BPF_LINK_UPDATE:
	case BPF_LINK_DETACH:
		return true;
	default:
		return false;
	}
}

long syscall(long number, ...)
{
	long (*next)(long, ...) = next_of("syscall");
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_bpf && fails("bpf", a[0]))
		return -1;
	if (number == SYS_bpf && is_to_fail(a[0], (const union bpf_attr *)a[1])) {
		errno = ENOMEM;
		return -1;
	}
	if (number == SYS_bpf)
		take_helper(a[0], (const union bpf_attr *)a[1]);
	if (number == SYS_bpf && changes(a[0]))
		step();
	if (number == SYS_bpf && (a[0] == BPF_MAP_LOOKUP_BATCH || a[0] == BPF_MAP_GET_NEXT_KEY))
		pause_if_asked();
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int unlinkat(int dir, const char *path, int flags)
{
	int (*next)(int, const char *, int) = next_of("unlinkat");

	step();
	return next(dir, path, flags);
}

int rmdir(const char *path)
{
	int (*next)(const char *) = next_of("rmdir");

	step();
	return next(path);
}

int rename(const char *from, const char *to)
{
	int (*next)(const char *, const char *) = next_of("rename");

	step();
	return next(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	int (*next)(int, const char *, int, const char *, unsigned int) = next_of("renameat2");

	step();
	if (getenv("NO_EXCHANGE") && flags & RENAME_EXCHANGE) {
		errno = EINVAL;
		return -1;
	}
	return next(from_dir, from, to_dir, to, flags);
}

ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *message, size_t size)
{
	ssize_t (*next)(const struct mnl_socket *, const void *, size_t) =
		next_of("mnl_socket_sendto");

	step();
	return next(socket, message, size);
}

/*
 * libmnl and libbpf's own netlink end in these; programs under test have no other
 * sockets. Where a message was sent and its answer fails, the change was made.
 */
int socket(int domain, int type, int protocol)
{
	int (*next)(int, int, int) = next_of("socket");

	return fails("socket", domain) ? -1 : next(domain, type, protocol);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
	       socklen_t to_size)
{
	ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) =
		next_of("sendto");

	return fails("send", 0) ? -1 : next(fd, data, size, flags, to, to_size);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	ssize_t (*next)(int, const void *, size_t, int) = next_of("send");

	return fails("send", 0) ? -1 : next(fd, data, size, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t (*next)(int, struct msghdr *, int) = next_of("recvmsg");

	return fails("receive", 0) ? -1 : next(fd, message, flags);
}
