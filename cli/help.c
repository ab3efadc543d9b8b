/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * help.c - the pages of `ifw help`. Each fits a small terminal, and has an
 * example that works as it stands.
 */
#include <string.h>

#include "cli.h"
#include "args.h"
#include "help.h"
#include "nearest.h"

static const struct page {
	const char *topic;
	const char *text;
} pages[] = {
	{"up",
	 "ifw up IFACE...    put the program on the interfaces, make what interception needs\n"
	 "\n"
	 "  --hook tcx|clsact    where to attach (default: tcx where the kernel has it)\n"
	 "  --mark V --mask M    bits of the packet mark that ifw uses (default 0x20/0x20)\n"
	 "  --table T            routing table of the policy route (default 7100)\n"
	 "  --rules FILE         put these rules in force first, in place of those there are\n"
	 "  --max-ranges N       room for rules, fixed when the first interface comes up\n"
	 "  --max-prefixes N     room for different prefixes, likewise\n"
	 "  --rule-counters off  do not count packets and bytes of each rule, likewise\n"
	 "  --track on|off       remember what leaves, so that its answers pass (default: on,\n"
	 "                       or as it was)\n"
	 "  --max-flows N        room for so many flows (default 65536, at least 1024); it can\n"
	 "                       be changed only while no interface has tracking on\n"
	 "\n"
	 "  --confirm SECONDS    undo it all unless confirmed in time: by Enter, or 'ifw confirm'\n"
	 "\n"
	 "Run again, it records the addresses that the interface has now. Typed in an ssh session\n"
	 "that it would cut, it does nothing and says so.\n"
	 "\n"
	 "  ifw up eth0 eth1 --rules /etc/ifw.rules\n"},
	{"confirm",
	 "ifw confirm           what 'ifw up --confirm SECONDS', or ifw run's, tries stays\n"
	 "ifw confirm --undo    it is undone now\n"
	 "\n"
	 "Who waits for it lives on when the terminal or the ssh session ends, or 'ifw run' does:\n"
	 "not confirmed in time, interfaces, settings and rules are as they were before.\n"
	 "What others did meanwhile, with 'ifw rule add' or zfw for instance, stays.\n"
	 "\n"
	 "  ifw up eth0 --confirm 60; ifw confirm\n"},
	{"down",
	 "ifw down IFACE...    take the program off, and the policy route with it; rules stay\n"
	 "ifw down --all       all interfaces, all rules, everything ifw put there\n"
	 "\n"
	 "  ifw down eth0\n"},
	{"rule",
	 "ifw rule add [--replace] RULE    add one; --replace: in place of one of equal match\n"
	 "ifw rule del RULE                remove the one of equal match\n"
	 "ifw rule list [--no-counters]    all, in order, as 'ifw apply -' reads them\n"
	 "ifw rule flush                   remove all\n"
	 "\n"
	 "RULE, in words or quoted as one:\n"
	 "  intercept tcp|udp to PREFIX port LOW[-HIGH] via [ADDR:]PORT\n"
	 "  pass      tcp|udp to PREFIX port LOW[-HIGH]\n"
	 "  deny      tcp|udp to PREFIX port LOW[-HIGH]\n"
	 "  egress pass|deny tcp|udp to PREFIX port LOW[-HIGH]    for what leaves\n"
	 "and for each of them, where wanted: from PREFIX, on IFACE[,IFACE...], service LABEL\n"
	 "\n"
	 "The match (protocol, prefixes, ports, interfaces) is what tells rules apart. The\n"
	 "longest destination decides, then the longest source, then who came first.\n"
	 "\n"
	 "A rule that has decided packets is listed with their number behind it, as a\n"
	 "comment, which is skipped when the list is read back; --no-counters leaves it\n"
	 "away. Packets of connections that are there already pass before the rules, and\n"
	 "count for none. A rule counts on where 'ifw apply' brings a set that has it, too;\n"
	 "what --replace puts in its place starts at 0.\n"
	 "\n"
	 "  ifw rule add intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321\n"},
	{"apply",
	 "ifw apply FILE|-    put the rules of a file in force, at once, in place of all others\n"
	 "\n"
	 "One rule a line ('ifw help rule'); # begins a comment. One error, and nothing changes.\n"
	 "\n"
	 "  ifw apply /etc/ifw.rules\n"},
	{"check",
	 "ifw check FILE|-    read rules as 'ifw apply' would, and say what is wrong with them\n"
	 "\n"
	 "Needs no privilege and changes nothing. Exit status 1 where there are errors.\n"
	 "\n"
	 "  ifw check /etc/ifw.rules\n"},
	{"iface",
	 "ifw iface show [-j] [IFACE]              state, settings and addresses\n"
	 "ifw iface set IFACE ssh on|off           ssh to this host passes without a rule\n"
	 "ifw iface set IFACE echo on|off          echo requests to this host pass\n"
	 "ifw iface set IFACE verbose on|off|N     events for 'ifw monitor': each, none, every "
	 "Nth\n"
	 "ifw iface set IFACE named-rules on|off   on: rules hold there that name it, no others\n"
	 "ifw iface set IFACE geneve on|off|from PREFIX,...\n"
	 "                                         outer headers of GENEVE are removed\n"
	 "ifw iface set IFACE pass-protocol N,...|none|all\n"
	 "                                         IP protocols that pass beside TCP and UDP\n"
	 "ifw iface set IFACE pass-ethertype T,...|none\n"
	 "                                         EtherTypes that pass beside IP and ARP\n"
	 "ifw iface set IFACE track on|off         what leaves is remembered, and its answers "
	 "pass\n"
	 "ifw iface set IFACE egress-default pass|deny\n"
	 "                                         what no egress rule decides leaves, or does "
	 "not\n"
	 "\n"
	 "  ifw iface set eth0 echo on\n"},
	{"flow",
	 "ifw flow list [-j] [tcp|udp|icmp|icmpv6] [PREFIX]     what left or was let in\n"
	 "ifw flow flush [-j] [tcp|udp|icmp|icmpv6] [PREFIX]    forget it\n"
	 "ifw flow show [-j]                                    settings, for all interfaces\n"
	 "ifw flow set timeout STATE SECONDS|default            forgotten after so long\n"
	 "ifw flow set pick-up on|off    TCP connections that are older than ifw are taken up\n"
	 "ifw flow set windows on|off    TCP segments outside the windows are no answers\n"
	 "                               (windows off is 'liberal on' in world files)\n"
	 "ifw flow set default           all of these as they were at first\n"
	 "\n"
	 "Of both ends one lies in PREFIX. ANSWERS of TO pass: 'in', as FROM's packets left;\n"
	 "'out', whatever the egress rules are, as FROM's were let in. AGE is since the first\n"
	 "packet, LEFT is the time until the flow is forgotten unless something of it comes.\n"
	 "Timeouts hold from the next packet. How much room there is, 'ifw up --max-flows' says.\n"
	 "A quarter of it is for new and half-open flows, one for replied ones (UDP that was\n"
	 "answered and goes on after 2 s, pings), half for TCP connections; in each the one\n"
	 "not seen for longest goes first.\n"
	 "\n"
	 "  ifw flow list udp 192.168.1.0/24\n"},
	{"stats",
	 "ifw stats [-j] [--rules] [IFACE]      packets by reason and verdict, since it came up\n"
	 "ifw stats --watch [SECONDS] [IFACE]    rates by reason and by rule, live (default: 2)\n"
	 "ifw stats --prometheus [--output FILE]  all of it, for a textfile collector\n"
	 "\n"
	 "  --rules        what each rule has decided, too\n"
	 "  --count N      end a watch after N times\n"
	 "  --output FILE  put FILE there at once, so that nobody reads a part\n"
	 "\n"
	 "--watch shows in one place on a terminal until Ctrl-C, else one block below the other.\n"
	 "\n"
	 "  ifw stats eth0\n"},
	{"monitor",
	 "ifw monitor [-j | --pcap FILE] [FILTER...]    decisions as they are made, one a line\n"
	 "\n"
	 "  --count N              end after N that were shown\n"
	 "  --pcap FILE|-          the packets in place of lines, as pcapng; what became of each,\n"
	 "                         and by which rule, is its comment\n"
	 "  --snaplen BYTES        of each packet so much (default: all of it)\n"
	 "\n"
	 "FILTER:\n"
	 "  --reason NAME[,...]    one of these reasons    --verdict pass|drop\n"
	 "  --iface IFACE[,...]    in or out by one of these; --in, --out: that way alone\n"
	 "  --rule 'RULE'          decided by it, as 'ifw rule list' has it\n"
	 "  --service LABEL        decided by a rule with this label\n"
	 "  tcp|udp|icmp|icmpv6    this protocol           PREFIX    one of both ends lies in it\n"
	 "\n"
	 "Interfaces with verbose on send events, and those named by --iface, --in, --out; where\n"
	 "none is verbose, all do while this runs. With -j, time_ns is CLOCK_MONOTONIC.\n"
	 "\n"
	 "  ifw monitor --iface eth0 --verdict drop\n"},
	{"doctor",
	 "ifw doctor [-j] [--fix] [IFACE...]    what makes interception fail without a word\n"
	 "\n"
	 "A line for each check of this host and of the interfaces (default: all that are up):\n"
	 "ok, warning, FAILED, or 'not seen' where it could not be looked at. Below what is not\n"
	 "ok stands why it matters, and the command that mends it.\n"
	 "\n"
	 "  --fix    run the commands that mend what is ifw's own: policy rules and routes, own\n"
	 "           addresses, programs that were taken off, the BPF file system; settings of\n"
	 "           others are left to you\n"
	 "\n"
	 "Exit status 3 where something failed, else 2 where something could not be looked at;\n"
	 "warnings alone are 0, and 1 is for a name that no interface has. docs/doctor.md says\n"
	 "more of each check.\n"
	 "\n"
	 "  ifw doctor eth0\n"},
	{"explain",
	 "ifw explain [-j] [--in IFACE | --out IFACE] [--expect REASON|pass|drop]\n"
	 "            tcp|udp SRC:PORT DST:PORT [syn|syn-ack|ack|fin|rst] | hex BYTES... |\n"
	 "            packet N CAPTURE\n"
	 "\n"
	 "What becomes of a packet on this host now, and why: the decision itself is asked, of "
	 "what\n"
	 "'ifw snapshot' takes. A last line 'but' for each thing that would defeat it outside the\n"
	 "program: the policy route, a listener without IP_TRANSPARENT, rp_filter,\n"
	 "src_valid_mark, forwarding, another program before this one, an interface that is\n"
	 "down, IPv6 switched off, rules of nftables or iptables-nft that what is intercepted\n"
	 "meets (those that ask for its source apart). No packet is sent.\n"
	 "\n"
	 "  hex BYTES...        a frame in hexadecimal digits, also as tcpdump -xx prints it\n"
	 "  packet N CAPTURE    the Nth of a pcap or pcapng, after those before it have been\n"
	 "                      decided; - in place of BYTES or CAPTURE is standard input\n"
	 "\n"
	 "  --in IFACE         it comes in by this one (default: the one that is up; of a\n"
	 "                     capture, where it says that the packet was)\n"
	 "  --out IFACE        it leaves by this one\n"
	 "  --expect REASON    exit with 3 where the reason (or the verdict: pass, drop) is\n"
	 "                     another, or something defeats it\n"
	 "\n"
	 "  ifw explain --in eth0 tcp 10.1.1.1:5000 10.2.2.2:80\n"},
	{"snapshot",
	 "ifw snapshot    all that a decision asks of this host, as JSON: rules, settings and\n"
	 "                addresses of interfaces, sockets, tracked flows\n"
	 "\n"
	 "ifw-sim answers from it elsewhere, without privilege, for just this host. It names the\n"
	 "addresses and ports of every TCP and UDP socket and of every flow; not who they belong\n"
	 "to, nor what was sent.\n"
	 "\n"
	 "  ifw snapshot > state.json && ifw-sim --state state.json --in eth0 explain \\\n"
	 "    tcp 10.1.1.1:5000 10.2.2.2:80\n"},
	{"upgrade",
	 "ifw upgrade    put the programs of this ifw in place of those that are in force\n"
	 "\n"
	 "For after another version was installed; the package does it. Traffic goes on, and\n"
	 "rules, settings, tracked flows and counters stay. Where the state has another layout\n"
	 "(ABI) it is made anew beside the former, and changed for it at the end; then what is\n"
	 "counted in the moments between is missing in the counters, and of datagrams in\n"
	 "fragments those under way are lost. 'ifw up' does the same where it meets a former\n"
	 "layout.\n"
	 "\n"
	 "  ifw upgrade\n"},
	{"run",
	 "ifw run [--config FILE]            keep interfaces and rules as a file says\n"
	 "ifw run --check [--config FILE]    only look for errors; needs no privilege\n"
	 "ifw run --confirm SECONDS [--config FILE]\n"
	 "                                   undo it, and end with status 3, unless 'ifw\n"
	 "                                   confirm' comes in time; SIGINT undoes it at once\n"
	 "\n"
	 "It stays in the foreground; packaging/ifw.service runs it from systemd. Typed in an ssh\n"
	 "session that it would cut, it does nothing and says so.\n"
	 "\n"
	 "  --config FILE    default: /etc/ifw/ifw.conf. A line a setting:\n"
	 "\n"
	 "  interface NAME|PATTERN [SETTING VALUE]...\n"
	 "                       attach it whenever it is there; settings as 'ifw iface set'\n"
	 "                       has them. Of several lines that fit each holds, later ones\n"
	 "                       before earlier. lo must be named\n"
	 "  rules FILE           default: /etc/ifw/ifw.rules\n"
	 "  saved FILE           of 'ifw save'; default: /var/lib/ifw/saved.rules\n"
	 "  boot closed|open     rules no good, and none in force: attach without (default),\n"
	 "                       or attach nothing and end with status 1\n"
	 "  stop keep|down       at its end: all stays in force (default), or nothing does\n"
	 "  hook, mark, mask, table, track, max-ranges, max-prefixes, rule-counters,\n"
	 "  max-flows            as the options of 'ifw up'\n"
	 "\n"
	 "SIGHUP reads the files again: all of them hold, or what was in force stays. The\n"
	 "file's rules are replaced, those made by commands stay. What a command took down\n"
	 "stays down until SIGHUP, or until the interface is made anew.\n"
	 "\n"
	 "  ifw run --config /etc/ifw/ifw.conf\n"},
	{"save",
	 "ifw save [--config FILE]    rules made by commands, and by zfw, for after the next boot\n"
	 "\n"
	 "Those that are in force and are not of the administrator's file, in place of what was\n"
	 "saved before. 'ifw run' puts them in force where none are (after a boot); of two with\n"
	 "the same match the file's holds, and that is said.\n"
	 "\n"
	 "  --config FILE    says where they go: 'saved FILE' (default: as 'ifw run')\n"
	 "\n"
	 "  ifw save\n"},
	{"complete",
	 "ifw complete WORD...    what may stand in place of the last word, one a line\n"
	 "\n"
	 "For shells; the completion of bash asks it.\n"
	 "\n"
	 "  ifw complete iface set eth0 ''\n"},
	{"help", "ifw help [OBJECT]    this, or the page of an object\n"
		 "\n"
		 "  ifw help rule\n"},
};
#define PAGES (sizeof(pages) / sizeof(pages[0]))

static const char overview[] =
	"ifw - interception firewall: flows that match a rule go to a local transparent proxy\n"
	"\n"
	"usage: ifw [-n NETNS] [--pin-dir DIR] [-j] OBJECT [COMMAND] ...\n"
	"\n"
	"  up IFACE...                   start on interfaces     ifw up eth0\n"
	"  confirm                       keep what is tried      ifw up eth0 --confirm 60\n"
	"  down IFACE...|--all           stop, leave no trace    ifw down --all\n"
	"\n"
	"  rule add|del|list|flush       one rule, or all        ifw rule add pass udp to\n"
	"                                                          192.168.3.0/24 port 5-7\n"
	"  apply FILE|-                  replace all rules       ifw apply /etc/ifw.rules\n"
	"  check FILE|-                  only look for errors    ifw check /etc/ifw.rules\n"
	"\n"
	"  iface show|set                state and settings      ifw iface set eth0 ssh off\n"
	"  flow list|flush|show|set      tracked flows           ifw flow list udp\n"
	"  stats [IFACE]                 packets by reason       ifw stats eth0\n"
	"  monitor                       decisions, live         ifw monitor --count 10\n"
	"\n"
	"  run                           keep all that so         ifw run --config FILE\n"
	"  save                          rules for the next boot  ifw save\n"
	"\n"
	"  doctor [IFACE...]             what is in the way      ifw doctor --fix\n"
	"  explain PACKET                one packet, and why     ifw explain --in eth0 tcp\n"
	"                                                          10.1.1.1:5000 10.2.2.2:80\n"
	"  snapshot                      this host for ifw-sim   ifw snapshot > state.json\n"
	"\n"
	"  upgrade                       this version in place   ifw upgrade\n"
	"                                  of one in force\n"
	"\n"
	"  complete WORD...              words for a shell       ifw complete rule ''\n"
	"  help [OBJECT]                 more about one          ifw help rule\n"
	"\n"
	"  -j, --json       JSON on stdout (rule list, iface show, flow list, flow show,\n"
	"                   flow flush, stats, monitor, explain, doctor; snapshot is JSON anyway)\n"
	"  -n, --netns NETNS\n"
	"                   in that network namespace: a name that 'ip netns' lists, a path,\n"
	"                   or the number of a process in it\n"
	"  --pin-dir DIR    where the state is pinned (default: /sys/fs/bpf/ifw, or\n"
	"                   /sys/fs/bpf/ifw-INODE in a network namespace of its own)\n"
	"  --version\n"
	"\n"
	"Exit status: 0 done, 1 what was typed is wrong, 2 the system refused, 3 explained, and "
	"not\n"
	"what --expect said, not confirmed in time (--confirm), or 'ifw doctor' found something\n"
	"that fails.\n"
	"Called as zfw, map_update or map_delete_elem it takes the options of those.\n";

static const struct page *find_page(const char *topic, size_t len)
{
	for (size_t i = 0; i < PAGES; i++)
		if (strlen(pages[i].topic) == len && strncmp(pages[i].topic, topic, len) == 0)
			return &pages[i];
	return NULL;
}

const char *help_topic(const char *command)
{
	const struct page *page = find_page(command, strcspn(command, " "));

	return page ? page->topic : "help";
}

const char *help_topic_at(size_t n)
{
	return n < PAGES ? pages[n].topic : NULL;
}

const char *help_text(const char *topic)
{
	const struct page *page = topic ? find_page(topic, strlen(topic)) : NULL;

	return page ? page->text : topic ? NULL : overview;
}

bool help_print(FILE *out, const char *topic)
{
	const char *text = help_text(topic);

	if (text)
		fputs(text, out);
	return text;
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	struct nearest nearest = {0};
	char meant[NEAREST_TEXT_MAX];
	/* `ifw help rule add` is about rules too. */
	int result = args_operands(cli, argc, argv, 0, 2, "");

	if (result)
		return args_status(result);
	if (help_print(stdout, argv[optind]))
		return CLI_DONE;
	nearest.typed = argv[optind];
	for (size_t i = 0; i < PAGES; i++)
		nearest_try(&nearest, pages[i].topic);
	complain(cli, "there is no help on '%s'%s (see 'ifw help')", argv[optind],
		 nearest_text(&nearest, "", meant));
	return CLI_INPUT;
}
