/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * main.c - ifw-sim: the command line.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static const char help[] =
	"ifw-sim - what the firewall would decide, without a kernel and without privilege\n"
	"\n"
	"usage: ifw-sim run HOST [--in|--out IFACE] [-j] [--summary] [--write FILE]\n"
	"                   [--write-dropped FILE] [--expect FILE] CAPTURE\n"
	"       ifw-sim explain HOST [--in|--out IFACE] [-j] [--expect REASON|pass|drop] PACKET\n"
	"       ifw-sim generate HOST|--rules FILE [--write-world FILE] --write CAPTURE\n"
	"       ifw-sim diff [--world FILE] [-j] [--expect none|some] OLD NEW\n"
	"       ifw-sim diff --rules OLD --rules NEW --world FILE [--in|--out IFACE] [-j]\n"
	"                    [--expect none|some] CAPTURE\n"
	"       ifw-sim lint [--world FILE] [-j] RULES\n"
	"HOST is  --rules FILE --world FILE  or  --state FILE [--rules FILE]; diff and lint, too, "
	"take\n"
	"a --state for the --world, and then do without OLD or RULES: those are its own\n"
	"\n"
	"  run      one line for each packet of a capture, and a summary; pcap or pcapng, of\n"
	"           Ethernet, raw IP or Linux cooked (`tcpdump -i any`); - is standard input\n"
	"  explain  one packet: all that was asked on the way, which rules nearly matched, and on\n"
	"           which fields the answer depended. PACKET is\n"
	"             tcp|udp SRC:PORT DST:PORT [syn|syn-ack|ack|fin|rst]\n"
	"                            made up; of tcp the first of a connection, or with flags\n"
	"             hex BYTES...   a frame in hexadecimal digits; - is standard input\n"
	"             packet N CAPTURE   the Nth, after those before it have been decided\n"
	"  generate a capture (pcapng) of packets at the edges of each rule, for --write, and on\n"
	"           standard output the answers to them, as `run -j` prints them; `run --expect` "
	"then\n"
	"           tests other rules against both. Without a world one is made up of what the\n"
	"           rules name, which --write-world keeps\n"
	"  diff     which packets two files of rules answer otherwise: of a capture; or of all "
	"that\n"
	"           there can be, in a world, or without one by the rules alone\n"
	"  lint     rules that decide nothing, that change nothing, that contradict each other; "
	"in\n"
	"           a world also listeners that lack, own addresses that are let in to, and "
	"whether\n"
	"           ssh gets in. Exit status 3 where there is more than notes\n"
	"\n"
	"  -r, --rules FILE     rules, one a line, as `ifw apply` takes them\n"
	"  -w, --world FILE     what the kernel would know: interfaces, addresses, sockets\n"
	"  -S, --state FILE     instead of both, what `ifw snapshot` wrote of a live host; with\n"
	"                       --rules, these rules in place of its own\n"
	"  -i, --in IFACE       interface that the packets come in by\n"
	"  -o, --out IFACE      interface that they leave by, instead; without either, the "
	"capture\n"
	"                       tells (pcapng, Linux cooked), or it is the first interface, and "
	"what\n"
	"                       has its Ethernet address ('mac' in a world) for source leaves\n"
	"                       (of explain: a packet of no capture comes in by the only one)\n"
	"  -e, --expect REASON  of explain: exit with 3 where the reason, or with pass or drop "
	"the\n"
	"                       verdict, is another one\n"
	"      --expect FILE    of run: answers as `run -j` or generate printed them; exit with 3 "
	"at\n"
	"                       the first packet that is answered otherwise\n"
	"      --expect WHAT    of diff: none or some; exit with 3 where it is not so\n"
	"  -s, --summary        of run the summary alone, on standard output\n"
	"      --write FILE     capture of what passes;  --write-dropped FILE  of what does not\n"
	"  -j, --json           JSON, one object a line\n"
	"  -h, --help           this text\n"
	"  -V, --version        version\n"
	"\n"
	"A world file:\n"
	"  interface eth0 index 2 address 172.16.240.1/24 address 172.16.240.9/24\n"
	"  interface eth1 addresses unknown mac 02:00:00:00:00:01\n"
	"  interface eth2 no settings      interface tun0 link raw\n"
	"  set eth0 ssh on|off             set eth0 echo on|off\n"
	"  set eth0 verbose on|off|N       set eth0 mark VALUE mask MASK\n"
	"  set eth0 geneve on|off          set eth0 geneve from PREFIX[,PREFIX]...\n"
	"  set eth0 pass-protocol N[,N]... set eth0 pass-ethertype 0xN[,0xN]... (or none)\n"
	"  socket tcp listen 127.0.0.1:43321 [reuseport] [v6only]\n"
	"  socket tcp established|syn-sent|syn-recv|time-wait LOCAL REMOTE [reuseport]\n"
	"  socket udp bound LOCAL [reuseport] [v6only]\n"
	"  socket udp connected LOCAL REMOTE\n"
	"  set eth0 track on|off           set eth0 egress-default pass|deny\n"
	"  set eth0 named-rules on|off     (on: of rules, only those that say `on eth0` hold)\n"
	"  track pick-up|liberal on|off    track timeout STATE SECONDS    track flows N\n"
	"  flow tcp|udp ORIGINAL REPLY [state STATE] [idle SECONDS] [forwarded] [no-peer] "
	"[came-in]\n"
	"  flow icmp ADDRESS ADDRESS id N [...]\n"
	"  after packet 3: socket tcp established LOCAL REMOTE     (also close, set, track, wait)\n"
	"  kernel 6.1\n"
	"\n"
	"Exit status: 0 done, 1 usage or bad input, 2 the system refused, 3 not what --expect "
	"said.\n";

static int usage_error(const char *what)
{
	return cmd_fail(STATUS_BAD_INPUT, "%s (" PROGRAM " --help says more)", what);
}

enum long_option {
	OPTION_WRITE = 256, /* behind all letters */
	OPTION_WRITE_DROPPED,
	OPTION_WRITE_WORLD,
};

/* 0 to go on, otherwise 1 + the status to exit with. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"rules", required_argument, NULL, 'r'},
		{"world", required_argument, NULL, 'w'},
		{"state", required_argument, NULL, 'S'},
		{"in", required_argument, NULL, 'i'},
		{"out", required_argument, NULL, 'o'},
		{"expect", required_argument, NULL, 'e'},
		{"json", no_argument, NULL, 'j'},
		{"summary", no_argument, NULL, 's'},
		{"write", required_argument, NULL, OPTION_WRITE},
		{"write-dropped", required_argument, NULL, OPTION_WRITE_DROPPED},
		{"write-world", required_argument, NULL, OPTION_WRITE_WORLD},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{},
	};
	int option;

	while ((option = getopt_long(argc, argv, "r:w:S:i:o:e:jshV", longs, NULL)) != -1) {
		switch (option) {
		case 'r':
			if (options->rules_after)
				return 1 + usage_error("--rules is given twice at most");
			if (options->rules)
				options->rules_after = optarg;
			else
				options->rules = optarg;
			break;
		case 'w':
			options->world = optarg;
			break;
		case 'S':
			options->state = optarg;
			break;
		case 'i':
			options->in = optarg;
			break;
		case 'o':
			options->out = optarg;
			break;
		case 'e':
			options->expect = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 's':
			options->summary = true;
			break;
		case OPTION_WRITE:
			options->write = optarg;
			break;
		case OPTION_WRITE_DROPPED:
			options->write_dropped = optarg;
			break;
		case OPTION_WRITE_WORLD:
			options->write_world = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 1 + cmd_finish(STATUS_DONE);
		case 'V':
			puts(PROGRAM " " IFW_VERSION);
			return 1 + cmd_finish(STATUS_DONE);
		default: /* getopt has said it */
			return 1 + STATUS_BAD_INPUT;
		}
	}
	options->args = argv + optind;
	options->count = argc - optind;
	return 0;
}

static bool is_stdin(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

static int run_generate(const struct options *options)
{
	int status;

	if ((!options->rules && !options->state) || !options->write)
		return usage_error("generate needs --rules or --state, and --write");
	if (options->rules_after)
		return usage_error("two --rules go with diff");
	if (options->count)
		return usage_error("generate takes no further words");
	if (options->world && options->state)
		return usage_error("a host is --world or --state");
	if ((options->world || options->state) && options->write_world)
		return usage_error("a world is given or made up: --world or --write-world");
	if (options->in || options->out || options->expect || options->summary ||
	    options->write_dropped)
		return usage_error("generate has --rules, --world, --state, --write and "
				   "--write-world");
	if (is_stdin(options->rules) + is_stdin(options->world) + is_stdin(options->state) > 1)
		return usage_error("standard input can be read only once");
	status = cmd_check_outputs(options);
	return status ? status : cmd_generate(options);
}

/* A state has rules already: then the old ones, or those to look at, may be left out. */
static int run_diff(const struct options *options)
{
	const bool capture = options->rules;
	const int old = options->state ? 0 : 1;
	int stdins = is_stdin(options->world) + is_stdin(options->state) +
		     is_stdin(options->rules) + is_stdin(options->rules_after);

	for (int i = 0; i < options->count; i++)
		stdins += is_stdin(options->args[i]);
	if (stdins > 1)
		return usage_error("standard input can be read only once");
	if (options->world && options->state)
		return usage_error("a host is --world or --state");
	if (options->summary || options->write || options->write_dropped || options->write_world)
		return usage_error("diff has --rules, --world, --state, --in, --out, --json and "
				   "--expect");
	if (options->expect && strcmp(options->expect, "none") != 0 &&
	    strcmp(options->expect, "some") != 0)
		return usage_error("diff has --expect none or --expect some");
	if (options->in && options->out)
		return usage_error("a packet comes in or leaves: --in or --out");
	if (capture ? options->count != 1 || (!options->rules_after && !options->state)
		    : options->count > 2 || options->count < 1 + old)
		return usage_error("diff is given OLD NEW, or --rules OLD --rules NEW CAPTURE");
	if (capture && !options->world && !options->state)
		return usage_error("diff with a capture needs a --world");
	if (!capture && (options->in || options->out))
		return usage_error("--in and --out go with a capture");
	return capture ? cmd_diff_capture(options) : cmd_diff(options);
}

static int run_lint(const struct options *options)
{
	const char *const path = options->count ? options->args[0] : NULL;

	if (options->count > 1 || (!path && !options->state))
		return usage_error("lint needs one file of rules");
	if (options->rules || options->in || options->out || options->summary || options->write ||
	    options->write_dropped || options->write_world || options->expect)
		return usage_error("lint RULES has --world, --state and --json");
	if (options->world && options->state)
		return usage_error("a host is --world or --state");
	if (is_stdin(options->world) + is_stdin(options->state) + is_stdin(path) > 1)
		return usage_error("standard input can be read only once");
	return cmd_lint(options);
}

static int run_command(const char *command, struct options *options)
{
	bool run = strcmp(command, "run") == 0;
	const char *capture;
	int status;

	if (strcmp(command, "help") == 0) { /* as of ifw; there is one page for all */
		fputs(help, stdout);
		return cmd_finish(STATUS_DONE);
	}
	if (strcmp(command, "generate") == 0)
		return run_generate(options);
	if (strcmp(command, "diff") == 0)
		return run_diff(options);
	if (strcmp(command, "lint") == 0)
		return run_lint(options);
	if (!run && strcmp(command, "explain") != 0)
		return cmd_fail(STATUS_BAD_INPUT,
				"there is no command '%s' (" PROGRAM " --help says more)", command);
	if (options->world && options->state)
		return usage_error("a host is --world or --state");
	if (!options->state && (!options->rules || !options->world))
		return usage_error("--rules and --world are needed, or --state");
	if (options->rules_after)
		return usage_error("two --rules go with diff");
	if (options->write_world)
		return usage_error("--write-world goes with generate");
	if (!run && (options->summary || options->write || options->write_dropped))
		return usage_error("--summary, --write and --write-dropped go with run");
	if (options->in && options->out)
		return usage_error("a packet comes in or leaves: --in or --out");
	if (run && options->count != 1)
		return usage_error("run needs one capture");
	if (!run && options->count == 0)
		return usage_error("explain needs a packet");
	/* The last word of both is where a packet comes from. */
	capture = options->args[options->count - 1];
	if (is_stdin(options->rules) + is_stdin(options->world) + is_stdin(options->state) +
		    is_stdin(capture) + (run && is_stdin(options->expect)) >
	    1)
		return usage_error("standard input can be read only once");
	status = cmd_check_outputs(options);
	if (status)
		return status;
	return run ? cmd_run(options) : cmd_explain(options);
}

int main(int argc, char **argv)
{
	struct options options = {};
	static char name[] = PROGRAM;
	int status;

	argv[0] = name; /* getopt's messages start with it */
	status = parse_options(argc, argv, &options);
	if (status)
		return status - 1;
	if (options.count == 0)
		return usage_error("run, explain, generate, diff or lint?");
	options.args++;
	options.count--;
	return run_command(options.args[-1], &options);
}
