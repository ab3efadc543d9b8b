/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tests of the program ifw-sim: exit statuses, what goes to which stream, and
 * the form of the lines. It is found beside this test in the build folder.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/wait.h>

#include "sim_fixture.h"

#define TEXT_MAX 16384

static char program[PATH_MAX];
static char dir[] = P_tmpdir "/ifw-sim-test-XXXXXX";
static char out[TEXT_MAX], err[TEXT_MAX];

static void in_dir(const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", dir, name);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
	char path[PATH_MAX];
	FILE *file;

	in_dir(name, path);
	file = fopen(path, "we");
	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, size, file), size);
	cr_assert_eq(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

static void write_capture(const char *name, uint32_t link, size_t captured)
{
	struct frame ssh = tcp("192.0.2.1", 5, "10.0.0.1", 22);
	struct frame web = tcp("192.0.2.1", 5, "198.51.100.1", 80);
	const struct frame *frames[] = {&ssh, &web};
	uint32_t header[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, link};
	uint8_t bytes[512];
	size_t size = sizeof(header);

	memcpy(bytes, header, sizeof(header));
	for (int i = 0; i < 2; i++) {
		uint32_t record[] = {1, 0, (uint32_t)captured, (uint32_t)frames[i]->length};

		memcpy(bytes + size, record, sizeof(record));
		memcpy(bytes + size + sizeof(record), frames[i]->bytes, captured);
		size += sizeof(record) + captured;
	}
	write_file(name, bytes, size);
}

static void setup(void)
{
	char self[PATH_MAX] = "";
	char *slash;

	cr_assert_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	slash = strrchr(self, '/');
	cr_assert_not_null(slash);
	*slash = '\0';
	cr_assert_lt(snprintf(program, sizeof(program), "%s/../../bin/ifw-sim", self), PATH_MAX);
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
	write_text("world", "interface eth0 address 10.0.0.1/24\ninterface eth1\n"
			    "socket tcp listen 127.0.0.1:1000\n");
	write_text("rules", "intercept tcp to 198.51.100.0/24 port 80 via 127.0.0.1:1000\n");
	write_capture("capture", 1, 54);
}

static void teardown(void)
{
	static const char *const names[] = {"world", "rules", "capture", "bad",
					    "out",   "err",   "passed",	 "dropped"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		in_dir(names[i], path);
		unlink(path);
	}
	cr_assert_eq(rmdir(dir), 0);
}

TestSuite(sim_cli, .init = setup, .fini = teardown);

static void slurp(const char *name, char text[TEXT_MAX])
{
	char path[PATH_MAX];
	FILE *file;

	in_dir(name, path);
	file = fopen(path, "re");
	cr_assert_not_null(file);
	text[fread(text, 1, TEXT_MAX - 1, file)] = '\0';
	fclose(file);
}

static void redirect(const char *path, int flags, int to)
{
	int fd = open(path, flags, 0600);

	if (fd < 0 || dup2(fd, to) < 0)
		_exit(99);
}

/* stdin from "capture"; stdout to output, "out" where it is to be read. Returns the status. */
static int run_to(const char *output, const char *const *args)
{
	char *argv[24] = {program};
	pid_t child;
	int status;

	for (int i = 0; args[i]; i++)
		argv[i + 1] = (char *)args[i];
	child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		redirect("capture", O_RDONLY, STDIN_FILENO);
		redirect(output, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
		redirect("err", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
		execv(program, argv);
		_exit(98);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
	slurp("err", err);
	if (strcmp(output, "out") == 0)
		slurp("out", out);
	return WEXITSTATUS(status);
}

#define RUN(...) run_to("out", (const char *const[]){__VA_ARGS__, NULL})
#define FILES "--rules", "rules", "--world", "world"

#define SAYS(text, part) cr_assert_not_null(strstr(text, part), "no '%s' in: %s", part, text)

Test(sim_cli, run_prints_a_line_a_packet)
{
	cr_assert_eq(RUN("run", FILES, "capture"), 0, "%s", err);
	cr_assert_str_eq(out, "     1  pass  ssh                 -            -\n"
			      "     2  pass  intercepted         listener     "
			      "intercept tcp to 198.51.100.0/24 port 80 via 127.0.0.1:1000\n");
	SAYS(err, "2 packets\n");
	/* eth1 has no address, so ssh opens nothing there. */
	cr_assert_eq(RUN("run", FILES, "--in", "eth1", "capture"), 0, "%s", err);
	SAYS(out, "     1  drop  no-rule");
}

Test(sim_cli, run_prints_json_and_nothing_else)
{
	cr_assert_eq(RUN("run", "-j", FILES, "-"), 0, "%s", err);
	cr_assert_str_eq(out, "{\"packet\":1,\"verdict\":\"pass\",\"reason\":\"ssh\","
			      "\"rule\":null,\"assigned\":null,\"listener\":null,\"mark\":0}\n"
			      "{\"packet\":2,\"verdict\":\"pass\",\"reason\":\"intercepted\","
			      "\"rule\":\"intercept tcp to 198.51.100.0/24 port 80 via "
			      "127.0.0.1:1000\",\"assigned\":\"listener\","
			      "\"listener\":\"127.0.0.1:1000\",\"mark\":32}\n");
	cr_assert_str_empty(err);
}

Test(sim_cli, run_sums_up)
{
	write_text("rules",
		   "deny tcp to 198.51.100.0/24 port 80\npass tcp to 198.51.100.0/24 port 1\n");
	cr_assert_eq(RUN("run", FILES, "--summary", "capture"), 0, "%s", err);
	cr_assert_str_eq(out, "2 packets\n"
			      "       1  pass  ssh                 TCP port 22 of this host\n"
			      "       1  drop  rule-deny           a deny rule matched\n"
			      "by rule: 1 of 2 decided\n"
			      "       1  deny tcp to 198.51.100.0/24 port 80\n"
			      "most dropped, by destination\n"
			      "       1  tcp 198.51.100.1:80\n");
	cr_assert_str_empty(err);
	cr_assert_eq(RUN("run", FILES, "-s", "-j", "-"), 0, "%s", err);
	cr_assert_str_eq(
		out, "{\"packets\":2,\"cut\":0,\"elsewhere\":0,\"reasons\":["
		     "{\"packets\":1,\"bytes\":54,\"verdict\":\"pass\",\"reason\":\"ssh\"},"
		     "{\"packets\":1,\"bytes\":54,\"verdict\":\"drop\",\"reason\":\"rule-deny\"}],"
		     "\"rules\":[{\"packets\":1,\"bytes\":54,"
		     "\"rule\":\"deny tcp to 198.51.100.0/24 port 80\"}],"
		     "\"dropped\":[{\"destination\":\"tcp 198.51.100.1:80\",\"packets\":1,"
		     "\"packets_at_most\":1}]}\n");
	cr_assert_str_empty(err);
}

/* What was written is read back: each part decides as it did in the whole. */
Test(sim_cli, run_writes_what_passed_and_what_did_not)
{
	write_text("rules", "deny tcp to 198.51.100.0/24 port 80\n");
	cr_assert_eq(RUN("run", FILES, "-s", "--write", "passed", "--write-dropped", "dropped",
			 "capture"),
		     0, "%s", err);
	cr_assert_eq(RUN("run", FILES, "passed"), 0, "%s", err);
	cr_assert_str_eq(out, "     1  pass  ssh                 -            -\n");
	cr_assert_eq(RUN("run", FILES, "dropped"), 0, "%s", err);
	cr_assert_str_eq(out, "     1  drop  rule-deny           -            "
			      "deny tcp to 198.51.100.0/24 port 80\n");
	cr_assert_eq(RUN("run", FILES, "--write", "no/where", "capture"), 2);
	SAYS(err, "ifw-sim: cannot write 'no/where': No such file or directory");
	cr_assert_eq(RUN("run", FILES, "-s", "--write", "/dev/full", "capture"), 2);
	SAYS(err, "ifw-sim: cannot write '/dev/full': No space left on device");
}

/* It was said, and the file still begins as it did. */
static void refused_with(const char *file, const char *begins, const char *words)
{
	static char text[TEXT_MAX];

	SAYS(err, words);
	slurp(file, text);
	cr_assert_eq(strncmp(text, begins, strlen(begins)), 0, "'%s' is another", file);
}

Test(sim_cli, nothing_that_is_read_is_written)
{
	cr_assert_eq(symlink("capture", "passed"), 0);
	cr_assert_eq(RUN("run", FILES, "--write", "capture", "capture"), 1);
	refused_with("capture", "\xd4\xc3\xb2\xa1",
		     "ifw-sim: 'capture' is read, so it cannot be written\n");
	cr_assert_eq(RUN("run", FILES, "--write-dropped", "passed", "capture"), 1);
	refused_with("capture", "\xd4\xc3\xb2\xa1",
		     "ifw-sim: 'passed' is read, so it cannot be written\n");
	cr_assert_eq(RUN("run", FILES, "--write", "world", "capture"), 1);
	refused_with("world", "interface", "'world' is read");
	cr_assert_eq(RUN("generate", "--rules", "rules", "--write", "rules"), 1);
	refused_with("rules", "intercept", "'rules' is read");
	cr_assert_eq(RUN("run", FILES, "--write", "bad", "--write-dropped", "bad", "capture"), 1);
	SAYS(err, "ifw-sim: 'bad' is to be written twice\n");
	cr_assert_eq(RUN("run", FILES, "--write", "-", "capture"), 1);
	SAYS(err, "ifw-sim: --write and its like want a file, not standard output");
	cr_assert_eq(RUN("run", FILES, "-s", "--write", "/dev/null", "--write-dropped", "/dev/null",
			 "capture"),
		     0, "%s", err);
}

Test(sim_cli, a_capture_without_packets_shows)
{
	write_file("bad", "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\1\0\0\0", 24);
	cr_assert_eq(RUN("run", FILES, "bad"), 0, "%s", err);
	SAYS(err, "0 packets\n");
}

Test(sim_cli, explain_shows_ports_of_zero)
{
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "tcp", "192.0.2.1:0", "198.51.100.1:0"),
		     0, "%s", err);
	SAYS(out, "tcp 192.0.2.1:0 -> 198.51.100.1:0 SYN");
}

Test(sim_cli, explain_says_why)
{
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "tcp", "192.0.2.1:5", "198.51.100.1:80"),
		     0, "%s", err);
	SAYS(out, "verdict             pass\n");
	SAYS(out, "reason              intercepted: ");
	cr_assert_null(strchr(out, '\033'), "colour is for terminals");
	cr_assert_eq(RUN("explain", "-j", FILES, "--in", "eth0", "udp", "192.0.2.1:5",
			 "[2001:db8::1]:80"),
		     1);
	cr_assert_eq(RUN("explain", "-j", FILES, "--in", "eth0", "udp", "192.0.2.1:5",
			 "198.51.100.1:80"),
		     0);
	SAYS(out, "\"verdict\":\"drop\",\"reason\":\"no-rule\"");
}

/* As tcpdump -xx prints it too, and as a capture has it: the same answer. */
Test(sim_cli, explain_takes_bytes_and_captures)
{
	static const char bytes[] =
		"02:00:00:00:00:01 020000000002 0800 4500 0028 0000 0000 4006 0000 "
		"c0000201 c6336401 0005 0050 00000001 00000000 5002 faf0 0000 0000";

	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "hex", bytes), 0, "%s", err);
	SAYS(out, "tcp 192.0.2.1:5 -> 198.51.100.1:80 SYN, IPv4, 54 bytes, in by eth0\n");
	SAYS(out, "reason              intercepted: ");
	cr_assert_eq(
		RUN("explain", FILES, "--in", "eth0", "hex", "0x0000:", "0200", "0x0010:", "00"), 0,
		"%s", err);
	SAYS(out, "unreadable, 3 bytes, in by eth0\n");
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "hex", "0x0200", "0X00, 0x01,\t02\v"), 0,
		     "%s", err);
	SAYS(out, "unreadable, 5 bytes, in by eth0\n");
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "hex", "02"), 0, "%s", err);
	SAYS(out, "unreadable, 1 byte, in by eth0\n");
	cr_assert_eq(RUN("explain", FILES, "--expect", "intercepted", "packet", "2", "capture"), 0,
		     "%s", err);
	SAYS(out, "tcp 192.0.2.1:5 -> 198.51.100.1:80 SYN, IPv4, 54 bytes, in by eth0\n");
	cr_assert_eq(RUN("explain", FILES, "--out", "eth1", "packet", "1", "-"), 0, "%s", err);
	SAYS(out, "out by eth1\n");
	cr_assert_eq(RUN("explain", FILES, "packet", "3", "capture"), 1);
	SAYS(err, "'capture' has only 2 packets");
	cr_assert_eq(RUN("explain", FILES, "packet", "99999999999999999999999", "capture"), 1);
	SAYS(err, "'capture' has only 2 packets");
	cr_assert_eq(RUN("explain", FILES, "packet", "1", "nowhere"), 1);
	SAYS(err, "cannot open 'nowhere'");
	cr_assert_eq(RUN("explain", FILES, "packet", "0", "capture"), 1);
	SAYS(err, "'0' is no number of a packet");
	cr_assert_eq(RUN("explain", FILES, "packet", "1"), 1);
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "hex", "0g"), 1);
	SAYS(err, "'0g' is no bytes");
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "hex"), 1);
	write_capture("bad", 1, 40);
	cr_assert_eq(RUN("explain", FILES, "packet", "1", "bad"), 1);
	SAYS(err, "packet 1: only 40 of its 54 bytes were captured");
}

/* All that it prints: a heading, offsets, and characters, which may look like digits. */
Test(sim_cli, explain_takes_what_tcpdump_prints)
{
	static const char one[] =
		"12:00:00.000000 IP 192.0.2.1.5 > 198.51.100.1.80: Flags [S], length 0\n"
		"\t0x0000:  0200 0000 0001 0200 0000 0002 0800 4500  ..............E.\n"
		"\t0x0010:  0028 0000 0000 4006 0000 c000 0201 c633  .(....@........3\n"
		"\t0x0020:  6401 0005 0050 0000 0001 0000 0000 5002  abcd.0000\n"
		"\t0x0030:  faf0 0000 0000                           face\n";
	char two[2 * sizeof(one)];

	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "hex", one), 0, "%s", err);
	SAYS(out, "tcp 192.0.2.1:5 -> 198.51.100.1:80 SYN, IPv4, 54 bytes, in by eth0\n");
	snprintf(two, sizeof(two), "%s%s", one, one);
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "hex", two), 1);
	SAYS(err, "these are more packets than one");
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "hex", "0x0000:  02\n\n0x0010:  0g"), 1);
	SAYS(err, "'0g' is no bytes");
}

Test(sim_cli, explain_takes_ipv6)
{
	cr_assert_eq(
		RUN("explain", FILES, "--in", "eth0", "tcp", "[2001:db8::2]:5", "[2001:db8::1]:80"),
		0, "%s", err);
	SAYS(out, "tcp [2001:db8::2]:5 -> [2001:db8::1]:80 SYN, IPv6, 74 bytes, in by eth0\n");
	SAYS(out, "reason              no-rule: ");
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "--expect", "martian", "udp", "[::1]:5",
			 "[2001:db8::1]:80"),
		     0, "%s", err);
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "tcp", "2001:db8::2", "[::1]:80"), 1);
	SAYS(err, "source '2001:db8::2' is not ADDRESS:PORT or [ADDRESS]:PORT");
}

Test(sim_cli, explain_compares_with_what_is_expected)
{
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "--expect", "intercepted", "tcp",
			 "192.0.2.1:5", "198.51.100.1:80"),
		     0);
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "--expect", "no-rule", "tcp",
			 "192.0.2.1:5", "198.51.100.1:80"),
		     3);
	SAYS(err, "ifw-sim: the reason is 'intercepted', not 'no-rule'");
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "--expect", "norule", "tcp",
			 "192.0.2.1:5", "198.51.100.1:80"),
		     1);
	SAYS(err, "there is no reason 'norule'; the verdicts are pass and drop, the reasons:\n");
	SAYS(err, "\n  no-rule             no rule matched\n");
	/* A hint does not take its place. */
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "--expect", "pass", "hex",
			 "45000028 00010000 4006 0000 c0000201 c6336401 0005 0050 00000001 "
			 "00000000 5002 faf0 0000 0000"),
		     3);
	SAYS(err, "note: these look like an IP packet without its Ethernet header");
	SAYS(err, "the verdict is 'drop', not 'pass'");
}

Test(sim_cli, explain_needs_no_interface_where_there_is_one)
{
	cr_assert_eq(RUN("explain", FILES, "tcp", "192.0.2.1:5", "198.51.100.1:80"), 1);
	SAYS(err, "ifw-sim: 'world' has 2 interfaces: say by which it comes in, --in IFACE (or "
		  "--out)\n");
	cr_assert_str_empty(out);
	write_text("bad", "interface eth0 address 10.0.0.1/24\n");
	cr_assert_eq(RUN("explain", "--rules", "rules", "--world", "bad", "tcp", "192.0.2.1:5",
			 "10.0.0.1:22"),
		     0, "%s", err);
	SAYS(out, ", in by eth0\n");
	cr_assert_eq(RUN("explain", "--rules", "rules", "--world", "bad", "hex", "0200"), 0, "%s",
		     err);
	SAYS(out, ", in by eth0\n");
	cr_assert_eq(RUN("explain", FILES, "--in", "eth9", "tcp", "192.0.2.1:5", "10.0.0.1:22"), 1);
	SAYS(err, "'world' has no interface 'eth9'");
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "icmp", "192.0.2.1:5", "10.0.0.1:22"),
		     1);
	SAYS(err, "'icmp' is none of tcp, udp, hex and packet");
}

Test(sim_cli, help_and_version)
{
	cr_assert_eq(RUN("--help"), 0);
	SAYS(out, "usage: ifw-sim run");
	cr_assert_str_empty(err);
	cr_assert_eq(RUN("--version"), 0);
	SAYS(out, "ifw-sim ");
}

Test(sim_cli, usage_errors)
{
	cr_assert_eq(RUN("walk"), 1);
	SAYS(err, "ifw-sim: there is no command 'walk'");
	cr_assert_eq(RUN("help", "explain"), 0, "as 'ifw help'");
	SAYS(out, "usage: ifw-sim run ");
	cr_assert_eq(RUN("run", "--rules", "rules", "capture"), 1);
	cr_assert_eq(RUN("run", FILES), 1);
	cr_assert_eq(RUN("run", FILES, "capture", "capture"), 1);
	cr_assert_eq(RUN("run", FILES, "--expect", "ssh", "capture"), 1);
	cr_assert_eq(RUN("run", FILES, "--nonsense", "capture"), 1);
	SAYS(err, "ifw-sim: unrecognized option");
	cr_assert_eq(RUN("run", "--rules", "-", "--world", "world", "-"), 1);
	cr_assert_eq(RUN("explain", FILES, "tcp", "1.1.1.1:1", "2.2.2.2:2"), 1);
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "icmp", "1.1.1.1:1", "2.2.2.2:2"), 1);
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "tcp", "1.1.1.1", "2.2.2.2:2"), 1);
	cr_assert_eq(RUN("explain", FILES, "--in", "eth0", "tcp", "1.1.1.1:1", "2.2.2.2:x"), 1);
	cr_assert_eq(RUN("run", FILES, "--in", "eth9", "capture"), 1);
	SAYS(err, "ifw-sim: 'world' has no interface 'eth9'");
	cr_assert_str_empty(out);
}

Test(sim_cli, errors_in_files_show_line_and_caret)
{
	write_text("bad", "# a comment\ninterface eth0 adress 10.0.0.1/24\n");
	cr_assert_eq(RUN("run", "--rules", "rules", "--world", "bad", "capture"), 1);
	SAYS(err, "bad:2:16: error: unexpected 'adress'");
	SAYS(err, "\n  interface eth0 adress 10.0.0.1/24\n                 ^~~~~~\n");
	write_text("bad", "\n\nintercept tcp to 10.0.0.0/8\n");
	cr_assert_eq(RUN("run", "--rules", "bad", "--world", "world", "capture"), 1);
	SAYS(err, "bad:3:");
	cr_assert_str_empty(out);
	write_text("bad", "");
	cr_assert_eq(RUN("run", "--rules", "rules", "--world", "bad", "capture"), 1);
	SAYS(err, "'bad' has no interface");
	cr_assert_eq(RUN("run", "--rules", "rules", "--world", "missing", "capture"), 1);
	SAYS(err, "ifw-sim: cannot open 'missing': No such file or directory");
	cr_assert_eq(RUN("run", "--rules", "/", "--world", "world", "capture"), 1);
	write_text("bad", "[1]");
	cr_assert_eq(RUN("run", "--state", "bad", "capture"), 1);
	SAYS(err, "'bad' is no state: it is JSON, but no object, which `ifw snapshot` writes\n");
	write_text("bad", "{}");
	cr_assert_eq(RUN("run", "--state", "bad", "capture"), 1);
	SAYS(err, "'bad' is no state: ifw_state is missing\n");
}

Test(sim_cli, captures_that_cannot_be_decided)
{
	cr_assert_eq(RUN("run", FILES, "missing"), 1);
	cr_assert_eq(RUN("run", FILES, "rules"), 1);
	SAYS(err, "ifw-sim: rules: not a capture");
	write_capture("bad", 101, 54);
	cr_assert_eq(RUN("run", FILES, "bad"), 1);
	SAYS(err, "ifw-sim: bad: link type RAW is raw IP, but frames on 'eth0' are Ethernet");
	write_capture("bad", 0, 54);
	cr_assert_eq(RUN("run", FILES, "bad"), 1);
	SAYS(err, "link type NULL");
	write_capture("bad", 1, 40);
	cr_assert_eq(RUN("run", "-j", FILES, "bad"), 1);
	SAYS(err, "packet 1: only 40 of its 54 bytes were captured");
	SAYS(err, "2 packets were not decided");
	cr_assert_str_empty(out);
	write_capture("bad", 1, 54);
	cr_assert_eq(truncate("bad", 24 + 16 + 54 + 16 + 53), 0);
	cr_assert_eq(RUN("run", "-j", FILES, "bad"), 1);
	SAYS(err, "ifw-sim: bad: packet 2: truncated");
	SAYS(out, "{\"packet\":1,");
	cr_assert_null(strstr(out, "{\"packet\":2,"));
}

/* All of interfaces that the world does not have: that is no answer. */
Test(sim_cli, a_capture_of_which_nothing_is_decided_is_not_done)
{
	write_capture("bad", 276, 54); /* LINUX_SLL2, with numbers of interfaces */
	cr_assert_eq(RUN("run", FILES, "bad"), 1);
	SAYS(err, "ifw-sim: packet 1: captured on interface ");
	SAYS(err, "ifw-sim: bad: 2 packets of interfaces that the world does not have were not "
		  "decided, and no other is there\n");
	cr_assert_eq(RUN("run", FILES, "--summary", "-j", "bad"), 1);
	SAYS(out, "{\"packets\":0,\"cut\":0,\"elsewhere\":2,");
	cr_assert_eq(RUN("diff", "--rules", "rules", "--rules", "rules", "--world", "world",
			 "--expect", "none", "bad"),
		     1);
	SAYS(err, "and no other is there");
	cr_assert_eq(RUN("run", FILES, "--in", "eth0", "bad"), 0, "%s", err);
}

/* What differs, as far as it is known; not whose fault it is. */
Test(sim_cli, answers_that_differ_say_where)
{
	static const struct {
		const char *expected, *why;
	} cases[] = {
		{"{\"packet\":1,\"verdict\":\"pass\",\"reason\":\"established\",\"rule\":null}\n",
		 "  why       no rule decides, and none was expected to: what differs comes before "
		 "the "
		 "rules (settings, addresses, sockets, earlier packets)\n"},
		{"{\"packet\":1,\"verdict\":\"drop\"}\n",
		 "  why       no rule decides; which one was expected to is not told\n"},
		{"{\"packet\":1,\"verdict\":\"pass\"}\n{\"packet\":2,\"verdict\":\"drop\"}\n",
		 "  why       a rule decides; which one was expected to is not told\n"},
		{"{\"packet\":1,\"verdict\":\"pass\"}\n"
		 "{\"packet\":2,\"reason\":\"no-rule\",\"rule\":null}\n",
		 "  why       no rule was expected to decide, and this one does\n"},
		{"{\"packet\":1,\"verdict\":\"pass\"}\n"
		 "{\"packet\":2,\"reason\":\"no-listener\",\"rule\":\"intercept tcp to "
		 "198.51.100.0/24 port 80 via 127.0.0.1:1000\"}\n",
		 "  why       the rule is the expected one: what differs comes of what it meets "
		 "(settings, addresses, sockets)\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_text("bad", cases[i].expected);
		cr_assert_eq(RUN("run", FILES, "--expect", "bad", "capture"), 3, "%s%s", out, err);
		SAYS(out, cases[i].why);
	}
}

Test(sim_cli, a_full_disk_is_not_done)
{
	const char *const run[] = {"run", FILES, "capture", NULL};
	const char *const explain[] = {"explain", FILES,	 "--in",	"eth0",
				       "tcp",	  "192.0.2.1:5", "10.0.0.1:22", NULL};
	const char *const help[] = {"--help", NULL};

	cr_assert_eq(run_to("/dev/full", run), 2);
	cr_assert_eq(run_to("/dev/full", explain), 2);
	cr_assert_eq(run_to("/dev/full", help), 2);
	SAYS(err, "ifw-sim: cannot write to standard output: No space left on device");
}
